"""The search for the cheapest changes of a config that make it fit a device, what is learned kept the same where it can be."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from diagnostics.finding import Fix
from diagnostics.memory import formula
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.levers import GROUPS, Lever, levers
from diagnostics.memory.plan import Candidate, Option, Plan, Step, edits, new_value
from diagnostics.memory.records import Asked, Cancelled, Estimate, MemoryUnknown
from diagnostics.memory.resolve import Question
from diagnostics.memory.verdict import verdict

MOST_ESTIMATES = 14  # of a whole search: at 3 to 5 seconds each it ends within a minute
MORE_ESTIMATES = 5  # for a second way, once there is one
MOST_CANDIDATES = 6000
OPTIONS = 2  # ways to fit that are offered
SMALL = 0.01  # of the peak: a line of the bill below it is not worth a change
# How far the formula, corrected by a real estimate so many levers away, may be wrong. Ours: generous, for what is passed over
# is never looked at again.
SLACK, SLACK_A_LEVER = 0.05, 0.06
SURE = 0.85  # of the device: what is guessed below it needs no estimate to be looked into

Estimator = Callable[[Asked], Estimate]
Progress = Callable[[int, int, str], None]


class Search:
    """One search: the question, what was estimated already, and the formula corrected by it."""

    def __init__(
        self, question: Question, estimate: Estimator, progress: Progress | None, cancelled: Callable[[], bool] | None
    ) -> None:
        device = question.asked.device
        if device is None:
            raise AskedWrong(
                "no device to fit; name one with --device or --device-gib N.",
                "没有要适配的设备；请用 --device 或 --device-gib N 指定。",
            )
        self.question, self.estimate, self.device = question, estimate, device
        self.progress, self.cancelled = progress, cancelled
        self.made: dict[tuple[int, ...], tuple[Candidate, Estimate]] = {}
        self.forms: dict[tuple[int, ...], int] = {}
        self.pulled: dict[tuple[int, ...], Question | None] = {}
        self.done = 0
        self.until = MOST_ESTIMATES
        self.untraced: list[str] = []

    def real(self, candidate: Candidate, question: Question) -> Estimate:
        """The predictor's estimate of a candidate; each is made once.

        Raises:
            Cancelled: the caller no longer wants to know.
        """
        if candidate.places not in self.made:
            if self.cancelled and self.cancelled():
                raise Cancelled("The search was stopped.", "搜索已停止。")
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
            self.untraced.append(error.sentence)
            return formula.estimate(asked)

    def fits(self, found: Estimate) -> bool:
        """Whether an estimate fits for sure: with room for what it may be wrong by."""
        return (
            found.high <= self.device
            if found.source == "formula" and self.untraced
            else verdict(found, self.device) == "fits"
        )

    def applied(self, candidate: Candidate) -> Question | None:
        """The question with a candidate's levers pulled; candidates share what they begin with, and it is made once."""
        question: Question | None = self.question
        places = [0] * len(GROUPS)
        for lever in candidate.levers:
            group = GROUPS.index(lever.group)
            places[group] = candidate.places[group]
            key = tuple(places)
            if key not in self.pulled:
                self.pulled[key] = pulled(question, lever) if question is not None else None
            question = self.pulled[key]
        return question

    def guess(self, candidate: Candidate, question: Question) -> tuple[float, int]:
        """The formula's bytes, corrected by the nearest real estimate, and how many levers away that was."""
        nearest, known = min(self.made.values(), key=lambda one: candidate.apart(one[0]))
        if nearest.places not in self.forms:
            self.forms[nearest.places] = form(self.applied(nearest) or self.question)
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

    def promising(self, tier: list[Candidate], base: Estimate) -> bool:
        """Whether any of the choices that change what is learned equally far can fit: asked of the one that needs least.

        Where the formula leaves that open, one real estimate of it decides over all of them.
        """
        guesses = [
            (*self.guess(candidate, changed), candidate, changed)
            for candidate in tier
            if not self.hopeless(candidate, base) and (changed := self.applied(candidate)) is not None
        ]
        if not guesses:
            return False
        least, away, candidate, changed = min(guesses, key=lambda one: one[0])
        if least * (1 - SLACK - SLACK_A_LEVER * away) > self.device:
            return False
        return least < SURE * self.device or self.fits(self.real(candidate, changed))

    def through(self, tier: list[Candidate], base: Estimate, options: list[Option], most: int) -> bool:
        """Go through choices from the cheapest to the dearest, adding those that fit; False where estimates ran out."""
        for candidate in tier:
            if len(options) == OPTIONS:
                return True
            if (options and shares_costliest(candidate, options[0])) or self.hopeless(candidate, base):
                continue
            if (changed := self.applied(candidate)) is None:
                continue
            guessed, away = self.guess(candidate, changed)
            if guessed * (1 - SLACK - SLACK_A_LEVER * away) > self.device:
                continue
            if self.done >= min(most, self.until) - len(candidate.levers) and candidate.places not in self.made:
                return bool(options)
            found = self.real(candidate, changed)
            if self.fits(found):
                options.append(option(self, candidate, changed, found, most))
                self.until = self.done + MORE_ESTIMATES
        return True


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
    for _, tier in itertools.groupby(candidates(question, base), key=lambda one: one.order[0]):
        members = list(tier)
        looked += len(members)
        if len(options) < OPTIONS and search.promising(members, base):
            complete = search.through(members, base, options, most) and complete
    complete = complete or bool(options)
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


def pulled(question: Question, lever: Lever) -> Question | None:
    """The question with one lever pulled; None where it cannot be."""
    try:
        changes = lever.changes(question)
        return question.changed(changes) if changes else None
    except AskedWrong:
        return None


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
        earlier = question
        question = search.applied(partial) or changed
        measured = number == len(candidate.levers) or partial.places in search.made or search.done < most
        after = search.real(partial, question).total if measured else int(search.guess(partial, question)[0])
        made = edits(earlier, question)
        facts = {"saved": before - after, "time": lever.time, "quality": lever.quality, "new": new_value(made)}
        fix = Fix(lever.key, "safe" if lever.quality == 0 else "ask", made, facts)
        steps.append(Step(lever, fix, before - after, after, measured))
        before = after
    quality = sum(one.lever.quality for one in steps)
    made = edits(search.question, changed)
    facts = {"steps": tuple(one.lever.key for one in steps), "after": found.total, "new": new_value(made)}
    whole = Fix("fit", "safe" if quality == 0 else "ask", made, facts)
    return Option(tuple(steps), whole, changed, found, sum(one.lever.time for one in steps), quality)
