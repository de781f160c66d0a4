"""No rule raises, whatever a log holds: NaN, infinities, one point, none, constants, huge numbers, steps with gaps."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnostics.against import against
from diagnostics.engine import diagnose
from diagnostics.fixing import child_config
from diagnostics.keep import keep
from diagnostics.report import as_json, as_text
from diagnostics.run import Run, Sample, Series, Status
from diagnostics.run.method import METHODS
from diagnostics.run.tags import SIGNALS

COMMON = ["loss", "grad_norm", "learning_rate", "epoch", "entropy", "mean_token_accuracy"]
PAIRS = [
    "rewards/accuracies",
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
    "kl",
]
ONLINE = [
    "reward",
    "reward_std",
    "frac_reward_zero_std",
    "completions/mean_length",
    "completions/clipped_ratio",
    "completions/max_length",
    "kl",
    "clip_ratio/region_mean",
    "sampling/sampling_logp_difference/mean",
    "sampling/importance_sampling_ratio/mean",
    "rewards/format/mean",
    "rewards/answer/mean",
    "rewards/answer/std",
    "completion_length",
]
PPO = [
    "objective/scores",
    "objective/kl",
    "policy/entropy_avg",
    "policy/approxkl_avg",
    "policy/clipfrac_avg",
    "loss/policy_avg",
    "lr",
    "loss/value_avg",
    "val/ratio",
    "val/num_eos_tokens",
    "val/explained_variance",
]
REWARD = ["accuracy", "margin", "mean_reward", "min_reward", "max_reward"]
OF_METHOD = {"grpo": ONLINE, "rloo": ONLINE, "ppo": PPO, "reward": REWARD, "dpo": PAIRS, "orpo": PAIRS, "kto": PAIRS}
HELD_OUT = ["eval/loss", "eval/reward", "eval/rewards/accuracies", "eval/accuracy", "eval/first_loss"]
ARGUMENTS = [
    "learning_rate",
    "beta",
    "kl_coef",
    "num_generations",
    "temperature",
    "fp16",
    "use_peft",
    "loss_type",
    "warmup_steps",
    "max_grad_norm",
    "vf_coef",
    "top_p",
    "gradient_accumulation_steps",
    "reward_weights",
    "num_train_epochs",
    "max_completion_length",
    "lr_scheduler_type",
    "max_steps",
]
ODD = (
    0.0,
    1.0,
    -1.0,
    0.6931471805599453,
    1e-30,
    1e30,
    -1e300,
    1.7e308,
    float("nan"),
    float("inf"),
    -float("inf"),
    256.0,
)
RELAXED = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def curve(rng: random.Random, tag: str) -> Series:
    """A curve at ascending steps: often long enough for every rule, in shapes that rules look for, some values odd."""
    count = rng.choice((0, 1, 2, 3, 7, 25, 60, 60, 170, 170))
    every = rng.choice((1, 1, 5, 10, 500))
    steps = np.arange(1, count + 1, dtype=np.int64) * every
    low, high = rng.uniform(-3, 3), rng.uniform(-3, 30)
    at = np.arange(count)
    kind = rng.choice(("constant", "line", "stairs", "turn", "noise", "odd"))
    values = np.full(count, rng.choice((low, *ODD)))
    if kind == "line":
        values = np.linspace(low, high, count)
    elif kind == "stairs":
        values = np.array([low, high, low / 2, high / 9])[np.minimum(3, at * 4 // max(1, count))]
    elif kind == "turn":
        values = np.abs(at - rng.randrange(count + 1)) * (high / (count + 1)) + abs(low)
    elif kind == "odd":
        values = np.array([rng.choice(ODD) for _ in at], dtype=np.float64)
    if kind != "odd" and rng.random() < 0.7:
        with np.errstate(all="ignore"):
            values = values + rng.choice((1e-4, 0.05, 2.0)) * np.sin(at * 7.3)
    for _ in range(rng.choice((0, 0, 0, 1, 5))):
        if count:
            values[rng.randrange(count)] = rng.choice(ODD)
    return Series(tag, steps, np.asarray(values, dtype=np.float64))


def value(rng: random.Random) -> object:
    """A config value, of the right kind or not."""
    return rng.choice(
        (None, True, False, 0, 1, 8, 1e-5, 0.5, -1, "x", "sigmoid", [1.0, 2.0], [], float("nan"), 10**400)
    )


def drawn(seed: int) -> Run:
    """A run of any method, with most of its tags and anything in its config."""
    rng = random.Random(seed)
    method = rng.choice((None, *METHODS))
    names = [*COMMON, *OF_METHOD.get(method or "", ())]
    tags = [f"train/{name}" for name in names if rng.random() < 0.85] + [one for one in HELD_OUT if rng.random() < 0.4]
    if rng.random() < 0.2:
        tags += [f"train/{name}" for one in rng.sample(list(SIGNALS.values()), 6) for name in one.names]
    config = {name: value(rng) for name in ARGUMENTS if rng.random() < 0.3}
    samples = tuple(
        Sample(
            rng.randrange(3), f"q{rng.randrange(18)}", "xy"[rng.randrange(2)], {"score": rng.choice((*ODD, 0.3))}, {}
        )
        for _ in range(rng.choice((0, 0, 40, 120)))
    )
    return Run(
        path=Path("nowhere"),
        name="drawn",
        method=method,
        status=Status(rng.choice(("running", "finished", "failed", "unknown")), max_steps=rng.choice((0, 60, 10**6))),
        config=config,
        asked=config,
        series={tag: one for tag in tags if len(one := curve(rng, tag))},
        samples=samples,
    )


def refuse(token: str) -> None:
    raise AssertionError(f"bare {token}")


@settings(RELAXED, max_examples=300)
@given(st.integers(0, 2**32))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_rule_raises_on_any_run(seed: int) -> None:
    run = drawn(seed)
    diagnosis = diagnose(run)
    assert [(one.rule, one.facts["error"]) for one in diagnosis.not_checked if one.reason == "rule-broke"] == []
    for lang in ("en", "zh"):
        as_text.report(run, diagnosis, lang)
        json.loads(as_json.report(run, diagnosis, lang), parse_constant=refuse)
    for finding in diagnosis.findings:
        assert finding.first_step <= finding.last_step, finding.rule
        assert 0 <= finding.confidence <= 1
        for fix in finding.fixes:
            once = child_config({}, fix)
            assert child_config(once, fix) == once
    assert keep(run, diagnosis) is None


@settings(RELAXED, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_two_runs_can_be_compared(left: int, right: int) -> None:
    one, other = drawn(left), drawn(right)
    assert against(one, one).first is None
    for parting in against(one, other).partings:
        assert parting.parted is None or parting.first_difference is not None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_drawn_runs_reach_the_rules() -> None:
    """The property would be empty if the drawn runs were too poor for a rule to look at."""
    found = Counter(one.rule for seed in range(400) for one in diagnose(drawn(seed)).findings)
    assert len(found) >= 30, found
