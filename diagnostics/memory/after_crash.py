"""A run's end in memory, read from its own console and records: the phase, the sizes, the limit; then judged by `after`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diagnostics.memory import cpu, formula
from diagnostics.memory.after import After, Search, after, after_host
from diagnostics.memory.fit import Estimator
from diagnostics.memory.readings import DEVICE, readings
from diagnostics.memory.resolve import Question
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


@dataclass(frozen=True)
class Told:
    """What a run's console and records tell of its end in memory.

    `rule`: that names it. `device`: the sizes in a device's message, None where main memory ran out. `limit`: what main memory or
    /dev/shm ran into. `asked`: the bytes of the request that main memory refused. `on_host`: whether the training's tensors lay
    there. `certain`: False where nothing but a signal says so. `recorded`: bytes on the device by step. `processes`: that trained
    together, None where nothing tells.
    """

    rule: str
    phase: str
    processes: int | None = None
    device: Sizes | None = None
    recorded: tuple[float, ...] = ()
    limit: HostLimit = HostLimit()
    asked: float | None = None
    on_host: bool = False
    certain: bool = True

    @property
    def device_bytes(self) -> int | None:
        """The memory of the device on which it ran out, where it is known."""
        return int(self.device.total) if self.device is not None and self.device.total is not None else None


def memory_cause(run: Run) -> Cause | None:
    """The first cause of a run's end, if it is memory."""
    first = verdict_of(run).first
    return first if first is not None and first.rule in RULES else None


def told_of(run: Run) -> Told | None:
    """What a run tells of its end in memory; None where it ended otherwise, or of something else in /dev/shm than its size."""
    cause = memory_cause(run)
    if cause is None:
        return None
    verdict, machine = verdict_of(run), read_machine(run.path)
    processes = machine.processes or ranks_of(verdict)
    if cause.rule == "out-of-memory":
        return Told(cause.rule, cause.kind, processes, device_sizes(cause, machine), readings(run, DEVICE))
    sizes = host_sizes(verdict, cause)
    if cause.rule == "shared-memory-exhausted":
        if cause.kind != "shm":
            return None
        limit, on_host = HostLimit(machine.shm), machine.accelerator == "cpu"
        return Told(cause.rule, "unplaced", processes, limit=limit, asked=sizes.asked, on_host=on_host)
    phase = host_phase(run, cause)
    return Told(
        cause.rule,
        phase,
        processes,
        limit=host_limit(machine, cause, sizes, processes or 1),
        asked=sizes.asked,
        on_host=tensors_on_host(run, machine, cause, phase),
        certain=cause.role == "fatal",
    )


def after_crash(
    run: Run,
    *,
    question: Question | None = None,
    estimate: Estimator = formula.estimate,
    search: Search | None = None,
) -> After | None:
    """What a run's end in memory tells; None where it ended otherwise, or where its config tells too little.

    By the closed form at once: no torch, no network. `question`: what the run asked, where more is known than its config tells.
    """
    told = told_of(run)
    if told is None or not (run.method or question):
        return None
    if told.device is not None:
        return after(
            run,
            told.device,
            phase=told.phase,
            recorded=told.recorded,
            processes=told.processes,
            question=question,
            estimate=estimate,
            search=search,
        )
    return after_host(
        run,
        told.limit.size,
        on_cpu=told.on_host,
        kind=told.limit.kind,
        shm=told.rule == "shared-memory-exhausted",
        asked=told.asked,
        phase=told.phase,
        processes=told.processes,
        certain=told.certain,
        question=question,
        estimate=estimate,
        search=search,
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
    if frames_tell(cause):
        return phase_of(cause.raised)
    if run.status.activity == "answering":
        return "generation"
    ours = "request" not in run.missing and run.status.state != "unknown"
    return "load" if ours and run.status.max_steps == 0 else "unplaced"


def frames_tell(cause: Cause) -> bool:
    """Whether the frames are those of the failure: of a process that was killed they are its launcher's."""
    return cause.kind == "allocation" and cause.raised is not None and bool(cause.raised.frames)


def tensors_on_host(run: Run, machine: Machine, cause: Cause, phase: str) -> bool:
    """Whether a training's tensors lay in the machine's memory, so that a smaller batch would have helped.

    Where the worker did not record what it trained on, the frames of the failed allocation tell. Frames outside of training
    are those of the data's preparation, whatever it trains on.
    """
    if cause.kind == "worker":  # a data loader's, which holds no weights
        return False
    placed = not frames_tell(cause) or phase in (*TRAINED, "load")
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
