"""Sources of answers: what can be opened, told from its files without loading a model.

A source is written as
    runs/sft/checkpoint-240             a model folder in Hugging Face format, or the folder of an adapter
    my-adapter@runs/sft/checkpoint-240  an adapter over another base than its config names
    hub:org/name                        a model or an adapter of the Hub
    http://127.0.0.1:8000/v1#name       a model behind an OpenAI-compatible endpoint
    FOLDER?quantize=4bit                the same, quantised while it is loaded (4bit or 8bit, by bitsandbytes on a GPU)
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from diagnostics.run import Run
from diagnostics.run.refusal import Refusal
from diagnostics.run.tensors import layout_of

Kind = Literal["model", "adapter", "hub", "endpoint"]
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
QUANTIZE = ("4bit", "8bit")
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# Ways of starting a LoRA adapter that rewrite the base's own weights (peft.LoraConfig.init_lora_weights).
REWRITES_BASE = ("pissa", "olora", "loftq", "corda", "eva", "lora_ga")
# Settings of peft.LoraConfig that put other layers into the base, where they stay.
REBUILDS_BASE = ("modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters")


class SourceUnusable(Refusal):
    """A source cannot answer. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Source:
    """One source of answers.

    `name`: unique within a comparison; of a checkpoint of a run `<run>/checkpoint-<step>`. `path`: a folder, a Hub name,
    or an endpoint's address. `base`: the folder or Hub name below an adapter. `model`: the name behind an endpoint.
    """

    name: str
    kind: Kind
    path: str
    base: str | None = None
    model: str | None = None
    quantize: str | None = None
    run: str | None = None
    step: int | None = None

    @property
    def folder(self) -> Path:
        """Its folder; of a Hub name or an endpoint this is no folder."""
        return Path(self.path)

    @property
    def holder(self) -> tuple[str, str | None]:
        """What a model worker must hold to answer for it: adapters that leave their base whole share that base."""
        if self.kind == "adapter" and self.base and not needs_own_base(self.folder):
            return (self.base, self.quantize)
        return (f"{self.path}@{self.base}" if self.kind == "adapter" else self.path, self.quantize)


def checkpoints_of(runs: Sequence[Run]) -> list[Source]:
    """All checkpoints of the runs, in the runs' order, by step."""
    return [checkpoint(run.name, step, path) for run in runs for step, path in run.checkpoints.items()]


def checkpoint(run: str, step: int, folder: Path) -> Source:
    """One checkpoint of a run."""
    name = f"{run}/{folder.name}"
    if (folder / ADAPTER_CONFIG).is_file():
        return Source(name, "adapter", str(folder), base=base_of(folder), run=run, step=step)
    return Source(name, "model", str(folder), run=run, step=step)


def source_of(spec: str, name: str | None = None) -> Source:
    """A source as it is written; see the top of this file. Its files are not looked at, but for an adapter's config.

    Raises:
        SourceUnusable: it is none of the forms, or there is no such folder.
    """
    spec = spec.strip()
    if not spec:
        raise SourceUnusable(
            "No model was named; expected a model, an adapter, hub:NAME or a URL#MODEL.",
            "没有指定模型；应为模型、适配器、hub:NAME 或 URL#MODEL。",
        )
    if spec.startswith(("http://", "https://")):
        address, _, model = spec.partition("#")
        if not model:
            raise SourceUnusable(
                f"{spec}: which model of the endpoint? Expected {address}#MODEL.",
                f"{spec}：端点的哪个模型？应为 {address}#MODEL。",
            )
        return Source(name or f"{model} ({address.partition('//')[2]})", "endpoint", address.rstrip("/"), model=model)
    spec, _, option = spec.partition("?")
    quantize = option.removeprefix("quantize=") if option else None
    if quantize is not None and quantize not in QUANTIZE:
        raise SourceUnusable(
            f"{spec}?{option}: expected quantize=4bit or quantize=8bit after the question mark.",
            f"{spec}?{option}：问号之后应为 quantize=4bit 或 quantize=8bit。",
        )
    if spec.startswith("hub:"):
        hub = spec.removeprefix("hub:")
        if not HUB_NAME.fullmatch(hub):
            raise SourceUnusable(
                f"{spec}: is no name of the Hub; expected hub:ORGANISATION/NAME.",
                f"{spec}：不是 Hub 上的名称；应为 hub:ORGANISATION/NAME。",
            )
        return Source(name or hub, "hub", hub, quantize=quantize)
    whole = Path(spec).expanduser()
    if not whole.is_dir() and "@" in spec:
        left, _, right = spec.rpartition("@")
        folder, base = Path(left).expanduser(), right.removeprefix("hub:")
        if not (folder / ADAPTER_CONFIG).is_file():
            raise SourceUnusable(
                f"{folder}: is no adapter ({ADAPTER_CONFIG} is not there); expected ADAPTER@BASE.",
                f"{folder}：不是适配器（没有 {ADAPTER_CONFIG}）；应为 ADAPTER@BASE。",
            )
        local = Path(base).expanduser()
        return Source(
            name or short_name(folder),
            "adapter",
            str(folder.resolve()),
            base=str(local.resolve()) if local.is_dir() else base,
            quantize=quantize,
        )
    if not whole.is_dir():
        raise SourceUnusable(
            f"{spec}: there is no such folder; expected a model, an adapter, hub:NAME or a URL#MODEL.",
            f"{spec}：没有这个文件夹；应为模型、适配器、hub:NAME 或 URL#MODEL。",
        )
    folder = whole.resolve()
    if (folder / ADAPTER_CONFIG).is_file():
        return Source(name or short_name(folder), "adapter", str(folder), base=base_of(folder), quantize=quantize)
    return Source(name or short_name(folder), "model", str(folder), quantize=quantize)


