"""batch-not-divisible: the batch does not divide as the method or the processes ask."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "batch-not-divisible"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "generations": ("completions", "processes"),
    "world": ("completions", "processes"),
    "two": ("completions",),
    "deepspeed": ("two-places", "processes"),
    "parallel": ("processes",),
    "inexact": ("processes",),
    "whitening": ("processes",),
    "reshape": ("completions", "processes"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "deepspeed":
        return (Fix("auto", "show"),)
    if kind == "parallel":
        return (Fix("parallel", "show"),)
    return (Fix("multiply", "show"),)


WORDS = {
    "en": Words(
        title="The batch does not divide evenly",
        summary={
            "generations": "The batch is no multiple of the generations for each prompt{where}. {line}",
            "world": "The batch of generations is no multiple of the batch of all processes{where}. {line}",
            "two": "An advantage needs at least two answers to a prompt{where}. {line}",
            "deepspeed": "DeepSpeed's batch sizes do not multiply to each other{where}. {line}",
            "parallel": "The model or the processes do not divide by the tensor parallelism{where}. {line}",
            "inexact": "A batch size is no multiple of what it is to be divided into{where}. {line}",
            "whitening": "The batch is too small to normalise advantages over it{where}. {line}",
            "reshape": "The answers of a batch do not form whole groups{where}. {line}",
        },
        why="The run ends before its first step.",
        wrong_if="the sizes come from a launcher's config, not from the run's",
        causes={
            "completions": (
                "Since TRL 0.16 a batch counts answers, not prompts: processes x per-device batch x "
                "accumulation must be a multiple of num_generations."
            ),
            "processes": (
                "The number of processes is another than the sizes were chosen for (one GPU is kept for vLLM)."
            ),
            "two-places": "The sizes stand in two places, and differ.",
        },
        fixes={
            "generations": "Use {new} generations for each prompt, which divides the batch",
            "batch": "Use a batch of {new} on each device, a multiple of the generations for each prompt",
            "multiply": (
                "Choose per_device_train_batch_size x gradient_accumulation_steps x processes as a "
                "multiple of num_generations"
            ),
            "auto": 'Set the three batch sizes of the DeepSpeed config to "auto"',
            "parallel": ("Choose a tensor parallelism that divides the attention heads and the number of processes"),
        },
        about="""Reads the console for TRL's, DeepSpeed's, vLLM's and verl's refusals of batch sizes.

Sources: huggingface/open-r1#249, huggingface/trl#2876; grpo_config.py of TRL 1.16.""",
    ),
    "zh": Words(
        title="批量不能整除",
        summary={
            "generations": "批量不是每个提示生成数的整数倍{where}。{line}",
            "world": "生成批量不是全局批量的整数倍{where}。{line}",
            "two": "每个提示至少需要两个回答才能计算优势{where}。{line}",
            "deepspeed": "DeepSpeed 的各批量参数乘积不一致{where}。{line}",
            "parallel": "模型或进程数不能被张量并行数整除{where}。{line}",
            "inexact": "批量不能被要求的份数整除{where}。{line}",
            "whitening": "批量太小，无法对优势做归一化{where}。{line}",
            "reshape": "一批回答凑不成完整的组{where}。{line}",
        },
        why="训练在第一步之前就结束。",
        wrong_if="这些数值来自启动器的配置而不是训练配置",
        causes={
            "completions": "从 TRL 0.16 起批量按回答计数而不是按提示：进程数 × 每设备批量 × 累积步数必须是 num_generations 的整数倍。",
            "processes": "进程数与选定批量时不同（有一块 GPU 留给了 vLLM）。",
            "two-places": "同一数值写在两处且不一致。",
        },
        fixes={
            "generations": "每个提示用 {new} 个生成，可整除批量",
            "batch": "每设备批量用 {new}，是每个提示生成数的整数倍",
            "multiply": (
                "使 per_device_train_batch_size × gradient_accumulation_steps × 进程数为 num_generations 的整数倍"
            ),
            "auto": '把 DeepSpeed 配置里的三个批量都设为 "auto"',
            "parallel": "选择能整除注意力头数与进程数的张量并行数",
        },
        about="""在控制台里查找 TRL、DeepSpeed、vLLM 与 verl 拒绝批量设置的报错。

来源：huggingface/open-r1#249、huggingface/trl#2876；TRL 1.16 的 grpo_config.py。""",
    ),
}
