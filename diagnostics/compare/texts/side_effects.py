"""What training changed beside the score: length, repetition, refusals, language, leaks, diversity, before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.statistics.inference import ALPHA, holm
from diagnostics.compare.statistics.per_prompt import Scores, paired_differences
from diagnostics.compare.statistics.verdict import compared
from diagnostics.compare.texts.diversity import overlap_shares
from diagnostics.compare.texts.traits import gibberish, leaked, refuses, repeated_share, switches
from diagnostics.finding import SEVERITIES, Limit, Severity

EXAMPLES = 3
LONGER = Limit(1.5, "times the tokens before", "rl-doctor 0.2.0 takes growth by half for a sign")
SHORTER = Limit(0.67, "times the tokens before", "ours: growth by half, seen from the other end")
TOKENS = Limit(8, "tokens", "ours: from 2 tokens to 4 is no change that a reader would notice")

Measure = Callable[[Answer, Prompt], float]


@dataclass(frozen=True)
class SideEffectRule:
    """One side effect: its name, how it is measured, from what change on it is reported.

    `share`: the measure is between 0 and 1. `measure` None: it is one of all answers together (`mode-collapse`).
    """

    name: str
    severity: Severity
    limit: Limit
    measure: Measure | None
    share: bool = True


def rule(name: str, severity: Severity, limit: float, why: str, measure: Measure | None) -> SideEffectRule:
    """A side effect that is measured as a share of answers, or of an answer."""
    return SideEffectRule(name, severity, Limit(limit, "more of all answers (a share)", why), measure)


RULES: tuple[SideEffectRule, ...] = (
    rule(
        "template-leak",
        "error",
        0.02,
        "ours: a well-trained model never writes control tokens; one in fifty is seen daily",
        lambda answer, prompt: float(bool(leaked(answer.text, prompt.text))),
    ),
    rule(
        "empty-output",
        "error",
        0.05,
        "ours: one answer in twenty that says nothing",
        lambda answer, prompt: float(not answer.text.strip()),
    ),
    rule(
        "gibberish",
        "error",
        0.05,
        "ours: one answer in twenty that is no writing",
        lambda answer, prompt: float(gibberish(answer.text)),
    ),
    rule(
        "language-switch",
        "error",
        0.05,
        "ours: one answer in twenty in another language than the question",
        lambda answer, prompt: float(switches(answer.text, prompt.lang)),
    ),
    rule(
        "mode-collapse",
        "warning",
        0.1,
        "ours: a tenth more of two answers' word pairs are the same, whatever was asked",
        None,
    ),
    rule(
        "never-stops",
        "warning",
        0.1,
        "ours: one answer in ten more is cut off by the token budget",
        lambda answer, prompt: float(answer.stop == "length"),
    ),
    rule(
        "repetition",
        "warning",
        0.1,
        "ours: a tenth more of the 4-grams were there before; people's texts have 0.01 to 0.05 (Welleck et al. 2020)",
        lambda answer, prompt: repeated_share(answer.text),
    ),
    rule(
        "refusal",
        "warning",
        0.05,
        "ours: one answer in twenty more declines",
        lambda answer, prompt: float(refuses(answer.text)),
    ),
    SideEffectRule("answers-longer", "info", LONGER, lambda answer, prompt: float(answer.tokens), share=False),
    SideEffectRule("answers-shorter", "info", SHORTER, lambda answer, prompt: float(answer.tokens), share=False),
)


@dataclass(frozen=True)
class SideEffect:
    """One measure of one source against the baseline, over the prompts that both answered.

    `before`, `after`: its mean at the baseline and at the source; `difference` after - before, `low` to `high` its 95 %
    interval (None: fewer than two prompts). `corrected`: `p` after Holm over all measures and sources. `examples`: up to
    three prompts' numbers where it shows most. `shown`: the interval leaves 0 out, `corrected` is below 0.05, and the
    change is beyond the rule's limit.
    """

    rule: str
    source: str
    baseline: str
    prompts: int
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    p: float
    corrected: float
    examples: tuple[int, ...]
    severity: Severity
    shown: bool


def side_effects(answers: AnswerSet, baseline: str) -> tuple[SideEffect, ...]:
    """The side effects that the statistics show and that are large enough to matter, gravest first.

    Raises:
        KeyError: the baseline is no source of the comparison.
    """
    found = [one for one in measured(answers, baseline) if one.shown]
    return tuple(sorted(found, key=lambda one: (SEVERITIES.index(one.severity), answers.sources.index(one.source))))


def measured(answers: AnswerSet, baseline: str) -> tuple[SideEffect, ...]:
    """Every measure of every source against the baseline, whether it shows anything or not.

    Raises:
        KeyError: the baseline is no source of the comparison.
    """
    if baseline not in answers.sources:
        raise KeyError(baseline)
    prompts = {one.number: one for one in answers.prompts}
    values = {
        (one.name, source): values_of(one, answers, prompts, source) for one in RULES for source in answers.sources
    }
    found = [
        effect_of(one, answers, values, source, baseline)
        for source in answers.sources
        if source != baseline
        for one in RULES
    ]
    # Longer and shorter are one test, read from two ends.
    family = [one.p if one.rule != "answers-shorter" else float("nan") for one in found]
    corrected = holm(family)
    by_source = {one.source: p for one, p in zip(found, corrected, strict=True) if one.rule == "answers-longer"}
    return tuple(
        judged(replace(one, corrected=by_source[one.source] if one.rule == "answers-shorter" else p))
        for one, p in zip(found, corrected, strict=True)
    )


def effect_of(
    one: SideEffectRule, answers: AnswerSet, values: Mapping[tuple[str, str], Scores], source: str, baseline: str
) -> SideEffect:
    """One measure of one source, before its correction. `values`: by rule's name and source."""
    after, before = values[one.name, source], values[one.name, baseline]
    numbers = [prompt.number for prompt in answers.prompts]
    if one.measure is None:
        before_mean, after_mean, differences = collapsed(answers, numbers, source, baseline)
    else:
        differences = paired_differences(after, before, numbers)
        before_mean, after_mean = paired_means(after, before, list(differences))
    pair = compared(
        source,
        baseline,
        list(differences.values()),
        zero_or_one=one.share and set(differences.values()) <= {-1.0, 0.0, 1.0},
        largest=1.0 if one.share and one.measure is not None else None,
    )
    sign = -1 if one.name == "answers-shorter" else 1
    most = sorted(differences, key=lambda number: -sign * differences[number])
    return SideEffect(
        one.name,
        source,
        baseline,
        pair.prompts,
        before_mean,
        after_mean,
        pair.difference,
        pair.low,
        pair.high,
        pair.p,
        pair.p,
        tuple(number for number in most[:EXAMPLES] if sign * differences[number] > 0),
        one.severity,
        False,
    )


