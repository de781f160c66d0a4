"""Scores of the answers side by side: by a reward function, a judge, or nearness to a reference that is written beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboard.clinic import Clinic
from dashboard.compare.ballot import scorer_written
from dashboard.compare.comparison import Question
from dashboard.compare.panes_view import name_html
from dashboard.compare.prompt_sets import held_out
from dashboard.compare.sampling_grid import parts
from dashboard.html import note, text
from dashboard.texts import Words
from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.collect import answer_of
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.references import METRICS
from diagnostics.compare.scoring.scorers import Scored, Scorer, scorer_of
from diagnostics.run.refusal import said


def prompt_asked(clinic: Clinic, question: Question, reference: str) -> Prompt:
    """The prompt as a scorer gets it; one that a run was judged on has the columns that its reward reads."""
    asked = (question.prompt or "").strip()
    known = (one for run in clinic.runs()[0] for one in held_out(run) if one.text.strip() == asked)
    found = next(known, Prompt(0, ()))
    return replace(found, number=0, messages=tuple(question.messages()), reference=reference.strip() or found.reference)


def answers_asked(panes: Sequence[Pane], prompt: Prompt, seed: int) -> AnswerSet:
    """The panes as a set of answers to one prompt."""
    answers = [answer_of(pane, 0, seed) for pane in panes]
    return AnswerSet(tuple(one.source for one in answers), (prompt,), (seed,)).with_answers(answers)


def scorers_asked(specs: str, prompt: Prompt) -> list[Scorer]:
    """The scorers that the field names; where there is a reference, nearness to it too.

    Raises:
        ScorerUnusable: one of them is none.
    """
    named = [scorer_written(one) for one in parts(specs)]
    return named + [scorer_of("reference", one) for one in METRICS if prompt.reference is not None]


def scores_html(state: Scored, words: Words) -> str:
    """A row a source, a column a score, the highest of each marked; why scores are missing below."""
    answers = state.answers
    names = answers.score_names()
    errors = "".join(note(said(one, words.lang), "error") for one in state.errors.values())
    if not names:
        return errors or f'<div class="quiet">{text(state.now or words("scores.none"))}</div>'
    best = {name: max(one.scores[name] for one in answers.answers.values() if name in one.scores) for name in names}
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in names)
    rows = []
    for source in answers.sources:
        scores = answers.answers[source, 0, answers.seeds[0]].scores
        cells = "".join(f"<td>{cell(scores.get(name), best[name])}</td>" for name in names)
        rows.append(f'<tr><th scope="row">{name_html(source)}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="facts numbers"><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{errors}"
    )


def cell(value: float | None, best: float) -> str:
    """A score; the best one in bold."""
    if value is None:
        return "–"
    return f"<b>{value:.3g}</b>" if value == best else f"{value:.3g}"
