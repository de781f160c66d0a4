"""Asking the memory predictor without torch: starts its process, hands requests over, keeps the answers."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from diagnostics.memory.records import (
    Asked,
    Cancelled,
    Estimate,
    MemoryUnknown,
    NotTraceable,
    WorkerDied,
    estimate_from,
)
from diagnostics.package import python_path
from diagnostics.probes.memory.estimating import versions
from diagnostics.probes.memory.worker import ANSWER, ERRORS, PROGRESS, REQUEST

# Raised when the same request would be answered otherwise, so that older answers are not taken for new ones.
VERSION = 2
POLL_SECONDS = 0.05
END_SECONDS = 2.0  # that a request which nobody wants any more may take to end, before the whole process is ended
LOADING, WAITING = "loading torch, transformers and TRL", "waiting for another estimate"
# The package that PPO's trainer is taken from, named to the process as text: diagnostics does not import it.
PACKAGE = "training"

How = Literal["extrapolated", "traced"]
Progress = Callable[[str, float], None]


def estimate(
    asked: Asked,
    *,
    how: How = "extrapolated",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    check: bool = False,
    cache: Path | None = None,
) -> Estimate:
    """The peak of device memory of what is asked, from the real trainer on tensors without data.

    `how`: `traced` runs the whole model and replays it at the device's capacity, for a verdict; `extrapolated` runs its
    first layers at two depths, for a search; `check`: a third depth must lie on their line, else the whole is traced.
    `progress` is told what is done and the share of it; `cancelled` is asked all the time. Answers are kept below `cache`,
    by default the user's cache folder.

    Raises:
        NotTraceable: the model or the config cannot be run without data; a closed form is what is left.
        WorkerDied: the process was killed, aborted or ran out of memory.
        Cancelled: as asked for.
    """
    folder = default_folder() if cache is None else cache
    request = {"asked": asked.to_json(), "how": how, "check": check, "package": PACKAGE}
    kept = folder / f"{key_of(request)}.json"
    known = read(kept)
    if known is not None:
        with contextlib.suppress(MemoryUnknown):
            return estimate_from(known)
    found = SHARED.ask(request, progress or (lambda text, share: None), cancelled or (lambda: False))
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False, encoding="utf-8") as file:
            json.dump(found, file)
        Path(file.name).replace(kept)
    return estimate_from(found)


def default_folder() -> Path:
    """Where answers are kept unless it is said otherwise."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "trl-clinic" / "memory"