def values_of(one: SideEffectRule, answers: AnswerSet, prompts: Mapping[int, Prompt], source: str) -> Scores:
    """A measure of each of a source's answers."""
    found: dict[int, dict[int, float]] = {}
    for answer in answers.of(source):
        if one.measure is not None:
            found.setdefault(answer.prompt, {})[answer.seed] = one.measure(answer, prompts[answer.prompt])
    return found


def paired_means(after: Scores, before: Scores, numbers: Sequence[int]) -> tuple[float, float]:
    """The mean before, and after, over prompts and the seeds that both answered with."""
    if not numbers:
        return 0.0, 0.0
    means = [
        [
            float(np.mean([values[number][seed] for seed in after[number] if seed in before[number]]))
            for number in numbers
        ]
        for values in (before, after)
    ]
    return float(np.mean(means[0])), float(np.mean(means[1]))


def collapsed(
    answers: AnswerSet, numbers: Sequence[int], source: str, baseline: str
) -> tuple[float, float, dict[int, float]]:
    """The overlap of answers to different prompts, before and after, and its difference by prompt, averaged over seeds."""
    by_seed: list[tuple[float, float]] = []
    gathered: dict[int, list[float]] = {}
    for seed in answers.seeds:
        texts = {
            name: {
                number: one.text
                for number in numbers
                if (one := answers.answers.get((name, number, seed))) is not None and one.stop != "error"
            }
            for name in (source, baseline)
        }
        both = [number for number in numbers if number in texts[source] and number in texts[baseline]]
        if len(both) < 3:
            continue
        after, before = (overlap_shares([texts[name][number] for number in both]) for name in (source, baseline))
        by_seed.append((float(before.mean()), float(after.mean())))
        for number, value in zip(both, after - before, strict=True):
            gathered.setdefault(number, []).append(float(value))
    if not by_seed:
        return 0.0, 0.0, {}
    before_mean, after_mean = np.mean(by_seed, axis=0).tolist()
    return before_mean, after_mean, {number: float(np.mean(values)) for number, values in gathered.items()}


def judged(effect: SideEffect) -> SideEffect:
    """The same effect with its `shown`."""
    certain = effect.low is not None and effect.high is not None and effect.corrected < ALPHA
    if not certain or effect.low is None or effect.high is None:
        return effect
    if effect.rule == "answers-shorter":
        large = effect.after <= SHORTER * effect.before and -effect.difference >= TOKENS
        return replace(effect, shown=effect.high < 0 and large)
    if effect.rule == "answers-longer":
        large = effect.after >= LONGER * effect.before and effect.difference >= TOKENS
    else:
        large = effect.difference >= rule_named(effect.rule).limit
    return replace(effect, shown=effect.low > 0 and large)


def rule_named(name: str) -> SideEffectRule:
    """A side effect's rule.

    Raises:
        KeyError: there is none of that name.
    """
    for one in RULES:
        if one.name == name:
            return one
    raise KeyError(name)
