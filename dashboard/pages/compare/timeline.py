"""Timeline: the same prompts through all checkpoints of a run, under one slider that is tied to the curves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.clinic import Clinic
from dashboard.compare.comparison import Question
from dashboard.compare.timeline import (
    curve_of,
    kept_html,
    live_html,
    nearest,
    pages_of,
    runs_with_steps,
    state_of,
)
from dashboard.html import note
from dashboard.pages.compare.shared import QUIET, STREAMS, Shared
from dashboard.plots.curves import metrics_of
from dashboard.texts import Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import checkpoints_of
from diagnostics.compare.models.writers import answer_rows

# gr.Plot has no event that tells the point: Plotly's own is handed on. The plot is made anew now and then, so it is
# looked for again and again while this element stands on the page.
CLICKS = """
const look = setInterval(() => {
  if (!element.isConnected) return clearInterval(look);
  const plot = document.querySelector('#time-curve .js-plotly-plot');
  if (!plot || !plot.on || plot.clinicClicks === plot._fullLayout) return;
  plot.clinicClicks = plot._fullLayout;
  plot.removeAllListeners('plotly_click');
  plot.on('plotly_click', event => trigger('click', {step: event.points[0].x}));
}, 250);
"""


def build(clinic: Clinic, words: Words, shared: Shared) -> list[Any]:
    """Lay out the tab and wire it. Returns what is to happen when the page is opened, and what it fills."""
    with gr.Row(equal_height=True):
        run = gr.Dropdown(label=words("time.run"), elem_id="time-run", scale=2)
        tag = gr.Dropdown(label=words("time.curve"), elem_id="time-tag", scale=2)
    curve = gr.Plot(show_label=False, elem_id="time-curve")
    click = gr.HTML(js_on_load=CLICKS, elem_classes="tight")
    with gr.Row(equal_height=True, elem_classes="tight"):
        back = gr.Button("‹", min_width=44, scale=0, elem_id="time-back")
        slider = gr.Slider(0, 1, step=1, value=0, label=words("time.none"), elem_id="time-slider", buttons=[], scale=8)
        forth = gr.Button("›", min_width=44, scale=0, elem_id="time-forth")
    with gr.Row(equal_height=True):
        prompt = gr.Textbox(
            label=words("time.own"), placeholder=words("time.own_hint"), lines=1, scale=6, elem_id="time-prompt"
        )
        go = gr.Button(
            words("time.go"), variant="primary", min_width=120, scale=1, elem_id="time-go", elem_classes="low"
        )
        stop = gr.Button(words("compare.stop"), min_width=90, scale=1, elem_classes="low")
    live = gr.HTML(elem_id="time-live")
    gr.HTML(f"<h3>{words('time.kept_title')}</h3>")
    with gr.Row(equal_height=True, elem_classes="tight"):
        diff = gr.Checkbox(True, label=words("time.diff"), container=False, scale=4)
        page = gr.Number(1, label=words("time.page"), precision=0, minimum=1, scale=1, min_width=110, visible=False)
    kept = gr.HTML(elem_id="time-kept")
    panes = gr.State(())
    asked = gr.State("")

    def choose(name: str | None, tag: str | None, place: float | None, step: float | None = None) -> tuple[Any, ...]:
        """The slider, the curves and the runs, once a run was chosen or has grown. `step`: go to the nearest to it."""
        names = runs_with_steps(clinic)
        if name not in names:
            name, place = (names[-1], None) if names else (None, None)
        found = state_of(clinic, name)
        if found is None:
            return gr.update(choices=names, value=name), gr.skip(), gr.update(label=words("time.none"))
        one, steps = found
        tags = metrics_of([one])
        tag = tag if tag in tags else (tags[0] if tags else None)
        if step is not None:
            place = steps.index(nearest(steps, step))
        at = min(int(place), len(steps) - 1) if place is not None else len(steps) - 1
        return (
            gr.update(choices=names, value=name),
            gr.update(choices=tags, value=tag),
            gr.update(maximum=max(1, len(steps) - 1), value=at, label=label(steps, at), interactive=len(steps) > 1),
        )

    def label(steps: list[int], at: int) -> str:
        return words("time.slider", step=steps[at], place=at + 1, count=len(steps))

    def show(
        name: str | None, tag: str | None, place: float, page: float, diff: bool, panes: tuple[Pane, ...], asked: str
    ) -> tuple[Any, ...]:
        """What is to be seen at the slider's step."""
        found = state_of(clinic, name)
        if found is None:
            return gr.update(visible=False), note(words("time.nothing")), gr.skip(), gr.skip(), gr.skip()
        one, steps = found
        at = min(int(place), len(steps) - 1)
        step = steps[at]
        figure = curve_of(one, tag, step, words)
        pages = pages_of(one, step)
        page = min(max(1, int(page or 1)), pages)
        of_this = [pane for pane in panes if pane.source.run == name]
        return (
            gr.update(value=figure, visible=figure is not None),
            kept_html(one, step, page, words, diff=diff),
            gr.update(label=label(steps, at)),
            gr.update(value=page, maximum=pages, visible=pages > 1, label=f"{words('time.page')} / {pages}"),
            live_html(of_this, step, asked, words),
        )

    def clicked(name: str | None, tag: str | None, place: float, event: gr.EventData) -> tuple[Any, ...]:
        """The nearest step to a click on the curve. What the browser sends is not to be trusted."""
        try:
            step = float(event.step)
        except (AttributeError, TypeError, ValueError):
            return gr.skip(), gr.skip(), gr.skip()
        return choose(name, tag, place, step if step == step else None)

    def move(name: str | None, place: float, by: int) -> Any:
        found = state_of(clinic, name)
        return max(0, min(int(place) + by, len(found[1]) - 1)) if found else gr.skip()

    def answer(
        name: str | None,
        place: float,
        prompt: str,
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
    ) -> Iterator[tuple[Any, ...]]:
        """A prompt of the user's own through all checkpoints, as it is answered."""
        found = state_of(clinic, name)
        sources = checkpoints_of([found[0]]) if found else []
        if found is None or not sources:
            yield note(words("time.no_checkpoints"), "error"), gr.skip(), gr.skip()
            return
        question = Question([one.name for one in sources], prompt, system, seed, temperature, top_p, budget)
        problem = question.problem(words)
        if problem:
            yield note(problem, "error"), gr.skip(), gr.skip()
            return
        step = found[1][min(int(place), len(found[1]) - 1)]
        state: list[Pane] = []
        for state in answer_rows(clinic.pool, question.rows(sources)):
            yield live_html(state, step, prompt, words), gr.skip(), gr.skip()
        yield gr.skip(), tuple(state), prompt

    shown: dict[str, Any] = {
        "fn": show,
        "inputs": [run, tag, slider, page, diff, panes, asked],
        "outputs": [curve, kept, slider, page, live],
        **QUIET,
    }
    places = [run, tag, slider]
    run.input(lambda name, tag: choose(name, tag, None), [run, tag], places, **QUIET).then(**shown)
    gr.on([slider.input, tag.input, page.input, diff.input], trigger_mode="always_last", **shown)
    back.click(lambda name, place: move(name, place, -1), [run, slider], slider, **QUIET).then(**shown)
    forth.click(lambda name, place: move(name, place, 1), [run, slider], slider, **QUIET).then(**shown)
    click.click(clicked, places, places, **QUIET).then(**shown)
    asking = gr.on(
        [go.click, prompt.submit],
        answer,
        [run, slider, prompt, *shared.sampling],
        [live, panes, asked],
        concurrency_limit=STREAMS,
        **QUIET,
    )
    stop.click(lambda: None, cancels=[asking], **QUIET)
    shared.signature.change(choose, places, places, **QUIET).then(**shown)

    def from_address(request: gr.Request) -> tuple[Any, ...]:
        """The run and the step that the address names."""
        query = request.query_params
        step = query.get("step", "")
        return choose(query.get("run"), query.get("curve"), None, float(step) if step.isdigit() else None)

    return [(from_address, places)]
