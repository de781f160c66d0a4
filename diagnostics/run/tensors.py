"""What a safetensors file holds, read from the file itself without a model: its layout, whether its numbers are finite.

The format: header length (uint64, little-endian), header as JSON with `dtype`, `shape` and `data_offsets` of each tensor,
then the data. Source: the format's README (huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from diagnostics.run.refusal import BadValue

# A safetensors header is JSON of a few hundred bytes per tensor; the format itself allows no more than this.
LONGEST_HEADER = 100_000_000
# A Git-LFS pointer is a text of three lines that stands where the file should be (git-lfs, docs/spec.md).
POINTER = b"version https://git-lfs.github.com/spec/"
# Bytes of a value by dtype, for those that fill whole bytes.
WIDTHS = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "F8_E5M2": 1, "F8_E4M3": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
# Of every tensor so many bytes are looked at first: NaN spreads over a whole tensor, so its start tells nearly always.
START = 64 << 10
# So many numbers at a time: a checkpoint of any size is read with little memory.
CHUNK = 4 << 20


def all_exponent(mask: int) -> Callable[[np.ndarray], np.ndarray]:
    """For formats that numpy lacks: a number whose exponent bits are all set is infinite or NaN."""
    return lambda raw: (raw & mask) != mask


# How each dtype is read, and which of its values are finite. Whole numbers always are.
READ: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "F64": ("<f8", np.isfinite),
    "F32": ("<f4", np.isfinite),
    "F16": ("<f2", np.isfinite),
    "BF16": ("<u2", all_exponent(0x7F80)),
    "F8_E5M2": ("u1", all_exponent(0x7C)),
    # E4M3 has no infinity; NaN is all bits set but the sign.
    "F8_E4M3": ("u1", all_exponent(0x7F)),
}


@dataclass(frozen=True)
class Tensor:
    """Where a tensor stands in the data of its file, in bytes from the end of the header."""

    name: str
    dtype: str
    begin: int
    end: int
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.end - self.begin

    @property
    def fits(self) -> bool:
        """Whether its bytes are as many as its shape needs; true where the dtype is not known."""
        return self.dtype not in WIDTHS or self.size == math.prod(self.shape) * WIDTHS[self.dtype]


@dataclass(frozen=True)
class Layout:
    """A safetensors file by its header: its real size, where its data begin, its tensors in the order of their data."""

    size: int
    data: int
    tensors: tuple[Tensor, ...]

    @property
    def expected(self) -> int:
        """How long the file should be."""
        return self.data + max((one.end for one in self.tensors), default=0)


def layout_of(path: Path) -> Layout:
    """Read the header of a file.

    Raises:
        ValueError: it is no safetensors file, or its header is broken off.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else LONGEST_HEADER + 1
        if length > LONGEST_HEADER:
            raise BadValue(
                f"{path}: is no safetensors file ({size} bytes without a header).",
                f"{path}：不是 safetensors 文件（{size} 字节，没有文件头）。",
            )
        try:
            header = json.loads(file.read(length))
            tensors = [
                Tensor(
                    name,
                    str(one["dtype"]),
                    int(one["data_offsets"][0]),
                    int(one["data_offsets"][1]),
                    tuple(int(side) for side in one["shape"]),
                )
                for name, one in header.items()
                if name != "__metadata__"
            ]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise BadValue(
                f"{path}: its header is broken off or damaged ({size} bytes in all).",
                f"{path}：文件头被截断或损坏（共 {size} 字节）。",
            ) from error
    return Layout(size, 8 + length, tuple(sorted(tensors, key=lambda one: one.begin)))


def not_finite(path: Path) -> str | None:
    """The name of the first tensor of a file that holds a NaN or an infinity; None if all numbers are finite.

    Raises:
        ValueError: the file is cut off, or is no safetensors file.
        OSError: it cannot be read.
    """
    layout = layout_of(path)
    for one in layout.tensors:
        if layout.data + one.end > layout.size:
            raise BadValue(
                f"{path}: is cut off within {one.name} ({layout.size} bytes in all).",
                f"{path}：在 {one.name} 处被截断（共 {layout.size} 字节）。",
            )
        if one.dtype in READ and not finite(path, layout.data + one.begin, one.end - one.begin, one.dtype):
            return one.name
    return None


