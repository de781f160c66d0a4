"""batch-not-divisible: the batch cannot be divided into whole groups of answers, or whole mini-batches."""

from __future__ import annotations

import math
from dataclasses import replace

from diagnostics.finding import Edit, Finding, Fix, TextEvidence, Words
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "batch-not-divisible"
METHODS = ("grpo", "rloo", "ppo")
EXPLAINS = ("run-died",)

# Numbers of processes that a run may have where the config alone is known.
PROCESSES = (1, 2, 3, 4, 6, 8, 16)


def preflight(material: Material) -> Finding | None:
    """Do the arithmetic of the config classes: whole prompt groups in a generation batch, whole mini-batches."""
    plan.need_config(material)
    kind = fault(material)
    if kind is None:
        return None
    always = all(fault(replace(material, processes=number)) for number in PROCESSES)
    edits = mend(material, kind)
    names = {
        "generations": ("per_device_train_batch_size", "gradient_accumulation_steps", "steps_per_generation",
                        "generation_batch_size", "num_generations"),
        "generation-batch": ("generation_batch_size", "per_device_train_batch_size"),
        "evaluation": ("per_device_eval_batch_size", "num_generations_eval", "num_generations"),
        "mini-batches": ("per_device_train_batch_size", "gradient_accumulation_steps", "num_mini_batches"),
    }[kind]  # fmt: skip
    return Finding(
        rule=NAME,
        severity="error" if always else "warning",
        confidence=0.98 if always else 0.8,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "batch": generation_batch(material),
            "group": plan.whole(material, "num_generations", 8),
            "per_step": plan.whole(material, "per_device_train_batch_size", 8) * material.processes,
            "evaluated": plan.whole(material, "per_device_eval_batch_size", 8) * material.processes,
            "eval_group": evaluated_group(material),
            "rows": plan.batch(replace(material, processes=1)),
            "parts": plan.whole(material, "num_mini_batches"),
            "processes": material.processes,
        },
        evidence=(TextEvidence("config", plan.shown(material, *names)),),
        causes=("arithmetic",) if always else ("arithmetic", "processes"),
        fixes=(Fix("set", "ask", edits, {"edits": ", ".join(f"{one.path}={one.new}" for one in edits)}),),
    )


def generation_batch(material: Material) -> int:
    """Answers that are generated at once, over all processes."""
    per_step = plan.whole(material, "per_device_train_batch_size", 8) * material.processes
    asked = plan.number(material, "generation_batch_size")
    if asked is not None:
        return int(asked)
    steps = plan.number(material, "steps_per_generation")
    return per_step * int(steps if steps is not None else plan.whole(material, "gradient_accumulation_steps"))


def evaluated_group(material: Material) -> int:
    """Answers to a prompt in evaluation."""
    return plan.whole(material, "num_generations_eval", 0) or plan.whole(material, "num_generations", 8)


