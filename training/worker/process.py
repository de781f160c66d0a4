"""What every worker does around its training: read the request, keep the status, end truthfully."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from diagnostics.run.refusal import Sentence
from diagnostics.run.status import read_status
from training.request import BadRequest, Request, RunFailed, read_request
from training.worker.data import first_line
from training.worker.disk import full_reason, is_disk_full
from training.worker.machine import machine
from training.worker.preflight import look_first
from training.worker.resume import check_checkpoint, check_steps_left
from training.worker.status import StatusFile

if TYPE_CHECKING:
    from training.worker.recorder import Recorder

STOPPED = 143  # 128 + SIGTERM, what a shell reports of a process that was asked to end
# The line by which a process other than the main one tells the launcher that the fault was its own.
RANK_FAILED = re.compile(r"process \d+ failed: .+")
MAIN_SECONDS = 10.0  # how long it waits for the main one to fail of the same fault, and say so in the status


class Worker:
    """One worker process: its request, its status file, and whether it was asked to stop."""

    def __init__(self, folder: Path) -> None:
        self.request: Request = read_request(folder)
        self.rank = int(os.environ.get("RANK", "0"))
        self.main = self.rank == 0
        self.status = StatusFile(folder)
        self.recorder: Recorder | None = None
        self.checkpoint = Path(sys.argv[2]) if len(sys.argv) > 2 else None  # to go on from, named by the launcher
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        """Asked to stop: end after the current step, with a checkpoint; at once if training has not begun."""
        if self.recorder is None or not self.recorder.begun:
            raise KeyboardInterrupt
        self.recorder.stop_asked = True

    def resume_from(self, args: Any) -> str | None:
        """The checkpoint to go on from: the launcher's, else that of `resume_from_checkpoint`.

        Raises:
            BadRequest: it is none, was made with another model or another LoRA than is asked for, or holds the last step.
        """
        chosen = str(self.checkpoint) if self.checkpoint else args.resume_from_checkpoint
        if not chosen:
            return None
        check_checkpoint(chosen, self.request.config)
        if args.max_steps > 0:
            check_steps_left(Path(chosen), args.max_steps)
        return chosen


def run_worker(train: Callable[[Worker], None]) -> None:
    """Run one method's training in the run folder named on the command line, and exit with a truthful status.

    Exit codes: 0 finished, 1 an exception, 2 a request that cannot be met, 143 stopped on request.
    """
    folder = Path(sys.argv[1])
    try:
        worker = Worker(folder)
    except BadRequest as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if worker.main:
        worker.status.write(state="starting", activity="loading", machine=machine())
    try:
        if worker.main and worker.checkpoint is None:
            look_first(worker)
        if worker.main:
            worker.status.start_heartbeat()  # a thread: after the fork of the pre-flight
        train(worker)
    except BadRequest as error:
        fail(worker, error, 2, error.sentence)
    except RunFailed as error:
        fail(worker, error, 1, error.sentence)
    except KeyboardInterrupt:
        finish(
            worker,
            "stopped",
            STOPPED,
            Sentence("Stopped on request before training began.", "按要求停止，训练尚未开始。"),
        )
    except BaseException as error:
        full = worker.main and is_disk_full(error, folder)
        reason = full_reason(folder) if full else first_line(error)
        traceback.print_exc()
        fail(worker, error, 1, reason)
    if worker.recorder is not None and worker.recorder.ended_early:
        # All ranks are here, having agreed: none has to be ended because of another's exit code.
        together = int(os.environ.get("WORLD_SIZE", "1")) > 1
        reason = Sentence("Stopped on request; the last checkpoint is its end.", "按要求停止；最后的检查点就是终点。")
        finish(worker, "stopped", STOPPED, reason, leave=0 if together else STOPPED)
    finish(worker, "finished", 0, None)


def fail(worker: Worker, error: BaseException, code: int, reason: str) -> None:
    """End as failed. Never returns.

    A fault that all processes share is the main one's to tell: it writes the status. The others wait for it, because
    the first that leaves gets the rest ended; a fault of their own they tell the launcher in a line of the console.
    """
    if worker.main:
        if isinstance(error, BadRequest | RunFailed):
            print(reason, file=sys.stderr, flush=True)
        finish(worker, "failed", code, reason)
    deadline = time.monotonic() + MAIN_SECONDS
    while time.monotonic() < deadline and read_status(worker.request.folder).active:
        time.sleep(0.2)
    if read_status(worker.request.folder).active:
        print(f"\nprocess {worker.rank} failed: {reason}", file=sys.stderr, flush=True)
    finish(worker, "failed", code, reason)


def finish(worker: Worker, state: str, code: int, reason: str | None, leave: int | None = None) -> None:
    """Write the end into the status and leave, with `code` or with `leave` as the exit code. Never returns."""
    if worker.main:
        worker.status.end(state, exit_code=code, reason=reason)
    sys.stdout.flush()
    sys.stderr.flush()
    leave = code if leave is None else leave
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        os._exit(leave)  # all is written; tearing process groups down can hang (see ranks.py)
    sys.exit(leave)
