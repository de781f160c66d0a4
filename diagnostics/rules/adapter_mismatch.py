"""adapter-mismatch: an adapter's weights do not fit its own config, or the base model that it names."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.checkpoints import label, settled
from diagnostics.finding import Finding, Fix, TableEvidence, Words
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint, base_folder, checkpoint_at
from diagnostics.run.tensors import Tensor

NAME = "adapter-mismatch"
METHODS = None
EXPLAINS = ("run-died",)

SHOWN = 8
PREFIX = "base_model.model."
# Settings of peft.LoraConfig under which a matrix has not the plain rank.
OTHER_RANKS = ("target_parameters", "layer_replication")
Row = tuple[str, str, str]


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "targets": ("console-names",),
    "unnamed": ("console-names",),
    "unsupported": ("console-names",),
    "twice": ("console-twice",),
    "head": ("console-names",),
    "rank": ("console-rank",),
    "absent": ("console-path",),
    "kind": ("console-twice",),
    "quantized": ("console-twice",),
    "newer": ("console-version",),
    "keys": ("console-prefix",),
}


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("targets", "unnamed", "unsupported", "head"):
        return (Fix("console-linear", "ask", run_edits(run, lora_target_modules="all-linear")),)
    if kind in ("twice", "kind"):
        return (Fix("console-once", "show"),)
    if kind in ("rank", "keys"):
        return (Fix("console-same", "show"),)
    if kind == "absent":
        return (Fix("console-path", "show"),)
    if kind == "newer":
        return (Fix("console-upgrade", "show"),)
    return (Fix("console-attach", "ask", run_edits(run, use_peft=True)),)


def check(run: Run) -> Finding | None:
    """Judge the adapters among the checkpoints."""
    return by_console(run) or by_checkpoint(run)


def by_checkpoint(run: Run) -> Finding | None:
    """Compare the newest adapter's shapes with its config, then with the base model where it is on this machine."""
    adapters = [one for one in settled(run) if one.adapter is not None]
    whole = [one for one in adapters if one.whole]
    if not whole:
        return None
    one = whole[0]
    config = one.adapter or {}
    if config.get("peft_type", "LORA") != "LORA":
        return None
    lora = {name: tensor for name, (_, tensor) in one.tensors().items() if ".lora_" in name}
    rows = wrong_ranks(config, lora)
    if rows:
        return finding(run, one, "rank", "error", 0.97, rows, r=config.get("r"))
    rows = lost_targets(config, lora)
    if rows:
        return finding(run, one, "targets", "error", 0.9, rows)
    named = config.get("base_model_name_or_path")
    base = base_folder(named, one.folder, run.path)
    if base is None:
        return gone(run, one, named)
    return against_base(run, one, base, str(named), lora)


def wrong_ranks(config: Mapping[str, Any], lora: Mapping[str, Tensor]) -> list[Row]:
    """The matrices whose rank is none that the config names."""
    patterns = config.get("rank_pattern")
    ranks = {config.get("r"), *(patterns.values() if isinstance(patterns, Mapping) else ())}
    if not isinstance(config.get("r"), int) or any(config.get(name) for name in OTHER_RANKS):
        return []
    expected = " or ".join(str(rank) for rank in sorted(rank for rank in ranks if isinstance(rank, int)))
    return [
        (name, str(list(tensor.shape)), f"rank {expected}")
        for name, tensor in lora.items()
        if (rank := rank_of(name, tensor)) is not None and rank not in ranks
    ]


def rank_of(name: str, tensor: Tensor) -> int | None:
    """The rank of a matrix of LoRA: the rows of A, the columns of B."""
    if len(tensor.shape) < 2:
        return None
    if ".lora_A" in name or ".lora_embedding_A" in name:
        return tensor.shape[0]
    return tensor.shape[1] if ".lora_B" in name or ".lora_embedding_B" in name else None


def module_of(name: str) -> str:
    """The layer of the base that a tensor of an adapter belongs to."""
    return name.removeprefix(PREFIX).partition(".lora_")[0]


def lost_targets(config: Mapping[str, Any], lora: Mapping[str, Tensor]) -> list[Row]:
    """The modules that the config targets, if the file holds matrices for not one of them."""
    targets = config.get("target_modules")
    if not isinstance(targets, list) or not targets or not lora or config.get("target_parameters"):
        return []
    modules = {module_of(name) for name in lora}
    if any(module == one or module.endswith(f".{one}") for module in modules for one in targets):
        return []
    there = ", ".join(sorted({module.rpartition(".")[2] for module in modules}))
    return [(str(one), "none", there) for one in targets]


