"""Starts a worker through `accelerate launch`, in its turn; shows its console, and settles how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from diagnostics.package import python_path
from diagnostics.run.files import write_json
from diagnostics.run.refusal import Sentence
from diagnostics.run.status import HEARTBEAT_SECONDS, STATUS_FILE, read_status
from training.control.queue import Ticket, draw
from training.control.settle import CONSOLE_FILE, RESUMED, settle
from training.control.stopping import StopRequest, ask
from training.request import METHODS, REFUSED, RUN_FILE, SCHEMA, BadRequest, Request, versions
from training.worker.preflight import PREFLIGHT_FILE
from training.worker.process import STOPPED
from training.worker.status import StatusFile

LOOK_SECONDS = 0.1  # between two looks at the console
TURN_SECONDS = 0.5  # between two looks at the queue


@dataclass(frozen=True)
class Plan:
    """How a run is launched: what does not belong to its config.

    `processes`: of this machine. `accelerate_config`: the user's own, which then decides. `quiet`: the output goes to
    console.log only. `queue`: wait for a turn. `checkpoint`: to go on from, a folder. `force`: start in
    spite of what the pre-flight finds.
    """

    processes: int = 1
    accelerate_config: Path | None = None
    quiet: bool = False
    queue: bool = False
    checkpoint: Path | None = None
    force: bool = False


def new_folder(runs: Path, method: str) -> Path:
    """A folder below `runs` that is not there yet: `<method>-001` and so on."""
    taken = {path.name for path in runs.glob(f"{method}-*")} if runs.exists() else set()
    number = next(count for count in range(1, 10**6) if f"{method}-{count:03d}" not in taken)
    return runs / f"{method}-{number:03d}"


def write_request(
    request: Request,
    command: list[str],
    parent: str | None = None,
    fixes: tuple[str, ...] = (),
    plan: Plan | None = None,
) -> None:
    """Make the run folder and write `run.json`, the first file in it.

    The plan is kept with it, so that a resume goes on with as many processes. A folder that holds nothing but a refused
    request is taken anew: whoever mends a typing mistake need not find another name.

    Raises:
        BadRequest: the method is none of ours, or the folder already holds a run.
    """
    if request.method not in METHODS:
        raise BadRequest(
            f"{request.method}: there is no such method; expected one of {', '.join(METHODS)}.",
            f"{request.method}：没有这种方法；应为 {'、'.join(METHODS)} 之一。",
        )
    if (request.folder / RUN_FILE).exists() and not only_refused(request.folder):
        raise BadRequest(
            f"{request.folder}: already holds a run; name a new folder with --run, or delete it first.",
            f"{request.folder}：已有一次训练；请用 --run 指定新文件夹，或先删除它。",
        )
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
        write_json(
            request.folder / RUN_FILE,
            {
                "schema": SCHEMA,
                "run": request.folder.name,
                "method": request.method,
                "config": dict(request.config),
                "command": command,
                "cwd": str(Path.cwd()),
                "parent": parent,
                "fixes": list(fixes),
                "versions": versions(),
                "seed": request.seed,
                "processes": plan.processes if plan else 1,
                "accelerate_config": str(plan.accelerate_config) if plan and plan.accelerate_config else None,
                **({"force": True} if plan and plan.force else {}),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
    except OSError as error:
        raise BadRequest(
            f"{request.folder}: cannot be written ({error.strerror}).",
            f"{request.folder}：无法写入（{error.strerror}）。",
        ) from error


def only_refused(folder: Path) -> bool:
    """Whether a folder holds a request that was refused before training, and nothing that a training wrote."""
    status = read_status(folder)
    inside = {path.name for path in folder.iterdir()}
    return (
        status.state == "failed"
        and status.exit_code == REFUSED
        and inside <= {RUN_FILE, STATUS_FILE, CONSOLE_FILE, PREFLIGHT_FILE}
    )


def accelerate_command(request: Request, plan: Plan) -> list[str]:
    """The `accelerate launch` command of a worker.

    Without a config file of the user's, every question that accelerate would answer by a default with a warning is
    answered here.
    """
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    if plan.accelerate_config is not None:
        command += ["--config_file", str(plan.accelerate_config)]
    elif plan.processes > 1 or not (home / "accelerate" / "default_config.yaml").exists():
        command += ["--num_processes", str(plan.processes), "--num_machines", "1"]
        command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
        # A free port each, so that two runs of several processes do not meet on accelerate's fixed one.
        command += ["--multi_gpu", "--main_process_port", "0"] if plan.processes > 1 else []
    command += ["-m", f"training.{request.method}", str(request.folder)]
    return [*command, str(plan.checkpoint)] if plan.checkpoint else command


def worker_environment(request: Request, environment: Mapping[str, str], plan: Plan) -> dict[str, str]:
    """The environment of a worker.

    OpenMP threads that wait by spinning take the core from whoever shares it: measured on two shared cores, passive
    waiting was half again as fast.
    """
    return {
        **several_on_cpu(plan),
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        **environment,
        "TENSORBOARD_LOGGING_DIR": str(request.folder),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": python_path(environment),
    }


def several_on_cpu(plan: Plan) -> dict[str, str]:
    """What makes accelerate start several processes where there is no accelerator: they then talk through gloo.

    `accelerate launch --cpu --num_processes 2` starts a single one (accelerate 1.15).

    Raises:
        BadRequest: there are accelerators, but fewer than processes.
    """
    if plan.processes == 1 or plan.accelerate_config is not None:
        return {}
    import torch

    devices = torch.accelerator.device_count() if torch.accelerator.is_available() else 0
    if 0 < devices < plan.processes:
        raise BadRequest(
            f"--processes {plan.processes}: this machine has {devices} accelerators, one a process is needed.",
            f"--processes {plan.processes}：这台机器有 {devices} 个加速器，每个进程需要一个。",
        )
    return {} if devices else {"ACCELERATE_USE_CPU": "true"}


def launch(request: Request, plan: Plan, environment: Mapping[str, str] | None = None) -> int:
    """Run the worker of a written request to its end and return its exit code (0, 1, 2 or 143).

    The worker's output goes to `console.log` and, unless the plan says quiet, to standard output. SIGINT and SIGTERM
    are passed on: the worker ends after its step, with a checkpoint. A worker outlives its launcher: it writes into
    the file, not through the launcher.

    Raises:
        BadRequest: the plan does not fit this machine.
    """
    chosen = worker_environment(request, environment or os.environ, plan)
    status = StatusFile(request.folder)
    # The step of the checkpoint, so that a resume that dies early is still resumed from there, not from a later one.
    step = int(plan.checkpoint.name.rpartition("-")[2]) if plan.checkpoint else 0
    begun = {"started": time.time(), "ended": None, "reason": None, "exit_code": None, "step": step, "max_steps": 0}
    stopping = StopRequest(request.folder)
    previous = {one: signal.signal(one, stopping) for one in (signal.SIGINT, signal.SIGTERM)}
    ticket = draw(request.folder, wait=plan.queue)
    try:
        status.write(state="starting", activity="queued" if plan.queue else "loading", **begun)
        if plan.queue and ticket and not turn_came(ticket, status, stopping):
            status.end(
                "stopped",
                reason=Sentence("Stopped on request while it waited in the queue.", "在队列中等待时按要求停止。"),
                exit_code=STOPPED,
                behind=[],
            )
            return STOPPED
        status.write(activity="loading", started=time.time())
        code = run_to_end(request, plan, chosen, stopping, ticket)
    finally:
        if ticket:
            ticket.close()
        for one, handler in previous.items():
            signal.signal(one, handler)
    return settle(request.folder, code, stopping.asked)


def turn_came(ticket: Ticket, status: StatusFile, stopping: StopRequest) -> bool:
    """Wait for a place; False if a stop was asked for meanwhile. The status keeps its heartbeat, and whom it waits for."""
    beat, behind = time.monotonic(), None
    while not stopping.asked:
        if ticket.may_run():
            status.write(behind=[])
            return True
        ahead = ticket.ahead()
        if ahead != behind or time.monotonic() - beat > HEARTBEAT_SECONDS:
            status.write(behind=ahead)
            beat, behind = time.monotonic(), ahead
        time.sleep(TURN_SECONDS)
    return False


def run_to_end(
    request: Request, plan: Plan, environment: Mapping[str, str], stopping: StopRequest, ticket: Ticket | None
) -> int:
    """Run the worker, follow its console, and return the exit code of accelerate."""
    path = request.folder / CONSOLE_FILE
    with path.open("ab") as console:
        if plan.checkpoint:
            console.write(f"{RESUMED}{plan.checkpoint.name} ---\n".encode())
            console.flush()
        begin = console.tell()
        process = subprocess.Popen(
            accelerate_command(request, plan),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            pass_fds=(ticket.descriptor,) if ticket else (),
        )
    stopping.process = process
    if stopping.asked:  # between the last look and the start
        ask(process, request.folder)
    with path.open("rb") as console:
        console.seek(begin)
        while process.poll() is None:
            copy_new(console, plan.quiet)
            time.sleep(LOOK_SECONDS)
        copy_new(console, plan.quiet)
    return process.returncode


def copy_new(console: IO[bytes], quiet: bool) -> None:
    """Copy to standard output what was added to the console."""
    if not quiet and (new := console.read()):
        sys.stdout.buffer.write(new)
        sys.stdout.buffer.flush()
