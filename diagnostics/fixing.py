"""Fixes computed from a run: edits of its config, in the argument names that the run itself used."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from diagnostics.finding import Edit, Fix
from diagnostics.measure import argument, number_argument, peak_learning_rate
from diagnostics.run import Run

# What an argument was called before its present name. A run that used the old name gets its fix in the old name.
# Sources: the config classes of TRL 0.11 to 1.16 and transformers 4.41 to 5.23; LLaMA-Factory's arguments.
FORMER_NAMES = {
    "max_length": ("max_seq_length", "cutoff_len"),
    "eval_strategy": ("evaluation_strategy",),
    "warmup_steps": ("warmup_ratio",),
    "beta": ("pref_beta",),
    "kl_coef": ("init_kl_coef",),
    "max_completion_length": ("response_length",),
}
# TRL 1.16's default learning rates (PPO: TRL 1.12's), for full fine-tuning of a pretrained model.
USUAL_RATES = {
    "sft": 2e-5, "reward": 1e-4, "dpo": 1e-6, "orpo": 1e-6, "kto": 1e-6, "grpo": 1e-6, "rloo": 1e-6, "ppo": 3e-6,
}  # fmt: skip
# LoRA learns best at about ten times the rate of full fine-tuning (Thinking Machines, "LoRA Without Regret", 2025).
LORA_FACTOR = 10
# A model of up to ten million parameters is trained like one from scratch: LR(N) = 0.003239 - 0.0001395 ln N
# (Kaplan et al. 2020, equation D.1).
SMALL_MODEL = 10_000_000
# A rate within this factor of the usual one is not what is unusual about a run.
NEAR = 3
CUT = 10
WARMUP = 0.1  # a share of all steps: transformers 5 reads warmup_steps below 1 so

# The titles of the fixes that this module makes; a rule that uses them adds them to its own.
RATE_WORDS = {
    "en": {
        "rate-usual": "Train again at a learning rate of {new:.2g} instead of {old:.2g}: the usual one for {what}",
        "rate-onset": "Train again at a learning rate of {new:.2g} instead of {old:.2g}: the warm-up went wrong at "
        "{at:.2g}, this is half of it",
        "rate-tenth": "Train again at a learning rate of {new:.2g}, a tenth of this run's, which is no unusual one for "
        "{what}",
        "rate-more": "Train again at a learning rate of {new:.2g} instead of {old:.2g}: three times as much, as this "
        "run's is no unusual one for {what}",
    },
    "zh": {
        "rate-usual": "把学习率从 {old:.2g} 改为 {new:.2g} 重新训练：这是 {what} 的常用值",
        "rate-onset": "把学习率从 {old:.2g} 改为 {new:.2g} 重新训练：预热到 {at:.2g} 时出错，取其一半",
        "rate-tenth": "把学习率降到 {new:.2g} 重新训练：原值对 {what} 并不特别，取其十分之一",
        "rate-more": "把学习率从 {old:.2g} 提到 {new:.2g} 重新训练：原值对 {what} 并不特别，取其三倍",
    },
}


def name_in(run: Run, name: str) -> str:
    """What the run called an argument: its present name, unless its config holds a former one instead."""
    if name not in run.config:
        for former in FORMER_NAMES.get(name, ()):
            if former in run.config:
                return former
    return name


def edits(run: Run, **changes: Any) -> tuple[Edit, ...]:
    """The changes as edits in the run's own argument names; what already has its new value is left out."""
    made = []
    for name, new in changes.items():
        own = name_in(run, name)
        old = run.config.get(own)
        if old != new:
            made.append(Edit(own, old, new))
    return tuple(made)


def rate_edits(run: Run, peak: float, **changes: Any) -> tuple[Edit, ...]:
    """Changes of the learning rate and others; where the config does not tell the rate, the logged one is the old."""
    made = edits(run, **changes)
    return tuple(replace(one, old=peak) if one.path == "learning_rate" and one.old is None else one for one in made)


def rounded(value: float) -> float:
    """A value with two significant digits, as a person would choose it."""
    return float(f"{value:.1e}") if value and math.isfinite(value) else 0.0


def usual_rate(run: Run) -> tuple[float, str] | None:
    """The usual learning rate for a run's method and model, and what it is usual for; None if the method is not known."""
    return usual_rate_of(run.method, run.config)


