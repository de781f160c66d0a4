"""reward-wrong-count: a reward function returned more or fewer rewards than there were answers."""

from __future__ import annotations

import re

from diagnostics.finding import CannotJudge, Finding, Fix, Words
from diagnostics.measure import ONLINE
from diagnostics.messages import find, has_console
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import failed, said, trials_of
from diagnostics.run import Run

NAME = "reward-wrong-count"
METHODS = ("grpo", "rloo", None)
PREFLIGHT_METHODS = ONLINE
EXPLAINS = ("run-died", "reward-raises", "collective-timeout")
PREFLIGHT_EXPLAINS = ()  # there each function fails in its own way: one that raises is another than one that miscounts

# grpo_trainer.py of TRL 1.16; before 1.9 the same fault ended in an error of torch's about tensor sizes.
SAID = re.compile(
    r"reward function '?(?P<name>[^']*?)'? returned (?P<got>\d+) rewards?, but (?P<wanted>\d+) (?:were|was) expected"
)


def check(run: Run) -> Finding | None:
    """Look for TRL's error on the console."""
    line = find(run, SAID)
    if line is None:
        if not has_console(run):
            raise CannotJudge("no-console")
        return None
    step = max(run.last_step, run.status.step)
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.99,
        first_step=step,
        last_step=step,
        facts={"kind": "console", "name": line.match["name"], "got": line.match["got"], "wanted": line.match["wanted"]},
        evidence=(line.evidence,),
        causes=("one", "filtered"),
        fixes=(Fix("each", "show"),),
    )


def preflight(material: Material) -> Finding | None:
    """Look for functions that gave another number of rewards than they were given answers."""
    broken = failed(trials_of(material), "wrong-count")
    if not broken:
        return None
    facts = broken[0].facts
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.99,
        first_step=0,
        last_step=0,
        facts={
            "kind": "tried",
            "name": broken[0].name,
            "got": facts.get("got", "?"),
            "wanted": facts.get("wanted", "?"),
        },
        evidence=said(broken),
        causes=("one", "filtered"),
        fixes=(Fix("each", "show"),),
    )


WORDS = {
    "en": Words(
        title="A reward function returned the wrong number of rewards",
        summary={
            "console": "{name} returned {got} rewards for {wanted} answers.",
            "tried": "Tried on rows of the data, {name} returned {got} rewards for {wanted} answers.",
        },
        why="Rewards are matched to answers by their place: TRL stops rather than guess.",
        wrong_if="the console log is that of another run",
        causes={
            "one": "One reward for the whole batch instead of one for each answer.",
            "filtered": "Answers left out on the way (a filter, a dictionary with equal keys).",
        },
        fixes={"each": "Return one number for each of the completions, in their order: [f(c) for c in completions]"},
        about="""Reads the console log for TRL's error "The reward function ... returned N rewards, but M were expected (one per
prompt-completion pair)". Before a run, the functions are tried on rows of the data.""",
    ),
    "zh": Words(
        title="奖励函数返回的个数不对",
        summary={
            "console": "{name} 对 {wanted} 个回答返回了 {got} 个奖励。",
            "tried": "在数据的若干行上试运行时，{name} 对 {wanted} 个回答返回了 {got} 个奖励。",
        },
        why="奖励按位置与回答对应：TRL 宁可停止也不猜测。",
        wrong_if="控制台日志属于另一次训练",
        causes={
            "one": "整批只返回了一个奖励，而不是每个回答一个。",
            "filtered": "途中漏掉了回答（过滤，或键相同的字典）。",
        },
        fixes={"each": "按 completions 的顺序为每个回答返回一个数"},
        about="""在控制台日志中查找 TRL 的错误 "The reward function ... returned N rewards, but M were expected (one per
prompt-completion pair)"。训练之前，则在数据的若干行上试运行奖励函数。""",
    ),
}
