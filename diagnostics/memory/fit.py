"""The search for the cheapest changes of a config that make it fit a device, what is learned kept the same where it can be."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from diagnostics.finding import Edit, Fix
from diagnostics.memory import formula
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.levers import GROUPS, MONOTONE, Lever, levers
from diagnostics.memory.prices import PRICES
from diagnostics.memory.records import Asked, Cancelled, Estimate, MemoryUnknown
from diagnostics.memory.resolve import Question
from diagnostics.memory.verdict import verdict

MOST_ESTIMATES = 14  # of a whole search: at 3 to 5 seconds each it ends within a minute
MOST_CANDIDATES = 6000
OPTIONS = 2  # ways to fit that are offered
SMALL = 0.01  # of the peak: a line of the bill below it is not worth a change
# How far the formula, corrected by a real estimate so many levers away, may be wrong. Ours: generous, for what is passed over
# is never looked at again.
SLACK, SLACK_A_LEVER = 0.05, 0.06

Estimator = Callable[[Asked], Estimate]
Progress = Callable[[int, int, str], None]


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


class Search:
    """One search: the question, what was estimated already, and the formula corrected by it."""

    def __init__(
        self, question: Question, estimate: Estimator, progress: Progress | None, cancelled: Callable[[], bool] | None
    ) -> None:
        device = question.asked.device
        if device is None:
            raise AskedWrong("no device to fit; name one with --device or --device-gib N.")
        self.question, self.estimate, self.device = question, estimate, device
        self.progress, self.cancelled = progress, cancelled
        self.made: dict[tuple[int, ...], tuple[Candidate, Estimate]] = {}
        self.forms: dict[tuple[int, ...], int] = {}
        self.done = 0
        self.untraced: list[str] = []

    def real(self, candidate: Candidate, question: Question) -> Estimate:
        """The predictor's estimate of a candidate; each is made once.

        Raises:
            Cancelled: the caller no longer wants to know.
        """
        if candidate.places not in self.made:
            if self.cancelled and self.cancelled():
                raise Cancelled("The search was stopped.")
            if self.progress:
                self.progress(self.done, MOST_ESTIMATES, " + ".join(one.key for one in candidate.levers))
            self.made[candidate.places] = (candidate, self.known(question.asked))
            self.done += 1
        return self.made[candidate.places][1]

    def known(self, asked: Asked) -> Estimate:
        """The predictor's estimate; of what it cannot trace the closed form's, which must then fit by its own error."""
        try:
            return self.estimate(asked)
        except Cancelled:
            raise
        except MemoryUnknown as error:
            self.untraced.append(str(error))
            return formula.estimate(asked)

    def fits(self, found: Estimate) -> bool:
        """Whether an estimate fits for sure: with room for what it may be wrong by."""
        return (
            found.high <= self.device
            if found.source == "formula" and self.untraced
            else verdict(found, self.device) == "fits"
        )

    def guess(self, candidate: Candidate, question: Question) -> tuple[float, int]:
        """The formula's bytes, corrected by the nearest real estimate, and how many levers away that was."""
        nearest, known = min(self.made.values(), key=lambda one: candidate.apart(one[0]))
        if nearest.places not in self.forms:
            self.forms[nearest.places] = form(applied(self.question, nearest) or self.question)
        ratio = known.total / max(1, self.forms[nearest.places])
        return form(question) * ratio, candidate.apart(nearest)

    def hopeless(self, candidate: Candidate, base: Estimate) -> bool:
        """Whether what the levers cannot touch is too large by itself: where states dominate, no batch helps."""
        touched = frozenset().union(*(one.helps for one in candidate.levers))
        left = sum(size for line, size in base.bill.items() if line not in touched)
        beaten = any(
            candidate.weaker(other) and verdict(known, self.device) == "too-large"
            for other, known in self.made.values()
        )
        return left > self.device or beaten


