"""From traces to an estimate: the whole model traced, or its first layers at two depths and on from there in a line."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnostics.memory.allocator import Replay, replay, smallest_capacity
from diagnostics.memory.records import BILL, Asked, Estimate, Phase, Source, Storage, Timeline
from diagnostics.probes.memory import models
from diagnostics.probes.memory.ledger import Ledger
from diagnostics.probes.memory.tracing import trace
from diagnostics.run.refusal import Sentence

# What the CUDA driver takes before the first tensor, bytes. It cannot be known without the device: 0.15 GiB follow from an
# out-of-memory message on a T4 (TRL issue 4237), 1.3 GiB were measured on a V100 (transformers' guide of January 2022).
CONTEXT, LEAST_CONTEXT, MOST_CONTEXT = 2**29, int(0.15 * 2**30), int(1.31 * 2**30)
# The share of the reserved bytes by which published measurements were missed at most in nine of ten cases; see the bench.
MISSED: dict[Source, float] = {"traced": 0.03, "extrapolated": 0.04}
# What a whole model needs beyond its allocated bytes, in times of what its first layers do: between 0.8 and 1.9 for eleven
# configurations of 0.6 to 8 billion weights with both traced.
FRAGMENTS = 1.75
# Depths, in periods of like layers after those that come once.
NEAR, FAR, THIRD = 2, 4, 6
# A third depth that lies further off the line than this share is no line.
OFF_LINE = 0.005

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Peak:
    """The peak of one phase."""

    bytes: int
    bill: Mapping[str, int]
    operation: str
    step: int


@dataclass(frozen=True)
class Measured:
    """What one trace gave."""

    peaks: dict[Phase, Peak]
    regions: dict[tuple[Phase, str], Peak]
    replayed: Replay
    needed: int
    largest: tuple[Storage, ...]
    timeline: Timeline
    notes: list[str]

    @property
    def top(self) -> Phase:
        """The phase of the greatest peak."""
        return max(self.peaks, key=lambda phase: self.peaks[phase].bytes)


def measure(asked: Asked, package: str, quick: bool = False) -> Measured:
    """Trace, and read the ledger.

    Raises:
        NotTraceable: see `trace`.
    """
    found = trace(asked, package, quick=quick)
    ledger = found.ledger
    curve = ledger.curve()
    places = ledger.peaks(curve)
    peaks = {phase: peak_of(ledger, place, int(curve[place])) for phase, place in places.items()}
    top = max(places.values(), key=lambda place: curve[place])
    regions = {
        key: peak_of(ledger, place, int(curve[place]))
        for key, place in (ledger.peaks_by_region(curve).items() if quick else ())
        if "between" not in key[1]
    }
    free = replay(ledger.trace)
    # without a device, or on one where it does not fit: the least that it would fit on
    run = free if asked.device is None else replay(ledger.trace, max(0, asked.device - CONTEXT))
    limited = asked.device is None or run.full is not None
    needed = smallest_capacity(ledger.trace, free) if limited else run.peak_reserved
    return Measured(peaks, regions, run, needed, ledger.largest(top), ledger.timeline(curve), found.notes)


def peak_of(ledger: Ledger, event: int, live: int) -> Peak:
    """What the ledger says of one moment."""
    return Peak(live, ledger.bill(event), ledger.operation(event), ledger.place(event)[1])


def traced(asked: Asked, package: str, progress: Progress) -> Estimate:
    """The estimate from a trace of the whole model, replayed at the device's capacity.

    Raises:
        NotTraceable: see `trace`.
    """
    begun = time.monotonic()
    progress("tracing the whole model", 0.1)
    found = measure(asked, package)
    peak = found.peaks[found.top]
    run, fits, notes = found.replayed, None, list(found.notes)
    if asked.device is not None:
        fits = run.full is None
        if run.full is not None:
            wanted, held, kept = (one / (1 << 30) for one in (run.full.wanted, run.full.allocated, run.full.reserved))
            notes.append(
                Sentence(
                    f"Out of memory in the replay at the device's size: {wanted:.2f} GiB were asked for while "
                    f"{held:.2f} GiB were allocated and {kept:.2f} GiB reserved.",
                    f"按设备大小重放时显存不足：请求 {wanted:.2f} GiB，而已分配 {held:.2f} GiB，已保留 {kept:.2f} GiB。",
                )
            )
    return estimate_of(
        "traced", peak, found.top, max(peak.bytes, run.peak_allocated if fits is not False else 0), found.needed,
        {phase: one.bytes for phase, one in found.peaks.items()}, found.largest, found.timeline, fits, notes, begun,
    )  # fmt: skip


def extrapolated(asked: Asked, package: str, progress: Progress, check: bool = False) -> Estimate:
    """The estimate from two depths; the whole model where it is not deeper, or where a third depth lies off the line.

    Raises:
        NotTraceable: see `trace`.
    """
    begun = time.monotonic()
    depth = models.depth_of(asked.model)
    before, period = models.repeating(asked.model)
    near, far = before + NEAR * period, before + FAR * period
    if period > 1:
        near, far = before + period, before + NEAR * period
    if depth <= far:
        return traced(asked, package, progress)
    free = dataclasses.replace(asked, device=None)
    found = []
    for place, layers in enumerate((near, far)):
        progress(f"tracing {layers} of {depth} layers", 0.1 + 0.45 * place)
        found.append(
            measure(dataclasses.replace(free, model=models.with_layers(asked.model, layers)), package, quick=True)
        )
    first, second = found
    share = (depth - far) / (far - near)
    peaks = greatest(
        {
            key: on_the_line(peak, second.regions[key], share)
            for key, peak in first.regions.items()
            if key in second.regions
        }
    )
    notes = list(second.notes)
    if check:
        third = far + (far - near)
        if third < depth:
            there = measure(
                dataclasses.replace(free, model=models.with_layers(asked.model, third)), package, quick=True
            )
            for key, peak in there.regions.items():
                line = on_the_line(first.regions[key], second.regions[key], 1.0)
                if abs(line.bytes - peak.bytes) > OFF_LINE * peak.bytes:
                    return traced(asked, package, progress)
            notes.append(
                Sentence(
                    f"Linear in depth: checked at {near}, {far} and {third} layers.",
                    f"随层数线性变化：已在 {near}、{far} 和 {third} 层核对。",
                )
            )
    top = max(peaks, key=lambda phase: peaks[phase].bytes)
    peak = peaks[top]
    notes.append(
        Sentence(
            f"Extrapolated from {near} and {far} layers to {depth}.", f"由 {near} 层和 {far} 层外推到 {depth} 层。"
        )
    )
    reserved = peak.bytes + fragmented(first, second)
    fits = None if asked.device is None else reserved + CONTEXT <= asked.device
    return estimate_of(
        "extrapolated", peak, top, peak.bytes, reserved, {phase: one.bytes for phase, one in peaks.items()},
        second.largest, Timeline(), fits, notes, begun,
    )  # fmt: skip


def greatest(regions: Mapping[tuple[Phase, str], Peak]) -> dict[Phase, Peak]:
    """The greatest peak of each phase."""
    found: dict[Phase, Peak] = {}
    for (phase, _), peak in regions.items():
        if phase not in found or peak.bytes > found[phase].bytes:
            found[phase] = peak
    return found


def on_the_line(first: Peak, second: Peak, share: float) -> Peak:
    """The peak as much further on as `share` times the way from the first to the second."""
    bill = {line: max(0, round(second.bill[line] + (second.bill[line] - first.bill[line]) * share)) for line in BILL}
    size = round(second.bytes + (second.bytes - first.bytes) * share)
    return Peak(size, bill, second.operation, second.step)


def fragmented(first: Measured, second: Measured) -> int:
    """Bytes needed beyond those allocated. They grow little with depth, and on no line: segments are whole MiB."""
    return round(FRAGMENTS * max(one.needed - one.peaks[one.top].bytes for one in (first, second)))


def estimate_of(
    source: Source, peak: Peak, phase: Phase, allocated: int, reserved: int, phases: dict[Phase, int],
    largest: tuple[Storage, ...], timeline: Timeline, fits: bool | None, notes: list[str], begun: float,
) -> Estimate:  # fmt: skip
    """The record of an estimate."""
    return Estimate(
        peak_allocated=allocated,
        peak_reserved=max(reserved, allocated),
        low=round(allocated * (1 - MISSED[source])) + LEAST_CONTEXT,
        high=round(max(reserved, allocated) * (1 + MISSED[source])) + MOST_CONTEXT,
        context=CONTEXT,
        phase=phase,
        step=peak.step,
        operation=peak.operation,
        bill={**peak.bill, "context": CONTEXT},
        source=source,
        timeline=timeline,
        largest=largest,
        phases={str(name): size for name, size in phases.items()},
        fits=fits,
        seconds=round(time.monotonic() - begun, 3),
        versions=versions(),
        notes=tuple(notes),
    )


def versions() -> dict[str, str]:
    """Of the libraries that the figures rest on."""
    import importlib.metadata

    found: dict[str, Any] = {}
    for name in ("torch", "transformers", "trl", "accelerate", "peft"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