def fault(material: Material) -> str | None:
    """Which division does not work out, for the material's number of processes."""
    per_device = plan.whole(material, "per_device_train_batch_size", 8)
    if per_device < 1:
        return None
    if material.method == "ppo":
        rows, parts = plan.batch(replace(material, processes=1)), plan.whole(material, "num_mini_batches")
        if parts < 1:
            return None
        micro = min(per_device, max(rows // parts, 1))
        return "mini-batches" if rows % parts or (rows // parts) % micro else None
    group = plan.whole(material, "num_generations", 8)
    if group < 2:
        return None
    both = plan.number(material, "generation_batch_size") is not None
    alone = both and plan.number(material, "steps_per_generation") is None
    if alone and generation_batch(material) % (per_device * material.processes):
        return "generation-batch"
    evaluated = plan.whole(material, "per_device_eval_batch_size", 8) * material.processes
    if plan.word(material, "eval_strategy") != "no" and evaluated % max(1, evaluated_group(material)):
        return "evaluation"
    return "generations" if generation_batch(material) % group else None


def mend(material: Material, kind: str) -> tuple[Edit, ...]:
    """The nearest sizes that work out: the batch per device raised to the next that does."""
    per_device = plan.whole(material, "per_device_train_batch_size", 8)
    group = plan.whole(material, "num_generations", 8)
    if kind == "evaluation":
        step = math.lcm(evaluated_group(material), material.processes) // material.processes
        now = plan.whole(material, "per_device_eval_batch_size", 8)
        return (plan.edit(material, "per_device_eval_batch_size", step * max(1, math.ceil(now / step))),)
    if kind == "generation-batch":
        step = math.lcm(per_device * material.processes, group)
        now = generation_batch(material)
        return (plan.edit(material, "generation_batch_size", step * max(1, math.ceil(now / step))),)
    if kind == "mini-batches":
        rows = plan.batch(replace(material, processes=1))
        parts = plan.whole(material, "num_mini_batches")
        fitting = [
            one for one in range(1, parts + 1) if rows % one == 0 and (rows // one) % min(per_device, rows // one) == 0
        ]
        return (plan.edit(material, "num_mini_batches", fitting[-1]),)
    if plan.number(material, "generation_batch_size") is not None:
        step = math.lcm(per_device * material.processes, group)
        return (plan.edit(material, "generation_batch_size", step * math.ceil(generation_batch(material) / step)),)
    factor = generation_batch(material) // per_device
    step = group // math.gcd(group, factor)
    return (plan.edit(material, "per_device_train_batch_size", step * max(1, math.ceil(per_device / step))),)


WORDS = {
    "en": Words(
        title="The batch cannot be divided",
        summary={
            "generations": "{batch} answers are generated at once (with {processes} process(es)), which is no multiple of "
            "num_generations={group}.",
            "generation-batch": "generation_batch_size={batch} is no multiple of the {per_step} answers of a device step "
            "(with {processes} process(es)).",
            "evaluation": "An evaluation step has {evaluated} answers (with {processes} process(es)), which is no multiple of "
            "the {eval_group} answers to a prompt.",
            "mini-batches": "num_mini_batches={parts} does not divide the {rows} rows of a rollout into whole device batches.",
        },
        why="The config class refuses it: training does not start.",
        wrong_if="training is launched with another number of processes",
        causes={
            "arithmetic": "One of the sizes was changed without the others.",
            "processes": "It works out with another number of processes.",
        },
        fixes={"set": "Set {edits}"},
        about="""Does the arithmetic that TRL's config classes do before training.

GRPO and RLOO generate per_device_train_batch_size x processes x steps_per_generation answers at once (steps_per_generation is
gradient_accumulation_steps unless it is set), which have to be whole groups of num_generations; the same holds for an
evaluation step. PPO's rollout has to be whole mini-batches of whole device batches.

An error where no number of processes up to 16 makes it work out, a warning where one does.""",
    ),
    "zh": Words(
        title="批次无法整除",
        summary={
            "generations": "每次生成 {batch} 个回答（{processes} 个进程），不是 num_generations={group} 的整数倍。",
            "generation-batch": "generation_batch_size={batch} 不是每个设备步 {per_step} 个回答的整数倍（{processes} 个进程）。",
            "evaluation": "评估每步有 {evaluated} 个回答（{processes} 个进程），不是每个提示 {eval_group} 个回答的整数倍。",
            "mini-batches": "num_mini_batches={parts} 不能把一次 rollout 的 {rows} 行分成完整的设备批次。",
        },
        why="配置类会拒绝，训练无法启动。",
        wrong_if="训练以另外的进程数启动",
        causes={"arithmetic": "只改了其中一个数，没有相应地改其他的。", "processes": "换一个进程数就能整除。"},
        fixes={"set": "设置 {edits}"},
        about="""做 TRL 配置类在训练前会做的算术。

GRPO 和 RLOO 每次生成 per_device_train_batch_size × 进程数 × steps_per_generation 个回答（未设置 steps_per_generation 时取
gradient_accumulation_steps），必须恰好是若干个 num_generations 组；评估步同理。PPO 的一次 rollout 必须能分成由完整设备批次
组成的 mini-batch。

16 个以内的任何进程数都不能整除时为错误，有某个进程数可以时为警告。""",
    ),
}
