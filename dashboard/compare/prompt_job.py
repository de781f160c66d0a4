"""A prompt set's work: the plan that the form asks for, its scorers, how far it is, what it says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.compare.comparison import Question, named
from dashboard.compare.prompt_sets import prompts_of
from dashboard.compare.sampling_grid import number, parts
from dashboard.compare.verdict_view import verdict_html
from dashboard.html import bar, note, pill, text
from dashboard.texts import Words
from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.collect import Collected, Plan
from diagnostics.compare.comparison import JUDGE, Comparison, comparison
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.compare.prompts import PromptsUnreadable
from diagnostics.compare.report.formats import FORMATS
from diagnostics.compare.report.words import effect_sentence, effect_sentences
from diagnostics.compare.scoring.judge import Judged, judge_of, judge_pairs
from diagnostics.compare.scoring.scorers import Kind, Scored, Scorer, ScorerUnusable, scorer_of
from diagnostics.compare.statistics.null_baseline import Changed, null_baseline
from diagnostics.compare.words import change_sentence
from diagnostics.run.refusal import Refusal, said

EXPORTS = ("html", "jsonl", "csv")
SEVERITY = {"error": "error", "warning": "warning", "info": "plain"}


class FormUnusable(Refusal):
    """The form asks for something that cannot be done."""


@dataclass(frozen=True)
class Form:
    """The tab's own fields, as they are written. `rewards`: reward functions, several between commas."""

    run: str | None
    path: str | None
    most: float | None
    seeds: str
    rewards: str
    reference: str | None
    model: str
    judge: str
    chance: bool = False

    def plan(self, clinic: Clinic, question: Question, words: Words) -> Plan:
        """What is to be answered.

        Raises:
            FormUnusable: a field cannot be used.
        """
        if not question.names:
            raise FormUnusable.of(words("compare.choose"))
        try:
            seeds = tuple(dict.fromkeys(number(one, int) for one in parts(self.seeds))) or (0,)
            prompts = prompts_of(clinic, self.run, self.path, max(1, int(self.most or 1)), words)
            sampling = question.sampling()
        except PromptsUnreadable as error:
            raise FormUnusable.of(error) from error
        except (ValueError, TypeError) as error:
            raise FormUnusable.of(
                words("compare.grid_unreadable", reason=said(error, words.lang).rstrip(".。"))
            ) from error
        system = question.system if (question.system or "").strip() else None
        return Plan(tuple(named(clinic, question.names, question.added)), prompts, sampling, seeds, system)

    def scorers(self) -> list[Scorer]:
        """What is to score the answers.

        Raises:
            FormUnusable: one of them cannot.
        """
        asked: list[tuple[Kind, str]] = [("function", one) for one in parts(self.rewards)]
        asked += [("reference", self.reference)] if self.reference else []
        asked += [("model", self.model.strip())] if self.model.strip() else []
        try:
            return [scorer_of(kind, what) for kind, what in asked]
        except ScorerUnusable as error:
            raise FormUnusable.of(error) from error

    def judged_by(self) -> Source | None:
        """The judge that is asked for pairs of answers, in both orders; None if none is named.

        Raises:
            FormUnusable: it is none.
        """
        try:
            return judge_of(self.judge.strip()) if self.judge.strip() else None
        except SourceUnusable as error:
            raise FormUnusable.of(error) from error


