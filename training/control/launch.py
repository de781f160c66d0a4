"""Starts a worker through `accelerate launch`, keeps its console, and writes how it ended if it could not itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from diagnostics.run.files import tail, write_json
from diagnostics.run.status import read_status
from training.request import METHODS, RUN_FILE, SCHEMA, BadRequest, Request, versions
from training.worker.status import StatusFile

CONSOLE_FILE = "console.log"
STOP_SECONDS = 30.0  # how long a worker may take to finish its step and save before it is killed
# accelerate reports the end of its child only in words: its own exit code is always 1.
KILLED_BY = (
    re.compile(r"died with <Signals\.(?P<name>SIG\w+): (?P<number>\d+)>"),
    re.compile(r"exitcode\s*:\s*-(?P<number>\d+)"),
)


def new_folder(runs: Path, method: str) -> Path:
    """A folder below `runs` that is not there yet: `<method>-001` and so on."""
    taken = {path.name for path in runs.glob(f"{method}-*")} if runs.exists() else set()
    number = next(count for count in range(1, 10**6) if f"{method}-{count:03d}" not in taken)
    return runs / f"{method}-{number:03d}"


def write_request(request: Request, command: list[str], parent: str | None = None, fixes: tuple[str, ...] = ()) -> None:
    """Make the run folder and write `run.json`, the first file in it.

    Raises:
        BadRequest: the method is none of ours, or the folder already holds a run.
    """
    if request.method not in METHODS:
        raise BadRequest(f"{request.method}: there is no such method; expected one of {', '.join(METHODS)}.")
    if (request.folder / RUN_FILE).exists():
        raise BadRequest(f"{request.folder}: already holds a run; name a new folder with --run.")
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
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
    except OSError as error:
        raise BadRequest(f"{request.folder}: cannot be written ({error.strerror}).") from error


def accelerate_command(request: Request, processes: int, accelerate_config: Path | None) -> list[str]:
    """The `accelerate launch` command of a worker.

    Without a config file of the user's, every question that accelerate would answer by a default with a warning is
    answered here.
    """
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    if accelerate_config is not None:
        command += ["--config_file", str(accelerate_config)]
    elif processes > 1 or not (home / "accelerate" / "default_config.yaml").exists():
        command += ["--num_processes", str(processes), "--num_machines", "1"]
        command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
        command += ["--multi_gpu"] if processes > 1 else []
    return [*command, "-m", f"training.{request.method}", str(request.folder)]


def worker_environment(request: Request, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker.

    OpenMP threads that wait by spinning take the core from whoever shares it: measured on two shared cores, passive
    waiting was half again as fast.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        **environment,
        "TENSORBOARD_LOGGING_DIR": str(request.folder),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (package_root, environment.get("PYTHONPATH")))),
    }


def launch(
    request: Request,
    *,
    processes: int = 1,
    accelerate_config: Path | None = None,
    quiet: bool = False,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run the worker of a written request to its end and return its exit code (0, 1, 2 or 143).

    The worker's output goes to `console.log` and, unless `quiet`, to standard output. SIGINT and SIGTERM are passed
    on: the worker ends after its step, with a checkpoint.
    """
    status = StatusFile(request.folder)
    status.write(state="starting", step=0, max_steps=0, started=time.time(), activity="loading")
    command = accelerate_command(request, processes, accelerate_config)
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=worker_environment(request, environment or os.environ),
        start_new_session=True,
    )

    def pass_on(signum: int, frame: Any) -> None:
        stop(process)

    previous = {one: signal.signal(one, pass_on) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert process.stdout is not None
        with (request.folder / CONSOLE_FILE).open("ab") as console:
            copy_output(process.stdout, console, quiet)
        code = process.wait()
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
    return settle(request.folder, code)


def copy_output(source: IO[bytes], console: IO[bytes], quiet: bool) -> None:
    """Copy the worker's output as it comes, until its end."""
    while chunk := os.read(source.fileno(), 65536):
        console.write(chunk)
        console.flush()
        if not quiet:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a worker and all its processes to end; kill them if they have not after half a minute."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + STOP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def settle(folder: Path, code: int) -> int:
    """The worker's exit code from its own status; where it wrote no end, write one: it died, and of what."""
    status = read_status(folder)
    if status.state in ("finished", "stopped") or (status.state == "failed" and not status.vanished):
        return status.exit_code if status.exit_code is not None else code
    reason, exit_code = cause_of_death(tail(folder / CONSOLE_FILE, 60), code)
    StatusFile(folder).end("failed", reason=reason, exit_code=exit_code)
    return 1


def cause_of_death(console: list[str], code: int) -> tuple[str, int]:
    """Why a worker ended without a word, and its exit code (negative: the signal that killed it)."""
    for line in reversed(console):
        for pattern in KILLED_BY:
            match = pattern.search(line)
            if match:
                number = int(match["number"])
                name = signal.Signals(number).name if number in [one.value for one in signal.Signals] else "unknown"
                return f"The worker was killed by signal {number} ({name}).", -number
    if code < 0:
        return f"The worker was killed by signal {-code} ({signal.Signals(-code).name}).", code
    return f"The worker ended with exit code {code} and wrote no reason; see {CONSOLE_FILE}.", code
