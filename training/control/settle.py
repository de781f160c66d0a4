"""How a worker ended: from its own status, or, where it wrote no end, from its console and exit code."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from diagnostics.run.files import tail
from diagnostics.run.refusal import Sentence
from diagnostics.run.status import read_status
from training.worker.process import RANK_FAILED, STOPPED
from training.worker.status import StatusFile

CONSOLE_FILE = "console.log"
RESUMED = "--- resumed from "  # what the launcher writes into the console before a worker goes on
# accelerate reports the end of its child only in words: its own exit code is always 1.
KILLED_BY = (
    re.compile(r"died with <Signals\.(?P<name>SIG\w+): (?P<number>\d+)>"),
    re.compile(r"exitcode\s*:\s*-(?P<number>\d+)"),
)
# What the main process says when another one is gone: no cause, but what follows from one.
PEER_GONE = re.compile(r"closed by peer|gloo|nccl|ProcessGroup|DistBackendError|collective", re.IGNORECASE)


def settle(folder: Path, code: int, stop_asked: bool = False) -> int:
    """The worker's exit code from its own status; where it wrote no end, write one: it died, and of what.

    `stop_asked`: the launcher passed a stop on. A worker that had not begun then dies of it without a word.
    """
    status = read_status(folder)
    console = since_resume(tail(folder / CONSOLE_FILE, 200))
    told = status.state == "failed" and not status.vanished and not PEER_GONE.search(status.reason or "")
    elsewhere = None if stop_asked or told else other_process(console, status.state == "failed" and not status.vanished)
    if elsewhere:
        reason, exit_code = elsewhere
        StatusFile(folder).end("failed", reason=reason, exit_code=exit_code)
        return 1
    if status.state in ("finished", "stopped") or (status.state == "failed" and not status.vanished):
        return status.exit_code if status.exit_code is not None else code
    reason, exit_code = cause_of_death(console, code)
    if stop_asked and status.max_steps == 0:
        StatusFile(folder).end(
            "stopped",
            reason=Sentence("Stopped on request before training began.", "按要求停止，训练尚未开始。"),
            exit_code=STOPPED,
        )
        return STOPPED
    StatusFile(folder).end("failed", reason=reason, exit_code=exit_code)
    return 1


def since_resume(console: list[str]) -> list[str]:
    """The lines that the last worker wrote, without those of the workers before a resume."""
    starts = [place for place, line in enumerate(console) if line.startswith(RESUMED)]
    return console[starts[-1] :] if starts else console


def other_process(console: list[str], main_lost_it: bool) -> tuple[str, int] | None:
    """What a process other than the main one said of its own failure, or what killed it, with an exit code.

    `main_lost_it`: the main process ended because another was gone; what killed that one is then the cause.
    """
    said = next((line for line in console if RANK_FAILED.fullmatch(line)), None)
    if said:
        return said, 1
    return killed(console) if main_lost_it else None


def killed(console: list[str]) -> tuple[str, int] | None:
    """Which signal killed a worker by accelerate's report, as a sentence and as a negative exit code."""
    for line in reversed(console):
        for pattern in KILLED_BY:
            match = pattern.search(line)
            if match:
                number = int(match["number"])
                name = signal.Signals(number).name if number in [one.value for one in signal.Signals] else "unknown"
                return Sentence(
                    f"The worker was killed by signal {number} ({name}).", f"训练进程被信号 {number}（{name}）杀死。"
                ), -number
    return None


def cause_of_death(console: list[str], code: int) -> tuple[str, int]:
    """Why a worker ended without a word, and its exit code (negative: the signal that killed it)."""
    reported = killed(console)
    if reported:
        return reported
    if code < 0:
        name = signal.Signals(-code).name
        killer = Sentence(
            f"The worker was killed by signal {-code} ({name}).", f"训练进程被信号 {-code}（{name}）杀死。"
        )
        return killer, code
    silent = Sentence(
        f"The worker ended with exit code {code} and wrote no reason; see {CONSOLE_FILE}.",
        f"训练进程以退出码 {code} 结束，没有写明原因；见 {CONSOLE_FILE}。",
    )
    return silent, code
