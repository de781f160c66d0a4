"""What of the runs a person looks at: which are listed, which are drawn and how. It is the address of the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, urlencode

Axis = Literal["step", "tokens", "time"]
AXES: tuple[Axis, ...] = ("step", "tokens", "time")
# Drawn while the user has chosen none: as many curves as are told apart at a glance.
FIRST_RUNS = 5
# Beyond these, curves hide each other, and colours repeat.
MOST_RUNS = 16
MOST_SMOOTHING = 0.99
# The group of curves that is shown until another is chosen.
FIRST_GROUP = "overview"
# The columns of the table, each of which it can be sorted by.
COLUMNS = ("run", "method", "state", "progress", "key", "score", "checkpoints", "worst")
# Plots that are drawn at first, and how many more are each time they are asked for.
FIRST_PLOTS = 12
# No folder has so many: a page beyond it is none, and no address makes a number that has no end.
MOST_DIGITS = 6


@dataclass(frozen=True)
class Look:
    """One look at the runs. `runs`: those chosen, in order; None until the user has chosen: the newest are drawn.

    `search`, `filters`: what a listed run passes, see `dashboard.runs.filter`. `group`, `metric`: the curves that are
    drawn: a group of tags, or all whose name holds `metric`, if that is not empty. `smoothing`: 0 to below 1. `zoom`:
    the part of the axis that is looked at, in its units; None for all of it. `sort`: a column of the table, with a
    minus before it from the highest down; empty: those that train, then the newest. `page`: of the table, from 1.
    `plots`: how many are drawn at most. `differences`: of the drawn runs' config, only what differs is shown.
    """

    runs: tuple[str, ...] | None = None
    search: str = ""
    filters: tuple[str, ...] = ()
    group: str = ""
    metric: str = ""
    x: Axis = "step"
    smoothing: float = 0.0
    log: bool = False
    zoom: tuple[float, float] | None = None
    sort: str = ""
    page: int = 1
    plots: int = FIRST_PLOTS
    differences: bool = True

    def drawn(self, listed: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
        """The runs to draw. `listed`: those in the table, the first ones first; `there`: all that can be read."""
        if self.runs is None:
            return tuple(listed)[:FIRST_RUNS]
        known = set(there)
        return tuple(name for name in self.runs if name in known)[:MOST_RUNS]

    def query(self) -> str:
        """The look as the query of an address; what is as at first is left out."""
        pairs = [("run", name) for name in self.runs or ()]
        if self.runs is not None and not self.runs:
            pairs = [("run", "")]
        pairs += [("q", self.search)] if self.search else []
        pairs += [("filter", one) for one in self.filters]
        for name in ("group", "metric"):
            if getattr(self, name):
                pairs.append((name, getattr(self, name)))
        if self.x != "step":
            pairs.append(("x", self.x))
        if self.smoothing:
            pairs.append(("smooth", f"{self.smoothing:g}"))
        if self.log:
            pairs.append(("log", "1"))
        if self.zoom:
            pairs.append(("zoom", zoom_text(self.zoom)))
        if not self.differences:
            pairs.append(("config", "all"))
        return urlencode([*pairs, *self._place()], errors="replace")

    def place(self) -> str:
        """Where in the table and among the plots one is, as a text that a page can keep."""
        return urlencode(self._place())

    def _place(self) -> list[tuple[str, str]]:
        pairs = [("sort", self.sort)] if self.sort else []
        # Not `page`: Gradio takes that for the name of one of its pages, and answers 500 where it has none.
        pairs += [("p", str(self.page))] if self.page > 1 else []
        return pairs + ([("plots", str(self.plots))] if self.plots != FIRST_PLOTS else [])

    def turned(self, sort: object = None, page: object = None, more: object = None) -> Look:
        """The look after a click on a column's head, on a page's number, or on more plots; a browser sent it.

        A column is sorted from its lowest, then from its highest, then as at first again.
        """
        if isinstance(sort, str) and sort in COLUMNS:
            after = {"": sort, sort: f"-{sort}"}
            return replace(self, sort=after.get(self.sort if self.sort.strip("-") == sort else "", ""), page=1)
        if page is not None:
            return replace(self, page=counted(page if isinstance(page, str) else "", 1))
        return replace(self, plots=self.plots + FIRST_PLOTS) if more else self


def look_of(pairs: Iterable[tuple[str, str]]) -> Look:
    """The look that the pairs of an address's query describe; what cannot be understood is as at first."""
    listed = list(pairs)
    last = dict(listed)
    runs = tuple(dict.fromkeys(value for key, value in listed if key == "run"))
    x = last.get("x", "step")
    return Look(
        runs=tuple(one for one in runs if one) if runs else None,
        search=last.get("q", ""),
        filters=tuple(dict.fromkeys(value for key, value in listed if key == "filter" and value)),
        group=group if (group := last.get("group", "")) != FIRST_GROUP else "",
        metric=last.get("metric", ""),
        x=next((one for one in AXES if one == x), "step"),
        smoothing=share(last.get("smooth", "0")),
        log=last.get("log") == "1",
        zoom=zoom_of(last.get("zoom", "")),
        sort=sort if (sort := last.get("sort", "")).removeprefix("-") in COLUMNS else "",
        page=counted(last.get("p", ""), 1),
        plots=max(FIRST_PLOTS, counted(last.get("plots", ""), FIRST_PLOTS)),
        differences=last.get("config") != "all",
    )


