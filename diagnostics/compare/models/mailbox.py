"""The folder through which a model worker is spoken to. Both sides use files only, each written once or only appended.

<worker>/inbox/<number>.json     one request, renamed into place; the worker takes them in order
<worker>/<number>.jsonl          its events, appended: loaded, text, done, error, result; the last one is end
<worker>/<number>.cancel         made by the asker: stop this request
<worker>/ready                   made by the worker once its libraries are imported
<worker>/console.log             whatever the worker printed
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from diagnostics.compare.models.sources import Source
from diagnostics.run.refusal import BadValue

Do = Literal["answer", "logprobs", "probe", "divergence"]


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
            raise BadValue(f"seed: {self.seed} is not between 0 and 2^63.", f"seed：{self.seed} 不在 0 到 2^63 之间。")
        if not 0 <= self.temperature <= 10:
            raise BadValue(
                f"temperature: {self.temperature} is not between 0 and 10.",
                f"temperature：{self.temperature} 不在 0 到 10 之间。",
            )
        if not 0 < self.top_p <= 1:
            raise BadValue(f"top_p: {self.top_p} is not between 0 and 1.", f"top_p：{self.top_p} 不在 0 到 1 之间。")
        if not 1 <= self.max_new_tokens <= 100_000:
            raise BadValue(
                f"max_new_tokens: {self.max_new_tokens} is not between 1 and 100,000.",
                f"max_new_tokens：{self.max_new_tokens} 不在 1 到 100,000 之间。",
            )


@dataclass(frozen=True)
class Row:
    """One answer that is asked for: by which source, to which messages, how it is drawn."""

    source: Source
    messages: tuple[dict[str, str], ...]
    sampling: Sampling


@dataclass(frozen=True)
class Request:
    """One request. `rows`: the answers wanted, or the answers that are measured; `fields`: what else a measure needs.

    `stream`: write the text as it grows, not only at its end.
    """

    do: Do
    rows: tuple[Row, ...]
    stream: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


def write_request(worker: Path, number: int, request: Request) -> None:
    """Put a request into a worker's inbox."""
    temporary = worker / f"{number}.tmp"
    # As ASCII: the name of a folder need not be UTF-8, and Python holds its other bytes as half characters.
    temporary.write_text(json.dumps(asdict(request)), encoding="ascii")
    temporary.rename(worker / "inbox" / f"{number:08d}.json")


def read_request(path: Path) -> Request:
    """The request in a file of the inbox."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    rows = tuple(
        Row(Source(**row["source"]), tuple(row["messages"]), Sampling(**row["sampling"])) for row in raw["rows"]
    )
    return Request(raw["do"], rows, raw["stream"], raw["fields"])


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
