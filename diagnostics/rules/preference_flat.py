"""preference-flat: after a fifth of the run the policy still cannot tell chosen from rejected."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, higher_rate
from diagnostics.measure import PREFERENCE, evidence, in_warmup, late, need, noise, shown, trend
from diagnostics.run import Run

NAME = "preference-flat"
METHODS = PREFERENCE
EXPLAINS = ("not-learning",)

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
MARGIN = Limit(0.02, "nats times beta", "ours: a healthy DPO run passes 0.1 in its first fifth")
CHANCE = Limit(0.05, "distance of the accuracy from one half", "ours: what 400 pairs may show by chance")
NOISE = 3.0  # standard deviations: a margin that stands out of its own noise is there, however small


def check(run: Run) -> Finding | None:
    """Look at margin and accuracy after the first fifth of the run."""
    if in_warmup(run):
        raise CannotJudge("in-warmup")
    margin = need(run.signal("margin"), "train/rewards/margins", ROWS)
    accuracy = run.signal("preference_accuracy")
    end = late(margin)
    if abs(end) > MARGIN or trend(margin).rose() or end > NOISE * noise(margin.values) > 0:
        return None
    won = late(accuracy) if accuracy is not None else 0.5
    # A strict comparison counts ties as lost: a policy that hardly leaves its reference wins anything from none to half.
    if won > 0.5 + CHANCE:
        return None
    step = int(margin.steps[len(margin) // 5])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8,
        first_step=step,
        last_step=int(margin.steps[-1]),
        facts={"margin": end, "accuracy": won, "step": step},
        evidence=(evidence(margin, step), *shown(run, step, "preference_accuracy", "loss", "learning_rate")),
        causes=("learning-rate", "data", "reference"),
        fixes=(*higher_rate(run), Fix("look", "show")),
    )


WORDS = {
    "en": Words(
        title="Chosen and rejected stay the same",
        summary="The margin ends at {margin:.2g} and {accuracy:.0%} of the pairs are won: no better than at the start.",
        why="The run costs its time and returns the model it was given.",
        wrong_if="the run is to be continued, and its learning rate is on purpose very small",
        causes={
            "learning-rate": "A learning rate too low for the number of steps.",
            "data": "Pairs without a difference that can be learned, or cut off before they differ.",
            "reference": "The reference shares its weights with the policy.",
        },
        fixes={"look": "Look at ten pairs as the model sees them, after truncation", **RATE_WORDS["en"]},
        about="""Checks whether, in the last quarter of a preference run, the margin is within 0.02 of 0, did not rise beyond
its noise, and no more than half of the pairs are won (a tie counts as lost).

A run that ended within its warm-up is not judged. A gradient of exactly 0 is another fault (nothing-trainable,
preference-pairs-identical).""",
    ),
    "zh": Words(
        title="被选与被拒始终没有区别",
        summary="间隔最终为 {margin:.2g}，{accuracy:.0%} 的偏好对被区分：与开始时一样。",
        why="花了时间，得到的还是原来的模型。",
        wrong_if="训练还要继续，且有意使用很小的学习率",
        causes={
            "learning-rate": "相对步数，学习率太低。",
            "data": "偏好对之间没有可学的差别，或在出现差别之前就被截断。",
            "reference": "参考模型与策略共用权重。",
        },
        fixes={"look": "查看十个偏好对在截断之后模型所见的样子", **RATE_WORDS["zh"]},
        about="""检查偏好训练的最后四分之一：间隔与 0 相差不到 0.02、没有超出噪声地上升，且被区分的偏好对不超过一半（相等算输）。

在预热中结束的训练不作判断。梯度恰好为 0 是另外的故障（nothing-trainable、preference-pairs-identical）。""",
    ),
}
