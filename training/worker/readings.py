"""What a worker's memory is at a moment: what its tensors hold on the device, what of main memory is its own, how near the limits."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from training.worker.machine import GROUPS, OWN_GROUPS, UNLIMITED, group_folders, process_limits

GIB = 1 << 30
STATUS = Path("/proc/self/status")
MEMORY = Path("/proc/meminfo")
# The names under which readings are logged; the Trainer puts `train/` before them.
PRIVATE, SHARE = "memory/host_private_gib", "memory/host_share"
ALLOCATED, PEAK = "memory/device_allocated_gib", "memory/device_peak_share"
# What a group's own processes hold that no file backs, by cgroup v2 and v1.
HELD = ("anon", "total_rss")


def readings() -> dict[str, float]:
    """All readings that this system gives. They cost less than a millisecond; nothing is synchronised."""
    return {**host(), **device()}


def host(status: Path = STATUS, memory: Path = MEMORY) -> dict[str, float]:
    """GiB of main memory that no file backs, and the share that is in use of whichever limit is nearest.

    Pages of files, such as those of a data set that is read, come and go as the system likes, and are not counted.
    """
    fields = sizes_of(status)
    private = fields.get("RssAnon")
    if private is None:
        return {}
    used = {"address": fields.get("VmSize"), "data": fields.get("VmData")}
    shares = [used[name] / most for name, most in process_limits().items() if most and used.get(name)]  # type: ignore[operator]
    total = sizes_of(memory)
    if "MemTotal" in total and "MemAvailable" in total:
        shares.append(1 - total["MemAvailable"] / total["MemTotal"])
    shares += [held / most for held, most in groups()]
    return {PRIVATE: private / GIB, **({SHARE: max(shares)} if shares else {})}


def sizes_of(path: Path) -> dict[str, int]:
    """The sizes of a file of /proc by their names, in bytes: lines such as `VmSize:  1234 kB`."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    parts = [line.split() for line in lines]
    return {one[0].rstrip(":"): int(one[1]) << 10 for one in parts if len(one) == 3 and one[1].isdigit()}


def groups() -> list[tuple[int, int]]:
    """Of each control group with a limit: what its processes hold, and the limit, in bytes."""
    found = []
    for folder, limit in limited_groups():
        try:
            text = (folder / "memory.stat").read_text(encoding="ascii")
        except OSError:
            continue
        stat = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
        held = next((int(stat[name]) for name in HELD if name in stat), None)
        if held is not None:
            found.append((held, limit))
    return found


@lru_cache(maxsize=1)
def limited_groups() -> tuple[tuple[Path, int], ...]:
    """The control groups of this process that have a limit, and the limit in bytes; looked up once."""
    found = []
    for folder, name in group_folders(GROUPS, OWN_GROUPS):
        try:
            size = int((folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        found += [(folder, size)] if size < UNLIMITED else []
    return tuple(found)


def device() -> dict[str, float]:
    """GiB that tensors hold on the device now, and the share of it that was in use at the peak of tensors; {} without CUDA.

    What the allocator keeps without use it gives back before it fails, so it is not counted; the context and others are.
    """
    import torch

    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    free, total = torch.cuda.mem_get_info()
    beside = max(0, total - free - torch.cuda.memory_reserved())
    share = (torch.cuda.max_memory_allocated() + beside) / total
    return {ALLOCATED: torch.cuda.memory_allocated() / GIB, PEAK: share}
