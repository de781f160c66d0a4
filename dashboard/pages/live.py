"""The part of the Train page that shows a run at work, and stops or resumes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.pages.beat import beat, drawn
from dashboard.texts import Words
from dashboard.train.job import Refused, resume, stop
from dashboard.train.live_view import CURVES, console_html, figures, order, signature, status_html
from diagnostics.run import Run

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Live:
    """The panel's parts that the page wires: the chosen run, the button that fills the form as it, what fills the panel."""

    run: gr.Dropdown
    duplicate: gr.Button
    opened: tuple[Any, list[Any]]


def live(clinic: Clinic, words: Words, addresses: Addresses, started: gr.State) -> Live:
    """Lay out the panel and wire it; `started`: the name of a run that the page has just started."""
    gr.HTML(f"<h2>{words('train.live')}</h2>", elem_classes="tight", padding=False)
    with gr.Row(elem_classes="live-controls"):
        chosen = gr.Dropdown(label=words("train.run"), scale=3, min_width=200, elem_id="live-run")
        halt = gr.Button(words("train.stop"), size="sm", scale=1, min_width=120, elem_id="live-stop")
        go_on = gr.Button(words("train.resume"), size="sm", scale=1, min_width=120, elem_id="live-resume")
        duplicate = gr.Button(words("train.duplicate"), size="sm", scale=1, min_width=120, elem_id="live-duplicate")
    said = gr.HTML(elem_id="live-said", padding=False)
    status = gr.HTML(elem_id="live-status", padding=False)
    with gr.Row(elem_classes="plots"):
        plots = [gr.Plot(visible=False, show_label=False, elem_id=f"live-curve-{at}") for at in range(CURVES)]
    console = gr.HTML(elem_id="live-console", padding=False)
    pulse = beat(lambda name: signature(clinic.run(name) if name else None), clinic.pace)
    shown = [status, *plots, console, halt, go_on, duplicate, pulse]

    def panel(run: Run | None) -> list[Any]:
        """All that the panel shows of a run."""
        seen = signature(run)
        curves: list[Any] = figures(run, words)
        curves += [None] * (CURVES - len(curves))
        active = run is not None and run.status.active
        ended = run is not None and not run.status.active
        return [
            status_html(run, words, addresses.href("diagnose", words.lang)),
            *(gr.update(value=one, visible=one is not None) for one in curves),
            console_html(run, words),
            gr.update(interactive=active),
            gr.update(
                interactive=ended and run is not None and run.status.state != "finished" and bool(run.checkpoints)
            ),
            gr.update(interactive=run is not None and bool(run.asked)),
            drawn(seen, of=run.name if run else ""),
        ]

    def chosen_now(name: str | None) -> list[Any]:
        """The panel of the run that is chosen."""
        return panel(clinic.run(name) if name else None)

    def there(name: str | None) -> list[Any]:
        """The runs to choose from, the one at work first."""
        runs = [run.name for run in order(clinic.runs()[0])]
        name = name if name in runs else runs[0] if runs else None
        return [gr.update(choices=runs, value=name), *chosen_now(name)]

    def halted(name: str | None) -> str:
        """Ask the run to end."""
        return done(clinic, name, stop, "train.stopping", words)

    def gone_on(name: str | None) -> str:
        """Go on with the run."""
        return done(clinic, name, resume, "train.resumed", words)

    pulse.changed(chosen_now, chosen, shown, trigger_mode="once", **QUIET)
    chosen.input(chosen_now, chosen, shown, **QUIET)
    started.change(there, started, [chosen, *shown], **QUIET)
    halt.click(halted, chosen, said, trigger_mode="once", **QUIET)
    go_on.click(gone_on, chosen, said, trigger_mode="once", **QUIET)
    return Live(chosen, duplicate, (lambda: there(None), [chosen, *shown]))


def done(clinic: Clinic, name: str | None, act: Callable[[Path, str], None], success: str, words: Words) -> str:
    """Do something to a run of this folder and say how it went."""
    run = clinic.run(name) if name else None
    if run is None:
        return note(words("diagnose.gone", name=name or "-"), "error")
    try:
        act(run.path, words.lang)
    except Refused as error:
        return note(str(error), "error")
    return note(words(success, name=run.name), "good")
