"""The dashboard: its pages in two languages, one process, no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from dashboard.addresses import PAGES, Addresses, Page
from dashboard.clinic import Clinic
from dashboard.clocks import CLOCKS, unhurried
from dashboard.early import Early
from dashboard.packing import PagesPacked
from dashboard.pages import diagnose, learn, memory, preflight, runs, settings, share, train
from dashboard.pages.compare import page as compare
from dashboard.settings.browser import script
from dashboard.sharing.asked import LOOPBACK
from dashboard.sharing.desk import Desk
from dashboard.sharing.guarding import guards, guards_first
from dashboard.tabs import HEARTBEAT, Beats, Sessions
from dashboard.texts import LANGS, Lang, Words
from diagnostics.report.memory.as_html import STYLE as MEMORY_STYLE
from diagnostics.report.preflight.as_html import STYLE as PREFLIGHT_STYLE

STYLE = Path(__file__).parent / "style.css"
ROOM_STYLES = (("runs", "runs"), ("memory", "memory"), ("sharing", "panel"), ("settings", "settings"))
PAGE_STYLES = [Path(__file__).parent / room / f"{name}.css" for room, name in ROOM_STYLES]
MOST_UPLOADED = "256mb"  # a data set beyond it is named by its path
BUILD: dict[Page, Callable[..., list[Any]]] = {
    "runs": runs.build,
    "train": train.build,
    "preflight": preflight.build,
    "memory": memory.build,
    "compare": compare.build,
    "diagnose": diagnose.build,
    "learn": learn.build,
    "share": share.build,
    "settings": settings.build,
}
# `clinicTouched`: a person has done something on the page, so that what happens is not only its being built.
HEAD = """<script>
for (const kind of ['pointerdown', 'keydown']) {
  addEventListener(kind, () => { window.clinicTouched = true; }, true);
}
</script>"""


def build(clinic: Clinic, first: Lang = "en", desk: Desk | None = None) -> gr.Blocks:
    """All pages in both languages, those of `first` at the short addresses. `desk`: what the Share page shares with."""
    addresses = Addresses(first)
    sharing = {"desk": desk or Desk(clinic.root)}
    demo = gr.Blocks(title="TRL Clinic", analytics_enabled=False, fill_width=True)
    for lang in sorted(LANGS, key=lambda one: one != first):
        words = Words(lang)
        for page in PAGES:
            path = addresses.path(page, lang)
            place = demo.route(words(f"nav.{page}"), path, show_in_navbar=False) if path else demo
            with place:
                for fill, filled, *given in BUILD[page](
                    clinic, words, addresses, **(sharing if page == "share" else {})
                ):
                    place.load(fill, *given, outputs=filled, show_progress="hidden", api_visibility="private")
    return demo


def theme() -> gr.themes.Default:
    """Gradio's own theme with text that stands out enough: 4.5 to 1 against its ground, as WCAG 2 AA asks for."""
    look = gr.themes.Default()
    look.set(
        button_primary_background_fill="#c2410c",
        button_primary_background_fill_dark="#c2410c",
        button_primary_background_fill_hover="#9a3412",
        button_primary_background_fill_hover_dark="#9a3412",
        button_cancel_background_fill="#b91c1c",
        button_cancel_background_fill_dark="#b91c1c",
        button_cancel_background_fill_hover="#991b1b",
        button_cancel_background_fill_hover_dark="#991b1b",
        button_cancel_text_color="#ffffff",
        button_cancel_text_color_dark="#ffffff",
        body_text_color_subdued="#59626d",
        body_text_color_subdued_dark="#9aa4b0",
        input_placeholder_color="#6b7280",
        input_placeholder_color_dark="#9aa4b0",
    )
    return look


def launch(
    clinic: Clinic,
    *,
    port: int,
    first: Lang = "en",
    block: bool = True,
    host: str = "127.0.0.1",
    password: str | None = None,
    desk: Desk | None = None,
    token: str = "",
) -> gr.Blocks:
    """Serve the dashboard on 127.0.0.1, or with a password on another address.

    `desk`: what the Share page shares with. `token`: asked for where there is no password.

    Raises:
        OSError: the port is taken.
        ShareRefused: it would not be safe.
    """
    sessions = Sessions()
    early = HEARTBEAT + CLOCKS + script(first, Addresses(first))
    middleware = [
        *guards(host, password, token=token),
        Middleware(Beats, sessions=sessions),
        Middleware(PagesPacked),
        Middleware(Early, script=early),
    ]
    demo = build(clinic, first, desk or Desk(clinic.root, shows_password=host in LOOPBACK))
    demo.queue(default_concurrency_limit=16, api_open=False)
    unhurried(demo)
    demo.launch(
        server_name=host,
        app_kwargs={"middleware": middleware},
        server_port=port,
        share=False,
        quiet=True,
        css_paths=[STYLE, *PAGE_STYLES, PREFLIGHT_STYLE, MEMORY_STYLE],
        head=HEAD,
        theme=theme(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=MOST_UPLOADED,
        prevent_thread_lock=True,
        ssr_mode=False,
    )
    guards_first(demo.app)
    sessions.kept = demo.app.state_holder.session_data
    if block:
        demo.block_thread()
    return demo
