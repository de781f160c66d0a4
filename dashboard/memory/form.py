"""The Memory page's form: filled from a run or a config file, and read as the question for the predictor."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from dashboard.clinic import Clinic
from dashboard.memory.offers import found_model
from dashboard.texts import Words
from diagnostics.memory.arguments import check_names
from diagnostics.memory.asking import config_of, large_enough
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.defaults import defaults_of, own_name
from diagnostics.memory.devices import GIB, NoDevice, device_bytes
from diagnostics.memory.records import METHODS
from diagnostics.memory.resolve import MARKS, ONLINE, Question, of_kind, resolve
from diagnostics.preflight import asking
from diagnostics.run import Run
from diagnostics.run.folder import RUN_FILE
from diagnostics.run.refusal import said

MOST_GIB = 1e6
# An argument of the config for each field that stands for one; what it is called in a config of the method.
ARGUMENTS = {
    "model": "model_name_or_path",
    "batch": "per_device_train_batch_size",
    "accumulation": "gradient_accumulation_steps",
    "dtype": "dtype",
    "optim": "optim",
    "four_bit": "load_in_4bit",
    "checkpointing": "gradient_checkpointing",
}
ADAPTER = ("use_peft", "lora_r")
# What an option of the command line is called on the page. A longer name before its beginning.
OPTIONS = {
    "longest": "mem.longest",
    "prompt": "mem.longest_online",
    "device-gib": "mem.gib",
    "device": "mem.device",
    "model": "mem.model",
    "config": "mem.file",
    "method": "mem.method",
    "length": "mem.length",
}


class FormUnusable(Exception):
    """The form asks for something that cannot be answered. The message is said in the page's language."""


@dataclass(frozen=True)
class Form:
    """The page's fields as they are filled.

    `device`: a known name, empty for none; `gib`: its memory in GiB instead, 0 for none. `length`: tokens of a row, of methods that generate those of an
    answer. `rank`: of a LoRA adapter, 0 for full fine-tuning. `longest`: tokens of the data's longest row, or of its
    longest prompt for methods that generate; 0 if not known. `settings`: all other arguments, one `key=value` a line.
    """

    run: str | None = None
    method: str | None = "sft"
    model: str | None = None
    device: str | None = None
    gib: float | None = 0
    batch: float = 8
    length: float = 1024
    rank: float = 0
    accumulation: float = 1
    processes: float = 1
    longest: float | None = 0
    dtype: str | None = "float32"
    optim: str | None = "adamw_torch_fused"
    four_bit: bool = False
    checkpointing: bool = True
    settings: str | None = ""

    def value(self, name: str) -> Any:
        """A field that stands for an argument, as the config has it: whole numbers, texts without blanks."""
        found = getattr(self, name)
        if isinstance(found, float) and found.is_integer():
            return int(found)
        return found.strip() if isinstance(found, str) else found


NAMES = tuple(one.name for one in fields(Form))


def length_name(method: str) -> str:
    """The argument that the length stands for: what limits a row, or an answer where answers are generated."""
    return own_name(method, "max_completion_length") if method in ONLINE else "max_length"


def names_of(method: str) -> dict[str, str]:
    """The arguments that have a field of their own, and the field."""
    return {**{argument: name for name, argument in ARGUMENTS.items()}, length_name(method): "length"}


def form_of_config(method: str | None, config: Mapping[str, Any], *, run: str | None = None, gib: float = 0,
                   processes: int | None = None) -> Form:  # fmt: skip
    """The form as a config fills it; what has no field is a line of the settings.

    Raises:
        AskedWrong: the method is none of ours.
    """
    chosen = str(config.get("method") or method)
    if chosen not in METHODS:
        raise AskedWrong(
            f"method: {chosen!r} is none of ours; expected one of {', '.join(METHODS)}.",
            f"method：{chosen!r} 不是这里的方法；应为 {'、'.join(METHODS)} 之一。",
        )
    defaults = defaults_of(chosen)
    own = {own_name(chosen, name): (name, value) for name, value in config.items() if name not in MARKS}
    values: dict[str, Any] = {
        name: defaults[argument] for argument, name in names_of(chosen).items() if argument in defaults
    }
    rest: dict[str, Any] = {}
    for argument, (name, given) in own.items():
        value = of_kind(given, defaults.get(argument))
        place = names_of(chosen).get(argument)
        if argument == "num_processes":
            processes = processes or value
        elif place is not None and value is None and place not in ("model", "length"):
            continue  # nothing was given: the default stays; rows without a limit are another matter
        elif place is not None and fills(place, value):
            values[place] = value
        elif argument not in ADAPTER:
            rest[name] = given  # of no field, or of none that could show it: asking about it says what is wrong
    peft = of_kind(own.get("use_peft", ("", False))[1], False)
    rank = of_kind(own.get("lora_r", ("", defaults["lora_r"]))[1], 1)
    if peft and not fills("rank", rank):
        rest["lora_r"], rank = rank, defaults["lora_r"]
    return Form(
        run=run,
        method=chosen,
        gib=gib,
        rank=rank if peft else 0,
        processes=processes or 1,
        settings="\n".join(setting(name, value) for name, value in rest.items()),
        **{**values, "model": text_or_none(values.get("model"))},
    )


