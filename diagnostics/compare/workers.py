"""The model workers: processes that hold one model each, started, watched and replaced as needed."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from diagnostics.compare.checkpoints import Checkpoint, CheckpointUnusable, check_usable
from diagnostics.compare.mailbox import Ask, EventTail, Sampling, write_ask
from diagnostics.run.files import tail
from diagnostics.run.status import process_alive

POLL_SECONDS = 0.04
State = Literal["waiting", "loading", "writing", "done", "error"]


@dataclass(frozen=True)
class Pane:
    """One checkpoint's answer as it stands. `stop`: `end` (the model ended), `length` (the budget did) or `cancelled`."""

    checkpoint: Checkpoint
    state: State = "waiting"
    text: str = ""
    tokens: int = 0
    seconds: float | None = None
    first_token_seconds: float | None = None
    stop: str | None = None
    error: str | None = None
    chat_template: bool = True

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "error")


class Worker:
    """One model process and its folder."""

    _numbers = itertools.count(1)

    def __init__(self, root: Path, threads: int) -> None:
        self.folder = root / f"{os.getpid()}-{next(self._numbers)}"
        (self.folder / "inbox").mkdir(parents=True)
        package_root = str(Path(__file__).resolve().parents[2])
        environment = {
            **os.environ,
            "CLINIC_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH")))),
        }
        with (self.folder / "console.log").open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "diagnostics.probes.model_worker", str(self.folder)],
                stdout=console,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self.checkpoint: Path | None = None
        self.busy = False
        self.used = 0.0
        self._asked = 0

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    def ask(self, ask: Ask) -> int:
        """Send a request; return its number."""
        self._asked += 1
        self.checkpoint = Path(ask.checkpoint)
        self.used = time.monotonic()
        write_ask(self.folder, self._asked, ask)
        return self._asked

    def last_words(self) -> str:
        """Why the process ended, in a sentence."""
        code = self.process.returncode
        how = f"was killed by signal {-code} ({signal.Signals(-code).name})" if code and code < 0 else f"ended ({code})"
        lines = [line for line in tail(self.folder / "console.log", 3) if not line.startswith("Warning")]
        return f"The model worker (process {self.process.pid}) {how}." + (f" {lines[-1]}" if lines else "")

    def end(self) -> None:
        """Kill the process and remove its folder."""
        if self.alive:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class WorkerPool:
    """At most `size` model workers below `root`; a checkpoint goes to the worker that holds it, if one does."""

    def __init__(self, root: Path, size: int = 4) -> None:
        self.root = root
        self.size = size
        self.threads = max(1, (os.cpu_count() or 2) // 2)
        self._workers: list[Worker] = []
        self._lock = threading.Lock()
        self._clean_up()

    def _clean_up(self) -> None:
        """Remove the folders that a pool which was killed has left."""
        for folder in self.root.glob("*-*") if self.root.exists() else ():
            owner = folder.name.partition("-")[0]
            if owner.isdigit() and (int(owner) == os.getpid() or not process_alive(int(owner))):
                shutil.rmtree(folder, ignore_errors=True)

    def warm_up(self, count: int) -> None:
        """Start workers ahead of the first request, so that only the loading of weights is left to wait for."""
        with self._lock:
            self._drop_dead()
            while len(self._workers) < min(count, self.size):
                self._workers.append(Worker(self.root, self.threads))

    def _drop_dead(self) -> None:
        for worker in [one for one in self._workers if not one.alive and not one.busy]:
            worker.end()
            self._workers.remove(worker)

    def _take(self, checkpoint: Path) -> Worker | None:
        """A free worker: the one that holds the checkpoint, else an empty one, a new one, the one unused longest."""
        with self._lock:
            self._drop_dead()
            free = [one for one in self._workers if not one.busy]
            for wanted in (checkpoint, None):
                for worker in free:
                    if worker.checkpoint == wanted:
                        worker.busy = True
                        return worker
            if len(self._workers) < self.size:
                worker = Worker(self.root, self.threads)
                self._workers.append(worker)
            elif free:
                worker = min(free, key=lambda one: one.used)
            else:
                return None
            worker.busy = True
            return worker

    def answer(
        self, checkpoints: Sequence[Checkpoint], messages: Sequence[dict[str, str]], sampling: Sampling
    ) -> Iterator[list[Pane]]:
        """Answer the same messages with several checkpoints at once; yields all panes whenever one of them changed.

        Each pane has its own state and its own error: a worker that dies takes only its pane with it, and the next
        call starts a new one. Closing the iterator cancels what is still being written.
        """
        writers = [Writer(self, Pane(one), Ask(str(one.path), tuple(messages), sampling)) for one in checkpoints]
        shown: list[Pane] | None = None
        try:
            while True:
                panes = [writer.step() for writer in writers]
                if panes != shown:
                    shown = panes
                    yield list(panes)
                if all(pane.over for pane in panes):
                    return
                time.sleep(POLL_SECONDS)
        finally:
            for writer in writers:
                writer.cancel()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            for worker in self._workers:
                worker.end()
            self._workers.clear()

    def processes(self) -> list[int]:
        """The process numbers of the workers that are alive."""
        with self._lock:
            return [worker.process.pid for worker in self._workers if worker.alive]


class Writer:
    """Follows one answer from the request to its end."""

    def __init__(self, pool: WorkerPool, pane: Pane, ask: Ask) -> None:
        self.pool = pool
        self.pane = pane
        self.ask = ask
        self.worker: Worker | None = None
        self._number = 0
        self._reused = False
        self._tail: EventTail | None = None

    def step(self) -> Pane:
        """Look once at what came since; never blocks. Returns the pane as it now stands."""
        if self.pane.over:
            return self.pane
        if self.worker is None:
            self._begin()
        else:
            # Asked before reading: what a worker wrote just before it died is then still read.
            alive = self.worker.alive
            self._read()
            if not alive and not self.pane.over:
                self._worker_died()
        if self.pane.over:
            self._release()
        return self.pane

    def _worker_died(self) -> None:
        """A worker that was killed while it sat idle is replaced once, unseen; any other death is the pane's error."""
        assert self.worker is not None
        if self._reused and self.pane.state == "loading":
            self._release()
            self.worker = None
            return
        self.pane = replace(self.pane, state="error", error=self.worker.last_words())

    def _begin(self) -> None:
        try:
            check_usable(self.pane.checkpoint.path)
        except (CheckpointUnusable, OSError) as error:
            self.pane = replace(self.pane, state="error", error=str(error))
            return
        self.worker = self.pool._take(self.pane.checkpoint.path)
        if self.worker is not None:
            self._reused = self.worker.checkpoint is not None
            self._number = self.worker.ask(self.ask)
            self._tail = EventTail(self.worker.folder / f"{self._number}.jsonl")
            self.pane = replace(self.pane, state="loading")

    def _read(self) -> None:
        assert self._tail is not None
        for event in self._tail.read_new():
            self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "loaded":
            self.pane = replace(self.pane, state="writing")
        elif kind == "text":
            self.pane = replace(self.pane, text=event["text"], tokens=event["tokens"])
        elif kind == "error":
            self.pane = replace(self.pane, state="error", error=event["message"])
        elif kind == "done":
            self.pane = replace(
                self.pane,
                state="done",
                text=event["text"],
                tokens=event["tokens"],
                seconds=event["seconds"],
                first_token_seconds=event["first_token_seconds"],
                stop=event["stop"],
                chat_template=event["chat_template"],
            )

    def cancel(self) -> None:
        """Ask the worker to stop writing, and let it go once it has."""
        worker = self.worker
        if worker is None or self.pane.over:
            return
        with contextlib.suppress(OSError):
            (worker.folder / f"{self._number}.cancel").touch()
        threading.Thread(target=self._finish, name="cancel", daemon=True).start()

    def _finish(self, seconds: float = 30.0) -> None:
        """Wait for a cancelled answer's end; a worker that does not end it is killed."""
        deadline = time.monotonic() + seconds
        while not self.step().over:
            if time.monotonic() > deadline and self.worker is not None:
                self.worker.process.kill()
            time.sleep(POLL_SECONDS)

    def _release(self) -> None:
        if self.worker is not None:
            self.worker.busy = False
            self.worker.used = time.monotonic()
