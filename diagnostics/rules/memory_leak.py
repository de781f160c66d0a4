"""memory-leak: memory rises from step to step and is never given back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, need
from diagnostics.memory.readings import DEVICE, GIB, HOST
from diagnostics.run import Run, Series
from diagnostics.run.machine import Machine, read_machine

NAME = "memory-leak"
METHODS = None
EXPLAINS = ("near-memory-limit",)

ROWS = Limit(24, "readings", "ours: six in each third after the first quarter; fewer say nothing of a trend")
START = Limit(0.25, "of the readings", "ours: allocators and caches fill in the first quarter; it is left out")
RISE = Limit(
    0.02,
    "of the memory that there is",
    "ours: as for a crash (docs/memory.md); less would fill nothing in a run ten times as long",
)
STEADY = Limit(
    0.25,
    "of an even rise",
    "ours: each third must rise by itself so much at least; a step up, or a cache that fills, does not",
)

KINDS = (("device", DEVICE), ("host", HOST))


@dataclass(frozen=True)
class Rise:
    """A rise of memory: over which steps, from and to how many bytes, how many of one step."""

    first: int
    last: int
    low: float
    high: float
    slope: float


def check(run: Run) -> Finding | None:
    """Look at what tensors hold on the device, then at the main memory that no file backs."""
    machine = read_machine(run.path)
    kept = [(kind, one, series) for kind, one in KINDS if (series := run.get(one.tag)) is not None]
    if not kept:
        raise CannotJudge("no-memory")
    found = (
        of_reading(run, kind, need(series, one.tag, ROWS), one.unit, room_of(machine, kind))
        for kind, one, series in kept
    )
    return next((one for one in found if one is not None), None)


def room_of(machine: Machine, kind: str) -> int | None:
    """All the memory that there is, in bytes: the device's, or the least of what limits the worker in main memory."""
    if kind == "device":
        return machine.device
    return min((size for size in (machine.memory, *machine.limits.values()) if size), default=None)


def of_reading(run: Run, kind: str, known: Series, unit: float, total: int | None) -> Finding | None:
    """Judge one quantity, of which one is `unit` bytes.

    Raises:
        CannotJudge: it is not known of how much memory.
    """
    if total is None:
        raise CannotJudge("no-machine")
    rise = rise_of(known, unit)
    if rise is None or rise.high - rise.low <= RISE * total:
        return None
    full = rise.last + int((total - rise.high) / rise.slope)
    planned = run.status.max_steps
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8,
        first_step=rise.first,
        last_step=max(run.last_step, run.status.step),
        facts={
            "kind": kind if full <= planned or not planned else f"{kind}-later",
            "step": rise.first,
            "last": rise.last,
            "low": rise.low / GIB,
            "high": rise.high / GIB,
            "growth": rise.slope * 100 / GIB,
            "full": full,
            "total": total / GIB,
            "planned": planned,
        },
        evidence=(evidence(known, rise.first, rise.last),),
        causes=("graphs", "lists", "offloading") if kind == "device" else ("lists", "loader"),
        fixes=fixes(run, kind),
    )


def rise_of(series: Series, unit: float) -> Rise | None:
    """The rise of a series that only rises: all of its last third above all of its first, and each third rising by itself.

    A peak comes and goes with the lengths of the batches. A first evaluation, or a cache, lifts memory once and for good.
    """
    start = int(len(series) * START)
    steps, values = series.steps[start:], series.values[start:] * unit
    thirds = np.array_split(np.arange(len(values)), 3)
    first, last = values[thirds[0]], values[thirds[2]]
    if last.min() <= first.max():
        return None
    low, high = float(np.median(first)), float(np.median(last))
    between = float(np.median(steps[thirds[2]]) - np.median(steps[thirds[0]]))
    # Between the middles of the halves of a third lies a quarter of what lies between the middles of first and last third.
    even = (high - low) / 4
    if between <= 0 or min(own_rise(values[one]) for one in thirds) < STEADY * even:
        return None
    return Rise(int(steps[0]), int(steps[-1]), float(values[0]), float(values[-1]), (high - low) / between)