def gone(run: Run, one: Checkpoint, named: Any) -> Finding | None:
    """That the folder of the base is not here; None if it is named as one of the Hub's, or cannot be told from one."""
    if not isinstance(named, str) or not is_path(named):
        return None
    # The path of another machine is no fault of the run's: only where it ran here is something lost.
    here = run.status.host == socket.gethostname()
    rows = [(named, "none", "base model")]
    return finding(run, one, "base-gone", "warning" if here else "info", 0.9 if here else 0.6, rows, base=named)


def is_path(name: str) -> bool:
    """Whether a model's name can only be that of a folder."""
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or "\\" in name


def against_base(run: Run, one: Checkpoint, base: Path, named: str, lora: Mapping[str, Tensor]) -> Finding | None:
    """Compare an adapter's matrices with the layers of a local base."""
    layers = {
        name: tensor
        for name, (_, tensor) in checkpoint_at(base, 0).tensors().items()
        if name.endswith(".weight") and tensor.dtype not in ("U8", "I8")  # quantised weights are packed: no shape tells
    }
    if not layers or not lora:
        return None
    unknown: list[Row] = []
    others: list[Row] = []
    for name, tensor in lora.items():
        meant = layers_of(module_of(name), layers)
        if not meant:
            unknown.append((name, str(list(tensor.shape)), "no such layer"))
        elif not any(fits(name, tensor, layer) for layer in meant):
            others.append((name, str(list(tensor.shape)), str(list(meant[0].shape))))
    if others:
        return finding(run, one, "base-other", "error", 0.95, others, base=named, of=len(lora))
    if unknown:
        grave = len(unknown) == len(lora)
        kind = "unknown-all" if grave else "unknown-some"
        return finding(run, one, kind, "error" if grave else "warning", 0.9, unknown, base=named, of=len(lora))
    return None


def layers_of(module: str, layers: Mapping[str, Tensor]) -> list[Tensor]:
    """The base's weights that a module may mean: the one of its name, else all that end alike from its layer's number on.

    Names begin otherwise in models that hold a language model beside others.
    """
    exact = layers.get(f"{module}.weight")
    if exact is not None:
        return [exact]
    ending = f".{ending_of(module)}.weight"
    return [tensor for name, tensor in layers.items() if f".{name}".endswith(ending)]


def ending_of(module: str) -> str:
    """A module's name from its layer's number on, with the word before it: `layers.0.self_attn.q_proj`."""
    parts = module.split(".")
    place = next((place for place, part in enumerate(parts) if part.isdigit()), 1)
    return ".".join(parts[max(0, place - 1) :])


def fits(name: str, tensor: Tensor, layer: Tensor) -> bool:
    """Whether a matrix has a side as long as the layer's; GPT-2's layers are stored the other way round."""
    if len(tensor.shape) != 2 or len(layer.shape) != 2:
        return True
    if ".lora_embedding_" in name:
        return True
    side = tensor.shape[1] if ".lora_A" in name else tensor.shape[0] if ".lora_B" in name else None
    return side is None or side in layer.shape


def finding(
    run: Run, one: Checkpoint, kind: str, severity: Any, confidence: float, rows: list[Row], **facts: Any
) -> Finding:
    """The finding with its table."""
    heads = {
        "rank": ("matrix", "shape", "config"),
        "targets": ("target", "matrices", "modules"),
        "base-gone": ("base", "folder", "role"),
    }
    causes = {"rank": ("mixed",), "targets": ("mixed",), "base-gone": ("moved",)}
    told = {
        "checkpoint": label(run, one),
        "count": len(rows),
        "name": rows[0][0],
        "base": "-",
        "of": len(rows),
        "r": "-",
    }
    return Finding(
        rule=NAME,
        severity=severity,
        confidence=confidence,
        first_step=one.step,
        last_step=one.step,
        facts={"kind": f"file-{kind}", **told, "shape": rows[0][1], "expected": rows[0][2], **facts},
        evidence=(TableEvidence(label(run, one), heads.get(kind, ("matrix", "shape", "base")), tuple(rows[:SHOWN])),),
        causes=causes.get(kind, ("other-base", "moved")),
        fixes=(Fix("whole" if kind in ("rank", "targets") else "base", "show", (), {"folder": str(one.folder)}),),
    )