def key_of(request: dict[str, Any]) -> str:
    """What an answer follows from: the request, the libraries and this program."""
    content = json.dumps([VERSION, versions(), request], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None if there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def warm() -> None:
    """Load the predictor's libraries ahead of the first request, so that it is answered at once; returns when they are there."""
    SHARED.warm()


class Worker:
    """The process behind `estimate`, started when it is first needed and ended with this one; one request at a time.

    `ready`: whether it has loaded its libraries. `sent`: whether it has a request whose end it has not told; `child`: the
    process that answers it, 0 for none.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()
        self.said = ""
        self.ready = False
        self.sent = False
        self.child = 0

    def warm(self) -> None:
        """Load the libraries, unless somebody is at it already."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            self.start(lambda text, share: None, lambda: False)
        except WorkerDied:  # the first request will say why
            self.end()
        finally:
            self.lock.release()

    @contextlib.contextmanager
    def turn(self, progress: Progress, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait for those who came before.

        Raises:
            Cancelled: as asked for.
        """
        told = ""
        while not self.lock.acquire(timeout=POLL_SECONDS):
            if cancelled():
                raise Cancelled("The estimate was cancelled.", "估算已取消。")
            says = WAITING if self.ready else LOADING
            if says != told:
                progress(told := says, 0.0)
        try:
            yield
        finally:
            self.lock.release()

    def ask(self, request: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """The estimate as plain values.

        Raises:
            NotTraceable, WorkerDied, Cancelled: see `estimate`.
        """
        with self.turn(progress, cancelled), tempfile.TemporaryDirectory(prefix="clinic-memory-") as name:
            folder = Path(name)
            (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
            try:
                return self.answer(folder, progress, cancelled)
            except Cancelled:
                self.end_request()
                raise

    def answer(self, folder: Path, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Hand a request over and wait; one that has ended from idleness in that moment is started anew."""
        for attempt in range(2):
            self.start(progress, cancelled)
            try:
                self.send(str(folder))
                self.wait("began", folder, progress, cancelled)
            except (BrokenPipeError, WorkerDied):
                self.end()
                if attempt:
                    raise WorkerDied(
                        f"The memory predictor's process does not start{tail(folder)}.",
                        f"显存预测器的进程无法启动{tail_zh(folder)}。",
                    ) from None
                continue
            break
        code = int(self.wait("ended", folder, progress, cancelled))
        content = read(folder / ANSWER)
        if content is None:
            raise death(code, folder)
        if "estimate" in content:
            found: dict[str, Any] = content["estimate"]
            return found
        kind = NotTraceable if content.get("error") == "not traceable" else MemoryUnknown
        text, text_zh = content.get("text"), content.get("text_zh")
        raise kind(str(text), str(text_zh or text))

    def start(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        """Start the process unless it runs, and wait until it has loaded its libraries."""
        if self.process is not None and self.process.poll() is not None:
            self.end()
        if self.ready:
            return
        progress(LOADING, 0.0)
        if self.process is None:
            self.said = ""
            self.process = self.begin()
        self.wait("ready", None, progress, cancelled)
        self.ready = True

    def begin(self) -> subprocess.Popen[str]:
        """A new process."""
        return subprocess.Popen(
            [sys.executable, "-m", "diagnostics.probes.memory.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": python_path(os.environ)},
            start_new_session=True,
        )

    def send(self, line: str) -> None:
        """Write one line to the process."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.sent, self.child = True, 0
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, word: str, folder: Path | None, progress: Progress, cancelled: Callable[[], bool]) -> str:
        """The rest of the process's next line, which begins with that word.

        Raises:
            WorkerDied: it ended instead.
            Cancelled: as asked for.
        """
        assert self.process is not None
        assert self.process.stdout is not None
        told = 0.0
        while True:
            if cancelled():
                raise Cancelled("The estimate was cancelled.", "估算已取消。")
            line, _, rest = self.said.partition("\n")
            if rest or self.said.endswith("\n"):
                self.said = rest
                if line.startswith(word):
                    if word == "began":
                        self.child = int(line.split()[1])
                    if word == "ended":
                        self.sent, self.child = False, 0
                    return line.removeprefix(word).strip()
                continue
            if select.select([self.process.stdout], [], [], POLL_SECONDS)[0]:
                more = os.read(self.process.stdout.fileno(), 65536).decode()
                if not more:
                    raise WorkerDied(
                        f"The memory predictor's process ended ({self.process.wait()}).",
                        f"显存预测器的进程已结束（{self.process.wait()}）。",
                    )
                self.said += more
            stage = read(folder / PROGRESS) if folder is not None else None
            if stage is not None and stage["at"] != told:
                told = stage["at"]
                progress(str(stage["text"]), float(stage["share"]))

    def end_request(self) -> None:
        """End the request that is under way, and keep the process with the libraries that it has loaded or is loading.

        Where that does not go at once the process is ended with it.
        """
        late = time.monotonic() + END_SECONDS
        try:
            if self.sent and not self.child:
                self.wait("began", None, lambda text, share: None, lambda: time.monotonic() > late)
            if self.child:
                with contextlib.suppress(OSError):
                    os.killpg(self.child, signal.SIGKILL)
                self.wait("ended", None, lambda text, share: None, lambda: time.monotonic() > late)
        except (Cancelled, WorkerDied):
            self.end()

    def end(self) -> None:
        """End the process and the child that it has forked, which is in a group of its own."""
        process, self.process = self.process, None
        self.ready = self.sent = False
        if process is None:
            return
        for group in (self.child, process.pid):
            if group:
                with contextlib.suppress(OSError):
                    os.killpg(group, signal.SIGKILL)
        self.child = 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def death(code: int, folder: Path) -> WorkerDied:
    """How a child ended without an answer, in one sentence."""
    last, last_zh = tail(folder), tail_zh(folder)
    if code == -signal.SIGKILL:
        return WorkerDied(
            "The memory predictor's process was killed (signal 9): this machine most likely ran out of memory.",
            "显存预测器的进程被杀死（信号 9）：很可能是这台机器的内存用尽了。",
        )
    if code < 0:
        name = signal.Signals(-code).name
        return WorkerDied(
            f"The memory predictor's process was ended by {name}{last}.", f"显存预测器的进程被 {name} 终止{last_zh}。"
        )
    return WorkerDied(
        f"The memory predictor's process ended with {code} and no answer{last}.",
        f"显存预测器的进程以 {code} 结束，没有给出答复{last_zh}。",
    )


def tail(folder: Path) -> str:
    """The last line that it wrote, in brackets; nothing if there is none."""
    try:
        lines = (folder / ERRORS).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({last[:300]})" if last else ""


def tail_zh(folder: Path) -> str:
    """The same in the brackets of a Chinese sentence."""
    last = tail(folder)
    return f"（{last[2:-1]}）" if last else ""


SHARED = Worker()
atexit.register(SHARED.end)
