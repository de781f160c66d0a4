"""best-checkpoint-not-saved: the best evaluation was at a step of which no checkpoint is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.fixing import edits
from diagnostics.measure import ONLINE, argument, curve_noise, evidence, number_argument
from diagnostics.run import Run, Series
from diagnostics.run.checkpoint import checkpoints_of

NAME = "best-checkpoint-not-saved"
METHODS = None
EXPLAINS = ()

EVALUATIONS = Limit(3, "evaluations", "ours: of two, one is the last")
NOISE = Limit(2.0, "standard deviations of the evaluations' noise", "finetune-doctor 0.2.2")
WORSE = Limit(0.01, "of the best evaluation", "finetune-doctor 0.2.2: within 1 % checkpoints are as good as each other")
FEW = Limit(8, "evaluations", "ours: of fewer the noise is not to be told from the course")
WORSE_FEW = Limit(0.02, "of the best evaluation", "ours: twice as much where the noise is not known")


def check(run: Run) -> Finding | None:
    """Compare the best evaluation with the best of those at steps that were kept."""
    if not run.checkpoints:
        raise CannotJudge("no-checkpoint")
    if run.status.active:
        raise CannotJudge("not-yet", what="checkpoint")
    told = measure_of(run)
    if told is None:
        raise CannotJudge("no-evaluation")
    series, sign = told
    if len(series) < EVALUATIONS:
        raise CannotJudge("too-few-evaluations", points=len(series), need=int(EVALUATIONS))
    if argument(run, "load_best_model_at_end") is True:
        return None  # the Trainer keeps the best then, whatever else it deletes
    costs = sign * series.values
    best_at = int(np.argmin(costs))
    step = int(series.steps[best_at])
    saved = {**run.checkpoints, **{one.step: one.folder for one in checkpoints_of(run) if one.final}}
    if step in saved:
        return None
    kept = {one: float(np.interp(one, series.steps, series.values)) for one in saved if one >= series.steps[0]}
    if not kept:
        return None
    nearest = min(kept, key=lambda one: (abs(one - step), one))
    chosen = min(kept, key=lambda one: sign * kept[one])
    best = float(series.values[best_at])
    lost = sign * (kept[chosen] - best)
    least = WORSE_FEW * abs(best)
    if len(series) >= FEW:
        least = max(WORSE * abs(best), NOISE * curve_noise(series.values))
    if lost <= least:
        return None
    rows = [
        (str(at), f"{value:.6g}", "yes" if int(at) in saved else "no")
        for at, value in zip(series.steps, series.values, strict=True)
    ]
    around = rows[max(0, best_at - 4) : best_at + 5]
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85,
        first_step=step,
        last_step=int(series.steps[-1]),
        facts={
            "metric": series.tag,
            "step": step,
            "best": best,
            "chosen": saved[chosen].name,
            "value": kept[chosen],
            "nearest": saved[nearest].name,
        },
        evidence=(TableEvidence(series.tag, ("step", series.tag, "kept"), tuple(around)), evidence(series, step)),
        causes=("deleted", "apart") if argument(run, "save_total_limit") is not None else ("apart", "deleted"),
        fixes=fixes(run, series),
    )


def measure_of(run: Run) -> tuple[Series, int] | None:
    """What the run's checkpoints would be chosen by, and its sign: -1 where more is better; None if nothing is known.

    The metric that the config names, else the held-out reward of online methods, else the evaluation loss.
    """
    named = argument(run, "metric_for_best_model")
    if isinstance(named, str) and named and named not in ("loss", "eval_loss"):
        found = run.get(f"eval/{named.removeprefix('eval_')}")
        if found is not None:
            return found.finite(), 1 if argument(run, "greater_is_better") is False else -1
    if run.method in ONLINE:
        found = run.signal("reward", "eval")
        return (found.finite(), -1) if found is not None else None
    found = run.get("eval/loss")
    return (found.finite(), 1) if found is not None else None


def fixes(run: Run, series: Series) -> tuple[Fix, ...]:
    """Save the best as such, which transformers does since 4.48; or save at every evaluation."""
    apart = np.diff(series.steps)
    every = int(np.median(apart)) if len(apart) else 0
    metric = argument(run, "metric_for_best_model")
    best: dict[str, Any] = {"save_strategy": "best"}
    if not isinstance(metric, str):
        name = series.tag.removeprefix("eval/")
        best |= {"metric_for_best_model": name}
        if name != "loss":
            best |= {"greater_is_better": True}
    made = [Fix("best", "safe", edits(run, **best))]
    if every > 0 and number_argument(run, "save_steps") != every:
        changes: dict[str, Any] = {"save_strategy": "steps", "save_steps": every}
        made.append(Fix("each", "safe", edits(run, **changes), {"every": every}))
    return tuple(made)


WORDS = {
    "en": Words(
        title="The best checkpoint was not kept",
        summary="{metric} was best at step {step} ({best:.4g}), of which no checkpoint is left; the best of those kept is "
        "{chosen} ({value:.4g}), the nearest {nearest}.",
        why="The model that this training reached at its best cannot be had without training again.",
        wrong_if="another measure decides which checkpoint is used",
        causes={
            "apart": "Evaluations and saves are not at the same steps.",
            "deleted": "save_total_limit deleted it, as an old one.",
        },
        fixes={
            "best": 'Keep the best: save_strategy="best"',
            "each": "Save at every evaluation, every {every} steps",
        },
        about="""Looks for a checkpoint at the step of the best evaluation: of metric_for_best_model where the config names one, of
the held-out reward of GRPO, RLOO and PPO, else of the evaluation loss. Silent if a kept checkpoint is within 1 % of it or
within twice the noise of the evaluations (2 % where there are fewer than 8), and if load_best_model_at_end kept it. The value at a step without an evaluation
is taken from the line between its neighbours.""",
    ),
    "zh": Words(
        title="最好的检查点没有保留",
        summary="{metric} 在第 {step} 步最好（{best:.4g}），而这一步没有留下检查点；留下的里面最好的是 {chosen}"
        "（{value:.4g}），最近的是 {nearest}。",
        why="这次训练达到的最好模型，不重新训练就得不到了。",
        wrong_if="选用哪个检查点由另外的指标决定",
        causes={
            "apart": "评估与保存不在同样的步上。",
            "deleted": "save_total_limit 把它当作旧检查点删掉了。",
        },
        fixes={
            "best": '保留最好的：save_strategy="best"',
            "each": "每次评估时都保存，即每 {every} 步",
        },
        about="""查找最好的一次评估那一步是否有检查点：配置里写了 metric_for_best_model 就按它，GRPO、RLOO、PPO 按留出的奖励，
其余按评估损失。若留下的检查点与最好值相差不到 1%，或在评估噪声的两倍以内（不足 8 次评估时为 2%），或 load_best_model_at_end 已保留它，则不报告。
没有评估的步，其值取相邻两次评估连线上的点。""",
    ),
}