WORDS = {
    "en": Words(
        title="The adapter does not fit",
        summary={
            "file-rank": "{checkpoint}: adapter_config.json says r={r}; {count} matrices have another rank, {name} is {shape}.",
            "file-targets": "{checkpoint}: adapter_config.json targets {name} and others; its weights are for {expected}.",
            "file-base-gone": "{checkpoint}: its base model {base} is not on this machine.",
            "file-base-other": "{checkpoint}: {count} of {of} matrices do not fit {base}: {name} is {shape}, the layer {expected}.",
            "file-unknown-all": "{checkpoint}: not one of its {of} matrices belongs to a layer of {base} ({name}).",
            "file-unknown-some": "{checkpoint}: {count} of {of} matrices belong to no layer of {base}, such as {name}.",
            "console-targets": "None of the adapter's target modules is in the base model{where}. {line}",
            "console-unnamed": (
                "The adapter names no target modules, and peft has no default for this model{where}. {line}"
            ),
            "console-unsupported": "The adapter is of a kind that this trainer or layer does not take{where}. {line}",
            "console-twice": "A model that has an adapter already was given another{where}. {line}",
            "console-head": "An adapter on lm_head would never be trained{where}. {line}",
            "console-rank": "The saved adapter has another shape than the one that loads it{where}. {line}",
            "console-absent": "There is no adapter where one was asked for{where}. {line}",
            "console-kind": "Adapters of different kinds do not go together{where}. {line}",
            "console-quantized": "A quantized model was to be trained without an adapter{where}. {line}",
            "console-newer": "The adapter was saved by a newer peft than is installed{where}. {line}",
            "console-keys": (
                "Weights of the adapter are missing in the checkpoint: they stay as they were "
                "initialised{where}. {line}"
            ),
        },
        why="Loaded, it fails with a size mismatch, or its matrices are passed over and the base speaks alone.",
        wrong_if="the base is brought to the layers' names or sizes by code of its own before the adapter is loaded",
        causes={
            "mixed": "Config and weights are of two trainings: a folder that was written twice, files copied one by one.",
            "moved": "The base model was moved, renamed, or lies on another machine.",
            "other-base": "The adapter was trained over another base, or the base was replaced under the same name.",
            "console-names": (
                "target_modules are those of another architecture (c_attn of GPT-2, query_key_value "
                "of GPT-NeoX, q_proj of Llama)."
            ),
            "console-twice": (
                "The model went through get_peft_model or PeftModel.from_pretrained, and peft_config "
                "was passed as well."
            ),
            "console-rank": "The rank or the target modules changed since the adapter was saved.",
            "console-path": "The path is that of a whole model, or of the folder above the adapter.",
            "console-version": "adapter_config.json has fields that the installed peft does not know.",
            "console-prefix": "The keys were saved under another prefix, or by another wrapper.",
        },
        fixes={
            "whole": "Take adapter_config.json and adapter_model.safetensors of {folder} from one and the same training",
            "base": "Load it over the base that it was trained from, and write that one's folder or Hub name into "
            "base_model_name_or_path in {folder}/adapter_config.json",
            "console-linear": "Adapt all linear layers, whatever they are called",
            "console-once": (
                "Give the trainer the plain base model with peft_config, or the PeftModel without "
                "it; merge_and_unload() an adapter that is to stay"
            ),
            "console-same": "Use the r and target_modules that adapter_config.json beside the weights names",
            "console-path": "Name the folder that holds adapter_config.json",
            "console-upgrade": "Upgrade peft, or delete the unknown fields from adapter_config.json",
            "console-attach": "Train an adapter on the quantized model (peft_config=LoraConfig(...))",
        },
        about="""Compares, without loading a model, the shapes in adapter_model.safetensors with r, rank_pattern and
target_modules of adapter_config.json, and with the layers of the base model where that lies on this machine.

A base that is named by a path and is not here is a note; a warning where the run was made on this machine. Only LoRA is
judged. Quantised bases are judged by their layers' names alone.

Reads the console for the errors of peft and of TRL's trainers about adapters: target modules that are not in the base, a
PeftModel together with peft_config, shapes of lora_A and lora_B that differ, an adapter_config.json that is missing or
newer than the installed peft.""",
    ),
    "zh": Words(
        title="适配器对不上",
        summary={
            "file-rank": "{checkpoint}：adapter_config.json 写着 r={r}，而有 {count} 个矩阵的秩不同，例如 {name} 是 {shape}。",
            "file-targets": "{checkpoint}：adapter_config.json 的目标模块是 {name} 等，而权重属于 {expected}。",
            "file-base-gone": "{checkpoint}：它的底座模型 {base} 不在这台机器上。",
            "file-base-other": "{checkpoint}：{of} 个矩阵中有 {count} 个与 {base} 对不上：{name} 是 {shape}，而该层是 {expected}。",
            "file-unknown-all": "{checkpoint}：{of} 个矩阵没有一个属于 {base} 的某一层（{name}）。",
            "file-unknown-some": "{checkpoint}：{of} 个矩阵中有 {count} 个不属于 {base} 的任何层，例如 {name}。",
            "console-targets": "底座模型里没有适配器的目标模块{where}。{line}",
            "console-unnamed": "适配器没有指定目标模块，而 peft 对该模型没有默认值{where}。{line}",
            "console-unsupported": "训练器或该层不支持这种适配器{where}。{line}",
            "console-twice": "已有适配器的模型又被要求添加一个{where}。{line}",
            "console-head": "lm_head 上的适配器不会被训练{where}。{line}",
            "console-rank": "保存的适配器与载入时的形状不同{where}。{line}",
            "console-absent": "指定的位置没有适配器{where}。{line}",
            "console-kind": "不同类型的适配器不能混用{where}。{line}",
            "console-quantized": "想直接训练量化模型而没有适配器{where}。{line}",
            "console-newer": "保存适配器的 peft 版本比已安装的新{where}。{line}",
            "console-keys": "检查点缺少适配器的部分权重：它们保持初始值{where}。{line}",
        },
        why="载入时会报 size mismatch，或者这些矩阵被忽略，只剩底座在回答。",
        wrong_if="载入适配器之前，另有代码把底座的层名或大小改成一致",
        causes={
            "mixed": "配置与权重来自两次训练：文件夹被写了两次，或文件是逐个复制的。",
            "moved": "底座模型被移动、改名，或在另一台机器上。",
            "other-base": "适配器是在另一个底座上训练的，或同名的底座被换掉了。",
            "console-names": "target_modules 属于另一种架构（GPT-2 的 c_attn、GPT-NeoX 的 query_key_value、Llama 的 q_proj）。",
            "console-twice": "模型已经过 get_peft_model 或 PeftModel.from_pretrained，又传了 peft_config。",
            "console-rank": "保存之后改过秩或目标模块。",
            "console-path": "路径指向完整模型，或适配器的上一级目录。",
            "console-version": "adapter_config.json 里有已安装 peft 不认识的字段。",
            "console-prefix": "键名前缀不同，或由另一种包装方式保存。",
        },
        fixes={
            "whole": "{folder} 里的 adapter_config.json 与 adapter_model.safetensors 要取自同一次训练",
            "base": "用训练时的底座载入，并把它的文件夹或 Hub 名写进 {folder}/adapter_config.json 的 base_model_name_or_path",
            "console-linear": "适配所有线性层，无论其名称",
            "console-once": "把原始底座与 peft_config 交给训练器，或只给 PeftModel；要保留的适配器先 merge_and_unload()",
            "console-same": "使用权重旁 adapter_config.json 里的 r 与 target_modules",
            "console-path": "指定含有 adapter_config.json 的目录",
            "console-upgrade": "升级 peft，或从 adapter_config.json 删除不认识的字段",
            "console-attach": "在量化模型上训练适配器（peft_config=LoraConfig(...)）",
        },
        about="""不载入模型，把 adapter_model.safetensors 里的形状与 adapter_config.json 的 r、rank_pattern、target_modules 比较；
如果底座就在这台机器上，再与底座各层比较。

以路径指定而本机没有的底座只作提示；如果训练就是在本机进行的，则为警告。只判断 LoRA。量化的底座只按层名判断。

在控制台里查找 peft 与 TRL 训练器关于适配器的报错：底座里没有目标模块、PeftModel 又传 peft_config、lora_A 与 lora_B 形状不同、
缺少 adapter_config.json 或其版本比已安装的 peft 新。""",
    ),
}
