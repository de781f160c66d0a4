"""A finished comparison: answers, what every score and the judge say of them, side effects, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.models.mailbox import Sampling
from diagnostics.compare.models.sources import Source
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.both_orders import BothOrders, both_orders
from diagnostics.compare.scoring.judge import Judged
from diagnostics.compare.statistics.null_baseline import Changed
from diagnostics.compare.statistics.verdict import PairVerdict, Verdict, corrected, verdict
from diagnostics.compare.texts.side_effects import SideEffect, side_effects

JUDGE = "judge"


@dataclass(frozen=True)
class Comparison:
    """All that a report tells.

    `base`: the source that the others are measured against. `judged`: by the judge, one a source, with `judge_pairs` as
    verdicts corrected together. `missing`: by source or scorer, a sentence on why something is not there. `same`: by source, those
    before it that have the very same weights. `changed`: against random changes, where that was asked for.
    """

    sources: tuple[Source, ...]
    base: str
    answers: AnswerSet
    sampling: Sampling
    system: str | None
    verdicts: tuple[Verdict, ...]
    judged: tuple[Judged, ...]
    orders: tuple[BothOrders, ...]
    judge_pairs: tuple[PairVerdict, ...]
    effects: tuple[SideEffect, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[Changed, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The sources but the base."""
        return tuple(one for one in self.answers.sources if one != self.base)

    def pairs(self) -> list[tuple[str, PairVerdict]]:
        """Every source against the base, by each score and the judge."""
        found = [(one.score, pair) for one in self.verdicts for pair in one.pairs]
        return found + [(JUDGE, pair) for pair in self.judge_pairs]

    def shown_worse(self, source: str) -> bool:
        """Whether a source is shown to be worse than the base by any score."""
        return any(pair.word == "worse" for _, pair in self.pairs() if pair.source == source)

    def change(self, prompt: Prompt) -> float | None:
        """The worst change from the base to any source on a prompt, by the first score: below 0 is worse."""
        if not self.verdicts:
            return None
        name, sign = self.verdicts[0].score, 1.0 if self.verdicts[0].more_is_better else -1.0
        before = self._mean(self.base, prompt, name)
        after = [one for source in self.others if (one := self._mean(source, prompt, name)) is not None]
        return min(sign * (one - before) for one in after) if after and before is not None else None

    def _mean(self, source: str, prompt: Prompt, name: str) -> float | None:
        found = [one.scores[name] for one in self.given(source, prompt) if name in one.scores]
        return sum(found) / len(found) if found else None

    def given(self, source: str, prompt: Prompt) -> list[Answer]:
        """A source's answers to a prompt, by seed; failed ones too."""
        keys = ((source, prompt.number, seed) for seed in self.answers.seeds)
        return [self.answers.answers[key] for key in keys if key in self.answers.answers]

    def worst_first(self) -> list[Prompt]:
        """The prompts by `change`, the greatest loss first; those without a change last, in their order."""
        changes = {one.number: self.change(one) for one in self.answers.prompts}

        def place(one: Prompt) -> tuple[bool, float, int]:
            change = changes[one.number]
            return (change is None, change or 0.0, one.number)

        return sorted(self.answers.prompts, key=place)


def comparison(
    sources: Sequence[Source],
    base: str,
    answers: AnswerSet,
    sampling: Sampling,
    system: str | None = None,
    judged: Sequence[Judged] = (),
    missing: Mapping[str, str] | None = None,
    same: Mapping[str, str] | None = None,
    changed: Sequence[Changed] = (),
) -> Comparison:
    """Judge the answers by all that they were scored with.

    Raises:
        KeyError: the base is no source of the comparison.
    """
    orders = [both_orders(one.right, one.left, one.preferences(answers.seeds[0])) for one in judged]
    return Comparison(
        tuple(sources),
        base,
        answers,
        sampling,
        system,
        tuple(verdict(answers, name, baseline=base) for name in answers.score_names()),
        tuple(judged),
        tuple(orders),
        corrected([one.pair for one in orders]),
        side_effects(answers, base),
        dict(missing or {}),
        dict(same or {}),
        tuple(changed),
    )
