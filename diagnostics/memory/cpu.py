"""A training on the CPU under a limit: how much of the limit is left for tensors, by what the limit counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from diagnostics.finding import Limit

GIB = 1 << 30
# resident: what is in memory (a control group's limit, a machine's memory); data: private memory (RLIMIT_DATA, `ulimit -d`);
# address: everything mapped (RLIMIT_AS, `ulimit -v`).
Kind = Literal["resident", "data", "address"]

MEASURED = "measured: SFT of a model of 0.85 M parameters at batches of 1, 32 and 128, torch 2.13 (CPU), two threads"
# What the process takes before its tensors, and what it takes for each byte of them: malloc keeps what was freed, in pieces.
PROCESS: Mapping[Kind, Limit] = {
    "resident": Limit(0.5 * GIB, "bytes", MEASURED),
    "data": Limit(1.5 * GIB, "bytes", MEASURED),
    "address": Limit(2.5 * GIB, "bytes", MEASURED),
}
FOR_A_BYTE: Mapping[Kind, Limit] = {
    "resident": Limit(1.2, "bytes a byte of tensors", MEASURED),
    "data": Limit(1.45, "bytes a byte of tensors", MEASURED),
    "address": Limit(1.5, "bytes a byte of tensors", MEASURED),
}


def room(limit: float, kind: Kind = "resident") -> int:
    """The bytes of tensors that a limit leaves room for; 0 where the process alone is larger."""
    return max(0, int((limit - PROCESS[kind]) / FOR_A_BYTE[kind]))


def needed(tensors: float, kind: Kind = "resident") -> int:
    """What a process with so many bytes of tensors takes of a limit."""
    return int(PROCESS[kind] + FOR_A_BYTE[kind] * tensors)
