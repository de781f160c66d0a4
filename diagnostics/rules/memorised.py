"""memorised: the training loss fell by passes over the data, not by steps: the rows are known by heart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, need, noise, shown, training_loss
from diagnostics.rules.overfitting import evaluation_loss
from diagnostics.run import Run, Series

NAME = "memorised"
METHODS = None
EXPLAINS = ("reward-model-saturated",)

ROWS = Limit(2, "logged rows", "ours: a loss of exactly 0 needs no more to be told")
PASSES = Limit(1.9, "passes over the data", "ours: nothing is known by heart after one")
STAIRS = Limit(0.6, "of the whole fall", "ours: a straight line loses 0.4 of its fall in the windows at the boundaries")
FLAT = Limit(3, "times the drop within an epoch", "ours: stairs are flat between their steps")
SIGMAS = Limit(3, "standard deviations of the run's noise", "ours: each drop must stand out")
FALLEN = Limit(0.5, "of the loss in the first pass", "ours: a small staircase harms nobody")
CONTRADICTED = Limit(0.75, "of the loss in the first pass", "ours, where the evaluation turned up meanwhile")
NOTHING = Limit(0.02, "nats per token", "ours, below the 0.05 of finetune-doctor 0.2.2: real text is never so sure")
MANY = Limit(3, "passes over the data", "ours, for a loss near 0 that shows no stairs")
REAL_TEXT = Limit(0.5, "nats per token at the start", "ours: below it the task may be one that can be learned for good")
NEARLY = Limit(0.05, "nats per token", "finetune-doctor 0.2.2; ours: there only after so many passes over real text")
VERY_MANY = Limit(10, "passes over the data", "ours: so many that the start does not matter")


@dataclass(frozen=True)
class Stairs:
    """How much of the fall happened at epoch boundaries. `drops`: by epoch; `share`: of the whole fall; `step`: the first."""

    drops: tuple[float, ...]
    share: float
    step: int


def check(run: Run) -> Finding | None:
    """Look for stairs at the epochs, or a loss of nearly nothing after several passes, that no evaluation contradicts."""
    loss = training_loss(run, ROWS)
    epochs = need(run.signal("epoch"), "train/epoch", 1)
    passes = float(epochs.values[-1])
    if passes < PASSES:
        return None
    evaluation = evaluation_loss(run)
    # A held-out loss that ends near its best says that what was learned holds elsewhere too.
    if evaluation is not None and len(evaluation) >= 2 and evaluation.values[-1] <= 1.03 * evaluation.values.min():
        return None
    start, end = float(np.median(loss.values[: max(1, len(loss) // 20)])), float(np.median(loss.values[-3:]))
    stairs = stairs_of(loss, epochs)
    by_stairs = stairs is not None and end < (FALLEN if evaluation is None else CONTRADICTED) * start
    text, often = start > REAL_TEXT and passes >= MANY, passes >= VERY_MANY
    limit = NEARLY if text and often else NOTHING
    by_nothing = run.method in (None, "sft") and end < limit and (text or often)
    if not (by_stairs or by_nothing):
        return None
    step = stairs.step if by_stairs and stairs is not None else int(loss.steps[np.argmax(loss.values < limit)])
    keep = first_pass(loss, epochs)
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if by_stairs else 0.75,
        first_step=step,
        last_step=int(loss.steps[-1]),
        facts={
            "kind": "stairs" if by_stairs else "nothing",
            "passes": passes,
            "start": start,
            "end": end,
            "share": 100 * (stairs.share if stairs else 0.0),
            "step": step,
        },
        evidence=(evidence(loss, step), *shown(run, step, "preference_accuracy", "token_accuracy", "epoch")),
        causes=("passes", "few-rows"),
        fixes=fixes(run, keep),
    )


def stairs_of(loss: Series, epochs: Series) -> Stairs | None:
    """The drops of the loss at epoch boundaries, if they make most of its fall."""
    at = np.interp(loss.steps, epochs.steps, epochs.values)
    spread = noise(loss.values)
    drops: list[float] = []
    within: list[float] = []
    steps: list[int] = []
    for epoch in range(1, int(at[-1] - 0.2) + 1):
        before = loss.values[(at >= epoch - 0.4) & (at < epoch - 0.02)]
        after = loss.values[(at > epoch + 0.02) & (at <= epoch + 0.4)]
        if len(before) < 2 or len(after) < 2:
            return None
        drop = float(np.median(before) - np.median(after))
        drops.append(drop)
        if drop > SIGMAS * spread * np.sqrt(2 / min(len(before), len(after))):
            steps.append(int(loss.steps[np.argmax(at >= epoch)]))
        first_half = loss.values[(at >= epoch + 0.1) & (at < epoch + 0.5)]
        second_half = loss.values[(at > epoch + 0.5) & (at <= epoch + 0.9)]
        if len(first_half) >= 2 and len(second_half) >= 2:
            within.append(float(np.median(first_half) - np.median(second_half)))
    first = loss.values[(at > 0.1) & (at < 1)]
    whole = float(np.median(first) - np.median(loss.values[at >= at[-1] - 0.4])) if len(first) else 0.0
    if not steps or whole <= 0 or sum(max(0.0, one) for one in drops) < STAIRS * whole:
        return None
    if within and float(np.mean(drops)) < FLAT * float(np.mean(within)):
        return None
    return Stairs(tuple(drops), sum(max(0.0, one) for one in drops) / whole, steps[0])


def first_pass(loss: Series, epochs: Series) -> int:
    """The step at which the first pass over the data ended."""
    place = int(np.searchsorted(epochs.values, 1.0))
    return int(epochs.steps[min(place, len(epochs) - 1)]) or int(loss.steps[-1])


def fixes(run: Run, first: int) -> tuple[Fix, ...]:
    """One pass, and an evaluation that would have shown it."""
    changes = {"max_steps": first} if argument(run, "max_steps") not in (None, -1) else {"num_train_epochs": 1}
    found = [Fix("one-pass", "ask", edits(run, **changes), {"first": first})]
    if not any(tag.startswith("eval/") for tag in run.series):
        found.append(Fix("evaluate", "safe", edits(run, eval_strategy="epoch")))
    return tuple(found)


WORDS = {
    "en": Words(
        title="The training rows are memorised",
        summary={
            "stairs": "The loss falls in stairs, at the start of each of {passes:.1f} passes over the data ({share:.0f} % of "
            "its fall from {start:.3g} to {end:.2g}).",
            "nothing": "After {passes:.0f} passes over the same rows the loss is {end:.2g}: no text is that predictable.",
        },
        why="The model recites the rows it has seen; on others it is no better than after the first pass, and often worse.",
        wrong_if="reciting is what the model is for, or the task has one right answer that can be learned for good",
        causes={"passes": "Too many passes over the data.", "few-rows": "Too few rows for a model of this size."},
        fixes={
            "one-pass": "Train for one pass over the data (step {first})",
            "evaluate": "Evaluate after each pass on held-out rows: they show at which pass to stop",
        },
        about="""Checks whether the training loss fell by passes over the data rather than by steps.

