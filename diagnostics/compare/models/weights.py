"""How far training moved a checkpoint's weights from its base's, read from the files without a model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diagnostics.compare.models.sources import ADAPTER_WEIGHTS, Source, SourceUnusable, adapter_config, weight_files
from diagnostics.run.tensors import CHUNK, Tensor, layout_of

LORA = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<side>A|B)(?:\.\w+)?\.weight")


@dataclass(frozen=True)
class WeightChange:
    """The change of the weights against the base's.

    `relative`: the Frobenius norm of all changes over that of all base weights they are compared with. `changed` of
    `compared` tensors differ; `unmatched`: tensors that only one side has, or whose shapes differ. `largest`: the
    tensor that moved most, relative to its own norm.
    """

    relative: float
    changed: int
    compared: int
    unmatched: int
    largest: tuple[str, float] | None


def weight_change(source: Source, base: Source) -> WeightChange | None:
    """The change of a source's weights against a base model's; None if one of them has no files here or is packed.

    Raises:
        SourceUnusable: the files are damaged.
        OSError: they cannot be read.
    """
    if base.kind != "model" or source.kind not in ("model", "adapter"):
        return None
    before = tensors_of(base.folder)
    if source.kind == "adapter":
        return adapter_change(source, before)
    return model_change(before, tensors_of(source.folder))


Place = tuple[Path, int, Tensor]


def tensors_of(folder: Path) -> dict[str, Place]:
    """Every tensor of a model's files by its name: the file, where its data begin in it, the tensor.

    Raises:
        SourceUnusable: a file is no safetensors file.
    """
    found = {}
    for path in weight_files(folder):
        try:
            layout = layout_of(path)
        except ValueError as error:
            raise SourceUnusable.of(error) from error
        found.update({one.name: (path, layout.data, one) for one in layout.tensors})
    return found


def numbers(place: Place) -> Iterator[np.ndarray]:
    """A tensor's numbers as float32, some millions at a time, flat."""
    path, data, tensor = place
    kind = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}[tensor.dtype]
    count = (tensor.end - tensor.begin) // np.dtype(kind).itemsize
    with path.open("rb") as file:
        file.seek(data + tensor.begin)
        for start in range(0, count, CHUNK):
            raw = np.fromfile(file, dtype=kind, count=min(CHUNK, count - start))
            # bfloat16 is the upper half of a float32
            yield (raw.astype(np.uint32) << 16).view(np.float32) if tensor.dtype == "BF16" else raw.astype(np.float32)


def size(place: Place) -> int:
    """How many numbers a tensor holds; 0 if they are of a kind that is not compared (packed or whole numbers)."""
    width = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}.get(place[2].dtype)
    return (place[2].end - place[2].begin) // width if width else 0


def model_change(before: dict[str, Place], after: dict[str, Place]) -> WeightChange:
    """The change between two full models."""
    both = [name for name in before if name in after and 0 < size(before[name]) == size(after[name])]
    moved: dict[str, tuple[float, float]] = {}
    for name in both:
        change = norm = 0.0
        for old, new in zip(numbers(before[name]), numbers(after[name]), strict=True):
            change += float(np.square(new - old, dtype=np.float64).sum())
            norm += float(np.square(old, dtype=np.float64).sum())
        moved[name] = (change, norm)
    return summed(moved, len((before.keys() | after.keys()) - set(both)))


def adapter_change(source: Source, before: dict[str, Place]) -> WeightChange:
    """The change that LoRA adapters make: B A times alpha / r (or alpha / sqrt(r); Hu et al. 2021, Kalajdzievski 2023).

    The norm of B A needs no large matrix: ||B A||^2 = trace((B^T B) (A A^T)).
    """
    config = adapter_config(source.folder)
    filed = lora_matrices(source.folder / ADAPTER_WEIGHTS)
    moved: dict[str, tuple[float, float]] = {}
    unmatched = 0
    for module, sides in filed.items():
        weight = next((name for name in (f"{module}.weight", module) if name in before), None)
        if weight is None or not {"A", "B"} <= sides.keys() or not size(before[weight]):
            unmatched += 1
            continue
        down, up = sides["A"], sides["B"]
        rank = down.shape[0]
        alpha = chosen(config.get("alpha_pattern"), module) or config.get("lora_alpha") or rank
        scale = float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
        norm = sum(float(np.square(part, dtype=np.float64).sum()) for part in numbers(before[weight]))
        moved[weight] = (scale**2 * float(np.trace((up.T @ up) @ (down @ down.T))), norm)
    return summed(moved, unmatched)


def lora_matrices(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """The matrices A, shape (r, in), and B, shape (out, r), of each module in an adapter's file."""
    layout = layout_of(path)
    shapes = shapes_of(path)
    found: dict[str, dict[str, np.ndarray]] = {}
    for tensor in layout.tensors:
        match = LORA.fullmatch(tensor.name)
        if match and len(shapes[tensor.name]) == 2 and size((path, layout.data, tensor)):
            flat = np.concatenate(list(numbers((path, layout.data, tensor))))
            found.setdefault(match["module"], {})[match["side"]] = flat.reshape(shapes[tensor.name]).astype(np.float64)
    return found


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, from the file's header (which `layout_of` has found to be sound)."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return {name: tuple(one["shape"]) for name, one in header.items() if name != "__metadata__"}


def chosen(pattern: object, module: str) -> float | None:
    """A module's own value in one of peft's patterns: module names or regular expressions of their ends."""
    if not isinstance(pattern, dict):
        return None
    return next((value for key, value in pattern.items() if module == key or module.endswith(f".{key}")), None)


def summed(moved: dict[str, tuple[float, float]], unmatched: int) -> WeightChange:
    """The change of all tensors together. NaN in the weights makes it NaN."""
    change, norm = (sum(column) for column in zip(*moved.values(), strict=True)) if moved else (0.0, 0.0)
    own = {name: math.sqrt(one / total) if total else math.inf for name, (one, total) in moved.items() if one != 0}
    largest = max(own.items(), key=lambda item: item[1], default=None)
    relative = math.sqrt(change / norm) if norm else (math.inf if change else 0.0)
    return WeightChange(relative, len(own), len(moved), unmatched, largest)
