"""Prompt set: all chosen sources answer many prompts; the verdict first, then the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.answers_view import FILTERS, answers_html, kept_rows, pages
from dashboard.clinic import Clinic
from dashboard.comparison import Question
from dashboard.html import note
from dashboard.pages.compare.shared import QUIET, Shared
from dashboard.prompt_job import Form, FormUnusable, collecting_html, result_html, score_choice, scoring_html
from dashboard.prompt_sets import reward_of, runs_with_prompts
from dashboard.texts import Words
from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.collect import Collected, collect
from diagnostics.compare.references import METRICS
from diagnostics.compare.scorers import Scored, score

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
    with gr.Accordion(words("set.scorers"), open=True, elem_id="set-scorers"):
        with gr.Row():
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
        with gr.Row():
            judge = gr.Textbox(label=words("set.judge"), placeholder="http://127.0.0.1:8000/v1#model", lines=1, scale=3)
            rubric = gr.Textbox(label=words("set.rubric"), lines=1, scale=5)
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
    answers = gr.State(None)

    def answer(
        names: list[str],
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
        added: Any,
        *fields: Any,
    ) -> Iterator[tuple[Any, ...]]:
        """All answers, as they come. What the cache holds is there at once: starting again goes on."""
        question = Question(names, "", system, seed, temperature, top_p, budget, added)
        form = Form(*fields)
        try:
            plan = form.plan(clinic, question, words)
            form.scorers()
        except FormUnusable as error:
            yield note(str(error), "error"), None
            return
        state: Collected | None = None
        try:
            for state in collect(clinic.pool, clinic.cache, plan):
                yield collecting_html(state, words), state.answers
        except OSError as error:
            yield note(words("set.no_cache", reason=error.strerror or error), "error"), state.answers if state else None

    def judged(progress: str, now: AnswerSet | None, *fields: Any) -> Iterator[tuple[Any, ...]]:
        """The scores, as they come. What is told of the answering stays above them."""
        if now is None or not now.answers:
            return
        try:
            scorers = Form(*fields).scorers()
        except FormUnusable as error:
            yield note(str(error), "error"), now
            return
        state: Scored | None = None
        for state in score(now, scorers) if scorers else ():
            yield progress + scoring_html(state, words), state.answers

    def conclude(now: AnswerSet | None, score: str | None, base: str | None, kind: Any) -> tuple[Any, ...]:
        """The verdict and the answers, once there are any."""
        if now is None or not now.answers:
            return gr.update(visible=False), "", gr.update(visible=False), gr.skip(), ""
        names, score = score_choice(now, score)
        count = pages(kept_rows(now, base, score, kind))
        return (
            gr.update(choices=names, value=score, visible=len(names) > 1),
            result_html(now, score, base, words),
            gr.update(visible=True),
            gr.update(value=1, maximum=count, label=f"{words('time.page')} / {count}"),
            answers_html(now, base, score, kind, 1, words),
        )

    def turn(now: AnswerSet | None, score: str | None, base: str | None, kind: Any, page: float | None) -> str:
        """Another page of the answers."""
        if now is None:
            return ""
        count = pages(kept_rows(now, base, score, kind))
        return answers_html(now, base, score, kind, min(max(1, int(page or 1)), count), words)

    form: list[Any] = [run, path, most, seeds, rewards, reference, model, judge, rubric]
    looked_at: list[Any] = [answers, by, shared.base, kind]
    filled: dict[str, Any] = {
        "outputs": [progress, answers],
        "concurrency_limit": JOBS,
        "concurrency_id": f"sets-{words.lang}",
        **QUIET,
    }
    end: dict[str, Any] = {"fn": conclude, "inputs": looked_at, "outputs": [by, result, filters, page, rows], **QUIET}
    answering = go.click(answer, [shared.chosen, *shared.sampling, shared.added, *form], trigger_mode="once", **filled)
    scoring = answering.then(judged, [progress, answers, *form], **filled)
    scoring.then(**end)
    # What was answered before the stop is scored and judged as it is.
    stop.click(lambda: None, cancels=[answering, scoring], **QUIET).then(
        judged, [progress, answers, *form], **filled
    ).then(**end)
    gr.on([by.input, kind.input, shared.base.change], **end)
    page.input(turn, [*looked_at, page], rows, **QUIET)
    upload.upload(lambda file: file, upload, path, **QUIET)

    def look(now: str | None, rewards: str) -> tuple[Any, ...]:
        """The runs with prompts; the first that is chosen brings its reward function with it."""
        names = runs_with_prompts(clinic)
        name = now if now in names else (names[-1] if names else None)
        filled = rewards if name == now else reward_of(clinic.run(name) if name else None) or rewards
        return gr.update(choices=names, value=name), filled

    shared.signature.change(look, [run, rewards], [run, rewards], **QUIET)
    run.input(lambda name: reward_of(clinic.run(name) if name else None), run, rewards, **QUIET)
    return []
