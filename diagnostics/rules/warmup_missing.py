"""warmup-missing: a high learning rate from the very first step."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, TextEvidence, Words
from diagnostics.fixing import WARMUP, parameters_of, usual_rate_of
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "warmup-missing"
METHODS = None
EXPLAINS = ()

HIGH = Limit(3, "times the usual rate", "ours: TRL's own defaults have no warm-up, at the usual rate")
HIGH_UNSEEN = Limit(30, "times the usual rate", "ours: where the model's size is not known")


def preflight(material: Material) -> Finding | None:
    """Look for a rate above the usual one that no warm-up leads up to."""
    plan.need_config(material)
    rate = plan.number(material, "learning_rate")
    usual = usual_rate_of(material.method, material.asked.config)
    if rate is None or usual is None or plan.value(material, "warmup_steps"):
        return None
    if "warmup_ratio" in material.asked.config:  # an old name, which argument-renamed sees to
        return None
    seen = parameters_of(material.asked.config.get("model_name_or_path")) is not None
    if rate <= (HIGH if seen else HIGH_UNSEEN) * usual[0]:
        return None
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.7,
        first_step=0,
        last_step=0,
        facts={"rate": rate, "usual": usual[0], "what": usual[1]},
        evidence=(TextEvidence("config", plan.shown(material, "learning_rate", "warmup_steps", "lr_scheduler_type")),),
        causes=("default",) if not plan.given(material, "warmup_steps") else ("asked",),
        fixes=(Fix("warm", "ask", (plan.edit(material, "warmup_steps", WARMUP),)),),
    )


WORDS = {
    "en": Words(
        title="No warm-up to a high learning rate",
        summary="The first step is taken at {rate:.2g}; the usual rate for {what} is {usual:.2g}, and there is no warm-up.",
        why="Adam's first steps are its largest and worst informed: at a high rate they can undo what the model knew.",
        wrong_if="the optimizer warms up by itself",
        causes={
            "default": "transformers warms up only if it is asked to.",
            "asked": "warmup_steps is set to 0.",
        },
        fixes={"warm": "Warm up over the first tenth of the steps: warmup_steps=0.1"},
        about="""Says that a learning rate of more than three times the usual one (thirty where the model's size is not known)
is reached at once.

At the usual rate TRL's own defaults go without a warm-up, and nothing is said.""",
    ),
    "zh": Words(
        title="高学习率没有预热",
        summary="第一步的学习率就是 {rate:.2g}；{what} 的常用值是 {usual:.2g}，而且没有预热。",
        why="Adam 的最初几步幅度最大、依据最少：学习率高时可能毁掉模型原有的能力。",
        wrong_if="优化器自带预热",
        causes={"default": "transformers 只有在要求时才预热。", "asked": "warmup_steps 被设为 0。"},
        fixes={"warm": "用前十分之一的步数预热：warmup_steps=0.1"},
        about="""提示学习率超过常用值三倍（模型大小未知时三十倍），却从第一步就达到。

学习率为常用值时，TRL 自己的默认设置也没有预热，因此不提示。""",
    ),
}
