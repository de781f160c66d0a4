"""reward-slow: a reward function takes longer than training can wait for, or never comes back."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, TextEvidence, Words
from diagnostics.measure import ONLINE
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import failed, junk_failures, trials_of
from diagnostics.run.refusal import Sentence

NAME = "reward-slow"
METHODS = ONLINE
EXPLAINS = ()

SECONDS = Limit(
    100.0, "seconds for 1,000 answers", "ours: 0.1 s an answer; a step of 64 answers then waits 6 s for its rewards"
)


def preflight(material: Material) -> Finding | None:
    """Look for calls that did not come back in time, then at the seconds of the fastest call."""
    trials = trials_of(material)
    hung = failed(trials, "timeout")
    junk = junk_failures(trials, "timeout")
    if hung:
        one, message, kind = hung[0], hung[0].failed[1] if hung[0].failed else "", "hung"
    elif junk:
        one, message, kind = junk[0][0], junk[0][2], "hung-on-junk"
    else:
        slow = [one for one in trials if one.failed is None and 1000 * one.facts.get("each", 0.0) > SECONDS]
        if not slow:
            return None
        one, kind = max(slow, key=lambda trial: float(trial.facts["each"])), "slow"
        each = one.facts["each"]
        message = Sentence(f"{one.name}: {each:.3g} s an answer", f"{one.name}：每条回答 {each:.3g} 秒")
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if kind == "slow" else 0.8,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "name": one.name,
            "said": message,
            "seconds": 1000 * float(one.facts.get("each", 0.0)),
            "limit": float(one.facts.get("call_seconds", 0.0)),
        },
        evidence=(TextEvidence(one.spec, (message, *one.facts.get("tail", ()))),),
        causes=("service", "model", "loop") if kind != "slow" else ("service", "model"),
        fixes=(Fix("async", "show"), Fix("limit", "show")),
    )


WORDS = {
    "en": Words(
        title="A reward function is slow",
        summary={
            "slow": "{name} takes {seconds:.0f} s for 1,000 answers: training waits for it in every step.",
            "hung": "{said}; the limit is {limit:.0f} s a call on 32 answers.",
            "hung-on-junk": "{said}, on an answer that a model may well give; the limit is {limit:.0f} s a call on 32 answers.",
        },
        why="Every process waits for the rewards of its batch; one that waits longer than ddp_timeout ends the whole run.",
        wrong_if="the first calls load something that later calls find loaded, or a service answers faster in a batch",
        causes={
            "service": "It asks a service for one answer after the other.",
            "model": "It runs a model on the CPU, or loads one in each call.",
            "loop": "An endless loop, a lock, or a pattern that backtracks (regular expressions over long answers).",
        },
        fixes={
            "async": "Make it async def and ask for the whole batch at once; load models once, outside the function",
            "limit": "Give every request and every pattern a time limit, and return None where it is exceeded",
        },
        about="""Measures the calls of each reward function on up to 32 rows of the data, the fastest of several, and gives it as
seconds for 1,000 answers. A function that does not come back within the limit is ended with its child processes.""",
    ),
    "zh": Words(
        title="奖励函数太慢",
        summary={
            "slow": "{name} 处理 1,000 个回答要 {seconds:.0f} 秒：每一步训练都要等它。",
            "hung": "{name} 没有在时限内返回（{said}）；32 个回答一次调用的时限是 {limit:.0f} 秒。",
            "hung-on-junk": "{name} 在模型很可能给出的回答上没有在时限内返回（{said}）；32 个回答一次调用的时限是 {limit:.0f} 秒。",
        },
        why="每个进程都要等自己这批的奖励；等得超过 ddp_timeout，整个训练就会结束。",
        wrong_if="最初几次调用在载入东西，之后会快；或服务在批量时更快",
        causes={
            "service": "逐个回答地请求某个服务。",
            "model": "在 CPU 上运行模型，或每次调用都重新载入。",
            "loop": "死循环、锁，或会回溯的正则表达式遇到长回答。",
        },
        fixes={
            "async": "改成 async def，一次请求整批；模型在函数之外只载入一次",
            "limit": "给每个请求和每个正则设时限，超时返回 None",
        },
        about="""在数据中最多 32 行上测量每个奖励函数的调用时间，取几次中最快的，换算成 1,000 个回答的秒数。没有在时限内返回的函数，
连同其子进程一起被结束。""",
    ),
}
