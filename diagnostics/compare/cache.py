"""Answers kept by what they follow from: weights, prompt, sampling, seed. A repeated comparison then costs nothing."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diagnostics.compare.answers import Answer
from diagnostics.compare.models.fingerprint import CacheUnwritable, Hashes, digest, hashes_of, writing_into
from diagnostics.compare.models.mailbox import Row
from diagnostics.compare.models.sources import Source

# Raised when the same weights and seed would be answered otherwise, so that older answers are not taken for new ones.
VERSION = 1
OURS = re.compile(r"[0-9a-f]{64}")
KEPT = ("text", "tokens", "stop", "seconds", "special")


def default_folder() -> Path:
    """Where answers are kept unless it is said otherwise: below the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "trl-clinic" / "answers"


class AnswerCache:
    """Answers below a folder, one file for each state of a source: `<hash>.jsonl`, lines appended.

    Answers of endpoints are never kept: what stands behind an address can change unseen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hashes = Hashes(folder / "hashes.json")
        self._lock = threading.Lock()

    def state(self, source: Source) -> str | None:
        """The hash of all that a source answers from; None if it has no files that are known here.

        Raises:
            OSError: a file cannot be read.
        """
        files = hashes_of(source, self.hashes)
        return digest(files, source) if files else None

    def read(self, source: Source) -> dict[str, dict[str, Any]]:
        """The answers kept of a source as it is now, by the key of their row.

        Raises:
            OSError: a file of the source cannot be read.
        """
        return self.read_state(self.state(source))

    def read_state(self, state: str | None) -> dict[str, dict[str, Any]]:
        """The answers kept of a state, by the key of their row. A damaged or half-written line is passed over."""
        found: dict[str, dict[str, Any]] = {}
        if state is None:
            return found
        try:
            lines = self._path(state).read_bytes().splitlines()
        except FileNotFoundError:
            return found
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                found[row["key"]] = {name: row[name] for name in KEPT}
        return found

    def keep(self, source: Source, rows: dict[str, Answer], asked_as: str | None = None) -> None:
        """Keep whole answers of a source; those that were cancelled or failed are not for keeping.

        `asked_as`: its state when it was asked. If its files were written anew or deleted since, nobody can tell which
        of them answered, and nothing is kept.

        Raises:
            CacheUnwritable: the folder cannot be written.
        """
        try:
            state = self.state(source)
        except CacheUnwritable:
            raise
        except OSError:
            return
        if asked_as is not None and state != asked_as:
            return
        whole = {key: one for key, one in rows.items() if one.stop in ("end", "length")}
        if state is None or not whole:
            return
        text = "".join(
            json.dumps({"key": key} | {name: asdict(one)[name] for name in KEPT}, ensure_ascii=False) + "\n"
            for key, one in whole.items()
        )
        data = text.encode("utf-8", "backslashreplace")
        # One write at the end of the file: two processes that share the folder do not mix their lines.
        with self._lock, writing_into(self.folder), self._path(state).open("ab", buffering=0) as file:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def empty(self) -> tuple[int, int]:
        """Delete all that is kept, and nothing else that may lie in the folder; how many states and bytes are gone.

        Raises:
            OSError: a file cannot be deleted.
        """
        count = size = 0
        with self._lock:
            for path in sorted(self.folder.glob("*.jsonl")):
                if OURS.fullmatch(path.stem) and path.is_file():
                    size += path.stat().st_size
                    path.unlink(missing_ok=True)
                    count += 1
        return count, size

    def _path(self, state: str) -> Path:
        return self.folder / f"{state}.jsonl"


def row_key(row: Row) -> str:
    """What an answer follows from beside the source. Without temperature the seed and top_p do nothing."""
    # 0 and 0.0 are one temperature, but two texts.
    sampling = asdict(row.sampling) | {
        "temperature": float(row.sampling.temperature),
        "top_p": float(row.sampling.top_p),
    }
    if row.sampling.temperature == 0:
        sampling |= {"seed": 0, "top_p": 1.0}
    told = json.dumps([VERSION, list(row.messages), sampling], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
