"""What one open page was sent last, so that only what changed is sent, and nothing older than the user's last word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Sent:
    """Fingerprints of the parts as the page has them. `turn`: how often the user did something; `serial`: messages sent.

    `look`: what the page looks at, by its user's events; None where that is not known. No dataclass: Gradio would keep it as a dict.
    """

    def __init__(self) -> None:
        self.turn = 0
        self.serial = 0
        self.parts: dict[str, Any] = {}
        self.look: object = None

    def forget(self) -> None:
        """Nothing that was sent can be counted on: all is sent again, and messages are counted anew."""
        self.serial = 0
        self.parts = {}

    def differs(self, name: str, fingerprint: object) -> bool:
        """Whether a part is not as the page has it."""
        return name not in self.parts or self.parts[name] != fingerprint

    def changes(self, fingerprints: Mapping[str, Any], make: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """The parts to send, made only where they differ from what was sent. A fingerprint need not have a part."""
        made = {name: make[name]() for name, mark in fingerprints.items() if name in make and self.differs(name, mark)}
        self.parts.update(fingerprints)
        return made
