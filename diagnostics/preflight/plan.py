"""What a config plans: its values as numbers and switches, the steps that it will take, edits of it."""

from __future__ import annotations

import math
from typing import Any

from diagnostics.finding import CannotJudge, Edit
from diagnostics.preflight.material import Material
from diagnostics.preflight.own_arguments import PPO_OTHER_NAMES


def need_config(material: Material) -> None:
    """Make sure that there is a config to judge.

    Raises:
        CannotJudge: only a script was given.
    """
    if material.method is None or not material.asked.config:
        raise CannotJudge("no-config")


def own_name(material: Material, name: str) -> str:
    """What the config calls an argument: its own name, or the other one that PPO's worker takes for it."""
    if material.method == "ppo" and name not in material.asked.config:
        for other, own in PPO_OTHER_NAMES.items():
            if own == name and other in material.asked.config:
                return other
    return name


def given(material: Material, name: str) -> bool:
    """Whether the config says anything of an argument."""
    return own_name(material, name) in material.asked.config


def value(material: Material, name: str) -> Any:
    """An argument as training will have it."""
    own = own_name(material, name)
    return material.asked.config[own] if own in material.asked.config else material.defaults.get(name)


def number(material: Material, name: str) -> float | None:
    """An argument that is a number; None if it is none."""
    found = value(material, name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def whole(material: Material, name: str, default: int = 1) -> int:
    """An argument that counts something."""
    found = number(material, name)
    return default if found is None else int(found)


def on(material: Material, name: str) -> bool:
    """Whether an argument is switched on."""
    found = value(material, name)
    return found.strip().lower() in ("true", "1", "yes") if isinstance(found, str) else bool(found)


def word(material: Material, name: str) -> str:
    """An argument that is one of several words, in lower case; `no` for what is not there."""
    found = value(material, name)
    return "no" if found in (None, False) else str(found).lower()


def edit(material: Material, name: str, new: Any) -> Edit:
    """An argument given another value."""
    own = own_name(material, name)
    return Edit(own, material.asked.config.get(own), new)


def without(material: Material, name: str) -> Edit:
    """An argument taken out of the config."""
    own = own_name(material, name)
    return Edit(own, material.asked.config.get(own), None, removed=True)


def batch(material: Material) -> int:
    """Rows of one optimizer step, over all processes. Of GRPO and RLOO they are answers."""
    return (
        whole(material, "per_device_train_batch_size", 8)
        * max(1, whole(material, "gradient_accumulation_steps"))
        * max(1, material.processes)
    )


def planned_steps(material: Material) -> int | None:
    """The optimizer steps that training will take; None where that cannot be told before the data are prepared."""
    if material.method == "ppo":
        return ppo_steps(material)
    limit = whole(material, "max_steps", -1)
    if limit > 0:
        return limit
    rows = material.train.total if material.train is not None else None
    epochs = number(material, "num_train_epochs")
    if not rows or epochs is None or batch(material) < 1:
        return None
    if material.method == "sft" and on(material, "packing"):
        return None
    if material.method == "kto" and material.train is not None and "chosen" in material.train.columns:
        rows *= 2
    if material.method in ("grpo", "rloo"):
        rows *= max(1, whole(material, "num_generations", 8))
    return max(1, math.ceil(max(1, math.ceil(rows / batch(material))) * epochs))


def ppo_steps(material: Material) -> int | None:
    """PPO takes a step for each mini-batch of each epoch of each rollout."""
    per_rollout = max(1, whole(material, "num_ppo_epochs", 4)) * max(1, whole(material, "num_mini_batches"))
    limit = whole(material, "max_steps", -1)
    if limit > 0:
        return limit
    episodes = number(material, "total_episodes")
    if episodes is None:
        epochs = number(material, "num_train_epochs")
        if material.train is None or epochs is None:
            return None
        episodes = material.train.total * epochs
    return max(1, math.ceil(episodes / max(1, batch(material)))) * per_rollout


def warmup(material: Material, steps: int | None) -> float | None:
    """The steps of warm-up; a value below 1 is a share of all. None where the steps are not known."""
    asked = number(material, "warmup_steps") or 0.0
    if asked >= 1 or asked == 0:
        return asked
    return asked * steps if steps is not None else None


def shown(material: Material, *names: str) -> tuple[str, ...]:
    """Lines of the config as evidence; what it does not say is shown as TRL's default."""
    return tuple(
        f"{own_name(material, name)}: {value(material, name)!r}" + ("" if given(material, name) else "  (default)")
        for name in names
    )
