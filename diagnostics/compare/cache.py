"""Answers kept by what they follow from: weights, prompt, sampling, seed. A repeated comparison then costs nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diagnostics.compare.answers import Answer
from diagnostics.compare.fingerprint import Hashes, digest, hashes_of
from diagnostics.compare.mailbox import Row
from diagnostics.compare.sources import Source

# Raised when the same weights and seed would be answered otherwise, so that older answers are not taken for new ones.
VERSION = 1
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
        """The answers kept of a source, by the key of their row. A damaged or half-written line is passed over."""
        found: dict[str, dict[str, Any]] = {}
        state = self.state(source)
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

    def keep(self, source: Source, rows: dict[str, Answer]) -> None:
        """Keep whole answers of a source; those that were cancelled or failed are not for keeping.

        Raises:
            OSError: the folder cannot be written.
        """
        state = self.state(source)
        whole = {key: one for key, one in rows.items() if one.stop in ("end", "length")}
        if state is None or not whole:
            return
        text = "".join(
            json.dumps({"key": key} | {name: asdict(one)[name] for name in KEPT}, ensure_ascii=False) + "\n"
            for key, one in whole.items()
        )
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            # One write at the end of the file: two processes that share the folder do not mix their lines.
            with self._path(state).open("ab", buffering=0) as file:
                file.write(text.encode("utf-8", "backslashreplace"))

    def _path(self, state: str) -> Path:
        return self.folder / f"{state}.jsonl"


def row_key(row: Row) -> str:
    """What an answer follows from beside the source. Without temperature the seed and top_p do nothing."""
    sampling = asdict(row.sampling)
    if row.sampling.temperature == 0:
        sampling |= {"seed": 0, "top_p": 1.0}
    told = json.dumps([VERSION, list(row.messages), sampling], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
