"""learning-rate-unusual: a learning rate far from what the method and the model usually learn with."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, TextEvidence, Words
from diagnostics.fixing import RATE_WORDS, parameters_of, usual_rate_of
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "learning-rate-unusual"
METHODS = None
EXPLAINS = ()

HIGH = Limit(
    10, "times the usual rate", "ours: published recipes for one method and kind of model lie within a decade of it"
)
HIGH_UNSEEN = Limit(
    30, "times the usual rate", "ours: where the model's size is not known; a model of 10 million learns at 100 times"
)
LOW = Limit(1 / 30, "of the usual rate", "ours: below it a run of usual length hardly moves")


def preflight(material: Material) -> Finding | None:
    """Compare the learning rate with the usual one for method, full or LoRA, and the model's size."""
    plan.need_config(material)
    rate = plan.number(material, "learning_rate")
    usual = usual_rate_of(material.method, material.asked.config)
    if rate is None or usual is None or rate <= 0 or not plan.given(material, "learning_rate"):
        return None
    seen = parameters_of(material.asked.config.get("model_name_or_path")) is not None
    ratio = rate / usual[0]
    if LOW <= ratio <= (HIGH if seen else HIGH_UNSEEN):
        return None
    facts = {"rate": rate, "usual": usual[0], "what": usual[1], "times": ratio if ratio > 1 else 1 / ratio}
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8 if seen else 0.7,
        first_step=0,
        last_step=0,
        facts={"kind": "high" if ratio > 1 else "low", **facts},
        evidence=(TextEvidence("config", plan.shown(material, "learning_rate", "model_name_or_path", "use_peft")),),
        causes=("other-method", "other-kind") if ratio > 1 else ("other-method",),
        fixes=(
            Fix(
                "rate-usual",
                "ask",
                (plan.edit(material, "learning_rate", usual[0]),),
                {"new": usual[0], "old": rate, "what": usual[1]},
            ),
        ),
    )


WORDS = {
    "en": Words(
        title="An unusual learning rate",
        summary={
            "high": "A learning rate of {rate:.2g} is {times:.0f} times the usual {usual:.2g} for {what}.",
            "low": "A learning rate of {rate:.2g} is a {times:.0f}th of the usual {usual:.2g} for {what}.",
        },
        why="Far above the usual rate most runs diverge within their first steps; far below it they learn next to nothing.",
        wrong_if="the model is far smaller than it looks, the optimizer is not Adam, or the rate was found by a search",
        causes={
            "other-method": "The rate of another method: SFT learns at 20 times the rate of DPO or GRPO.",
            "other-kind": "The rate of LoRA, which learns at about 10 times that of all weights.",
        },
        fixes={"rate-usual": RATE_WORDS["en"]["rate-usual"]},
        about="""Compares learning_rate with the usual one: TRL's default for the method; ten times as much with LoRA; for a
model of up to ten million parameters the rate of training from scratch (Kaplan et al. 2020, equation D.1).

Only a rate that the config names is judged, and only where it is ten times above (thirty where the model's size is not
known) or thirty times below.""",
    ),
    "zh": Words(
        title="学习率不寻常",
        summary={
            "high": "学习率 {rate:.2g} 是 {what} 常用值 {usual:.2g} 的 {times:.0f} 倍。",
            "low": "学习率 {rate:.2g} 只有 {what} 常用值 {usual:.2g} 的 {times:.0f} 分之一。",
        },
        why="远高于常用值时，多数训练在最初几步就会发散；远低于常用值则几乎学不到东西。",
        wrong_if="模型远比看上去小，优化器不是 Adam，或该值来自搜索",
        causes={
            "other-method": "用了另一种方法的学习率：SFT 的学习率是 DPO 或 GRPO 的 20 倍。",
            "other-kind": "用了 LoRA 的学习率，它大约是全量微调的 10 倍。",
        },
        fixes={"rate-usual": RATE_WORDS["zh"]["rate-usual"]},
        about="""把 learning_rate 与常用值比较：该方法在 TRL 里的默认值；LoRA 取其十倍；一千万参数以内的模型取从头训练的学习率
（Kaplan 等 2020，公式 D.1）。

只评判配置里写明的学习率，且只在高出十倍以上（模型大小未知时三十倍）或低于三十分之一时提示。""",
    ),
}
