"""off-policy-drift: the sampler's probabilities are not the trainer's: the answers come from another policy."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, first_run_of, need, shown
from diagnostics.run import Run

NAME = "off-policy-drift"
METHODS = ("grpo", "rloo")
EXPLAINS = ("reward-collapse", "policy-ratio-blowup")

ROWS = Limit(3, "logged rows", "ours")
DIFFERENCE = Limit(0.02, "nats per token", "huggingface/trl#4772: 0.012 over 100 tokens is a ratio of 3.3")
LARGE = Limit(0.1, "nats per token", "ours: at such a gap importance correction clips nearly everything")
LOW = Limit(0.9, "mean ratio", "huggingface/trl#7269: a healthy run has 0.995, top_p=0.8 gives 0.896")
HIGH = Limit(1.1, "mean ratio", "the inverse of the above")
TOGETHER = Limit(3, "rows in a row", "ours")


def check(run: Run) -> Finding | None:
    """Look at the difference of log-probabilities and at the importance ratio between sampler and trainer."""
    difference, ratio = run.signal("sampling_difference"), run.signal("sampling_ratio")
    if difference is None and ratio is None:
        raise CannotJudge("no-sampler")
    for kind, series in (("difference", difference), ("ratio", ratio)):
        if series is None:
            continue
        known = need(series, series.tag, ROWS)
        bad = known.values > DIFFERENCE if kind == "difference" else (known.values < LOW) | (known.values > HIGH)
        place = first_run_of(bad, int(TOGETHER))
        if place is None:
            continue
        step = int(known.steps[place])
        middle = float(np.median(known.values[place:]))
        return Finding(
            rule=NAME,
            severity="error" if kind == "difference" and middle > LARGE else "warning",
            confidence=0.85,
            first_step=step,
            last_step=int(known.steps[-1]),
            facts={"kind": kind, "step": step, "middle": middle},
            evidence=(evidence(known, step), *shown(run, step, "sampling_ratio", "reward", "entropy")),
            causes=("sampling", "stale", "kernels"),
            fixes=fixes(run),
        )
    return None


def fixes(run: Run) -> tuple[Fix, ...]:
    """The whole distribution; the importance correction where it was turned off."""
    found = []
    neutral = {"top_p": 1.0, "top_k": 0, "min_p": None, "repetition_penalty": 1.0}
    wrong = {name: value for name, value in neutral.items() if argument(run, name) not in (None, value)}
    if wrong:
        found.append(Fix("sampling", "ask", edits(run, **wrong)))
    if argument(run, "vllm_importance_sampling_correction") is False:
        found.append(Fix("correction", "ask", edits(run, vllm_importance_sampling_correction=True)))
    return (*found, Fix("server", "show"))


WORDS = {
    "en": Words(
        title="Sampler and trainer disagree",
        summary={
            "difference": "From step {step} on the sampler's log-probabilities differ from the trainer's by {middle:.3g} nats "
            "per token.",
            "ratio": "From step {step} on the mean importance ratio between trainer and sampler is {middle:.3g}, not 1.",
        },
        why="The gradient is taken for answers that this policy would not have given: over a hundred tokens a small "
        "difference is a factor.",
        wrong_if="several updates per batch of answers are wanted (off-policy by design)",
        causes={
            "sampling": "Answers drawn with top_p, top_k, min_p or a repetition penalty that the trainer does not apply.",
            "stale": "The sampler holds older weights (a missed synchronisation, sleep mode).",
            "kernels": "Other kernels or another precision in the sampler.",
        },
        fixes={
            "sampling": "Draw from the whole distribution",
            "correction": "Turn the importance correction on",
            "server": "Start the vLLM server with --logprobs-mode processed_logprobs, in the trainer's precision",
        },
        about="""Checks whether the answers come from the policy that is trained, where a vLLM sampler's probabilities are
logged: a mean difference of more than 0.02 nats per token, or a mean importance ratio outside 0.9 to 1.1, three rows in
a row.

Sources: huggingface/trl#4772, #6789, #7269, #4159. Without a separate sampler there is nothing to disagree.""",
    ),
    "zh": Words(
        title="采样器与训练器不一致",
        summary={
            "difference": "从第 {step} 步起，采样器与训练器的对数概率每词元相差 {middle:.3g}。",
            "ratio": "从第 {step} 步起，训练器与采样器之间的平均重要性比为 {middle:.3g}，而不是 1。",
        },
        why="梯度是对这个策略不会给出的回答计算的：一百个词元累积起来，微小的差别就成了倍数。",
        wrong_if="有意对每批回答更新多次（本来就是离策略）",
        causes={
            "sampling": "抽取回答时使用了 top_p、top_k、min_p 或重复惩罚，而训练器没有。",
            "stale": "采样器的权重较旧（漏掉同步、休眠模式）。",
            "kernels": "采样器使用了别的算子或精度。",
        },
        fixes={
            "sampling": "从完整分布中抽样",
            "correction": "打开重要性校正",
            "server": "以 --logprobs-mode processed_logprobs 启动 vLLM 服务，精度与训练器一致",
        },
        about="""在记录了 vLLM 采样器概率的地方，检查回答是否来自正在训练的策略：连续三行平均相差超过每词元 0.02，或平均重要性比
落在 0.9 到 1.1 之外。

来源：huggingface/trl#4772、#6789、#7269、#4159。没有单独的采样器时无从比较。""",
    ),
}
