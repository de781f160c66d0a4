"""What a safetensors file holds, read from the file itself without a model: its layout, whether its numbers are finite.

The format: header length (uint64, little-endian), header as JSON with `dtype`, `shape` and `data_offsets` of each tensor,
then the data. Source: the format's README (huggingface/safetensors).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# A safetensors header is JSON of a few hundred bytes per tensor; the format itself allows no more than this.
LONGEST_HEADER = 100_000_000
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
            raise ValueError(f"{path}: is no safetensors file ({size} bytes without a header).")
        try:
            header = json.loads(file.read(length))
            tensors = [
                Tensor(name, str(one["dtype"]), int(one["data_offsets"][0]), int(one["data_offsets"][1]))
                for name, one in header.items()
                if name != "__metadata__"
            ]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}: its header is broken off or damaged ({size} bytes in all).") from error
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
            raise ValueError(f"{path}: is cut off within {one.name} ({layout.size} bytes in all).")
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
