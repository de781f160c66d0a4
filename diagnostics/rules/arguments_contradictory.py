"""arguments-contradictory: arguments that exclude each other, or that the rest of the run does not go with."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "arguments-contradictory"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "parallel": ("launch",),
    "device-map": ("mapped",),
    "no-evaluation-data": ("missing",),
    "best-model": ("missing",),
    "weights": ("missing",),
    "length": ("missing",),
    "labels": ("missing",),
    "loss-type": ("missing",),
    "*": ("twice",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES.get(cause.kind, CAUSES["*"]), fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "parallel":
        return (Fix("launch", "show"),)
    if kind == "same-model":
        return (Fix("reference", "show"),)
    if kind == "no-evaluation-data":
        return (Fix("evaluate", "ask", edits(run, eval_strategy="no")),)
    if kind == "best-model":
        return (Fix("best", "ask", edits(run, load_best_model_at_end=False)),)
    if kind == "batch-finder":
        return (Fix("finder", "safe", edits(run, auto_find_batch_size=False)),)
    if kind == "device-map":
        return (Fix("device", "show"),)
    if kind == "reference-sync":
        return (Fix("sync", "ask", edits(run, sync_ref_model=False)),)
    if kind == "padding-free":
        return (Fix("padding", "safe", edits(run, padding_free=False)),)
    return (Fix("one", "show"),)


WORDS = {
    "en": Words(
        title="The arguments contradict each other",
        summary={
            "parallel": (
                "Several GPUs in one process (DataParallel), which the trainer does not support{where}. {line}"
            ),
            "quantized-twice": "The quantisation was asked for in two places{where}. {line}",
            "instantiated": (
                "Arguments of loading were given together with a model that is loaded already{where}. {line}"
            ),
            "same-model": "The model was given as its own reference{where}. {line}",
            "weights": "There are not as many weights or processors as reward functions{where}. {line}",
            "sharding-twice": "The ways of sharding exclude each other or the launcher{where}. {line}",
            "batch-finder": (
                "The batch size cannot be searched for in this set-up (auto_find_batch_size){where}. {line}"
            ),
            "batches-twice": "generation_batch_size and steps_per_generation were both set{where}. {line}",
            "deepspeed": "The DeepSpeed config says other than the trainer's arguments{where}. {line}",
            "device-map": "The model's parts lie on other devices than training uses{where}. {line}",
            "no-evaluation-data": "An evaluation was asked for without data for it{where}. {line}",
            "best-model": (
                "The best checkpoint cannot be told: saving, evaluation and metric do not go together{where}. {line}"
            ),
            "padding-free": "Training without padding does not go with the other options{where}. {line}",
            "formatting": ("A formatting function makes plain text, of which no completion can be told{where}. {line}"),
            "reference-sync": (
                "There is no reference model of its own that could be brought up to date{where}. {line}"
            ),
            "checkpointing-twice": "Activation checkpointing was asked for in two places{where}. {line}",
            "length": "The data have no length, and max_steps is not set{where}. {line}",
            "labels": "A reward model needs exactly one output{where}. {line}",
            "loss-type": "There is no such loss{where}. {line}",
            "refused": "A config or a trainer refused its arguments{where}. {line}",
        },
        why="The run ends before its first step.",
        wrong_if="the arguments come from a config file that another part of the program reads",
        causes={
            "launch": "The script was started with plain python on a machine with several GPUs.",
            "twice": "The same thing is set in two places.",
            "missing": "One of two arguments that belong together is missing.",
            "mapped": "The model was loaded with device_map='auto', which spreads it over all GPUs.",
        },
        fixes={
            "launch": "Start with `accelerate launch`, or show one GPU only (CUDA_VISIBLE_DEVICES=0)",
            "reference": "Leave out ref_model: the trainer makes its own",
            "evaluate": "Do not evaluate",
            "best": "Do not load the best checkpoint at the end",
            "finder": "Do not search for the batch size",
            "device": ("Load each process's model onto its own GPU: device_map=PartialState().local_process_index"),
            "sync": "Do not bring the reference up to date",
            "padding": "Train with padding",
            "one": "Keep the one of the two settings that is meant, as the message names them",
        },
        about="""After a crash, reads the console for the refusals of TRL's, transformers' and accelerate's configs and trainers.

A ValueError that a config or a trainer raised while it was made, and that is not in the table of known sentences, is said
with a confidence of 0.5.""",
    ),
    "zh": Words(
        title="参数相互矛盾",
        summary={
            "parallel": "单进程使用多块 GPU（DataParallel），训练器不支持{where}。{line}",
            "quantized-twice": "在两处要求了量化{where}。{line}",
            "instantiated": "模型已经载入，却又给了载入参数{where}。{line}",
            "same-model": "把模型本身当作参考模型{where}。{line}",
            "weights": "权重或处理器的个数与奖励函数不同{where}。{line}",
            "sharding-twice": "分片方式之间或与启动方式冲突{where}。{line}",
            "batch-finder": "这种设置下不能自动寻找批量（auto_find_batch_size）{where}。{line}",
            "batches-twice": "同时设置了 generation_batch_size 与 steps_per_generation{where}。{line}",
            "deepspeed": "DeepSpeed 配置与训练参数不一致{where}。{line}",
            "device-map": "模型各部分所在设备与训练使用的不同{where}。{line}",
            "no-evaluation-data": "要求评估却没有评估数据{where}。{line}",
            "best-model": "无法确定最佳检查点：保存、评估与指标设置不匹配{where}。{line}",
            "padding-free": "无填充训练与其他选项冲突{where}。{line}",
            "formatting": "格式化函数生成纯文本，无法区分回答部分{where}。{line}",
            "reference-sync": "没有可同步的独立参考模型{where}。{line}",
            "checkpointing-twice": "在两处要求了激活检查点{where}。{line}",
            "length": "数据没有长度，又没有设置 max_steps{where}。{line}",
            "labels": "奖励模型必须只有一个输出{where}。{line}",
            "loss-type": "没有这种损失{where}。{line}",
            "refused": "配置或训练器拒绝了参数{where}。{line}",
        },
        why="训练在第一步之前就结束。",
        wrong_if="这些参数来自程序其他部分读取的配置文件",
        causes={
            "launch": "在多 GPU 机器上直接用 python 启动脚本。",
            "twice": "同一件事在两处设置。",
            "missing": "两个配套的参数缺了一个。",
            "mapped": "以 device_map='auto' 载入的模型会分布到所有 GPU。",
        },
        fixes={
            "launch": "用 `accelerate launch` 启动，或只暴露一块 GPU（CUDA_VISIBLE_DEVICES=0）",
            "reference": "去掉 ref_model：训练器会自己创建",
            "evaluate": "不做评估",
            "best": "结束时不载入最佳检查点",
            "finder": "不自动寻找批量",
            "device": "让每个进程把模型载入自己的 GPU：device_map=PartialState().local_process_index",
            "sync": "不同步参考模型",
            "padding": "使用填充训练",
            "one": "按报错所指，只保留要用的那一项设置",
        },
        about="""崩溃之后，在控制台里查找 TRL、transformers 与 accelerate 的配置和训练器拒绝参数的报错。

配置或训练器在创建时抛出、又不在已知句子表里的 ValueError，以 0.5 的置信度报告。""",
    ),
}
