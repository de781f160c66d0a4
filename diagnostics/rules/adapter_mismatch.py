"""adapter-mismatch: the adapter does not fit its base, or is asked for twice."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "adapter-mismatch"
METHODS = None
EXPLAINS = ("run-died",)

# What is behind each kind, most likely first.
CAUSES = {
    "targets": ("names",),
    "unnamed": ("names",),
    "unsupported": ("names",),
    "twice": ("twice",),
    "head": ("names",),
    "rank": ("rank",),
    "absent": ("path",),
    "kind": ("twice",),
    "quantized": ("twice",),
    "newer": ("version",),
    "keys": ("prefix",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("targets", "unnamed", "unsupported", "head"):
        return (Fix("linear", "ask", edits(run, lora_target_modules="all-linear")),)
    if kind in ("twice", "kind"):
        return (Fix("once", "show"),)
    if kind in ("rank", "keys"):
        return (Fix("same", "show"),)
    if kind == "absent":
        return (Fix("path", "show"),)
    if kind == "newer":
        return (Fix("upgrade", "show"),)
    return (Fix("attach", "ask", edits(run, use_peft=True)),)


WORDS = {
    "en": Words(
        title="The adapter does not fit",
        summary={
            "targets": "None of the adapter's target modules is in the base model{where}. {line}",
            "unnamed": ("The adapter names no target modules, and peft has no default for this model{where}. {line}"),
            "unsupported": "The adapter is of a kind that this trainer or layer does not take{where}. {line}",
            "twice": "A model that has an adapter already was given another{where}. {line}",
            "head": "An adapter on lm_head would never be trained{where}. {line}",
            "rank": "The saved adapter has another shape than the one that loads it{where}. {line}",
            "absent": "There is no adapter where one was asked for{where}. {line}",
            "kind": "Adapters of different kinds do not go together{where}. {line}",
            "quantized": "A quantized model was to be trained without an adapter{where}. {line}",
            "newer": "The adapter was saved by a newer peft than is installed{where}. {line}",
            "keys": (
                "Weights of the adapter are missing in the checkpoint: they stay as they were "
                "initialised{where}. {line}"
            ),
        },
        why="Without a fitting adapter nothing of what was asked for is trained or loaded.",
        wrong_if="another base model was meant",
        causes={
            "names": (
                "target_modules are those of another architecture (c_attn of GPT-2, query_key_value "
                "of GPT-NeoX, q_proj of Llama)."
            ),
            "twice": (
                "The model went through get_peft_model or PeftModel.from_pretrained, and peft_config "
                "was passed as well."
            ),
            "rank": "The rank or the target modules changed since the adapter was saved.",
            "path": "The path is that of a whole model, or of the folder above the adapter.",
            "version": "adapter_config.json has fields that the installed peft does not know.",
            "prefix": "The keys were saved under another prefix, or by another wrapper.",
        },
        fixes={
            "linear": "Adapt all linear layers, whatever they are called",
            "once": (
                "Give the trainer the plain base model with peft_config, or the PeftModel without "
                "it; merge_and_unload() an adapter that is to stay"
            ),
            "same": "Use the r and target_modules that adapter_config.json beside the weights names",
            "path": "Name the folder that holds adapter_config.json",
            "upgrade": "Upgrade peft, or delete the unknown fields from adapter_config.json",
            "attach": "Train an adapter on the quantized model (peft_config=LoraConfig(...))",
        },
        about="""Reads the console for the errors of peft and of TRL's trainers about adapters: target modules that are not in the base, a
PeftModel together with peft_config, shapes of lora_A and lora_B that differ, an adapter_config.json that is missing or
newer than the installed peft.""",
    ),
    "zh": Words(
        title="适配器不匹配",
        summary={
            "targets": "底座模型里没有适配器的目标模块{where}。{line}",
            "unnamed": "适配器没有指定目标模块，而 peft 对该模型没有默认值{where}。{line}",
            "unsupported": "训练器或该层不支持这种适配器{where}。{line}",
            "twice": "已有适配器的模型又被要求添加一个{where}。{line}",
            "head": "lm_head 上的适配器不会被训练{where}。{line}",
            "rank": "保存的适配器与载入时的形状不同{where}。{line}",
            "absent": "指定的位置没有适配器{where}。{line}",
            "kind": "不同类型的适配器不能混用{where}。{line}",
            "quantized": "想直接训练量化模型而没有适配器{where}。{line}",
            "newer": "保存适配器的 peft 版本比已安装的新{where}。{line}",
            "keys": "检查点缺少适配器的部分权重：它们保持初始值{where}。{line}",
        },
        why="适配器不匹配，要求的内容就既训练不了也载入不了。",
        wrong_if="本来要用的是另一个底座模型",
        causes={
            "names": "target_modules 属于另一种架构（GPT-2 的 c_attn、GPT-NeoX 的 query_key_value、Llama 的 q_proj）。",
            "twice": "模型已经过 get_peft_model 或 PeftModel.from_pretrained，又传了 peft_config。",
            "rank": "保存之后改过秩或目标模块。",
            "path": "路径指向完整模型，或适配器的上一级目录。",
            "version": "adapter_config.json 里有已安装 peft 不认识的字段。",
            "prefix": "键名前缀不同，或由另一种包装方式保存。",
        },
        fixes={
            "linear": "适配所有线性层，无论其名称",
            "once": "把原始底座与 peft_config 交给训练器，或只给 PeftModel；要保留的适配器先 merge_and_unload()",
            "same": "使用权重旁 adapter_config.json 里的 r 与 target_modules",
            "path": "指定含有 adapter_config.json 的目录",
            "upgrade": "升级 peft，或从 adapter_config.json 删除不认识的字段",
            "attach": "在量化模型上训练适配器（peft_config=LoraConfig(...)）",
        },
        about="""在控制台里查找 peft 与 TRL 训练器关于适配器的报错：底座里没有目标模块、PeftModel 又传 peft_config、lora_A 与 lora_B 形状不同、
缺少 adapter_config.json 或其版本比已安装的 peft 新。""",
    ),
}
