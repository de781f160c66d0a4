"""Runs: what is being trained, how far it is, its curves over those of other runs, and the user's marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    controls = [chosen, zoom, place, search, filters, group, metric, x, smoothing, log, differences]
    parts = {
        "strip": strip, "demo": demo, "broken": broken, "table": table, "filters": filters, "groups": groups,
        "legend": legend, "told": told, "configs": configs, "address": address,
    }  # fmt: skip
    shown = [*parts.values(), live, pulse]

    def draw(sent: Sent, look: Look) -> list[Any]:
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
            "configs": config_now(now, words, differences_only=look.differences),
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

    def looked(sent: Sent, state: Sequence[Any]) -> Look:
        """What the page looks at: what its user's events made of it, one by one.

        An event brings the controls as they stood when it left, and may arrive after one that left later; so each tells
        of its own control only. The controls count where nothing is known of the page, after a restart.
        """
        return sent.look if isinstance(sent.look, Look) else look_from(*state)

    def answer(sent: Sent, look: Look) -> list[Any]:
        """What the user's doing changes."""
        sent.turn += 1
        sent.look = look
        return draw(sent, look)

    def again(event: gr.EventData, sent: Sent, *state: Any) -> Any:
        """Something changed by itself; if the user did something since, that has drawn it."""
        if event.turn != sent.turn and sent.parts:
            return gr.skip()
        return draw(sent, looked(sent, state))

    def missed(sent: Sent, *state: Any) -> list[Any]:
        """A message did not arrive: all is sent again."""
        sent.forget()
        return draw(sent, looked(sent, state))

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

    def changed(part: str) -> Callable[..., list[Any]]:
        """The control of one part of the look was used."""

        def used(sent: Sent, *state: Any) -> list[Any]:
            there = getattr(look_from(*state), part)
            return answer(sent, replace(looked(sent, state), **{part: there}))

        return used

    def turned(sent: Sent, *state: Any) -> list[Any]:
        """Another axis was chosen: what was looked at of the last one says nothing on it."""
        look = replace(looked(sent, state), x=look_from(*state).x, zoom=None)
        return ["", *answer(sent, look)]

    def zoomed(event: gr.EventData, sent: Sent, *state: Any) -> list[Any]:
        """A part of the axis was chosen in one plot: all show it, as finely as it can be seen."""
        look = replace(looked(sent, state), zoom=zoom_of(event.part))
        return [zoom_text(look.zoom) if look.zoom else "", *answer(sent, look)]

    def grouped(event: gr.EventData, sent: Sent, *state: Any) -> list[Any]:
        """Another group of curves was chosen; a name that was written would still stand before it."""
        look = replace(looked(sent, state), group=str(event.group), metric="")
        return [look.group, "", *answer(sent, look)]

    def browsed(event: gr.EventData, sent: Sent, *state: Any) -> list[Any]:
        """Another order or page of the table was chosen, or more plots."""
        look = looked(sent, state).turned(event.sort, event.page, event.more)
        return [look.place(), *answer(sent, look)]

    def sought(sent: Sent, *state: Any) -> Any:
        """Other runs are looked for: their first page. The search box also tells of what the page itself wrote in it."""
        there, look = look_from(*state), looked(sent, state)
        if (there.search, there.filters) == (look.search, look.filters) and sent.parts:
            return gr.skip()
        look = replace(look, search=there.search, filters=there.filters, page=1)
        return [look.place(), *answer(sent, look)]

    def pick(event: gr.EventData, sent: Sent, *state: Any) -> list[Any]:
        """Runs were ticked or unticked, in the table or in the legend."""
        look = replace(looked(sent, state), runs=chosen_of(event.runs))
        return [chosen_text(look), *fill(look), *answer(sent, look)]

    def keep_marks(shown: str, tags: str, note: str, sent: Sent, *state: Any) -> list[Any]:
        """Keep what stands in the form."""
        look = looked(sent, state)
        return [save(clinic, look, tags, note, words, shown), *fill(look), *answer(sent, look)]

    def stow_runs(shown: str, sent: Sent, *state: Any) -> list[Any]:
        """Archive the chosen runs, or take them out again."""
        look = looked(sent, state)
        return [archive(clinic, look, words, shown), *fill(look), *answer(sent, look)]

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
            look.differences,
        ]
        sent.look = look
        return [sent, *controls, *fill(look), go.Figure(), *draw(sent, look)]

    given = [sent, *controls]
    pulse.changed(again, given, shown, trigger_mode="once", **DRAWS)
    live.missed(missed, given, shown, trigger_mode="once", **DRAWS)
    # A text's `input` tells of keys that write a letter only, not of what is erased, pasted, or composed as Chinese is.
    gr.on([search.change, filters.input], sought, given, [place, *shown], trigger_mode="always_last", **DRAWS)
    # Each control is one event of its own: it tells of that control, and its last word counts.
    for event, part in (
        (metric.change, "metric"),
        (smoothing.release, "smoothing"),
        (log.input, "log"),
        (differences.input, "differences"),
    ):
        event(changed(part), given, shown, trigger_mode="always_last", **DRAWS)
    x.input(turned, given, [zoom, *shown], trigger_mode="always_last", **DRAWS)
    for one in (table, told):
        one.turn(browsed, given, [place, *shown], trigger_mode="multiple", **DRAWS)
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
        (
            from_address,
            [sent, chosen, zoom, place, group, search, metric, x, smoothing, log, differences, *form, plotly, *shown],
        )
    ]
