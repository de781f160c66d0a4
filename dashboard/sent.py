"""What one open page was sent last, so that only what changed is sent, and no late answer undoes a newer one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Sent:
    """Fingerprints of the parts as the page has them. `turn`: how often the user did something; answers carry theirs.

    No dataclass: Gradio would keep it as a dict.
    """

    def __init__(self) -> None:
        self.turn = 0
        self.parts: dict[str, Any] = {}

    def begun(self) -> int:
        """The turn that begins because the user did something; what is being answered before is late from here on."""
        self.turn += 1
        return self.turn

    def differs(self, name: str, fingerprint: object) -> bool:
        """Whether a part is not as the page has it."""
        return name not in self.parts or self.parts[name] != fingerprint

    def changes(
        self, turn: int, fingerprints: Mapping[str, Any], make: Mapping[str, Callable[[], Any]]
    ) -> dict[str, Any] | None:
        """The parts to send, made only where they differ; None if the answer comes too late and nothing is to be sent."""
        made = {name: make[name]() for name, mark in fingerprints.items() if name in make and self.differs(name, mark)}
        if turn != self.turn:
            return None
        self.parts.update(fingerprints)
        return made
