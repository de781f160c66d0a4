"""The record of one run, whatever program wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diagnostics.run import tags
from diagnostics.run.refusal import Refusal
from diagnostics.run.status import Status


class RunUnreadable(Refusal):
    """A path cannot be read as a run. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Series:
    """One logged number over the steps of a run.

    `steps`: int64, shape (n,), ascending. `values`: float64, shape (n,), non-finite values kept. Where a run was
    restarted from an earlier step, the later writing of a step is the one kept.
    """

    tag: str
    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def finite(self) -> Series:
        """The same series without its non-finite values."""
        keep = np.isfinite(self.values)
        return Series(self.tag, self.steps[keep], self.values[keep])


@dataclass(frozen=True)
class Sample:
    """One line of `samples.jsonl`: what the model answered at a step, and how each reward judged it."""

    step: int
    prompt: str
    completion: str
    rewards: Mapping[str, float]
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One run as it was when it was read.

    `series` is keyed by TensorBoard tag (`train/loss`, `eval/loss`), also where the source was `trainer_state.json`.
    `config` holds the arguments as far as the sources tell them, `asked` those of `run.json` alone. `checkpoints` are
    the `checkpoint-<step>` folders, by step. `era` is the span of TRL versions that logs such tags, as `era_of` in
    method.py names it. `missing` names the parts of a run folder that this one does not have, as
    keys of `MISSING` in report/words.py. `times` is when each step was logged, in seconds since the epoch, None where no
    source tells. `problems` says what could not be read, a sentence each; the rest was read all the same.
    """

    path: Path
    name: str
    method: str | None
    status: Status
    config: Mapping[str, Any]
    series: Mapping[str, Series]
    checkpoints: Mapping[int, Path] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    restarts: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    parent: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    era: str | None = None
    times: Series | None = None

    @property
    def points(self) -> int:
        """How many steps were logged in training. TRL's first PPO logged without `train/`: all but evaluation counts."""
        steps = {
            int(step)
            for tag, one in self.series.items()
            if not tag.startswith(("eval/", "test/"))
            for step in one.steps
        }
        return len(steps)

    @property
    def last_step(self) -> int:
        """The last step logged, 0 if none was."""
        return max((int(one.steps[-1]) for one in self.series.values() if len(one)), default=0)

    def get(self, tag: str) -> Series | None:
        """The series of a tag, or None if nothing was logged under it."""
        found = self.series.get(tag)
        return found if found is not None and len(found) else None

    def signal(self, name: str, split: str = "train") -> Series | None:
        """The curve of a quantity whatever its trainer calls it; see `diagnostics.run.tags`. None if it was not logged.

        Raises:
            KeyError: there is no such quantity.
        """
        return tags.find(self.series, name, split)

    def reward_components(self) -> dict[str, Series]:
        """The curve of each reward function of GRPO or RLOO, by its name."""
        return tags.reward_components(self.series)
