"""A run's end in memory, read from its own console and records: the phase, the sizes, the limit; then judged by `after`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diagnostics.memory import cpu
from diagnostics.memory.after import After, after, after_host
from diagnostics.memory.readings import DEVICE, readings
from diagnostics.postmortem.causes import Cause, Verdict, verdict_of
from diagnostics.postmortem.host_memory import HostSizes, host_sizes_in
from diagnostics.postmortem.memory import Sizes, phase_of, sizes_in
from diagnostics.run import Run
from diagnostics.run.machine import Machine, read_machine

RULES = ("out-of-memory", "out-of-host-memory", "shared-memory-exhausted")
# So many lines before and after the one that tells are looked through for sizes: the kernel writes some twenty.
AROUND = 24
# Where the tensors of a batch are made: an allocation that fails there is the training's.
TRAINED = ("forward", "backward", "logits", "optimizer", "generation", "evaluation")


@dataclass(frozen=True)
class HostLimit:
    """What the machine's memory ran into: a size in bytes, None if nothing tells it, and what it counts."""

    size: int | None = None
    kind: cpu.Kind = "resident"


def memory_cause(run: Run) -> Cause | None:
    """The first cause of a run's end, if it is memory."""
    first = verdict_of(run).first
    return first if first is not None and first.rule in RULES else None


def after_crash(run: Run) -> After | None:
    """What a run's end in memory tells; None where it ended otherwise, or where its config tells too little.

    At once: the closed form, no torch, no network.
    """
    cause = memory_cause(run)
    if cause is None or not run.method:
        return None
    verdict, machine = verdict_of(run), read_machine(run.path)
    processes = machine.processes or ranks_of(verdict)
    if cause.rule == "out-of-memory":
        told = device_sizes(cause, machine)
        return after(run, told, phase=cause.kind, recorded=readings(run, DEVICE), processes=processes)
    sizes = host_sizes(verdict, cause)
    if cause.rule == "shared-memory-exhausted":
        if cause.kind != "shm":
            return None
        cpu_only = machine.accelerator == "cpu"
        return after_host(run, machine.shm, on_cpu=cpu_only, shm=True, asked=sizes.asked, processes=processes)
    phase = host_phase(run, cause)
    limit = host_limit(machine, cause, sizes, processes or 1)
    return after_host(
        run,
        limit.size,
        on_cpu=tensors_on_host(run, machine, cause, phase),
        kind=limit.kind,
        asked=sizes.asked,
        phase=phase,
        processes=processes,
    )


def device_sizes(cause: Cause, machine: Machine) -> Sizes:
    """The sizes in a device's message; its whole memory as the worker recorded it, where the message does not say."""
    sizes = sizes_in(text_of(cause))
    return sizes if sizes.total is not None or machine.device is None else replace(sizes, total=float(machine.device))


def host_sizes(verdict: Verdict, cause: Cause) -> HostSizes:
    """The sizes in the lines about the end of a run: those of the cause itself, else those around it."""
    own = host_sizes_in(text_of(cause))
    lines = verdict.console.lines[max(0, cause.place - AROUND) : cause.place + AROUND]
    around = host_sizes_in("\n".join(line.text for line in lines))
    return HostSizes(own.asked or around.asked, own.limit or around.limit, own.held or around.held)


def text_of(cause: Cause) -> str:
    """The line that names a cause, and the whole message of its exception."""
    return f"{cause.facts.get('line', '')} {cause.raised.message if cause.raised else ''}"


def host_phase(run: Run, cause: Cause) -> str:
    """The phase in which the machine's memory ran out: by the frames; of a process that was killed by what it was at.

    `unplaced` where neither tells. Our own worker counts the steps before the first one, so without any it was loading.
    """
    if cause.raised is not None and cause.raised.frames:
        return phase_of(cause.raised)
    if run.status.activity == "answering":
        return "generation"
    ours = "request" not in run.missing and run.status.state != "unknown"
    return "load" if ours and run.status.max_steps == 0 else "unplaced"


def tensors_on_host(run: Run, machine: Machine, cause: Cause, phase: str) -> bool:
    """Whether a training's tensors lay in the machine's memory, so that a smaller batch would have helped.

    Where the worker did not record what it trained on, the frames of the failed allocation tell. Frames outside of training
    are those of the data's preparation, whatever it trains on.
    """
    placed = cause.raised is None or not cause.raised.frames or phase in (*TRAINED, "load")
    if machine.accelerator is not None:
        return machine.accelerator == "cpu" and placed
    if run.config.get("use_cpu") is True:
        return placed
    offloads = any(run.config.get(name) for name in ("deepspeed", "fsdp"))
    return "DefaultCPUAllocator" in text_of(cause) and phase in TRAINED and not offloads


def host_limit(machine: Machine, cause: Cause, sizes: HostSizes, processes: int) -> HostLimit:
    """What a process ran into. An allocation is refused by a limit on the process; who is killed was too large for all.

    A control group and the machine hold all processes of a training, so each has its share.
    """
    together = sizes.limit or machine.limits.get("resident") or machine.memory
    shared = HostLimit(together // processes if together else None)
    kinds: Sequence[cpu.Kind] = ("data", "address")
    own = [HostLimit(machine.limits[kind], kind) for kind in kinds if kind in machine.limits]
    if cause.kind != "allocation" or not own:
        return shared
    return min(own, key=lambda one: cpu.room(one.size or 0, one.kind))


def ranks_of(verdict: Verdict) -> int | None:
    """How many processes a console tells of, by the ranks that it names; None without any."""
    ranks = [int(line.rank) for line in verdict.console.lines if line.rank and line.rank.isdigit()]
    return max(ranks) + 1 if ranks else None
