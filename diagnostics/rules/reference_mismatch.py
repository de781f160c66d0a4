"""reference-mismatch: at the first step the policy is not its own reference, as it must be."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, shown
from diagnostics.run import Run
from diagnostics.run.tags import PER_SEQUENCE, unit_of

NAME = "reference-mismatch"
METHODS = ("dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ("kl-explosion", "preference-displacement")

REWARD = Limit(
    0.05, "nats per sequence times beta", "ours: at step 1 the ratio is 1 and its logarithm 0, but for rounding"
)
TOKEN = Limit(0.01, "nats per token", "ours: bf16 rounding gives 0.001")
SEQUENCE = Limit(1.0, "nats per sequence", "ours: the same over a hundred tokens")


def check(run: Run) -> Finding | None:
    """Look at the row of the first step: nothing has been learned yet, so nothing may differ from the reference."""
    if run.method in ("dpo", "kto"):
        series, limit = run.signal("chosen_reward"), float(REWARD)
        name = "rewards/chosen"
    else:
        series, name = run.signal("kl"), "kl"
        limit = float(SEQUENCE if unit_of("kl", run.method) == PER_SEQUENCE else TOKEN)
    if series is None:
        raise CannotJudge("no-kl") if name == "kl" else CannotJudge("no-series", tag=name)
    first, value = int(series.steps[0]), float(series.values[0])
    if first > 1:
        raise CannotJudge("first-row-late", step=first)
    if not abs(value) > limit:
        return None
    kind = "reward" if run.method in ("dpo", "kto") else "kl"
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8,
        first_step=first,
        last_step=int(series.steps[-1]),
        facts={"kind": kind, "value": value, "limit": limit},
        evidence=(evidence(series, first), *shown(run, first, "rejected_reward", "margin")),
        causes=("adapter", "precomputed", "dropout"),
        fixes=fixes(run),
    )


def fixes(run: Run) -> tuple[Fix, ...]:
    """Log-probabilities made anew where they were computed beforehand; else the reference by hand."""
    if argument(run, "precompute_ref_log_probs") is True:
        return (Fix("recompute", "ask", edits(run, precompute_ref_log_probs=False)), Fix("merge", "show"))
    return (Fix("merge", "show"),)


WORDS = {
    "en": Words(
        title="Policy and reference differ from the start",
        summary={
            "reward": "At the first step the implicit reward of the chosen answers is {value:.3g}; before any learning it must "
            "be 0.",
            "kl": "At the first step the KL to the reference is already {value:.3g}; before any learning it must be 0.",
        },
        why="The penalty then pulls the policy towards another model than the one it began from.",
        wrong_if="the reference is another model on purpose",
        causes={
            "adapter": "The policy carries an adapter (of SFT) that the reference does not have.",
            "precomputed": "Reference log-probabilities computed with other weights, template or data.",
            "dropout": "Dropout is on in the policy's pass.",
        },
        fixes={
            "recompute": "Compute the reference's log-probabilities anew",
            "merge": "Merge the SFT adapter into the base before this run, so that both begin from the same weights "
            "(or upgrade to peft 0.20, which can freeze a reference adapter)",
        },
        about="""Checks the row of the first step. Policy and reference are the same model there, so the implicit rewards of
DPO and KTO are 0 (more than 0.05 is a fault), and the KL of GRPO, RLOO and PPO too (0.01 nats per token, 1 per
sequence).

Only a log that begins at step 1 can tell: later rows have learned something. Sources: huggingface/trl#3397, #6043.""",
    ),
    "zh": Words(
        title="策略与参考模型从一开始就不同",
        summary={
            "reward": "第一步时被选回答的隐式奖励是 {value:.3g}；尚未学习时它必须为 0。",
            "kl": "第一步时与参考模型的 KL 已是 {value:.3g}；尚未学习时它必须为 0。",
        },
        why="惩罚会把策略拉向另一个模型，而不是它的起点。",
        wrong_if="有意使用另一个模型作为参考",
        causes={
            "adapter": "策略带着（SFT 的）适配器，而参考模型没有。",
            "precomputed": "参考的对数概率是用别的权重、模板或数据算出的。",
            "dropout": "策略前向时开着 dropout。",
        },
        fixes={
            "recompute": "重新计算参考模型的对数概率",
            "merge": "训练前把 SFT 适配器合并进底座，使两者从同样的权重开始（或升级到 peft 0.20，它能冻结参考适配器）",
        },
        about="""检查第一步那一行。那时策略与参考是同一个模型，所以 DPO 与 KTO 的隐式奖励为 0（超过 0.05 即为故障），GRPO、RLOO、PPO
的 KL 也为 0（每词元 0.01，每序列 1）。

只有从第 1 步开始的日志才能判断：后面的行已经学到了东西。来源：huggingface/trl#3397、#6043。""",
    ),
}
