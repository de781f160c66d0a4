"""Runs: what is being trained, how far it is, and its curves."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.curves import metric_figure, metrics_of
from dashboard.pages.header import header
from dashboard.runs_view import demo_strip, runs_table
from dashboard.selection import Selection
from dashboard.texts import Words

POLL_SECONDS = 1.0
PLOTS = 6


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Nothing is to happen when it is opened."""
    header("runs", words, addresses)
    strip = gr.HTML()
    with gr.Row(elem_classes="tight"):
        demo = gr.Button(words("runs.start_demo"), variant="primary", visible=False, scale=0, min_width=200)
    table = gr.HTML()
    gr.HTML(f"<h3>{words('runs.curves')}</h3>")
    with gr.Row(equal_height=True):
        chosen = gr.Dropdown(label=words("runs.choose_runs"), multiselect=True, scale=3)
        metrics = gr.Dropdown(label=words("runs.choose_metrics"), multiselect=True, max_choices=PLOTS, scale=3)
        log_scale = gr.Checkbox(label=words("runs.log_scale"), scale=1, min_width=120)
    with gr.Row(elem_classes="plots"):
        plots = [gr.Plot(show_label=False, visible=False, min_width=380) for _ in range(PLOTS)]

    signature = gr.State("")
    selection = gr.State(Selection())

    def look(selection: Selection) -> tuple[Any, ...]:
        """Everything on the page that depends on the runs; new runs join the curves unless the user has chosen."""
        runs, _ = clinic.runs()
        selection = selection.seeing([run.name for run in runs], metrics_of(runs))
        state = clinic.demo_state()
        label = words("runs.resume_demo" if clinic.demo_plan() else "runs.start_demo")
        unfinished = any(
            (run := clinic.run(stage["name"])) is None or run.status.state != "finished" for stage in clinic.demo_plan()
        )
        return (
            demo_strip(clinic, words),
            gr.update(value=label, visible=state != "running" and (state == "none" or unfinished)),
            runs_table(clinic, words, addresses),
            gr.update(choices=list(selection.runs_known), value=list(selection.runs)),
            gr.update(choices=list(selection.metrics_known), value=list(selection.metrics)),
            selection,
        )

    def draw(selection: Selection, log: bool) -> list[Any]:
        """The chosen metrics of the chosen runs, one plot each."""
        runs = [run for run in clinic.runs()[0] if run.name in selection.runs]
        tags = [tag for tag in selection.metrics if any(run.get(tag) for run in runs)][:PLOTS]
        figures = [gr.update(value=metric_figure(runs, tag, words, log_scale=log), visible=True) for tag in tags]
        return figures + [gr.update(visible=False)] * (PLOTS - len(figures))

    shown = [strip, demo, table, chosen, metrics, selection]
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    gr.Timer(POLL_SECONDS).tick(clinic.signature, outputs=signature, **quiet)
    signature.change(look, selection, shown, **quiet).then(draw, [selection, log_scale], plots, **quiet)
    chosen.input(Selection.choosing_runs, [selection, chosen], selection, **quiet).then(
        draw, [selection, log_scale], plots, **quiet
    )
    metrics.input(Selection.choosing_metrics, [selection, metrics], selection, **quiet).then(
        draw, [selection, log_scale], plots, **quiet
    )
    log_scale.input(draw, [selection, log_scale], plots, **quiet)
    demo.click(clinic.start_demo, **quiet)
    return []