@dataclass(frozen=True)
class Work:
    """What is there of a prompt set's work, finished or not. `missing`: by source or scorer, why something is not."""

    plan: Plan
    answers: AnswerSet
    judged: tuple[Judged, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[Changed, ...] = ()

    def compared(self, base: str | None) -> Comparison | None:
        """The comparison against a base; None while nothing is answered, or without a base."""
        if base not in self.answers.sources or not self.answers.answers:
            return None
        plan = self.plan
        judged = [one for one in self.judged if one.left == base and one.verdicts]
        return comparison(
            plan.sources,
            str(base),
            self.answers,
            plan.sampling,
            plan.system,
            judged,
            self.missing,
            changed=[one for one in self.changed if one.base == base],
        )


def judging(work: Work, judge: Source, base: str) -> Iterator[tuple[Work, Judged]]:
    """Let a judge choose between each source and the base; yields the work with what it said so far."""
    whole = work.judged
    for source in work.answers.sources:
        if source != base:
            now: Judged | None = None
            for now in judge_pairs(judge, work.answers, base, source):
                yield replace(work, judged=(*whole, now)), now
            if now is not None:
                whole = (*whole, now)
                missing = {**work.missing, JUDGE: now.error} if now.error else work.missing
                work = replace(work, judged=whole, missing=missing)
                yield work, now


def against_chance(clinic: Clinic, work: Work, base: str) -> Iterator[Work]:
    """Measure each source's change against random ones of the same size; yields the work with what is known so far."""
    sources = work.plan.sources
    origin = next(one for one in sources if one.name == base)
    for one in null_baseline(clinic.pool, origin, sources, work.answers):
        work = replace(work, changed=(*work.changed, one))
        yield work


def chance_html(work: Work, words: Words) -> str:
    """How far the measuring of random changes is."""
    of = len(work.plan.sources) - 1
    told = words("set.measuring", done=len(work.changed), of=of)
    return f'<div class="progress">{bar(len(work.changed) / of if of else 1.0)} {text(told)}</div>'


def changed_html(found: Comparison, words: Words) -> str:
    """What the random changes say of each source."""
    return "".join(
        note(change_sentence(one.source, found.base, one.change, words.lang))
        if one.change is not None
        else note(f"{one.source}: {said(one.error, words.lang)}", "error")
        for one in found.changed
    )


def collecting_html(state: Collected, words: Words) -> str:
    """How far the answering is, what is left, what failed."""
    share = state.done / state.of if state.of else 1.0
    told = words("set.answered", done=state.done, of=state.of, cached=state.cached)
    return (
        f'<div class="progress">{bar(share)} {text(told)} {text(left(state.seconds_left, words))}</div>'
        + "".join(f'<div class="quiet">{text(said(one, words.lang))}</div>' for one in state.notes)
        + failures_html(state.errors, state.failed, words)
    )


def scoring_html(state: Scored, words: Words) -> str:
    """How far the scoring is."""
    share = state.done / state.of if state.of else 1.0
    told = words("set.scored", done=state.done, of=state.of, now=state.now or "")
    return (
        f'<div class="progress">{bar(share)} {text(told)} {text(left(state.seconds_left, words))}</div>'
        + failures_html(state.errors, state.lost, words)
    )


def left(seconds: float | None, words: Words) -> str:
    """The estimate of what is left, in seconds or minutes; nothing before there is one, or when it is over."""
    if not seconds or seconds < 0.5:
        return ""
    return words("set.left_minutes", left=seconds / 60) if seconds >= 90 else words("set.left_seconds", left=seconds)


def failures_html(errors: Mapping[str, str], counts: Mapping[str, int], words: Words) -> str:
    """Why answers or scores are missing, a line for each source or scorer."""
    return "".join(
        note(words("set.failed", name=name, count=counts.get(name, 0), reason=said(reason, words.lang)), "error")
        for name, reason in errors.items()
    )


def judging_html(now: Judged, words: Words) -> str:
    """How far the judge is with one source."""
    told = words("set.judging", name=now.right, done=now.done, of=now.of)
    error = note(said(now.error, words.lang), "error") if now.error else ""
    return f'<div class="progress">{bar(now.done / now.of if now.of else 1.0)} {text(told)}</div>{error}'


def result_html(found: Comparison | None, score: str | None, words: Words) -> str:
    """The verdict by one score, then what training has changed beside it."""
    if found is None:
        return ""
    if score is None:
        return note(words("set.no_score")) + changed_html(found, words) + side_effects_html(found, words)
    return verdict_html(found, score, words) + changed_html(found, words) + side_effects_html(found, words)


def side_effects_html(found: Comparison, words: Words) -> str:
    """The side effects of training that the answers show, gravest first."""
    if not found.others:
        return ""
    head = f"<h3>{text(words('set.side_effects'))}</h3>"
    if not found.effects:
        return head + note(effect_sentences(found, words.lang)[0])
    cards = []
    for one in found.effects:
        examples = ", ".join(str(number + 1) for number in one.examples)
        told = words("set.examples", numbers=examples) if examples else ""
        cards.append(
            f'<div class="note note-{SEVERITY[one.severity]}">{pill(one.rule, one.severity)} '
            f'{text(effect_sentence(one, words.lang))} <span class="quiet">{text(told)}</span></div>'
        )
    return head + "".join(cards)


def score_choice(found: Comparison | None, now: str | None) -> tuple[list[str], str | None]:
    """The scores that can be looked at, the judge among them, and which is."""
    names = list(dict.fromkeys(name for name, _ in found.pairs())) if found is not None else []
    return names, now if now in names else (names[0] if names else None)


def exported(found: Comparison, kind: str, words: Words) -> Path:
    """The comparison as a file of one of the report's formats, in a folder of its own."""
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / f"comparison.{kind}"
    path.write_text(FORMATS[kind](found, words.lang), encoding="utf-8")
    return path
