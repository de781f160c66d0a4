"""Share: chosen runs shown to others by a link with a password, who is on it, its end; or as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note, text
from dashboard.pages.beat import beat, drawn
from dashboard.pages.header import header
from dashboard.sharing.asked import MODES, ShareRefused
from dashboard.sharing.desk import Desk
from dashboard.sharing.export import FileRefused, file_of
from dashboard.sharing.form import (
    MOST_PORT,
    SPANS,
    Form,
    FormRefused,
    checkpoints_offered,
    order_of,
    runs_offered,
    wanted,
)
from dashboard.sharing.limits import CHECKPOINTS, HOURS, PASSWORD_LEAST
from dashboard.sharing.panel import COPY, fingerprint, panel_html
from dashboard.texts import Words

POLL_SECONDS = 1.0
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build(clinic: Clinic, words: Words, addresses: Addresses, desk: Desk) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    header("share", words, addresses)
    gr.HTML(f'<p class="quiet">{text(words("share.intro"))}</p>', elem_classes="tight share-intro")
    panel = gr.HTML(js_on_load=COPY, elem_id="share-panel")
    with gr.Row(elem_classes="tight share-ends"):
        stop = gr.Button(
            words("share.stop"), variant="stop", visible=False, scale=0, min_width=180, elem_id="share-stop"
        )
        cancel = gr.Button(words("share.cancel"), visible=False, scale=0, min_width=180, elem_id="share-cancel")
    runs = gr.Dropdown(
        label=words("share.form_runs"), info=words("share.form_runs_help"), multiselect=True, elem_id="share-runs"
    )
    with gr.Column(visible=False, elem_id="share-form") as box:
        mode = gr.Radio(
            [(words(f"share.mode_{one}"), one) for one in MODES],
            value=MODES[0], label=words("share.form_mode"), elem_id="share-mode",
        )  # fmt: skip
        checkpoints = gr.Dropdown(
            label=words("share.form_checkpoints"), multiselect=True, visible=False, elem_id="share-checkpoints",
            info=words("share.form_checkpoints_help", most=int(CHECKPOINTS)),
        )  # fmt: skip
        with gr.Row(equal_height=True):
            hours = gr.Radio(
                [(words("share.span", hours=one), one) for one in SPANS],
                value=float(HOURS), label=words("share.form_span"), elem_id="share-hours", min_width=260,
            )  # fmt: skip
            password = gr.Textbox(
                label=words("share.form_own_password"), type="password", lines=1, elem_id="share-password",
                info=words("share.form_own_password_help", least=int(PASSWORD_LEAST)), min_width=260,
            )  # fmt: skip
        way = gr.Radio(
            [(words("share.link_tunnel"), "tunnel"), (words("share.link_none"), "none")],
            value="tunnel", label=words("share.form_link"), elem_id="share-link",
        )  # fmt: skip
        with gr.Row(visible=False) as here:
            port = gr.Number(
                0, label=words("share.form_own_port"), precision=0, minimum=0, maximum=MOST_PORT, elem_id="share-port"
            )
            path = gr.Textbox(label=words("share.form_own_path"), placeholder="/clinic", lines=1, elem_id="share-path")
        with gr.Row(elem_classes="tight"):
            go = gr.Button(words("share.start"), variant="primary", scale=0, min_width=180, elem_id="share-go")
    told = gr.HTML(elem_classes="tight told", elem_id="share-told")
    with gr.Column(elem_id="share-file"):
        gr.HTML(f'<h2>{text(words("share.file"))}</h2><p class="quiet">{text(words("share.file_help"))}</p>')
        with gr.Row(elem_classes="tight"):
            make = gr.Button(words("share.file_make"), scale=0, min_width=180, elem_id="share-make")
        made_told = gr.HTML(elem_classes="tight told")
        made = gr.File(visible=False, label=words("share.file_label"), elem_id="share-made")
    pulse = beat(lambda of: fingerprint(desk.now()), lambda: POLL_SECONDS)
    shown = [panel, stop, cancel, box, pulse]
    fields = [mode, runs, checkpoints, hours, password, way, port, path]

    def now() -> list[Any]:
        """The panel, and what may be done, as sharing stands."""
        standing = desk.now()
        return [
            panel_html(standing, words, desk.shows_password),
            gr.update(visible=standing.kind == "on"),
            gr.update(visible=standing.kind == "starting"),
            gr.update(visible=standing.kind == "off"),
            drawn(fingerprint(standing)),
        ]

    def opened(request: gr.Request) -> list[Any]:
        """The choice that the address names, and how sharing stands."""
        chosen, named = wanted(request.query_params.multi_items(), clinic)
        offered = checkpoints_offered(clinic, chosen)
        return [
            gr.update(choices=runs_offered(clinic), value=chosen),
            gr.update(choices=offered, value=named),
            *now(),
        ]

    def begin(*given: Any) -> list[Any]:
        """Begin to share what the form asks for, or say why not."""
        try:
            desk.start(order_of(Form(*given), clinic, words, desk.tunnel))
        except FormRefused as error:
            return [note(str(error), "error"), gr.skip(), *now()]
        except ShareRefused as error:
            return [note(words("share.ended_failed", detail=error), "error"), gr.skip(), *now()]
        # What was typed is on the panel now, and nowhere else.
        return ["", "", *now()]

    def end(doing: str) -> Iterator[list[Any]]:
        """End the link, or the making of one."""
        waiting = [gr.update(interactive=False), gr.update(interactive=False)]
        yield [note(words(doing)), gr.skip(), *waiting, gr.skip(), gr.skip()]
        desk.stop()
        after = now()
        free = [gr.update(visible=one["visible"], interactive=True) for one in after[1:3]]
        yield ["", after[0], *free, *after[3:]]

    def stop_sharing() -> Iterator[list[Any]]:
        """End the link."""
        yield from end("share.stopping")

    def call_off() -> Iterator[list[Any]]:
        """End the making of a link."""
        yield from end("share.calling")

    def to_file(names: Any) -> list[Any]:
        """Write the chosen runs as one file."""
        try:
            path, size = file_of(clinic, names, words)
        except FileRefused as error:
            return [note(str(error), "error"), gr.update(visible=False)]
        return [note(words("share.file_ready", size=size), "good"), gr.update(value=str(path), visible=True)]

    pulse.changed(now, outputs=shown, trigger_mode="once", **QUIET)
    go.click(begin, fields, [told, password, *shown], trigger_mode="once", **QUIET)
    stop.click(stop_sharing, outputs=[told, *shown], trigger_mode="once", **QUIET)
    cancel.click(call_off, outputs=[told, *shown], trigger_mode="once", **QUIET)
    way.input(lambda value: gr.update(visible=value == "none"), way, here, **QUIET)
    mode.input(lambda value: gr.update(visible=value == "try"), mode, checkpoints, **QUIET)
    runs.change(
        lambda names, kept: gr.update(
            choices=(there := checkpoints_offered(clinic, names or [])),
            value=[one for one in kept or [] if one in there],
        ),
        [runs, checkpoints], checkpoints, **QUIET,
    )  # fmt: skip
    make.click(to_file, runs, [made_told, made], trigger_mode="once", **QUIET)
    return [(opened, [runs, checkpoints, *shown])]
