"""Which checkpoint of a run to keep: the best within the noise, among those that exist and whose numbers are finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from diagnostics.compare.statistics.paired import difference, kept_rewards
from diagnostics.finding import Diagnosis
from diagnostics.measure import ONLINE, SAMPLES, curve_noise, kept_scores
from diagnostics.run import Run, Series
from diagnostics.run.tensors import not_finite

# finetune-doctor 0.2.2: within twice the noise of the evaluations, or 1 %, checkpoints are as good as each other.
SIGMAS = 2.0
NEAR = 0.01
# Findings from whose onset on a checkpoint is not to be trusted, where nothing was measured.
RUINED = ("loss-not-finite", "loss-diverged", "reward-collapse", "gradient-explosion")


@dataclass(frozen=True)
class Keep:
    """The checkpoint to keep.

    `why`: a key of `KEEP` in report/words.py with its `facts`. `as_good`: steps of others within the noise.
    `unusable`: by step, why a checkpoint was passed over.
    """

    step: int | None
    path: Path | None
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    as_good: tuple[int, ...] = ()
    unusable: Mapping[int, str] = field(default_factory=dict)


def keep(run: Run, diagnosis: Diagnosis) -> Keep | None:
    """Choose among the checkpoints of a run; None if it has none."""
    if not run.checkpoints:
        return None
    measured = measure_of(run)
    unusable: dict[int, str] = {}
    if measured is not None:
        series, sign = measured
        values = {step: float(np.interp(step, series.steps, series.values)) for step in near(run, series)}
        for step in sorted(values, key=lambda one: (sign * values[one], one)):
            if usable(run.checkpoints[step], step, unusable):
                as_good = [one for one in values if one != step and no_worse(run, series, one, step)]
                last = max(run.checkpoints)
                facts = {
                    "metric": series.tag,
                    "value": values[step],
                    "last": last,
                    "at_last": values.get(last, math.nan),
                }
                why = "last-is-as-good" if last in as_good else "best"
                return Keep(step, run.checkpoints[step], why, facts, tuple(sorted(as_good)), unusable)
    ruined = [one.first_step for one in diagnosis.findings if one.rule in RUINED]
    before = [step for step in run.checkpoints if not ruined or step < min(ruined)]
    for step in sorted(before, reverse=True):
        if usable(run.checkpoints[step], step, unusable):
            why = "before" if ruined else "unmeasured"
            return Keep(step, run.checkpoints[step], why, {"onset": min(ruined) if ruined else 0}, (), unusable)
    return Keep(None, None, "none", {"onset": min(ruined) if ruined else 0}, (), unusable)


def measure_of(run: Run) -> tuple[Series, int] | None:
    """What a run's checkpoints are judged by, and its sign: -1 where more is better.

    The held-out reward of online methods, else the first score of the kept answers, else the evaluation loss
    (not of online methods).
    """
    if run.method in ONLINE:
        reward = run.signal("reward", "eval")
        if reward is not None and len(finite := reward.finite()) >= 2:
            return finite, -1
    scored = kept_scores(run)
    if scored is not None and len(scored) >= 2:
        return scored, -1
    # The loss of online methods hovers around 0, in evaluation too: it says nothing of a checkpoint.
    loss = run.signal("loss", "eval") if run.method not in ONLINE else None
    if loss is not None and len(finite := loss.finite()) >= 2:
        return finite, 1
    return None


def no_worse(run: Run, series: Series, step: int, best: int) -> bool:
    """Whether a checkpoint is as good as the best within the noise.

    By the kept answers: the 95 % interval of the paired difference holds 0. By an evaluation: within twice its noise,
    or 1 %.
    """
    name = series.tag.removeprefix(SAMPLES)
    if name != series.tag:
        apart = difference(kept_rewards(run, step, name), kept_rewards(run, best, name))
        return apart is not None and apart.low <= 0 <= apart.high
    band = max(SIGMAS * curve_noise(series.values), NEAR * abs(float(np.median(series.values))))
    values = np.interp([step, best], series.steps, series.values)
    return bool(abs(values[0] - values[1]) <= band)


def near(run: Run, series: Series) -> list[int]:
    """The checkpoints that were measured: at a measurement, or between two of them."""
    return [step for step in run.checkpoints if series.steps[0] <= step <= series.steps[-1]]


def usable(folder: Path, step: int, unusable: dict[int, str]) -> bool:
    """Whether a checkpoint's weights are there and finite; if not, why is put into `unusable`."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        unusable[step] = f"{folder.name}: holds no safetensors"
        return False
    for path in weights:
        try:
            stat = path.stat()
            bad = known_not_finite(path, stat.st_size, stat.st_mtime_ns)
        except (OSError, ValueError) as error:
            unusable[step] = str(error)
            return False
        if bad is not None:
            unusable[step] = f"{folder.name}/{path.name}: {bad} holds NaN or infinite numbers"
            return False
    return True


@lru_cache(maxsize=256)
def known_not_finite(path: Path, size: int, changed: int) -> str | None:
    """`not_finite`, read once for each state of a file."""
    return not_finite(path)
