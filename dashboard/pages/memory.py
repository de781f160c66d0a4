"""Memory: what a training will need on its device, moving with the sliders, then traced, and the cheapest change that fits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.memory.child import child_file
from dashboard.memory.crash import after_of, choices, filled_by
from dashboard.memory.form import NAMES, Form, FormUnusable, form_of_file
from dashboard.memory.job import Desk, Tab, fit, quick, trace
from dashboard.memory.offers import devices, models
from dashboard.memory.view import answer_html, crash_html, fit_html, progress_html, quick_html, taken_html
from dashboard.pages.header import header
from dashboard.texts import Words
from diagnostics.memory.records import METHODS
from diagnostics.memory.resolve import ONLINE
from diagnostics.probes.memory.starter import warm

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
SHOWN = 6  # parts that an estimate fills: progress, head, bill, fit, rest, the buttons below fit
WAYS = 2
PAUSE_SECONDS = 0.4  # without another change before a trace begins: a slider that is dragged changes many times
FIRST = Form(model="meta-llama/Llama-3.1-8B", device="A100-80")  # what the page shows until something is chosen
MOST = {"batch": 64, "length": 16384, "rank": 256, "accumulation": 64, "processes": 16}
LEAST = {"length": 16, "rank": 0}  # of the others 1
STEPS = {"length": 16}
DTYPES = ["float32", "bfloat16", "float16", "auto"]
OPTIMIZERS = ["adamw_torch_fused", "adamw_torch", "adamw_bnb_8bit", "paged_adamw_8bit", "lion_8bit", "adafactor", "sgd"]


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    desk = Desk()
    header("memory", words, addresses)
    gr.Markdown(words("mem.intro"), elem_classes="tight")
    with gr.Row(equal_height=True):
        run = gr.Dropdown(label=words("mem.run"), scale=2, min_width=220, elem_id="mem-run")
        method = gr.Dropdown(
            [(one.upper() if one != "reward" else "Reward", one) for one in METHODS],
            value=FIRST.method, label=words("mem.method"), scale=1, min_width=120, elem_id="mem-method",
        )  # fmt: skip
        model = gr.Dropdown(
            label=words("mem.model"), allow_custom_value=True, scale=3, min_width=260, elem_id="mem-model"
        )
        device = gr.Dropdown(
            [("–", ""), *devices()], label=words("mem.device"), scale=2, min_width=180, elem_id="mem-device"
        )
        gib = gr.Number(0, label=words("mem.gib"), scale=1, min_width=90, elem_id="mem-gib")
    head = gr.HTML(elem_id="mem-head")
    with gr.Row():
        with gr.Column(scale=2, min_width=300, elem_classes="memory-controls"):
            sliders = {name: slider(name, words) for name in MOST}
            with gr.Row(elem_classes="tight"):
                go = gr.Button(words("mem.go"), min_width=60, elem_id="mem-go")
                seek = gr.Button(words("mem.fit"), variant="primary", min_width=60, elem_id="mem-fit")
                stop = gr.Button(words("mem.stop"), min_width=60, elem_id="mem-stop")
            progress = gr.HTML(elem_id="mem-progress")
            with gr.Accordion(words("mem.more"), open=False, elem_id="mem-more"):
                dtype = gr.Dropdown(DTYPES, label=words("mem.dtype"), allow_custom_value=True, elem_id="mem-dtype")
                optim = gr.Dropdown(OPTIMIZERS, label=words("mem.optim"), allow_custom_value=True, elem_id="mem-optim")
                four_bit = gr.Checkbox(label=words("mem.four_bit"), elem_id="mem-four-bit")
                checkpointing = gr.Checkbox(value=True, label=words("mem.checkpointing"), elem_id="mem-checkpointing")
                longest = gr.Number(0, label=words("mem.longest"), precision=0, minimum=0, elem_id="mem-longest")
                settings = gr.Textbox("", label=words("mem.settings"), lines=3, elem_id="mem-settings")
                config = gr.File(
                    label=words("mem.file"), file_types=[".yaml", ".yml", ".json"], height=120, elem_id="mem-config"
                )
        with gr.Column(scale=5, min_width=320):
            crash = gr.HTML(elem_id="mem-crash")
            bill = gr.HTML(elem_id="mem-bill")
            ways = gr.HTML(elem_id="mem-ways")
            with gr.Row(visible=False, elem_classes="tight") as taking:
                takes = [
                    gr.Button(words("mem.take", number=n), size="sm", elem_id=f"mem-take-{n}")
                    for n in range(1, WAYS + 1)
                ]
            took = gr.HTML(elem_id="mem-took")
            taken = gr.File(visible=False, label=words("mem.download"), elem_id="mem-taken")
            rest = gr.HTML(elem_id="mem-rest")
    filled = gr.State(0.0)  # changes when a run or a file has filled the form
    by_name = {
        "run": run, "method": method, "model": model, "device": device, "gib": gib, **sliders, "longest": longest, "dtype": dtype,
        "optim": optim, "four_bit": four_bit, "checkpointing": checkpointing, "settings": settings,
    }  # fmt: skip
    fields = [by_name[name] for name in NAMES]
    shown = [progress, head, bill, ways, rest, taking]

    def values_of(form: Form) -> list[Any]:
        """A form as what its fields are to show: a slider reaches as far as its value."""
        found = []
        for name, value in zip(NAMES, astuple(form), strict=True):
            if name in ("run", "device"):
                value = value or ""
            if name in MOST:
                ends = {"minimum": min(LEAST.get(name, 1), value), "maximum": max(MOST[name], value)}
                found.append(gr.update(value=value, **ends, **labels(name, form.method)))
            else:
                found.append(gr.update(value=value, **labels(name, form.method)))
        return found

    def labels(name: str, kind: str | None) -> dict[str, str]:
        """The label of a field that means another thing for methods that generate."""
        if name not in ("length", "longest"):
            return {}
        return {"label": words(f"mem.{name}_online" if kind in ONLINE else f"mem.{name}")}

    def opened(request: gr.Request) -> list[Any]:
        """The runs and models to choose from; the run that the address names fills the form. The predictor loads meanwhile."""
        threading.Thread(target=warm, daemon=True).start()
        runs = choices(clinic, words)
        name = request.query_params.get("run")
        form = (filled_by(name, clinic) if name in [one[1] for one in runs] else None) or FIRST
        updates = dict(zip(NAMES, values_of(form), strict=True))
        updates["run"] = gr.update(choices=runs, value=form.run or "")
        updates["model"] = gr.update(choices=models(clinic), value=form.model)
        return [*updates.values(), crash_html(after_of(form.run, clinic), words), time.time()]

    def from_run(name: str) -> list[Any]:
        """The form as a run fills it, and what happened to the run."""
        form = filled_by(name, clinic) if name else None
        if form is None:
            says = note(words("mem.no_config", name=name), "error") if name else ""
            return [*[gr.skip()] * len(NAMES), says, gr.skip()]
        return [*values_of(form), crash_html(after_of(name, clinic), words), time.time()]

    def from_file(path: str | None, *values: Any) -> list[Any]:
        """The form as a dropped config fills it."""
        if not path:
            return [gr.skip()] * (len(NAMES) + 2)
        try:
            return [*values_of(form_of_file(path, Form(*values), words)), "", time.time()]
        except FormUnusable as error:
            return [*[gr.skip()] * len(NAMES), note(str(error), "error"), gr.skip()]

    def at_once(form: Form, tab: Tab) -> tuple[Any, ...]:
        """The instant estimate, or the one sentence why there is none."""
        try:
            first, second, third = quick_html(quick(form, clinic, words, tab), words)
        except FormUnusable as error:
            return "", note(str(error), "error"), "", "", "", gr.update(visible=False)
        return "", first, second, "", third, gr.update(visible=False)

    def drag(request: gr.Request, *values: Any) -> tuple[Any, ...]:
        """The instant estimate while a slider moves; a trace that is under way is no longer wanted."""
        tab, alive = desk.begin(request.session_hash)
        found = at_once(Form(*values), tab)
        return found if alive() else tuple([gr.skip()] * SHOWN)

    def work(request: gr.Request, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The instant estimate, then the traced one."""
        form = Form(*values)
        tab, alive = desk.begin(request.session_hash)
        found = at_once(form, tab)
        if not alive():  # what was asked for since is answered already, maybe; this would take its answer away
            return
        yield found
        time.sleep(PAUSE_SECONDS)
        keep = [gr.skip()] * (SHOWN - 1)
        try:
            for state in trace(form, clinic, words, tab, alive):
                if state.answer is None:
                    yield progress_html(state, words), *keep
                else:
                    first, second, third = answer_html(state.answer, words)
                    yield "", first, second, gr.skip(), third, gr.skip()
        except FormUnusable:  # said at once already; and again, lest an older request's last word came after it
            if alive():
                yield at_once(form, tab)
        if tab.stopped:
            yield note(words("mem.stopped")), *keep

    def search(request: gr.Request, *values: Any) -> Iterator[tuple[Any, ...]]:
        """What would fit."""
        form = Form(*values)
        tab, alive = desk.begin(request.session_hash)
        keep = [gr.skip()] * (SHOWN - 1)
        try:
            for state in fit(form, clinic, words, tab, alive):
                if state.answer is None:
                    yield progress_html(state, words), *keep
                    continue
                found = state.answer.plan is not None and bool(state.answer.plan.options)
                first, second, third = answer_html(tab.traced or state.answer, words)
                yield "", first, second, fit_html(state.answer, words), third, gr.update(visible=found)
        except FormUnusable as error:
            yield note(str(error), "error"), *keep
        if tab.stopped:
            yield note(words("mem.stopped")), *keep

    def offered(request: gr.Request) -> list[Any]:
        """A button for each way that was found; what was taken of an earlier search goes."""
        fitted = desk.tab(request.session_hash).fitted
        count = len(fitted[1].plan.options) if fitted and fitted[1].plan else 0
        return [*(gr.update(visible=n < count) for n in range(WAYS)), "", gr.update(visible=False, value=None)]

    def take(number: int) -> Any:
        """What happens when a way is taken: its config is written."""

        def taking_one(request: gr.Request) -> tuple[Any, Any]:
            try:
                path, parent = child_file(number, desk.tab(request.session_hash), clinic, words)
            except FormUnusable as error:
                return note(str(error), "error"), gr.update(visible=False)
            return taken_html(path, parent, words), gr.update(value=str(path), visible=True)

        return taking_one

    def stopped(request: gr.Request) -> None:
        """Nobody wants what is under way."""
        desk.stop(request.session_hash)

    changed = [one.input for one in (model, method, dtype, optim, four_bit, checkpointing, longest, gib)]
    # A text's `input` tells of keys that write a letter only, not of what is erased or pasted.
    changed.append(settings.change)
    # One line for all that estimates: of two lines Gradio takes from either at random, and the older would count as newer.
    line: dict[str, Any] = {"concurrency_id": "estimate-memory", "concurrency_limit": 8, **QUIET}
    traced: dict[str, Any] = {"trigger_mode": "multiple", **line}
    gr.on([go.click, filled.change, *changed], quiet_at_last(work), fields, shown, **traced)
    moved = [one.input for one in sliders.values()]
    dragged = gr.on(moved, drag, fields, shown, trigger_mode="always_last", **line)
    dragged.then(quiet_at_last(work), fields, shown, **traced)
    seek.click(quiet_at_last(search), fields, shown, **traced)
    stop.click(stopped, **QUIET)
    device.input(lambda: (0, time.time()), outputs=[gib, filled], **QUIET)
    gib.input(lambda size: "" if size else gr.skip(), gib, device, **QUIET)
    ways.change(offered, outputs=[*takes, took, taken], **QUIET)
    for number, button in enumerate(takes, 1):
        button.click(take(number), outputs=[took, taken], **QUIET)
    run.input(from_run, run, [*fields, crash, filled], **QUIET)
    config.upload(from_file, [config, *fields], [*fields, crash, filled], **QUIET)
    method.input(lambda kind: [gr.update(**labels(one, kind)) for one in ("length", "longest")], method,
                 [sliders["length"], longest], **QUIET)  # fmt: skip
    return [(opened, [*fields, crash, filled])]


def quiet_at_last(work: Callable[..., Iterator[tuple[Any, ...]]]) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """The same work, with nothing as its last word: Gradio says the last one again when a generator ends.

    By then something newer may have been answered, which would be taken away.
    """

    def whole(request: gr.Request, *values: Any) -> Iterator[tuple[Any, ...]]:
        yield from work(request, *values)
        yield tuple([gr.skip()] * SHOWN)

    return whole


def slider(name: str, words: Words) -> gr.Slider:
    """A slider of the form."""
    return gr.Slider(
        LEAST.get(name, 1), MOST[name], getattr(FIRST, name), step=STEPS.get(name, 1), label=words(f"mem.{name}"),
        elem_id=f"mem-{name}",
    )  # fmt: skip
