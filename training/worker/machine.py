"""What the machine gives a worker: its memory, the limits on the process, shared memory, the accelerator."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

SHARED = Path("/dev/shm")  # noqa: S108  it is asked how large it is
GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
# Without a limit cgroup v1 gives the largest multiple of a page below 2^63.
UNLIMITED = 1 << 60


def machine() -> dict[str, Any]:
    """What is known without torch, as `status.json` keeps it (diagnostics/run/machine.py): bytes, None where it is not told."""
    shared = shutil.disk_usage(SHARED).total if SHARED.is_dir() else None
    return {"memory": total_memory(), "limits": limits(), "shm": shared}


def accelerator(use_cpu: bool) -> dict[str, Any]:
    """The kind of accelerator on which the worker trains, `cpu` for none, and the memory of one."""
    import torch

    if use_cpu or not torch.accelerator.is_available():
        return {"accelerator": "cpu", "device": None}
    current = torch.accelerator.current_accelerator()
    kind = str(current.type) if current is not None else None
    size = int(torch.cuda.get_device_properties(0).total_memory) if kind == "cuda" else None
    return {"accelerator": kind, "device": size}


def total_memory() -> int | None:
    """The memory of the whole machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def limits() -> dict[str, int]:
    """The limits on this process, by what they count; one that is not set is not among them."""
    found = {"resident": group_limit(), **process_limits()}
    return {name: size for name, size in found.items() if size is not None}


def process_limits() -> dict[str, int | None]:
    """Those of the process itself, which its children have too; none where the system knows none."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    kinds = {"data": resource.RLIMIT_DATA, "address": resource.RLIMIT_AS}
    soft = {name: resource.getrlimit(kind)[0] for name, kind in kinds.items()}
    return {name: None if size == resource.RLIM_INFINITY else size for name, size in soft.items()}


def group_limit(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> int | None:
    """The least memory limit of the process's control groups, from its own up to the root; None without one."""
    found = []
    for folder, name in group_folders(groups, own):
        with suppress(OSError, ValueError):
            size = int((folder / name).read_text(encoding="ascii"))
            found += [size] if size < UNLIMITED else []
    return min(found, default=None)


def group_folders(groups: Path, own: Path) -> list[tuple[Path, str]]:
    """The folders of the process's memory groups, and the name of the limit in each; cgroup v2, and v1.

    A container sees its own group as the root, whatever the path says; so the root is always looked at.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [(groups, "memory.max"), (groups / "memory", "memory.limit_in_bytes")]
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        parts = [one for one in path.split("/") if one and one != ".."]
        root, name = (groups, "memory.max") if not controllers else (groups / "memory", "memory.limit_in_bytes")
        if controllers and "memory" not in controllers.split(","):
            continue
        found += [(root.joinpath(*parts[:end]), name) for end in range(1, len(parts) + 1)]
    return found
