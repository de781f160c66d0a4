"""The host's side of a training: memory of the machine, checkpoints on disk, /dev/shm for the data loaders."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diagnostics.finding import Limit
from diagnostics.memory.contradictions import stage_of
from diagnostics.memory.resolve import Question
from diagnostics.memory.sizes import BYTES, optimizer_bytes, trained, value, weight_bytes

GIB = 1 << 30
PROCESS = Limit(
    3.0 * GIB,
    "bytes a process",
    "ours: Python with torch and its CUDA libraries, transformers, TRL and datasets resident",
)
SHARD = Limit(
    5e9, "bytes", "transformers 5.23: a checkpoint's files are of up to 5 GB; one is in memory while it is read"
)
# Token ids are int64 in a batch, and a row has input_ids, attention_mask and labels, and both answers of a pair.
COLUMNS = Limit(3, "numbers of 8 bytes a token", "TRL 1.16's collators: input_ids, attention_mask, labels")
REST = Limit(1e6, "bytes", "tokenizer, trainer state and configs beside the weights; measured on a small run of ours")
PREFETCH = 2  # batches a worker: torch.utils.data.DataLoader's own default
DOCKER_SHM = 64 << 20  # what Docker gives a container unless told otherwise (--shm-size)


@dataclass(frozen=True)
class Host:
    """What a training needs of its machine, in bytes.

    `load`: memory of all processes while the weights are read. `resident`: after that. `offloaded`: states and weights that
    live there instead of on the device, in `resident` too. `checkpoint`: one on disk; `kept`: how many are, None for all.
    `shared`: /dev/shm in use by data loaders. `memory`, `disk`, `shm`: what the machine has free, None if not known.
    """

    load: int
    resident: int
    offloaded: int
    checkpoint: int
    kept: int | None
    shared: int
    memory: int | None
    disk: int | None
    shm: int | None

    @property
    def on_disk(self) -> int | None:
        """What all kept checkpoints take together: one is written before the oldest is deleted. None: they are never deleted."""
        return None if self.kept is None else self.checkpoint * (self.kept + 1)


def host_of(question: Question, *, rows: int | None = None, folder: Path | None = None) -> Host:
    """The host's side of a question. `rows`: of the data set, if known; `folder`: where the run is to lie."""
    asked, model = question.asked, question.architecture
    processes = asked.processes
    full = model.parameters * BYTES[asked.dtype]
    trainable, each, tables = trained(asked, model)
    sharded = bool(value(asked, "fsdp")) or stage_of(value(asked, "deepspeed")) == 3
    offloaded = offloaded_bytes(question, trainable, each, tables)
    # Each process maps a file of weights and copies it tensor by tensor; a sharded one holds the whole model first, but for
    # FSDP with cpu_ram_efficient_loading, where only one process does.
    at_load = full if sharded or offloaded else min(full, int(SHARD))
    data = (rows or 0) * asked.length * int(COLUMNS) * 8
    return Host(
        load=int(PROCESS) * processes + at_load * processes + data,
        resident=int(PROCESS) * processes + offloaded * processes + data,
        offloaded=offloaded,
        checkpoint=checkpoint_bytes(question),
        kept=value(asked, "save_total_limit"),
        shared=shared_bytes(question) * processes,
        memory=available_memory(),
        disk=free_disk(folder or Path.cwd()),
        shm=free_disk(Path("/dev/shm")),  # noqa: S108  it is asked how large it is
    )


def offloaded_bytes(question: Question, trainable: int, each: int, tables: int) -> int:
    """What of one process's share lives in host memory: DeepSpeed's offloaded states, FSDP's, paged states, activations."""
    asked, model = question.asked, question.architecture
    config = value(asked, "deepspeed")
    zero = config.get("zero_optimization", {}) if isinstance(config, dict) else {}
    found = 0.0

    def to_cpu(name: str) -> bool:
        part = zero.get(name) if isinstance(zero, dict) else None
        return isinstance(part, dict) and part.get("device") in ("cpu", "nvme")

    if to_cpu("offload_optimizer"):
        # DeepSpeed's estimator: 16 bytes a parameter (fp32 weight, gradient and moments), buffers of half as much again.
        found += 16 * trainable * 1.5 / asked.processes
    if to_cpu("offload_param"):
        found += 2 * model.parameters * 1.5 / asked.processes
    fsdp = value(asked, "fsdp_config")
    if isinstance(fsdp, dict) and (fsdp.get("cpu_offload") or fsdp.get("offload_params")):
        found += (weight_bytes(asked, model) + 2 * trainable * each) / asked.processes
    optim = str(value(asked, "optim"))
    if "paged" in optim:
        found += optimizer_bytes(optim, trainable, each, tables)
    if value(asked, "activation_offloading"):
        rows = asked.batch * (2 if asked.method in ("dpo", "reward") else 1)
        found += model.layers * rows * asked.length * model.hidden * BYTES[asked.dtype]
    return int(found)


def checkpoint_bytes(question: Question) -> int:
    """One checkpoint on disk: the weights in their dtype, or the adapter's alone, and the optimizer's states."""
    asked, model = question.asked, question.architecture
    trainable, each, tables = trained(asked, model)
    weights = trainable * each if value(asked, "use_peft") else model.parameters * BYTES[asked.dtype]
    if asked.method == "ppo" and value(asked, "value_model") != "head":
        weights, trainable = 2 * weights, 2 * trainable
    states = (
        0 if value(asked, "save_only_model") else optimizer_bytes(str(value(asked, "optim")), trainable, each, tables)
    )
    if stage_of(value(asked, "deepspeed")):
        states = 0 if value(asked, "save_only_model") else 12 * trainable  # fp32 master weights and two moments
    return int(weights + states + REST)


def shared_bytes(question: Question) -> int:
    """What the data loader's workers of one process hold in /dev/shm: the batches they made ahead."""
    asked = question.asked
    workers = int(value(asked, "dataloader_num_workers") or 0)
    ahead = int(value(asked, "dataloader_prefetch_factor") or PREFETCH)
    rows = asked.batch * (2 if asked.method in ("dpo", "reward") else 1)
    return workers * ahead * rows * asked.length * int(COLUMNS) * 8


def available_memory() -> int | None:
    """Memory that this process could still take: the machine's, or what its control group allows; None if not known."""
    found = []
    with suppress(OSError, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            most = int(Path(limit).read_text(encoding="ascii"))
            found.append(max(0, most - int(Path(used).read_text(encoding="ascii"))))
        except (OSError, ValueError):
            continue
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def free_disk(folder: Path) -> int | None:
    """What is free on a folder's disk; None if there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