def short_name(folder: Path) -> str:
    """What a folder is called: a checkpoint goes by its run's name too."""
    folder = folder.resolve()
    return f"{folder.parent.name}/{folder.name}" if folder.name.startswith("checkpoint-") else folder.name


def named_apart(sources: Sequence[Source]) -> list[Source]:
    """The same sources under names of which no two are alike: a second `sft` becomes `sft (2)`."""
    seen: dict[str, int] = {}
    apart = []
    for one in sources:
        seen[one.name] = count = seen.get(one.name, 0) + 1
        apart.append(one if count == 1 else replace(one, name=f"{one.name} ({count})"))
    return apart


def adapter_config(folder: Path) -> dict[str, Any]:
    """An adapter's config.

    Raises:
        SourceUnusable: it is not there, or no JSON object.
    """
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceUnusable(
            f"{folder / ADAPTER_CONFIG}: cannot be read ({error}).", f"{folder / ADAPTER_CONFIG}：无法读取（{error}）。"
        ) from error
    if not isinstance(config, dict):
        raise SourceUnusable(
            f"{folder / ADAPTER_CONFIG}: expected a JSON object.", f"{folder / ADAPTER_CONFIG}：应为 JSON 对象。"
        )
    return config


def base_of(folder: Path) -> str | None:
    """The base that an adapter's config names: a folder (also one given relative to the adapter's), else a Hub name."""
    try:
        named = adapter_config(folder).get("base_model_name_or_path")
    except SourceUnusable:
        return None
    if not isinstance(named, str) or not named:
        return None
    for local in (Path(named).expanduser(), folder / named):
        if local.is_dir():
            return str(local.resolve())
    return named


def needs_own_base(folder: Path) -> bool:
    """Whether an adapter changes its base or puts layers of its own into it, so that it cannot share the base with others.

    LoRA matrices alone can be switched off. Whatever else its file holds (whole layers of `modules_to_save`, an embedding
    saved beside the matrices, biases, trained tokens) stays in the base, and would speak from its other adapters too.

    Raises:
        SourceUnusable: its config cannot be read.
    """
    config = adapter_config(folder)
    start = config.get("init_lora_weights")
    return (
        config.get("peft_type") != "LORA"
        or config.get("bias", "none") != "none"
        or (isinstance(start, str) and start.lower().startswith(REWRITES_BASE))
        or any(config.get(name) for name in REBUILDS_BASE)
        or not all(".lora_" in name for name in tensor_names(folder / ADAPTER_WEIGHTS))
    )


def tensor_names(path: Path) -> list[str]:
    """The names of a file's tensors; none if it is not there or broken, which `check_usable` says."""
    try:
        return [one.name for one in layout_of(path).tensors]
    except (ValueError, OSError):
        return []


def mixes(folder: Path) -> bool:
    """Whether an adapter may stand in one batch with others: LoRA without DoRA (peft 0.21, lora/layer.py).

    Raises:
        SourceUnusable: its config cannot be read.
    """
    return not needs_own_base(folder) and not adapter_config(folder).get("use_dora")


def check_usable(source: Source) -> None:
    """Make sure, from the files alone, that a local source is whole: config, tokenizer, weights of the full length.

    Raises:
        SourceUnusable: something is missing or broken off.
    """
    if source.kind in ("endpoint", "hub"):
        return
    if source.kind == "model":
        check_model(source.folder)
        return
    check_adapter(source)


