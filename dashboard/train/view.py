"""The Train page's form in HTML and in what Gradio's fields show: defaults, help, the command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dashboard.html import note, text
from dashboard.texts import Words
from dashboard.train.fields import FIELDS, shown
from dashboard.train.options import Option

YES_NO = ("true", "false")
MOST_CHOICES = 40


def value_text(value: Any, words: Words) -> str:
    """A default as a person reads it."""
    if value is None or value == [] or value == "":
        return words("train.none")
    if isinstance(value, bool):
        return words("train.yes" if value else "train.no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def choices(option: Option | None, words: Words) -> list[tuple[str, str]]:
    """What a field can be chosen from, its default first; other values may be typed."""
    if option is None:
        return [("", "")]
    default = (words("train.default_choice", value=value_text(option.default, words)), "")
    if option.kind == "bool":
        return [default, *((words("train.yes" if one == "true" else "train.no"), one) for one in YES_NO)]
    named = option.choices if len(option.choices) <= MOST_CHOICES else ()
    return [default, *((one, one) for one in named)]


def placeholder(option: Option | None, words: Words) -> str:
    """What stands in an empty field."""
    return words("train.default", value=value_text(option.default, words)) if option is not None else ""


def others(method: str | None, options: Mapping[str, Option]) -> list[str]:
    """The arguments that do not stand on the form, in the order in which the method has them."""
    own = set(shown(method)) | {"model_name_or_path", "dataset_name"}
    return [name for name in options if name not in own]


def help_html(option: Option | None, words: Words) -> str:
    """An argument's help, what it takes and its default."""
    if option is None:
        return ""
    takes = " | ".join(option.choices) or option.kind or ""
    facts = [f"<code>{text(option.name)}</code>", text(takes), text(placeholder(option, words))]
    return (
        f'<div class="option-help"><div>{" · ".join(one for one in facts if one)}</div><p>{text(option.help)}</p></div>'
    )


def added(name: str | None, settings: str | None, options: Mapping[str, Option]) -> str:
    """The lines below with one more for an argument, filled with its default."""
    lines = [line for line in (settings or "").splitlines() if line.strip()]
    if not name or name not in options or any(line.partition("=")[0].strip() == name for line in lines):
        return "\n".join(lines)
    default = options[name].default
    value = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    return "\n".join([*lines, f"{name}={value}"])


def command_html(command: str, error: str | None, words: Words) -> str:
    """The command that will run, or what the form lacks for it."""
    if error:
        return note(error)
    return f'<div class="label">{text(words("train.command"))}</div><pre class="command">{text(command)}</pre>'


__all__ = ["FIELDS", "added", "choices", "command_html", "help_html", "others", "placeholder"]
