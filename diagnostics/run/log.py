"""What one source tells of a run: its curves, how far it is, its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostics.run.events import EventFile, config_of
from diagnostics.run.gather import gather, times_of
from diagnostics.run.llamafactory import is_llamafactory, progress_of
from diagnostics.run.record import Series
from diagnostics.run.refusal import Sentence
from diagnostics.run.rows import points_of, step_of, whole
from diagnostics.run.status import Status

# What the Trainer keeps in its state, and the name of the argument it came from. `train_batch_size` is that of a
# process: with several GPUs in one process (DataParallel) it is a multiple of the argument. `max_steps` is resolved:
# it is known also where epochs were asked for.
STATE_ARGUMENTS = {
    "train_batch_size": "per_device_train_batch_size",
    "num_train_epochs": "num_train_epochs",
    "max_steps": "max_steps",
    "logging_steps": "logging_steps",
    "save_steps": "save_steps",
    "eval_steps": "eval_steps",
}


@dataclass(frozen=True)
class Log:
    """One source of a run. `name` is its file's; `config` has TRL's argument names.

    `step` and `max_steps` are optimizer steps, 0 where unknown. `finished`: the training logged its summary.
    `counted`: the source told no steps, those of the series are its rows, counted. `times`: when each step was logged,
    in seconds since the epoch; None where the source does not tell.
    """

    name: str
    series: Mapping[str, Series] = field(default_factory=dict)
    restarts: tuple[int, ...] = ()
    step: int = 0
    max_steps: int = 0
    finished: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    counted: bool = False
    times: Series | None = None

    @property
    def trained(self) -> bool:
        """Whether it holds a curve of the training itself: more than evaluations and the epoch they were made in."""
        return any(not tag.startswith(("eval/", "test/")) and tag != "train/epoch" for tag in self.series)


def last_step(series: Mapping[str, Series]) -> int:
    """The last step of all series, 0 if there is none."""
    return max((int(one.steps[-1]) for one in series.values() if len(one)), default=0)


def has_summary(series: Mapping[str, Series]) -> bool:
    """Whether the row is there that the Trainer logs at the end of its training."""
    return "train/train_runtime" in series or "train/train_loss" in series


def log_of_events(name: str, files: Iterable[EventFile]) -> Log:
    """Event files that were read, earliest first, as one log."""
    files = list(files)
    points = [point for file in files for point in file.points]
    series, restarts = gather(points)
    texts = {tag: text for file in files for tag, text in file.texts.items()}
    problems = tuple(problem for file in files for problem in file.problems)
    return Log(
        name,
        series,
        restarts,
        last_step(series),
        0,
        has_summary(series),
        config=config_of(texts),
        problems=problems,
        times=times_of(points),
    )


def log_of_rows(name: str, rows: list[Any]) -> Log:
    """Log rows as the HF Trainer or LLaMA-Factory writes them."""
    series, restarts = gather(points_of(rows))
    mappings = [row for row in rows if isinstance(row, dict)]
    most, finished = progress_of(row for row in mappings if is_llamafactory(row))
    counted = bool(series) and all(step_of(row) is None for row in mappings)
    problems: list[str] = []
    if counted:
        problems.append(
            Sentence(
                f"{name}: the rows carry no step; steps are rows, counted from 1.",
                f"{name}：各行没有步数；以行号为步数，从 1 数起。",
            )
        )
    elif mappings and not series:
        problems.append(
            Sentence(
                f"{name}: the rows tell of progress only, no training was logged in them.",
                f"{name}：各行只有进度，没有训练记录。",
            )
        )
    return Log(
        name,
        series,
        restarts,
        step=last_step(series),
        max_steps=max(whole(most) or 0, 0),
        finished=finished or has_summary(series),
        problems=tuple(problems),
        counted=counted,
    )


def log_of_state(name: str, state: Mapping[str, Any]) -> Log:
    """A `trainer_state.json`: its rows, and what it tells besides. Its `log_history` is a list."""
    rows = log_of_rows(name, state["log_history"])
    config = {}
    for key, argument in STATE_ARGUMENTS.items():
        value = state.get(key)
        # Epochs of 2^63-1 mean: until max_steps.
        if isinstance(value, int | float) and (whole(value) or 0) > 0:
            config[argument] = value
    return Log(
        name,
        rows.series,
        rows.restarts,
        step=max(whole(state.get("global_step")) or 0, rows.step),
        max_steps=max(whole(state.get("max_steps")) or 0, rows.max_steps),
        finished=rows.finished,
        config=config,
        problems=rows.problems,
        counted=rows.counted,
    )


def status_of(log: Log) -> Status:
    """What a foreign run's own files tell of its state: finished if it logged its summary, else unknown."""
    return Status("finished" if log.finished else "unknown", step=log.step, max_steps=log.max_steps)
