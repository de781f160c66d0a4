"""What is done to runs that are there already, from their files and by signals alone: list, stop, resume, delete."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json
from diagnostics.run.status import Status, read_status
from training.control.stopping import is_ours
from training.request import RUN_FILE, BadRequest, read_request
from training.worker.resume import check_checkpoint, check_steps_left, is_whole

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class RunLine:
    """A run in a list. `started`: seconds since the epoch; `reason`: why it failed or was stopped."""

    name: str
    method: str
    status: Status


def list_runs(root: Path) -> list[RunLine]:
    """The runs of a folder that were started by `python -m training`, in the order in which they started.

    Raises:
        BadRequest: there is no such folder.
    """
    if not root.is_dir():
        raise BadRequest(f"{root}: there is no such folder of runs.", f"{root}：没有这个放训练的文件夹。")
    lines = []
    for folder in sorted(root.iterdir()):
        try:
            asked = read_json(folder / RUN_FILE)
        except (OSError, ValueError):
            continue
        method = str(asked.get("method")) if isinstance(asked, dict) else "unknown"
        lines.append(RunLine(folder.name, method, read_status(folder)))
    return sorted(lines, key=lambda line: (line.status.started or 0.0, line.name))


def existing(folder: Path) -> Path:
    """A folder that holds a run of ours.

    Raises:
        BadRequest: there is none, or it holds no run.json.
    """
    if not folder.is_dir():
        raise BadRequest(f"{folder}: there is no such run.", f"{folder}：没有这次训练。")
    if not (folder / RUN_FILE).is_file():
        raise BadRequest(
            f"{folder}: holds no {RUN_FILE}, so it is no run started by `python -m training`.",
            f"{folder}：没有 {RUN_FILE}，所以不是由 `python -m training` 启动的训练。",
        )
    return folder


def is_live(status: Status) -> bool:
    """Whether a launcher or a worker is at work on the run. Its process number may belong to another program by now."""
    here = status.host == socket.gethostname() and status.pid is not None
    return status.active and (not here or status.pid is None or is_ours(status.pid))


def stop_run(folder: Path, seconds: float) -> Status:
    """Ask a run to end after its step, with a checkpoint, and wait for the end, at most `seconds`.

    Returns the status then; it is still active if the step takes longer.

    Raises:
        BadRequest: there is no such run, it is not live, or it runs on another machine.
    """
    status = read_status(existing(folder))
    if not is_live(status) or status.pid is None:
        raise BadRequest(
            f"{folder}: is not live ({status.state}), so there is nothing to stop.",
            f"{folder}：没有在运行（{status.state}），无需停止。",
        )
    if status.host != socket.gethostname():
        raise BadRequest(
            f"{folder}: runs on {status.host}; stop it there.", f"{folder}：在 {status.host} 上运行；请在那里停止。"
        )
    try:
        os.kill(status.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it ended in this moment
    except PermissionError as error:
        raise BadRequest(
            f"{folder}: process {status.pid} is another user's.", f"{folder}：进程 {status.pid} 属于另一个用户。"
        ) from error
    deadline = time.monotonic() + seconds
    while (status := read_status(folder)).active and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return status


def delete_run(folder: Path) -> None:
    """Delete a run's folder. Links in it are deleted, never what they point to.

    Raises:
        BadRequest: it holds no run of ours, is a link, or the run is live.
    """
    deletable(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise BadRequest(
            f"{folder}: cannot be deleted ({error.strerror}).", f"{folder}：无法删除（{error.strerror}）。"
        ) from error


def deletable(folder: Path) -> None:
    """Look whether a run may be deleted.

    Raises:
        BadRequest: it may not.
    """
    if folder.is_symlink():
        raise BadRequest(f"{folder}: is a link; name the folder itself.", f"{folder}：是链接；请写文件夹本身。")
    status = read_status(existing(folder))
    if is_live(status):
        raise BadRequest(
            f"{folder}: is live ({status.state}); stop it first.", f"{folder}：正在运行（{status.state}）；请先停止。"
        )


def checkpoints(folder: Path) -> dict[int, Path]:
    """The whole checkpoints of a run by their step."""
    numbered = {path.name.removeprefix("checkpoint-"): path for path in folder.glob("checkpoint-*")}
    return {int(name): path for name, path in numbered.items() if name.isdecimal() and is_whole(path)}


def resume_point(folder: Path, step: int | None) -> Path:
    """The checkpoint to go on from: that of a step, else the last of what the run is now.

    After a resume from an earlier step the later checkpoints belong to a course that the run left: those beyond the
    step that the status names are passed over.

    Raises:
        BadRequest: the run is live, has no checkpoint or not that one, or the checkpoint does not fit its config or is
            of its last step.
    """
    status = read_status(existing(folder))
    if is_live(status):
        raise BadRequest(
            f"{folder}: is live ({status.state}); stop it before it is resumed.",
            f"{folder}：正在运行（{status.state}）；请先停止再继续训练。",
        )
    found = checkpoints(folder)
    if not found:
        raise BadRequest(f"{folder}: has no checkpoint to go on from.", f"{folder}：没有可以继续训练的检查点。")
    if step is not None and step not in found:
        raise BadRequest(
            f"{folder}: has no checkpoint of step {step}, only of {', '.join(map(str, sorted(found)))}.",
            f"{folder}：没有第 {step} 步的检查点，只有 {'、'.join(map(str, sorted(found)))}。",
        )
    reached = [one for one in found if one <= status.step] or list(found)
    chosen = found[max(reached) if step is None else step]
    check_checkpoint(str(chosen), read_request(folder).config)
    check_steps_left(chosen)
    return chosen


def launched_with(folder: Path) -> Mapping[str, Any]:
    """What `run.json` says of the launch: `processes`, `accelerate_config`, `cwd`; {} if it cannot be read."""
    try:
        asked = read_json(folder / RUN_FILE)
    except (OSError, ValueError):
        return {}
    return asked if isinstance(asked, dict) else {}
