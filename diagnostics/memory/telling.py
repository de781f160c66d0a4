"""What a crash is told with: sizes as a person reads them, and which of the sentences its numbers are enough for."""

from __future__ import annotations

from typing import Any

from diagnostics.memory.crash import Crash, others_bytes
from diagnostics.memory.records import Estimate

GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10
BARE = "-bare"


def sized(size: float | None) -> str:
    """Bytes as a person reads them."""
    if size is None:
        return "?"
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(size) >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size:.0f} B"


def sentence_of(crash: Crash, estimate: Estimate) -> tuple[str, dict[str, Any]]:
    """The key of a crash's sentence among `CRASHES`, and the facts that it names."""
    sizes = crash.sizes
    needed: float | None
    if crash.kind in ("host", "shm"):
        needed = sizes.allocated
    else:
        needed = held_then(crash) + (sizes.asked or 0) or estimate.total
    facts = {
        "needed": sized(needed),
        "total": sized(sizes.total),
        "asked": sized(sizes.asked),
        "unallocated": sized(sizes.unallocated),
        "growth": sized(crash.growth or 0),
        "others": sized(others_bytes(sizes)),
        "vllm": sized(crash.vllm),
        "length": crash.length,
    }
    enough = {
        "shortage": sizes.total,
        "vllm": crash.vllm,
        "longer-batch": crash.length,
        "host": sizes.total and needed,
        # Data loaders that hold less than half of it are not what filled it.
        "shm": sizes.total and needed and needed >= sizes.total / 2,
    }
    return (crash.kind if enough.get(crash.kind, True) else f"{crash.kind}{BARE}"), facts


def held_then(crash: Crash) -> float:
    """What was in use on the device: by this process; of a message that does not tell that, by all; else what PyTorch held."""
    sizes = crash.sizes
    if sizes.process is not None:
        return sizes.process
    if sizes.total is not None and sizes.free is not None:
        return sizes.total - sizes.free
    return (sizes.allocated or 0) + (sizes.unallocated or 0)