def usual_rate_of(method: str | None, config: Mapping[str, Any]) -> tuple[float, str] | None:
    """The usual learning rate for a method and the model that a config names; None if the method is not known."""
    if method not in USUAL_RATES:
        return None
    parameters = parameters_of(config.get("model_name_or_path"))
    if parameters and parameters < SMALL_MODEL:
        from_scratch = 0.003239 - 0.0001395 * math.log(parameters)
        share = min(1.0, USUAL_RATES[method] / USUAL_RATES["sft"])
        return rounded(from_scratch * share), f"{method.upper()}, {parameters / 1e6:.2g}M"
    if config.get("use_peft"):
        return rounded(USUAL_RATES[method] * LORA_FACTOR), f"{method.upper()}, LoRA"
    return USUAL_RATES[method], method.upper()


def parameters_of(name: Any) -> int | None:
    """About how many parameters a model on disk has, from the `config.json` beside its weights; None if not known."""
    if not isinstance(name, str):
        return None
    try:
        config = json.loads((Path(name) / "config.json").read_text(encoding="utf-8"))
        width, layers, inner, vocabulary = (
            int(config[key]) for key in ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return layers * (4 * width * width + 3 * width * inner) + vocabulary * width


def lower_rate(run: Run, onset: int | None = None) -> tuple[Fix, ...]:
    """A learning rate that this run could have borne, with a warm-up and clipping where it had none.

    `onset`: the step at which the run went wrong; if its warm-up was under way there, the rate reached says most.
    """
    peak = peak_learning_rate(run)
    if not peak:
        return ()
    new, key, facts = rounded(peak / CUT), "rate-tenth", {}
    usual = usual_rate(run)
    if usual and peak > NEAR * usual[0]:
        new, key = usual[0], "rate-usual"
    at = rate_at(run, onset) if onset is not None else None
    if at is not None and 0 < at < 0.9 * peak and at / 2 < new:
        new, key, facts = rounded(at / 2), "rate-onset", {"at": at}
    changes: dict[str, Any] = {"learning_rate": new}
    if starts_hot(run):
        changes["warmup_steps"] = WARMUP
    if argument(run, "max_grad_norm") == 0:
        changes["max_grad_norm"] = 1.0
    what = usual[1] if usual else (run.method or "?").upper()
    return (Fix(key, "ask", rate_edits(run, peak, **changes), {"new": new, "old": peak, "what": what, **facts}),)


def higher_rate(run: Run) -> tuple[Fix, ...]:
    """The usual learning rate of the method where the run's is far below it; else three times its own."""
    peak = peak_learning_rate(run)
    if not peak:
        return ()
    usual = usual_rate(run)
    far = usual is not None and peak < usual[0] / NEAR
    new = usual[0] if usual and far else rounded(NEAR * peak)
    what = usual[1] if usual else (run.method or "?").upper()
    key = "rate-usual" if far else "rate-more"
    return (Fix(key, "ask", rate_edits(run, peak, learning_rate=new), {"new": new, "old": peak, "what": what}),)


def stronger_penalty(run: Run, least: float) -> Fix:
    """A KL penalty of twice the run's own, at least `least`. The rule that uses it has a title for `penalty`."""
    name = "kl_coef" if run.method == "ppo" else "beta"
    now = number_argument(run, name_in(run, name)) or 0.0
    new = max(least, rounded(2 * now))
    return Fix("penalty", "ask", edits(run, **{name: new}), {"new": new})


def rate_at(run: Run, step: int) -> float | None:
    """The learning rate at a step while it was still rising; None past its peak, or if it was not logged."""
    series = run.signal("learning_rate")
    if series is None or not len(finite := series.finite()):
        return None
    place = int(np.searchsorted(finite.steps, step, side="right")) - 1
    peak = int(np.argmax(finite.values >= 0.99 * finite.values.max()))
    return float(finite.values[place]) if 0 <= place < peak else None


def starts_hot(run: Run) -> bool:
    """Whether the run began at its full learning rate and no warm-up was asked for."""
    if argument(run, name_in(run, "warmup_steps")):
        return False
    series = run.signal("learning_rate")
    if series is None or not len(finite := series.finite()) or finite.values.max() <= 0:
        return False
    return bool(finite.values[0] >= 0.9 * finite.values.max())


def child_config(config: Mapping[str, Any], fix: Fix) -> dict[str, Any]:
    """A config with a fix's edits applied. Applied twice it changes nothing more."""
    return applied(config, fix.edits)


def applied(config: Mapping[str, Any], changes: Iterable[Edit]) -> dict[str, Any]:
    """A config with some edits applied."""
    made = dict(config)
    for edit in changes:
        if edit.removed:
            made.pop(edit.path, None)
        else:
            made[edit.path] = edit.new
    return made
