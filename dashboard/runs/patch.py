"""What of the table and the plots one open page has not yet, as one message: rows, plots and curves that changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.clinic import Clinic
from dashboard.runs.figure import layout_of, lines, marks
from dashboard.runs.now import Plot, Seen, curves_now
from dashboard.runs.selection import Look
from dashboard.runs.table import Table
from dashboard.sent import Sent
from dashboard.texts import Words


def rows_changed(sent: Sent, table: Table) -> dict[str, str]:
    """The rows that are not as the page has them. A table whose frame changed is sent whole, apart from this."""
    known: Mapping[str, str] = sent.parts.get("rows", {})
    whole = sent.differs("table", table.frame)
    sent.parts["rows"] = dict(table.rows)
    return {} if whole else {name: row for name, row in table.rows.items() if known.get(name) != row}


def plots_changed(
    sent: Sent, plots: Sequence[Plot], make: Callable[[Plot], Mapping[str, Any]]
) -> list[dict[str, Any]] | None:
    """The plots in their order, of each only what is not as the page has it; None if nothing is.

    `make` draws one: `layout`, and `curves` by run. A tag alone stands for a plot that is as it was.
    """
    known: Mapping[str, Plot] = sent.parts.get("plots", {})
    sent.parts["plots"] = {plot.tag: plot for plot in plots}
    if list(known.values()) == list(plots):
        return None
    return [one_changed(known.get(plot.tag), plot, make) for plot in plots]


def one_changed(before: Plot | None, plot: Plot, make: Callable[[Plot], Mapping[str, Any]]) -> dict[str, Any]:
    """One plot as far as the page has it not."""
    if before == plot:
        return {"tag": plot.tag}
    found: dict[str, Any] = {"tag": plot.tag, "order": list(plot.curves)}
    if before is None or before.head != plot.head:
        found["head"] = plot.head
    if before is None or before.fingerprint != plot.fingerprint:
        whole = before is None or before.how != plot.how
        drawn = make(plot)
        found["layout"] = drawn["layout"]
        found["curves"] = {
            name: curve
            for name, curve in drawn["curves"].items()
            if whole or before is None or before.curves.get(name) != plot.curves[name]
        }
        found["order"] = list(drawn["curves"])
    return found


def drawn_plot(clinic: Clinic, seen: Seen, look: Look, words: Words, plot: Plot) -> dict[str, Any]:
    """The layout of a plot, and of each run its lines and its marks, which lie above the lines of all."""
    curves, unit, metric = curves_now(clinic, seen, look, plot.tag)
    return {
        "layout": layout_of(curves, look, words, unit=unit, metric=metric),
        "curves": {one.run: {"lines": lines(one, look, words), "marks": marks(one, look, words)} for one in curves},
    }


def message(serial: int, rows: Mapping[str, str], plots: Sequence[Mapping[str, Any]] | None) -> str:
    """The message as JSON. `serial` counts the messages of one page: it knows by it when it has missed one."""
    told: dict[str, Any] = {"serial": serial, "rows": dict(rows), "plots": plots}
    return json.dumps(told, default=packed, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def packed(value: object) -> Any:
    """An array as Plotly takes it in JSON: its bytes, little-endian, so that NaN is one and no digit is lost."""
    if isinstance(value, np.ndarray):
        kind = {"f": "f4", "d": "f8"}[value.dtype.char]
        return {"dtype": kind, "bdata": base64.b64encode(value.astype(f"<{kind}").tobytes()).decode("ascii")}
    if isinstance(value, np.floating | np.integer):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that a message holds")
