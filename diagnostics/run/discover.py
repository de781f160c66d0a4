"""Which runs lie below a folder, kept up to date cheaply."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from diagnostics.run.folder import is_run
from diagnostics.run.reader import RunReader
from diagnostics.run.record import Run, RunUnreadable
from diagnostics.run.refusal import Sentence, sentence_of


def printable(name: str) -> str:
    """The name of a file as a text that can be shown: what is not UTF-8 in it is written as escapes."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


@dataclass
class RunStore:
    """The runs directly below a root folder. Each is read again only when a file of it changed."""

    root: Path
    _readers: dict[str, RunReader] = field(default_factory=dict)
    # Handlers of a dashboard run in threads, and a reader keeps its place in the files it has read.
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def names(self) -> list[str]:
        """The names of the run folders, sorted. Folders whose name begins with a dot are not runs."""
        return [name for name in self._folders() if printable(name) == name]

    def trouble(self) -> OSError | None:
        """Why the root cannot be listed: it is gone, no folder, or closed to this user; None if it can."""
        try:
            os.scandir(self.root).close()
        except OSError as error:
            return error
        return None

    def _folders(self) -> list[str]:
        """As `names`, with those that no text can hold."""
        try:
            with os.scandir(self.root) as entries:
                folders = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith((".", "_"))]
        except OSError:
            return []
        return sorted(name for name in folders if is_run(self.root / name))

    def get(self, name: str) -> Run:
        """One run as it is now.

        Raises:
            RunUnreadable: there is no run of that name below the root, or nothing of it can be read.
        """
        if name in ("", ".", "..") or Path(name).name != name or not is_run(self.root / name):
            raise RunUnreadable(
                f"{name}: there is no such run in {self.root}.", f"{name}：{self.root} 中没有这次运行。"
            )
        with self._lock:
            return self._readers.setdefault(name, RunReader(self.root / name)).read()

    def all(self) -> tuple[list[Run], dict[str, str]]:
        """All readable runs, oldest start first, and for each unreadable one the sentence that says why."""
        runs: list[Run] = []
        broken: dict[str, str] = {}
        for name in self._folders():
            if (shown := printable(name)) != name:
                broken[shown] = Sentence(
                    f"{self.root / shown}: its name is not UTF-8, so no page can name it; rename the folder.",
                    f"{self.root / shown}：文件夹名不是 UTF-8，页面无法引用；请重命名该文件夹。",
                )
                continue
            try:
                runs.append(self.get(name))
            except (RunUnreadable, OSError) as error:
                broken[name] = sentence_of(error)
        return sorted(runs, key=lambda run: (run.status.started or 0.0, run.name)), broken

    def signature(self) -> str:
        """A text that changes whenever a run appears, vanishes or changes."""
        folders = self._folders()
        parts = [str(self.trouble()), *(name for name in folders if printable(name) != name)]
        with self._lock:
            for name in folders:
                if printable(name) != name:
                    continue
                reader = self._readers.setdefault(name, RunReader(self.root / name))
                parts.append(f"{name}:{reader.signature()}")
        return str(hash(tuple(parts)))

    def active(self) -> bool:
        """Whether any run was at work when the folder was looked at last."""
        return any(reader.active for reader in tuple(self._readers.values()))
