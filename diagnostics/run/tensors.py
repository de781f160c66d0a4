"""Whether the numbers in a safetensors file are finite, read from the file itself: no model, no torch.

The format: header length (uint64, little-endian), header as JSON with `dtype`, `shape` and `data_offsets` of each tensor,
then the data. Source: the format's README (huggingface/safetensors).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

# The format allows no header beyond this.
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


def not_finite(path: Path) -> str | None:
    """The name of the first tensor of a file that holds a NaN or an infinity; None if all numbers are finite.

    Raises:
        ValueError: the file is cut off, or is no safetensors file.
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
                (name, one["dtype"], *one["data_offsets"]) for name, one in header.items() if name != "__metadata__"
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: its header is broken off or damaged ({size} bytes in all).") from error
        for name, kind, begin, end in sorted(tensors, key=lambda one: one[2]):
            if 8 + length + end > size:
                raise ValueError(f"{path}: is cut off within {name} ({size} bytes in all).")
            if kind in READ and not finite(path, 8 + length + begin, end - begin, kind):
                return str(name)
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
