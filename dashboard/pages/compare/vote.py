"""Blind vote: answers without names, a key for a choice, then ratings, agreement and a data set for DPO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.clinic import Clinic
from dashboard.compare.ballot import (
    Ballot,
    answers_voted,
    ballot_html,
    keep,
    keep_scored,
    kept,
    new_ballot,
    next_prompt,
    preference_file,
    results_html,
    scorer_written,
    waiting_html,
)
from dashboard.compare.comparison import Question, named
from dashboard.compare.prompt_job import scoring_html
from dashboard.compare.prompt_sets import runs_with_prompts
from dashboard.html import note
from dashboard.pages.compare.shared import QUIET, STREAMS, Shared
from dashboard.texts import Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source
from diagnostics.compare.models.writers import answer_rows
from diagnostics.compare.scoring.scorers import ScorerUnusable, score
from diagnostics.run.refusal import said

# A click on a button of the ballot, or its key while nothing is being typed and the ballot is to be seen.
CHOICE = """
const choose = choice => trigger('click', {choice});
element.addEventListener('click', event => {
  const button = event.target.closest('[data-choice]');
  if (button) choose(button.dataset.choice);
});
const press = event => {
  if (!element.isConnected) return document.removeEventListener('keydown', press);
  const typing = event.target.closest('input:not([type=checkbox]):not([type=range]), textarea, [contenteditable]');
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !element.offsetParent) return;
  const choice = event.key.toLowerCase();
  const known = choice === '0' ? 't' : choice;
  if (element.querySelector(`[data-choice="${CSS.escape(known)}"]`)) { event.preventDefault(); choose(known); }
};
document.addEventListener('keydown', press);
"""


def build(clinic: Clinic, words: Words, shared: Shared) -> list[Any]:
    """Lay out the tab and wire it. Returns what is to happen when the page is opened, and what it fills."""
    with gr.Row(equal_height=True):
        prompts = gr.Dropdown(label=words("vote.prompts"), elem_id="vote-prompts", scale=3)
        prompt = gr.Textbox(
            label=words("vote.own"), placeholder=words("vote.own_hint"), lines=1, scale=4, elem_id="vote-prompt"
        )
        by = gr.Textbox(label=words("vote.by"), lines=1, scale=2, min_width=140)
        go = gr.Button(
            words("vote.go"), variant="primary", min_width=120, scale=1, elem_id="vote-go", elem_classes="low"
        )
    ballot_view = gr.HTML(note(words("vote.start")), js_on_load=CHOICE, elem_id="ballot")
    told = gr.HTML(elem_classes="tight", elem_id="voted")
    with gr.Accordion(words("vote.results"), open=False, elem_id="vote-results") as results_box:
        results = gr.HTML()
        with gr.Row(equal_height=True):
            scorer = gr.Textbox(
                label=words("vote.scorer"), placeholder="rewards.py:polite", lines=1, scale=6, elem_id="vote-scorer"
            )
            let = gr.Button(words("vote.scorer_go"), min_width=120, scale=1, elem_classes="low", elem_id="vote-let")
        scored = gr.HTML(elem_classes="tight")
        export = gr.Button(words("vote.export"), size="sm", elem_id="vote-export")
        exported = gr.HTML(elem_classes="tight")
        file = gr.File(visible=False, label=words("vote.file"), elem_id="vote-file")
    ballot = gr.State(None)
    asked = gr.State(())
    cast = gr.State(0)

    def ask(
        prompt: str,
        run: str | None,
        names: list[str],
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
        added: tuple[Source, ...],
        asked: tuple[str, ...],
    ) -> Iterator[tuple[Any, ...]]:
        """The next ballot: the user's own prompt, else one of the run's that was not asked yet."""
        own = prompt.strip()
        found = None if own else next_prompt(clinic, run, asked)
        if not own and found is None:
            yield note(words("vote.all_asked" if asked else "vote.no_prompt"), "error"), None, gr.skip(), gr.skip()
            return
        text = own or (found.text if found else "")
        question = Question(names, text, system, seed, temperature, top_p, budget, added)
        problem = question.problem(words) or (words("vote.too_few") if len(names) < 2 else None)
        if problem:
            yield note(problem, "error"), None, gr.skip(), gr.skip()
            return
        blank = new_ballot(question.messages(), names, question.sampling().seed)
        state: list[Pane] = []
        for state in answer_rows(clinic.pool, question.rows(named(clinic, blank.shown, added))):
            yield waiting_html(state, text, words), None, gr.skip(), gr.skip()
        ready = blank.answered(state)
        # The user's own prompt has been asked now: after the vote, the set goes on.
        yield ballot_html(ready, words), ready, (*asked, text), ""

    def choose(ballot: Ballot | None, by: str, cast: int, event: gr.EventData) -> tuple[Any, ...]:
        """Keep the choice. What the browser sends is not to be trusted: the ballot knows what may be chosen."""
        key = str(getattr(event, "choice", ""))
        if ballot is None:
            return gr.skip(), gr.skip(), gr.skip()
        if key == "n":
            return None, cast, gr.skip()
        vote = ballot.vote(key, by or "")
        if vote is None:
            return gr.skip(), gr.skip(), gr.skip()
        try:
            keep(clinic, vote)
        except OSError as error:
            return (
                gr.skip(),
                gr.skip(),
                note(words("vote.unwritten", reason=error.strerror or said(error, words.lang)), "error"),
            )
        return None, cast + 1, note(words("vote.voted", count=cast + 1), "good")

    def more(ballot: Ballot | None, *fields: Any) -> Iterator[tuple[Any, ...]]:
        """The next ballot, once this one is cast."""
        if ballot is None:
            yield from ask("", *fields)

    def let_vote(spec: str) -> Iterator[str]:
        """A reward function or a judge votes on the answers that people have voted on."""
        answers = answers_voted(kept(clinic).votes)
        try:
            one = scorer_written(spec)
            if not answers.answers:
                yield note(words("vote.none_yet"), "error")
                return
            for state in score(answers, [one]):
                yield scoring_html(state, words)
            added = keep_scored(clinic, one, state.answers)
            yield scoring_html(state, words) + note(words("vote.scored", name=one.name, count=added), "good")
        except ScorerUnusable as error:
            yield note(said(error, words.lang), "error")
        except OSError as error:
            yield note(words("vote.unwritten", reason=error.strerror or said(error, words.lang)), "error")

    def export_file() -> tuple[Any, ...]:
        """The preference data set of all votes."""
        made = preference_file(clinic)
        if made is None:
            return note(words("vote.nothing_to_export"), "error"), gr.update(visible=False)
        path, left_out, rows = made
        return note(words("vote.exported", rows=rows, left_out=left_out), "good"), gr.update(
            value=str(path), visible=True
        )

    rest = [prompts, shared.chosen, *shared.sampling, shared.added, asked]
    filled: dict[str, Any] = {"outputs": [ballot_view, ballot, asked, prompt], "concurrency_limit": STREAMS, **QUIET}
    gr.on([go.click, prompt.submit], ask, [prompt, *rest], trigger_mode="once", **filled)
    chosen = ballot_view.click(choose, [ballot, by, cast], [ballot, cast, told], trigger_mode="once", **QUIET)
    chosen.then(more, [ballot, *rest], **filled)
    results_box.expand(lambda: results_html(kept(clinic), words), outputs=results, **QUIET)
    told.change(lambda: results_html(kept(clinic), words), outputs=results, **QUIET)
    let.click(let_vote, scorer, scored, trigger_mode="once", concurrency_limit=STREAMS, **QUIET).then(
        lambda: results_html(kept(clinic), words), outputs=results, **QUIET
    )
    export.click(export_file, outputs=[exported, file], **QUIET)

    def look(now: str | None) -> Any:
        names = runs_with_prompts(clinic)
        return gr.update(choices=names, value=now if now in names else (names[-1] if names else None))

    shared.signature.change(look, prompts, prompts, **QUIET)
    return [(lambda: look(None), [prompts])]
