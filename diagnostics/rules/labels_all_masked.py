"""labels-all-masked: no token counts for the loss, so it is 0 and nothing is learned."""

from __future__ import annotations

import re

import numpy as np

from diagnostics.finding import Evidence, Finding, Fix, Limit, TableEvidence, TextEvidence, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, need, shown
from diagnostics.postmortem.causes import cause_for, verdict_of
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import change, need_prepared, need_sequences
from diagnostics.run import Run

NAME = "labels-all-masked"
METHODS = None
PREFLIGHT_METHODS = ("sft", "dpo", "kto")
EXPLAINS = (
    "loss-not-finite",
    "nothing-trainable",
    "not-learning",
    "memorised",
    "run-died",
    "gradient-not-finite",
    "collective-timeout",
    "preparation-refused",
    "rows-dropped",
)

ROWS = Limit(2, "logged rows", "ours: exactly 0 twice is no rounding")
SHARE = Limit(0.95, "share of the rows", "ours: a batch may hold one row that is not masked")
MASKED = Limit(0.05, "share of the rows", "ours: a few rows without an answer are left out, which does no harm")
NOTHING = Limit(1e-6, "nats per token", "finetune-doctor 0.2.2")
# What TRL, unsloth and the collator of old say of it. Sources: sft_trainer.py of TRL 1.16; DataCollatorForCompletionOnlyLM
# of TRL 0.19; unsloth's train_on_responses_only.
SAID = re.compile(
    r"Could not find response key|at least one example has no assistant tokens|all labels .{0,20}-100"
    r"|got num_samples=0|All labels in your dataset are -100",
    re.IGNORECASE,
)


def check(run: Run) -> Finding | None:
    """Look for a loss of exactly 0 from the first row on, and for what the trainers say of it."""
    said = by_console(run)
    if said is not None:
        return said
    if run.method not in ("sft", None):
        return None
    loss = need(run.get("train/loss"), "train/loss", ROWS)
    nothing = np.abs(loss.values) < NOTHING
    if nothing.mean() < SHARE or not nothing[0]:
        return None
    norms, entropy, accuracy = run.get("train/grad_norm"), run.signal("entropy"), run.signal("token_accuracy")
    if norms is not None and not np.isfinite(norms.values).all():
        return None  # a NaN that the Trainer hides as 0.0: loss-not-finite
    silent = [one for one in (entropy, accuracy) if one is not None]
    if any((one.values != 0).mean() > 1 - SHARE for one in silent):
        return None
    if norms is not None and (norms.values > 0).mean() > 1 - SHARE:
        return None
    step = int(loss.steps[0])
    shown_curves = (evidence(loss, step), *shown(run, step, "grad_norm", "entropy", "token_accuracy"))
    return finding(run, "zero", step, 0.95 if silent or norms is not None else 0.75, shown_curves, "")


