"""Reward functions by name: `file.py:function`, `package.module:function`, `package.module.function`, or a short name."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from diagnostics.run.refusal import Refusal

# TRL's signature: called with prompts, completions and the data set's columns as lists, returns one float for each.
Reward = Callable[..., list[float]]


class RewardUnusable(Refusal):
    """A reward function cannot be had. The message is one sentence: what, where, what was expected."""


def load_rewards(names: Sequence[str], short_names: Mapping[str, str] | None = None) -> dict[str, Reward]:
    """The named functions by the names under which they are logged, in the order given.

    `short_names` are names with the place of the function that each stands for. Loading runs the code of the file or
    module: do it only for what the user has named.

    Raises:
        RewardUnusable: a name has no function part, its module cannot be imported, or it holds no such function.
    """
    functions = [load_reward(name, short_names) for name in names]
    return dict(zip(logged_names(names), functions, strict=True))


def logged_names(names: Sequence[str]) -> list[str]:
    """What each is logged as: the last part of its name; of two alike, with its file or module, then with a number."""
    parts = [parts_of(name) for name in names]
    alike = Counter(function for _, function in parts)
    logged: list[str] = []
    for place, function in parts:
        stem = Path(place).name.removesuffix(".py").rpartition(".")[2]
        name = f"{stem}.{function}" if alike[function] > 1 and stem else function
        count = sum(one == name or one.startswith(f"{name}_") for one in logged)
        logged.append(f"{name}_{count + 1}" if name in logged else name)
    return logged


def parts_of(name: str) -> tuple[str, str]:
    """The place of a function, empty for a short name, and its own name."""
    place, _, function = name.rpartition(":" if ":" in name else ".")
    return place, function


def load_reward(name: str, short_names: Mapping[str, str] | None = None) -> Reward:
    """One function by name.

    Raises:
        RewardUnusable: see `load_rewards`.
    """
    known = short_names or {}
    place, function = parts_of(known.get(name, name))
    if not place or (name.endswith(".py") and ":" not in name):
        near = difflib.get_close_matches(name, known, n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        hint_zh = f"；是否想写 {' 或 '.join(near)}？" if near else "。"
        others = f", or one of {', '.join(known)}" if known and not near else ""
        others_zh = f"，或 {'、'.join(known)} 之一" if known and not near else ""
        raise RewardUnusable(
            f"{name}: expected file.py:function, package.module:function or package.module.function{others}{hint}",
            f"{name}：应为 file.py:function、package.module:function 或 package.module.function{others_zh}{hint_zh}",
        )
    try:
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(f"reward_{Path(place).stem}", place)
            if spec is None or spec.loader is None or not Path(place).is_file():
                raise RewardUnusable(
                    f"{place}: there is no such file of reward functions.", f"{place}：没有这个奖励函数文件。"
                )
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(place)
    except RewardUnusable:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's file raises at import
        said = " ".join(str(error).split()).rstrip(".")
        raise RewardUnusable(
            f"{name}: cannot be imported ({type(error).__name__}: {said}).",
            f"{name}：无法导入（{type(error).__name__}: {said}）。",
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise RewardUnusable(
            f"{name}: {place} holds no function {function}.", f"{name}：{place} 中没有函数 {function}。"
        )
    return found  # type: ignore[no-any-return]
