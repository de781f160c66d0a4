"""After the crash: from the sizes of an out-of-memory message, the config and what the run recorded to what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from diagnostics.finding import Edit, Fix, Limit
from diagnostics.memory import cpu
from diagnostics.memory.blocks import matching, shorter_block
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.fit import Estimator, Progress, fit
from diagnostics.memory.host import shared_bytes
from diagnostics.memory.plan import Plan
from diagnostics.memory.records import Estimate, Storage
from diagnostics.memory.resolve import Question, with_device
from diagnostics.memory.sizes import value
from diagnostics.memory.vllm import share_of

Kind = Literal["shortage", "fragmentation", "leak", "neighbour", "vllm", "longer-batch", "host", "shm"]

FRAGMENTED = Limit(
    0.05, "of the device's memory", "ours: reserved but unallocated memory below it is the allocator's usual slack"
)
NEIGHBOUR = Limit(0.05, "of the device's memory", "ours: what no process of this training holds; a desktop takes less")
LEAK = Limit(0.02, "of the device's memory", "ours: a rise over the run that is more than different lengths explain")
LEAK_ROWS = Limit(8, "readings", "ours: fewer say nothing of a trend")
LONGER = Limit(0.1, "of the estimate", "ours: nearly three times the predictor's worst miss")

# The states that are there in a phase that others than backward and the optimizer's step have.
WITHOUT_GRADIENTS = ("weights", "reference", "optimizer")
PRESENT = {
    "load": ("weights", "reference"),
    **dict.fromkeys(("forward", "logits", "generation", "evaluation", "vllm"), WITHOUT_GRADIENTS),
}


@dataclass(frozen=True)
class Said:
    """What an out-of-memory message says, in bytes; None where it does not.

    `asked`: the request that failed. `process`: in use by this process. `unallocated`: reserved by PyTorch and not in use.
    `others`: in use by other processes.
    """

    asked: float | None = None
    total: float | None = None
    free: float | None = None
    process: float | None = None
    allocated: float | None = None
    unallocated: float | None = None
    others: float | None = None


@dataclass(frozen=True)
class Crash:
    """What happened, in bytes unless said otherwise.

    `kind`: shortage: the training needs more than there is; fragmentation: enough was held, in pieces; leak: memory rose step
    by step; neighbour: another process holds the device; vllm: its share and training's do not go together; longer-batch: the
    config fits at the length that was estimated, so a longer row came; host: the machine's memory ran out; shm: the data
    loaders' shared memory. `phase`: of training, where memory ran out; `step`: None if not known. `bill`: what lay on the
    device then, by the estimate's lines, scaled to what the message says was allocated. `asked_for`: what the failed
    request was, by the storages of the estimate or by the dimensions; None if nothing has its size. `length`: tokens of the
    row that was too long. `growth`: bytes a reading, of a leak. `context`: what the process held beside the allocator.
    `fix`: a change that is not Fit's to find. `room`: what a limit on the host leaves for tensors; `counts`: what that limit counts.
    """

    kind: Kind
    phase: str
    step: int | None
    sizes: Said
    bill: Mapping[str, int]
    asked_for: Storage | None = None
    length: int | None = None
    growth: float | None = None
    vllm: int = 0
    context: int | None = None
    fix: Fix | None = None
    room: int | None = None
    counts: cpu.Kind | None = None


def said(sizes: object) -> Said:
    """The sizes of any record that has attributes of these names, such as that of the post-mortem's parser."""
    return Said(**{name: getattr(sizes, name, None) for name in Said.__dataclass_fields__})


def explain(
    question: Question,
    sizes: object,
    estimate: Estimate,
    *,
    phase: str = "unplaced",
    step: int | None = None,
    recorded: Sequence[float] = (),
) -> Crash:
    """What happened on a device, from the message, an estimate of the config, and memory as the run recorded it (bytes).

    `phase`: as the traceback tells it, `unplaced` where it does not; then the estimate's phase of the peak is taken.
    """
    read = said(sizes)
    where = phase if phase != "unplaced" else estimate.phase
    vllm = vllm_share(question, read)
    growth = leak(recorded, read.total or question.asked.device)
    kind = kind_of(read, estimate, vllm, growth, where)
    return Crash(
        kind=kind,
        phase=where,
        step=step,
        sizes=read,
        bill=bill_then(estimate, read, where),
        asked_for=matching(question, read.asked, estimate),
        length=longer(question, read, estimate) if kind == "longer-batch" else None,
        growth=growth,
        vllm=vllm,
        context=context_of(read),
    )


def explain_host(
    question: Question,
    estimate: Estimate,
    limit: int | None,
    *,
    kind: cpu.Kind = "resident",
    shm: bool = False,
    asked: float | None = None,
    phase: str = "unplaced",
    step: int | None = None,
) -> Crash:
    """What happened in the host's memory: killed, or refused by a limit; or in /dev/shm.

    `limit`: in bytes, of what `kind` says.
    A training on the CPU has its tensors there; of one on a device the machine's own share is what ran out. A phase that is not
    told is not guessed: a process that was killed may have been at anything.
    """
    workers = int(value(question.asked, "dataloader_num_workers") or 0)
    fix = Fix("workers", "safe", (Edit("dataloader_num_workers", workers, 0),)) if workers else None
    if shm:
        held = shared_bytes(question) * question.asked.processes
        return Crash("shm", phase, step, Said(asked, limit, allocated=held), {}, fix=fix)
    if question.accelerator:
        return Crash("host", phase, step, Said(asked, limit), {}, fix=fix, counts=kind)
    room = None if limit is None else cpu.room(limit, kind)
    return Crash(
        "host",
        phase,
        step,
        Said(asked, limit, allocated=cpu.needed(estimate.peak_allocated, kind)),
        # The request would not go into the room beside what was there: of all of it that is the most.
        bill_then(estimate, Said(allocated=room), phase),
        asked_for=matching(question, asked, estimate) or shorter_block(question, asked),
        room=room,
        counts=kind,
    )


