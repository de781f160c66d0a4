"""Where things lie and how big they are: counted in the background, so that no page waits for a disk."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dashboard.clinic import WORKERS_FOLDER, Clinic
from dashboard.compare.ballot import votes_path
from dashboard.learn.progress import KEPT as COURSE
from dashboard.sharing.state import FOLDER as SHARE_FOLDER

FRESH_SECONDS = 60.0
UNITS = ("kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Place:
    """A file or a folder that the dashboard keeps something in. `key`: of its text, after `settings.place_`."""

    key: str
    path: Path


def places(clinic: Clinic) -> list[Place]:
    """Where everything lies."""
    return [
        Place("runs", clinic.root),
        Place("marks", clinic.marks.path),
        Place("settings", clinic.settings.path),
        Place("votes", votes_path(clinic)),
        Place("course", clinic.root / COURSE),
        Place("workers", clinic.root / WORKERS_FOLDER),
        Place("share", clinic.root / SHARE_FOLDER),
        Place("cache", clinic.cache.folder),
    ]


class Sizes:
    """The sizes of some places in bytes, as they were counted last; counted anew when they are asked for and old."""

    def __init__(self, fresh: float = FRESH_SECONDS) -> None:
        self._fresh = fresh
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[float, int]] = {}
        self._counting = False

    def of(self, paths: Iterable[Path]) -> dict[Path, int | None]:
        """What is known of these; None of those not counted yet. Those that are old are counted in the background."""
        listed = list(paths)
        now = time.monotonic()
        with self._lock:
            old = [one for one in listed if one not in self._known or now - self._known[one][0] > self._fresh]
            if old and not self._counting:
                self._counting = True
                threading.Thread(target=self._count, args=(old,), name="sizes", daemon=True).start()
            return {one: self._known[one][1] if one in self._known else None for one in listed}

    def _count(self, paths: list[Path]) -> None:
        try:
            for one in paths:
                found = size_of(one)
                with self._lock:
                    self._known[one] = (time.monotonic(), found)
        finally:
            with self._lock:
                self._counting = False

    def forget(self, path: Path) -> None:
        """Something was changed there: count it again."""
        with self._lock:
            self._known.pop(path, None)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files below a folder; links are not followed, a file of two names counts once.

    What cannot be read counts as nothing, and so does what is not there.
    """
    try:
        first = path.lstat()
    except OSError:
        return 0
    if not stat.S_ISDIR(first.st_mode):
        return first.st_size
    total = 0
    seen: set[tuple[int, int]] = set()
    folders: list[str | Path] = [path]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for one in entries:
            try:
                found = one.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                folders.append(one.path)
            elif found.st_nlink < 2 or (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total


def size_words(size: int) -> str:
    """Bytes as a person reads them, in powers of 1,000."""
    if size < 1000:
        return f"{size} B"
    amount = size / 1000
    units = iter(UNITS)
    unit = next(units)
    while amount >= 999.5 and (larger := next(units, None)) is not None:
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 99.95 else f"{amount:.0f} {unit}"


def writable(folder: Path) -> str | None:
    """Why no file can be written into a folder; None if one can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def free_bytes(folder: Path) -> int | None:
    """The bytes that are free where a folder lies; None where that is not known."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
