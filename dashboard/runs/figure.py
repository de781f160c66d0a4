"""The overlaid curves of one tag as a Plotly figure: the raw line behind, gaps, checkpoints and findings as marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.html import text
from dashboard.plots.curves import GRID, INK, MARK, flat_axis
from dashboard.runs.overlay import Curve, Pin
from dashboard.runs.selection import Look
from dashboard.texts import Words
from diagnostics.metrics import Metric
from diagnostics.report.words import module_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT = 250  # pixels
# So few points are dots as well as a line: a line of two evaluations is easily overlooked.
FEW = 12
PIN_COLOURS = {"error": MARK, "warning": "#E69F00", "info": "#56B4E9"}
# A single precision float is what an event file holds; steps are whole up to this one.
WHOLE = 2**24


def overlay_figure(
    curves: Sequence[Curve], look: Look, words: Words, *, unit: str = "", metric: Metric | None = None
) -> Figure:
    """The curves of one tag over each other. `unit`: that of the time axis; `metric`: its healthy limits are dotted lines."""
    import plotly.graph_objects as go  # here, because the page must not wait for it to be imported

    traces = [one for curve in curves for one in lines(curve, look, words)]
    traces += [one for curve in curves for one in marks(curve, look, words)]
    return go.Figure(data=traces, layout=layout_of(curves, look, words, unit=unit, metric=metric), _validate=False)


def layout_of(
    curves: Sequence[Curve], look: Look, words: Words, *, unit: str = "", metric: Metric | None = None
) -> dict[str, Any]:
    """The frame of a figure of these curves."""
    frame = layout(look, words, unit, limits_seen(curves, metric))
    frame["yaxis"] |= {} if look.log else flat_axis([curve.raw for curve in curves])
    return frame


def limits_seen(curves: Sequence[Curve], metric: Metric | None) -> list[float]:
    """The limits of the healthy range that lie among the drawn values: a far one would flatten the curves."""
    finite = [curve.y[np.isfinite(curve.y)] for curve in curves]
    values = np.concatenate(finite) if finite else np.empty(0)
    if metric is None or not len(values):
        return []
    return [float(one) for one in metric.healthy.limits if values.min() <= one <= values.max()]


def lines(curve: Curve, look: Look, words: Words) -> list[dict[str, Any]]:
    """A run's line; with smoothing the raw one, faint, behind it."""
    x, y = small(curve.x), small(curve.y)
    shared = {"type": "scatter", "x": x, "connectgaps": False, "mode": "lines+markers" if len(x) < FEW else "lines"}
    found = []
    line = {"color": curve.colour, "width": 2, "dash": curve.dash}
    told = "%{y:.5g}"
    extra: dict[str, Any] = {}
    if look.smoothing:
        faint = {**line, "width": 1}
        found.append(
            {**shared, "y": small(curve.raw), "line": faint, "opacity": 0.3, "hoverinfo": "skip", "showlegend": False}
        )
        extra = {"customdata": small(curve.raw)}
        told += f" ({text(words('runs.raw'))} %{{customdata:.5g}})"
    found.append(
        {**shared, **extra, "y": y, "line": line, "name": text(curve.run), "hovertemplate": told, "marker": {"size": 5}}
    )
    return found


def marks(curve: Curve, look: Look, words: Words) -> list[dict[str, Any]]:
    """Along the foot a run's checkpoints and the places of its values that are none; its findings on the line."""
    foot = {"type": "scatter", "yaxis": "y2", "mode": "markers", "showlegend": False}
    found: list[dict[str, Any]] = []
    if curve.checkpoints:
        found.append(
            {
                **foot,
                "x": [place for place, _ in curve.checkpoints],
                "y": [0.03] * len(curve.checkpoints),
                "marker": {"symbol": "triangle-up", "size": 8, "color": curve.colour, "opacity": 0.8},
                "name": text(curve.run),
                "text": [words("runs.mark_checkpoint", step=step) for _, step in curve.checkpoints],
                "hovertemplate": "%{text}",
            }
        )
    if len(curve.bad):
        found.append(
            {
                **foot,
                "x": small(curve.bad),
                "y": [0.1] * len(curve.bad),
                "marker": {"symbol": "x", "size": 7, "color": MARK, "line": {"color": curve.colour, "width": 1}},
                "name": text(curve.run),
                "hovertemplate": "NaN / inf",
            }
        )
    for pin in curve.pins:
        on_line = np.isfinite(pin.y) and (pin.y > 0 or not look.log)
        found.append(
            {
                **foot,
                "x": [pin.x],
                "y": [pin.y if on_line else 0.18],
                "yaxis": "y" if on_line else "y2",
                "marker": {
                    "symbol": "diamond",
                    "size": 12,
                    "color": PIN_COLOURS[pin.severity],
                    "line": {"color": curve.colour, "width": 2},
                },
                "name": text(curve.run),
                "text": [pin_words(pin, words)],
                "hovertemplate": "%{text}",
            }
        )
    return found


def pin_words(pin: Pin, words: Words) -> str:
    """What is said where a finding is marked."""
    title = module_of(pin.rule).WORDS[words.lang].title
    return text(words("runs.mark_finding", step=pin.step, title=title, rule=pin.rule))


def layout(look: Look, words: Words, unit: str, limits: Sequence[float]) -> dict[str, Any]:
    """The figure's frame, without a background, so that it takes the page's. A zoom is kept while the run goes on."""
    axis = {"gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID, "automargin": True}
    title = words(f"runs.axis_{look.x}", unit=words(f"runs.{unit}")) if unit else words(f"runs.axis_{look.x}")
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "family": "system-ui, sans-serif", "size": 12},
        "xaxis": {**axis, "title": {"text": title, "standoff": 4}, "showspikes": True, "spikemode": "across",
                  "spikethickness": 1, "spikedash": "dot", "spikecolor": INK, "hoverformat": ".6~g", **({"range": list(look.zoom)} if look.zoom else {})},
        "yaxis": {**axis, "type": "log" if look.log else "linear", "exponentformat": "power"},
        "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        "margin": {"l": 52, "r": 12, "t": 8, "b": 40},
        "height": HEIGHT,
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"font": {"color": "#1f2328", "size": 11}, "bgcolor": "rgba(246, 248, 250, 0.93)"},
        "shapes": [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": one, "y1": one, "layer": "below",
             "line": {"color": INK, "width": 1, "dash": "dot"}}
            for one in limits
        ],
        "uirevision": f"{look.x} {look.zoom}",
    }  # fmt: skip


def small(values: np.ndarray) -> np.ndarray:
    """Values as single precision floats, half as heavy on the way to the browser, where that loses no step."""
    return values.astype(np.float32) if not len(values) or np.nanmax(np.abs(values), initial=0.0) < WHOLE else values