def by_console(run: Run) -> Finding | None:
    """What the trainers say of it on the console; of a run whose loss is above 0 all the same, only some rows are meant."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    loss = run.get("train/loss")
    if cause.role == "warning" and loss is not None and (loss.finite().values > NOTHING).mean() > 1 - SHARE:
        return None
    lines = TextEvidence(verdict_of(run).console.name, verdict_of(run).lines(cause.place))
    return finding(run, cause.kind, 0, cause.confidence, (lines,), str(cause.facts.get("line", "")))


def preflight(material: Material) -> Finding | None:
    """Count the prepared rows of which no token carries loss, before anything is cut."""
    prepared = need_prepared(material)
    if prepared.failed is not None and SAID.search(prepared.failed):
        return planned(material, "refused", 1.0, ((str(prepared.failed_row), prepared.failed),))
    first = next(iter(need_sequences(material).values()))
    masked = first.trained == 0
    share = float(masked.mean())
    if share < MASKED:
        return None
    rows = tuple((str(int(first.numbers[at])), str(int(first.lengths[at]))) for at in np.flatnonzero(masked)[:8])
    return planned(material, "all-rows" if share == 1 else "some-rows", share, rows)


def planned(material: Material, kind: str, share: float, rows: tuple[tuple[str, str], ...]) -> Finding:
    """The finding before the run."""
    prepared = need_prepared(material)
    restricting = [one for one in ("assistant_only_loss", "completion_only_loss") if material.value(one) is True]
    fixes = [Fix("whole", "ask", change(material, **{one: False})) for one in restricting]
    return Finding(
        rule=NAME,
        severity="warning" if kind == "some-rows" else "error",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={"kind": kind, "share": share, "line": (prepared.failed or "")[:200]},
        evidence=(TableEvidence("masked", ("row", "TRL" if kind == "refused" else "tokens"), rows),),
        causes=("markers",) if prepared.format == "tokenized" else ("template", "markers"),
        fixes=(*fixes, Fix("data", "show")),
    )


def finding(run: Run, kind: str, step: int, confidence: float, seen: tuple[Evidence, ...], said: str) -> Finding:
    """The finding, with the arguments that decide what is masked."""
    fixes = []
    if argument(run, "assistant_only_loss") is True:
        fixes.append(Fix("whole", "ask", edits(run, assistant_only_loss=False)))
    if argument(run, "completion_only_loss") is True:
        fixes.append(Fix("whole", "ask", edits(run, completion_only_loss=False)))
    return Finding(
        rule=NAME,
        severity="error",
        confidence=confidence,
        first_step=step,
        last_step=max(run.last_step, step),
        facts={"kind": kind, "line": said.strip()[:200]},
        evidence=seen,
        causes=("markers", "template", "length"),
        fixes=(*fixes, Fix("data", "show")),
    )


WORDS = {
    "en": Words(
        title="All labels are masked",
        summary={
            "zero": "The loss is exactly 0 from the first row on: no token of any row counts.",
            "message": "The trainer said so: {line}",
            "told": "The text beside the log tells of a loss of 0 (or of NaN, as a mean over no token is): {line}",
            "all-rows": "In no row a single token carries loss.",
            "some-rows": "In {share:.0%} of the rows no token carries loss.",
            "refused": "TRL refuses the rows: {line}",
        },
        why="Nothing is learned, and the loss of 0 looks like success.",
        wrong_if="the loss is printed with so few digits that a real one looks like 0",
        causes={
            "markers": "The text that marks the answer (a response template, an instruction part) does not occur in the rows "
            "as they are tokenised.",
            "template": "A chat template without generation markers, so that no assistant token is found.",
            "length": "The prompt alone fills max_length.",
        },
        fixes={
            "whole": "Train on all tokens, to see that the data are sound",
            "data": "Give prompt and completion, or messages, as columns of their own (completion_only_loss masks the prompt), "
            "and print one row's labels",
        },
        about="""Checks for an SFT loss of exactly 0 in 95 % of the rows, from the first on, with entropy, token accuracy and
gradient norm at 0 where they are logged; and for the trainers' own words on the console. Before the run: counts the rows
of which no token carries loss as TRL prepares them, before anything is cut; 5 % is a warning, all of them an error.

A loss of 0.0 has other causes, each with marks of its own: a NaN gradient beside it is loss-not-finite; a loss that fell
to 0 over many passes is memorised; a preference loss of 0 with large margins is preference-saturated; in GRPO a loss of
0 is normal. Sources: huggingface/trl#1225, #1920, #588, unslothai/unsloth#2900.""",
    ),
    "zh": Words(
        title="标签全被掩码",
        summary={
            "zero": "从第一行起损失就恰好为 0：没有任何词元计入损失。",
            "message": "训练器已经说明：{line}",
            "told": "日志旁的文字提到损失为 0（或 NaN，即对零个词元求平均）：{line}",
            "all-rows": "没有任何一行有词元计入损失。",
            "some-rows": "{share:.0%} 的行没有任何词元计入损失。",
            "refused": "TRL 拒绝了数据：{line}",
        },
        why="什么也没学到，而 0 的损失看上去像是成功。",
        wrong_if="损失打印的位数太少，真实的损失看上去像 0",
        causes={
            "markers": "标记回答的文本（response template、instruction part）在分词后的数据里并不存在。",
            "template": "对话模板没有 generation 标记，找不到 assistant 的词元。",
            "length": "提示本身就占满了 max_length。",
        },
        fixes={
            "whole": "先在全部词元上训练，确认数据没有问题",
            "data": "用单独的列给出 prompt 与 completion 或 messages（completion_only_loss 会掩码提示），并打印一行的标签",
        },
        about="""检查 SFT 损失是否从第一行起在 95% 的行里恰好为 0，且所记录的熵、词元准确率与梯度范数也为 0；以及控制台里训练器自己的
说明。训练前：统计 TRL 预处理后（截断之前）没有任何词元计入损失的行；5% 为警告，全部如此为错误。

损失 0.0 还有别的原因，各有特征：旁边的梯度为 NaN 属于 loss-not-finite；训练多轮后才降到 0 属于 memorised；偏好损失为 0 且间隔
很大属于 preference-saturated；GRPO 的 0 损失是正常的。来源：huggingface/trl#1225、#1920、#588，unslothai/unsloth#2900。""",
    ),
}
