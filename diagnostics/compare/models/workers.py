"""The model workers: processes that hold one base model each, started, watched and replaced as needed."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from diagnostics.compare.models.environment import worker_environment
from diagnostics.compare.models.mailbox import Request, write_request
from diagnostics.compare.models.memory import VARIABLE, WORKER_BYTES, budget, gib
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.run.files import tail
from diagnostics.run.refusal import Sentence
from diagnostics.run.status import process_alive

# More processes than this gain nothing: they share the machine's cores. Memory mostly sets the limit before.
SIZE = 8


class Worker:
    """One model process and its folder. `bytes`: the weights it holds, or is about to."""

    _numbers = itertools.count(1)

    def __init__(self, root: Path, threads: int) -> None:
        self.folder = root / f"{os.getpid()}-{next(self._numbers)}"
        (self.folder / "inbox").mkdir(parents=True)
        with (self.folder / "console.log").open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "diagnostics.probes.model_worker", str(os.getpid()), str(self.folder)],
                stdout=console,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=worker_environment(CLINIC_THREADS=str(threads), HF_HUB_OFFLINE="1"),
                start_new_session=True,
            )
        self.holds: tuple[str, str | None] | None = None
        self.name = ""
        self.bytes = 0
        self.busy = False
        self.used = 0.0
        self._asked = 0

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    def ask(self, request: Request) -> int:
        """Send a request; return its number."""
        self._asked += 1
        self.used = time.monotonic()
        write_request(self.folder, self._asked, request)
        return self._asked

    def last_words(self) -> Sentence:
        """Why the process ended, in a sentence."""
        code, pid = self.process.returncode, self.process.pid
        how, how_zh = f"ended ({code})", f"结束了（{code}）"
        if code and code < 0:
            name = signal.Signals(-code).name
            how, how_zh = f"was killed by signal {-code} ({name})", f"被信号 {-code}（{name}）杀死"
        lines = [line for line in tail(self.folder / "console.log", 3) if not line.startswith("Warning")]
        last = f" {lines[-1]}" if lines else ""
        return Sentence(f"The model worker (process {pid}) {how}.{last}", f"模型进程（{pid}）{how_zh}。{last}")

    def end(self) -> None:
        """Kill the process and remove its folder."""
        if self.alive:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class WorkerPool:
    """At most `size` model workers below `root`, whose weights take at most `memory` bytes together.

    A request goes to the worker that holds its model, if one does. What does not fit waits, or the models that were
    unused longest are put out of memory for it.
    """

    def __init__(self, root: Path, size: int = SIZE, memory: int | None = None) -> None:
        self.root = root
        self.size = size
        self.memory = budget() if memory is None else memory
        self.threads = max(1, (os.cpu_count() or 2) // 2)
        self._workers: list[Worker] = []
        self._lock = threading.Lock()
        self._clean_up()

    def _clean_up(self) -> None:
        """Remove the folders that a pool which was killed has left."""
        for folder in self.root.glob("*-*") if self.root.exists() else ():
            owner = folder.name.partition("-")[0]
            if owner.isdigit() and not process_alive(int(owner)):
                shutil.rmtree(folder, ignore_errors=True)

    def warm_up(self, count: int) -> None:
        """Start workers ahead of the first request, so that only the loading of weights is left to wait for."""
        with self._lock:
            self._drop_dead()
            while len(self._workers) < min(count, self.size) and self._used() + WORKER_BYTES <= self.memory:
                self._workers.append(Worker(self.root, self.threads))

    def _drop_dead(self) -> None:
        for worker in [one for one in self._workers if not one.alive and not one.busy]:
            worker.end()
            self._workers.remove(worker)

    def _used(self) -> int:
        return sum(WORKER_BYTES + one.bytes for one in self._workers)

    def take(self, source: Source, size: int) -> tuple[Worker | None, Sentence | None]:
        """A free worker for a source whose weights are `size` bytes, and what is to be said of it.

        None if all are busy or the memory is: then ask again. A worker that holds the model comes first, then an empty
        or a new one; for memory or for a place, the models unused longest go.

        Raises:
            SourceUnusable: the model alone is larger than the memory that models may take.
        """
        if size + WORKER_BYTES > self.memory:
            raise SourceUnusable(
                f"{source.name}: needs about {gib(size + WORKER_BYTES)}, the models may take {gib(self.memory)} together "
                f"({VARIABLE} sets it).",
                f"{source.name}：约需 {gib(size + WORKER_BYTES)}，而各模型一共可用 {gib(self.memory)}（由 {VARIABLE} 设定）。",
            )
        key = source.holder
        with self._lock:
            self._drop_dead()
            free = sorted((one for one in self._workers if not one.busy), key=lambda one: one.used)
            for worker in free:
                if worker.holds == key:
                    worker.busy = True
                    # Adapters come one by one over the same base.
                    worker.bytes = max(worker.bytes, size)
                    return worker, None
            empty = next((one for one in free if one.holds is None), None)
            gone: list[str] = []
            fresh = 0 if empty else WORKER_BYTES
            for worker in [one for one in free if one is not empty]:
                full = empty is None and len(self._workers) >= self.size
                if self._used() + size + fresh <= self.memory and not full:
                    break
                worker.end()
                self._workers.remove(worker)
                gone.append(worker.name)
            if self._used() + size + fresh > self.memory:
                held = gib(self._used())
                return None, Sentence(
                    f"waits for memory: about {gib(size)} needed, {held} of {gib(self.memory)} in use",
                    f"等待内存：约需 {gib(size)}，{gib(self.memory)} 中已用 {held}",
                )
            if empty is None and len(self._workers) >= self.size:
                return None, None
            worker = empty or Worker(self.root, self.threads)
            if empty is None:
                self._workers.append(worker)
            worker.busy, worker.holds, worker.bytes, worker.name = True, key, size, source.name
            if not any(gone):
                return worker, None
            return worker, Sentence(
                f"put out of memory to make room: {', '.join(gone)}", f"为腾出内存而移出：{'、'.join(gone)}"
            )

    def give_back(self, worker: Worker) -> None:
        """Let others use a worker again."""
        worker.used = time.monotonic()
        worker.busy = False

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
