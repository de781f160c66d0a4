"""The Runs page as it is now: what each of its parts shows, and a fingerprint of each that changes when it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note, text
from dashboard.plots.tag_help import one_metric, tag_html
from dashboard.runs.answers import answers_html
from dashboard.runs.config_diff import config_html
from dashboard.runs.figure import overlay_figure
from dashboard.runs.filter import offered
from dashboard.runs.overlay import (
    OTHERS,
    OVERVIEW,
    Curve,
    colours_of,
    curve_of,
    fingerprint,
    groups_of,
    lacking,
    pins_of,
    tags_drawn,
    unit_of_time,
)
from dashboard.runs.selection import FIRST_PLOTS, MOST_RUNS, Look
from dashboard.runs.table import Listing, Table, listing, table_of
from dashboard.runs.view import Colour, demo_strip
from dashboard.sharing.form import address
from dashboard.texts import Words
from diagnostics.metrics import Metric
from diagnostics.run import Run
from diagnostics.run.refusal import said

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Seen:
    """What is listed and drawn of the runs at one moment."""

    found: Listing
    drawn: tuple[str, ...]
    colours: Mapping[str, Colour]
    filters: tuple[str, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs that can be read."""
        return self.found.runs

    @property
    def shown(self) -> list[Run]:
        """The drawn runs, in the order of their choice."""
        by_name = {run.name: run for run in self.runs}
        return [by_name[name] for name in self.drawn]


@dataclass(frozen=True)
class Plot:
    """One plot: its tag, what stands over it, and values that change whenever something in it is to be drawn again.

    `how`: of all its curves, and `curves`: of each run's.
    """

    tag: str
    head: str
    how: tuple[Any, ...]
    curves: Mapping[str, tuple[Any, ...]]

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Changes whenever anything in it does."""
        return (self.tag, self.how, tuple(self.curves.items()))


def seen_now(clinic: Clinic, look: Look) -> Seen:
    """What is there, and what of it a look draws."""
    found = listing(clinic, look)
    names = [run.name for run in found.runs]
    drawn = look.drawn(found.names, names)
    return Seen(found, drawn, colours_of(drawn, names), tuple(offered(found.facts.values())))


def strip_and_table(clinic: Clinic, seen: Seen, look: Look, words: Words, addresses: Addresses) -> tuple[str, Table]:
    """The two answers over the demo's stages, and the table of runs."""
    strip = answers_html(clinic, words, addresses) + demo_strip(clinic, words, addresses)
    return strip, table_of(clinic, seen.found, words, addresses, look, seen.colours)


def marks_broken(clinic: Clinic, words: Words) -> str:
    """Why the user's marks cannot be read; nothing if they can."""
    _, broken = clinic.marks_now()
    return note(said(broken, words.lang), "error") if broken else ""


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
    tags = tags_drawn(look, groups_of(runs))[: most_plots(clinic, look)]
    how = (look.x, look.smoothing, look.log, look.zoom, unit_of(runs, look), len(runs))
    found = []
    for place, tag in enumerate(tags):
        curves = {
            run.name: (
                *fingerprint(run, tag),
                seen.colours[run.name],
                *pin_marks(clinic, run, tag, look),
                # Over time and tokens a curve also moves where it is placed.
                0 if look.x == "step" else run.last_step,
            )
            for run in runs
        }
        found.append(Plot(tag, tag_html(tag, runs, place, words), how, curves))
    return found


def most_plots(clinic: Clinic, look: Look) -> int:
    """How many plots are drawn: at first as many as the settings say, then those that were asked for besides."""
    return clinic.settings.now().whole("plots") + look.plots - FIRST_PLOTS


def pin_marks(clinic: Clinic, run: Run, tag: str, look: Look) -> list[tuple[str, int]]:
    """The findings on a curve, as far as a change of them is a change of the plot."""
    return [(pin.rule, pin.step) for pin in pins_of(run, clinic.latest_diagnosis(run), tag, look)]


def unit_of(runs: Sequence[Run], look: Look) -> tuple[str, float]:
    """The unit of the axis and its seconds; only time has one."""
    return unit_of_time(runs) if look.x == "time" else ("", 1.0)


def curves_now(clinic: Clinic, seen: Seen, look: Look, tag: str) -> tuple[list[Curve], str, Metric | None]:
    """The curves of one plot, the unit of the axis where it is time, and what is known of the tag."""
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
    return [one for one in curves if one is not None], unit, one_metric(runs, tag)


def figure_of(clinic: Clinic, seen: Seen, look: Look, tag: str, words: Words) -> Figure:
    """The figure of one plot."""
    drawn, unit, metric = curves_now(clinic, seen, look, tag)
    return overlay_figure(drawn, look, words, unit=unit, metric=metric)


def legend_html(seen: Seen, look: Look, words: Words, share: str = "") -> str:
    """The drawn runs with their colours, each a button that takes it away, a way to share them, and what the marks mean.

    `share`: the address of the page that shares them.
    """
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
    sharing = (
        f'<a class="chip" href="{text(address(share, seen.drawn))}">{text(words("share.these"))}</a>' if share else ""
    )
    keys = (("▲", "runs.legend"), ("◆", "runs.legend_finding"), ("✕", "runs.legend_nan"), ("┈", "runs.legend_limit"))
    key = "".join(f"<span>{sign} {text(words(one))}</span>" for sign, one in keys)
    return f'<div class="run-legend">{runs}{newest}{sharing}<span class="keys quiet">{key}</span></div>'


def told_html(seen: Seen, look: Look, words: Words, most: int = FIRST_PLOTS) -> str:
    """What is to be said under the plots: why there are none, or what of the choice is not drawn. `most`: plots at most."""
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
    more = more_plots_html(len(tags), most, words)
    if len(look.runs or ()) > MOST_RUNS:
        told.append(words("runs.more_runs", most=MOST_RUNS))
    if look.x != "step" and (names := lacking(runs, look.x)):
        told.append(words(f"runs.lacking_{look.x}", names=", ".join(names)))
    return more + "".join(note(one) for one in told)


def more_plots_html(count: int, most: int, words: Words) -> str:
    """How many of the curves are drawn, and a button that draws more; nothing if it is all of them."""
    left = count - most
    if left <= 0:
        return ""
    return (
        f'<p class="more-plots">{text(words("runs.more_plots", shown=most, count=count))} '
        f'<button type="button" class="chip" data-more="1">{text(words("runs.show_plots", count=min(left, FIRST_PLOTS)))}'
        "</button></p>"
    )


def config_now(seen: Seen, words: Words, *, differences_only: bool) -> str:
    """The configs of the drawn runs."""
    return config_html(seen.shown, words, differences_only=differences_only)
