"""The Runs page as it is now: what each of its parts shows, and a fingerprint of each that changes when it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note, text
from dashboard.plots.tag_help import one_metric, tag_html
from dashboard.runs.config_diff import config_html
from dashboard.runs.figure import overlay_figure
from dashboard.runs.filter import listed, offered
from dashboard.runs.marks import Mark
from dashboard.runs.overlay import (
    MOST_PLOTS,
    OTHERS,
    OVERVIEW,
    colours_of,
    curve_of,
    fingerprint,
    groups_of,
    lacking,
    pins_of,
    tags_drawn,
    unit_of_time,
)
from dashboard.runs.selection import MOST_RUNS, Look
from dashboard.runs.view import Colour, demo_strip, facts_by_run, runs_table
from dashboard.texts import Words
from diagnostics.run import Run

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Seen:
    """What is drawn of the runs at one moment."""

    runs: tuple[Run, ...]
    marks: Mapping[str, Mark]
    drawn: tuple[str, ...]
    colours: Mapping[str, Colour]
    filters: tuple[str, ...]

    @property
    def shown(self) -> list[Run]:
        """The drawn runs, in the order of their choice."""
        by_name = {run.name: run for run in self.runs}
        return [by_name[name] for name in self.drawn]


@dataclass(frozen=True)
class Plot:
    """One plot: its tag, what stands over it, and a value that changes whenever it is to be drawn again."""

    tag: str
    head: str
    fingerprint: tuple[Any, ...]


def seen_now(clinic: Clinic, look: Look) -> Seen:
    """What is there, and what of it a look draws."""
    runs, _ = clinic.runs()
    marks, _ = clinic.marks_now()
    facts = facts_by_run(clinic, runs, marks)
    names = [run.name for run in runs]
    drawn = look.drawn(listed(facts, look.search, look.filters), names)
    return Seen(tuple(runs), marks, drawn, colours_of(drawn, names), tuple(offered(facts.values())))


def strip_and_table(clinic: Clinic, seen: Seen, look: Look, words: Words, addresses: Addresses) -> tuple[str, str]:
    """The demo's stages, and the table of runs under what could not be read."""
    _, broken = clinic.marks_now()
    table = runs_table(clinic, words, addresses, look, seen.colours)
    return demo_strip(clinic, words), (note(broken, "error") if broken else "") + table


def demo_button(clinic: Clinic) -> tuple[str, bool]:
    """The key of the button's text, and whether it is to be seen: while there is something left to train."""
    plan = clinic.demo_plan()
    state = clinic.demo_state()
    unfinished = any((run := clinic.run(stage["name"])) is None or run.status.state != "finished" for stage in plan)
    visible = clinic.store.trouble() is None and state != "running" and (state == "none" or unfinished)
    return ("runs.resume_demo" if plan else "runs.start_demo", visible)


def filter_words(value: str, words: Words) -> str:
    """A filter as it is offered."""
    kind, _, rest = value.partition(":")
    if kind == "archived":
        return words("runs.filter_archived")
    shown = words("runs.filter_none") if rest == "none" else words(f"state.{rest}") if kind == "state" else rest
    return words(f"runs.filter_{kind}", value=shown)


def groups_html(seen: Seen, look: Look, words: Words) -> str:
    """A button for each group of curves of the drawn runs, with how many there are in it; nothing if there is one only."""
    groups = groups_of(seen.shown)
    if len(groups) < 2:
        return ""
    own = {OVERVIEW: words("runs.group_overview"), OTHERS: words("runs.group_trainer")}
    # What is drawn by its name is of no group.
    here = None if look.metric.strip() else look.group if look.group in groups else next(iter(groups))
    buttons = "".join(
        f'<button type="button" class="group" data-group="{text(name)}" aria-pressed="{str(name == here).lower()}">'
        f"{text(own.get(name, name))} <small>{len(tags)}</small></button>"
        for name, tags in groups.items()
    )
    return f'<div class="groups" role="group" aria-label="{text(words("runs.group"))}">{buttons}</div>'


