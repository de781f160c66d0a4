"""Writes the rules' test cases: `python -m tests.make_cases`.

Each case is a small run: a `trainer_state.json`, or a run folder where a rule reads more than the log. Bad cases must be
found, near misses, which look almost as bad, must not. The numbers follow real runs: shapes as logged by TRL 1.16, noise
added with a fixed seed.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
Rows = list[dict[str, Any]]


def rows(
    loss: Callable[[int], float],
    *,
    steps: int = 60,
    noise: float = 0.02,
    seed: int = 0,
    every: int = 1,
    grad_norm: Callable[[int], float] = lambda step: 0.8,
    rate: Callable[[int], float] = lambda step: 2e-5,
    **more: Callable[[int], float],
) -> Rows:
    """Log rows of a run: a loss with relative noise, gradient norm, learning rate and further columns by step."""
    rng = random.Random(seed)
    made = []
    for step in range(every, steps * every + 1, every):
        row: dict[str, Any] = {"step": step, "epoch": step / steps}
        row["loss"] = loss(step) * (1 + rng.gauss(0, noise))
        norm = grad_norm(step)
        row["grad_norm"] = norm * (1 + rng.gauss(0, 0.1)) if norm and math.isfinite(norm) else norm
        row["learning_rate"] = rate(step)
        row |= {key: value(step) for key, value in more.items()}
        made.append(row)
    return made


def evaluations(loss: Callable[[int], float], steps: list[int], noise: float = 0.004, seed: int = 1) -> Rows:
    """Evaluation rows."""
    rng = random.Random(seed)
    return [{"step": step, "eval_loss": loss(step) * (1 + rng.gauss(0, noise))} for step in steps]


def falling(start: float, end: float, scale: float = 15) -> Callable[[int], float]:
    """A loss that falls from start towards end."""
    return lambda step: end + (start - end) * math.exp(-step / scale)


def sft(values: Rows) -> Rows:
    """Rows with what SFT logs besides."""
    return [{**row, "mean_token_accuracy": 0.7, "entropy": 1.1} if "loss" in row else row for row in values]


def state(rule: str, name: str, log: Rows) -> None:
    """Write one case as a `trainer_state.json`, with bare NaN as the Trainer writes it."""
    log = sorted(log, key=lambda row: row["step"])
    text = json.dumps({"global_step": log[-1]["step"], "max_steps": log[-1]["step"], "log_history": log})
    path = CASES / rule / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def folder(
    rule: str, name: str, status: dict[str, Any], console: str, log: Rows, config: dict[str, Any], method: str = "sft"
) -> None:
    """Write one case as a run folder."""
    path = CASES / rule / name
    path.mkdir(parents=True, exist_ok=True)
    run = {"schema": 1, "run": name, "method": method, "config": config}
    (path / "run.json").write_text(json.dumps(run) + "\n", encoding="utf-8")
    (path / "status.json").write_text(json.dumps(status) + "\n", encoding="utf-8")
    (path / "console.log").write_text(console, encoding="utf-8")
    if log:
        (path / "trainer_state.json").write_text(json.dumps({"log_history": log}) + "\n", encoding="utf-8")


def from_step(start: int, then: float, before: Callable[[int], float]) -> Callable[[int], float]:
    """One value from a step on, another course before it."""
    return lambda step: then if step >= start else before(step)


def loss_not_finite() -> None:
    """NaN in the open, behind the filter, in evaluation; and what only looks like it."""
    rule, nan = "loss-not-finite", math.nan
    healthy = falling(2.5, 1.2)
    state(rule, "bad-open", sft(rows(from_step(31, nan, healthy), grad_norm=from_step(31, nan, lambda s: 0.8))))
    hidden = rows(from_step(41, 0.0, healthy), grad_norm=from_step(40, nan, lambda s: 0.8 if s < 36 else 40.0))
    state(rule, "bad-hidden-as-zero", sft(hidden))
    frozen = rows(healthy, noise=0, grad_norm=from_step(25, nan, lambda s: 0.8))
    for row in frozen[25:]:
        row["loss"] = frozen[24]["loss"]
    state(rule, "bad-hidden-as-frozen", sft(frozen))
    log = sft(rows(healthy)) + evaluations(from_step(40, nan, healthy), [10, 20, 30, 40, 50, 60])
    state(rule, "bad-evaluation", log)
    skipped = rows(healthy, grad_norm=lambda s: nan if s == 12 else math.inf if s % 17 == 0 else 0.8)
    state(rule, "near-miss-fp16-skips-steps", sft(skipped))
    zero = rows(
        lambda s: 0.0, noise=0, **{"reward": lambda s: 0.2 + s / 100, "completions/mean_length": lambda s: 90.0}
    )
    state(rule, "near-miss-grpo-zero-loss", zero)
    state(rule, "near-miss-eval-rows-without-loss", sft(rows(healthy)) + evaluations(healthy, [20, 40, 60]))


def loss_diverged() -> None:
    """Divergence at once, late, partial; and spikes, noise and periodic jumps that are none."""
    rule = "loss-diverged"
    hot = rows(lambda s: 1.6 if s == 1 else 4.0 + 6.0 * math.exp(-s / 12), rate=lambda s: 5e-2)
    state(rule, "bad-at-once", sft(hot))
    healthy = falling(2.5, 1.0)
    state(rule, "bad-late", sft(rows(lambda s: healthy(s) if s < 40 else 1.2 + 0.25 * (s - 40), steps=70)))
    state(rule, "bad-gave-back", sft(rows(lambda s: healthy(s) if s < 40 else 2.2)))
    dpo = {"rewards/accuracies": lambda s: 0.5, "rewards/margins": lambda s: 0.1}
    state(rule, "bad-dpo-above-ln2", rows(lambda s: 0.6931 if s == 1 else 0.5 if s < 20 else 2.0, **dpo))
    state(rule, "near-miss-spike-recovers", sft(rows(lambda s: 9.0 if 30 <= s <= 32 else healthy(s))))
    state(rule, "near-miss-noisy", sft(rows(falling(2.0, 1.4), noise=0.2)))
    state(rule, "near-miss-small-rise-at-end", sft(rows(lambda s: healthy(s) + (0.08 if s > 50 else 0))))
    state(rule, "near-miss-epoch-jumps", sft(rows(lambda s: healthy(s) * (1.2 if s % 20 < 2 else 1.0))))
    grpo = {"reward": lambda s: 0.2 + s / 100, "completions/mean_length": lambda s: 90.0}
    state(rule, "near-miss-grpo-loss-rises", rows(lambda s: 0.001 * s, **grpo))


def not_learning() -> None:
    """Flat losses; and slow, noisy or already low ones."""
    rule = "not-learning"
    state(rule, "bad-flat", sft(rows(lambda s: 2.1, rate=lambda s: 1e-7)))
    state(rule, "bad-one-percent", sft(rows(falling(2.1, 2.085), noise=0.004)))
    state(rule, "near-miss-slow-but-sure", sft(rows(lambda s: 2.1 - 0.0025 * s, noise=0.008)))
    state(rule, "near-miss-drowned-in-noise", sft(rows(lambda s: 2.1, noise=0.5, steps=24)))
    state(rule, "near-miss-already-low", sft(rows(lambda s: 0.03)))
    state(rule, "near-miss-short", sft(rows(lambda s: 2.1, steps=12)))


def overfitting() -> None:
    """Evaluation turning up while training falls; and evaluations that only wobble, or rise with the training loss."""
    rule = "overfitting"
    at = list(range(10, 101, 10))

    def training() -> Rows:
        return sft(rows(falling(2.0, 0.2, 40), steps=100))

    def turning(rise: float) -> Callable[[int], float]:
        return lambda s: 1.5 - 0.01 * min(s, 40) + rise * max(0, s - 40)

    state(rule, "bad-strong", training() + evaluations(turning(0.008), at))
    state(rule, "bad-mild", training() + evaluations(turning(0.0015), at))
    state(rule, "near-miss-within-noise", training() + evaluations(turning(0.0), at, noise=0.02))
    state(rule, "near-miss-last-only", training() + evaluations(lambda s: 1.3 if s == 100 else turning(0.0)(s), at))
    both = sft(rows(lambda s: 1.5 if s < 50 else 2.6, steps=100))
    state(rule, "near-miss-both-rise", both + evaluations(lambda s: 1.4 if s < 50 else 2.5, at))


def nothing_trainable() -> None:
    """A gradient of exactly zero; and zeros that have another cause."""
    rule = "nothing-trainable"
    state(rule, "bad-zero-gradient", sft(rows(lambda s: 2.1, grad_norm=lambda s: 0.0)))
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "train.py", line 40, in <module>\n'
        "    loss.backward()\n"
        "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn\n"
    )
    config = {"use_peft": True, "gradient_checkpointing": True}
    failed = {"state": "failed", "exit_code": 1, "reason": "RuntimeError: element 0 of tensors does not require grad"}
    folder(rule, "bad-message", failed, traceback, [], config)
    zero = {"grad_norm": lambda s: 0.0}
    grpo = {"reward": lambda s: 1.0, "frac_reward_zero_std": lambda s: 1.0, "completions/mean_length": lambda s: 9.0}
    state(rule, "near-miss-constant-rewards", rows(lambda s: 0.0, **zero, **grpo))
    pair = {"logps/chosen": lambda s: -20.0, "logps/rejected": lambda s: -20.0, "rewards/accuracies": lambda s: 0.0}
    state(rule, "near-miss-identical-pairs", rows(lambda s: 0.6931, noise=0, **zero, **pair))
    masked = {"entropy": lambda s: 0.0, "mean_token_accuracy": lambda s: 0.0}
    state(rule, "near-miss-labels-masked", rows(lambda s: 0.0, **zero, **masked))
    state(rule, "near-miss-rate-zero", sft(rows(lambda s: 2.1, **zero, rate=lambda s: 0.0)))
    state(rule, "near-miss-some-zero-rows", sft(rows(falling(2.0, 1.0), grad_norm=lambda s: 0.0 if s % 3 else 0.5)))


def run_died() -> None:
    """A worker killed, one that raised, one that vanished; and ends that are none of these."""
    rule = "run-died"
    log = sft(rows(falling(2.0, 1.0), steps=30))
    at = {"step": 30, "max_steps": 200, "started": 1.0, "heartbeat": 2.0, "host": "elsewhere", "pid": 1}
    killed = {**at, "state": "failed", "exit_code": -9, "reason": "The worker was killed by signal 9 (SIGKILL)."}
    folder(rule, "bad-killed", killed, "step 30\n", log, {})
    raised = {**at, "state": "failed", "exit_code": 1, "reason": "ValueError: nothing to train on"}
    folder(rule, "bad-raised", raised, "Traceback\nValueError: nothing to train on\n", log, {})
    folder(rule, "bad-silent-on-another-machine", {**at, "state": "running"}, "step 30\n", log, {})
    folder(rule, "near-miss-stopped", {**at, "state": "stopped", "exit_code": 143}, "stopping\n", log, {})
    folder(rule, "near-miss-finished", {**at, "state": "finished", "exit_code": 0}, "done\n", log, {})


def main() -> None:
    """Write all cases anew; those of `record_cases.py`, whose names say `-real-`, and what is expected of them stay."""
    for path in CASES.glob("*/*"):
        if "-real-" not in path.name and path.name != "expected":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    from tests import make_checkpoint_cases, make_console_cases, make_online_cases

    own = (loss_not_finite, loss_diverged, not_learning, overfitting, nothing_trainable, run_died)
    others = (*make_online_cases.ALL, *make_checkpoint_cases.ALL, *make_console_cases.ALL)
    for write in (*own, *others):
        write()


if __name__ == "__main__":
    main()
