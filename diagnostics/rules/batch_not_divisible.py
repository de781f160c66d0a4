"""batch-not-divisible: the batch cannot be divided into whole groups of answers, or whole mini-batches."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from diagnostics.finding import Edit, Finding, Fix, TextEvidence, Words
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import Cause, cause_for, finding_of
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material
from diagnostics.run import Run

NAME = "batch-not-divisible"
METHODS = None
PREFLIGHT_METHODS = ("grpo", "rloo", "ppo")
EXPLAINS = ("run-died", "collective-timeout")

# Numbers of processes that a run may have where the config alone is known.
PROCESSES = (1, 2, 3, 4, 6, 8, 16)


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "generations": ("console-completions", "console-processes"),
    "world": ("console-completions", "console-processes"),
    "two": ("console-completions",),
    "deepspeed": ("console-two-places", "console-processes"),
    "parallel": ("console-processes",),
    "inexact": ("console-processes",),
    "whitening": ("console-processes",),
    "reshape": ("console-completions", "console-processes"),
}


def check(run: Run) -> Finding | None:
    """Look on the console of a run that died."""
    return by_console(run)


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, cause: Cause) -> tuple[Fix, ...]:
    """What mends each kind; for groups that do not fit, the numbers in TRL's own message say which would."""
    if cause.kind == "deepspeed":
        return (Fix("console-auto", "show"),)
    if cause.kind == "parallel":
        return (Fix("console-parallel", "show"),)
    batch = math.prod(int(one) for one in re.findall(r"\d+", str(cause.facts.get("batch", ""))))
    group = int(cause.facts.get("generations", 0))
    fixes = []
    if batch and group:
        fitting = [one for one in range(2, group + 1) if batch % one == 0]
        if fitting:
            changes = run_edits(run, num_generations=fitting[-1])
            fixes.append(Fix("console-generations", "ask", changes, {"new": fitting[-1]}))
        own = run.config.get("per_device_train_batch_size")
        if isinstance(own, int) and own > 0 and batch % own == 0:
            # What all else of the batch multiplies to stays: processes and accumulation.
            step = group // math.gcd(group, batch // own)
            new = step * math.ceil(own / step)
            changes = run_edits(run, per_device_train_batch_size=new)
            fixes.append(Fix("console-batch", "ask", changes, {"new": new}))
    return (*fixes, Fix("console-multiply", "show"))


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
            "console-generations": "The batch is no multiple of the generations for each prompt{where}. {line}",
            "console-world": "The batch of generations is no multiple of the batch of all processes{where}. {line}",
            "console-two": "An advantage needs at least two answers to a prompt{where}. {line}",
            "console-deepspeed": "DeepSpeed's batch sizes do not multiply to each other{where}. {line}",
            "console-parallel": "The model or the processes do not divide by the tensor parallelism{where}. {line}",
            "console-inexact": "A batch size is no multiple of what it is to be divided into{where}. {line}",
            "console-whitening": "The batch is too small to normalise advantages over it{where}. {line}",
            "console-reshape": "The answers of a batch do not form whole groups{where}. {line}",
        },
        why="The config class refuses it: training does not start.",
        wrong_if="training is launched with another number of processes",
        causes={
            "arithmetic": "One of the sizes was changed without the others.",
            "processes": "It works out with another number of processes.",
            "console-completions": (
                "Since TRL 0.16 a batch counts answers, not prompts: processes x per-device batch x "
                "accumulation must be a multiple of num_generations."
            ),
            "console-processes": (
                "The number of processes is another than the sizes were chosen for (one GPU is kept for vLLM)."
            ),
            "console-two-places": "The sizes stand in two places, and differ.",
        },
        fixes={
            "set": "Set {edits}",
            "console-generations": "Use {new} generations for each prompt, which divides the batch",
            "console-batch": "Use a batch of {new} on each device, a multiple of the generations for each prompt",
            "console-multiply": (
                "Choose per_device_train_batch_size x gradient_accumulation_steps x processes as a "
                "multiple of num_generations"
            ),
            "console-auto": 'Set the three batch sizes of the DeepSpeed config to "auto"',
            "console-parallel": (
                "Choose a tensor parallelism that divides the attention heads and the number of processes"
            ),
        },
        about="""Does the arithmetic that TRL's config classes do before training.

GRPO and RLOO generate per_device_train_batch_size x processes x steps_per_generation answers at once (steps_per_generation is
gradient_accumulation_steps unless it is set), which have to be whole groups of num_generations; the same holds for an
evaluation step. PPO's rollout has to be whole mini-batches of whole device batches.

An error where no number of processes up to 16 makes it work out, a warning where one does.

Reads the console for TRL's, DeepSpeed's, vLLM's and verl's refusals of batch sizes.

Sources: huggingface/open-r1#249, huggingface/trl#2876; grpo_config.py of TRL 1.16.""",
    ),
    "zh": Words(
        title="批次无法整除",
        summary={
            "generations": "每次生成 {batch} 个回答（{processes} 个进程），不是 num_generations={group} 的整数倍。",
            "generation-batch": "generation_batch_size={batch} 不是每个设备步 {per_step} 个回答的整数倍（{processes} 个进程）。",
            "evaluation": "评估每步有 {evaluated} 个回答（{processes} 个进程），不是每个提示 {eval_group} 个回答的整数倍。",
            "mini-batches": "num_mini_batches={parts} 不能把一次 rollout 的 {rows} 行分成完整的设备批次。",
            "console-generations": "批量不是每个提示生成数的整数倍{where}。{line}",
            "console-world": "生成批量不是全局批量的整数倍{where}。{line}",
            "console-two": "每个提示至少需要两个回答才能计算优势{where}。{line}",
            "console-deepspeed": "DeepSpeed 的各批量参数乘积不一致{where}。{line}",
            "console-parallel": "模型或进程数不能被张量并行数整除{where}。{line}",
            "console-inexact": "批量不能被要求的份数整除{where}。{line}",
            "console-whitening": "批量太小，无法对优势做归一化{where}。{line}",
            "console-reshape": "一批回答凑不成完整的组{where}。{line}",
        },
        why="配置类会拒绝，训练无法启动。",
        wrong_if="训练以另外的进程数启动",
        causes={
            "arithmetic": "只改了其中一个数，没有相应地改其他的。",
            "processes": "换一个进程数就能整除。",
            "console-completions": "从 TRL 0.16 起批量按回答计数而不是按提示：进程数 × 每设备批量 × 累积步数必须是 num_generations 的整数倍。",
            "console-processes": "进程数与选定批量时不同（有一块 GPU 留给了 vLLM）。",
            "console-two-places": "同一数值写在两处且不一致。",
        },
        fixes={
            "set": "设置 {edits}",
            "console-generations": "每个提示用 {new} 个生成，可整除批量",
            "console-batch": "每设备批量用 {new}，是每个提示生成数的整数倍",
            "console-multiply": (
                "使 per_device_train_batch_size × gradient_accumulation_steps × 进程数为 num_generations 的整数倍"
            ),
            "console-auto": '把 DeepSpeed 配置里的三个批量都设为 "auto"',
            "console-parallel": "选择能整除注意力头数与进程数的张量并行数",
        },
        about="""做 TRL 配置类在训练前会做的算术。

GRPO 和 RLOO 每次生成 per_device_train_batch_size × 进程数 × steps_per_generation 个回答（未设置 steps_per_generation 时取
gradient_accumulation_steps），必须恰好是若干个 num_generations 组；评估步同理。PPO 的一次 rollout 必须能分成由完整设备批次
组成的 mini-batch。

16 个以内的任何进程数都不能整除时为错误，有某个进程数可以时为警告。

在控制台里查找 TRL、DeepSpeed、vLLM 与 verl 拒绝批量设置的报错。

来源：huggingface/open-r1#249、huggingface/trl#2876；TRL 1.16 的 grpo_config.py。""",
    ),
}
