"""Reads one run folder again and again, of its event files only what is new."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from diagnostics.run.adapter import adapter_arguments
from diagnostics.run.events import EventFile
from diagnostics.run.files import read_json
from diagnostics.run.folder import (
    CONSOLE_FILE,
    EXPECTED,
    EXPECTED_ZH,
    RUN_FILE,
    SAMPLES_FILE,
    STATE_FILE,
    TRAINER_LOG_FILE,
    checkpoints,
    console_files,
    event_files,
    history_files,
)
from diagnostics.run.log import Log, last_step, log_of_events, status_of
from diagnostics.run.merge import agreement, merge, tail
from diagnostics.run.method import METHODS, era_of, method_of
from diagnostics.run.record import Run, RunUnreadable
from diagnostics.run.refusal import Sentence, said
from diagnostics.run.rows import whole
from diagnostics.run.samples import read_samples
from diagnostics.run.sources import log_of_file
from diagnostics.run.status import STATUS_FILE, Status, read_status


@dataclass
class RunReader:
    """Reads one folder again and again, event files only from where they grew. `read()` gives the run as it is now."""

    folder: Path
    _files: dict[Path, EventFile] = field(default_factory=dict)
    # Of the other sources what was read last, and the size and time that they had then.
    _logs: dict[Path, tuple[tuple, Log | RunUnreadable]] = field(default_factory=dict)
    # What `status.json` said last, and its size and time then: an end is read once, only a live worker is looked after.
    _stated: tuple[tuple[int, int], Status] | None = None
    _signature: tuple | None = None
    _run: Run | None = None

    def signature(self) -> tuple:
        """Changes whenever a file of the run did: names, sizes and times, plus the state the run is seen in."""
        found = checkpoints(self.folder)
        small = [self.folder / name for name in (RUN_FILE, STATUS_FILE, SAMPLES_FILE)]
        logs = [*self._states(found), self.folder / TRAINER_LOG_FILE, *history_files(self.folder), *self._consoles()]
        stats = [(str(path), *stamp(path)) for path in [*small, *event_files(self.folder), *logs]]
        return (tuple(stats), tuple(found), self._status().state)

    @property
    def active(self) -> bool:
        """Whether more was being written to the run when it was looked at last."""
        return self._stated is not None and self._stated[1].active

    def _status(self) -> Status:
        """The status as it can be seen now, read again only if the file changed or the worker may have died."""
        stamped = stamp(self.folder / STATUS_FILE)
        if self._stated is None or self._stated[0] != stamped or self._stated[1].active:
            self._stated = (stamped, read_status(self.folder))
        return self._stated[1]

    def read(self) -> Run:
        """The run as it is on disk now; the same object as before if nothing changed.

        Raises:
            RunUnreadable: nothing of a run could be read.
        """
        signature = self.signature()
        if self._run is None or signature != self._signature:
            self._run = self._read()
            self._signature = signature
        return self._run

    def _read(self) -> Run:
        folder = self.folder
        problems: list[str] = []
        asked = self._asked(problems)
        found = checkpoints(folder)
        last = list(found.values())[-1:]
        adapter = adapter_arguments([folder, *last])
        log = self._log(found, {**adapter, **asked.get("config", {})}, problems)
        if log is None:
            if not asked:
                why = f" ({problems[0]})" if problems else ""
                why_zh = f"（{said(problems[0], 'zh')}）" if problems else ""
                raise RunUnreadable(
                    f"{folder}: nothing was logged in it{why}; expected {EXPECTED}.",
                    f"{folder}：里面没有任何日志{why_zh}；应为{EXPECTED_ZH}。",
                )
            log = Log("")
        config = {**adapter, **log.config, **asked.get("config", {})}
        method = asked["method"] if asked.get("method") in METHODS else method_of(log.series, config)
        status = read_status(folder)
        if status.state == "unknown":
            status = replace(status_of(log), reason=status.reason)
        parts = {
            "request": bool(asked),
            "events": bool(self._files),
            "checkpoints": bool(found),
            "samples": (folder / SAMPLES_FILE).exists(),
        }
        return Run(
            path=folder,
            name=folder.name or str(folder),
            method=method,
            status=status,
            config=config,
            series=log.series,
            checkpoints=found,
            samples=tuple(read_samples(folder / SAMPLES_FILE)),
            restarts=log.restarts,
            missing=tuple(part for part, present in parts.items() if not present),
            problems=(*problems, *log.problems),
            parent=asked.get("parent") if isinstance(asked.get("parent"), str) else None,
            asked=asked.get("config", {}),
            era=era_of(log.series, method),
            times=log.times,
        )

    def _asked(self, problems: list[str]) -> dict[str, Any]:
        """`run.json`, or {} if there is none."""
        path = self.folder / RUN_FILE
        try:
            asked = read_json(path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            problems.append(Sentence(f"{RUN_FILE} cannot be read: {error}.", f"{RUN_FILE} 无法读取：{error}。"))
            return {}
        if not isinstance(asked, dict) or not isinstance(asked.get("config", {}), dict):
            problems.append(
                Sentence(
                    f"{RUN_FILE} is no record of a run: an object with a config was expected.",
                    f"{RUN_FILE} 不是运行的记录：应为带有 config 的对象。",
                )
            )
            return {}
        return asked

    # -- the sources, best first ---------------------------------------------------------------------------------------

    def _log(self, found: Mapping[int, Path], config: Mapping[str, Any], problems: list[str]) -> Log | None:
        """All sources of the folder as one log; None if none could be read.

        Event files and the Trainer's state hold every row with its step, LLaMA-Factory's log some numbers of each; the
        console is read only where nothing else tells of the training, or nothing else of its end.
        """
        events = self._events(problems)
        others = [
            self._state(found, problems),
            *(self._source(path, problems) for path in history_files(self.folder)[:1]),
            self._source(self.folder / TRAINER_LOG_FILE, problems),
        ]
        logs = [log for log in (events, *others) if log is not None]
        log = merge(logs) if logs else None
        if events is not None and events.trained:
            return log
        console = self._console({**(log.config if log else {}), **config}, problems)
        if console is None:
            return log
        if log is None or not log.trained:
            return merge([one for one in (log, console) if one is not None])
        # The state is written with each checkpoint: how the run ended, a crash above all, stands on the console alone.
        # Its rows are taken on from there, if those before show that it is the console of this run.
        late = not console.counted and agreement(log.series, console.series)
        return merge([log, tail(console, beyond=last_step(log.series))]) if late else log

    def _events(self, problems: list[str]) -> Log | None:
        """The event files as one log; in the order in which they were begun, which their names need not tell."""
        paths = event_files(self.folder)
        self._files = {path: self._files[path] for path in paths if path in self._files}
        for path in paths:
            file = self._files.setdefault(path, EventFile(path))
            try:
                file.read_new()
            except OSError as error:
                problems.append(
                    Sentence(
                        f"{path.name} cannot be read: {error.strerror}.", f"{path.name} 无法读取：{error.strerror}。"
                    )
                )
            if not file.points and not file.texts:
                problems.append(
                    Sentence(f"{path.name} holds no complete record yet.", f"{path.name} 中还没有完整的记录。")
                )
        ordered = sorted(
            self._files.values(), key=lambda one: (math.inf if one.started is None else one.started, one.path.name)
        )
        log = log_of_events("the event files", ordered)
        return log if log.series or log.config or any(one.texts for one in ordered) else None

    def _states(self, found: Mapping[int, Path]) -> list[Path]:
        """The state files to look at: of the folder, and of its last checkpoint that has one."""
        newest = next(
            (path for step in sorted(found, reverse=True) if (path := found[step] / STATE_FILE).is_file()), None
        )
        return [path for path in (self.folder / STATE_FILE, newest) if path is not None and path.is_file()]

    def _state(self, found: Mapping[int, Path], problems: list[str]) -> Log | None:
        """The `trainer_state.json` that is furthest on: a training that goes on has checkpoints beyond the folder's own."""
        logs = [log for path in self._states(found) if (log := self._source(path, problems)) is not None]
        return max(logs, key=lambda log: log.step, default=None)

    def _consoles(self) -> list[Path]:
        """The console logs of the folder: that of one of our runs by its name, else those that hold log rows."""
        if (self.folder / RUN_FILE).is_file():
            return [path for path in (self.folder / CONSOLE_FILE,) if path.is_file()]
        return console_files(self.folder)

    def _console(self, config: Mapping[str, Any], problems: list[str]) -> Log | None:
        """The first console log; others are told, for they may be of other runs."""
        paths = self._consoles()
        if not paths:
            return None
        if len(paths) > 1:
            others = ", ".join(path.name for path in paths[1:5])
            problems.append(
                Sentence(
                    f"{paths[0].name} was read; there are log rows in {others} as well.",
                    f"读取的是 {paths[0].name}；{others} 中也有日志行。",
                )
            )
        every = whole(config.get("logging_steps"))
        return self._source(paths[0], problems, every if every and every > 0 else None)

    def _source(self, path: Path, problems: list[str], logging_steps: int | None = None) -> Log | None:
        """One file as a log, read again only if it changed; None, with a problem told, if it is none."""
        stamped = (*stamp(path), logging_steps)
        if not path.is_file():
            return None
        if path not in self._logs or self._logs[path][0] != stamped:
            try:
                self._logs[path] = (stamped, log_of_file(path, logging_steps))
            except RunUnreadable as error:
                self._logs[path] = (stamped, error)
        read = self._logs[path][1]
        if isinstance(read, RunUnreadable):
            problems.append(read.sentence)
            return None
        return read


def stamp(path: Path) -> tuple[int, int]:
    """The size of a file in bytes and the time of its last change in ns; zeros if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns)
