"""How much memory the models of the workers may take together."""

from __future__ import annotations

import os
from pathlib import Path

from diagnostics.run.refusal import BadValue

VARIABLE = "CLINIC_MODEL_MEMORY_GIB"
GIB = 1 << 30
# A worker that holds no model yet: 340 to 381 MB resident (measured: torch 2.13 for CPU, transformers 5.23, peft, Linux).
WORKER_BYTES = 400 << 20
# Of the memory that is free at the start; the rest is for activations, caches and what else the machine does. Ours.
SHARE = 0.7


def budget() -> int:
    """The bytes that all models together may take: what CLINIC_MODEL_MEMORY_GIB says, else 70 % of what is free.

    It counts the machine's memory. With an accelerator the weights lie there: then set the variable to its size.

    Raises:
        ValueError: the variable is no positive number.
    """
    said = os.environ.get(VARIABLE)
    if said is None:
        return int(SHARE * available())
    try:
        number = float(said)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise BadValue(f"{VARIABLE}={said}: expected a number of GiB.", f"{VARIABLE}={said}：应为 GiB 数。")
    return int(number * GIB)


def available() -> int:
    """The bytes of memory that a new process could have: Linux says so itself, elsewhere half of all is taken."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return min(int(line.split()[1]) * 1024, limit_of_group())
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def limit_of_group() -> int:
    """What a container's limit leaves, in bytes (control groups version 2); without a limit a number beyond all."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1 << 62
    return 1 << 62 if limit == "max" else max(0, int(limit) - used)


def gib(size: int) -> str:
    """Bytes as GiB, as a person reads them."""
    return f"{size / GIB:.1f} GiB"
