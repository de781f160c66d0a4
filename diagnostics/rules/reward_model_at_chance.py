"""reward-model-at-chance: the reward model tells chosen from rejected no better than a coin."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, higher_rate, lower_rate, usual_rate
from diagnostics.measure import evidence, in_warmup, late, need, peak_learning_rate, shown, trend
from diagnostics.run import Run

NAME = "reward-model-at-chance"
METHODS = ("reward",)
EXPLAINS = ("not-learning", "preference-flat")

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
CHANCE = Limit(0.55, "share of pairs", "broken reward models are reported at 0.50 to 0.56 (trlx#338, ColossalAI#3534)")
LN2 = Limit(0.68, "loss", "ln 2 = 0.693 is what a coin costs")


def check(run: Run) -> Finding | None:
    """Look at accuracy and loss in the last quarter of the run."""
    if in_warmup(run):
        raise CannotJudge("in-warmup")
    accuracy = need(run.signal("preference_accuracy"), "train/accuracy", ROWS)
    loss = run.get("train/loss")
    end = late(accuracy)
    held = run.signal("preference_accuracy", "eval")
    judged = late(held.finite(), least=1) if held is not None and len(held.finite()) else None
    if end >= CHANCE or trend(accuracy).rose():
        return None
    if loss is not None and late(loss.finite()) < LN2:
        return None
    if judged is not None and judged > CHANCE:
        return None
    step = int(accuracy.steps[len(accuracy) // 5])
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.9,
        first_step=step,
        last_step=int(accuracy.steps[-1]),
        facts={"accuracy": end, "loss": late(loss.finite()) if loss is not None else 0.0},
        evidence=(evidence(accuracy, step), *shown(run, step, "loss", "margin", "learning_rate")),
        causes=("rate", "pairs", "truncation"),
        fixes=fixes(run),
    )


def fixes(run: Run) -> tuple[Fix, ...]:
    """The usual rate, whichever side this run's is on; the pairs by hand."""
    peak, usual = peak_learning_rate(run), usual_rate(run)
    rate = lower_rate(run) if peak and usual and peak > 3 * usual[0] else higher_rate(run)
    return (*rate, Fix("pairs", "show"))


WORDS = {
    "en": Words(
        title="The reward model is at chance",
        summary="At the end {accuracy:.0%} of the pairs are won and the loss is {loss:.3g} (ln 2 = 0.693): no better than a "
        "coin.",
        why="A policy trained on this reward model optimises noise.",
        wrong_if="the pairs really are a matter of taste",
        causes={
            "rate": "A learning rate too low, or so high that the head never settled.",
            "pairs": "Labels that are random, or chosen and rejected that are nearly the same.",
            "truncation": "Answers cut off before they differ, or an end token that the head does not see.",
        },
        fixes={
            "pairs": "Begin from the SFT model, with num_labels=1; read twenty pairs after truncation",
            **RATE_WORDS["en"],
        },
        about="""Checks whether a reward model, in the last quarter of its run, wins less than 55 % of its pairs at a loss above
0.68 (a coin costs ln 2 = 0.693), with an accuracy that did not rise and no better one held out.

Reports of broken reward models lie at 0.50 to 0.56 (CarperAI/trlx#338, hpcaitech/ColossalAI#3534); a summariser's
reaches 0.75 to 0.80. An accuracy of exactly 0 with a margin of 0 is preference-pairs-identical.""",
    ),
    "zh": Words(
        title="奖励模型等于抛硬币",
        summary="最终 {accuracy:.0%} 的偏好对判断正确，损失为 {loss:.3g}（ln 2 = 0.693）：不比抛硬币好。",
        why="用这个奖励模型训练策略，等于在优化噪声。",
        wrong_if="这些偏好对确实因人而异",
        causes={
            "rate": "学习率太低，或高到头部从未稳定。",
            "pairs": "标签是随机的，或被选与被拒几乎相同。",
            "truncation": "回答在出现差别之前被截断，或头部看不到结束词元。",
        },
        fixes={"pairs": "从 SFT 模型开始，num_labels=1；阅读二十个截断之后的偏好对", **RATE_WORDS["zh"]},
        about="""检查奖励模型在最后四分之一里是否只判断对不到 55% 的偏好对，损失高于 0.68（抛硬币是 ln 2 = 0.693），准确率没有上升，留出集
也没有更好。

有问题的奖励模型据报告在 0.50 到 0.56（CarperAI/trlx#338、hpcaitech/ColossalAI#3534）；摘要任务可达 0.75 到 0.80。准确率恰好为 0
且间隔为 0 属于 preference-pairs-identical。""",
    ),
}
