"""Reading TensorBoard event files as they grow.

The file is a sequence of records: length (uint64), masked CRC32C of the length (uint32), data, masked CRC32C of the data
(uint32), little-endian. The data is TensorBoard's `Event` message. Source: tensorflow/core/lib/io/record_writer.h.
Own framing, because TensorBoard's readers stop for good at the first broken record, and a diagnosis needs the rest.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from tensorboard.compat.proto import event_pb2, types_pb2

HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")
# Longer than any real event (a text summary of a config is a few kilobytes): a length beyond it is damage.
LONGEST_RECORD = 256 * 1024 * 1024


def masked_crc(data: bytes) -> int:
    """CRC32C of the data in TFRecord's masked form (rotate right by 15 bits, add a constant)."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@dataclass(frozen=True)
class Point:
    """One scalar: tag, step, value, and the wall time of its writing in seconds since the epoch."""

    tag: str
    step: int
    value: float
    wall_time: float


@dataclass
class EventFile:
    """One event file, read from where the last call stopped. `texts` holds the text summaries by tag, latest wins."""

    path: Path
    offset: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def read_new(self) -> list[Point]:
        """The scalars written since the last call. A half-written last record is left for the next call.

        A broken record is skipped and told in `problems`; reading goes on at the next sound one.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        points: list[Point] = []
        position = 0
        while len(data) - position >= HEADER.size:
            length, crc = HEADER.unpack_from(data, position)
            if length > LONGEST_RECORD or masked_crc(data[position : position + 8]) != crc:
                found = self._next_header(data, position + 1)
                if found is None:
                    break
                self.problems.append(
                    f"{self.path.name}: {found - position} bytes at offset {self.offset + position} are damaged "
                    "and were skipped."
                )
                position = found
                continue
            end = position + HEADER.size + length + FOOTER.size
            if end > len(data):
                break
            record = data[position + HEADER.size : end - FOOTER.size]
            if masked_crc(record) == FOOTER.unpack_from(data, end - FOOTER.size)[0]:
                self._decode(record, points)
            else:
                self.problems.append(
                    f"{self.path.name}: the record at offset {self.offset + position} is damaged and was skipped."
                )
            position = end
        self.offset += position
        return points

    @staticmethod
    def _next_header(data: bytes, start: int) -> int | None:
        """The offset of the next sound record header at or after `start`; None if there is none."""
        for position in range(start, len(data) - HEADER.size + 1):
            length, crc = HEADER.unpack_from(data, position)
            if length <= LONGEST_RECORD and masked_crc(data[position : position + 8]) == crc:
                return position
        return None

    def _decode(self, record: bytes, points: list[Point]) -> None:
        event = event_pb2.Event()
        try:
            event.ParseFromString(record)
        except Exception:  # protobuf's DecodeError class depends on its backend
            self.problems.append(f"{self.path.name}: a record is no TensorBoard event and was skipped.")
            return
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                points.append(Point(value.tag, event.step, float(value.simple_value), event.wall_time))
            elif kind == "tensor":
                self._decode_tensor(event, value, points)

    def _decode_tensor(self, event: Any, value: Any, points: list[Point]) -> None:
        tensor = value.tensor
        if tensor.dtype == types_pb2.DT_STRING and tensor.string_val:
            self.texts[value.tag] = tensor.string_val[0].decode("utf-8", errors="replace")
        elif tensor.dtype == types_pb2.DT_FLOAT and not tensor.tensor_shape.dim:
            if tensor.float_val:
                points.append(Point(value.tag, event.step, float(tensor.float_val[0]), event.wall_time))
            elif len(tensor.tensor_content) == 4:
                scalar = float(np.frombuffer(tensor.tensor_content, "<f4")[0])
                points.append(Point(value.tag, event.step, scalar, event.wall_time))


def config_of(texts: dict[str, str]) -> dict[str, Any]:
    """The training arguments that the HF Trainer writes as a text summary; {} if there are none."""
    try:
        config = json.loads(texts.get("args/text_summary", "{}"))
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}
