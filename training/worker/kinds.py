"""The kinds of the values in a config, against the annotations of the argument classes: TRL itself takes any."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from training.request import BadRequest

# Spoken as in transformers' `string_to_bool`, which TRL's own command lines read with.
BOOLEANS = {
    **dict.fromkeys(("yes", "true", "t", "y", "on", "1"), True),
    **dict.fromkeys(("no", "false", "f", "n", "off", "0"), False),
}
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    types.NoneType: "null",
}
POSITIVE = ("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps")
ELSEWHERE = ("resume_from_checkpoint", "column_mapping")  # checked where they are used, in sentences of their own
REFUSED = object()
KINDS_ZH = {
    bool: "true 或 false",
    int: "整数",
    float: "数",
    str: "文本",
    list: "列表",
    tuple: "列表",
    dict: "映射",
    types.NoneType: "null",
}


def with_kinds(config: Mapping[str, Any], classes: Iterable[type]) -> dict[str, Any]:
    """The config with each value of the kind that its argument has: `no` of a flag is false, 1e3 of a count is 1000.

    Without it `use_peft=no` would train with LoRA, because every text counts as true. Kinds that are not in `KINDS`
    are left to their classes.

    Raises:
        BadRequest: a value is of another kind, or a size is below what can be trained with.
    """
    hints: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for one in classes:
        resolved = get_type_hints(one)
        for field in dataclasses.fields(one):
            hints[field.name], defaults[field.name] = resolved[field.name], field.default
    fitted = dict(config)
    for name, value in config.items():
        if name not in hints or name in ELSEWHERE or (value is None and defaults[name] is None):
            continue
        options = options_of(hints[name])
        fitted[name] = fit(value, options)
        if fitted[name] is REFUSED:
            raise BadRequest(
                f"{name}: {written(value)} was given; expected {spoken(options)}.",
                f"{name}：给出的是 {written(value)}；应为{spoken_zh(options)}。",
            )
        if name == "learning_rate" and fitted[name] < 0:
            raise BadRequest(
                f"{name}: {value} was given; expected a number of 0 or more.",
                f"{name}：给出的是 {value}；应为不小于 0 的数。",
            )
        if name in POSITIVE and fitted[name] < 1:
            raise BadRequest(
                f"{name}: {value} was given; expected a whole number of 1 or more.",
                f"{name}：给出的是 {value}；应为不小于 1 的整数。",
            )
    return fitted


def options_of(hint: Any) -> tuple[Any, ...]:
    """What an annotation allows: the members of a union, or the one kind. Of `an enum | str` only the enum's words."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(one for one in options if is_enum(one)) or options


def is_enum(option: Any) -> bool:
    """Whether an option is a class of named values."""
    return isinstance(option, type) and issubclass(option, Enum)


def fit(value: Any, options: tuple[Any, ...]) -> Any:
    """The value as one of the options, the nearest kind first; REFUSED if it is none of them."""
    found = [as_kind(value, option) for option in options]
    same = [one for one in found if one is not REFUSED and type(one) is type(value)]
    return next(iter(same or [one for one in found if one is not REFUSED]), REFUSED)


def as_kind(value: Any, option: Any) -> Any:
    """The value as an option, converted where nothing is lost by it; else REFUSED."""
    kind = get_origin(option) or option
    if kind is Literal:
        return value if value in get_args(option) else REFUSED
    if is_enum(kind):
        words = [one.value for one in kind]
        asked = "no" if value is False else value  # YAML 1.1 reads a bare no as false
        return asked if asked in words else REFUSED
    if kind not in KINDS:
        return value
    if kind is bool:
        return as_bool(value)
    if kind is list or kind is tuple:
        return as_list(value, option)
    if isinstance(value, bool):
        return REFUSED
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is float and isinstance(value, int):
        return value
    if kind is str and isinstance(value, int):
        return str(value)
    return value if isinstance(value, kind) else REFUSED


def as_bool(value: Any) -> Any:
    """True or false as people write them, or REFUSED."""
    if isinstance(value, bool):
        return value
    return BOOLEANS.get(str(value).lower(), REFUSED) if isinstance(value, str | int) else REFUSED


def as_list(value: Any, option: Any) -> Any:
    """A list whose elements are of the kind that the option names, or REFUSED."""
    if not isinstance(value, list | tuple):
        return REFUSED
    kinds = [one for one in get_args(option) if one is not Ellipsis]
    inner = options_of(kinds[0]) if kinds else ()
    if inner and dataclasses.is_dataclass(inner[0]):
        inner = (dict,)
    elements = [fit(one, inner) if inner else one for one in value]
    return REFUSED if any(one is REFUSED for one in elements) else elements


def spoken(options: tuple[Any, ...]) -> str:
    """The options in words."""
    words = []
    for option in options:
        kind = get_origin(option) or option
        if kind is Literal or is_enum(kind):
            values = get_args(option) if kind is Literal else [one.value for one in kind]
            words.append("one of " + ", ".join(map(str, values)))
            continue
        of = (
            [dict if dataclasses.is_dataclass(one) else one for one in get_args(option)]
            if kind in (list, tuple)
            else []
        )
        each = KINDS.get(of[0]) if of else None
        words.append(f"{KINDS[kind]} ({each} each)" if each else KINDS.get(kind, getattr(kind, "__name__", "")))
    return " or ".join(words)


def spoken_zh(options: tuple[Any, ...]) -> str:
    """The options in Chinese words."""
    words = []
    for option in options:
        kind = get_origin(option) or option
        if kind is Literal or is_enum(kind):
            values = get_args(option) if kind is Literal else [one.value for one in kind]
            words.append(f" {'、'.join(map(str, values))} 之一")
            continue
        of = (
            [dict if dataclasses.is_dataclass(one) else one for one in get_args(option)]
            if kind in (list, tuple)
            else []
        )
        each = KINDS_ZH.get(of[0]) if of else None
        words.append(f"{KINDS_ZH[kind]}（每项为{each}）" if each else KINDS_ZH.get(kind, getattr(kind, "__name__", "")))
    return "或".join(words)


def written(value: Any) -> str:
    """A value as JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
