"""sharded-save-empty: a checkpoint of ZeRO-3 or FSDP was saved without its weights, or in a form that nothing loads."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "sharded-save-empty"
METHODS = None
EXPLAINS = ("run-died",)

# What is behind each kind, most likely first.
CAUSES = {
    "not-gathered": ("gather",),
    "empty": ("gather",),
    "flat": ("sharded",),
    "options": ("sharded",),
    "meta": ("offloaded",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("not-gathered", "empty"):
        return (Fix("gather", "show"),)
    if kind == "flat":
        return (Fix("full", "show"),)
    if kind == "options":
        return (
            Fix("whole", "safe", edits(run, save_only_model=False)),
            Fix("full", "show"),
        )
    return (Fix("materialise", "show"),)


WORDS = {
    "en": Words(
        title="The sharded checkpoint holds no whole weights",
        summary={
            "not-gathered": "ZeRO-3 did not gather the weights to save them{where}. {line}",
            "empty": (
                "The checkpoint holds empty tensors, as ZeRO-3 leaves them where the weights were "
                "not gathered{where}. {line}"
            ),
            "flat": "The checkpoint holds flattened shards of FSDP instead of weights{where}. {line}",
            "options": "The options of saving do not go with the sharding{where}. {line}",
            "meta": "Parameters without data (on the meta device) cannot be saved{where}. {line}",
        },
        why=(
            "The files look like a checkpoint and are none: what was trained is lost unless the shards are still there."
        ),
        wrong_if="the empty tensors come from a model that is itself partitioned while it loads",
        causes={
            "gather": "stage3_gather_16bit_weights_on_model_save is not true in the DeepSpeed config.",
            "sharded": "FSDP saved SHARDED_STATE_DICT, each rank its part.",
            "offloaded": "Weights were offloaded, and not brought back before saving.",
        },
        fixes={
            "gather": (
                'Set "stage3_gather_16bit_weights_on_model_save": true; a checkpoint that has its '
                "shards is made whole by zero_to_fp32.py"
            ),
            "full": (
                "Save with fsdp_state_dict_type FULL_STATE_DICT, or merge the shards with `accelerate merge-weights`"
            ),
            "whole": "Save with the optimizer's state",
            "materialise": "Load the model without offloading before saving",
        },
        about="""Reads the console for the words of accelerate, DeepSpeed and transformers on checkpoints that were saved from a partitioned
model, and for the shapes that give them away when they are loaded: 0 elements (ZeRO-3), one long row (FSDP).

Sources: huggingface/transformers#20082, #34080, OpenRLHF#839.""",
    ),
    "zh": Words(
        title="分片保存的检查点不含完整权重",
        summary={
            "not-gathered": "ZeRO-3 保存时没有收集权重{where}。{line}",
            "empty": "检查点里是空张量：ZeRO-3 没有收集权重就保存会这样{where}。{line}",
            "flat": "检查点里是 FSDP 展平的分片而不是权重{where}。{line}",
            "options": "保存选项与分片方式不兼容{where}。{line}",
            "meta": "没有数据的参数（meta 设备）无法保存{where}。{line}",
        },
        why="文件看上去像检查点，其实不是：除非分片还在，否则训练成果丢失。",
        wrong_if="空张量来自载入时本身被分片的模型",
        causes={
            "gather": "DeepSpeed 配置里 stage3_gather_16bit_weights_on_model_save 不是 true。",
            "sharded": "FSDP 以 SHARDED_STATE_DICT 保存，每个 rank 只存一部分。",
            "offloaded": "权重被卸载，保存前没有取回。",
        },
        fixes={
            "gather": '设置 "stage3_gather_16bit_weights_on_model_save": true；分片仍在的检查点可用 zero_to_fp32.py 合并',
            "full": "以 fsdp_state_dict_type FULL_STATE_DICT 保存，或用 `accelerate merge-weights` 合并分片",
            "whole": "连同优化器状态一起保存",
            "materialise": "保存前以不卸载的方式载入模型",
        },
        about="""在控制台里查找 accelerate、DeepSpeed 与 transformers 关于从分片模型保存检查点的说明，以及载入时暴露问题的形状：0 个元素
（ZeRO-3）、一长条（FSDP）。

来源：huggingface/transformers#20082、#34080，OpenRLHF#839。""",
    ),
}
