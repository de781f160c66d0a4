"""no-evaluation: nothing held out was ever measured, so nobody can tell learning from memorising."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.fixing import edits
from diagnostics.measure import LOSS_TELLS, evidence
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material
from diagnostics.run import Run

NAME = "no-evaluation"
METHODS = None
EXPLAINS = ()

ROWS = Limit(10, "logged rows", "ours: a run so short is a trial")
EVERY = 100  # steps between two evaluations where the length of the run is not known
TIMES = 10  # evaluations in a run: enough to see a turn, cheap enough to have


def check(run: Run) -> Finding | None:
    """Look for any evaluation."""
    if run.method is not None and run.method not in LOSS_TELLS:
        raise CannotJudge("not-for-method", method=run.method.upper())
    if any(tag.startswith(("eval/", "test/")) for tag in run.series):
        return None
    loss = run.get("train/loss")
    if loss is None or len(loss) < ROWS:
        raise CannotJudge("too-few-points", points=len(loss) if loss else 0, need=int(ROWS))
    if run.status.active:
        raise CannotJudge("not-yet", what="evaluation")
    last = int(loss.steps[-1])
    every = max(1, last // TIMES)
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.95,
        first_step=int(loss.steps[0]),
        last_step=last,
        facts={"kind": "logged", "rows": len(loss), "every": every},
        evidence=(evidence(loss, last),),
        causes=("none-asked",),
        fixes=(Fix("evaluate", "safe", edits(run, eval_strategy="steps", eval_steps=every), {"every": every}),),
    )


def preflight(material: Material) -> Finding | None:
    """Look whether any evaluation is planned, for methods whose loss tells something."""
    plan.need_config(material)
    if material.method not in LOSS_TELLS:
        raise CannotJudge("not-for-method", method=str(material.method).upper())
    if plan.word(material, "eval_strategy") != "no" or plan.on(material, "eval_on_start"):
        return None
    steps = plan.planned_steps(material)
    every = max(1, steps // TIMES) if steps else EVERY
    changes = (plan.edit(material, "eval_strategy", "steps"), plan.edit(material, "eval_steps", every))
    # Without rows to evaluate on, these two arguments alone would end the run before its first step.
    fix = (
        Fix("split", "show", facts={"every": every})
        if material.held_out is False
        else Fix("evaluate", "safe", changes, {"every": every})
    )
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={"kind": "planned", "every": every},
        evidence=(TextEvidence("config", plan.shown(material, "eval_strategy")),),
        causes=("none-asked",) if material.held_out is not False else ("none-held-out",),
        fixes=(fix,),
    )


WORDS = {
    "en": Words(
        title="Nothing is evaluated",
        summary={
            "logged": "{rows} rows of training were logged and not one evaluation.",
            "planned": "No evaluation is planned: eval_strategy is 'no'.",
        },
        why="A training loss that falls looks the same whether the model learns or memorises.",
        wrong_if="the run is evaluated elsewhere, on its checkpoints",
        causes={
            "none-asked": "eval_strategy is left at its default, 'no'.",
            "none-held-out": "The data have no test split to evaluate on.",
        },
        fixes={
            "evaluate": "Evaluate every {every} steps on a held-out split (eval_dataset or a test split is needed)",
            "split": "Hold some rows back (a folder with train.jsonl and test.jsonl is read as two splits), name the folder "
            "as the data, and set eval_strategy=steps and eval_steps={every}",
        },
        about="""Says that a run logged no evaluation at all.

Known for how common it is: 41 of 89 public runs had none (finetune-doctor 0.2.2). A note, no fault: the training may
be fine; nobody can tell. Overfitting cannot be judged, and no checkpoint can be chosen by its held-out loss.

Online methods (GRPO, RLOO, PPO) are not judged here: their reward is measured on fresh answers.""",
    ),
    "zh": Words(
        title="没有任何评估",
        summary={
            "logged": "记录了 {rows} 行训练，却没有一次评估。",
            "planned": "没有安排评估：eval_strategy 为 'no'。",
        },
        why="无论模型是在学习还是在死记，训练损失下降的样子都一样。",
        wrong_if="训练之外另有对检查点的评估",
        causes={
            "none-asked": "eval_strategy 保持默认值 'no'。",
            "none-held-out": "数据里没有可用于评估的 test 划分。",
        },
        fixes={
            "evaluate": "每 {every} 步在留出的数据上评估一次（需要 eval_dataset 或 test 划分）",
            "split": "留出一部分行（一个含 train.jsonl 与 test.jsonl 的文件夹会读作两个划分），以该文件夹为数据，"
            "再设 eval_strategy=steps 与 eval_steps={every}",
        },
        about="""提示训练没有记录任何评估。

这很常见：89 个公开训练里有 41 个没有评估（finetune-doctor 0.2.2）。这只是提示，不是故障：训练也许很好，但无人能判断。
无法判断过拟合，也无法按留出损失选择检查点。

在线方法（GRPO、RLOO、PPO）不在此列：它们的奖励来自新生成的回答。""",
    ),
}