def kind_of(read: Said, estimate: Estimate, vllm: int, growth: float | None, phase: str) -> Kind:
    """Which of the causes it was: the one without which the request would have been met."""
    total, asked = read.total or 0, read.asked or 0
    if growth is not None:
        return "leak"
    if read.unallocated and asked and read.unallocated >= asked and read.unallocated >= FRAGMENTED * total:
        return "fragmentation"
    foreign = others_bytes(read)
    if total and foreign > NEIGHBOUR * total and asked <= foreign:
        return "vllm" if vllm and foreign <= 1.2 * vllm else "neighbour"
    if phase == "vllm" or (vllm and estimate.total <= total < estimate.total + vllm):
        return "vllm"
    needed = (read.allocated or 0) + asked
    if needed > estimate.peak_allocated * (1 + LONGER) and estimate.source != "formula":
        return "longer-batch"
    return "shortage"


def others_bytes(read: Said) -> float:
    """What other processes hold of the device, by the message."""
    if read.others:
        return read.others
    if read.total is not None and read.free is not None and read.process is not None:
        return max(0.0, read.total - read.free - read.process)
    return 0.0


def context_of(read: Said) -> int | None:
    """What this process holds beside the caching allocator: the CUDA context; None where the message does not tell."""
    if read.process is None or read.allocated is None or read.unallocated is None:
        return None
    left = read.process - read.allocated - read.unallocated
    return int(left) if left >= 0 else None


def vllm_share(question: Question, read: Said) -> int:
    """What vLLM takes for itself on the device of the training."""
    return share_of(replace(question.asked, device=int(read.total)) if read.total else question.asked)


def leak(recorded: Sequence[float], total: float | None) -> float | None:
    """The rise of memory in bytes a reading where all of its last third lies above all of its first; None where it does not.

    A peak comes and goes with the lengths of the batches; a leak only rises. The first quarter is left out: caches fill then.
    """
    settled = list(recorded[len(recorded) // 4 :])
    if len(settled) < LEAK_ROWS or not total:
        return None
    third = len(settled) // 3
    rise = settled[-1] - settled[0]
    return rise / (len(settled) - 1) if min(settled[-third:]) > max(settled[:third]) and rise > LEAK * total else None


def bill_then(estimate: Estimate, read: Said, phase: str = "backward") -> dict[str, int]:
    """The estimate's bill at the moment of the crash: the states that are there in its phase, the rest as much as was allocated.

    In the first step there are no optimizer states yet: they are left out where there would be no room for them.
    """
    lines = {line: size for line, size in estimate.bill.items() if line != "context" and size}
    if read.allocated is None:
        return lines
    there = PRESENT.get(phase, ("weights", "reference", "optimizer", "gradients"))
    fixed = {line: lines[line] for line in there if line in lines}
    if sum(fixed.values()) > read.allocated:
        fixed.pop("optimizer", None)
    left = read.allocated - sum(fixed.values())
    if left < 0:  # it died before all of these were there: each has its share of what was
        factor = read.allocated / sum(fixed.values())
        return {line: int(size * factor) for line, size in fixed.items()}
    states = ("weights", "reference", "optimizer", "gradients")
    moving = {line: size for line, size in lines.items() if line not in states} or {"activations": 1}
    factor = left / sum(moving.values())
    return {**fixed, **{line: int(size * factor) for line, size in moving.items()}}


def longer(question: Question, read: Said, estimate: Estimate) -> int | None:
    """Tokens of the row that would have needed what was allocated and asked for, by the lines that grow with it."""
    grows = sum(estimate.bill.get(line, 0) for line in ("activations", "logits", "kv_cache"))
    more = (read.allocated or 0) + (read.asked or 0) - estimate.peak_allocated
    return int(question.asked.length * (1 + more / grows)) if grows and more > 0 else None


def mended(crash: Crash, question: Question, estimate: Estimator, *, progress: Progress | None = None) -> Plan | None:
    """Fit with the device's real size, less what others hold; None where no other config is what mends it.

    Raises:
        Cancelled: the caller no longer wants to know.
        MemoryUnknown: nothing can be estimated.
    """
    room = crash.sizes.total
    if crash.kind in ("fragmentation", "leak", "shm") or room is None:
        return None
    if crash.kind == "host":
        if crash.room is None:
            return None
        # The estimate counts a CUDA context, which a limit on the host does not have to hold.
        room = crash.room + estimate(question.asked).context
    elif crash.kind == "neighbour":
        room -= others_bytes(crash.sizes)
    if room <= 0:
        return None
    asked = replace(question, longest=crash.length) if crash.length is not None else question
    try:
        return fit(with_device(asked.changed({}), int(room)), estimate, progress=progress)
    except AskedWrong:
        return None
