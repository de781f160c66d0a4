"""One answer as it stands: of the side-by-side page, or a row of a prompt set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from diagnostics.compare.models.sources import Source
from diagnostics.run.refusal import told_in

State = Literal["waiting", "loading", "writing", "done", "error"]


@dataclass(frozen=True)
class Pane:
    """One source's answer as it stands.

    `stop`: `end` (the model ended), `length` (the budget did) or `cancelled`. `seconds` and `first_token_seconds`: wall
    time from the start of its batch. `load_seconds`: what opening the source cost this time, 0 if it was held.
    `special`: special tokens within the answer, which `text` leaves out. `notes`: what happened on the way, such as
    another model put out of memory.
    """

    source: Source
    state: State = "waiting"
    text: str = ""
    tokens: int = 0
    prompt_tokens: int | None = None
    seconds: float | None = None
    first_token_seconds: float | None = None
    load_seconds: float | None = None
    stop: str | None = None
    error: str | None = None
    special: int = 0
    chat_template: bool = True
    notes: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "error")

    def failed(self, reason: str) -> Pane:
        """The pane with an error; the text that came before it stays."""
        return replace(self, state="error", error=reason)

    def noted(self, note: str | None) -> Pane:
        """The pane with one more note, unless it has that note already."""
        return self if note is None or note in self.notes else replace(self, notes=(*self.notes, note))

    def after(self, event: Mapping[str, Any]) -> Pane:
        """The pane after an event of its worker."""
        kind = event["event"]
        if kind == "loaded":
            return replace(self, state="writing", load_seconds=event["seconds"])
        if kind == "text":
            return replace(self, state="writing", text=event["text"], tokens=event["tokens"])
        if kind == "error":
            return replace(self, state="error", error=told_in(event), text=event.get("text", self.text))
        if kind == "done":
            told = {name: value for name, value in event.items() if name not in ("event", "row", "budget")}
            return replace(self, state="done", **told)
        return self