A model that learns by heart improves on a row when it sees it again, so its loss falls in stairs at the epoch
boundaries. It is memorising if the drops there (median of 0.4 epochs before against 0.4 after, each beyond 3 standard
errors) make at least 60 % of the whole fall, three times what it falls within an epoch, and the loss ends below half
its start (below three quarters where the evaluation turned up meanwhile); or, in SFT, if the loss ends below
0.02 nats per token after three passes of real text (0.5 and more at the start) or after ten of anything, below 0.05
after ten passes of real text.

An evaluation whose last value is its best, within 3 %, acquits the run. An evaluation that turns up is overfitting.
A loss of exactly 0 from the first row on, with an entropy of 0, is labels-all-masked.""",
    ),
    "zh": Words(
        title="背下了训练数据",
        summary={
            "stairs": "损失呈阶梯状，在 {passes:.1f} 轮数据的每轮开头下降（占从 {start:.3g} 到 {end:.2g} 全部降幅的 "
            "{share:.0f}%）。",
            "nothing": "同样的数据训练 {passes:.0f} 轮之后，损失只有 {end:.2g}：没有文本可以如此确定。",
        },
        why="模型只是在背诵见过的数据；对其他数据，它不比第一轮之后更好，往往更差。",
        wrong_if="训练目的就是背诵，或任务只有一个可以学会的正确答案",
        causes={"passes": "数据重复的遍数太多。", "few-rows": "相对模型大小，数据行太少。"},
        fixes={
            "one-pass": "只训练一轮（到第 {first} 步）",
            "evaluate": "每轮之后在留出数据上评估：可以看出该在哪一轮停止",
        },
        about="""检查训练损失是否按数据轮次、而不是按步数下降。

死记的模型再次见到同一行时才进步，所以损失在轮次边界呈阶梯状下降。阈值：边界处的降幅（前后各 0.4 轮的中位数之差，超过 3
倍标准误）占全部降幅的 60% 以上、达到轮内降幅的三倍，且最终损失低于开始的一半（评估同时回升时为四分之三）；或 SFT 在真实文本（开始时不低于 0.5）上三轮之后、或任何数据十轮之后损失低于每词元 0.02，或在真实文本上十轮之后低于 0.05。

若最后一次评估与最好的一次相差不超过 3%，则不报。评估回升属于 overfitting。损失从第一行起就恰好为 0 且熵为 0，属于
labels-all-masked。""",
    ),
}