def plots_now(clinic: Clinic, seen: Seen, look: Look, words: Words) -> list[Plot]:
    """The plots of the look, in their order."""
    runs = seen.shown
    tags = tags_drawn(look, groups_of(runs))[:MOST_PLOTS]
    how = (look.x, look.smoothing, look.log, look.zoom, unit_of(runs, look))
    found = []
    for place, tag in enumerate(tags):
        parts = [(*fingerprint(run, tag), seen.colours[run.name], *pin_marks(clinic, run, tag, look)) for run in runs]
        # Over time and tokens a curve also moves where it is placed.
        ends = [] if look.x == "step" else [run.last_step for run in runs]
        found.append(Plot(tag, tag_html(tag, runs, place, words), (tag, how, *parts, *ends)))
    return found


def pin_marks(clinic: Clinic, run: Run, tag: str, look: Look) -> list[tuple[str, int]]:
    """The findings on a curve, as far as a change of them is a change of the plot."""
    return [(pin.rule, pin.step) for pin in pins_of(run, clinic.latest_diagnosis(run), tag, look)]


def unit_of(runs: Sequence[Run], look: Look) -> tuple[str, float]:
    """The unit of the axis and its seconds; only time has one."""
    return unit_of_time(runs) if look.x == "time" else ("", 1.0)


def figure_of(clinic: Clinic, seen: Seen, look: Look, tag: str, words: Words) -> Figure:
    """The figure of one plot."""
    runs = seen.shown
    unit, scale = unit_of(runs, look)
    curves = [
        curve_of(
            run,
            tag,
            look,
            colour=seen.colours[run.name],
            runs=len(runs),
            scale=scale,
            pins=pins_of(run, clinic.latest_diagnosis(run), tag, look, scale),
        )
        for run in runs
    ]
    drawn = [one for one in curves if one is not None]
    return overlay_figure(drawn, look, words, unit=unit, metric=one_metric(runs, tag))


def legend_html(seen: Seen, look: Look, words: Words) -> str:
    """The drawn runs with their colours, each a button that takes it away, and what the marks mean."""
    if not seen.drawn:
        return ""
    runs = "".join(
        f'<button type="button" class="chip" data-run="{text(name)}" aria-label="{text(words("runs.drop", name=name))}" '
        f'style="--swatch: {seen.colours[name][0]}" data-dash="{seen.colours[name][1]}"><i></i>{text(name)}'
        '<span aria-hidden="true">×</span></button>'
        for name in seen.drawn
    )
    newest = (
        ""
        if look.runs is None
        else f'<button type="button" class="chip" data-run="">{text(words("runs.first"))}</button>'
    )
    keys = (("▲", "runs.legend"), ("◆", "runs.legend_finding"), ("✕", "runs.legend_nan"), ("┈", "runs.legend_limit"))
    key = "".join(f"<span>{sign} {text(words(one))}</span>" for sign, one in keys)
    return f'<div class="run-legend">{runs}{newest}<span class="keys quiet">{key}</span></div>'


def told_html(seen: Seen, look: Look, words: Words) -> str:
    """What is to be said under the plots: why there are none, or what of the choice is not drawn."""
    if not seen.runs:
        return ""
    if not seen.drawn:
        return note(words("runs.drawn_none"))
    runs = seen.shown
    groups = groups_of(runs)
    if not groups:
        return note(words("runs.drawn_nothing"))
    tags = tags_drawn(look, groups)
    told = []
    if not tags:
        told.append(words("runs.no_metric", metric=look.metric))
    if len(tags) > MOST_PLOTS:
        told.append(words("runs.more_plots", count=len(tags) - MOST_PLOTS))
    if len(look.runs or ()) > MOST_RUNS:
        told.append(words("runs.more_runs", most=MOST_RUNS))
    if look.x != "step" and (names := lacking(runs, look.x)):
        told.append(words(f"runs.lacking_{look.x}", names=", ".join(names)))
    return "".join(note(one) for one in told)


def config_now(seen: Seen, words: Words, *, differences_only: bool) -> str:
    """The configs of the drawn runs."""
    return config_html(seen.shown, words, differences_only=differences_only)
