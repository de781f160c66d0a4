"""The command lines of control: `stop`, `resume`, `delete`, `list` and `queue`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from diagnostics.run.refusal import asked_lang, said
from diagnostics.run.status import read_status
from training.control import queue
from training.control.background import detach
from training.control.launch import Plan, launch
from training.control.runs import deletable, delete_run, launched_with, list_runs, resume_point, stop_run
from training.request import BadRequest, Request, read_request

FAILED = 1
WAIT_SECONDS = 60.0


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands of control to a command line."""
    stopping = commands.add_parser("stop", help="end a run after its step, with a checkpoint")
    stopping.add_argument("run", type=Path)
    stopping.add_argument("--wait", type=float, default=WAIT_SECONDS, help="seconds to wait for the end (default: 60)")
    stopping.set_defaults(run_command=stop)
    resuming = commands.add_parser("resume", help="go on with a run, in its own folder, from a checkpoint")
    resuming.add_argument("run", type=Path)
    resuming.add_argument("--step", type=int, help="the checkpoint's step (default: the last)")
    resuming.add_argument("--processes", type=int, help="worker processes on this machine (default: as before)")
    add_launch_options(resuming)
    resuming.set_defaults(run_command=resume)
    deleting = commands.add_parser("delete", help="delete a run's folder, after a question")
    deleting.add_argument("run", type=Path)
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    deleting.set_defaults(run_command=delete)
    listing = commands.add_parser("list", help="the runs of a folder, a line each")
    listing.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of runs (default: runs)")
    listing.add_argument("--format", choices=("text", "json"), default="text")
    listing.set_defaults(run_command=show_list)
    queueing = commands.add_parser("queue", help="how many workers run at a time, and who waits")
    queueing.add_argument("--at-most", type=int, metavar="N", help="workers at a time on this machine from now on")
    queueing.set_defaults(run_command=show_queue)


def add_launch_options(parser: argparse.ArgumentParser) -> None:
    """Add what `start` and `resume` share."""
    parser.add_argument("--quiet", action="store_true", help="write the worker's output to console.log only")
    parser.add_argument("--queue", action="store_true", help="wait for a turn: at most N workers run at a time")
    parser.add_argument("--detach", action="store_true", help="launch in the background and return at once")


def carry_out(request: Request, plan: Plan, background: bool) -> int:
    """Launch a written request, here or in the background. Exit codes as of `start`.

    Raises:
        BadRequest: the plan does not fit this machine.
    """
    if background:
        detach(request.folder, plan)
        print(request.folder)
        return 0
    code = launch(request, plan)
    status = read_status(request.folder)
    if status.state == "failed":
        print(f"{request.folder}: {said(status.reason, asked_lang())}", file=sys.stderr)
    else:
        print(f"{request.folder}: {status.state} at step {status.step}")
    return code


def stop(arguments: argparse.Namespace) -> int:
    """Stop a run. 0: it ended, or will after its step; 1: it failed on the way; 2: there is nothing to stop."""
    folder = arguments.run.resolve()
    status = stop_run(folder, arguments.wait)
    if status.active:
        print(f"{folder}: asked to stop; still at step {status.step} after {arguments.wait:g} s.")
    elif status.state == "failed":
        print(f"{folder}: {said(status.reason, asked_lang())}", file=sys.stderr)
        return FAILED
    else:
        print(f"{folder}: {status.state} at step {status.step}")
    return 0


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a run from a checkpoint. Exit codes as of `start`."""
    folder = arguments.run.resolve()
    checkpoint = resume_point(folder, arguments.step)
    before = launched_with(folder)
    processes = int(before.get("processes") or 1) if arguments.processes is None else arguments.processes
    if processes < 1:
        raise BadRequest(f"--processes {processes}: at least 1 is needed.", f"--processes {processes}：至少需要 1。")
    config = before.get("accelerate_config") if arguments.processes is None else None
    cwd = Path(str(before.get("cwd") or "."))
    if cwd.is_dir():
        os.chdir(cwd)  # relative paths in the config are relative to where the run was started
    plan = Plan(
        processes=processes,
        accelerate_config=Path(config) if config else None,
        quiet=arguments.quiet,
        queue=arguments.queue,
        checkpoint=checkpoint,
    )
    return carry_out(read_request(folder), plan, arguments.detach)


def delete(arguments: argparse.Namespace) -> int:
    """Delete a run. 0: it is gone; 1: the answer was no; 2: it may not be deleted."""
    folder = arguments.run.absolute()
    deletable(folder)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise BadRequest(
                f"{folder}: there is no terminal to ask on; say --yes to delete it.",
                f"{folder}：没有可供询问的终端；要删除请加 --yes。",
            )
        if input(f"Delete {folder} and all its checkpoints? [y/N] ").strip().lower() not in ("y", "yes"):
            print("kept")
            return FAILED
    delete_run(folder)
    print(f"{folder}: deleted")
    return 0


def show_list(arguments: argparse.Namespace) -> int:
    """Print the runs of a folder."""
    lines = list_runs(arguments.runs)
    if arguments.format == "json":
        runs = [{"name": line.name, "method": line.method, **asdict(line.status)} for line in lines]
        print(json.dumps({"schema": 1, "runs": runs}, ensure_ascii=False, indent=1))
        return 0
    for line in lines:
        status = line.status
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(status.started)) if status.started else "-"
        state = "queued" if status.activity == "queued" else status.state
        progress = f"{status.step}/{status.max_steps}" if status.max_steps else str(status.step)
        cells = f"{line.name:<24} {line.method:<7} {state:<9} {progress:>12}  {begun:<16}  {said(status.reason or '', asked_lang())}"
        print(cells.rstrip())
    return 0


def show_queue(arguments: argparse.Namespace) -> int:
    """Print how many workers may run at a time, which do, and which wait; or change how many."""
    folder = queue.queue_folder()
    if arguments.at_most is not None:
        queue.set_limit(folder, arguments.at_most)
    print(f"at most {queue.limit(folder)} at a time")
    for content in queue.listed(folder):
        print(f"{'running' if content['running'] else 'waiting'}  {content['run']}")
    return 0
