"""What a method's worker takes: each argument with its kind, default and help, from the classes that parse it."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import json
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from diagnostics.output import to_stdout
from training.request import METHODS, ClinicArguments, versions

Kind = Literal["bool", "int", "float", "text", "list", "mapping"]
KINDS: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text", list: "list", dict: "mapping"}
CONFIGS = {
    "sft": "SFTConfig",
    "reward": "RewardConfig",
    "dpo": "DPOConfig",
    "kto": "KTOConfig",
    "grpo": "GRPOConfig",
    "rloo": "RLOOConfig",
}
ALL = "all"
# What the launcher or the run folder decides, whatever is asked.
DECIDED = ("output_dir", "local_rank")


@dataclass(frozen=True)
class Argument:
    """One argument. `kind`: None where it takes several; `choices`: all values that it takes, where they are few and known.

    `default`: before anything is derived from other arguments; a plain JSON value. `group`: `method`, `training` (what all of
    transformers' trainers take), `model`, `data` or `clinic` (this project's own).
    """

    name: str
    group: str
    kind: Kind | None
    choices: tuple[str, ...]
    default: Any
    help: str


def arguments_of(method: str) -> list[Argument]:
    """All arguments of a method: its own first, then the model's, the data's and this project's, then those of every training."""
    import transformers
    import trl

    config = config_class(method)
    shared = {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    script: type = trl.ScriptArguments
    if method in ("grpo", "rloo", "ppo"):
        from trl.scripts.grpo import GRPOScriptArguments

        script = GRPOScriptArguments
    rooms = (
        ("method", config),
        ("model", trl.ModelConfig),
        ("data", script),
        ("data", trl.DatasetMixtureConfig),
        ("clinic", ClinicArguments),
    )
    found: dict[str, Argument] = {}
    for group, room in rooms:
        hints = get_type_hints(room)
        for field in dataclasses.fields(room):
            if field.init and field.name not in DECIDED:
                place = "training" if group == "method" and field.name in shared else group
                found.setdefault(field.name, described(field, hints[field.name], place))
    order = ("method", "model", "data", "clinic", "training")
    return sorted(found.values(), key=lambda one: order.index(one.group))


def config_class(method: str) -> type:
    """The class of a method's own arguments."""
    if method == "ppo":
        from training.ppo_config import PPOConfig

        return PPOConfig
    import trl

    found: type = getattr(trl, CONFIGS[method])
    return found


def described(field: dataclasses.Field, hint: Any, group: str) -> Argument:
    """One field of a class of arguments."""
    options = [one for one in alternatives(hint) if one is not type(None)]
    choices = tuple(
        str(value)
        for one in options
        for value in (
            [each.value for each in one] if is_enum(one) else get_args(one) if get_origin(one) is Literal else ()
        )
    )
    plain = {KINDS.get(get_origin(one) or one, "text") for one in options}
    if "float" in plain:
        plain.discard("int")  # what takes 0.1 takes 1
    kind = plain.pop() if len(plain) == 1 else None
    return Argument(field.name, group, kind, choices, default_of(field), help_of(field))


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that a hint allows."""
    return get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def is_enum(one: Any) -> bool:
    """Whether a type is a list of names."""
    return isinstance(one, type) and issubclass(one, enum.Enum)


def default_of(field: dataclasses.Field) -> Any:
    """A field's default as a plain value; None where it has none."""
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    if value is dataclasses.MISSING:
        return None
    value = getattr(value, "value", value)
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def help_of(field: dataclasses.Field) -> str:
    """A field's help on one line; `%%` stands for `%` in argparse's texts."""
    return " ".join(str(field.metadata.get("help") or "").replace("%%", "%").split())


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `options` to a command line."""
    listing = commands.add_parser("options", help="all arguments that a method takes, with defaults and help")
    listing.add_argument("--method", choices=(*METHODS, ALL), required=True)
    listing.add_argument("--format", choices=("text", "json"), default="text")
    listing.set_defaults(run_command=show_options)


def show_options(arguments: argparse.Namespace) -> int:
    """Print the arguments of a method, or of all of them by method."""
    methods = METHODS if arguments.method == ALL else (arguments.method,)
    if arguments.format == "json":
        each = {method: object_of(method) for method in methods}
        whole = {"schema": 1, "methods": each} if arguments.method == ALL else each[arguments.method]
        to_stdout(json.dumps(whole, ensure_ascii=False) + "\n")
        return 0
    for method in methods:
        head = f"# {method}\n" if arguments.method == ALL else ""
        to_stdout(head + "\n".join(in_words(one) for one in arguments_of(method)) + "\n")
    return 0


def object_of(method: str) -> dict[str, Any]:
    """The arguments of a method as a JSON object, with the versions of the libraries that have them."""
    arguments = [dataclasses.asdict(one) for one in arguments_of(method)]
    return {"schema": 1, "method": method, "versions": versions(), "arguments": arguments}


def in_words(one: Argument) -> str:
    """An argument as a person reads it: what it takes, its default, its help below."""
    takes = " | ".join(one.choices) or one.kind or "several kinds"
    head = f"{one.name} ({one.group}; {takes}; default {json.dumps(one.default, ensure_ascii=False)})"
    return f"{head}\n    {one.help}" if one.help else head
