"""sampling-narrowed: answers are sampled so narrowly that groups hold no contrast, or by other probabilities than trained."""

from __future__ import annotations

from diagnostics.finding import Edit, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "sampling-narrowed"
METHODS = ("grpo", "rloo", "ppo")
EXPLAINS = ()

COLD = Limit(0.7, "temperature", "ours: TRL's defaults are 1.0 (GRPO, RLOO) and 0.7 (PPO)")


def preflight(material: Material) -> Finding | None:
    """Look at temperature and top_p."""
    plan.need_config(material)
    temperature, top_p = plan.number(material, "temperature"), plan.number(material, "top_p")
    if temperature is not None and temperature <= 0:
        return finding(material, "zero", "error", 0.95, (plan.edit(material, "temperature", 1.0),))
    if temperature is not None and temperature < COLD:
        return finding(material, "cold", "warning", 0.7, (plan.edit(material, "temperature", 1.0),))
    if top_p is not None and top_p < 1 and material.method != "ppo":
        return finding(material, "top-p", "warning", 0.7, (plan.edit(material, "top_p", 1.0),))
    return None


def finding(material: Material, kind: str, severity: str, confidence: float, edits: tuple[Edit, ...]) -> Finding:
    """The finding of one kind."""
    names = ("temperature",) if material.method == "ppo" else ("temperature", "top_p")
    return Finding(
        NAME,
        severity,  # type: ignore[arg-type]
        confidence,
        0,
        0,
        {"kind": kind, "temperature": plan.number(material, "temperature"), "top_p": plan.number(material, "top_p")},
        (TextEvidence("config", plan.shown(material, *names)),),
        ("serving",),
        (Fix("set", "ask", edits, {"edits": ", ".join(f"{one.path}={one.new}" for one in edits)}),),
    )


WORDS = {
    "en": Words(
        title="Answers are sampled too narrowly",
        summary={
            "zero": "temperature is {temperature:.3g}: sampling needs one above 0.",
            "cold": "temperature is {temperature:.3g}: the answers to a prompt are much alike, and their rewards tell little.",
            "top-p": "top_p is {top_p:.3g}: answers are sampled by other probabilities than those that the loss is computed with.",
        },
        why="The answers to a prompt are judged against each other: where they are alike there is nothing to learn from, and "
        "where unlikely tokens are cut off the policy is trained off its own distribution.",
        wrong_if="answers stay varied at this temperature",
        causes={"serving": "Settings of serving, where narrow sampling is wanted."},
        fixes={"set": "Set {edits}"},
        about="""Looks at temperature and top_p of the online methods. Below a temperature of 0.7 groups of equal answers become
common (reward-groups-constant); top_p below 1 cuts off tokens that the loss still counts, which also makes an estimated KL
negative (kl-negative).""",
    ),
    "zh": Words(
        title="回答的采样过窄",
        summary={
            "zero": "temperature 为 {temperature:.3g}：采样要求大于 0。",
            "cold": "temperature 为 {temperature:.3g}：同一提示的回答大同小异，奖励说明不了什么。",
            "top-p": "top_p 为 {top_p:.3g}：采样所用的概率与计算损失所用的不同。",
        },
        why="同一提示的回答要相互比较：大同小异就无从学习；截去小概率的词，则策略是在偏离自身分布的数据上训练。",
        wrong_if="在这个温度下回答依然多样",
        causes={"serving": "用了部署时的设置，那时才需要收窄采样。"},
        fixes={"set": "设置 {edits}"},
        about="""检查在线方法的 temperature 和 top_p。温度低于 0.7 时，整组相同的回答会变得常见（reward-groups-constant）；top_p
小于 1 会截去损失仍然计入的词，也会使估计的 KL 变负（kl-negative）。""",
    ),
}
