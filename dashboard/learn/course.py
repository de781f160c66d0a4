"""The course of seven days: exercises that are done in the other pages, and what shows in the runs folder that they were."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any

from dashboard.addresses import Page
from dashboard.clinic import Clinic
from dashboard.learn.evidence import ended_at, finished, higher, last_score, of_demo, own, run_of
from diagnostics.package import python_path
from diagnostics.preflight.own_arguments import REWARD_MODEL
from diagnostics.run import Run

ONLINE = ("ppo", "grpo", "rloo")
DEMO_CODE = "training.demo."
SECONDS = 120.0


@dataclass(frozen=True)
class Shown:
    """What an exercise's check saw. `key` names the sentence, `facts` fill it."""

    done: bool
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A question whose right answer follows from the user's own runs. `answer`: None while the runs do not tell it yet."""

    choices: tuple[str, ...]
    answer: Callable[[Clinic], str | None]


@dataclass(frozen=True)
class Exercise:
    """One exercise. `look` tells from the runs whether it is done; or `question` asks what was seen; or `act` tries it.

    `goes`: the pages where it is done, with what their addresses name.
    """

    key: str
    day: int
    goes: tuple[tuple[Page, Mapping[str, str | Sequence[str]]], ...] = ()
    look: Callable[[Clinic], Shown] | None = None
    question: Question | None = None
    act: Callable[[Clinic], Shown] | None = None


# Day 1: the environment, the first training, the first comparison