def fit(
    question: Question,
    estimate: Estimator,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    most: int = MOST_ESTIMATES,
) -> Plan:
    """The cheapest changes that make a question fit its device.

    Raises:
        AskedWrong: there is no device to fit.
        Cancelled: the caller no longer wants to know.
        MemoryUnknown: nothing at all can be estimated.
    """
    search = Search(question, estimate, progress, cancelled)
    base = search.real(Candidate((0,) * len(GROUPS), ()), question)
    if search.fits(base):
        return Plan(base, (), None, search.done, 0, True)
    options: list[Option] = []
    looked, complete = 0, True
    for candidate in candidates(question, base):
        if len(options) == OPTIONS:
            break
        if options and shares_costliest(candidate, options[0]):
            continue
        looked += 1
        if search.hopeless(candidate, base):
            continue
        changed = applied(question, candidate)
        if changed is None:
            continue
        guessed, away = search.guess(candidate, changed)
        if guessed * (1 - SLACK - SLACK_A_LEVER * away) > search.device:
            continue
        if search.done >= most - len(candidate.levers):
            complete = bool(options)
            break
        found = search.real(candidate, changed)
        if search.fits(found):
            options.append(option(search, candidate, changed, found, most))
    others = [known for _, known in search.made.values() if known is not base]
    closest = None if options else min(others, key=lambda one: one.total, default=None)
    if progress:
        progress(search.done, search.done, "")
    return Plan(base, tuple(options), closest, search.done, looked, complete, tuple(dict.fromkeys(search.untraced)))


def candidates(question: Question, base: Estimate) -> list[Candidate]:
    """All choices of levers, cheapest first. A lever whose lines of the bill are next to nothing is left out."""
    peak = max(1, sum(base.bill.values()))
    groups = []
    for group, members in levers(question).items():
        useful = [one for one in members if sum(base.bill.get(line, 0) for line in one.helps) > SMALL * peak]
        if useful:
            groups.append((group, useful))
    choices: list[list[tuple[int, Lever | None]]] = [[(0, None), *enumerate(members, 1)] for _, members in groups]
    places = [GROUPS.index(group) for group, _ in groups]
    found = []
    for chosen in itertools.product(*choices):
        taken = tuple(lever for _, lever in chosen if lever is not None)
        if not taken:
            continue
        full = [0] * len(GROUPS)
        for where, (place, _) in zip(places, chosen, strict=True):
            full[where] = place
        found.append(Candidate(tuple(full), tuple(sorted(taken, key=lambda one: GROUPS.index(one.group)))))
    found.sort(key=lambda one: one.order)
    return found[:MOST_CANDIDATES]


def applied(question: Question, candidate: Candidate) -> Question | None:
    """The question with a candidate's levers pulled, in the order of their groups; None where one cannot be."""
    for lever in candidate.levers:
        try:
            changes = lever.changes(question)
            if not changes:
                return None
            question = question.changed(changes)
        except AskedWrong:
            return None
    return question


def form(question: Question) -> int:
    """The formula's bytes of a question."""
    return formula.estimate(question.asked).total


def shares_costliest(candidate: Candidate, first: Option) -> bool:
    """Whether a candidate uses the costliest change of the first option: a second way should be another way."""
    costliest = max(first.steps, key=lambda one: (one.lever.quality, one.lever.time)).lever
    return any(one.group == costliest.group for one in candidate.levers)


def option(search: Search, candidate: Candidate, changed: Question, found: Estimate, most: int) -> Option:
    """An option's steps, each with what it saves on top of those before it."""
    steps, question = [], search.question
    before = search.real(Candidate((0,) * len(GROUPS), ()), question).total
    places = [0] * len(GROUPS)
    for number, lever in enumerate(candidate.levers, 1):
        place = GROUPS.index(lever.group)
        places[place] = candidate.places[place]
        partial = Candidate(tuple(places), candidate.levers[:number])
        earlier = question.config
        question = applied(search.question, partial) or changed
        measured = number == len(candidate.levers) or partial.places in search.made or search.done < most
        after = search.real(partial, question).total if measured else int(search.guess(partial, question)[0])
        fix = Fix(lever.key, "safe" if lever.quality == 0 else "ask", edits(earlier, question.config),
                  {"saved": before - after, "time": lever.time, "quality": lever.quality})  # fmt: skip
        steps.append(Step(lever, fix, before - after, after, measured))
        before = after
    quality = sum(one.lever.quality for one in steps)
    whole = Fix("fit", "safe" if quality == 0 else "ask", edits(search.question.config, changed.config),
                {"steps": tuple(one.lever.key for one in steps), "after": found.total})  # fmt: skip
    return Option(tuple(steps), whole, changed, found, sum(one.lever.time for one in steps), quality)


def edits(before: object, after: object) -> tuple[Edit, ...]:
    """The difference of two configs as edits; an argument that is taken out becomes None."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ()
    names = dict.fromkeys((*after, *before))
    return tuple(Edit(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))


def reasons(lever: Lever) -> tuple[str, str]:
    """Why a lever is priced as it is: time and quality."""
    return PRICES[lever.key].time.source, PRICES[lever.key].quality.source
