"""The machine on which a run was trained, as its worker wrote it down: memory, the limits on the process, the accelerator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json
from diagnostics.run.folder import RUN_FILE
from diagnostics.run.status import STATUS_FILE


@dataclass(frozen=True)
class Machine:
    """What a worker had, in bytes; None where it is not known.

    `memory`: of the whole machine. `limits`: by what they count: `resident` of its control group, all of whose processes share
    it; `data` and `address` of each process (RLIMIT_DATA, RLIMIT_AS). `shm`: /dev/shm. `accelerator`: its kind, `cpu` for none.
    `device`: the memory of one accelerator. `processes`: that trained together.
    """

    memory: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    shm: int | None = None
    accelerator: str | None = None
    device: int | None = None
    processes: int | None = None


def read_machine(folder: Path) -> Machine:
    """The machine of a run folder: from `status.json`, and how many processes from `run.json`; nothing known if neither tells."""
    content = part(folder / STATUS_FILE, "machine")
    given = content.get("limits")
    limits = {
        name: size for name, value in (given.items() if isinstance(given, dict) else ()) if (size := whole(value))
    }
    asked = part(folder / RUN_FILE)
    # A launcher's own config decides how many processes there are; run.json does not tell then.
    told = whole(asked.get("processes")) if not asked.get("accelerate_config") else None
    accelerator = content.get("accelerator")
    return Machine(
        memory=whole(content.get("memory")),
        limits=limits,
        shm=whole(content.get("shm")),
        accelerator=accelerator if isinstance(accelerator, str) else None,
        device=whole(content.get("device")),
        processes=told,
    )


def part(path: Path, key: str | None = None) -> dict[str, Any]:
    """A JSON object, or the object under one of its keys; {} where there is none."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    if key is not None and isinstance(content, dict):
        content = content.get(key)
    return content if isinstance(content, dict) else {}


def whole(value: Any) -> int | None:
    """A whole number above 0; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
