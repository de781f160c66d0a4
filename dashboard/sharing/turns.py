"""How much of the shared server one visitor may take at a time, so that the others get their turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dashboard.sharing.limits import JOINS_A_MINUTE, JOINS_A_MINUTE_ALL, QUEUE, STREAMS, WAITING
from dashboard.sharing.logins import Visitor
from dashboard.sharing.rates import Rates


@dataclass(frozen=True)
class Line:
    """The line of prompts before the models. `events`: the numbers of those that wait in it; `keys`: who is in it by now, by key."""

    events: frozenset[int] = frozenset()
    keys: Callable[[], list[str]] = list


@dataclass
class Turns:
    """What each visitor has open. All of it is asked on the server's one loop."""

    line: Line = Line()
    rates: Rates = field(default_factory=lambda: Rates(JOINS_A_MINUTE, JOINS_A_MINUTE_ALL))
    streams: Counter[str] = field(default_factory=Counter)
    joining: Counter[str] = field(default_factory=Counter)

    def refusal(self, visitor: Visitor, event: int) -> str:
        """Why an event is not taken now, as the end of a text's key; empty if it is. It is counted then."""
        if event in self.line.events:
            # Those that are on their way into the line are in it.
            waiting = [*self.line.keys(), *self.joining.elements()]
            if waiting.count(visitor.key) >= WAITING:
                return "waiting"
            if len(waiting) >= QUEUE:
                return "queue"
        return "events" if self.rates.take(visitor.name) else ""

    @contextmanager
    def on_its_way(self, visitor: Visitor, event: int) -> Iterator[None]:
        """An event is being handed on."""
        counted = event in self.line.events
        self.joining[visitor.key] += counted
        try:
            yield
        finally:
            self.joining[visitor.key] -= counted

    @contextmanager
    def stream(self, visitor: Visitor) -> Iterator[bool]:
        """A stream is open; whether there was room for it."""
        room = self.streams[visitor.key] < STREAMS
        self.streams[visitor.key] += room
        try:
            yield room
        finally:
            self.streams[visitor.key] -= room
            if not self.streams[visitor.key]:
                del self.streams[visitor.key]
