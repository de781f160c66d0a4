"""Train: a run from a form, with the command that it stands for, its check before and its course after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.pages.header import header
from dashboard.pages.live import live
from dashboard.preflight.job import FormUnusable
from dashboard.preflight.view import findings_html, progress_html
from dashboard.texts import Words
from dashboard.train.draft import draft_of, form_of_draft
from dashboard.train.fields import FIELDS, METHOD_FIELDS, TRAINING_FIELDS, shown
from dashboard.train.form import Form, free_name, start_from, starts, words_of_command
from dashboard.train.job import Refused, check, command_line, start
from dashboard.train.options import Option, OptionsUnread, kept, options_of, warm
from dashboard.train.view import added, choices, command_html, help_html, others, placeholder
from diagnostics.preflight.asking import METHODS

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
CHOSEN = (
    "packing",
    "assistant_only_loss",
    "completion_only_loss",
    "loss_type",
    "lr_scheduler_type",
    "use_peft",
    "eval_strategy",
)
NUMBERS = len(FIELDS)


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, what it fills and what it is given."""
    header("train", words, addresses)
    gr.Markdown(words("train.intro"), elem_classes="tight")
    with gr.Row(equal_height=True):
        method = gr.Dropdown(
            [(one.upper() if one != "reward" else "Reward", one) for one in METHODS],
            value=None, label=words("train.method"), scale=1, min_width=130, elem_id="train-method",
        )  # fmt: skip
        origin = gr.Dropdown(label=words("train.from"), scale=3, min_width=220, elem_id="train-from")
        name = gr.Textbox(label=words("train.name"), lines=1, scale=2, min_width=180, elem_id="train-name")
    with gr.Row(equal_height=True):
        model = gr.Dropdown(
            label=words("train.model"), allow_custom_value=True, scale=1, min_width=260, elem_id="train-model"
        )
        data = gr.Textbox(label=words("train.data"), lines=1, scale=1, min_width=260, elem_id="train-data")
    reading = gr.HTML(elem_id="train-reading", padding=False)
    boxes: dict[str, Any] = {}
    for title, names in (("train.method_fields", METHOD_FIELDS), ("train.training_fields", TRAINING_FIELDS)):
        gr.HTML(f'<div class="label">{words(title)}</div>', elem_classes="tight", padding=False)
        with gr.Row(equal_height=True, elem_classes="train-fields"):
            for one in names:
                boxes[one] = field(one, words)
    with gr.Accordion(words("train.all"), open=False, elem_id="train-all"):
        with gr.Row(equal_height=True):
            find = gr.Dropdown(label=words("train.find"), scale=3, min_width=240, elem_id="train-find")
            add = gr.Button(words("train.add"), size="sm", scale=1, elem_id="train-add")
        told = gr.HTML(elem_id="train-help", padding=False)
        with gr.Row(equal_height=True):
            settings = gr.Textbox(label=words("train.settings"), lines=3, scale=3, elem_id="train-settings")
            with gr.Column(scale=1, min_width=200):
                processes = gr.Number(1, label=words("train.processes"), precision=0, minimum=1, maximum=64)
                force = gr.Checkbox(label=words("train.force"), elem_id="train-force")
    command = gr.HTML(elem_id="train-command", padding=False)
    with gr.Row(equal_height=True, elem_classes="tight"):
        look = gr.Button(words("train.check"), scale=1, elem_id="train-check")
        halt = gr.Button(words("pre.stop"), scale=1, elem_id="train-halt", visible=False)
        go = gr.Button(words("train.start"), variant="primary", scale=1, elem_id="train-start")
    said = gr.HTML(elem_id="train-said", padding=False)
    started = gr.State("")
    # It is no secret: with one that Gradio makes up, a restart of the dashboard would lose what was kept.
    draft = gr.BrowserState(None, storage_key="clinic-train", secret="clinic-train")
    base = [method, model, data, name, settings, processes, force]
    everything = [*base, *boxes.values()]
    at_work = live(clinic, words, addresses, started)

    def form_of(*values: Any) -> Form:
        """The form as it is filled."""
        chosen, model, data, name, settings, processes, force, *rest = values
        fields = dict(zip(FIELDS, (str(one or "") for one in rest), strict=True))
        return Form(
            chosen, model or "", data or "", name or "", fields, settings or "", int(processes or 1), bool(force)
        )

    def known(method: str | None) -> dict[str, Option]:
        """The method's arguments, if they have been read."""
        return kept(method, clinic.root) if method in METHODS else {}

    def shape(method: str | None) -> Iterator[list[Any]]:
        """The fields of a method with its defaults in them."""
        if method not in METHODS:
            yield [note(words("train.no_method")), gr.update(choices=[]), *([gr.update(visible=False)] * NUMBERS)]
            return
        options, error = known(method), ""
        if not options:
            yield [note(words("train.reading")), gr.skip(), *([gr.skip()] * NUMBERS)]
            try:
                options = options_of(method, clinic.root)
            except OptionsUnread as problem:
                error = note(words("train.unread", reason=problem), "error")
        own = shown(method)
        yield [error, gr.update(choices=others(method, options), value=None),
               *(dressed(one, options.get(one), one in own, words) for one in FIELDS)]  # fmt: skip

    def as_command(*values: Any) -> tuple[str, Any, Any]:
        """The command of the form as it is now, a name that is free, and the form for the browser to keep."""
        form = form_of(*values)
        named = gr.update(placeholder=free_name(form.method or "run", clinic.root))
        try:
            line = command_line(words_of_command(form, known(form.method), clinic.root, words))
        except FormUnusable as error:
            return command_html("", str(error), words), named, draft_of(form)
        return command_html(line, None, words), named, draft_of(form)

    def fill(chosen: str, *values: Any) -> list[Any]:
        """The form filled from a template, a run or a fix."""
        return spread(start_from(clinic, chosen, form_of(*values)))

    def spread(form: Form | None) -> list[Any]:
        """A form's values over the fields."""
        if form is None:
            return [gr.skip()] * (len(base) + NUMBERS)
        return [form.method, form.model, form.data, form.name, form.settings, form.processes, form.force,
                *(form.fields.get(one, "") for one in FIELDS)]  # fmt: skip

    def checked(*values: Any) -> Iterator[Any]:
        """The pre-flight of the form."""
        form = form_of(*values)
        try:
            for state in check(form, known(form.method), clinic.root, words):
                shown = findings_html(state.report, words) if state.report is not None else progress_html(state, words)
                yield shown
        except FormUnusable as error:
            yield note(str(error), "error")

    def begin(*values: Any) -> Iterator[tuple[Any, Any]]:
        """Put the run into the queue."""
        yield note(words("train.starting")), gr.skip()
        form = form_of(*values)
        try:
            made = start(form, known(form.method), clinic.root, words)
        except (FormUnusable, Refused) as error:
            yield note(str(error), "error"), gr.skip()
            return
        yield note(words("train.started", name=made), "good"), made

    def opened(left: Any, request: gr.Request) -> list[Any]:
        """What there is to start from; the fix or the run that the address names fills the form, else what was `left` in it."""
        warm(clinic.root)
        query = request.query_params
        wanted = f"child:{query['child']}" if "child" in query else f"run:{query['run']}" if "run" in query else ""
        form = start_from(clinic, wanted, Form()) if wanted else form_of_draft(left)
        there = starts(clinic, words)
        values = spread(form)
        models = [(one.name, one.path) for one in clinic.checkpoints() if one.kind in ("model", "adapter")]
        first = models[0][1] if models else None
        values[1] = gr.update(choices=models, value=form.model if form else first)
        return [gr.update(choices=there, value=wanted if form else ""), *values]

    method.change(shape, method, [reading, find, *boxes.values()], **QUIET)
    origin.input(fill, [origin, *everything], everything, **QUIET)
    at_work.duplicate.click(
        lambda run, *values: fill(f"run:{run}", *values), [at_work.run, *everything], everything, **QUIET
    )
    # One event for all: of two, the one that left first may arrive last, and would undo what the other brought.
    gr.on(
        [one.change for one in everything],
        as_command,
        everything,
        [command, name, draft],
        trigger_mode="always_last",
        **QUIET,
    )
    find.input(lambda method, one: help_html(known(method).get(one), words), [method, find], told, **QUIET)
    add.click(lambda method, one, lines: added(one, lines, known(method)), [method, find, settings], settings, **QUIET)
    stoppable: dict[str, Any] = {"fn": lambda: gr.update(visible=True), "outputs": halt, **QUIET}
    checking = look.click(**stoppable).then(checked, everything, said, concurrency_limit=2, **QUIET)
    checking.then(lambda: gr.update(visible=False), outputs=halt, **QUIET)
    halt.click(
        lambda: (note(words("pre.stopped")), gr.update(visible=False)),
        outputs=[said, halt],
        cancels=[checking],
        **QUIET,
    )
    go.click(begin, everything, [said, started], concurrency_limit=4, trigger_mode="once", **QUIET)
    return [(opened, [origin, *everything], draft), at_work.opened]


def field(name: str, words: Words) -> Any:
    """One argument's field: chosen where its values are few, else typed."""
    asked: dict[str, Any] = {"label": name, "info": words(f"train.field.{name}"), "visible": False, "min_width": 205,
                             "elem_id": f"train-field-{name}"}  # fmt: skip
    if name in CHOSEN:
        return gr.Dropdown([], value="", allow_custom_value=True, **asked)
    return gr.Textbox("", lines=1, max_lines=1, **asked)


def dressed(name: str, option: Option | None, visible: bool, words: Words) -> Any:
    """A field with its method's default."""
    if name not in CHOSEN:
        return gr.update(visible=visible, placeholder=placeholder(option, words))
    return gr.update(visible=visible, choices=choices(option, words))
