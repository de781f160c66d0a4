"""Tries reward functions on rows of the data as TRL would call them, each in a process of its own with a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from diagnostics.compare.models.environment import worker_environment
from diagnostics.preflight.material import RewardTrial, Rows
from diagnostics.probes.reward_functions import logged_names
from diagnostics.probes.reward_probes import JUNK, answers
from diagnostics.run.refusal import Sentence, said

SAMPLE = 32  # rows, spread over the data: a share among them is known to within 17 points
CALL_SECONDS = 30.0
LIMIT_SECONDS = 120.0
TAIL_BYTES = 16 << 10
TAIL_LINES = 8
POLL_SECONDS = 0.02
GOOD = ("reference", "ordinary")
Progress = Callable[[int, int, str], None]


def silent(done: int, of: int, what: str) -> None:
    """Nobody is told."""


def trial_rewards(
    specs: Sequence[str],
    rows: Rows,
    *,
    short_names: Mapping[str, str] | None = None,
    limit_seconds: float = LIMIT_SECONDS,
    call_seconds: float = CALL_SECONDS,
    progress: Progress = silent,
) -> tuple[RewardTrial, ...]:
    """Try each of the named functions; in their order.

    `short_names`: names with the place of the function that each stands for; None: the built-in ones. `limit_seconds` is
    for all functions together, `call_seconds` for one call; a function that was not tried has `untried` among its facts.
    """
    picked = sample(rows)
    names = logged_names(specs)
    calls = answers([row for _, row in picked]) if picked else {}
    deadline = time.monotonic() + limit_seconds
    made = []
    for number, (name, spec) in enumerate(zip(names, specs, strict=True)):
        progress(number, len(specs), "rewards")
        left = deadline - time.monotonic()
        if not picked or left <= 0:
            why = "no row has a prompt" if not picked else "the time was used up by the functions before"
            made.append(RewardTrial(name, spec, {}, facts={"untried": why}))
            continue
        made.append(tried(name, spec, picked, calls, short_names, min(left, limit_seconds), call_seconds))
    progress(len(specs), len(specs), "rewards")
    return tuple(made)


def sample(rows: Rows) -> list[tuple[int, Mapping[str, Any]]]:
    """Up to `SAMPLE` rows that have a prompt, spread over the data, with their numbers."""
    count = len(rows.rows)
    places = sorted({int(one) for one in np.linspace(0, max(0, count - 1), min(count, SAMPLE))})
    found = []
    for place in places:
        row = rows.rows[place]
        number = int(rows.numbers[place]) if len(rows.numbers) == count else place
        if isinstance(row.get("prompt"), str | list) and row["prompt"]:
            found.append((number, dict(row)))
    # TRL takes the first row's form for that of all: rows of another form are another fault.
    kind = type(found[0][1]["prompt"]) if found else str
    return [one for one in found if isinstance(one[1]["prompt"], kind)]


def tried(
    name: str,
    spec: str,
    picked: Sequence[tuple[int, Mapping[str, Any]]],
    calls: Mapping[str, Any],
    short_names: Mapping[str, str] | None,
    limit: float,
    call_seconds: float,
) -> RewardTrial:
    """One function, tried in a process of its own."""
    # A folder within: a worker whose starter is killed removes its own, and the one above if nothing else is in it.
    above = Path(tempfile.mkdtemp(prefix="clinic-reward-"))
    folder = above / "trial"
    try:
        folder.mkdir()
        job = {
            "name": name,
            "spec": spec,
            "short_names": None if short_names is None else dict(short_names),
            "rows": [row for _, row in picked],
            "calls": calls,
        }
        (folder / "job.json").write_text(json.dumps(job, ensure_ascii=False, default=str), encoding="utf-8")
        watched = Watched(folder, call_seconds)
        ended = watched.wait(limit)
        return trial_of(name, spec, picked, calls, watched, ended)
    finally:
        shutil.rmtree(above, ignore_errors=True)


class Watched:
    """The process of one trial: its events as they come, the end of what it prints, its end with all its children."""

    def __init__(self, folder: Path, call_seconds: float) -> None:
        self.folder = folder
        self.call_seconds = call_seconds
        self.events: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "diagnostics.probes.reward_trial_worker", str(os.getpid()), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=worker_environment(PYTHONUNBUFFERED="1"),
            start_new_session=True,
        )
        self._said = b""
        self._read = 0
        self._reader = threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _listen(self, stream: IO[bytes] | None) -> None:
        """Keep the end of what is printed, however much that is."""
        while stream is not None and (part := os.read(stream.fileno(), 1 << 16)):
            self._said = (self._said + part)[-TAIL_BYTES:]

    def wait(self, limit: float) -> str:
        """Follow the process to its end: `end`, `died`, `timeout` of one call, or `limit` of them all."""
        begun = clock = time.monotonic()
        try:
            while True:
                over = self._over()
                if self._news():
                    clock = time.monotonic()
                if self.events and self.events[-1]["event"] == "end":
                    return "end"
                if over:
                    return "died"
                now = time.monotonic()
                # An import may load libraries, and the interpreter itself has to start.
                if now - clock > self.call_seconds * (2 if self.call == "import" else 1):
                    return "timeout"
                if now - begun > limit:
                    return "limit"
                time.sleep(POLL_SECONDS)
        finally:
            self._end()

    @property
    def call(self) -> str:
        """The call that was begun last."""
        begun = [one["call"] for one in self.events if one["event"] == "begin"]
        return str(begun[-1]) if begun else "import"

    def _over(self) -> bool:
        """Whether the process has ended; it is not collected yet, so that its number, and its group's, stay its own."""
        if os.name == "nt":
            return self.process.poll() is not None
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.process.pid, options) is not None
        except ChildProcessError:
            return True

    def _news(self) -> bool:
        """Read what events came since; a last line that is still being written is left for the next time."""
        try:
            with (self.folder / "events.jsonl").open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                self.events.append(json.loads(line))
        return bool(whole)

    def _end(self) -> None:
        """Kill the process with its children, also those that went into a session of their own."""
        if os.name == "nt":
            self.process.kill()
        else:
            below = descendants(self.process.pid)
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for child in below:
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
        self.process.wait()
        self._reader.join(1.0)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()

    def how(self) -> Sentence:
        """How the process ended, as part of a sentence."""
        code = self.process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                name = signal.Signals(-code).name
                return Sentence(f"was killed by signal {-code} ({name})", f"被信号 {-code}（{name}）杀死")
        return Sentence(f"ended the whole process with exit code {code}", f"结束了整个进程，退出码 {code}")

    def tail(self) -> tuple[str, ...]:
        """The last lines that were printed."""
        lines = self._said.decode("utf-8", errors="replace").replace("\r", "\n").splitlines()
        return tuple(line.rstrip()[:400] for line in lines if line.strip())[-TAIL_LINES:]


