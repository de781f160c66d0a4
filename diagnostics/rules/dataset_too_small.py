"""dataset-too-small: so few rows, or so few optimizer steps, that the run ends before anything is learned."""

from __future__ import annotations

import math
from typing import Any

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Limit, Words
from diagnostics.preflight.material import Material

NAME = "dataset-too-small"
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ("run-too-short",)

ROWS = Limit(
    50, "rows", "ours: LIMA (Zhou et al. 2023) trains on 1,000 chosen rows; below fifty each is learned by heart"
)
STEPS = Limit(20, "optimizer steps", "ours: warm-up and Adam's averages take about as many")


def preflight(material: Material) -> Finding | None:
    """Count the rows and the optimizer steps that they make with the batch sizes asked for."""
    rows = material.train
    if rows is None:
        raise CannotJudge("no-data", why=material.unseen.get("data", "there is none"))
    total, steps = rows.total, steps_of(material, rows.total)
    facts: dict[str, Any] = {"where": rows.where, "rows": total, "steps": steps, "need": int(STEPS)}
    fixes: list[Fix] = []
    if 0 < total < ROWS:
        facts["kind"] = "rows"
        fixes.append(Fix("more", "show"))
    elif steps is not None and steps < STEPS:
        facts |= {
            "kind": "steps",
            "batch": batch_of(material),
            "epochs": float(material.value("num_train_epochs") or 3),
        }
        if material.method != "ppo":
            epochs = math.ceil(facts["epochs"] * STEPS / max(steps, 1))
            fixes.append(
                Fix("epochs", "ask", (Edit("num_train_epochs", material.asked.config.get("num_train_epochs"), epochs),))
            )
        fixes.append(Fix("batch", "show"))
    else:
        return None
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8,
        first_step=0,
        last_step=0,
        facts=facts,
        evidence=(),
        causes=("part",) if facts["kind"] == "rows" else ("batch", "part"),
        fixes=tuple(fixes),
    )


def batch_of(material: Material) -> int:
    """The rows of one optimizer step."""
    size = int(material.value("per_device_train_batch_size") or 8) * int(
        material.value("gradient_accumulation_steps") or 1
    )
    return size * max(1, material.processes)


def steps_of(material: Material, rows: int) -> int | None:
    """The optimizer steps of the whole run; None where the config names them, or counts in another way (PPO's episodes)."""
    asked = material.value("max_steps")
    if isinstance(asked, int | float) and asked > 0:
        return None
    if material.method == "ppo":
        return None
    answers = int(material.value("num_generations") or 8) if material.method in ("grpo", "rloo") else 1
    # GRPO and RLOO answer each prompt several times; a row of the batch is one answer.
    passes = int(material.value("num_iterations") or 1) if material.method in ("grpo", "rloo") else 1
    epochs = float(material.value("num_train_epochs") or 3)
    return math.ceil(rows * answers * passes * epochs / batch_of(material))


WORDS = {
    "en": Words(
        title="Too little data to learn from",
        summary={
            "rows": "{where} has {rows} rows: a model learns them by heart in a few passes.",
            "steps": "{where} has {rows} rows: with {batch} in a step and {epochs:g} epochs that makes {steps} optimizer steps, "
            "fewer than {need}.",
        },
        why="Warm-up and the optimizer's averages take the first steps; a run that ends then has changed next to nothing, or has "
        "learned a few rows by heart.",
        wrong_if="this is a trial of the machinery, or the rows were chosen one by one",
        causes={
            "part": "Only a part of the data was given (a sample file, a filter that takes nearly everything).",
            "batch": "The batch (size, accumulation, processes) is large for so few rows.",
        },
        fixes={
            "more": "Add rows",
            "epochs": "Take more passes over the rows",
            "batch": "Use a smaller batch or less gradient accumulation",
        },
        about="""Counts the rows of the training split and the optimizer steps that they make: rows times epochs over batch
size, accumulation and processes (in GRPO and RLOO times the answers per prompt). A warning below 50 rows, or below 20 steps
where max_steps does not say how many.

Zhou et al. 2023, "LIMA: Less Is More for Alignment" (arXiv 2305.11206) trains on 1,000 rows chosen with care.""",
    ),
    "zh": Words(
        title="数据太少，学不到什么",
        summary={
            "rows": "{where} 只有 {rows} 行：模型几遍就会背下来。",
            "steps": "{where} 有 {rows} 行：每步 {batch} 行、{epochs:g} 轮，只有 {steps} 个优化步，少于 {need} 步。",
        },
        why="最初的若干步要用于预热和优化器的滑动平均；此时就结束，几乎什么也没有改变，或者只是背下了几行。",
        wrong_if="这只是试运行，或这些行是逐一精选的",
        causes={
            "part": "只给了一部分数据（样例文件，或过滤掉了几乎全部）。",
            "batch": "对这么少的行来说，批次（大小、累积、进程数）太大。",
        },
        fixes={"more": "增加数据", "epochs": "多训练几轮", "batch": "减小批次或梯度累积"},
        about="""统计训练数据的行数，以及由此得到的优化步数：行数乘以轮数，除以批次大小、梯度累积和进程数（GRPO 与 RLOO 还要乘以每个提示的
回答数）。不足 50 行，或在没有用 max_steps 指定步数时不足 20 步，为警告。

Zhou 等 2023，“LIMA: Less Is More for Alignment”（arXiv 2305.11206）只用了 1,000 行精选的数据。""",
    ),
}