def own_rise(values: np.ndarray) -> float:
    """By how much the later half of some values lies above the earlier, by their medians; values of shape (n,), n >= 2."""
    half = len(values) // 2
    return float(np.median(values[-half:]) - np.median(values[:half]))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What is known to keep memory is turned off; the rest is in the code."""
    found = []
    if kind == "device" and argument(run, "activation_offloading") is True:
        found.append(Fix("offloading", "safe", edits(run, activation_offloading=False)))
    return (*found, Fix("keep", "show"), Fix("resume", "show"))


WORDS = {
    "en": Words(
        title="Memory is not given back",
        summary={
            "device": "From step {step} to {last} what tensors hold on the device rose from {low:.3g} to {high:.3g} GiB, by {growth:.2g} "
            "GiB in 100 steps; at step {full} its {total:.3g} GiB are full.",
            "device-later": "From step {step} to {last} what tensors hold on the device rose from {low:.3g} to {high:.3g} GiB, by "
            "{growth:.2g} GiB in 100 steps; its {total:.3g} GiB last to about step {full}, beyond the {planned} planned.",
            "host": "From step {step} to {last} the worker's main memory rose from {low:.3g} to {high:.3g} GiB, by {growth:.2g} GiB in 100 "
            "steps; at step {full} all {total:.3g} GiB are full.",
            "host-later": "From step {step} to {last} the worker's main memory rose from {low:.3g} to {high:.3g} GiB, by {growth:.2g} GiB in "
            "100 steps; {total:.3g} GiB last to about step {full}, beyond the {planned} planned.",
        },
        why="A run that keeps something of each step ends when memory does, and a smaller batch only makes it end later.",
        wrong_if="the rows grow longer all along, as in a curriculum by length, or a cache that is wanted is still filling",
        causes={
            "graphs": "A metric or a loss is kept with its graph: `total += loss` instead of `loss.item()`.",
            "lists": "Outputs of each step are put in a list that is never emptied (predictions, answers, logged tables).",
            "offloading": "Activations that are moved off the device and not let go: TRL before 1.5 (huggingface/trl#5700, #5730).",
            "loader": "The data set or its preparation keeps what it read.",
        },
        fixes={
            "offloading": "Leave activations on the device",
            "keep": "Let go of what each step leaves: .item() or .detach() on what is logged; look into callbacks, reward functions "
            "and compute_metrics",
            "resume": "Until then save often, and go on from the last checkpoint: a new process begins with its memory empty",
        },
        about="""Reads the memory that our workers record at every log: `train/memory/device_allocated_gib`, what tensors hold between two
steps, and `train/memory/host_private_gib`, main memory that no file backs. The first quarter is left out. Of the rest all of the
last third must lie above all of the first, each third must rise by itself, and the whole rise must be more than 2 % of the memory
that there is (`status.json`): what comes and goes with long batches does not do so, and a cache that fills, or a first evaluation,
lifts memory once.

Another rise than a crash's: `out-of-memory` says so of a run that died of it. Sources: huggingface/trl#5700, #5730, #1531.""",
    ),
    "zh": Words(
        title="内存没有被归还",
        summary={
            "device": "从第 {step} 步到第 {last} 步，张量在设备上占用的显存从 {low:.3g} 升到 {high:.3g} GiB，每 100 步 {growth:.2g} GiB；"
            "到第 {full} 步 {total:.3g} GiB 将用尽。",
            "device-later": "从第 {step} 步到第 {last} 步，张量在设备上占用的显存从 {low:.3g} 升到 {high:.3g} GiB，每 100 步 "
            "{growth:.2g} GiB；{total:.3g} GiB 约可用到第 {full} 步，超出计划的 {planned} 步。",
            "host": "从第 {step} 步到第 {last} 步，训练进程的主机内存从 {low:.3g} 升到 {high:.3g} GiB，每 100 步 {growth:.2g} GiB；"
            "到第 {full} 步 {total:.3g} GiB 将用尽。",
            "host-later": "从第 {step} 步到第 {last} 步，训练进程的主机内存从 {low:.3g} 升到 {high:.3g} GiB，每 100 步 {growth:.2g} GiB；"
            "{total:.3g} GiB 约可用到第 {full} 步，超出计划的 {planned} 步。",
        },
        why="每步都保留一些东西的训练，会在内存用尽时中断；减小批次只会推迟。",
        wrong_if="行一直在变长（例如按长度的课程学习），或者需要的缓存仍在填充",
        causes={
            "graphs": "指标或损失连同计算图被保留：写成 `total += loss` 而不是 `loss.item()`。",
            "lists": "每步的输出被放进从不清空的列表（预测、回答、记录的表格）。",
            "offloading": "移出设备的激活值没有释放：TRL 1.5 之前（huggingface/trl#5700、#5730）。",
            "loader": "数据集或其预处理保留了读过的内容。",
        },
        fixes={
            "offloading": "把激活值留在设备上",
            "keep": "释放每步留下的东西：对记录的值用 .item() 或 .detach()；检查回调、奖励函数与 compute_metrics",
            "resume": "在此之前多存检查点，并从最后一个检查点继续：新进程的内存是空的",
        },
        about="""读取训练进程每次记录时写下的内存：`train/memory/device_allocated_gib` 是两步之间张量占用的显存，
`train/memory/host_private_gib` 是没有文件支持的主机内存。前四分之一不看。其余部分中，最后三分之一必须全部高于最前三分之一，每个三分之一自身
也要上升，总升幅要超过全部内存（见 `status.json`）的 2 %：随长批次来去的不会如此，填满的缓存或第一次评估只会抬高一次。

因此崩溃的训练由 `out-of-memory` 说明。来源：huggingface/trl#5700、#5730、#1531。""",
    ),
}
