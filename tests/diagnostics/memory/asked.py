"""Questions for the tests, put without a network; and a predictor that answers at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from diagnostics.memory import formula
from diagnostics.memory.models import Model, find_model
from diagnostics.memory.records import Asked, Estimate
from diagnostics.memory.resolve import Question, resolve

GIB = 1 << 30


def offline(name: str, argument: str) -> Model:
    """A model without asking the Hub."""
    return find_model(name, argument, network=False)


def question(method: str = "sft", model: str = "qwen3-0.6b", device: float | None = None, **more: Any) -> Question:
    """What is asked of a known model; `device` in GiB, upper arguments of `resolve` under their names."""
    named = ("processes", "longest", "prompt", "accelerator")
    options = {name: more.pop(name) for name in named if name in more}
    return resolve(
        method,
        {"model_name_or_path": model, **more},
        device=None if device is None else int(device * GIB),
        lookup=offline,
        **options,
    )


def exact(asked: Asked, **options: Any) -> Estimate:
    """The closed form, as if it were the trace's answer."""
    found = formula.estimate(asked)
    total = found.total
    return replace(found, source="traced", low=int(total * 0.97), high=int(total * 1.03), operation="aten.mm")


def counting(estimate: Callable[[Asked], Estimate]) -> tuple[Callable[[Asked], Estimate], list[Asked]]:
    """An estimator, and what it was asked."""
    asked: list[Asked] = []

    def counted(one: Asked) -> Estimate:
        asked.append(one)
        return estimate(one)

    return counted, asked