def environment(clinic: Clinic) -> Shown:
    """Ask `training doctor`."""
    done = subprocess.run(
        [sys.executable, "-m", "training", "doctor", "--runs", str(clinic.root), "--format", "json"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=SECONDS,
        env={**environ, "PYTHONPATH": python_path(environ)},
    )  # fmt: skip
    try:
        checks = json.loads(done.stdout)["checks"]
        wrong = [str(one["name"]) for one in checks if not one["well"]]
    except (ValueError, KeyError, TypeError):
        return Shown(False, "failed", {"reason": (done.stderr.strip().splitlines() or ["-"])[-1]})
    return Shown(not wrong, "well" if not wrong else "to_mend", {"what": ", ".join(wrong), "count": len(checks)})


def demo_trained(clinic: Clinic) -> Shown:
    """See whether the demo's SFT run has finished."""
    run = clinic.run("sft")
    if run is None:
        return Shown(False, "not_started")
    return Shown(
        run.status.state == "finished", run.status.state, {"step": run.status.step, "all": run.status.max_steps}
    )


# Day 2: PPO


def own_ppo(clinic: Clinic) -> Shown:
    """See whether a PPO run with another weight of the KL penalty than the demo's has finished."""
    demo = clinic.run("ppo")
    if demo is None:
        return Shown(False, "early")
    usual = demo.asked.get("kl_coef", 0.05)
    for run in own(clinic, "ppo"):
        mine = run.asked.get("kl_coef", run.asked.get("beta", 0.05))
        if mine != usual:
            return Shown(True, "found", {"run": run.name, "mine": mine, "usual": usual})
    return Shown(False, "none", {"usual": usual})


def further(clinic: Clinic) -> str | None:
    """Which of the demo's PPO and the newest own one ended further from the reference."""
    mine = [run.name for run in own(clinic, "ppo")]
    first = ended_at(clinic, "ppo", "kl")
    second = ended_at(clinic, mine[-1], "kl") if mine else None
    return None if first is None or second is None else "demo" if first > second else "mine"


# Day 3: RLHF in three stages


def three_stages(clinic: Clinic) -> Shown:
    """See whether an online run has finished that went on from an SFT run and was rewarded by a reward model's run."""
    for run in finished(clinic, *ONLINE):
        start = run_of(clinic, run.asked.get("model_name_or_path"))
        judge = run_of(clinic, next(filter(None, map(run.asked.get, REWARD_MODEL)), None))
        if start is not None and judge is not None and start.method == "sft" and judge.method == "reward":
            return Shown(True, "found", {"sft": start.name, "reward": judge.name, "run": run.name})
    return Shown(False, "none")


def accuracy_band(clinic: Clinic) -> str | None:
    """How often the demo's reward model prefers the better answer of a held-out pair."""
    run = clinic.run("reward")
    series = run.get("eval/accuracy") if run is not None else None
    if series is None or run is None or run.status.active:
        return None
    last = float(series.values[-1])
    return "chance" if last < 0.6 else "most" if last < 0.95 else "all"


# Day 4: DPO


def own_dpo(clinic: Clinic) -> Shown:
    """See whether a DPO run with another beta than the demo's has finished."""
    demo = clinic.run("dpo")
    if demo is None:
        return Shown(False, "early")
    usual = demo.asked.get("beta", 0.1)
    for run in own(clinic, "dpo"):
        if run.asked.get("beta", 0.1) != usual:
            return Shown(True, "found", {"run": run.name, "mine": run.asked.get("beta", 0.1), "usual": usual})
    return Shown(False, "none", {"usual": usual})


# Day 5: rewards


def functions_of(run: Run) -> list[str]:
    """The reward functions of a run."""
    asked = run.asked.get("reward_funcs") or []
    return [asked] if isinstance(asked, str) else [str(one) for one in asked]


def own_reward(clinic: Clinic) -> Shown:
    """See whether an online run with a function from a file has finished."""
    for run in own(clinic, *ONLINE):
        mine = [one for one in functions_of(run) if ":" in one and not one.startswith(DEMO_CODE)]
        if mine:
            return Shown(True, "found", {"run": run.name, "reward": ", ".join(mine)})
    return Shown(False, "none")


def several_rewards(clinic: Clinic) -> Shown:
    """See whether an online run with two rewards or more has finished."""
    for run in own(clinic, *ONLINE):
        count = len(functions_of(run)) + bool(run.asked.get("reward_model_name_or_path"))
        if count >= 2:
            return Shown(True, "found", {"run": run.name, "count": count})
    return Shown(False, "none")


# Day 6: a curriculum, and the project from end to end


def own_curriculum(clinic: Clinic) -> Shown:
    """See whether a run that trained from easy to hard has finished."""
    for run in own(clinic, "sft", "reward", "dpo", "kto", *ONLINE):
        if run.asked.get("curriculum"):
            return Shown(True, "found", {"run": run.name, "curriculum": run.asked["curriculum"]})
    return Shown(False, "none")


def project(clinic: Clinic) -> Shown:
    """See whether an own SFT run was improved upon by an own run that went on from it, by held-out score."""
    best: Shown | None = None
    for run in own(clinic, "dpo", "kto", *ONLINE):
        start = run_of(clinic, run.asked.get("model_name_or_path"))
        if start is None or start.method != "sft" or start.name in of_demo(clinic):
            continue
        before, after = last_score(clinic, start.name), last_score(clinic, run.name)
        if before is None or after is None:
            best = best or Shown(False, "no_score", {"sft": start.name, "run": run.name})
            continue
        facts = {"sft": start.name, "run": run.name, "before": f"{before:.3f}", "after": f"{after:.3f}"}
        if after > before:
            return Shown(True, "better", facts)
        best = Shown(False, "not_better", facts)
    return best or Shown(False, "none")


# Day 7: debugging

HOT = "sft-too-hot"
FAULTS = ("overfitting", "reward-constant", "loss-diverged", "labels-all-masked")


def named_fault(clinic: Clinic) -> str | None:
    """The gravest finding of the demo's failed run, as its rule; None while it is not there."""
    run = clinic.run(HOT)
    if run is None or run.status.active:
        return None
    found = [one.rule for one in clinic.diagnosis(run).findings]
    return found[0] if found and found[0] in FAULTS else None


def cured(clinic: Clinic) -> Shown:
    """See whether a child of the failed run has finished without the finding."""
    for run in own(clinic, "sft"):
        if run.parent is None or Path(run.parent).name != HOT:
            continue
        still = [one.rule for one in clinic.diagnosis(run).findings if one.severity == "error"]
        return Shown(not still, "cured" if not still else "still", {"run": run.name, "rules": ", ".join(still)})
    return Shown(False, "none")


SFT_START = {"run": "sft"}
EXERCISES: tuple[Exercise, ...] = (
    Exercise("environment", 1, act=environment),
    Exercise("demo", 1, (("runs", {}),), look=demo_trained),
    Exercise(
        "first", 1, (("compare", {"run": ("base", "sft")}),), question=Question(("base", "sft"), higher("base", "sft"))
    ),
    Exercise("ppo", 2, (("train", {"run": "ppo"}),), look=own_ppo),
    Exercise("drift", 2, (("runs", {"run": "ppo", "metric": "kl"}),), question=Question(("demo", "mine"), further)),
    Exercise("stages", 3, (("runs", {}), ("train", {"run": "ppo"})), look=three_stages),
    Exercise(
        "judge", 3, (("diagnose", {"run": "reward"}),), question=Question(("chance", "most", "all"), accuracy_band)
    ),
    Exercise("dpo", 4, (("train", {"run": "dpo"}),), look=own_dpo),
    Exercise(
        "against", 4, (("compare", {"run": ("dpo", "ppo")}),), question=Question(("dpo", "ppo"), higher("dpo", "ppo"))
    ),
    Exercise("reward", 5, (("preflight", {"run": "grpo"}), ("train", {"run": "grpo"})), look=own_reward),
    Exercise("several", 5, (("train", {"run": "grpo"}),), look=several_rewards),
    Exercise("curriculum", 6, (("train", SFT_START),), look=own_curriculum),
    Exercise("project", 6, (("train", SFT_START), ("compare", {})), look=project),
    Exercise("fault", 7, (("diagnose", {"run": HOT}),), question=Question(FAULTS, named_fault)),
    Exercise("cure", 7, (("diagnose", {"run": HOT}),), look=cured),
    Exercise("sampling", 7, (("compare", {}),), question=Question(("same", "different"), lambda _: "same")),
)
DAYS = tuple(sorted({one.day for one in EXERCISES}))
BY_KEY = {one.key: one for one in EXERCISES}
