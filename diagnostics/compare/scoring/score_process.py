"""A process that scores answers, started, watched and ended: see `diagnostics.probes.score_worker`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diagnostics.compare.models.environment import worker_environment
from diagnostics.compare.models.mailbox import EventTail
from diagnostics.run.files import tail
from diagnostics.run.refusal import Sentence, told_with


class ScoreProcess:
    """One scoring job. Whatever the user's code does in it, hanging or dying included, costs this job only."""

    def __init__(self, kind: str, what: str, rows: Sequence[dict[str, Any]]) -> None:
        self.what = what
        self.folder = Path(tempfile.mkdtemp(prefix="clinic-score-"))
        job = json.dumps({"kind": kind, "what": what, "rows": list(rows)}, ensure_ascii=False, default=str)
        (self.folder / "job.json").write_bytes(job.encode("utf-8", "backslashreplace"))
        threads = str(max(1, (os.cpu_count() or 2) // 2))
        with (self.folder / "console.log").open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "diagnostics.probes.score_worker", str(os.getpid()), str(self.folder)],
                stdout=console,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=worker_environment(CLINIC_THREADS=threads),
                start_new_session=True,
            )
        self.over = False
        self._tail = EventTail(self.folder / "events.jsonl")

    def read_new(self) -> list[dict[str, Any]]:
        """The events since the last call; a process that died without a word gets an `error` of its own."""
        alive = self.process.poll() is None  # asked before reading: what it wrote just before it died is still read
        events = self._tail.read_new()
        if events and events[-1]["event"] == "end":
            self.over = True
        elif not alive:
            self.over = True
            last = self.last_words()
            why = Sentence(f"{self.what}: {last}", f"{self.what}：{last.chinese}")
            events.append({"event": "error", **told_with(why)})
        return events

    def last_words(self) -> Sentence:
        """Why the process ended, in a sentence."""
        code = self.process.returncode
        how, how_zh = f"ended ({code})", f"结束了（{code}）"
        if code < 0:
            name = signal.Signals(-code).name
            how, how_zh = f"was killed by signal {-code} ({name})", f"被信号 {-code}（{name}）杀死"
        lines = tail(self.folder / "console.log", 1)
        last = f" {lines[-1]}" if lines else ""
        return Sentence(f"its process {how}.{last}", f"它的进程{how_zh}。{last}")

    def end(self) -> None:
        """Kill the process and what it started, and remove its folder."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