def check_model(folder: Path, tokenizer: bool = True) -> None:
    """A full model's folder.

    Raises:
        SourceUnusable: see `check_usable`.
    """
    if not folder.is_dir():
        raise SourceUnusable(f"{folder}: there is no such checkpoint folder.", f"{folder}：没有这个检查点文件夹。")
    if not (folder / "config.json").is_file():
        raise SourceUnusable(
            f"{folder}: has no config.json; expected a model in Hugging Face format.",
            f"{folder}：没有 config.json；应为 Hugging Face 格式的模型。",
        )
    if tokenizer and not has_tokenizer(folder):
        raise SourceUnusable(
            f"{folder}: has no tokenizer; expected {TOKENIZER_FILES[0]} beside the weights.",
            f"{folder}：没有分词器；权重旁应有 {TOKENIZER_FILES[0]}。",
        )
    weights = weight_files(folder)
    if not weights:
        pickled = [path.name for path in folder.glob("*.bin") if path.name.startswith("pytorch_model")]
        why, why_zh = "no weights; expected safetensors", "没有权重；应为 safetensors"
        if pickled:
            why = (
                f"only pickled weights ({pickled[0]}), which could run code when opened; expected safetensors: "
                f"python -m diagnostics convert {folder}"
            )
            why_zh = (
                f"只有 pickle 格式的权重（{pickled[0]}），打开时可能运行代码；应为 safetensors："
                f"python -m diagnostics convert {folder}"
            )
        raise SourceUnusable(f"{folder}: holds {why}.", f"{folder}：{why_zh}。")
    for path in weights:
        check_whole(path)
    check_shards(folder)


def check_adapter(source: Source) -> None:
    """An adapter's folder, and its base's.

    Raises:
        SourceUnusable: see `check_usable`.
    """
    folder = source.folder
    config = adapter_config(folder)
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        why, how, why_zh, how_zh = "no weights", "", "没有权重", ""
        if pickled:
            why = "only pickled weights (adapter_model.bin), which could run code when opened"
            why_zh = "只有 pickle 格式的权重（adapter_model.bin），打开时可能运行代码"
            how = f"; python -m diagnostics convert {folder}"
            how_zh = f"；python -m diagnostics convert {folder}"
        raise SourceUnusable(
            f"{folder}: the adapter holds {why}; expected {ADAPTER_WEIGHTS}{how}.",
            f"{folder}：适配器{why_zh}；应为 {ADAPTER_WEIGHTS}{how_zh}。",
        )
    check_whole(weights)
    named = config.get("base_model_name_or_path")
    if source.base is None:
        raise SourceUnusable(
            f"{folder}: the adapter's config names no base model; write it as {folder}@BASE.",
            f"{folder}：适配器的配置没有写明基础模型；请写成 {folder}@BASE。",
        )
    if not Path(source.base).is_dir():
        if Path(source.base).is_absolute() or not HUB_NAME.fullmatch(source.base):
            raise SourceUnusable(
                f"{folder}: its base model {named} is not here; write the adapter as {folder}@BASE with a folder or hub:NAME.",
                f"{folder}：它的基础模型 {named} 不在这里；请把适配器写成 {folder}@BASE，BASE 为文件夹或 hub:NAME。",
            )
        return
    check_model(Path(source.base), tokenizer=not has_tokenizer(folder))


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer."""
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a full model, in order; an adapter's or an optimizer's beside them are none of them."""
    return sorted(
        path for path in folder.glob("*.safetensors") if not path.name.startswith(("adapter_", "optimizer", "training"))
    )


def check_shards(folder: Path) -> None:
    """Make sure that all files that the index of a sharded model names are there.

    Raises:
        SourceUnusable: one is not, or the index is no index.
    """
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    try:
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise SourceUnusable(
            f"{index}: is no index of weights ({type(error).__name__}).",
            f"{index}：不是权重的索引（{type(error).__name__}）。",
        ) from error
    missing = sorted(str(one) for one in named if not (folder / str(one)).is_file())
    if missing:
        raise SourceUnusable(
            f"{folder}: {missing[0]} is missing; {index.name} names {len(named)} files of weights.",
            f"{folder}：缺少 {missing[0]}；{index.name} 列出了 {len(named)} 个权重文件。",
        )


def check_whole(path: Path) -> None:
    """Make sure that a safetensors file is as long as its header says.

    Raises:
        SourceUnusable: it is cut off, or is no safetensors file.
    """
    try:
        layout = layout_of(path)
    except (ValueError, OSError) as error:
        raise SourceUnusable.of(error) from error
    if layout.size != layout.expected:
        raise SourceUnusable(
            f"{path}: is {layout.size:,} bytes long, its header says {layout.expected:,}: the file is cut off.",
            f"{path}：长 {layout.size:,} 字节，而文件头写的是 {layout.expected:,}：文件被截断了。",
        )


def weight_bytes(source: Source) -> int:
    """The bytes of weights that must be in memory to answer for a local source, its base included.

    As stored; 4 and 8 bit are counted as a quarter and a half of 16 bit weights.
    """
    folder = Path(source.base or source.path) if source.kind == "adapter" else source.folder
    share = {"4bit": 0.25, "8bit": 0.5}.get(source.quantize or "", 1.0)
    size = sum(path.stat().st_size for path in weight_files(folder)) * share if folder.is_dir() else 0
    adapter = source.folder / ADAPTER_WEIGHTS
    return int(size) + (adapter.stat().st_size if source.kind == "adapter" and adapter.is_file() else 0)