def descendants(process: int) -> list[int]:
    """The children of a process and theirs, by what /proc tells; none where there is no /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(entry.parent.name)] = int(fields[1])
    found: list[int] = []
    level = {process}
    while level:
        level = {child for child, parent in parents.items() if parent in level and child not in found}
        found += level
    return found


def sentence_of(event: Mapping[str, Any]) -> Sentence:
    """What a call failed with."""
    return Sentence(event["message"], event.get("message_zh", event["message"]))


def trial_of(
    name: str,
    spec: str,
    picked: Sequence[tuple[int, Mapping[str, Any]]],
    calls: Mapping[str, Any],
    watched: Watched,
    ended: str,
) -> RewardTrial:
    """The record of a trial, from its events and from how its process ended."""
    numbers = tuple(number for number, _ in picked)
    values: dict[str, np.ndarray] = {}
    failed: tuple[str, str] | None = None
    bad: dict[str, tuple[str, str]] = {}
    facts: dict[str, Any] = {
        "conversational": bool(picked) and not isinstance(picked[0][1]["prompt"], str),
        "tail": watched.tail(),
    }
    each: list[float] = []
    for event in watched.events:
        if event["event"] == "done":
            if event["call"] not in JUNK:  # an empty answer may be judged at once
                each.append(event["seconds"] / max(1, event["answers"]))
            if "values" in event:
                given = event["values"]
                values[event["call"]] = np.array([np.nan if one is None else float(one) for one in given])
                if event["call"] in GOOD:
                    texts = calls[event["call"]]
                    without = tuple(numbers[n] for n, one in enumerate(given) if one is None and texts[n] is not None)
                    facts.setdefault("none_rows", {})[event["call"]] = without
        elif event["event"] == "failed" and event["call"] in (*GOOD, "import"):
            failed = (event["kind"], sentence_of(event))
            facts |= {
                key: value for key, value in event.items() if key not in ("event", "kind", "message", "message_zh")
            }
        elif event["event"] == "failed":
            bad[event["call"]] = (event["kind"], sentence_of(event))
        elif event["event"] == "note":
            facts |= {key: value for key, value in event.items() if key != "event"}
    call = watched.call
    if ended != "end":
        how, how_zh = watched.how(), said(watched.how(), "zh")
        told = {
            "timeout": (
                "timeout",
                Sentence(f"{name} did not come back from one call ({call})", f"{name} 的一次调用没有返回（{call}）"),
            ),
            "limit": (
                "timeout",
                Sentence(f"{name} was not through when the time was up ({call})", f"{name} 到时限还没有完成（{call}）"),
            ),
            "died": ("died", Sentence(f"{name} {how} ({call})", f"{name} {how_zh}（{call}）")),
        }[ended]
        if call in (*GOOD, "import") and failed is None:
            failed = told
        elif failed is None and ended != "limit" and call in JUNK:
            bad[call] = told
        elif failed is None:
            facts["cut_short"] = told[1]
    if "orders" in facts:
        facts["orders"] = [(numbers[place], *rewards) for place, *rewards in facts["orders"]]
    facts["junk_failed"] = bad
    facts["references"] = sum(text is not None for text in calls.get("reference", ()))
    facts["call_seconds"] = watched.call_seconds
    facts["each"] = float(min(each)) if each else 0.0
    if "place" in facts:
        facts["row"] = numbers[facts["place"]]
    return RewardTrial(
        name,
        spec,
        values,
        numbers,
        failed,
        facts.get("shuffled"),
        tuple(numbers[place] for place in facts.get("apart", ())),
        facts["each"] * len(numbers),
        facts,
    )
