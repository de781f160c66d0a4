"""How far a long command is, on one line of a terminal that is wiped at the end."""

from __future__ import annotations

import sys
import time

EVERY_SECONDS = 0.2


class Progress:
    """Says it to a person at a terminal only: a log file would fill with it."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()
        self._last = 0.0

    def say(self, line: str) -> None:
        """Show a line in place of the last one, at most five times a second."""
        now = time.monotonic()
        if self.shown and now - self._last >= EVERY_SECONDS:
            self._last = now
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def wipe(self) -> None:
        """Leave the line empty."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time that is left, in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def left(seconds: float | None) -> str:
    """An estimate as the end of a line; nothing if there is none."""
    return f", about {duration(seconds)} left" if seconds is not None and seconds >= 1 else ""
