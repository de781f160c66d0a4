"""Runs: what is being trained, how far it is, its curves over those of other runs, and the user's marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import text
from dashboard.pages.beat import beat, drawn
from dashboard.pages.header import header
from dashboard.pages.runs_scripts import ADDRESS, LIVE, PICK, PICK_GROUP, TURN
from dashboard.runs.marks_form import archive, marks_form, save
from dashboard.runs.now import (
    config_now,
    demo_button,
    filter_words,
    groups_html,
    legend_html,
    marks_broken,
    most_plots,
    plots_now,
    seen_now,
    strip_and_table,
    told_html,
)
from dashboard.runs.patch import drawn_plot, message, plots_changed, rows_changed
from dashboard.runs.selection import (
    AXES,
    MOST_SMOOTHING,
    Look,
    chosen_of,
    chosen_text,
    look_from,
    look_of,
    zoom_of,
    zoom_text,
)
from dashboard.sent import Sent
from dashboard.texts import Words

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# One at a time: an answer that is longer on its way must not arrive after a newer one and undo it.
DRAWS: dict[str, Any] = {**QUIET, "concurrency_id": "draw-runs", "concurrency_limit": 1}


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    header("runs", words, addresses)
    strip = gr.HTML()
    with gr.Row(elem_classes="tight"):
        demo = gr.Button(words("runs.start_demo"), variant="primary", visible=False, scale=0, min_width=200)
    with gr.Row(elem_id="find-runs"):
        search = gr.Textbox(label=words("runs.search"), placeholder=words("runs.search_hint"), lines=1, scale=2)
        filters = gr.Dropdown(label=words("runs.filter"), multiselect=True, scale=3, elem_id="filter-runs")
    broken = gr.HTML(elem_classes="tight")
    table = gr.HTML(js_on_load=PICK + TURN, elem_id="runs-table")
    with gr.Accordion(words("runs.marks"), open=False, elem_id="runs-marks"):
        marked = gr.HTML(elem_classes="tight")
        with gr.Row(equal_height=True):
            tags = gr.Textbox(label=words("runs.tags"), lines=1, scale=2, elem_id="own-tags")
            note = gr.Textbox(label=words("runs.note"), lines=1, max_lines=6, scale=4, elem_id="own-note")
            keep = gr.Button(words("runs.save"), variant="primary", scale=1, min_width=110, elem_classes="low")
            stow = gr.Button(words("runs.archive"), scale=1, min_width=110, elem_classes="low", elem_id="archive")
        kept_told = gr.HTML(elem_classes="tight")
    groups = gr.HTML(js_on_load=PICK_GROUP, elem_classes="tight", elem_id="curve-groups")
    with gr.Row(equal_height=True, elem_id="curve-controls"):
        metric = gr.Textbox(label=words("runs.metric"), placeholder=words("runs.metric_hint"), lines=1, scale=3)
        over = [(words("runs.x_time" if axis == "time" else f"runs.axis_{axis}"), axis) for axis in AXES]
        x = gr.Radio(over, value=AXES[0], label=words("runs.x"), scale=3, min_width=260, elem_id="curve-axis")
        smoothing = gr.Slider(0, MOST_SMOOTHING, 0, step=0.01, label=words("runs.smoothing"), scale=3, min_width=200)
        log = gr.Checkbox(label=words("runs.log_scale"), scale=1, min_width=150)
    legend = gr.HTML(js_on_load=PICK, elem_classes="tight", elem_id="run-legend")
    live = gr.HTML("", html_template="", js_on_load=LIVE, elem_id="runs-plots")
    told = gr.HTML(js_on_load=TURN, elem_classes="tight")
    # Gradio loads Plotly for a plot of its own; this one shows nothing.
    plotly = gr.Plot(show_label=False, elem_classes="offstage")
    with gr.Accordion(words("runs.config"), open=False, elem_id="runs-config"):
        differences = gr.Checkbox(value=True, label=words("runs.differences"))
        configs = gr.HTML()
    address = gr.HTML(html_template="", js_on_load=ADDRESS, elem_classes="unseen")

    # What a reload must not lose lives in the browser and in the address; what was `sent` may be lost any time.
    chosen, zoom, place, group = (gr.Textbox(visible=False) for _ in range(4))
    form_shown = gr.Textbox(visible=False)
    sent = gr.State(Sent())
    pulse = beat(lambda of: clinic.signature(), clinic.pace)
    controls = [chosen, zoom, place, search, filters, group, metric, x, smoothing, log]
    parts = {
        "strip": strip, "demo": demo, "broken": broken, "table": table, "filters": filters, "groups": groups,
        "legend": legend, "told": told, "configs": configs, "address": address,
    }  # fmt: skip
    shown = [*parts.values(), live, pulse]

    def draw(sent: Sent, look: Look, differences_only: bool) -> list[Any]:
        """Every part of the page as it is now; those that are as they were sent last are left alone."""
        signature = clinic.signature()
        now = seen_now(clinic, look)
        strip_html, rows = strip_and_table(clinic, now, look, words, addresses)
        label, visible = demo_button(clinic)
        offers = [(filter_words(one, words), one) for one in dict.fromkeys((*now.filters, *look.filters))]
        texts = {
            "strip": strip_html,
            "broken": marks_broken(clinic, words),
            "groups": groups_html(now, look, words),
            "legend": legend_html(now, look, words, addresses.href("share", words.lang)),
            "told": told_html(now, look, words, most_plots(clinic, look)),
            "configs": config_now(now, words, differences_only=differences_only),
            "address": look.query(),
        }
        marks: dict[str, Any] = {**texts, "demo": (label, visible), "filters": offers, "table": rows.frame}
        make: dict[str, Callable[[], Any]] = {name: partial(str, value) for name, value in texts.items()}
        make |= {
            # With a number, so that no table is taken for one that was sent before its rows changed.
            "table": lambda: f'<div data-serial="{sent.serial}">{rows.html()}</div>',
            "demo": lambda: gr.update(value=words(label), visible=visible),
            # Its value is the user's once the page is open.
            "filters": lambda: gr.update(choices=offers, **({} if sent.parts else {"value": list(look.filters)})),
        }
        fresh = not sent.parts
        some = rows_changed(sent, rows)
        plots = plots_changed(
            sent, plots_now(clinic, now, look, words), lambda plot: drawn_plot(clinic, now, look, words, plot)
        )
        if some or plots is not None or fresh:
            sent.serial += 1
            news: Any = message(sent.serial, some, plots)
        else:
            news = gr.skip()
        changes = sent.changes(marks, make)
        return [
            *(changes.get(name, gr.skip()) for name in parts),
            news,
            drawn(signature, turn=sent.turn),
        ]

    def answer(sent: Sent, look: Look, differences_only: bool) -> list[Any]:
        """What the user's doing changes."""
        sent.turn += 1
        return draw(sent, look, differences_only)

    def again(event: gr.EventData, sent: Sent, differences_only: bool, *state: Any) -> Any:
        """Something changed by itself; if the user did something since, that has drawn it."""
        if event.turn != sent.turn and sent.parts:
            return gr.skip()
        return draw(sent, look_from(*state), differences_only)

    def missed(sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """A message did not arrive: all is sent again."""
        kept = sent.turn
        sent.forget()
        sent.turn = kept
        return draw(sent, look_from(*state), differences_only)

    form = [marked, tags, note, keep, stow, form_shown]

    def fill(look: Look) -> list[Any]:
        """The form for the chosen runs' marks."""
        now = marks_form(clinic, look, words)
        some = bool(now.names)
        return [
            f'<p class="quiet">{text(now.told)}</p>',
            gr.update(value=now.tags, interactive=some),
            gr.update(value=now.note, placeholder=now.note_hint, interactive=some),
            gr.update(interactive=some),
            gr.update(value=words("runs.unarchive" if now.archived else "runs.archive"), interactive=some),
            now.kept(),
        ]

    def changed(sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """A control was used."""
        return answer(sent, look_from(*state), differences_only)

    def turned(sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """Another axis was chosen: what was looked at of the last one says nothing on it."""
        return ["", *answer(sent, replace(look_from(*state), zoom=None), differences_only)]

    def zoomed(event: gr.EventData, sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """A part of the axis was chosen in one plot: all show it, as finely as it can be seen."""
        look = replace(look_from(*state), zoom=zoom_of(event.part))
        return [zoom_text(look.zoom) if look.zoom else "", *answer(sent, look, differences_only)]

    def grouped(event: gr.EventData, sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """Another group of curves was chosen; a name that was written would still stand before it."""
        look = replace(look_from(*state), group=str(event.group), metric="")
        return [look.group, "", *answer(sent, look, differences_only)]

    def browsed(event: gr.EventData, sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """Another order or page of the table was chosen, or more plots."""
        look = look_from(*state).turned(event.sort, event.page, event.more)
        return [look.place(), *answer(sent, look, differences_only)]

    def sought(sent: Sent, differences_only: bool, *state: Any) -> Any:
        """Other runs are looked for: their first page. The search box also tells of what the page itself wrote in it."""
        look = look_from(*state)
        if not sent.differs("sought", (look.search, look.filters)):
            return gr.skip()
        sent.parts["sought"] = (look.search, look.filters)
        look = replace(look, page=1)
        return [look.place(), *answer(sent, look, differences_only)]

    def pick(event: gr.EventData, sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """Runs were ticked or unticked, in the table or in the legend."""
        look = replace(look_from(*state), runs=chosen_of(event.runs))
        return [chosen_text(look), *fill(look), *answer(sent, look, differences_only)]

    def keep_marks(shown: str, tags: str, note: str, sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """Keep what stands in the form."""
        look = look_from(*state)
        return [save(clinic, look, tags, note, words, shown), *fill(look), *answer(sent, look, differences_only)]

    def stow_runs(shown: str, sent: Sent, differences_only: bool, *state: Any) -> list[Any]:
        """Archive the chosen runs, or take them out again."""
        look = look_from(*state)
        return [archive(clinic, look, words, shown), *fill(look), *answer(sent, look, differences_only)]

    def from_address(request: gr.Request) -> list[Any]:
        """The look that the address describes."""
        import plotly.graph_objects as go  # here, because the page must not wait for it to be imported

        sent = Sent()
        look = look_of(request.query_params.multi_items())
        zoomed_to = zoom_text(look.zoom) if look.zoom else ""
        controls: list[Any] = [
            chosen_text(look),
            zoomed_to,
            look.place(),
            look.group,
            look.search,
            look.metric,
            look.x,
            look.smoothing,
            look.log,
        ]
        first = draw(sent, look, True)
        sent.parts["sought"] = (look.search, look.filters)
        return [sent, *controls, *fill(look), go.Figure(), *first]

    given = [sent, differences, *controls]
    pulse.changed(again, given, shown, trigger_mode="once", **DRAWS)
    live.missed(missed, given, shown, trigger_mode="once", **DRAWS)
    # A text's `input` tells of keys that write a letter only, not of what is erased, pasted, or composed as Chinese is.
    gr.on([search.change, filters.input], sought, given, [place, *shown], trigger_mode="always_last", **DRAWS)
    used = [metric.change, smoothing.release, log.input, differences.input]
    gr.on(used, changed, given, shown, trigger_mode="always_last", **DRAWS)
    for one in (table, told):
        one.turn(browsed, given, [place, *shown], trigger_mode="multiple", **DRAWS)
    x.input(turned, given, [zoom, *shown], **DRAWS)
    # What a click tells is told each time: "always_last" would keep the first of those that wait.
    groups.click(grouped, given, [group, metric, *shown], trigger_mode="multiple", **DRAWS)
    live.zoom(zoomed, given, [zoom, *shown], trigger_mode="multiple", **DRAWS)
    gr.on([table.click, legend.click], pick, given, [chosen, *form, *shown], trigger_mode="multiple", **DRAWS)
    gr.on(
        [keep.click, tags.submit],
        keep_marks,
        [form_shown, tags, note, *given],
        [kept_told, *form, *shown],
        **DRAWS,
    )
    stow.click(stow_runs, [form_shown, *given], [kept_told, *form, *shown], **DRAWS)
    demo.click(lambda: clinic.start_demo(words.lang), **QUIET)
    return [
        (from_address, [sent, chosen, zoom, place, group, search, metric, x, smoothing, log, *form, plotly, *shown])
    ]