def fills(field: str, value: Any) -> bool:
    """Whether a field of the form can show a value: a slider a number, a box on or off."""
    shown = getattr(Form, field)
    if isinstance(shown, bool) or isinstance(value, bool):
        return isinstance(shown, bool) and isinstance(value, bool)
    return isinstance(value, int | float) and value >= 0 if isinstance(shown, int) else True


def setting(name: str, value: Any) -> str:
    """An argument as a line of the settings, which is read as the same value again."""
    bare = f"{name}={value}"
    plain = isinstance(value, str) and len(bare.splitlines()) == 1 and bare == bare.strip()
    if plain and asking.parse_settings([bare]) == {name: value}:
        return bare
    return f"{name}={json.dumps(value, ensure_ascii=False)}"


def text_or_none(value: Any) -> str | None:
    """A value as text, None where there is none."""
    return None if value in (None, "") else str(value)


def form_of_run(clinic: Clinic, name: str, *, gib: float = 0, processes: int | None = None) -> Form | None:
    """The form as a run's request fills it; None if the run is not there or tells no method or config."""
    run = clinic.run(name)
    if run is None or not (run.asked or run.config) or run.method not in METHODS:
        return None
    return form_of_config(run.method, run.asked or run.config, run=name, gib=gib, processes=processes)


def form_of_file(path: str, before: Form, words: Words) -> Form:
    """The form as a dropped config fills it; the method that it does not name and the device are as they were.

    Raises:
        FormUnusable: it cannot be read, or is no config.
    """
    try:
        method, config = config_of(Path(path))
        found = form_of_config(method or before.method, config)
    except AskedWrong as error:
        raise FormUnusable(by_fields(error, words).replace(path, Path(path).name)) from error
    return replace(found, model=found.model or before.model, device=before.device, gib=before.gib)


def config_of_form(form: Form, words: Words) -> dict[str, Any]:
    """The form as a config for `training start`: the settings, and each field that differs from the method's default.

    Raises:
        FormUnusable: a line of the settings cannot be read, or names what has a field.
    """
    method = str(form.method)
    lines = [line.strip() for line in (form.settings or "").splitlines() if line.strip()]
    try:
        config = asking.parse_settings(lines)
    except asking.AskedWrong as error:
        raise FormUnusable(by_fields(error, words).removeprefix("--set ")) from error
    for name in config:
        if own_name(method, name) in {*names_of(method), *ADAPTER}:
            raise FormUnusable(words("mem.twice", name=name))
    defaults = defaults_of(method)
    for argument, name in names_of(method).items():
        value = form.value(name)
        if value not in (None, "") and (value != defaults.get(argument)):
            config[argument] = value
    if rank := int(form.rank or 0):
        config |= {"use_peft": True, "lora_r": rank}
    return config


def question_of_form(form: Form, clinic: Clinic, words: Words) -> Question:
    """What the form asks.

    Raises:
        FormUnusable: a field is empty or contradicts another.
    """
    if form.method not in METHODS:
        raise FormUnusable(words("mem.no_method"))
    if not (form.model or "").strip():
        raise FormUnusable(words("mem.no_model"))
    config = config_of_form(form, words)
    run = clinic.run(form.run) if form.run else None
    device = device_of(form, words)
    known = int(form.longest or 0) or None
    online = form.method in ONLINE
    try:
        if run is None or is_ours(run):  # a run of others has other names
            check_names(form.method, config)
        question = resolve(
            form.method,
            config,
            processes=int(form.processes or 1),
            device=device,
            longest=None if online else known,
            prompt=known if online else None,
            lookup=found_model,
            accelerator=not config.get("use_cpu"),
        )
        if device is not None:
            large_enough(question, device)
    except AskedWrong as error:
        raise FormUnusable(by_fields(error, words)) from error
    return question


def by_fields(reason: object, words: Words) -> str:
    """What an error or a note says in the page's language, with the page's field where it names an option of the command."""

    def field_of(match: re.Match[str]) -> str:
        label = re.split(r"[,(，（]", words(OPTIONS[match[1]]))[0].strip()
        return words("mem.field", name=label)

    blanks = " *" if words.lang == "zh" else " ?"
    named = rf"{blanks}--({'|'.join(OPTIONS)})(?![\w-])(?: (?:N|FILE)\b)?{' *' if words.lang == 'zh' else ''}"
    return re.sub(named, field_of, said(reason, words.lang))


def device_of(form: Form, words: Words) -> int | None:
    """The device's memory in bytes, by GiB or by its name; None where none was named.

    Raises:
        FormUnusable: it is not known.
    """
    if form.gib:
        if not 0 < form.gib < MOST_GIB:
            raise FormUnusable(words("mem.no_size", gib=form.gib))
        return int(form.gib * GIB)
    if not device_name(form):
        return None
    try:
        return device_bytes(device_name(form))
    except NoDevice as error:
        raise FormUnusable(words("mem.no_device", name=device_name(form))) from error


def device_name(form: Form) -> str:
    """The device by its name; nothing where its size was given."""
    return "" if form.gib else (form.device or "").strip()


def is_ours(run: Run) -> bool:
    """Whether a run was started here, so that a child of it can be."""
    return (run.path / RUN_FILE).exists()
