"""What every worker does around its training: read the request, keep the status, end truthfully."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from training.request import BadRequest, Request, RunFailed, read_request
from training.worker.data import first_line
from training.worker.status import StatusFile

if TYPE_CHECKING:
    from training.worker.recorder import Recorder

STOPPED = 143  # 128 + SIGTERM, what a shell reports of a process that was asked to end


class Worker:
    """One worker process: its request, its status file, and whether it was asked to stop."""

    def __init__(self, folder: Path) -> None:
        self.request: Request = read_request(folder)
        self.main = os.environ.get("RANK", "0") == "0"
        self.status = StatusFile(folder)
        self.recorder: Recorder | None = None
        self.checkpoint = Path(sys.argv[2]) if len(sys.argv) > 2 else None  # to go on from, named by the launcher
        self.stop_asked = False
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        """Asked to stop: end after the current step, with a checkpoint; at once if training has not begun."""
        self.stop_asked = True
        if self.recorder is None:
            raise KeyboardInterrupt
        self.recorder.stop_asked = True

    def resume_from(self, args: Any) -> str | None:
        """The checkpoint to go on from: the launcher's, else that of `resume_from_checkpoint`."""
        return str(self.checkpoint) if self.checkpoint else args.resume_from_checkpoint


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
        worker.status.write(state="starting", activity="loading")
        worker.status.start_heartbeat()
    try:
        train(worker)
    except BadRequest as error:
        print(error, file=sys.stderr, flush=True)
        finish(worker, "failed", 2, str(error))
    except RunFailed as error:
        print(error, file=sys.stderr, flush=True)
        finish(worker, "failed", 1, str(error))
    except KeyboardInterrupt:
        finish(worker, "stopped", STOPPED, "Stopped on request before training began.")
    except BaseException as error:
        traceback.print_exc()
        finish(worker, "failed", 1, first_line(error))
    if worker.stop_asked:
        finish(worker, "stopped", STOPPED, "Stopped on request; the last checkpoint is its end.")
    finish(worker, "finished", 0, None)


def finish(worker: Worker, state: str, code: int, reason: str | None) -> None:
    """Write the end into the status and leave. Never returns."""
    if worker.main:
        worker.status.end(state, exit_code=code, reason=reason)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
