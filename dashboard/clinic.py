"""What the pages share: the runs, their diagnoses, the model workers and the demo's process. No Gradio here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from dashboard.judging import Judge
from dashboard.runs.marks import Mark, Marks, MarksUnreadable
from dashboard.settings.kept import Settings
from diagnostics.compare.cache import AnswerCache, default_folder
from diagnostics.compare.models.memory import GIB, VARIABLE
from diagnostics.compare.models.sources import Source, checkpoints_of
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.engine import diagnose
from diagnostics.finding import Diagnosis
from diagnostics.package import python_path
from diagnostics.run import Run, RunUnreadable
from diagnostics.run.discover import RunStore
from diagnostics.run.files import read_json, tail, write_json
from diagnostics.run.refusal import LANG_VARIABLE
from diagnostics.run.status import process_alive

Made = TypeVar("Made")
DEMO_FOLDER = ".demo"
WORKERS_FOLDER = ".workers"
EXAMPLES = 6
# The files are looked at once for all tabs that ask within this time.
LOOK_SECONDS = 0.4
# A row that was just logged is drawn within two seconds, of which the looks take at most these: the longer one while
# nothing is known to be at work and nothing has changed for a while.
QUICK_SECONDS, CALM_SECONDS, CALM_AFTER = 0.8, 1.4, 30.0


class Clinic:
    """One dashboard's view of one runs folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = RunStore(root)
        self.pool = WorkerPool(root / WORKERS_FOLDER)
        self.cache = AnswerCache(default_folder())
        self.marks = Marks(root)
        self.settings = Settings(root)
        self.free_budget = self.pool.memory
        self._settings_taken: tuple[int, int] | None = None
        self.take_settings()
        self._judge = Judge(diagnose)
        self._kept: dict[tuple[str, Hashable], tuple[Run, Any]] = {}
        self._looked: tuple[float, str] | None = None
        self._looking = threading.Lock()
        self._changed = time.monotonic()
        self._demo: subprocess.Popen[bytes] | None = None

    def take_settings(self) -> None:
        """Let what is kept in the settings hold from now on, unless the environment has set it for this start."""
        stamp = self.settings.stamp()
        if stamp == self._settings_taken:
            return
        self._settings_taken = stamp
        wanted = self.settings.now().memory_gib
        if VARIABLE not in os.environ:
            self.pool.memory = self.free_budget if wanted is None else int(wanted * GIB)

    def signature(self) -> str:
        """Changes whenever something that a page shows has changed. Only names, sizes and times of files are looked at."""
        with self._looking:
            if self._looked is None or time.monotonic() - self._looked[0] > LOOK_SECONDS:
                self.take_settings()
                kept = f"{self.marks.stamp()} {self.settings.stamp()}"
                seen = f"{self.store.signature()} {self.demo_state()} {kept}"
                if self._looked is None or self._looked[1] != seen:
                    self._changed = time.monotonic()
                self._looked = (time.monotonic(), seen)
            return f"{self._looked[1]} {self._judge.count}"

    def pace(self) -> float:
        """Seconds that a page is to wait until its next look."""
        calm = not self.store.active() and time.monotonic() - self._changed > CALM_AFTER
        return CALM_SECONDS if calm else QUICK_SECONDS

    def runs(self) -> tuple[list[Run], dict[str, str]]:
        """All readable runs, and for each unreadable one why."""
        return self.store.all()

    def run(self, name: str) -> Run | None:
        """One run by name, None if it is not there or cannot be read."""
        try:
            return self.store.get(name)
        except (RunUnreadable, OSError):
            return None

    def diagnosis(self, run: Run) -> Diagnosis:
        """What the rules say of a run; judged again only when the run was read again."""
        return self._judge.now(run)

    def latest_diagnosis(self, run: Run) -> Diagnosis | None:
        """The newest diagnosis of a run without waiting for one; None if it is not judged yet. `signature` tells when it is."""
        return self._judge.latest(run)

    def known_diagnosis(self, run: Run) -> Diagnosis | None:
        """The newest diagnosis of a run if it is judged already; it is not judged for this."""
        return self._judge.known(run)

    def kept(self, run: Run, what: Hashable, make: Callable[[Run], Made]) -> Made:
        """What is made of a run, made again only when the run was read again. `what` tells one such thing from another."""
        known = self._kept.get((run.name, what))
        if known is None or known[0] is not run:
            known = self._kept[(run.name, what)] = (run, make(run))
        return cast("Made", known[1])

    def marks_now(self) -> tuple[Mapping[str, Mark], str | None]:
        """The user's marks by run, and why they cannot be read, if they cannot."""
        try:
            return self.marks.all(), None
        except MarksUnreadable as error:
            return {}, error.sentence

    def answering_runs(self) -> list[Run]:
        """The runs whose checkpoints answer a prompt: all but reward models, which give a number."""
        return [run for run in self.runs()[0] if run.method != "reward"]

    def checkpoints(self) -> list[Source]:
        """All checkpoints that answer a prompt."""
        return checkpoints_of(self.answering_runs())

    def example_prompts(self) -> list[str]:
        """Prompts to try: held-out ones of the demo where it is, languages in turn; else those of any run's samples."""
        prompts: list[str] = []
        for run in self.runs()[0]:
            for sample in run.samples:
                if sample.prompt not in prompts:
                    prompts.append(sample.prompt)
                if len(prompts) == EXAMPLES:
                    return prompts
        return prompts

    # The demo

    def demo_plan(self) -> list[dict[str, Any]]:
        """The stages of the demo in this folder, [] if none was ever started."""
        try:
            plan = read_json(self.root / DEMO_FOLDER / "plan.json")["stages"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return (
            [stage for stage in plan if isinstance(stage, dict) and "name" in stage] if isinstance(plan, list) else []
        )

    def demo_comparison(self) -> tuple[str, str] | None:
        """The demo's runs before and after, as its plan names them; None where it names none."""
        try:
            before, after = read_json(self.root / DEMO_FOLDER / "plan.json")["compare"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return str(before), str(after)

    def demo_state(self) -> str:
        """`none` (never started), `running`, or `over`."""
        try:
            owner = read_json(self.root / DEMO_FOLDER / "pid")
            if isinstance(owner, int) and process_alive(owner):
                return "running"
        except (OSError, ValueError):
            pass
        if self._demo is not None and self._demo.poll() is None:
            return "running"
        return "over" if self.demo_plan() else "none"

    def demo_error(self) -> str | None:
        """Why the demo that this dashboard started ended early; None if it did not."""
        if self._demo is None or self._demo.poll() in (None, 0):
            return None
        lines = tail(self.root / DEMO_FOLDER / "console.log", 1)
        return lines[-1] if lines else f"exit code {self._demo.returncode}"

    def start_demo(self, lang: str = "en") -> None:
        """Start the demo's pipeline in a process of its own, unless one is running; what it refuses is said in that language."""
        if self.demo_state() == "running":
            return
        folder = self.root / DEMO_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": python_path(os.environ),
            LANG_VARIABLE: lang,
        }
        with (folder / "console.log").open("wb") as console:
            self._demo = subprocess.Popen(
                [sys.executable, "-m", "training", "demo", "--runs", str(self.root)],
                stdout=console,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        write_json(folder / "pid", self._demo.pid)

    def close(self) -> None:
        """End the model workers and ask the demo to stop: its runs save a checkpoint and say so."""
        self.pool.close()
        if self._demo is not None and self._demo.poll() is None:
            self._demo.send_signal(signal.SIGTERM)
