"""The verdict over a prompt set: which sources score higher, with intervals, corrected tests and the words they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.statistics.inference import (
    ALPHA,
    detectable,
    holm,
    mean_interval,
    paired_test,
    prompts_needed,
    score_interval,
    smallest_p,
    standardized,
    wins_of,
)
from diagnostics.compare.statistics.noise import NoiseFloor, noise_floor
from diagnostics.compare.statistics.per_prompt import Scores, mean_of, paired_differences, prompt_means, scores_of
from diagnostics.compare.statistics.slices import SliceKind, slices_of

Word = Literal["better", "worse", "no-difference-shown", "too-few"]


@dataclass(frozen=True)
class PairVerdict:
    """One source against another on the prompts that both answered with the same seeds.

    `difference`: mean over prompts of the score of `source` less that of `against`, `low` to `high` its 95 % interval
    (None: fewer than two prompts; not corrected for other pairs). `dropped`: prompts left out, because one of the two
    has no finite score there. `wins` are the prompts on which `source` is the better one; `win_rate` counts ties as
    half. `test`: `sign-flip-exact`, `sign-flip`, `mcnemar`, or `none` where all tie; `mid_p` is McNemar's. `corrected`: `p` after Holm over all pairs of its table. `effect`: d_z, None without
    spread. `needed`: prompts that would show the observed difference in 4 of 5 sets at the strictest level that Holm
    may ask for; None if there is no difference or no spread. `detectable`: the smallest difference these prompts would show so.

    `word`, about `source`: `better` or `worse` only if the interval leaves 0 out and `corrected` is below 0.05, both;
    `too-few` if even all prompts of one sign could not get there; else `no-difference-shown`.
    """

    source: str
    against: str
    prompts: int
    dropped: int
    wins: int
    ties: int
    losses: int
    win_rate: float
    win_low: float
    win_high: float
    difference: float
    low: float | None
    high: float | None
    p: float
    corrected: float
    test: str
    mid_p: float | None
    effect: float | None
    needed: int | None
    detectable: float | None
    more_is_better: bool
    word: Word


@dataclass(frozen=True)
class SourceScore:
    """One source's mean score over its prompts.

    `low`, `high`: 95 % interval over prompts. `by_seed`: what each seed alone would have said; `seed_spread` their
    standard deviation, None for one seed.
    """

    source: str
    prompts: int
    missing: int
    mean: float | None
    low: float | None
    high: float | None
    by_seed: Mapping[int, float]
    seed_spread: float | None


@dataclass(frozen=True)
class SliceVerdict:
    """The pairs on a part of the prompts: `value` is a language, a third by length (short, middle, long) or a tag.

    Its p-values are corrected over all slices and pairs at once.
    """

    kind: SliceKind
    value: str
    pairs: tuple[PairVerdict, ...]


@dataclass(frozen=True)
class Verdict:
    """All that a score says of the sources of a comparison. `baseline` None: every pair was compared."""

    score: str
    baseline: str | None
    more_is_better: bool
    pairs: tuple[PairVerdict, ...]
    by_source: tuple[SourceScore, ...]
    slices: tuple[SliceVerdict, ...]
    noise: NoiseFloor | None

    def within_noise(self, pair: PairVerdict) -> bool:
        """Whether a source was seen to differ as much from itself as this pair does."""
        return self.noise is not None and abs(pair.difference) <= abs(self.noise.difference)


def verdict(
    answers: AnswerSet,
    score: str,
    baseline: str | None = None,
    more_is_better: bool = True,
    largest: float | None = None,
    repeat: AnswerSet | None = None,
) -> Verdict:
    """Judge the sources of a comparison by one score.

    `baseline`: compare each source against this one only; fewer tests, so less is lost to the correction. `largest`: the
    largest difference of two scores there can be, if it is known; 1 for scores seen to be 0 and 1 only. `repeat`: the
    same sources asked again with other seeds, for the noise floor.

    Raises:
        KeyError: the baseline is no source of the comparison.
    """
    if baseline is not None and baseline not in answers.sources:
        raise KeyError(baseline)
    scores = {source: scores_of(answers, source, score) for source in answers.sources}
    every = {value for by_prompt in scores.values() for by_seed in by_prompt.values() for value in by_seed.values()}
    zero_or_one = bool(every) and every <= {0.0, 1.0}
    bound = 1.0 if zero_or_one and largest is None else largest
    judge = Judge(scores, pairs_of(answers.sources, baseline), zero_or_one, more_is_better, bound)
    return Verdict(
        score,
        baseline,
        more_is_better,
        judge.table(answers.prompts),
        tuple(source_score(answers, one, scores[one]) for one in answers.sources),
        judge.slices(answers.prompts),
        noise_floor(answers, score, repeat, bound),
    )


def against_itself(answers: AnswerSet, source: str, score: str) -> PairVerdict:
    """A source compared with itself: every prompt must tie. A check of the whole way from answers to words."""
    scores = scores_of(answers, source, score)
    return Judge({source: scores}, [(source, source)], False, True, None).table(answers.prompts)[0]


def pairs_of(sources: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    """(source, against): each against the baseline, or each against those before it."""
    if baseline is not None:
        return [(one, baseline) for one in sources if one != baseline]
    return [(later, earlier) for earlier, later in combinations(sources, 2)]


@dataclass(frozen=True)
class Judge:
    """Compares pairs of sources on any part of the prompts. `scores`: by source."""

    scores: Mapping[str, Scores]
    pairs: Sequence[tuple[str, str]]
    zero_or_one: bool
    more_is_better: bool
    largest: float | None

    def table(self, prompts: Sequence[Prompt]) -> tuple[PairVerdict, ...]:
        """Every pair on these prompts, corrected as one family."""
        return corrected([self.pair(one, other, prompts, len(self.pairs)) for one, other in self.pairs])

    def slices(self, prompts: Sequence[Prompt]) -> tuple[SliceVerdict, ...]:
        """Every pair on every slice, corrected as one family."""
        parts = list(slices_of(prompts))
        count = len(self.pairs)
        judged = corrected(
            [self.pair(*pair, part, len(parts) * count) for _, _, part in parts for pair in self.pairs],
        )
        return tuple(
            SliceVerdict(kind, value, judged[place * count : (place + 1) * count])
            for place, (kind, value, _) in enumerate(parts)
        )

    def pair(self, source: str, against: str, prompts: Sequence[Prompt], family: int) -> PairVerdict:
        """One pair before its correction."""
        differences = paired_differences(self.scores[source], self.scores[against], [one.number for one in prompts])
        return compared(
            source,
            against,
            list(differences.values()),
            dropped=len(prompts) - len(differences),
            family=family,
            zero_or_one=self.zero_or_one,
            more_is_better=self.more_is_better,
            largest=self.largest,
        )


def compared(
    source: str,
    against: str,
    differences: Sequence[float],
    *,
    dropped: int = 0,
    family: int = 1,
    zero_or_one: bool = False,
    more_is_better: bool = True,
    largest: float | None = None,
) -> PairVerdict:
    """A pair by its finite differences, one a prompt, with `p` not corrected yet.

    `family`: how many pairs it will be corrected with.
    """
    values = np.array(differences, dtype=float)
    interval = mean_interval(values, largest)
    tested = paired_test(values, zero_or_one, family)
    wins = wins_of(values if more_is_better else -values)
    effect = standardized(values)
    pair = PairVerdict(
        source=source,
        against=against,
        prompts=len(values),
        dropped=dropped,
        wins=wins.wins,
        ties=wins.ties,
        losses=wins.losses,
        win_rate=wins.rate,
        win_low=wins.low,
        win_high=wins.high,
        difference=float(values.mean()) if len(values) else 0.0,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        p=tested.p,
        corrected=min(1.0, tested.p * family),
        test=tested.test,
        mid_p=tested.mid_p,
        effect=effect,
        needed=prompts_needed(effect, ALPHA / family),
        detectable=detectable(values, ALPHA / family),
        more_is_better=more_is_better,
        word="no-difference-shown",
    )
    return replace(pair, word=word_of(pair, family))


def corrected(pairs: Sequence[PairVerdict]) -> tuple[PairVerdict, ...]:
    """The pairs of one table with their p-values corrected for each other, and the words that follow."""
    ready = [replace(one, corrected=p) for one, p in zip(pairs, holm([one.p for one in pairs]), strict=True)]
    return tuple(replace(one, word=word_of(one, len(ready))) for one in ready)


def word_of(pair: PairVerdict, family: int) -> Word:
    """The word that the interval and the corrected p-value allow together.

    In our simulation (no difference in the mean, 600 sets each of 10, 20 and 50 prompts) `better` or `worse` was said in
    at most 6 % of the sets, and in 6 to 8 % for lognormal differences, which are far from symmetric.
    """
    if pair.low is None or pair.high is None or smallest_p(pair.prompts) * family >= ALPHA:
        return "too-few"
    if pair.low <= 0 <= pair.high or pair.corrected >= ALPHA:
        return "no-difference-shown"
    return "better" if (pair.difference > 0) == pair.more_is_better else "worse"


def source_score(answers: AnswerSet, source: str, scores: Scores) -> SourceScore:
    """One source's mean over prompts, and what each of its seeds says alone."""
    values = list(prompt_means(scores).values())
    low, high = score_interval(np.array(values)) or (None, None)
    by_seed = {
        seed: mean_of(alone)
        for seed in answers.seeds
        if (alone := [by_seed[seed] for by_seed in scores.values() if seed in by_seed])
    }
    return SourceScore(
        source,
        len(values),
        len(answers.prompts) - len(values),
        mean_of(values) if values else None,
        low,
        high,
        by_seed,
        float(np.std(list(by_seed.values()), ddof=1)) if len(by_seed) > 1 else None,
    )
