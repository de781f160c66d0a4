"""What several tests need: the kept base model, event files, an offline environment."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from diagnostics.run.events import masked_crc
from training.demo.pipeline import KEPT_BASE, last_checkpoint

Scalars = Iterable[tuple[str, int, float]]


def record(data: bytes) -> bytes:
    """One record of an event file."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def event(tag: str, step: int, value: float, wall_time: float = 1.0) -> bytes:
    """One scalar as a record, made by TensorBoard's own message class."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return record(Event(step=step, wall_time=wall_time, summary=summary).SerializeToString())


@pytest.fixture
def write_events() -> Callable[[Path, Scalars], Path]:
    """A function that writes an event file of scalars below a folder."""

    def write(folder: Path, scalars: Scalars, name: str = "events.out.tfevents.1.host.1.0") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(b"".join(event(*one) for one in scalars))
        return path

    return write


@pytest.fixture(scope="session")
def base_checkpoint() -> Path:
    """The kept base model's checkpoint."""
    return last_checkpoint(KEPT_BASE)
