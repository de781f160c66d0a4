"""Synthetic cases of online methods and of what no small real run shows; called by make_cases.py."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from tests import make_cases
from tests.make_cases import Rows, evaluations, falling, folder, from_step, rows, sft, state

Course = Callable[[int], float]


def ramp(start: float, end: float, steps: int) -> Course:
    """A straight line over the steps of a run."""
    return lambda step: start + (end - start) * step / steps


def wobble(course: Course, size: float, seed: int) -> Course:
    """A course with noise of its own."""
    rng = random.Random(seed)
    return lambda step: course(step) + rng.gauss(0, size)


def grpo(steps: int = 80, **courses: Course) -> Rows:
    """Rows as GRPO of TRL 1.16 logs them: a healthy run unless a course is given."""
    usual: dict[str, Course] = {
        "reward": wobble(ramp(0.3, 0.7, steps), 0.03, 1),
        "reward_std": wobble(lambda s: 0.35, 0.02, 2),
        "frac_reward_zero_std": wobble(lambda s: 0.1, 0.02, 3),
        "completions/mean_length": wobble(lambda s: 120.0, 4.0, 4),
        "completions/clipped_ratio": wobble(lambda s: 0.03, 0.005, 5),
        "entropy": wobble(lambda s: 0.9, 0.03, 6),
        "kl": wobble(ramp(0.0005, 0.05, steps), 0.001, 7),
    }
    named = {name.replace("__", "/"): course for name, course in courses.items()}
    return rows(wobble(lambda s: 0.001, 0.002, 8), steps=steps, noise=0, grad_norm=lambda s: 0.3, rate=lambda s: 1e-6,
                **(usual | named))  # fmt: skip


def ppo(steps: int = 60, **courses: Course) -> Rows:
    """Rows as PPO v2 (TRL 0.12 to 1.12) logs them: a healthy run unless a course is given."""
    usual: dict[str, Course] = {
        "objective/scores": wobble(ramp(-1.0, 1.0, steps), 0.15, 1),
        "objective/kl": wobble(ramp(0.0, 5.0, steps), 0.3, 2),
        "objective/entropy": wobble(lambda s: 40.0, 2.0, 3),
        "policy/entropy_avg": wobble(lambda s: 0.9, 0.03, 4),
        "policy/approxkl_avg": wobble(lambda s: 0.01, 0.002, 5),
        "policy/clipfrac_avg": wobble(lambda s: 0.08, 0.02, 6),
        "loss/policy_avg": wobble(lambda s: -0.01, 0.01, 7),
        "loss/value_avg": wobble(ramp(1.2, 0.4, steps), 0.05, 8),
        "val/ratio": wobble(lambda s: 1.0, 0.01, 9),
        "val/num_eos_tokens": lambda s: 28.0,
        "lr": ramp(3e-6, 0.0, steps),
    }
    made = []
    for step in range(1, steps + 1):
        row: dict[str, Any] = {"step": step, "episode": step * 64}
        row |= {
            name: course(step)
            for name, course in (usual | {k.replace("__", "/"): v for k, v in courses.items()}).items()
        }
        made.append(row)
    return made


def kl() -> None:
    """A policy that runs away, per token and per sequence; distances that are healthy in their unit."""
    rule = "kl-explosion"
    state(
        rule,
        "bad-per-token",
        grpo(kl=wobble(lambda s: 0.0002 * s if s < 40 else 0.01 * math.exp((s - 40) / 6), 0.0005, 1)),
    )
    state(
        rule,
        "bad-per-sequence",
        ppo(objective__kl=wobble(lambda s: 0.08 * s if s < 25 else 2.0 + 1.5 * (s - 25), 0.05, 1)),
    )
    state(rule, "near-miss-spike", grpo(kl=wobble(lambda s: 9.0 if s in (40, 41) else 0.05, 0.001, 1)))
    # 7 nats are much for a token and little for a sequence.
    state(rule, "near-miss-seven-per-sequence", ppo(objective__kl=wobble(ramp(0.0, 7.0, 60), 0.3, 1)))
    state(rule, "near-miss-high-and-steady", grpo(kl=wobble(lambda s: 0.7, 0.02, 1)))
    rule = "kl-negative"
    state(rule, "bad-per-sequence", ppo(objective__kl=wobble(lambda s: -2.0 - s / 20, 0.2, 1)))
    state(rule, "near-miss-around-zero", ppo(objective__kl=wobble(lambda s: 0.0, 0.6, 1)))
    state(rule, "near-miss-once", ppo(objective__kl=wobble(lambda s: -3.0 if s == 20 else 1.0, 0.2, 1)))


def policy() -> None:
    """Ratios, critics and samplers."""
    rule = "policy-ratio-blowup"
    state(rule, "bad-ratio", ppo(val__ratio=wobble(lambda s: 1.0 if s < 30 else 3.0, 0.02, 1)))
    state(rule, "bad-threshold", ppo(val__ratio=lambda s: 12.3 if s == 30 else 1.0))
    state(rule, "bad-clipped", grpo(clip_ratio__region_mean=wobble(lambda s: 0.05 if s < 30 else 0.45, 0.02, 1)))
    state(rule, "near-miss-one-step", ppo(val__ratio=lambda s: 2.6 if s == 30 else 1.0))
    state(rule, "near-miss-clipped-a-little", grpo(clip_ratio__region_mean=wobble(lambda s: 0.2, 0.03, 1)))
    rule = "value-function-failing"
    state(rule, "bad-loss", ppo(loss__value_avg=wobble(lambda s: 0.5 if s < 25 else 0.5 + 0.2 * (s - 25), 0.03, 1)))
    state(rule, "bad-variance", ppo(val__explained_variance=wobble(lambda s: -0.4, 0.05, 1)))
    state(rule, "bad-not-finite", ppo(loss__value_avg=from_step(40, math.nan, lambda s: 0.5)))
    state(rule, "near-miss-falls", ppo(val__explained_variance=wobble(ramp(-0.3, 0.7, 60), 0.05, 1)))
    state(rule, "near-miss-noisy", ppo(loss__value_avg=wobble(lambda s: 1.0, 0.4, 1)))
    rule = "off-policy-drift"
    sampler = "sampling__sampling_logp_difference__mean"
    state(rule, "bad-difference", grpo(**{sampler: wobble(lambda s: 0.004 if s < 30 else 0.05, 0.002, 1)}))
    state(rule, "bad-ratio", grpo(sampling__importance_sampling_ratio__mean=wobble(lambda s: 0.86, 0.01, 1)))
    state(rule, "near-miss-rounding", grpo(**{sampler: wobble(lambda s: 0.012, 0.001, 1)}))
    rule = "reference-mismatch"
    state(rule, "bad-kl", grpo(kl=wobble(ramp(0.08, 0.12, 80), 0.002, 1)))
    late = [row for row in grpo(kl=wobble(lambda s: 0.08, 0.002, 1)) if row["step"] >= 10]
    state(rule, "near-miss-log-begins-late", late)
    rule = "entropy-collapse"
    gone = wobble(lambda s: 0.9 * math.exp(-s / 12) + 0.02, 0.002, 1)
    state(rule, "bad-flat-reward", grpo(entropy=gone, reward=wobble(lambda s: 0.4 + 0.1 * min(s, 20) / 20, 0.02, 2)))
    state(rule, "near-miss-halved", grpo(entropy=wobble(ramp(0.9, 0.45, 80), 0.02, 1)))
    state(rule, "near-miss-low-from-the-start", grpo(entropy=wobble(lambda s: 0.04, 0.002, 1)))


def lengths() -> None:
    """Answers that grow, shrink, or are cut off."""
    flat = wobble(lambda s: 0.4, 0.03, 3)
    state(
        "length-explosion",
        "bad-flat-reward",
        grpo(reward=flat, completions__mean_length=wobble(ramp(100, 320, 80), 6, 1)),
    )
    state("length-explosion", "near-miss-earned", grpo(completions__mean_length=wobble(ramp(100, 320, 80), 6, 1)))
    state(
        "length-explosion",
        "near-miss-third",
        grpo(reward=flat, completions__mean_length=wobble(ramp(100, 130, 80), 6, 1)),
    )
    state(
        "length-collapse",
        "bad-flat-reward",
        grpo(reward=flat, completions__mean_length=wobble(ramp(200, 30, 80), 6, 1)),
    )
    state("length-collapse", "near-miss-better", grpo(completions__mean_length=wobble(ramp(200, 60, 80), 6, 1)))
    rule = "completions-truncated"
    share = wobble(lambda s: 0.03 if s < 40 else min(0.8, 0.03 + 0.03 * (s - 40)), 0.01, 1)
    state(rule, "bad-rising", grpo(completions__clipped_ratio=share))
    state(rule, "near-miss-a-few", grpo(completions__clipped_ratio=wobble(lambda s: 0.09, 0.02, 1)))
    rule = "completions-truncated-by-length"
    cut = {"completions__clipped_ratio": lambda s: 1.0, "completions__mean_length": lambda s: 256.0}
    state(rule, "bad-all", grpo(**cut, completions__mean_terminated_length=lambda s: 0.0))
    old = [{"step": s, "loss": 0.0, "grad_norm": 0.2, "reward": 0.1 + 0.01 * s + 0.05 * math.sin(s),
            "reward_std": 0.2, "completion_length": 256.0 if s % 9 else 251.5} for s in range(1, 41)]  # fmt: skip
    state(rule, "bad-before-trl-0.17", old)
    state(
        rule,
        "near-miss-learns-to-stop",
        grpo(completions__clipped_ratio=wobble(lambda s: max(0.02, 0.9 - 0.02 * s), 0.01, 1)),
    )
    rule = "reward-length-bias"
    held = [{"step": s, "eval_reward": 0.4} for s in (20, 40, 60, 80)]
    state(rule, "bad-unearned", grpo(completions__mean_length=wobble(ramp(100, 320, 80), 6, 1)) + held)
    earned = [{"step": s, "eval_reward": 0.3 + s / 100} for s in (20, 40, 60, 80)]
    state(rule, "near-miss-earned", grpo(completions__mean_length=wobble(ramp(100, 320, 80), 6, 1)) + earned)


def rewards() -> None:
    """Rewards that are constant, missing, broken, gamed or lost."""
    zero: dict[str, Course] = {
        "reward": lambda s: 0.0,
        "reward_std": lambda s: 0.0,
        "frac_reward_zero_std": lambda s: 1.0,
    }
    still = [{**row, "grad_norm": 0.0, "loss": 0.0} for row in grpo(**zero)]
    state("reward-constant", "bad-zero", still)
    state("reward-constant", "bad-ppo", ppo(objective__scores=lambda s: -1.25))
    state("reward-constant", "near-miss-rare", grpo(reward=lambda s: 0.125 if s % 7 == 0 else 0.0,
                                                     reward_std=lambda s: 0.3 if s % 7 == 0 else 0.0))  # fmt: skip
    rule = "reward-groups-constant"
    hard = {
        "reward": wobble(lambda s: 0.07, 0.01, 1),
        "frac_reward_zero_std": wobble(lambda s: min(0.95, 0.6 + s / 80), 0.01, 2),
    }
    state(rule, "bad-hard", grpo(**hard))
    state(rule, "near-miss-some", grpo(frac_reward_zero_std=wobble(lambda s: 0.25, 0.02, 1)))
    rule = "reward-missing"
    none = [{key: value for key, value in row.items() if not key.startswith("reward")} for row in grpo()]
    state(rule, "bad-none", [{**row, "grad_norm": 0.0, "frac_reward_zero_std": 0.0} for row in none])
    every_second = [
        {key: value for key, value in row.items() if row["step"] % 2 or not key.startswith("reward")} for row in grpo()
    ]
    state(rule, "near-miss-every-second-row", every_second)
    rule = "reward-not-finite"
    state(
        rule,
        "bad-infinite",
        grpo(reward=from_step(60, math.inf, ramp(0.3, 0.6, 80)), reward_std=from_step(60, math.nan, lambda s: 0.3)),
    )
    state(rule, "bad-huge", grpo(reward_std=lambda s: 1e30 if s == 40 else 0.3))
    state(rule, "near-miss-large", grpo(reward=wobble(ramp(200, 420, 80), 20, 1), reward_std=lambda s: 150.0))
    rule = "reward-collapse"
    state(
        rule,
        "bad-gave-back",
        grpo(reward=wobble(lambda s: 0.3 + 0.4 * min(s, 40) / 40 - max(0, s - 50) * 0.014, 0.03, 1)),
    )
    state(rule, "bad-below-start", grpo(reward=wobble(lambda s: 0.5 if s < 40 else 0.1, 0.03, 1)))
    state(rule, "near-miss-plateau", grpo(reward=wobble(lambda s: 0.3 + 0.4 * min(s, 40) / 40, 0.05, 1)))
    state(rule, "near-miss-weather", grpo(reward=wobble(lambda s: 0.5, 0.12, 1)))
    rule = "reward-hacking-suspected"
    fell = [{"step": s, "eval_reward": 0.5 - s / 400} for s in (10, 20, 30, 40, 50, 60, 70, 80)]
    state(rule, "bad-held-out-fell", grpo() + fell)
    rose = [{"step": s, "eval_reward": 0.3 + s / 250} for s in (10, 20, 30, 40, 50, 60, 70, 80)]
    state(rule, "near-miss-both-rise", grpo() + rose)
    rule = "reward-component-dominates"
    easy = {
        "rewards__format__mean": wobble(lambda s: min(1.0, s / 60), 0.02, 1),
        "rewards__answer__mean": wobble(lambda s: 0.1, 0.03, 2),
    }
    state(rule, "bad-format", grpo(160, **easy))
    both = easy | {"rewards__answer__mean": wobble(ramp(0.1, 0.6, 160), 0.03, 2)}
    state(rule, "near-miss-both", grpo(160, **both))


def samples(name: str, rewarded: Callable[[int, int], float], rule: str, method: str, log: Rows, steps: tuple[int, ...],
            repeats: int = 1) -> None:  # fmt: skip
    """A run folder with kept answers: 20 prompts at each step, each answered `repeats` times."""
    import json

    folder(rule, name, {"state": "finished", "exit_code": 0, "step": 80, "max_steps": 80}, "done\n", log, {}, method)
    path = make_cases.CASES / rule / name
    lines = [
        json.dumps({"step": step, "prompt": f"Question {prompt}?", "completion": f"Answer {prompt}.",
                    "rewards": {"score": rewarded(step, prompt * repeats + place)}})
        for step in steps for prompt in range(20) for place in range(repeats)
    ]  # fmt: skip
    (path / "samples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def dpo(steps: int = 80, **courses: Course) -> Rows:
    """Rows as DPO of TRL 1.16 logs them: a healthy run unless a course is given."""
    usual: dict[str, Course] = {
        "rewards/accuracies": wobble(lambda s: min(0.8, 0.5 + s / 100), 0.02, 1),
        "rewards/margins": wobble(ramp(0.0, 0.8, steps), 0.02, 2),
        "rewards/chosen": wobble(ramp(0.0, 0.3, steps), 0.02, 3),
        "rewards/rejected": wobble(ramp(0.0, -0.5, steps), 0.02, 4),
        "logps/chosen": wobble(ramp(-60, -57, steps), 1.0, 5),
        "logps/rejected": wobble(ramp(-62, -67, steps), 1.0, 6),
    }
    named = {name.replace("__", "/"): course for name, course in courses.items()}
    return rows(falling(0.693, 0.45, 40), steps=steps, rate=lambda s: 1e-6, **(usual | named))


def preferences() -> None:
    """What the kept answers say against the pairs, and pairs that evaluation contradicts."""
    rule = "reward-disagrees-with-preferences"
    samples("bad-falls", lambda step, one: 0.8 - 0.005 * step + 0.01 * (one % 5), rule, "dpo", dpo(), (0, 40, 80))
    samples("near-miss-rises", lambda step, one: 0.4 + 0.005 * step + 0.01 * (one % 5), rule, "dpo", dpo(), (0, 40, 80))
    rule = "held-out-score-falls"
    log = rows(falling(2.0, 0.8, 40), steps=80, rate=lambda s: 1e-5)

    def around(course: dict[int, float], width: float) -> Callable[[int, int], float]:
        return lambda step, one: course[step] + width * ((one * 7 + step) * 2654435761 % 97 / 97 - 0.5)

    back = {0: 0.3, 20: 0.6, 40: 0.8, 60: 0.5, 80: 0.45}
    samples("bad-back", around(back, 0.3), rule, "sft", log, (*back,))
    below = {0: 0.8, 40: 0.6, 80: 0.4}
    samples("bad-from-the-start", around(below, 0.3), rule, "sft", log, (*below,))
    # Lower at the end, but by less than prompts differ anyway.
    weather = {0: 0.3, 20: 0.6, 40: 0.8, 60: 0.78, 80: 0.76}
    samples("near-miss-weather", around(weather, 0.4), rule, "sft", log, (*weather,))
    rule = "reward-order-dependent"
    samples("bad-by-place", lambda step, one: float(one % 3), rule, "grpo", grpo(), (0, 80), repeats=3)
    samples("near-miss-pure", lambda step, one: float(one // 3 % 4), rule, "grpo", grpo(), (0, 80), repeats=3)
    rule = "preference-displacement"
    displaced = {
        "rewards__chosen": wobble(ramp(0.0, -4.0, 80), 0.05, 1), "rewards__rejected": wobble(ramp(0.0, -7.0, 80), 0.05, 2),
        "rewards__margins": wobble(ramp(0.0, 3.0, 80), 0.05, 3), "logps__chosen": wobble(ramp(-60, -100, 80), 1.0, 4),
        "logps__rejected": wobble(ramp(-62, -132, 80), 1.0, 5),
    }  # fmt: skip
    held = [
        {"step": s, "eval_loss": 0.6 + s / 400, "eval_rewards/accuracies": 0.75 - s / 500} for s in (20, 40, 60, 80)
    ]
    state(rule, "bad-evaluation-worse", dpo(**displaced) + held)
    state(rule, "bad-no-evaluation", dpo(**displaced))
    state(
        rule,
        "near-miss-a-little",
        dpo(logps__chosen=wobble(ramp(-60, -63, 80), 1.0, 4), rewards__chosen=wobble(ramp(0, -0.3, 80), 0.02, 1)),
    )
    rule = "preference-pairs-swapped"
    against = [
        {"step": s, "eval_loss": 0.7 + s / 200, "eval_rewards/accuracies": 0.48 - s / 300} for s in (20, 40, 60, 80)
    ]
    state(rule, "bad-evaluation", dpo() + against)
    chance = [{"step": s, "eval_loss": 0.7, "eval_rewards/accuracies": 0.5 - s / 4000} for s in (20, 40, 60, 80)]
    state(rule, "near-miss-chance", dpo() + chance)
    rule = "preference-flat"
    same: dict[str, Course] = {
        "rewards__margins": wobble(lambda s: 0.0, 0.004, 1), "rewards__accuracies": wobble(lambda s: 0.5, 0.03, 2),
    }  # fmt: skip
    flat = [{**row, "loss": 0.6931 + 0.001 * math.sin(row["step"])} for row in dpo(**same)]
    state(rule, "bad-coin", flat)
    state(rule, "near-miss-small-but-sure", dpo(rewards__margins=wobble(ramp(0.0, 0.05, 80), 0.004, 1)))
    rule = "preference-saturated"
    spent = {"rewards__margins": wobble(lambda s: min(25.0, s), 0.2, 1), "rewards__accuracies": lambda s: 1.0}
    state(rule, "bad-zero", [{**row, "loss": 0.6 if row["step"] < 8 else 0.0001} for row in dpo(**spent)])
    state(
        rule,
        "near-miss-good",
        dpo(rewards__margins=wobble(ramp(0.0, 5.0, 80), 0.1, 1), rewards__accuracies=lambda s: 0.95),
    )
    rule = "preference-pairs-identical"
    equal: dict[str, Course] = {"rewards__margins": lambda s: 0.0, "logps__chosen": lambda s: -60.0,
                                "logps__rejected": lambda s: -60.0, "rewards__accuracies": lambda s: 0.0,
                                "rewards__chosen": lambda s: 0.0, "rewards__rejected": lambda s: 0.0}  # fmt: skip
    state(rule, "bad-same", [{**row, "loss": 0.693147, "grad_norm": 0.0} for row in dpo(**equal)])
    unmoved = equal | {"logps__rejected": lambda s: -72.0}
    state(
        rule, "near-miss-policy-does-not-move", [{**row, "loss": 0.693147, "grad_norm": 0.4} for row in dpo(**unmoved)]
    )
    rule = "unpaired-labels-imbalanced"
    one_sided = [
        {
            key: value
            for key, value in row.items()
            if key not in ("rewards/rejected", "rewards/margins", "logps/rejected", "rewards/accuracies")
        }
        | {"kl": 0.1}
        for row in dpo()
    ]
    state(rule, "bad-only-chosen", one_sided)
    sometimes = [
        {
            key: value
            for key, value in row.items()
            if key != "rewards/accuracies" and (row["step"] % 4 or "rejected" not in key)
        }
        | {"kl": 0.1}
        for row in dpo()
    ]
    state(rule, "near-miss-one-row-in-four", sometimes)


def reward_models() -> None:
    """Reward models at chance, saturated, drifting."""

    def model(accuracy: Course, margin: Course, mean: Course, loss: Course) -> Rows:
        columns = {"accuracy": accuracy, "margin": margin, "mean_reward": mean,
                   "min_reward": lambda s: mean(s) - 2, "max_reward": lambda s: mean(s) + 2}  # fmt: skip
        return rows(loss, steps=60, rate=lambda s: 1e-4, **columns)

    coin = wobble(lambda s: 0.5, 0.03, 1)
    nought: Course = lambda s: 0.0  # noqa: E731
    state("reward-model-at-chance", "bad-coin", model(coin, wobble(nought, 0.02, 2), nought, lambda s: 0.695))
    better = wobble(lambda s: min(0.72, 0.5 + s / 200), 0.03, 1)
    state("reward-model-at-chance", "near-miss-slow", model(better, ramp(0, 0.6, 60), nought, ramp(0.69, 0.6, 60)))
    won: Course = lambda s: 0.6 if s < 4 else 1.0  # noqa: E731
    state("reward-model-saturated", "bad-early", model(won, ramp(0, 8, 60), nought, lambda s: 0.6 if s < 4 else 0.004))
    state("reward-model-saturated", "bad-drift", model(better, ramp(0, 1, 60), ramp(0, 14, 60), ramp(0.69, 0.5, 60)))
    good: Course = lambda s: min(0.9, 0.5 + s / 100)  # noqa: E731
    state("reward-model-saturated", "near-miss-good", model(good, ramp(0, 2, 60), nought, ramp(0.69, 0.3, 60)))


def curves() -> None:
    """Schedules, gradients, spikes, scales, stairs and masks."""
    healthy = falling(2.5, 1.2)
    rule = "schedule-fault"
    state(rule, "bad-spent", sft(rows(healthy, rate=lambda s: max(0.0, 2e-5 * (1 - s / 30)))))
    state(rule, "bad-jump", sft(rows(healthy, rate=lambda s: 2e-5 * (1 - s / 31) if s <= 30 else 1e-5)))
    state(rule, "bad-zero", sft(rows(lambda s: 2.1, rate=lambda s: 0.0)))
    cosine: Course = lambda s: 1e-5 * (1 + math.cos(math.pi * s / 60))  # noqa: E731
    state(rule, "near-miss-cosine-to-zero", sft(rows(healthy, rate=cosine)))
    restarts: Course = lambda s: 1e-5 * (1 + math.cos(math.pi * ((s - 1) % 20) / 20))  # noqa: E731
    state(rule, "near-miss-restarts", sft(rows(healthy, rate=restarts)))
    rule = "gradient-explosion"
    state(rule, "bad-for-good", sft(rows(healthy, grad_norm=lambda s: 0.8 if s < 35 else 40.0)))
    state(rule, "bad-again-and-again", sft(rows(healthy, grad_norm=lambda s: 60.0 if s in (20, 33, 47) else 0.8)))
    state(rule, "near-miss-first-rows", sft(rows(healthy, grad_norm=lambda s: 34.0 if s < 4 else 0.8)))
    heavy = random.Random(5)
    state(
        rule,
        "near-miss-heavy-tailed",
        sft(rows(healthy, steps=300, grad_norm=lambda s: math.exp(heavy.gauss(-4, 1.6)))),
    )
    rule = "gradient-not-finite"
    state(rule, "bad-often", sft(rows(healthy, steps=100, grad_norm=lambda s: math.inf if s % 12 == 0 else 0.8)))
    state(rule, "near-miss-settling", sft(rows(healthy, steps=100, grad_norm=lambda s: math.inf if s < 6 else 0.8)))
    state(rule, "near-miss-once", sft(rows(healthy, steps=100, grad_norm=lambda s: math.nan if s == 50 else 0.8)))
    rule = "loss-spike"
    state(rule, "bad-three", sft(rows(lambda s: healthy(s) * (3.0 if s in (20, 33, 47) else 1))))
    state(rule, "near-miss-noisy", sft(rows(falling(2.0, 1.4), noise=0.25)))
    state(rule, "near-miss-one-small", sft(rows(lambda s: healthy(s) * (1.9 if s == 33 else 1))))
    rule = "loss-scale-artifact"
    at = [10, 20, 30, 40, 50, 60]
    scaled = sft(rows(lambda s: 8 * falling(2.5, 1.2)(s))) + evaluations(healthy, at)
    state(rule, "bad-eight-times", scaled)
    state(rule, "bad-above-uniform", sft(rows(lambda s: 16 * falling(3.5, 2.5)(s))))
    state(rule, "near-miss-a-gap", sft(rows(healthy)) + evaluations(lambda s: 0.8 * healthy(s), at))
    rule = "memorised"
    stairs = rows(lambda s: (1.5, 0.7, 0.25, 0.08)[min(3, (s - 1) // 20)], steps=80)
    state(rule, "bad-stairs", sft([{**row, "epoch": row["step"] / 20} for row in stairs]))
    nothing = [
        {**row, "epoch": row["step"] / 2, "loss": 0.9 if row["step"] < 4 else 0.0004} for row in rows(healthy, steps=40)
    ]
    state(rule, "bad-nothing-left", sft(nothing))
    smooth = rows(falling(1.5, 0.3, 30), steps=80)
    state(rule, "near-miss-smooth", sft([{**row, "epoch": row["step"] / 20} for row in smooth]))
    acquitted = sft([{**row, "epoch": row["step"] / 20} for row in stairs]) + evaluations(
        falling(1.6, 0.3, 30), [20, 40, 60, 80]
    )
    state(rule, "near-miss-evaluation-falls", acquitted)
    rule = "labels-all-masked"
    masked: dict[str, Course] = {"entropy": lambda s: 0.0, "mean_token_accuracy": lambda s: 0.0}
    state(rule, "bad-zero", rows(lambda s: 0.0, noise=0, grad_norm=lambda s: 0.0, **masked))
    hidden = rows(lambda s: 0.0, noise=0, grad_norm=lambda s: math.nan)
    state(rule, "near-miss-hidden-nan", sft(hidden))
    state(
        rule, "near-miss-fell-to-zero", [{**row, "loss": 0.0} if row["step"] > 5 else row for row in sft(rows(healthy))]
    )
    state("no-evaluation", "bad-none", sft(rows(healthy)))
    state("no-evaluation", "near-miss-one", sft(rows(healthy)) + evaluations(healthy, [60]))
    state("run-too-short", "bad-three-rows", sft(rows(healthy, steps=3, every=10)))
    state("run-too-short", "near-miss-twelve", sft(rows(healthy, steps=12)))
    frozen = sft(rows(from_step(20, 0.0, healthy), grad_norm=lambda s: 0.8 if s < 20 else math.sqrt(2)))
    for row in frozen[19:]:
        row["grad_norm"] = 1.4142135623730951
    state("loss-not-finite", "bad-frozen-norm", frozen)
    state("loss-not-finite", "bad-policy-loss", ppo(loss__policy_avg=from_step(40, math.nan, lambda s: -0.01)))
    state("not-learning", "bad-reward", grpo(120, reward=wobble(lambda s: 0.4, 0.05, 1)))
    state("not-learning", "near-miss-reward-rises", grpo(120, reward=wobble(ramp(0.4, 0.6, 120), 0.05, 1)))
    ends = [{"step": s, "eval_loss": value} for s, value in ((20, 1.3), (60, 1.5), (100, 2.3))]
    state("overfitting", "bad-three-evaluations", sft(rows(falling(2.0, 0.2, 40), steps=100)) + ends)


def messages() -> None:
    """What only the console says."""
    ended = {"state": "failed", "exit_code": 1, "step": 0, "max_steps": 100}
    counted = (
        "Traceback (most recent call last):\n"
        '  File "site-packages/trl/trainer/grpo_trainer.py", line 1649, in _calculate_rewards\n'
        "    raise ValueError(\n"
        "ValueError: The reward function 'length' returned 1 rewards, but 4 were expected (one per prompt-completion pair)\n"
    )
    folder("reward-wrong-count", "bad-one", ended, counted, [], {}, "grpo")
    folder("reward-wrong-count", "near-miss-other-error", ended, "ValueError: returned 4 rewards\n", [], {}, "grpo")
    raised = (
        "Traceback (most recent call last):\n"
        '  File "train.py", line 30, in <module>\n'
        "    trainer.train()\n"
        '  File "site-packages/trl/trainer/grpo_trainer.py", line 1640, in _calculate_rewards\n'
        "    output = reward_func(prompts=prompts, completions=completions)\n"
        '  File "rewards.py", line 7, in correctness\n'
        "    return [float(one) for one in completions]\n"
        "ValueError: could not convert string to float: 'seven'\n"
    )
    folder("reward-raises", "bad-value", ended, raised, [], {}, "grpo")
    elsewhere = raised.replace("_calculate_rewards", "_prepare_inputs").replace("reward_func(", "tokenize(")
    folder("reward-raises", "near-miss-elsewhere", ended, elsewhere, [], {}, "grpo")


ALL = (kl, policy, lengths, rewards, preferences, reward_models, curves, messages)
