"""Memory as a run recorded it, step by step: under which tags, in which unit, and what each reading counts."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostics.run import Run

GIB = 1 << 30


@dataclass(frozen=True)
class Reading:
    """One quantity: its tag, and how many bytes one of its unit is."""

    tag: str
    unit: int = GIB


# What a worker of ours records at every log: what tensors hold on the device, and what no file backs on the host.
DEVICE = Reading("train/memory/device_allocated_gib")
HOST = Reading("train/memory/host_private_gib")
# How much is in use of the device at the peak of tensors, and of whichever limit on the host is nearest; from 0 to 1.
DEVICE_SHARE, HOST_SHARE = "train/memory/device_peak_share", "train/memory/host_share"


def readings(run: Run, reading: Reading) -> tuple[float, ...]:
    """The readings in bytes, in the order of their steps; none where nothing was recorded."""
    series = run.get(reading.tag)
    return () if series is None else tuple(float(value) * reading.unit for value in series.finite().values)
