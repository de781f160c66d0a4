"""Reading TensorBoard event files as they grow.

The file is a sequence of records: length (uint64), masked CRC32C of the length (uint32), data, masked CRC32C of the data
(uint32), little-endian. The data is TensorBoard's `Event` message. Source: tensorflow/core/lib/io/record_writer.h.
Own framing, because TensorBoard's readers stop for good at the first broken record, and a diagnosis needs the rest.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c
from tensorboard.compat.proto import event_pb2, types_pb2

from diagnostics.run.files import parse_json
from diagnostics.run.refusal import Sentence

HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")
NOT_ZERO = re.compile(rb"[^\0]")
# Scalars written as tensors (TF2's `tf.summary.scalar`, torch's `new_style` and `double_precision`): the field of the
# message that holds them, and their layout where they are kept as bare bytes.
SCALARS = {
    types_pb2.DT_FLOAT: ("float_val", struct.Struct("<f")),
    types_pb2.DT_DOUBLE: ("double_val", struct.Struct("<d")),
}
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
    """One event file, read from where the last call stopped.

    `points` holds all scalars so far, in the order of their writing, `texts` the text summaries by tag, latest wins.
    `started` is the wall time of the first record, in seconds since the epoch; None until there is one.
    """

    path: Path
    offset: int = 0
    points: list[Point] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    started: float | None = None

    def read_new(self) -> list[Point]:
        """The scalars written since the last call. A half-written last record is left for the next call.

        A broken record is skipped and told in `problems`; reading goes on at the next sound one. Zeros up to the end
        are not broken but not written yet: network file systems show a file's new length before its bytes. A file that
        became shorter was written anew, and is read from its beginning.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < self.offset:
                self.offset, self.started = 0, None
                self.points, self.texts, self.problems = [], {}, []
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
                    Sentence(
                        f"{self.path.name}: {found - position} bytes at offset {self.offset + position} are damaged "
                        "and were skipped.",
                        f"{self.path.name}：偏移 {self.offset + position} 处有 {found - position} 字节损坏，已跳过。",
                    )
                )
                position = found
                continue
            end = position + HEADER.size + length + FOOTER.size
            if end > len(data):
                break
            record = data[position + HEADER.size : end - FOOTER.size]
            if masked_crc(record) == FOOTER.unpack_from(data, end - FOOTER.size)[0]:
                self._decode(record, points)
            elif not data[end - 1 :].strip(b"\0"):
                break  # begun, and zeros from there to the end
            else:
                self.problems.append(
                    Sentence(
                        f"{self.path.name}: the record at offset {self.offset + position} is damaged and was skipped.",
                        f"{self.path.name}：偏移 {self.offset + position} 处的记录损坏，已跳过。",
                    )
                )
            position = end
        self.offset += position
        self.points.extend(points)
        return points

    @staticmethod
    def _next_header(data: bytes, start: int) -> int | None:
        """The offset of the next sound record header at or after `start`; None if there is none."""
        position = start
        while position <= len(data) - HEADER.size:
            length, crc = HEADER.unpack_from(data, position)
            if length == 0:
                # No event is empty. Zeros may go on for megabytes: on to where the first byte of a length can stand.
                after = NOT_ZERO.search(data, position)
                if after is None:
                    return None
                position = max(position + 1, after.start() - 7)
                continue
            if length <= LONGEST_RECORD and masked_crc(data[position : position + 8]) == crc:
                return position
            position += 1
        return None

    def _decode(self, record: bytes, points: list[Point]) -> None:
        event = event_pb2.Event()
        try:
            event.ParseFromString(record)
        except Exception:  # protobuf's DecodeError class depends on its backend
            self.problems.append(
                Sentence(
                    f"{self.path.name}: a record is no TensorBoard event and was skipped.",
                    f"{self.path.name}：有一条记录不是 TensorBoard 事件，已跳过。",
                )
            )
            return
        self.started = event.wall_time if self.started is None else self.started
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
        elif tensor.dtype in SCALARS and not tensor.tensor_shape.dim:
            name, layout = SCALARS[tensor.dtype]
            if values := getattr(tensor, name):
                points.append(Point(value.tag, event.step, float(values[0]), event.wall_time))
            elif len(tensor.tensor_content) == layout.size:
                scalar = float(layout.unpack(tensor.tensor_content)[0])
                points.append(Point(value.tag, event.step, scalar, event.wall_time))


def config_of(texts: dict[str, str]) -> dict[str, Any]:
    """The training arguments that the HF Trainer writes as a text summary; {} if there are none."""
    try:
        config = parse_json(texts.get("args/text_summary", "{}"))
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}
