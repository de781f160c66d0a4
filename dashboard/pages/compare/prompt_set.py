"""Prompt set: all chosen sources answer many prompts; the verdict first, then the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from dashboard.clinic import Clinic
from dashboard.compare.answers_view import FILTERS, answers_html, kept_rows, pages
from dashboard.compare.comparison import Question
from dashboard.compare.prompt_job import (
    EXPORTS,
    Form,
    FormUnusable,
    Work,
    against_chance,
    chance_html,
    collecting_html,
    exported,
    judging,
    judging_html,
    result_html,
    score_choice,
    scoring_html,
)
from dashboard.compare.prompt_sets import reward_of, runs_with_prompts
from dashboard.html import note
from dashboard.pages.compare.shared import QUIET, Shared
from dashboard.texts import Words
from diagnostics.compare.collect import collect
from diagnostics.compare.models.sources import Source
from diagnostics.compare.scoring.references import METRICS
from diagnostics.compare.scoring.scorers import score
from diagnostics.run.refusal import said

FIRST_MOST = 64
# Prompt sets that are worked on at once, over all visitors: they share the workers anyway.
JOBS = 2


def build(clinic: Clinic, words: Words, shared: Shared) -> list[Any]:
    """Lay out the tab and wire it. Returns what is to happen when the page is opened, and what it fills."""
    with gr.Row(equal_height=True):
        run = gr.Dropdown(label=words("set.run"), elem_id="set-run", scale=2)
        path = gr.Textbox(label=words("set.path"), placeholder="prompts.jsonl", lines=1, scale=3, elem_id="set-path")
        upload = gr.UploadButton(
            words("set.upload"), file_types=[".jsonl", ".json", ".txt"], min_width=110, scale=0, elem_classes="low"
        )
        most = gr.Number(FIRST_MOST, label=words("set.most"), precision=0, minimum=1, scale=1, min_width=110)
        seeds = gr.Textbox("0", label=words("compare.grid_seeds"), lines=1, scale=1, min_width=110, elem_id="set-seeds")
    with gr.Accordion(words("set.scorers"), open=True, elem_id="set-scorers"), gr.Row():
        rewards = gr.Textbox(
            label=words("set.rewards"), placeholder="rewards.py:polite", lines=1, scale=3, elem_id="set-rewards"
        )
        reference = gr.Dropdown(
            [(words("set.no_reference"), ""), *((one, one) for one in METRICS)],
            value="",
            label=words("set.reference"),
            scale=2,
        )
        model = gr.Textbox(label=words("set.model"), lines=1, scale=3)
        judge = gr.Textbox(label=words("set.judge"), placeholder="http://127.0.0.1:8000/v1#model", lines=1, scale=3)
    chance = gr.Checkbox(label=words("set.chance"), container=False, elem_id="set-chance")
    with gr.Row(equal_height=True, elem_classes="tight"):
        go = gr.Button(words("set.go"), variant="primary", scale=2, elem_id="set-go")
        stop = gr.Button(words("set.stop"), scale=1, elem_id="set-stop")
    progress = gr.HTML(elem_id="set-progress")
    by = gr.Dropdown(label=words("compare.reward"), visible=False, elem_id="set-by")
    result = gr.HTML(elem_id="set-verdict")
    with gr.Row(equal_height=True, visible=False, elem_classes="tight") as filters:
        kind = gr.Radio(
            [(words(f"answers.{one}"), one) for one in FILTERS],
            value="all",
            label=words("answers.filter"),
            scale=5,
            elem_id="set-filter",
        )
        page = gr.Number(1, label=words("time.page"), precision=0, minimum=1, scale=1, min_width=110)
    rows = gr.HTML(elem_id="set-rows")
    with gr.Group(visible=False) as export_box, gr.Row(equal_height=True, elem_classes="tight"):
        exports = [
            gr.Button(f"{words('set.export')}: {one.upper()}", size="sm", elem_id=f"set-{one}") for one in EXPORTS
        ]
        file = gr.File(visible=False, label=words("set.file"), elem_id="set-file")
    work = gr.State(None)

    def answer(
        names: list[str],
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
        added: tuple[Source, ...],
        *fields: Any,
    ) -> Iterator[tuple[Any, ...]]:
        """All answers, as they come. What the cache holds is there at once: starting again goes on."""
        question = Question(names, "", system, seed, temperature, top_p, budget, added)
        form = Form(*fields)
        try:
            plan = form.plan(clinic, question, words)
            form.scorers()
            form.judged_by()
        except FormUnusable as error:
            yield note(said(error, words.lang), "error"), None
            return
        made: Work | None = None
        try:
            for state in collect(clinic.pool, clinic.cache, plan):
                made = Work(plan, state.answers, missing=state.errors)
                yield collecting_html(state, words), made
        except OSError as error:
            yield note(words("set.no_cache", reason=error.strerror or said(error, words.lang)), "error"), made

    def judged(progress: str, now: Work | None, base: str | None, *fields: Any) -> Iterator[tuple[Any, ...]]:
        """The scores and the judge's choices, as they come. What is told of the answering stays above them."""
        if now is None or not now.answers.answers:
            yield progress, now  # a generator that yields nothing would empty what it fills: the refusal above too
            return
        form = Form(*fields)
        try:
            scorers, judge = form.scorers(), form.judged_by()
        except FormUnusable as error:
            yield note(said(error, words.lang), "error"), now
            return
        for state in score(now.answers, scorers) if scorers else ():
            work = replace(now, answers=state.answers, missing={**now.missing, **state.errors})
            told = scoring_html(state, words)
            yield progress + told, work
        if scorers:
            now, progress = work, progress + told
        if judge is not None and base in now.answers.sources:
            before, latest = progress, now
            for latest, pair in judging(now, judge, base):
                progress = before + judging_html(pair, words)
                yield progress, latest
            now = latest
        if form.chance and base in now.answers.sources:
            yield progress + chance_html(now, words), now
            for work in against_chance(clinic, now, base):
                yield progress + chance_html(work, words), work

    def conclude(now: Work | None, score: str | None, base: str | None, kind: Any) -> tuple[Any, ...]:
        """The verdict and the answers, once there are any."""
        found = now.compared(base) if now is not None else None
        if found is None:
            hidden = gr.update(visible=False)
            return hidden, "", hidden, hidden, gr.skip(), ""
        names, score = score_choice(found, score)
        count = pages(kept_rows(found.answers, base, score, kind))
        return (
            gr.update(choices=names, value=score, visible=len(names) > 1),
            result_html(found, score, words),
            gr.update(visible=True),
            gr.update(visible=True),
            gr.update(value=1, maximum=count, label=f"{words('time.page')} / {count}"),
            answers_html(found.answers, base, score, kind, 1, words),
        )

    def turn(now: Work | None, score: str | None, base: str | None, kind: Any, page: float | None) -> str:
        """Another page of the answers."""
        if now is None:
            return ""
        count = pages(kept_rows(now.answers, base, score, kind))
        return answers_html(now.answers, base, score, kind, min(max(1, int(page or 1)), count), words)

    def export(now: Work | None, base: str | None, kind: str) -> Any:
        """The comparison as a file."""
        found = now.compared(base) if now is not None else None
        return gr.skip() if found is None else gr.update(value=str(exported(found, kind, words)), visible=True)

    form: list[Any] = [run, path, most, seeds, rewards, reference, model, judge, chance]
    looked_at: list[Any] = [work, by, shared.base, kind]
    filled: dict[str, Any] = {
        "outputs": [progress, work],
        "concurrency_limit": JOBS,
        "concurrency_id": f"sets-{words.lang}",
        **QUIET,
    }
    end: dict[str, Any] = {
        "fn": conclude,
        "inputs": looked_at,
        "outputs": [by, result, export_box, filters, page, rows],
        **QUIET,
    }
    answering = go.click(answer, [shared.chosen, *shared.sampling, shared.added, *form], trigger_mode="once", **filled)
    scoring = answering.then(judged, [progress, work, shared.base, *form], **filled)
    scoring.then(**end)
    # What was answered before the stop is scored and judged as it is.
    stop.click(lambda: None, cancels=[answering, scoring], **QUIET).then(
        judged, [progress, work, shared.base, *form], **filled
    ).then(**end)
    gr.on([by.input, kind.input, shared.base.change], **end)
    page.input(turn, [*looked_at, page], rows, **QUIET)
    upload.upload(lambda file: file, upload, path, **QUIET)
    for button, one in zip(exports, EXPORTS, strict=True):
        button.click(partial(export, kind=one), [work, shared.base], file, **QUIET)

    def look(now: str | None, rewards: str) -> tuple[Any, ...]:
        """The runs with prompts; the first that is chosen brings its reward function with it."""
        names = runs_with_prompts(clinic)
        name = now if now in names else (names[-1] if names else None)
        filled = rewards if name == now else reward_of(clinic.run(name) if name else None) or rewards
        return gr.update(choices=names, value=name), filled

    shared.signature.change(look, [run, rewards], [run, rewards], **QUIET)
    run.input(lambda name: reward_of(clinic.run(name) if name else None), run, rewards, **QUIET)
    return [(lambda: look(None, ""), [run, rewards])]
