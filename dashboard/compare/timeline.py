"""The timeline of a run: which steps can be shown, which is nearest to a click, what was answered at a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboard.clinic import Clinic
from dashboard.compare.diff_view import diff_html
from dashboard.compare.panes_view import answer_html, body_html
from dashboard.html import note, pill, text
from dashboard.plots.curves import MARK, metric_figure
from dashboard.texts import Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.statistics.scores import samples_at
from diagnostics.compare.texts.differ import differ
from diagnostics.run import Run, Sample
from diagnostics.run.refusal import said

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Rows of kept answers on one page of the list.
PAGE = 8


def runs_with_steps(clinic: Clinic) -> list[str]:
    """The runs that have something to show: kept answers or checkpoints."""
    return [run.name for run in clinic.answering_runs() if steps_of(run)]


def runs_with_checkpoints(clinic: Clinic) -> list[str]:
    """The runs among whose checkpoints a first broken one can be looked for."""
    return [run.name for run in clinic.answering_runs() if len(run.checkpoints) > 1]


def steps_of(run: Run) -> list[int]:
    """The steps at which the run kept answers or saved a checkpoint, ascending."""
    return sorted({sample.step for sample in run.samples} | set(run.checkpoints))


def nearest(steps: Sequence[int], step: float) -> int:
    """The step nearest to a place on the axis; of two as near, the earlier: what was there already."""
    return min(steps, key=lambda one: (abs(one - step), one))


def before(steps: Sequence[int], step: int) -> int | None:
    """The step shown before this one, None for the first."""
    earlier = [one for one in steps if one < step]
    return earlier[-1] if earlier else None


def pages_of(run: Run, step: int) -> int:
    """How many pages the answers kept at a step fill."""
    return max(1, math.ceil(len(samples_at(run, step)) / PAGE))


def kept_html(run: Run, step: int, page: int, words: Words, *, diff: bool = True) -> str:
    """A page of the answers kept at a step, each against that of the step before; pages count from 1."""
    samples = samples_at(run, step)
    if not samples:
        return note(words("time.none_kept", step=step))
    earlier = before(sorted({one.step for one in run.samples}), step)
    old = {one.prompt: one for one in samples_at(run, earlier)} if earlier is not None else {}
    shown = samples[(page - 1) * PAGE : page * PAGE]
    rows = "".join(sample_row(one, old.get(one.prompt) if diff else None, words) for one in shown)
    changed = sum(one.prompt in old and old[one.prompt].completion != one.completion for one in samples)
    told = words("time.kept", count=len(samples), step=step)
    if earlier is not None:
        told += " " + words("time.changed", changed=changed, earlier=earlier)
    return (
        f'<div class="quiet">{text(told)}</div><div class="scroll"><table class="answers timeline">{rows}</table></div>'
    )


def sample_row(sample: Sample, old: Sample | None, words: Words) -> str:
    """One kept answer: the prompt, what was answered, how it was scored, and how that moved."""
    if old is not None and old.completion != sample.completion:
        answer = f'<div class="answer diff">{diff_html(differ(old.completion, sample.completion))}</div>'
    else:
        answer = f'<div class="answer">{answer_html(sample.completion, words)}</div>'
    scores = " ".join(
        score_html(name, value, old.rewards.get(name) if old else None) for name, value in sample.rewards.items()
    )
    return f'<tr><th scope="row">{text(sample.prompt)}</th><td>{answer}</td><td class="scores">{scores}</td></tr>'


def score_html(name: str, value: float, old: float | None) -> str:
    """A score with its move since the step before; the arrow tells the direction without colour."""
    move = ""
    if isinstance(old, int | float) and value != old:
        kind, arrow = ("good", "▲") if value > old else ("error", "▼")
        move = f" {pill(f'{arrow} {value - old:+.2g}', kind)}"
    return f'<span title="{text(name)}">{text(name)} <b>{value:.3g}</b>{move}</span>'


def curve_of(run: Run, tag: str | None, step: int | None, words: Words) -> Figure | None:
    """One curve of a run with the shown step marked, and the steps that can be shown along its foot."""
    if tag is None or run.get(tag) is None:
        return None
    figure = metric_figure([run], tag, words)
    steps = steps_of(run)
    figure.add_scatter(
        x=steps,
        y=[0.0] * len(steps),
        yaxis="y2",
        mode="markers",
        marker={"symbol": "triangle-up", "size": 10, "color": MARK},
        name=words("time.stops"),
        hovertemplate="%{x}<extra></extra>",
    )
    # A click anywhere counts for the point nearest along the steps, however far it is.
    figure.update_layout(
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        hovermode="x",
        hoverdistance=-1,
    )
    if step is not None:
        figure.add_vline(x=step, line={"color": MARK, "width": 1.5, "dash": "dot"})
    return figure


def live_html(panes: Sequence[Pane], step: int, prompt: str, words: Words) -> str:
    """A prompt of one's own through all checkpoints, each against the one before; the one nearest to the slider set off."""
    if not panes:
        return ""
    here = nearest([pane.source.step or 0 for pane in panes], step)
    rows = []
    old: Pane | None = None
    for pane in panes:
        if pane.state == "error":
            body = note(said(pane.error or "", words.lang), "error")
        elif pane.state == "done" and old is not None and old.text != pane.text:
            body = f'<div class="answer diff">{diff_html(differ(old.text, pane.text))}</div>'
        else:
            body = body_html(pane, words)
        same = pane.state == "done" and old is not None and old.text == pane.text
        mark = ' class="here" aria-current="true"' if pane.source.step == here else ""
        unchanged = f" <small>{text(words('time.unchanged'))}</small>" if same else ""
        step_told = words("time.step", step=pane.source.step)
        rows.append(f'<tr{mark}><th scope="row">{text(step_told)}{unchanged}</th><td>{body}</td></tr>')
        old = pane if pane.state == "done" else old
    return (
        f'<div class="asked">{text(prompt)}</div>'
        f'<div class="scroll"><table class="answers timeline">{"".join(rows)}</table></div>'
    )


def state_of(clinic: Clinic, name: str | None) -> tuple[Run, list[int]] | None:
    """A run and its steps; None if there is no such run or nothing to show of it."""
    run: Any = clinic.run(name) if name else None
    return (run, steps_of(run)) if run is not None and steps_of(run) else None
