"""Compare: several checkpoints answer the same prompt side by side; what their kept scores say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.comparison import Question, choices, first_choice, named, rewards_of, verdict_html
from dashboard.curves import score_figure
from dashboard.html import note
from dashboard.pages.header import header
from dashboard.panes_view import panes_html
from dashboard.texts import Words
from diagnostics.compare.writers import answer_rows

POLL_SECONDS = 1.0


def build(clinic: Clinic, words: Words, addresses: Addresses) -> Any:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    header("compare", words, addresses)
    chosen = gr.Dropdown(
        label=words("compare.checkpoints"),
        info=words("compare.checkpoints_help"),
        multiselect=True,
        elem_id="checkpoints",
    )
    with gr.Row(equal_height=True):
        prompt = gr.Textbox(
            label=words("compare.prompt"), placeholder=words("compare.prompt_hint"), lines=2, scale=6, elem_id="prompt"
        )
        with gr.Column(scale=1, min_width=140):
            go = gr.Button(words("compare.go"), variant="primary", elem_id="go")
            stop = gr.Button(words("compare.stop"), elem_id="stop")
    examples = gr.Dataset(
        components=[prompt], samples=[], label=words("compare.examples"), type="values", visible=False
    )
    with gr.Accordion(words("compare.sampling"), open=False, elem_id="sampling"):
        system = gr.Textbox(label=words("compare.system"), lines=1)
        with gr.Row():
            seed = gr.Number(label=words("compare.seed"), value=0, precision=0, minimum=0, min_width=120)
            temperature = gr.Slider(
                0, 2, value=0, step=0.05, label=words("compare.temperature"), min_width=200, elem_id="temperature"
            )
            top_p = gr.Slider(0.05, 1, value=1, step=0.05, label=words("compare.top_p"), min_width=200)
            budget = gr.Slider(
                1, 1024, value=128, step=1, label=words("compare.max_new_tokens"), min_width=200, elem_id="budget"
            )
    panes = gr.HTML(elem_id="panes")
    gr.HTML(f"<h3>{words('compare.scores')}</h3>")
    verdict = gr.HTML(elem_id="verdict")
    reward = gr.Dropdown(label=words("compare.reward"), visible=False)
    scores = gr.Plot(show_label=False, visible=False)

    signature = gr.State("")
    touched = gr.State(False)

    def look(now: list[str], touched: bool, reward: str | None) -> tuple[Any, ...]:
        """The checkpoints that are there, the prompts to try, the scores so far."""
        there = choices(clinic)
        value = [one for one in now if one in there] if touched else first_choice(clinic)
        prompts = clinic.example_prompts()
        rewards = rewards_of(clinic)
        reward = reward if reward in rewards else (rewards[0] if rewards else None)
        figure = score_figure(clinic.runs()[0], reward, words) if reward else None
        return (
            gr.update(choices=there, value=value),
            gr.update(samples=[[one] for one in prompts], visible=bool(prompts)),
            verdict_html(clinic, value, reward, words),
            gr.update(choices=rewards, value=reward, visible=len(rewards) > 1),
            gr.update(value=figure, visible=figure is not None),
        )

    def from_address(request: gr.Request) -> tuple[Any, ...]:
        """The checkpoints and the prompt that the address names; the workers are started while the user reads."""
        clinic.pool.warm_up(2)
        query = request.query_params
        there = choices(clinic)
        wanted = [one for one in query.get("checkpoints", "").split(",") if one in there]
        filled = gr.update(choices=there, value=wanted) if wanted else gr.skip()
        # What the user has begun to type is left alone.
        prompt = query["prompt"] if "prompt" in query else gr.skip()
        return filled, prompt, bool(wanted)

    def answer(
        names: list[str], prompt: str, system: str, seed: float, temperature: float, top_p: float, budget: float
    ) -> Iterator[str]:
        """The panes as they are written."""
        question = Question(names, prompt, system, seed, temperature, top_p, budget)
        problem = question.problem(words)
        if problem:
            yield note(problem, "error")
            return
        for state in answer_rows(clinic.pool, question.rows(named(clinic, names))):
            yield panes_html(state, prompt, words)

    def judge(names: list[str], reward: str | None) -> str:
        """The verdict over the kept scores of the first and the last chosen checkpoint."""
        return verdict_html(clinic, names, reward, words)

    def draw(reward: str) -> Any:
        """The scores by another reward."""
        return score_figure(clinic.runs()[0], reward, words)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asked = [chosen, prompt, system, seed, temperature, top_p, budget]
    gr.on([go.click, prompt.submit], lambda: gr.update(interactive=False), outputs=go, **quiet)
    answering = gr.on([go.click, prompt.submit], answer, asked, panes, concurrency_limit=8, **quiet)
    answering.then(lambda: gr.update(interactive=True), outputs=go, **quiet)
    stop.click(lambda: gr.update(interactive=True), outputs=go, cancels=[answering], **quiet)
    examples.click(lambda sample: sample[0], examples, prompt, **quiet).then(
        lambda: gr.update(interactive=False), outputs=go, **quiet
    ).then(answer, asked, panes, concurrency_limit=8, **quiet).then(
        lambda: gr.update(interactive=True), outputs=go, **quiet
    )
    chosen.input(lambda: True, outputs=touched, **quiet)
    chosen.change(judge, [chosen, reward], verdict, **quiet)
    reward.input(draw, reward, scores, **quiet).then(judge, [chosen, reward], verdict, **quiet)
    gr.Timer(POLL_SECONDS).tick(clinic.signature, outputs=signature, **quiet)
    signature.change(look, [chosen, touched, reward], [chosen, examples, verdict, reward, scores], **quiet)
    return from_address, [chosen, prompt, touched]
