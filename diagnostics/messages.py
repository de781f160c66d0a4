"""What a run's console says: the lines that a known sentence stands in, with those around them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnostics.finding import TextEvidence
from diagnostics.postmortem.console import console_of
from diagnostics.run import Run

AROUND = 6
WIDEST = 400


@dataclass(frozen=True)
class Message:
    """One line of a console that says what is looked for: its file, the line, and the lines around it."""

    file: str
    line: str
    match: re.Match[str]
    around: tuple[str, ...]

    @property
    def evidence(self) -> TextEvidence:
        """The lines as evidence."""
        return TextEvidence(self.file, self.around)


def has_console(run: Run) -> bool:
    """Whether there is any line of a console."""
    return bool(console_of(run).lines)


def find(run: Run, pattern: re.Pattern[str]) -> Message | None:
    """The last line of a run's console that matches; None if there is none."""
    console = console_of(run)
    if not pattern.search(console.text):
        return None
    for place in range(len(console.lines) - 1, -1, -1):
        match = pattern.search(console.lines[place].text)
        if match:
            around = tuple(line.raw[:WIDEST] for line in console.lines[max(0, place - AROUND) : place + 2])
            return Message(console.name, console.lines[place].text, match, around)
    return None