def finite(path: Path, offset: int, size: int, kind: str) -> bool:
    """Whether all numbers of a stretch of a file are finite."""
    number, check = READ[kind]
    width = np.dtype(number).itemsize
    with path.open("rb") as file:
        file.seek(offset)
        for start in range(0, size // width, CHUNK):
            values = np.fromfile(file, dtype=number, count=min(CHUNK, size // width - start))
            if not check(values).all():
                return False
    return True


Wrong = Literal["empty", "pointer", "header", "cut", "trailing"]


@dataclass(frozen=True)
class Weights:
    """A safetensors file as it lies on disk: size in bytes, time of change in ns, its layout, and what is wrong with it.

    `wrong`: `empty` (no byte), `pointer` (Git-LFS's text instead of the file), `header` (broken off, or at odds with
    itself), `cut` (shorter than its header says), `trailing` (longer). `expected`: how long it should be, None if the
    file does not tell.
    """

    path: Path
    size: int
    changed: int
    layout: Layout | None
    wrong: Wrong | None = None
    expected: int | None = None


def weights_of(path: Path) -> Weights:
    """A safetensors file by its header, read once for each state of the file.

    Raises:
        OSError: it cannot be read.
    """
    stat = path.stat()
    return _weights(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _weights(path: Path, size: int, changed: int) -> Weights:
    if size == 0:
        return Weights(path, size, changed, None, "empty")
    with path.open("rb") as file:
        start = file.read(1024)
    if start.startswith(POINTER):
        return Weights(path, size, changed, None, "pointer", pointed_size(start))
    try:
        layout = layout_of(path)
    except ValueError:
        return Weights(path, size, changed, None, "header")
    wrong: Wrong | None = None
    if not all(one.fits for one in layout.tensors):
        wrong = "header"
    elif size != layout.expected:
        wrong = "cut" if size < layout.expected else "trailing"
    return Weights(path, size, changed, layout, wrong, layout.expected)


def pointed_size(pointer: bytes) -> int | None:
    """The bytes of the file that a Git-LFS pointer stands for."""
    for line in pointer.splitlines():
        if line.startswith(b"size ") and line[5:].strip().isdigit():
            return int(line[5:])
    return None


@dataclass(frozen=True)
class Unsound:
    """A tensor that holds numbers that are not finite: how many of those looked at, of how many in all."""

    name: str
    count: int
    looked: int
    total: int


@dataclass(frozen=True)
class Looked:
    """What a look through a file found, and how many of its bytes of numbers it saw."""

    unsound: tuple[Unsound, ...]
    seen: int
    total: int


def look_through(weights: Weights, budget: int) -> Looked:
    """Look for numbers that are not finite: at the start of every tensor, then at whole tensors for `budget` bytes.

    Raises:
        OSError: the file cannot be read.
    """
    return _look_through(weights, budget)


@lru_cache(maxsize=512)
def _look_through(weights: Weights, budget: int) -> Looked:
    assert weights.layout is not None
    floats = [one for one in weights.layout.tensors if one.dtype in READ and one.size]
    seen: dict[str, tuple[int, int]] = {}  # by name: not finite, looked at
    with weights.path.open("rb") as file:
        for one in floats:
            seen[one.name] = counted(file, weights.layout.data, one, START)
        spent = sum(min(START, one.size) for one in floats)
        # Where the start is not finite the whole is counted first: that is what is told.
        for one in sorted(floats, key=lambda one: seen[one.name][0] == 0):
            if one.size > START and spent + one.size <= budget:
                seen[one.name] = counted(file, weights.layout.data, one, one.size)
                spent += one.size
    found = tuple(
        Unsound(one.name, seen[one.name][0], seen[one.name][1], one.size // WIDTHS[one.dtype])
        for one in floats
        if seen[one.name][0]
    )
    looked = sum(seen[one.name][1] * WIDTHS[one.dtype] for one in floats)
    return Looked(found, looked, sum(one.size for one in floats))


def counted(file: BinaryIO, data: int, tensor: Tensor, size: int) -> tuple[int, int]:
    """How many of the first `size` bytes of a tensor are not finite, and how many were looked at, in numbers."""
    number, check = READ[tensor.dtype]
    width = np.dtype(number).itemsize
    left = min(size, tensor.size) // width
    bad = looked = 0
    file.seek(data + tensor.begin)
    while left > 0:
        values = np.frombuffer(file.read(min(CHUNK, left) * width), dtype=number)
        if not len(values):
            break
        bad += int(len(values) - np.count_nonzero(check(values)))
        looked += len(values)
        left -= len(values)
    return bad, looked


def zero(weights: Weights, tensor: Tensor) -> bool:
    """Whether all numbers of a tensor are 0, -0.0 included.

    Raises:
        OSError: the file cannot be read.
    """
    assert weights.layout is not None
    width = WIDTHS.get(tensor.dtype, 1)
    # A float is 0 where nothing but its sign is set.
    mask = (1 << (8 * width - 1)) - 1 if tensor.dtype in READ else (1 << 8 * width) - 1
    left = tensor.size
    with weights.path.open("rb") as file:
        file.seek(weights.layout.data + tensor.begin)
        while left > 0 and (part := file.read(min(CHUNK * width, left))):
            if np.any(np.frombuffer(part, dtype=f"<u{width}") & mask):
                return False
            left -= len(part)
    return True


def same_values(one: Weights, mine: Tensor, other: Weights, theirs: Tensor) -> bool:
    """Whether two tensors of one shape hold the same numbers; bfloat16 and float16 are compared as the float32 they are.

    Ends at the first difference, so that tensors that were trained cost one chunk.

    Raises:
        OSError: a file cannot be read.
    """
    assert one.layout is not None
    assert other.layout is not None
    if mine.shape != theirs.shape:
        return False
    left = math.prod(mine.shape)
    widths = WIDTHS.get(mine.dtype), WIDTHS.get(theirs.dtype)
    if None in widths or (mine.dtype != theirs.dtype and not {mine.dtype, theirs.dtype} <= {"F32", "F16", "BF16"}):
        return False
    with one.path.open("rb") as first, other.path.open("rb") as second:
        first.seek(one.layout.data + mine.begin)
        second.seek(other.layout.data + theirs.begin)
        count = START // 4
        while left > 0:
            parts = [
                file.read(min(count, left) * WIDTHS[kind])
                for file, kind in ((first, mine.dtype), (second, theirs.dtype))
            ]
            if mine.dtype == theirs.dtype:
                same = parts[0] == parts[1]
            else:
                same = np.array_equal(as_float(parts[0], mine.dtype), as_float(parts[1], theirs.dtype))
            if not same:
                return False
            left -= count
            count = CHUNK
    return True


def as_float(data: bytes, dtype: str) -> np.ndarray:
    """Bytes of 16 or 32 bit numbers as float32, shape (n,)."""
    if dtype == "BF16":
        return (np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, dtype="<f4" if dtype == "F32" else "<f2").astype(np.float32)
