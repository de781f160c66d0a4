"""The shared app: pages of finished HTML without one event; for trying, a page more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from fastapi import FastAPI

from dashboard.app import HEAD, STYLE, theme
from dashboard.clocks import unhurried
from dashboard.settings.browser import script
from dashboard.sharing.app import trying
from dashboard.sharing.doors import Doors
from dashboard.sharing.limits import QUEUE
from dashboard.sharing.turns import Line
from dashboard.sharing.view import Content, Place, page_html
from dashboard.texts import Words
from diagnostics.report import overlay

OWN_STYLES = (Path(overlay.__file__).parent / "overlay.css", Path(__file__).parent / "shared.css")
TITLE = "TRL Clinic"


class SharedApp:
    """The app and its pages. Without events it has nothing to call: whoever reads it can do nothing but read."""

    def __init__(self, content: Content, root_path: str = "") -> None:
        self.content = content
        self.blocks = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
        self._shown: list[tuple[Place, gr.HTML]] = []
        for place in content.places():
            title = Words(place.lang)("share.overview") if place.kind == "index" else place.path
            with self.blocks.route(title, place.path, show_in_navbar=False) if place.path else self.blocks:
                gr.Navbar(visible=False)
                self._shown.append((place, gr.HTML(page_html(content, place), elem_classes="shared")))
                if place.kind == "try" and content.trial is not None:
                    trying.build(content.trial, Words(place.lang), content.hide())
        self.blocks.queue(max_size=int(QUEUE), default_concurrency_limit=4, api_open=False)
        unhurried(self.blocks)
        self.asgi = gr.mount_gradio_app(
            FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            self.blocks,
            path="/",
            root_path=root_path or None,
            footer_links=[],
            run_history=False,
            allowed_paths=[],
            show_error=False,
            max_file_size="1b",
            ssr_mode=False,
            enable_monitoring=False,
            pwa=False,
            mcp_server=False,
            theme=theme(),
            css_paths=[STYLE, *OWN_STYLES],
            head=HEAD + script(content.first),
        )

    def doors(self) -> Doors:
        """What of the app is to be reached: its pages, and the events that it has."""
        pages = {f"/{place.path}" for place, _ in self._shown}
        # One that calls nothing here, such as Stop, which only cancels another, is none to be sent.
        return Doors(frozenset(pages), frozenset(key for key, one in self.blocks.fns.items() if one.fn is not None))

    def line(self) -> Line:
        """The line before the models: Gradio's own, looked at."""
        asking = frozenset(number for number, fn in self.blocks.fns.items() if fn.concurrency_id == trying.LINE)

        def keys() -> list[str]:
            queue = self.blocks._queue
            waiting = queue.event_queue_per_concurrency_id.get(trying.LINE)
            events = [*(waiting.queue if waiting else ()), *(one for job in queue.active_jobs for one in job or ())]
            return [
                one.request.headers.get("x-clinic-visitor", "") for one in events if one.concurrency_id == trying.LINE
            ]

        return Line(asking, keys)

    def refresh(self, pages: Mapping[str, str]) -> None:
        """Show newer pages to whoever loads them from now on."""
        for place, shown in self._shown:
            shown.value = pages[place.path]
        self.blocks.config = self.blocks.get_config_file()
