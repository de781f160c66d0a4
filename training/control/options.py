"""TRL's arguments as its own scripts take them: `--learning_rate 2e-5`, `--beta=0.1`, `--reward_funcs a b`, `--packing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnostics.preflight.asking import value_of
from training.request import BadRequest


def parse_options(words: Sequence[str]) -> dict[str, Any]:
    """The config that command line options name; one value is itself, several are a list, none is true.

    `--no_NAME` without a value is false, as in TRL's scripts. Dashes in a name count as underscores.

    Raises:
        BadRequest: a value stands before any option, or an option has no name.
    """
    config: dict[str, Any] = {}
    place = 0
    while place < len(words):
        if not is_option(words[place]):
            raise BadRequest(
                f"start: {words[place]!r} belongs to no argument; expected --name value.",
                f"start：{words[place]!r} 不属于任何参数；应为 --name value。",
            )
        name, equals, value = words[place][2:].partition("=")
        values = [value] if equals else []
        place += 1
        while place < len(words) and not equals and not is_option(words[place]):
            values.append(words[place])
            place += 1
        name = name.replace("-", "_")
        if not name:
            raise BadRequest(
                f"start: {words[place - 1]!r} has no name; expected --name value.",
                f"start：{words[place - 1]!r} 没有参数名；应为 --name value。",
            )
        if not values and name.startswith("no_"):
            config[name.removeprefix("no_")] = False
        else:
            config[name] = value_of(values[0]) if len(values) == 1 else [value_of(one) for one in values] or True
    return config


def is_option(word: str) -> bool:
    """Whether a word of a command line names an argument; a negative number does not."""
    return word.startswith("--")
