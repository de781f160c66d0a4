"""The Train page's form: as a config, as the command that trains it, and filled from a template, a run or a fix."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.children import CHILDREN
from dashboard.clinic import Clinic
from dashboard.preflight.job import FormUnusable, setting_lines
from dashboard.texts import Words
from dashboard.train.fields import KINDS, ONLINE, shown, template
from dashboard.train.options import Option
from diagnostics.preflight.asking import MARKS, METHODS, AskedWrong, read_config, value_of
from diagnostics.preflight.own_arguments import REWARD_MODEL

MODEL, DATA = "model_name_or_path", "dataset_name"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SEVERAL = ("reward_funcs",)  # fields that take several values between commas
NEAR = 2


@dataclass(frozen=True)
class Form:
    """The page's fields, as they are filled; a field that is empty is not given.

    `fields`: by argument, as typed. `settings`: further arguments, one `key=value` a line.
    """

    method: str | None = None
    model: str = ""
    data: str = ""
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    processes: int = 1
    force: bool = False


def given(form: Form) -> dict[str, str]:
    """What the form gives, by argument, as it is written on a command line."""
    found = {MODEL: form.model.strip(), DATA: form.data.strip()}
    for name in shown(form.method):
        text = str(form.fields.get(name) or "").strip()
        if name in SEVERAL and "," in text:
            text = json.dumps([one.strip() for one in text.split(",") if one.strip()])
        found[name] = text
    return {name: text for name, text in found.items() if text}


def words_of_command(form: Form, options: Mapping[str, Option], root: Path, words: Words) -> list[str]:
    """The form as the words of `python -m training start`, after `start`.

    Raises:
        FormUnusable: a field is missing or cannot be read, or an argument does not exist.
    """
    if form.method not in METHODS:
        raise FormUnusable(words("train.no_method"))
    pairs = given(form)
    for name, value in pairs.items():
        check_number(name, value, options, words)
    for line in setting_lines(form.settings):
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not name:
            raise FormUnusable(words("train.bad_setting", line=line))
        if name in pairs:
            raise FormUnusable(words("train.twice", field=name))
        check_name(name, form.method, options, words)
        pairs[name] = value.strip()
    if MODEL not in pairs:
        raise FormUnusable(words("train.no_model"))
    if DATA not in pairs and "datasets" not in pairs:
        raise FormUnusable(words("train.no_data"))
    if form.method in ONLINE and not {"reward_funcs", *REWARD_MODEL} & pairs.keys():
        raise FormUnusable(words("train.no_reward", method=form.method.upper()))
    command = ["--method", form.method, "--run", str(root / run_name(form, root, words)), "--queue", "--detach"]
    command += ["--processes", str(form.processes)] if form.processes > 1 else []
    command += ["--force"] if form.force else []
    return [*command, "--set", *(f"{name}={value}" for name, value in pairs.items())]


def check_number(name: str, value: str, options: Mapping[str, Option], words: Words) -> None:
    """Refuse a text where a number is expected.

    Raises:
        FormUnusable: it is none.
    """
    option = options.get(name)
    if option is None or option.kind not in ("int", "float"):
        return
    read = value_of(value)
    if read is not None and (isinstance(read, bool) or not isinstance(read, int | float)):
        raise FormUnusable(words("train.bad_number", field=name, value=value))


def check_name(name: str, method: str, options: Mapping[str, Option], words: Words) -> None:
    """Refuse an argument that the method has not, as far as its arguments are known.

    Raises:
        FormUnusable: it has not; near names are told.
    """
    if not options or name in options or name in MARKS or name in REWARD_MODEL:
        return
    near = difflib.get_close_matches(name, options, n=NEAR)
    hint = words("train.near", names=", ".join(near)) if near else ""
    raise FormUnusable(words("train.unknown", field=name, method=method.upper(), hint=hint))


def run_name(form: Form, root: Path, words: Words) -> str:
    """The run's name, which is its folder's.

    Raises:
        FormUnusable: it is no name, or taken.
    """
    name = form.name.strip() or free_name(form.method or "run", root)
    if not NAME.fullmatch(name):
        raise FormUnusable(words("train.bad_name", name=name))
    if (root / name).exists():
        raise FormUnusable(words("train.taken", name=name))
    return name


def free_name(method: str, root: Path) -> str:
    """The first name of a method that no run has."""
    number = 1
    while (root / f"{method}-{number}").exists():
        number += 1
    return f"{method}-{number}"


def filled(method: str | None, config: Mapping[str, Any]) -> Form:
    """A form that asks for a config."""
    rest = {name: value for name, value in config.items() if name != "method"}
    own = shown(method)
    fields = {}
    for name in own:
        value = rest.pop(name, None)
        if isinstance(value, list | tuple) and name in SEVERAL:
            value = ", ".join(map(str, value))
        fields[name] = "" if value is None else text_of(value)
    model, data = rest.pop(MODEL, None), rest.pop(DATA, None)
    lines = "\n".join(f"{name}={text_of(value)}" for name, value in rest.items())
    return Form(method, str(model or ""), str(data or ""), "", fields, lines)


def text_of(value: Any) -> str:
    """A value as it is written on a command line, so that it is read as what it was."""
    if isinstance(value, str) and isinstance(value_of(value), str):
        return value
    return json.dumps(value, ensure_ascii=False)


# Where a form may start from: `template:KIND`, `run:NAME` or `child:NAME`.


def starts(clinic: Clinic, words: Words) -> list[tuple[str, str]]:
    """All that a form can be filled from, with the values by which they are chosen."""
    found = [(words("train.from_nothing"), "")]
    found += [(words(f"train.template.{kind}"), f"template:{kind}") for kind in KINDS]
    found += [(words("train.as_child", name=name), f"child:{name}") for name in children(clinic)]
    runs = [run.name for run in clinic.runs()[0] if run.asked]
    return found + [(words("train.as_run", name=name), f"run:{name}") for name in runs]


def children(clinic: Clinic) -> list[str]:
    """The configs of child runs that were written on the Diagnose page, newest first."""
    try:
        paths = [one for one in (clinic.root / CHILDREN).iterdir() if one.suffix == ".json"]
        return [one.stem for one in sorted(paths, key=lambda one: one.stat().st_mtime, reverse=True)]
    except OSError:
        return []


def start_from(clinic: Clinic, chosen: str, form: Form) -> Form | None:
    """The form filled from a template, a run or a fix; None where it is not there or tells no config.

    A template leaves model, data and name as they are.
    """
    kind, _, name = chosen.partition(":")
    if kind == "template" and name in KINDS and form.method in METHODS:
        made = filled(form.method, template(name, form.method))
        return Form(
            form.method, form.model, form.data, form.name, made.fields, form.settings, form.processes, form.force
        )
    if kind == "run":
        run = clinic.run(name)
        return filled(run.method, run.asked) if run is not None and run.asked else None
    if kind == "child" and name in children(clinic):
        try:
            config = read_config(clinic.root / CHILDREN / f"{name}.json")
        except AskedWrong:
            return None
        method = config.get("method")
        return filled(method if method in METHODS else None, config)
    return None
