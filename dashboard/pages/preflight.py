"""Pre-flight: a training looked at before it starts, from a dropped file to the rows as tokens and the findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.pages.header import header
from dashboard.preflight.job import (
    Form,
    FormUnusable,
    form_of_run,
    look,
    models,
)
from dashboard.preflight.view import findings_html, progress_html, seen_html
from dashboard.preflight.written import converted, mended_config, modern_script
from dashboard.texts import Words
from diagnostics.preflight.asking import METHODS

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
DATA_ENDINGS = [".jsonl", ".json", ".csv", ".parquet", ".txt"]
FIELDS = 9  # of the form


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    header("preflight", words, addresses)
    gr.Markdown(words("pre.intro"), elem_classes="tight")
    with gr.Row(equal_height=True):
        method = gr.Dropdown(
            [(one.upper() if one != "reward" else "Reward", one) for one in METHODS],
            value=None,
            label=words("pre.method"),
            scale=1,
            min_width=140,
            elem_id="pre-method",
        )
        model = gr.Dropdown(
            label=words("pre.model"), allow_custom_value=True, scale=3, min_width=260, elem_id="pre-model"
        )
        run = gr.Dropdown(label=words("pre.run"), scale=2, min_width=180, elem_id="pre-run")
    with gr.Row(equal_height=True):
        data_file = gr.File(label=words("pre.file"), file_types=DATA_ENDINGS, height=130, scale=3, elem_id="pre-file")
        data_path = gr.Textbox(label=words("pre.path"), lines=1, scale=2, min_width=240, elem_id="pre-path")
    with gr.Accordion(words("pre.more"), open=False, elem_id="pre-more"):
        with gr.Row(equal_height=True):
            rewards = gr.Textbox(
                label=words("pre.rewards"), placeholder="rewards.py:polite", lines=1, scale=3, elem_id="pre-rewards"
            )
            reward_file = gr.File(
                label=words("pre.reward_file"), file_types=[".py"], height=130, scale=2, elem_id="pre-reward-file"
            )
        with gr.Row(equal_height=True):
            script = gr.File(label=words("pre.script"), file_types=[".py", ".ipynb"], height=130, elem_id="pre-script")
            config = gr.File(
                label=words("pre.config"), file_types=[".yaml", ".yml", ".json"], height=130, elem_id="pre-config"
            )
            settings = gr.Textbox(
                label=words("pre.settings"), placeholder="max_length=512", lines=3, elem_id="pre-settings"
            )
    with gr.Row(equal_height=True, elem_classes="tight"):
        go = gr.Button(words("pre.go"), variant="primary", scale=2, elem_id="pre-go")
        stop = gr.Button(words("pre.stop"), scale=1, elem_id="pre-stop")
    progress = gr.HTML(elem_id="pre-progress")
    found = gr.HTML(elem_id="pre-findings")
    with gr.Group(visible=False) as taking, gr.Row(equal_height=True, elem_classes="tight"):
        convert = gr.Button(words("pre.convert"), size="sm", elem_id="pre-convert")
        take_script = gr.Button(words("pre.script_file"), size="sm", elem_id="pre-take-script")
        take_config = gr.Button(words("pre.config_file"), size="sm", elem_id="pre-take-config")
    taken = gr.File(visible=False, label=words("pre.download"), elem_id="pre-taken")
    seen = gr.HTML(elem_id="pre-seen")
    report = gr.State(None)
    fields = [method, model, data_file, data_path, rewards, reward_file, script, config, settings]

    def opened(request: gr.Request) -> tuple[Any, ...]:
        """The models and runs to choose from; the run that the address names fills the form."""
        runs = [one.name for one in clinic.runs()[0] if one.asked]
        name = request.query_params.get("run")
        chosen = name if name in runs else None
        filled = from_run(chosen) if chosen else [gr.skip()] * FIELDS
        choices = models(clinic)
        first = filled[1] if chosen else gr.update(choices=choices, value=choices[0][1] if choices else None)
        return (
            gr.update(choices=[(words("pre.run_none"), ""), *((one, one) for one in runs)], value=chosen or ""),
            filled[0],
            first,
            *filled[2:],
        )

    def from_run(name: str) -> list[Any]:
        """The form as a run's request fills it."""
        form = form_of_run(clinic, name) if name else None
        if form is None:
            return [gr.skip()] * FIELDS
        filled = list(astuple(form))
        filled[1] = gr.update(choices=models(clinic), value=form.model)
        return filled

    def work(*values: Any) -> Iterator[tuple[Any, ...]]:
        """Look, and show how far it is; what was found before stays until the new report is there."""
        keep = gr.skip()
        try:
            for state in look(Form(*values), words):
                if not state.over:
                    yield progress_html(state, words), keep, keep, keep, keep
        except FormUnusable as error:
            yield note(str(error), "error"), "", "", None, gr.update(visible=False)
            return
        if state.report is None:
            yield progress_html(state, words), "", "", None, gr.update(visible=False)
            return
        shown = findings_html(state.report, words), seen_html(state.report, words)
        yield "", *shown, state.report, gr.update(visible=True)

    def offers(made: dict[str, Any] | None) -> tuple[Any, ...]:
        """Which of the files there are to take."""
        edits = any(fix["edits"] for one in (made or {}).get("findings", ()) for fix in one["fixes"])
        script_changed = bool(made and made["script"] and made["script"]["modern"])
        return (
            gr.update(visible=bool(made and made["data"])),
            gr.update(visible=script_changed),
            gr.update(visible=edits),
            gr.update(visible=False, value=None),
        )

    def take_converted(*values: Any) -> Iterator[tuple[Any, ...]]:
        """The converted data as a file."""
        yield note(words("pre.converting")), gr.skip()
        try:
            path = converted(Form(*values), words)
        except FormUnusable as error:
            yield note(str(error), "error"), gr.update(visible=False)
            return
        yield "", gr.update(value=str(path), visible=True)

    def script_taken(made: dict[str, Any]) -> Any:
        """The modern script as a file."""
        return file_of(modern_script(made))

    def config_taken(made: dict[str, Any], *values: Any) -> Any:
        """The mended config as a file."""
        return file_of(mended_config(Form(*values), made))

    run.input(from_run, run, fields, **QUIET)
    looking = go.click(work, fields, [progress, found, seen, report, taking], concurrency_limit=2, **QUIET)
    stop.click(lambda: note(words("pre.stopped")), outputs=progress, cancels=[looking], **QUIET)
    report.change(offers, report, [convert, take_script, take_config, taken], **QUIET)
    convert.click(take_converted, fields, [progress, taken], concurrency_limit=2, **QUIET)
    take_script.click(script_taken, report, taken, **QUIET)
    take_config.click(config_taken, [report, *fields], taken, **QUIET)
    return [(opened, [run, *fields])]


def file_of(path: Any) -> Any:
    """A file to download, hidden where there is none."""
    return gr.update(value=str(path) if path else None, visible=path is not None)
