"""What the search for a fit finds: ways of several steps, each a fix with its saving and its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diagnostics.finding import Edit, Fix
from diagnostics.memory.levers import GROUPS, MONOTONE, Lever
from diagnostics.memory.prices import PRICES
from diagnostics.memory.records import Estimate
from diagnostics.memory.resolve import Question


@dataclass(frozen=True)
class Step:
    """One change on the way: its fix, what it saves on top of those before it (bytes), what it costs."""

    lever: Lever
    fix: Fix
    saved: int
    after: int
    measured: bool


@dataclass(frozen=True)
class Option:
    """One way to fit: the steps in order, all of them as one fix, the estimate with all, the sums of the prices."""

    steps: tuple[Step, ...]
    fix: Fix
    question: Question
    estimate: Estimate
    time: float
    quality: float


@dataclass(frozen=True)
class Plan:
    """What the search found. `base`: the estimate of what was asked. `options`: cheapest first; none if nothing fits.

    `closest`: where nothing fits, the least that was estimated. `estimates`, `candidates`: how many were made and looked at.
    `complete`: False where nothing was found before the most estimates that it may make were made.
    `untraced`: why some changes have the closed form's answer instead of the trace's.
    """

    base: Estimate
    options: tuple[Option, ...]
    closest: Estimate | None
    estimates: int
    candidates: int
    complete: bool
    untraced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A choice of levers: for each group of `GROUPS` the place of the one taken, 0 for none."""

    places: tuple[int, ...]
    levers: tuple[Lever, ...]

    @property
    def order(self) -> tuple[float, float, int]:
        """What is learned first, then time, then as few changes as can be."""
        return (
            round(sum(one.quality for one in self.levers), 6),
            round(sum(one.time for one in self.levers), 6),
            len(self.levers),
        )

    def weaker(self, other: Candidate) -> bool:
        """Whether the other does all that this one does, and more: where the other is too large, this one is."""
        return all(
            own <= others if group in MONOTONE else own == others
            for group, own, others in zip(GROUPS, self.places, other.places, strict=True)
        )

    def apart(self, other: Candidate) -> int:
        """In how many groups two choices differ."""
        return sum(own != others for own, others in zip(self.places, other.places, strict=True))


def edits(before: Question, after: Question) -> tuple[Edit, ...]:
    """What one question's config was changed by into another's, in the names that the config uses; None takes one out."""
    names = dict.fromkeys((*after.config, *before.config))
    return tuple(
        Edit(before.spoken.get(name, name), before.config.get(name), after.config.get(name))
        for name in names
        if before.config.get(name) != after.config.get(name)
    )


def new_value(made: tuple[Edit, ...]) -> Any:
    """The value that a fix's sentence names: that of its first edit."""
    return made[0].new if made else None


def reasons(lever: Lever) -> tuple[str, str]:
    """Why a lever is priced as it is: time and quality."""
    return PRICES[lever.key].time.source, PRICES[lever.key].quality.source