def counted(written: str, otherwise: int) -> int:
    """A count of 1 or more as written in an address; `otherwise` if it is none."""
    known = written.isascii() and written.isdigit() and len(written) <= MOST_DIGITS
    return max(1, int(written)) if known else otherwise


def share(written: str) -> float:
    """A smoothing as written in an address, 0 if it is none."""
    try:
        value = float(written)
    except ValueError:
        return 0.0
    return round(min(max(value, 0.0), MOST_SMOOTHING), 2) if math.isfinite(value) else 0.0


def chosen_text(look: Look) -> str:
    """The chosen runs as a text that a page can keep: empty until the user has chosen."""
    return "" if look.runs is None else json.dumps(look.runs)


def chosen_of(kept: object) -> tuple[str, ...] | None:
    """The chosen runs out of such a text, or a list; None if it is neither: it came back from a browser."""
    try:
        names = json.loads(kept) if isinstance(kept, str) and kept else kept
    except ValueError:
        return None
    return tuple(dict.fromkeys(one for one in names if isinstance(one, str))) if isinstance(names, list) else None


def zoom_text(zoom: tuple[float, float]) -> str:
    """A part of an axis as an address and a page keep it."""
    # As many digits as it takes to tell the two ends apart, and four more for where between them they lie.
    apart = max(abs(zoom[0]), abs(zoom[1])) / (zoom[1] - zoom[0])
    digits = min(17, max(7, math.ceil(math.log10(apart)) + 5)) if math.isfinite(apart) else 17
    return f"{zoom[0]:.{digits}g}~{zoom[1]:.{digits}g}"


def zoom_of(kept: object) -> tuple[float, float] | None:
    """The part of an axis out of such a text; None if it is none."""
    left, _, right = kept.partition("~") if isinstance(kept, str) else ("", "", "")
    try:
        low, high = float(left), float(right)
    except ValueError:
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def look_from(
    kept: object, zoom: object, place: object, search: object, filters: object, group: object, metric: object, x: object,
    smoothing: object, log: object, differences: object,
) -> Look:  # fmt: skip
    """The look that the controls of a page show; what comes from a browser may be anything."""
    pairs = [("q", str(search or "")), ("group", str(group or "")), ("metric", str(metric or "")), ("x", str(x))]
    pairs += [("filter", str(one)) for one in (filters if isinstance(filters, list) else ())]
    pairs += [("smooth", str(smoothing)), ("log", "1" if log else "0"), ("zoom", str(zoom))]
    pairs += [] if differences else [("config", "all")]
    pairs += [one for one in parse_qsl(str(place or "")[:99]) if one[0] in ("sort", "p", "plots")]
    return replace(look_of(pairs), runs=chosen_of(kept))
