"""A prompt set's work: the plan that the form asks for, its scorers, how far it is, what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.clinic import Clinic
from dashboard.comparison import Question, named
from dashboard.html import bar, note, pill, text
from dashboard.prompt_sets import prompts_of
from dashboard.sampling_grid import parts
from dashboard.texts import Words
from dashboard.verdict_view import verdict_html
from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.collect import Collected, Plan
from diagnostics.compare.prompts import PromptsUnreadable
from diagnostics.compare.scorers import Kind, Scored, Scorer, ScorerUnusable, scorer_of
from diagnostics.compare.side_effect_words import summary_of, title_of
from diagnostics.compare.side_effects import side_effects
from diagnostics.compare.verdict import verdict

SEVERITY = {"error": "error", "warning": "warning", "info": "plain"}


class FormUnusable(Exception):
    """The form asks for something that cannot be done. The message is one sentence."""


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
    rubric: str

    def plan(self, clinic: Clinic, question: Question, words: Words) -> Plan:
        """What is to be answered.

        Raises:
            FormUnusable: a field cannot be used.
        """
        if not question.names:
            raise FormUnusable(words("compare.choose"))
        try:
            seeds = tuple(dict.fromkeys(int(one) for one in parts(self.seeds))) or (0,)
            prompts = prompts_of(clinic, self.run, self.path, max(1, int(self.most or 1)), words)
            sampling = question.sampling()
        except PromptsUnreadable as error:
            raise FormUnusable(str(error)) from error
        except (ValueError, TypeError) as error:
            raise FormUnusable(words("compare.grid_unreadable", reason=error)) from error
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
        asked += [("judge", self.judge.strip())] if self.judge.strip() else []
        try:
            return [scorer_of(kind, what, self.rubric if kind == "judge" else "") for kind, what in asked]
        except ScorerUnusable as error:
            raise FormUnusable(str(error)) from error


def collecting_html(state: Collected, words: Words) -> str:
    """How far the answering is, what is left, what failed."""
    share = state.done / state.of if state.of else 1.0
    told = words("set.answered", done=state.done, of=state.of, cached=state.cached)
    return (
        f'<div class="progress">{bar(share)} {text(told)} {text(left(state.seconds_left, words))}</div>'
        + "".join(f'<div class="quiet">{text(one)}</div>' for one in state.notes)
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
        note(words("set.failed", name=name, count=counts.get(name, 0), reason=reason), "error")
        for name, reason in errors.items()
    )


def result_html(answers: AnswerSet, score: str | None, base: str | None, words: Words) -> str:
    """The verdict by one score, then what training has changed beside it."""
    baseline = base if base in answers.sources else None
    parts_shown = []
    if score in answers.score_names():
        parts_shown.append(verdict_html(verdict(answers, str(score), baseline), words))
    else:
        parts_shown.append(note(words("set.no_score")))
    if baseline is not None and len(answers.sources) > 1:
        parts_shown.append(side_effects_html(answers, baseline, words))
    return "".join(parts_shown)


def side_effects_html(answers: AnswerSet, baseline: str, words: Words) -> str:
    """The side effects of training that the answers show, gravest first."""
    found = side_effects(answers, baseline)
    head = f"<h3>{text(words('set.side_effects'))}</h3>"
    if not found:
        return head + note(words("set.no_side_effects", base=baseline))
    cards = []
    for one in found:
        examples = ", ".join(str(number + 1) for number in one.examples)
        told = words("set.examples", numbers=examples) if examples else ""
        cards.append(
            f'<div class="note note-{SEVERITY[one.severity]}">{pill(one.rule, one.severity)} '
            f"<b>{text(title_of(one.rule, words.lang))}</b> {text(summary_of(one, words.lang))} "
            f'<span class="quiet">{text(told)}</span></div>'
        )
    return head + "".join(cards)


def score_choice(answers: AnswerSet | None, now: str | None) -> tuple[Sequence[str], str | None]:
    """The scores that can be looked at, and which is."""
    names = answers.score_names() if answers is not None else []
    return names, now if now in names else (names[0] if names else None)
