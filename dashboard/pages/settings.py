"""Settings: language and theme of this browser, where things lie, and the limits that hold for everybody here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note, text
from dashboard.pages.beat import beat, drawn
from dashboard.pages.header import header
from dashboard.settings.browser import CHOOSE, choices_html
from dashboard.settings.folders import Sizes, places
from dashboard.settings.kept import RANGES
from dashboard.settings.limits import AT_ONCE, at_once, automatic_gib, empty_cache, fixed_by_variable, save, told
from dashboard.settings.view import folders_html
from dashboard.texts import Words
from dashboard.train.job import Refused
from diagnostics.compare.models.memory import VARIABLE

POLL_SECONDS = 1.0
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
COUNTED = ("max_new_tokens", "rows", "plots")


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    sizes = Sizes()
    header("settings", words, addresses)
    titled("browser", words)
    gr.HTML(choices_html(words, addresses), js_on_load=CHOOSE, elem_id="settings-browser")
    titled("folders", words, told=False)
    folders = gr.HTML(elem_id="settings-folders")
    with gr.Row(elem_classes="tight"):
        empty = gr.Button(words("settings.cache_empty"), scale=0, min_width=280, elem_id="cache-empty")
    with gr.Column(visible=False, elem_id="cache-asked") as asked:
        gr.HTML(note(words("settings.cache_ask"), "warning"))
        with gr.Row(elem_classes="tight"):
            yes = gr.Button(words("settings.cache_yes"), variant="stop", scale=0, min_width=160, elem_id="cache-yes")
            no = gr.Button(words("settings.cache_no"), scale=0, min_width=160, elem_id="cache-no")
    emptied = gr.HTML(elem_classes="tight told", elem_id="cache-told")
    titled("limits", words)
    damage = gr.HTML(elem_classes="tight told", elem_id="settings-damage")
    # No bounds on the fields themselves: the server refuses in a sentence, where a field would only turn red.
    with gr.Row(elem_classes="settings-limits"):
        at_most = gr.Number(
            label=words("settings.at_once"), info=words("settings.at_once_help", most=int(AT_ONCE.most)),
            placeholder="…", min_width=300, elem_id="limit-at-once",
        )  # fmt: skip
        memory = gr.Number(label=words("settings.model_memory_gib"), min_width=300, elem_id="limit-memory")
    with gr.Row(elem_classes="settings-limits"):
        counted = [
            gr.Number(
                label=words(f"settings.{name}"), info=range_words(name, words), min_width=200, elem_id=f"limit-{name}"
            )
            for name in COUNTED
        ]
    with gr.Row(elem_classes="tight"):
        keep = gr.Button(words("settings.save"), variant="primary", scale=0, min_width=180, elem_id="limits-save")
    kept_told = gr.HTML(elem_classes="tight told", elem_id="limits-told")
    was = gr.State(None)

    def counted_by_now() -> dict[Path, int | None]:
        """The sizes that are known by now."""
        return sizes.of([one.path for one in places(clinic)])

    def mark(known: dict[Path, int | None]) -> str:
        """A text that changes when a size becomes known."""
        return str(list(known.values()))

    pulse = beat(lambda of: mark(counted_by_now()), lambda: POLL_SECONDS)

    def sized() -> tuple[str, str]:
        """The folders as they are counted by now, and that these are shown."""
        known = counted_by_now()
        return folders_html(clinic, known, words), drawn(mark(known))

    def opened() -> list[Any]:
        """All but what a command has to be asked for."""
        now = clinic.settings.now()
        fixed = fixed_by_variable()
        least, most = RANGES["model_memory_gib"].least, RANGES["model_memory_gib"].most
        automatic = automatic_gib(clinic)
        info = words("settings.memory_help", least=least, most=most, automatic=automatic)
        if fixed:
            info = words("settings.memory_fixed", automatic=automatic, variable=VARIABLE)
        return [
            *sized(),
            told(clinic, words),
            gr.update(value=None if fixed else now.memory_gib, info=info, interactive=not fixed),
            *(gr.update(value=now.whole(name)) for name in COUNTED),
        ]

    def queue() -> Iterator[list[Any]]:
        """How many train at once; nothing until the command has said so, which takes a second."""
        yield [gr.update(value=None), None]
        try:
            now = at_once()
        except Refused as error:
            yield [gr.update(interactive=False, info=str(error)), None]
        else:
            yield [gr.update(value=now), now]

    def keep_limits(was: int | None, at_most: Any, memory: Any, *others: Any) -> list[Any]:
        """Keep what stands in the form, or say what of it cannot be."""
        values = {"at_once": at_most, "model_memory_gib": memory, **dict(zip(COUNTED, others, strict=True))}
        said, now = save(clinic, values, was, words)
        return [said, now, told(clinic, words)]

    def emptying() -> list[Any]:
        """Empty the cache and count it again."""
        said = empty_cache(clinic, words)
        sizes.forget(clinic.cache.folder)
        return [said, gr.update(visible=False), *sized()]

    pulse.changed(sized, outputs=[folders, pulse], trigger_mode="once", **QUIET)
    empty.click(lambda: gr.update(visible=True), outputs=asked, **QUIET)
    no.click(lambda: gr.update(visible=False), outputs=asked, **QUIET)
    yes.click(emptying, outputs=[emptied, asked, folders, pulse], trigger_mode="once", **QUIET)
    keep.click(keep_limits, [was, at_most, memory, *counted], [kept_told, was, damage], trigger_mode="once", **QUIET)
    return [(opened, [folders, pulse, damage, memory, *counted]), (queue, [at_most, was])]


def titled(key: str, words: Words, told: bool = True) -> None:
    """The head of a section, with a sentence on it."""
    help_html = f'<p class="quiet">{text(words(f"settings.{key}_help"))}</p>' if told else ""
    gr.HTML(f"<h2>{text(words(f'settings.{key}'))}</h2>{help_html}", elem_classes="tight settings-title")


def range_words(name: str, words: Words) -> str:
    """What a limit may be, and what it is at first."""
    one = RANGES[name]
    return words("settings.range_help", least=one.least, most=one.most, default=one.default)
