"""What the machine offers: accelerator and precision, disk, memory, shared memory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from training.doctor.check import Check
from training.doctor.packages import Pin, install

GIB = 1 << 30
# A checkpoint of a model of 0.5 billion parameters with its optimizer: 3 x 4 bytes a parameter, 5.6 GiB.
DISK_BYTES = 6 * GIB
# A worker's libraries alone take 0.5 GiB (467 MiB resident after importing torch and TRL's trainers, on a CPU).
MEMORY_BYTES = 2 * GIB
# Docker gives 64 MiB, on which data loader processes and NCCL run out; its own advice for PyTorch is more.
SHARED_BYTES = 1 * GIB


def check_accelerator(pins: list[Pin]) -> Check:
    """The accelerator that torch sees, and the precisions it supports. No accelerator is nothing to mend."""
    try:
        import torch
    except ModuleNotFoundError:
        return Check("accelerator", True, "not looked at: torch is not installed")
    except Exception as error:  # a broken installation raises what its loader raises
        words = [f"torch=={pin.version}" for pin in pins if pin.name == "torch"] or ["torch"]
        pip, uv = install(["--force-reinstall", *words])
        return Check("accelerator", False, f"torch cannot be imported ({' '.join(str(error).split())})", pip, uv)
    if not torch.accelerator.is_available():
        return Check("accelerator", True, "none: the CPU, in float32 (bf16 took 4.6 times as long there)")
    count = torch.accelerator.device_count()
    if not torch.cuda.is_available():
        return Check(
            "accelerator", True, f"{count} x {torch.accelerator.current_accelerator()}; precision not looked at"
        )
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    precision = "bf16 and fp16" if bf16 else "fp16, no bf16: set bf16=false fp16=true"
    return Check("accelerator", True, f"{count} x {torch.cuda.get_device_name(0)}; {precision}")


def check_disk(runs: Path, free: int | None = None) -> Check:
    """The free space where runs land."""
    place = runs.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free if free is None else free
    hint = "" if free >= DISK_BYTES else f"`python -m training delete {runs}/RUN` or another folder with --run"
    return Check("disk", free >= DISK_BYTES, f"{free / GIB:.1f} GiB free at {place}, 6 advised", hint=hint)


def check_memory(available: int | None = None) -> Check:
    """The memory that programs can still get."""
    available = available_memory() if available is None else available
    if available is None:
        return Check("memory", True, "not looked at: this system does not tell")
    well = available >= MEMORY_BYTES
    return Check(
        "memory", well, f"{available / GIB:.1f} GiB available, 2 advised", hint="" if well else "end other programs"
    )


def available_memory() -> int | None:
    """Bytes of memory available; None where it cannot be read."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def check_shared_memory(folder: Path = Path("/dev/shm"), size: int | None = None) -> Check:  # noqa: S108  looked at only
    """The size of shared memory, on which the processes of a data loader and of NCCL exchange tensors."""
    if size is None and not folder.is_dir():
        return Check("shared memory", True, f"not looked at: there is no {folder}")
    size = shutil.disk_usage(folder).total if size is None else size
    well = size >= SHARED_BYTES
    return Check(
        "shared memory", well, f"{size / GIB:.2f} GiB at {folder}, 1 advised",
        hint="" if well else "in a container: `docker run --shm-size 2g` or `--ipc host`",
    )  # fmt: skip
