"""The folder through which a model worker is spoken to. Both sides use files only, each written once or only appended.

<worker>/inbox/<number>.json     one request, renamed into place; the worker takes them in order
<worker>/<number>.jsonl          its events, appended: loaded, text, done or error
<worker>/<number>.cancel         made by the asker: stop writing this answer
<worker>/ready                   made by the worker once its libraries are imported
<worker>/console.log             whatever the worker printed
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. `temperature` 0 takes the likeliest token each time; then seed and top_p do nothing.

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    seed: int = 0
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 128

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed: {self.seed} is not between 0 and 2^63.")
        if not 0 <= self.temperature <= 10:
            raise ValueError(f"temperature: {self.temperature} is not between 0 and 10.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: {self.top_p} is not between 0 and 1.")
        if not 1 <= self.max_new_tokens <= 100_000:
            raise ValueError(f"max_new_tokens: {self.max_new_tokens} is not between 1 and 100,000.")


@dataclass(frozen=True)
class Ask:
    """One request: answer these messages with this checkpoint."""

    checkpoint: str
    messages: tuple[dict[str, str], ...]
    sampling: Sampling


def write_ask(worker: Path, number: int, ask: Ask) -> None:
    """Put a request into a worker's inbox."""
    temporary = worker / f"{number}.tmp"
    temporary.write_text(json.dumps(asdict(ask), ensure_ascii=False), encoding="utf-8")
    temporary.rename(worker / "inbox" / f"{number:08d}.json")


def read_ask(path: Path) -> Ask:
    """The request in a file of the inbox."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Ask(raw["checkpoint"], tuple(raw["messages"]), Sampling(**raw["sampling"]))


class EventTail:
    """Reads the events of one answer as they are appended; a half-written last line waits for the next call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read_new(self) -> list[dict[str, Any]]:
        """The events appended since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
