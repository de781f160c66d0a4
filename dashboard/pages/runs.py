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
from dashboard.pages.header import header
from dashboard.pages.runs_scripts import ADDRESS, PICK, PICK_GROUP, TOGETHER
from dashboard.runs.marks_form import archive, marks_form, save
from dashboard.runs.now import (
    config_now,
    demo_button,
    figure_of,
    filter_words,
    groups_html,
    legend_html,
    plots_now,
    seen_now,
    strip_and_table,
    told_html,
)
from dashboard.runs.overlay import MOST_PLOTS
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

# A row that was just logged is drawn within two seconds: half of them are left to the server and the browser.
POLL_SECONDS = 0.8
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
    table = gr.HTML(js_on_load=PICK, elem_id="runs-table")
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
    together = gr.HTML(js_on_load=TOGETHER, elem_id="plots-together")
    heads, plots = [], []
    with gr.Row(elem_classes="plots"):
        for _ in range(MOST_PLOTS):
            with gr.Column(min_width=300, visible=False, elem_classes="plot") as column:
                heads.append((column, gr.HTML(elem_classes="tight")))
                plots.append(gr.Plot(show_label=False))
    told = gr.HTML(elem_classes="tight")
    with gr.Accordion(words("runs.config"), open=False, elem_id="runs-config"):
        differences = gr.Checkbox(value=True, label=words("runs.differences"))
        configs = gr.HTML()
    address = gr.HTML(html_template="", js_on_load=ADDRESS, elem_classes="unseen")

    # What a reload must not lose lives in the browser and in the address; what was `sent` may be lost any time.
    chosen, zoom, group = (gr.Textbox(visible=False) for _ in range(3))
    form_shown = gr.Textbox(visible=False)
    beat = gr.State("")
    sent = gr.State(Sent())
    timer = gr.Timer(POLL_SECONDS, active=False)
    controls = [chosen, zoom, search, filters, group, metric, x, smoothing, log]
    parts = {
        "strip": strip, "demo": demo, "table": table, "filters": filters, "groups": groups, "legend": legend,
        "told": told, "configs": configs, "address": address,
        **{f"column{place}": one for place, (one, _) in enumerate(heads)},
        **{f"head{place}": one for place, (_, one) in enumerate(heads)},
        **{f"plot{place}": one for place, one in enumerate(plots)},
    }  # fmt: skip
    shown = list(parts.values())

    def draw(sent: Sent, look: Look, differences_only: bool) -> list[Any]:
        """Every part of the page as it is now; those that are as they were sent last are left alone."""
        looked = (clinic.signature(), look, differences_only)
        now = seen_now(clinic, look)
        strip_html, table_html = strip_and_table(clinic, now, look, words, addresses)
        label, visible = demo_button(clinic)
        offers = [(filter_words(one, words), one) for one in dict.fromkeys((*now.filters, *look.filters))]
        texts = {
            "strip": strip_html,
            "table": table_html,
            "groups": groups_html(now, look, words),
            "legend": legend_html(now, look, words),
            "told": told_html(now, look, words),
            "configs": config_now(now, words, differences_only=differences_only),
            "address": look.query(),
        }
        marks: dict[str, Any] = {**texts, "demo": (label, visible), "filters": offers}
        make: dict[str, Callable[[], Any]] = {name: partial(str, value) for name, value in texts.items()}
        make |= {
            "demo": lambda: gr.update(value=words(label), visible=visible),
            # Its value is the user's once the page is open.
            "filters": lambda: gr.update(choices=offers, **({} if sent.parts else {"value": list(look.filters)})),
        }
        plots = plots_now(clinic, now, look, words)
        for place in range(MOST_PLOTS):
            marks[f"column{place}"] = place < len(plots)
            make[f"column{place}"] = partial(gr.update, visible=place < len(plots))
        for place, plot in enumerate(plots):
            marks |= {f"head{place}": plot.head, f"plot{place}": plot.fingerprint}
            make[f"head{place}"] = partial(str, plot.head)
            make[f"plot{place}"] = partial(figure_of, clinic, now, look, plot.tag, words)
        changes = sent.changes({**marks, "looked": looked}, make)
        return [changes.get(name, gr.skip()) for name in parts]

    def answer(sent: Sent, look: Look, differences_only: bool) -> list[Any]:
        """What the user's doing changes."""
        sent.turn += 1
        return draw(sent, look, differences_only)

    def tick(sent: Sent, differences_only: bool, *state: Any) -> Any:
        """Look whether anything changed; if nothing did, nothing is sent and no run is read."""
        looked = (clinic.signature(), look_from(*state), differences_only)
        return f"{sent.turn} {looked}" if sent.differs("looked", looked) else gr.skip()

    def again(beat: str, sent: Sent, differences_only: bool, *state: Any) -> Any:
        """Something changed by itself; if the user did something since, that has drawn it."""
        if beat.partition(" ")[0] != str(sent.turn):
            return gr.skip()
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
        sent = Sent()
        look = look_of(request.query_params.multi_items())
        zoomed_to = zoom_text(look.zoom) if look.zoom else ""
        controls: list[Any] = [
            chosen_text(look),
            zoomed_to,
            look.group,
            look.search,
            look.metric,
            look.x,
            look.smoothing,
            look.log,
        ]
        return [sent, *controls, *fill(look), gr.Timer(active=True), *draw(sent, look, True)]

    given = [sent, differences, *controls]
    # Apart, because every output of an event has work for the browser, changed or not: a look has but one, unseen.
    timer.tick(tick, given, beat, trigger_mode="once", **QUIET)
    beat.change(again, [beat, *given], shown, **DRAWS)
    used = [search.input, filters.input, metric.input, smoothing.release, log.input, differences.input]
    gr.on(used, changed, given, shown, trigger_mode="always_last", **DRAWS)
    x.input(turned, given, [zoom, *shown], **DRAWS)
    # What a click tells is told each time: "always_last" would keep the first of those that wait.
    groups.click(grouped, given, [group, metric, *shown], trigger_mode="multiple", **DRAWS)
    together.zoom(zoomed, given, [zoom, *shown], trigger_mode="multiple", **DRAWS)
    gr.on([table.click, legend.click], pick, given, [chosen, *form, *shown], trigger_mode="multiple", **DRAWS)
    gr.on(
        [keep.click, tags.submit],
        keep_marks,
        [form_shown, tags, note, *given],
        [kept_told, *form, *shown],
        **DRAWS,
    )
    stow.click(stow_runs, [form_shown, *given], [kept_told, *form, *shown], **DRAWS)
    demo.click(clinic.start_demo, **QUIET)
    return [(from_address, [sent, chosen, zoom, group, search, metric, x, smoothing, log, *form, timer, *shown])]
