"""One check of the environment and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what mends it.

    `well`: nothing to mend. `pip` and `uv`: the commands that repair it, the one or the other; `hint`: what else does.
    """

    name: str
    well: bool
    found: str
    pip: tuple[str, ...] = field(default=())
    uv: tuple[str, ...] = field(default=())
    hint: str = ""
