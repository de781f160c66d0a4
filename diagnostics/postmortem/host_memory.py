"""Out of the machine's memory: the sizes in what torch, numpy, the kernel and Ray say of it, and in words on /dev/shm."""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnostics.postmortem.memory import SIZE, UNITS

# torch: `DefaultCPUAllocator: can't allocate memory: you tried to allocate 17179869184 bytes`; numpy: `Unable to allocate 268.
# GiB for an array with shape (900000, 40000)`; torch's shared memory: `unable to mmap 4096 bytes from file </torch_1_2>`; NCCL:
# `Error while creating shared memory segment /dev/shm/nccl-a (size 9637888)`.
ASKED = re.compile(
    r"tried to allocate (?P<torch>\d+) bytes|unable to mmap (?P<mapped>\d+) bytes|shared memory segment \S+ \(size (?P<nccl>\d+)\)"
)
ASKED_UNITS = re.compile(rf"Unable to allocate {SIZE}")
# The kernel, of a control group: `memory: usage 8388608kB, limit 8388608kB, failcnt 4211`; of the process that it killed:
# `Killed process 4242 (python) total-vm:24117248kB, anon-rss:8212344kB`.
LIMIT = re.compile(r"memory: usage \d+kB, limit (?P<size>\d+)kB")
HELD = re.compile(r"anon-rss:(?P<size>\d+)kB")
# Ray: `Memory on the node (IP: ...) where the task ... was running was 15.49GB / 16.00GB (0.968)`; its GB are GiB.
RAY = re.compile(r"was running was (?P<held>[\d.]+)GB / (?P<limit>[\d.]+)GB")
KIB, GIB = 1 << 10, 1 << 30
# A control group without a limit has about 2^63 bytes.
UNLIMITED = 1 << 60


@dataclass(frozen=True)
class HostSizes:
    """In bytes, None where nothing tells. `asked`: the request that failed; `limit`: of all processes; `held`: by the one killed."""

    asked: float | None = None
    limit: int | None = None
    held: int | None = None


def host_sizes_in(text: str) -> HostSizes:
    """The sizes in the lines around the end of a run."""
    asked, units, ray = ASKED.search(text), ASKED_UNITS.search(text), RAY.search(text)
    limit, held = LIMIT.search(text), HELD.search(text)
    found = float(next(one for one in asked.groups() if one)) if asked else None
    if found is None and units:
        found = float(units["size"].rstrip(".")) * UNITS[units["unit"]]
    most = int(limit["size"]) * KIB if limit else int(float(ray["limit"]) * GIB) if ray else None
    return HostSizes(
        asked=found,
        limit=most if most is not None and most < UNLIMITED else None,
        held=int(held["size"]) * KIB if held else int(float(ray["held"]) * GIB) if ray else None,
    )
