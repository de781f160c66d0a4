"""Curves as Plotly figures that read well on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.html import text
from dashboard.texts import Words
from diagnostics.compare.statistics.scores import scores_of
from diagnostics.finding import SeriesEvidence
from diagnostics.measure import curve_of
from diagnostics.report.curve import thinned, wants_log_scale
from diagnostics.run import Run, Series

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# More points than a plot has pixels cost time in the browser and show nothing.
MOST_POINTS = 1500
# Okabe and Ito's colours, told apart with any colour vision, the blue lightened for the dark page.
COLOURS = ("#2F8FD0", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D31", "#7F7F7F")
INK = "#8a8f98"  # the one grey that is legible on both backgrounds
LONGEST_LABEL = 24  # characters
GRID = "rgba(138, 143, 152, 0.25)"
MARK = "#D5202A"
FIRST_METRICS = ("train/loss", "eval/loss", "train/rewards/accuracies", "train/grad_norm", "train/learning_rate")


def metrics_of(runs: list[Run]) -> list[str]:
    """The tags of the runs, the telling ones first."""
    tags = {tag for run in runs for tag, series in run.series.items() if len(series) > 1}
    return [tag for tag in FIRST_METRICS if tag in tags] + sorted(tags - set(FIRST_METRICS))


def metric_figure(runs: list[Run], tag: str, words: Words, *, log_scale: bool = False) -> Figure:
    """One metric of several runs over their steps; a step whose value is not finite is marked at the foot."""
    figure = empty_figure(tag, words("axis.step"))
    for place, run in enumerate(runs):
        series = run.get(tag)
        if series is None:
            continue
        colour = COLOURS[place % len(COLOURS)]
        drawn = thinned(series, MOST_POINTS)
        figure.add_scatter(
            x=drawn.steps.tolist(),
            y=drawable(drawn.values),
            mode="lines+markers" if len(drawn) < 12 else "lines",
            name=text(run.name),
            line={"color": colour, "width": 2},
            connectgaps=False,
        )
        mark_not_finite(figure, series, colour, run.name)
    if log_scale:
        figure.update_yaxes(type="log")
    else:
        known = [series for run in runs if (series := run.get(tag)) is not None]
        figure.update_yaxes(flat_axis([series.values for series in known]))
    return figure


def evidence_figure(run: Run, shown: SeriesEvidence, words: Words) -> Figure | None:
    """The whole curve of a piece of evidence with its steps marked; None if the run no longer has it."""
    series = curve_of(run, shown.tag)
    if series is None:
        return None
    figure = empty_figure(shown.tag, words("axis.step"))
    drawn = thinned(series, MOST_POINTS)
    figure.add_scatter(
        x=drawn.steps.tolist(),
        y=drawable(drawn.values),
        mode="lines+markers" if len(drawn) < 40 else "lines",
        marker={"size": 4},
        line={"color": COLOURS[0], "width": 2},
        showlegend=False,
        name=text(shown.tag),
    )
    mark_not_finite(figure, series, COLOURS[0], shown.tag)
    for step in shown.marks[:1]:
        figure.add_vline(x=step, line={"color": MARK, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=step,
            y=1,
            yref="paper",
            text=words("diagnose.onset", step=step),
            showarrow=False,
            font={"color": MARK, "size": 12},
            xanchor="left",
            yanchor="bottom",
        )
    if wants_log_scale(series.values):
        figure.update_yaxes(type="log")
    else:
        figure.update_yaxes(flat_axis([series.values]))
    figure.update_layout(height=230, margin={"l": 55, "r": 15, "t": 45, "b": 40})
    return figure


def score_figure(runs: list[Run], reward: str, words: Words) -> Figure | None:
    """The score of every checkpoint in the order of training, with 95 % intervals; None if there are none."""
    figure = empty_figure(reward, "")
    named: list[tuple[str, str]] = []
    for place, run in enumerate(runs):
        scores = scores_of(run, reward)
        if not scores:
            continue
        named.append((text(f"{run.name} {scores[-1].step}"), text(short(run.name))))
        figure.add_scatter(
            x=[text(f"{run.name} {score.step}") for score in scores],
            y=[score.mean for score in scores],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [score.high - score.mean for score in scores],
                "arrayminus": [score.mean - score.low for score in scores],
                "thickness": 1.5,
            },
            mode="lines+markers",
            marker={"size": 8},
            line={"color": COLOURS[place % len(COLOURS)], "width": 1, "dash": "dot"},
            name=text(run.name),
        )
    # A run is named once below its points: a legend of ten would leave a narrow screen no room for the plot.
    figure.update_xaxes(tickmode="array", tickvals=[one for one, _ in named], ticktext=[name for _, name in named])
    figure.update_layout(height=320, showlegend=False)
    return figure if named else None


def short(name: str) -> str:
    """A name that leaves a plot its room."""
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def flat_axis(drawn: Sequence[np.ndarray]) -> dict[str, Any]:
    """The range of an axis whose values are all the same: half as much again to each side; nothing for any others.

    Plotly draws such a line in the middle of 2, so that a learning rate of 1e-5 looks like none.
    """
    finite = [values[np.isfinite(values)] for values in drawn]
    values = np.concatenate(finite) if finite else np.empty(0)
    if not len(values) or values.min() != values.max() or values[0] == 0:
        return {}
    value = float(values[0])
    return {"range": sorted((value / 2, value * 1.5)), "autorange": False}


def drawable(values: np.ndarray) -> list[float | None]:
    """Values with None where they are not finite, which Plotly leaves as a gap."""
    return [float(value) if np.isfinite(value) else None for value in values]


def mark_not_finite(figure: Any, series: Series, colour: str, name: str) -> None:
    """Crosses along the foot of a plot at the steps whose value is NaN or infinite."""
    bad = ~np.isfinite(series.values)
    if bad.any():
        figure.add_scatter(
            x=series.steps[bad][:MOST_POINTS].tolist(),
            y=[0.02] * int(min(bad.sum(), MOST_POINTS)),
            yaxis="y2",
            mode="markers",
            marker={"symbol": "x", "size": 7, "color": MARK, "line": {"color": colour, "width": 1}},
            name=text(f"{name}: NaN"),
            hovertemplate="NaN / inf, step %{x}<extra></extra>",
        )
        figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def empty_figure(title: str, x_title: str) -> Figure:
    """A figure without background, so that it takes the page's."""
    import plotly.graph_objects as go  # here, because the page must not wait for it to be imported

    axis = {"gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID, "automargin": True}
    return go.Figure(
        layout={
            "template": "none",
            "title": {"text": text(title), "font": {"size": 14}, "x": 0.01, "y": 0.97},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": INK, "family": "system-ui, sans-serif", "size": 12},
            "xaxis": {**axis, "title": {"text": x_title, "standoff": 6}},
            "yaxis": axis,
            "margin": {"l": 55, "r": 15, "t": 50, "b": 45},
            "height": 280,
            "showlegend": True,
            "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
            "hovermode": "x unified",
            "hoverlabel": {"font": {"color": "#1f2328"}, "bgcolor": "#f6f8fa"},
        }
    )
