"""The settings of one runs folder: limits kept in one small file, read again when it changes, with defaults for what is damaged."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.alone import alone
from diagnostics.run.files import read_json, write_json

FOLDER, FILE = ".clinic", "settings.json"


@dataclass(frozen=True)
class Range:
    """What a setting may be: a number from `least` to `most` in its unit; `default` while nothing is kept."""

    least: float
    most: float
    default: float | None
    whole: bool = True

    def holds(self, value: Any) -> bool:
        """Whether a value is such a number."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return False
        return self.least <= value <= self.most and (not self.whole or value == int(value))


PAGE_ROWS = 25  # the curves below are not far away, and a row that changes has few beside it
# A worker without a model takes 0.4 GiB. Tokens: the Compare page's slider ends there. Plots: as many are laid out.
RANGES: Mapping[str, Range] = {
    "model_memory_gib": Range(0.5, 16384, None, whole=False),
    "max_new_tokens": Range(1, 1024, 128),
    "rows": Range(10, 1000, PAGE_ROWS),
    "plots": Range(1, 12, 12),
}


@dataclass(frozen=True)
class Kept:
    """The settings as they hold.

    `values`: by the names of `RANGES`. `damage`: why the file cannot be read, if it cannot. `odd`: the names of what stands
    in it and is out of range, so that the default holds.
    """

    values: Mapping[str, float | None] = field(
        default_factory=lambda: {name: one.default for name, one in RANGES.items()}
    )
    damage: str = ""
    odd: tuple[str, ...] = ()

    @property
    def memory_gib(self) -> float | None:
        """What the models may take together, in GiB; None: as much as the machine had free."""
        return self.values["model_memory_gib"]

    def whole(self, name: str) -> int:
        """A setting that is a whole number."""
        return int(self.values[name] or 0)


class SettingsDamaged(Exception):
    """The file holds something else, so that nothing is written over it. The message is why."""


class Settings:
    """The settings of one folder of runs."""

    def __init__(self, root: Path) -> None:
        self.path = root / FOLDER / FILE
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], Kept] | None = None

    def stamp(self) -> tuple[int, int]:
        """Size and time of the file, which change with every change of a setting; zeros if there is none."""
        try:
            stat = self.path.stat()
        except OSError:
            return (0, 0)
        return (stat.st_size, stat.st_mtime_ns)

    def now(self) -> Kept:
        """The settings as they hold at this moment."""
        stamp = self.stamp()
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, kept_in(self.path))
        return self._read[1]

    def change(self, changes: Mapping[str, float | None]) -> None:
        """Keep some settings; None takes one back to its default. What else stands in the file stays.

        Raises:
            SettingsDamaged: the file is there and is none of settings; it is left as it is.
            ValueError: a value is out of range.
            OSError: the file cannot be written.
        """
        for name, value in changes.items():
            if value is not None and not RANGES[name].holds(value):
                raise ValueError(f"{name}: {value} is not from {RANGES[name].least:g} to {RANGES[name].most:g}.")
        with self._lock, alone(self.path):
            content = content_of(self.path)
            for name, value in changes.items():
                content.pop(name, None)
                if value is not None and value != RANGES[name].default:
                    content[name] = int(value) if RANGES[name].whole else value
            write_json(self.path, content)
            self._read = None


def content_of(path: Path) -> dict[str, Any]:
    """What stands in a file of settings; nothing if there is none.

    Raises:
        SettingsDamaged: it is none.
    """
    try:
        content = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsDamaged(str(getattr(error, "strerror", None) or error)) from error
    if not isinstance(content, dict):
        raise SettingsDamaged(f"a {type(content).__name__} where an object was expected")
    return content


def kept_in(path: Path) -> Kept:
    """The settings that a file gives, defaults for the rest."""
    try:
        content = content_of(path)
    except SettingsDamaged as error:
        return Kept(damage=str(error))
    there = {name: content[name] for name in RANGES if name in content}
    odd = tuple(name for name, value in there.items() if not RANGES[name].holds(value))
    defaults = {name: one.default for name, one in RANGES.items()}
    return Kept({**defaults, **{name: there[name] for name in there if name not in odd}}, odd=odd)
