"""The worker's first act: the training is looked at before it starts, and not started where that would cost the run.

It is done in a child process, which a fork gives all that is imported already: what TRL's trainers set up while they
prepare data (accelerate's state, the process group of several ranks, seeds) must not reach the training itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnostics.finding import Diagnosis
from diagnostics.preflight.asking import AskedWrong
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked
from diagnostics.preflight.unreadable import DataUnreadable
from diagnostics.probes.preflight import measure
from diagnostics.report.preflight.contents import contents
from diagnostics.report.words import in_words
from diagnostics.run.files import read_json, write_json
from diagnostics.run.refusal import Sentence, told_in, told_with
from diagnostics.run.status import HEARTBEAT_SECONDS
from training.request import RUN_FILE, BadRequest, Request, read_request

if TYPE_CHECKING:
    from training.worker.process import Worker

PREFLIGHT_FILE = "preflight.json"
# Rows looked at token by token before a run: a fault in 0.2 % of the rows or more is seen with 95 % confidence, within
# seconds. `python -m diagnostics preflight` and the page look at more.
ROWS = 1500
LOOK_SECONDS = 0.1  # between two looks at the child
TRAINERS = {
    "sft": "SFTTrainer",
    "reward": "RewardTrainer",
    "dpo": "DPOTrainer",
    "kto": "KTOTrainer",
    "grpo": "GRPOTrainer",
    "rloo": "RLOOTrainer",
}
# What makes a process one of several: the child is none of them.
RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


def look_first(worker: Worker) -> None:
    """Look at the training that is asked for; what was found is in `preflight.json` and on the console.

    A look that dies itself does not stand against the run: that is said, and the run starts.

    Raises:
        BadRequest: a finding is an error, and the run was not asked to start all the same (`--force`); or what is asked
            for cannot be looked at.
    """
    request = worker.request
    kept = request.folder / PREFLIGHT_FILE
    kept.unlink(missing_ok=True)
    worker.status.write(activity="preflight")
    print(f"pre-flight: looking at the data and {ROWS:,} of the rows at most as training will see them", flush=True)
    code = wait(forked(request), worker) if hasattr(os, "fork") else fresh(request)
    worker.status.write(activity="loading")
    try:
        found = read_json(kept)
    except (OSError, ValueError):
        print(f"pre-flight: it ended with exit code {code} and without a word; the run starts unlooked at.", flush=True)
        return
    if isinstance(found, dict) and found.get("refused") and not is_forced(request.folder):
        raise BadRequest.of(told_in(found, "refused"))


def fresh(request: Request) -> int:
    """Look in a new Python, where there is no fork; its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "training.worker.preflight", str(request.folder)], check=False
    ).returncode


def forked(request: Request) -> int:
    """Start the child and return its process id."""
    import trl

    if request.method in TRAINERS:
        getattr(trl, TRAINERS[request.method])  # the import that the training needs anyway, once for both
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = look(request)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return child


def wait(child: int, worker: Worker) -> int:
    """Wait for the child's end and return its exit code. A stop that is asked for meanwhile ends it too."""
    beat = time.monotonic()
    try:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() - beat > HEARTBEAT_SECONDS:
                worker.status.write()
                beat = time.monotonic()
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        with suppress(OSError):
            os.kill(child, 9)
            os.waitpid(child, 0)
        raise


def look(request: Request) -> int:
    """In the child: look, write `preflight.json`, say the findings."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    for name in RANKS:
        os.environ.pop(name, None)
    kept: Mapping[str, Any]
    try:
        material = measure(Asked(request.method, request.config), limit=ROWS, processes=processes)
    except (AskedWrong, DataUnreadable) as error:
        kept = {"schema": 1, "kind": "preflight", **told_with(error, "refused")}
        print(f"pre-flight: {error}", flush=True)
    else:
        diagnosis = judge(material)
        refused = refusal(diagnosis)
        kept = {**contents(material, diagnosis), **(told_with(refused, "refused") if refused else {"refused": None})}
        for line in said(diagnosis):
            print(f"pre-flight: {line}", flush=True)
    write_json(request.folder / PREFLIGHT_FILE, dict(kept))
    return 0


def refusal(diagnosis: Diagnosis) -> Sentence | None:
    """Why a run is not started, in the words of the page; None if no finding is an error."""
    errors = [one for one in diagnosis.findings if one.severity == "error"]
    if not errors:
        return None
    told = " ".join(f"{one.title}. {one.summary}" for one in (in_words(each) for each in errors))
    told_zh = "".join(f"{one.title}。{one.summary}" for one in (in_words(each, "zh") for each in errors))
    return Sentence(f"{told} (--force starts it all the same)", f"{told_zh}（加 --force 仍可启动）")


def said(diagnosis: Diagnosis) -> list[str]:
    """Each finding as a line, notes left out."""
    found = [in_words(one) for one in diagnosis.findings if one.severity != "info"]
    return [f"{one.severity} {one.rule}: {one.title}. {one.summary}" for one in found]


def is_forced(folder: Path) -> bool:
    """Whether the run was asked to start in spite of findings."""
    try:
        return bool(read_json(folder / RUN_FILE).get("force"))
    except (OSError, ValueError, AttributeError):
        return False


if __name__ == "__main__":
    sys.exit(look(read_request(Path(sys.argv[1]))))
