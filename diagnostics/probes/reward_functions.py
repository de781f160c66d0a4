"""Reward functions by name: `file.py:function` or `package.module:function`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

# TRL's signature: called with prompts, completions and the data set's columns as lists, returns one float for each.
Reward = Callable[..., list[float]]


class RewardUnusable(Exception):
    """A reward function cannot be had. The message is one sentence: what, where, what was expected."""


def load_rewards(names: Sequence[str]) -> dict[str, Reward]:
    """The named functions by their short names, in the order given.

    Loading runs the code of the file or module: do it only for what the user has named.

    Raises:
        RewardUnusable: a name has no function part, its module cannot be imported, or it holds no such function.
    """
    return {name.rpartition(":")[2]: load_reward(name) for name in names}


def load_reward(name: str) -> Reward:
    """One function by name.

    Raises:
        RewardUnusable: see `load_rewards`.
    """
    place, _, function = name.rpartition(":")
    if not place:
        raise RewardUnusable(f"{name}: expected file.py:function or package.module:function.")
    try:
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(f"reward_{Path(place).stem}", place)
            if spec is None or spec.loader is None or not Path(place).is_file():
                raise RewardUnusable(f"{place}: there is no such file of reward functions.")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(place)
    except RewardUnusable:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's file raises at import
        said = " ".join(str(error).split()).rstrip(".")
        raise RewardUnusable(f"{name}: cannot be imported ({type(error).__name__}: {said}).") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise RewardUnusable(f"{name}: {place} holds no function {function}.")
    return found  # type: ignore[no-any-return]
