"""beta-unusual: the strength of the tie to the reference model is zero, negative, or far from any published one."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, TextEvidence, Words
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "beta-unusual"
METHODS = ("dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ()

LOW = Limit(0.003, "beta of DPO and KTO", "ours: published values lie between 0.01 and 0.5; TRL's default is 0.1")
HIGH = Limit(5, "beta of DPO and KTO", "ours, as above: SimPO-like losses go up to 2.5")
PENALTY = Limit(0.5, "weight of the KL penalty", "ours: published values of GRPO, RLOO and PPO lie between 0 and 0.2")
# Losses of DPO that beta scales; with another one it has another meaning, or none.
SCALED = {"sigmoid", "sigmoid_norm", "hinge", "robust", "exo_pair", "nca_pair", "bco_pair", "apo_zero", "apo_down", "aot",
          "aot_unpaired", "discopop"}  # fmt: skip
USUAL = {"dpo": 0.1, "kto": 0.1, "grpo": 0.04, "rloo": 0.05, "ppo": 0.05}


def preflight(material: Material) -> Finding | None:
    """Compare beta (PPO: kl_coef) with what the loss makes of it."""
    plan.need_config(material)
    name = "kl_coef" if material.method == "ppo" else "beta"
    beta = plan.number(material, name)
    if beta is None:
        return None
    kind = kind_of(material, beta)
    if kind is None:
        return None
    new = USUAL[str(material.method)]
    return Finding(
        rule=NAME,
        severity="error" if kind in ("zero", "negative") else "warning",
        confidence=0.95 if kind in ("zero", "negative") else 0.75,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "beta": beta,
            "name": plan.own_name(material, name),
            "method": str(material.method).upper(),
        },
        evidence=(TextEvidence("config", plan.shown(material, name)),),
        causes=("typed",),
        fixes=(
            Fix("usual", "ask", (plan.edit(material, name, new),), {"new": new, "name": plan.own_name(material, name)}),
        ),
    )


def kind_of(material: Material, beta: float) -> str | None:
    """What is unusual about it."""
    if beta < 0:
        return "negative"
    if material.method in ("dpo", "kto"):
        losses = plan.value(material, "loss_type")
        names = {losses} if isinstance(losses, str) else set(losses or ())
        if material.method == "dpo" and not names <= SCALED:
            return None
        return "zero" if beta == 0 else "low" if beta < LOW else "high" if beta > HIGH else None
    return "penalty" if beta > PENALTY else None


WORDS = {
    "en": Words(
        title="An unusual tie to the reference model",
        summary={
            "zero": "{name} is 0: {method}'s loss is then the same whatever is learned, and its gradient 0.",
            "negative": "{name} is {beta:.3g}: below 0 the loss rewards what it should prevent.",
            "low": "{name} is {beta:.3g}: {method} then hardly feels its reference model.",
            "high": "{name} is {beta:.3g}: {method} then stays so near its reference model that it learns little.",
            "penalty": "{name} is {beta:.3g}: a KL penalty of that weight drowns rewards of about 1.",
        },
        why="beta decides how far the model may go from where it began.",
        wrong_if="the rewards are far larger than 1, or the value was found by a search",
        causes={"typed": "A value of another method or loss."},
        fixes={"usual": "Set {name}={new}, a usual value"},
        about="""Compares beta (PPO: kl_coef) with what the loss makes of it. At 0 the losses of DPO and KTO have no gradient; for
GRPO, whose default is 0, it means no penalty, and nothing is said. With losses of DPO that read beta otherwise (ipo,
sppo_hard, sft) nothing is said either.""",
    ),
    "zh": Words(
        title="与参考模型的约束强度不寻常",
        summary={
            "zero": "{name} 为 0：{method} 的损失与学到什么无关，梯度恒为 0。",
            "negative": "{name} 为 {beta:.3g}：小于 0 时损失会鼓励本应避免的东西。",
            "low": "{name} 为 {beta:.3g}：{method} 几乎感觉不到参考模型。",
            "high": "{name} 为 {beta:.3g}：{method} 离参考模型太近，学不到多少。",
            "penalty": "{name} 为 {beta:.3g}：这样重的 KL 惩罚会淹没 1 左右的奖励。",
        },
        why="beta 决定模型可以离起点多远。",
        wrong_if="奖励远大于 1，或该值来自搜索",
        causes={"typed": "用了另一种方法或损失的取值。"},
        fixes={"usual": "设置 {name}={new}（常用值）"},
        about="""把 beta（PPO 为 kl_coef）与它在损失里的作用相比较。为 0 时 DPO 和 KTO 的损失没有梯度；GRPO 的默认值就是 0，
表示没有惩罚，因此不提示。DPO 中以其他方式使用 beta 的损失（ipo、sppo_hard、sft）也不提示。""",
    ),
}
