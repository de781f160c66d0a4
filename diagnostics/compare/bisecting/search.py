"""Finds the first checkpoint at which a check fails, by halving: the state of the search is a record that can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from diagnostics.compare.bisecting.checks import Looked
from diagnostics.compare.models.sources import Source

Kind = Literal["found", "broken-from-start", "not-broken", "nothing-told"]


@dataclass(frozen=True)
class Look:
    """One look at a checkpoint, by its place."""

    place: int
    looked: Looked


@dataclass(frozen=True)
class Outcome:
    """What the search found.

    `broken`: place of the first checkpoint known to be broken; `fine`: of the last one before it known to be fine, None
    if none is. `between`: those of which nothing could be told, among which the first broken one may be. `odd`: places
    whose verdict contradicts the search: fine after `broken` or broken before `fine`. The answers then go back and
    forth, and `broken` is one of several places where they turn.
    """

    kind: Kind
    broken: int | None = None
    fine: int | None = None
    between: tuple[int, ...] = ()
    odd: tuple[int, ...] = ()


@dataclass(frozen=True)
class BisectState:
    """How far a search is. `names`: the checkpoints in their order; `looks`: what was seen, in the order of looking."""

    names: tuple[str, ...]
    looks: tuple[Look, ...] = ()

    @property
    def seen(self) -> dict[int, bool | None]:
        """By place, whether it is broken; None of those that could not be told."""
        return {one.place: one.looked.broken for one in self.looks}

    def next(self) -> int | None:
        """The place to look at next; None when the search is over.

        First both ends, then the middle of what is left; at last the two neighbours of the find, which tell whether the
        answers turn only once.
        """
        seen = self.seen
        first = self._told(range(len(self.names)))
        if isinstance(first, Ask):
            return first.place
        last = self._told(range(len(self.names) - 1, -1, -1))
        if isinstance(last, Ask):
            return last.place
        if first is None or last is None or seen[first] or not seen[last]:
            return None
        low, high = self.range
        open_places = [place for place in range(low + 1, high) if place not in seen]
        if open_places:
            return min(open_places, key=lambda place: (abs(2 * place - low - high), place))
        for neighbours in (range(high + 1, len(self.names)), range(low - 1, -1, -1)):
            beside = self._told(neighbours)
            if isinstance(beside, Ask):
                return beside.place
        return None

    def _told(self, places: range) -> int | Ask | None:
        """The first of the places that could be told, the place to ask before that is known, or None if none can."""
        for place in places:
            if place not in self.seen:
                return Ask(place)
            if self.seen[place] is not None:
                return place
        return None

    @property
    def range(self) -> tuple[int, int]:
        """The last place known to be fine and the first known to be broken after it, as far as the halving has come.

        (-1, number of checkpoints) before the ends were seen.
        """
        low, high = -1, len(self.names)
        for one in self.looks:
            if low < one.place < high and one.looked.broken is not None:
                low, high = (low, one.place) if one.looked.broken else (one.place, high)
        return low, high

    def told(self, looked: Looked) -> BisectState:
        """The state after a look at the next place.

        Raises:
            ValueError: the search is over.
        """
        place = self.next()
        if place is None:
            raise ValueError("The search is over: there is nothing to look at.")
        return replace(self, looks=(*self.looks, Look(place, looked)))

    @property
    def outcome(self) -> Outcome | None:
        """What was found; None while the search goes on."""
        if self.next() is not None:
            return None
        seen = self.seen
        told = sorted(place for place, broken in seen.items() if broken is not None)
        if not told:
            return Outcome("nothing-told", between=tuple(sorted(seen)))
        if seen[told[0]]:
            odd = tuple(place for place in told if not seen[place])
            return Outcome("broken-from-start", told[0], None, tuple(range(told[0])), odd)
        if not seen[told[-1]]:
            odd = tuple(place for place in told if seen[place])
            return Outcome("not-broken", None, told[-1], tuple(range(told[-1] + 1, len(self.names))), odd)
        low, high = self.range
        odd = tuple(one for one in told if (one > high and not seen[one]) or (one < low and seen[one]))
        return Outcome("found", high, low, tuple(range(low + 1, high)), odd)

    def as_json(self) -> dict[str, Any]:
        """The state as plain values, for keeping."""
        return {
            "names": list(self.names),
            "looks": [
                {"place": one.place, "broken": one.looked.broken, "text": one.looked.text, "why": one.looked.why}
                for one in self.looks
            ],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> BisectState:
        """The state from plain values.

        Raises:
            ValueError: they are not those of a search, for example because the looks are in another order than a search's.
        """
        try:
            state = cls(tuple(str(name) for name in kept["names"]))
            for one in kept["looks"]:
                if one["broken"] not in (True, False, None) or state.next() != one["place"]:
                    raise ValueError("A kept search holds looks that no search would take.")
                state = state.told(Looked(one["broken"], str(one["text"]), str(one["why"])))
        except (KeyError, TypeError) as error:
            raise ValueError(f"A kept search cannot be read ({type(error).__name__}: {error}).") from error
        return state


@dataclass(frozen=True)
class Ask:
    """A place that must be looked at before more can be said."""

    place: int


def bisect(checkpoints: Sequence[Source], broken: Callable[[Source], Looked]) -> Iterator[BisectState]:
    """Search with a check that needs no person; yields the state before each look and at the end.

    A checkpoint that cannot be told (`Looked.broken` None) is passed over for a neighbour, and widens the find.
    """
    state = BisectState(tuple(one.name for one in checkpoints))
    while (place := state.next()) is not None:
        yield state
        state = state.told(broken(checkpoints[place]))
    yield state
