"""Sources of the Hub: downloaded by a process of its own into the Hub's cache, then they are folders like any other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from diagnostics.compare.models.environment import worker_environment
from diagnostics.compare.models.sources import ADAPTER_CONFIG, Source, SourceUnusable, base_of
from diagnostics.run.refusal import told_in


class Fetch:
    """The download of one source, or of the base below an adapter. It shows in `result` when it is through."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def needed(source: Source) -> bool:
        """Whether something of the source is known by a Hub name only."""
        if source.kind == "hub":
            return True
        return source.kind == "adapter" and source.base is not None and not Path(source.base).is_dir()

    def result(self) -> Source | None:
        """The source as folders; None while the download goes on.

        Raises:
            SourceUnusable: the name is not on the Hub, there is no network, or nothing there can be opened safely.
        """
        name = self.source.path if self.source.kind == "hub" else self.source.base
        assert name is not None
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "diagnostics.probes.fetch", name],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                env=worker_environment(),
                start_new_session=True,
            )
        if self._process.poll() is None:
            return None
        assert self._process.stdout is not None
        lines = self._process.stdout.read().decode("utf-8", "replace").splitlines()
        self._process.stdout.close()
        code = self._process.returncode
        self._process = None
        try:
            told = json.loads(lines[-1])
        except (ValueError, IndexError):
            raise SourceUnusable(
                f"{name}: the download ended ({code}) without a word.", f"{name}：下载结束（{code}），没有任何说明。"
            ) from None
        if "error" in told:
            raise SourceUnusable.of(told_in(told, "error"))
        folder = Path(told["path"])
        if self.source.kind == "adapter":
            self.source = replace(self.source, base=str(folder))
        elif (folder / ADAPTER_CONFIG).is_file():
            self.source = replace(self.source, kind="adapter", path=str(folder), base=base_of(folder))
        else:
            self.source = replace(self.source, kind="model", path=str(folder))
        return None if self.needed(self.source) else self.source

    def cancel(self) -> None:
        """Stop the download; what has come stays in the Hub's cache and is not fetched again."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()


def located(source: Source) -> Source:
    """The source as folders, after waiting for its download if it needs one.

    Raises:
        SourceUnusable: see `Fetch.result`.
    """
    if not Fetch.needed(source):
        return source
    fetch = Fetch(source)
    try:
        while (found := fetch.result()) is None:
            time.sleep(0.1)
    finally:
        fetch.cancel()
    return found
