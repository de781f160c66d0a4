"""A launcher in the background, in a session of its own: it outlives the terminal and the dashboard that started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from diagnostics.package import python_path
from diagnostics.run.status import read_status
from training.control.launch import Plan, launch
from training.request import BadRequest, read_request
from training.worker.status import StatusFile

LAUNCHER_LOG = "launcher.log"
BEGIN_SECONDS = 60.0  # Python's start on a busy machine with a cold disk


def detach(folder: Path, plan: Plan) -> None:
    """Start the launcher of a written request and return once it has drawn its ticket and written the status.

    Raises:
        BadRequest: it ended before that; the message is its own.
    """
    options = {
        "processes": plan.processes,
        "accelerate_config": str(plan.accelerate_config) if plan.accelerate_config else None,
        "queue": plan.queue,
        "checkpoint": str(plan.checkpoint) if plan.checkpoint else None,
    }
    before = read_status(folder).started or 0.0
    with (folder / LAUNCHER_LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "training.control.background", str(folder), json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": python_path(os.environ)},
            start_new_session=True,
        )
    deadline = time.monotonic() + BEGIN_SECONDS
    while time.monotonic() < deadline:
        status = read_status(folder)
        if status.pid == process.pid or (status.started or 0.0) > before:
            return
        if process.poll() is not None:
            said = (folder / LAUNCHER_LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if not said:
                raise BadRequest(
                    f"{folder}: the launcher ended with exit code {process.returncode}.",
                    f"{folder}：启动进程结束，退出码 {process.returncode}。",
                )
            # Its last line is in one language; the status that it wrote with it has both.
            reason = read_status(folder).reason
            raise BadRequest.of(reason if reason == said[-1] else said[-1])
        time.sleep(0.05)


def main() -> int:
    """Launch the run named on the command line, with the plan that `detach` wrote there."""
    folder = Path(sys.argv[1])
    options = json.loads(sys.argv[2])
    plan = Plan(
        processes=options["processes"],
        accelerate_config=Path(options["accelerate_config"]) if options["accelerate_config"] else None,
        quiet=True,
        queue=options["queue"],
        checkpoint=Path(options["checkpoint"]) if options["checkpoint"] else None,
    )
    try:
        return launch(read_request(folder), plan)
    except BadRequest as error:
        print(error, file=sys.stderr)
        StatusFile(folder).end("failed", reason=error.sentence, exit_code=2)
        return 2


if __name__ == "__main__":
    sys.exit(main())
