"""Pickled weights to safetensors, in a process of its own: `python -m diagnostics.probes.convert FOLDER OUT`.

Opened with `weights_only`, which allows tensors and plain containers and refuses everything that could run code. Prints
one JSON object: `files` and `tensors`, or `error`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from diagnostics.run.refusal import Sentence, told_with

NOT_WEIGHTS = ("optimizer", "scheduler", "training_args", "rng_state", "scaler")
# What a model folder needs beside its weights; code is left behind.
CARRIED = ("*.json", "*.jinja", "*.model", "*.txt")


def pickled_weights(folder: Path) -> list[Path]:
    """The pickled weight files of a folder, in order."""
    found = [*folder.glob("pytorch_model*.bin"), *folder.glob("adapter_model.bin")]
    return sorted(path for path in found if not path.name.startswith(NOT_WEIGHTS))


def missing_files(folder: Path) -> list[str]:
    """The files that the index of a sharded model names and that are not there; none without an index that can be read."""
    try:
        index = json.loads((folder / "pytorch_model.bin.index.json").read_text(encoding="utf-8"))
        named = {str(one) for one in index["weight_map"].values()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return []
    return sorted(one for one in named if not (folder / one).is_file())


def convert(folder: Path, out: Path) -> dict[str, Any]:
    """Write the weights of a folder as safetensors to another, with configs and tokenizer beside them."""
    paths = pickled_weights(folder)
    if not paths:
        none = Sentence(
            f"{folder}: holds no pickled weights; expected pytorch_model*.bin or adapter_model.bin.",
            f"{folder}：没有 pickle 格式的权重；应有 pytorch_model*.bin 或 adapter_model.bin。",
        )
        return told_with(none, "error")
    missing = missing_files(folder)
    if missing:
        lacks = Sentence(
            f"{folder}: {missing[0]} is missing, which pytorch_model.bin.index.json names.",
            f"{folder}：缺少 pytorch_model.bin.index.json 列出的 {missing[0]}。",
        )
        return told_with(lacks, "error")
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        return written(folder, paths, temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def written(folder: Path, paths: list[Path], temporary: Path, out: Path) -> dict[str, Any]:
    """Convert file by file, so that one shard is in memory at a time; then put the folder in its place."""
    import pickle

    import torch
    from safetensors.torch import save_file

    names: dict[str, str] = {}
    total = 0
    for path in paths:
        try:
            held = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            more = Sentence(
                f"{path}: was refused, it holds more than tensors or is damaged ({line}).",
                f"{path}：已拒绝，其中不只有张量，或文件已损坏（{line}）。",
            )
            return told_with(more, "error")
        if not isinstance(held, dict) or not all(isinstance(one, torch.Tensor) for one in held.values()):
            return told_with(Sentence(f"{path}: expected a table of tensors.", f"{path}：应为张量的表。"), "error")
        stem = "adapter_model" if path.stem == "adapter_model" else path.stem.replace("pytorch_model", "model")
        # Tied tensors share their memory, which safetensors does not allow: each is written for itself.
        save_file(
            {name: one.clone().contiguous() for name, one in held.items()},
            temporary / f"{stem}.safetensors",
            metadata={"format": "pt"},
        )
        names |= dict.fromkeys(held, f"{stem}.safetensors")
        total += sum(one.numel() * one.element_size() for one in held.values())
    for pattern in CARRIED:
        for path in folder.glob(pattern):
            if not path.name.startswith(NOT_WEIGHTS) and ".bin." not in path.name and path.is_file():
                shutil.copy(path, temporary / path.name)
    if len(paths) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": names}
        (temporary / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    temporary.rename(out)
    return {"files": len(paths), "tensors": len(names)}


if __name__ == "__main__":
    try:
        told = convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except OSError as problem:
        why = problem.strerror or problem
        unwritten = Sentence(f"{sys.argv[2]}: cannot be written ({why}).", f"{sys.argv[2]}：无法写入（{why}）。")
        told = told_with(unwritten, "error")
    print(json.dumps(told))
