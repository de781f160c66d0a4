"""Diagnoses made aside, one after the other, so that no page waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from diagnostics.finding import Diagnosis
from diagnostics.run import Run

# A run that trains is judged again after so many times what judging it took: the curves come first.
REST = 4.0


@dataclass
class Judged:
    """A diagnosis, the run as it was then, how long it took in seconds, and when it was done (monotonic)."""

    run: Run
    diagnosis: Diagnosis
    took: float
    done: float


@dataclass
class Judge:
    """Keeps the diagnosis of each run. `count`: how many were made; it changes whenever there is something new to show."""

    judge: Callable[[Run], Diagnosis]
    count: int = 0
    _known: dict[str, Judged] = field(default_factory=dict)
    _waiting: dict[str, Run] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def now(self, run: Run) -> Diagnosis:
        """The diagnosis of a run as it is; judged here and now unless it is known."""
        known = self._known.get(run.name)
        if known is None or known.run is not run:
            known = self._made(run)
        return known.diagnosis

    def known(self, run: Run) -> Diagnosis | None:
        """The newest diagnosis of a run, None if there is none yet; none is asked for."""
        known = self._known.get(run.name)
        return known.diagnosis if known is not None else None

    def latest(self, run: Run) -> Diagnosis | None:
        """The newest diagnosis of a run, None if there is none yet; a newer one is asked for where the run has changed."""
        known = self._known.get(run.name)
        if known is None or (known.run is not run and not (run.status.active and self._rests(known))):
            with self._lock:
                self._waiting[run.name] = run
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._work, name="judge", daemon=True)
                    self._thread.start()
        return known.diagnosis if known is not None else None

    @staticmethod
    def _rests(known: Judged) -> bool:
        return time.monotonic() - known.done < REST * known.took

    def _made(self, run: Run) -> Judged:
        started = time.monotonic()
        diagnosis = self.judge(run)
        ended = time.monotonic()
        known = self._known[run.name] = Judged(run, diagnosis, ended - started, ended)
        self.count += 1
        return known

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                run = self._waiting.pop(next(iter(self._waiting)))
            self._made(run)
