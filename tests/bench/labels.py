"""The labelled runs: which faults people saw in them, and which rules may name each fault."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.csv"

# What may be said of any run at any severity: it is true of most of them, and no fault of the training.
MAY_BE_SAID = frozenset({"no-evaluation", "run-too-short"})

# label -> the rules that name its fault. An empty set: the run is quiet, and neither an error nor a warning may be said.
ACCEPTED: dict[str, frozenset[str]] = {
    "healthy": frozenset(),
    "too_short_to_tell": frozenset(),
    "no_eval": frozenset(),
    "not_learning": frozenset({"not-learning", "nothing-trainable", "preference-flat"}),
    "overfit": frozenset({"overfitting", "memorised"}),
    "diverged": frozenset({"loss-diverged", "loss-not-finite", "labels-all-masked"}),
    "loss_zero_bug": frozenset({"loss-diverged", "loss-not-finite", "labels-all-masked"}),
    "spike_recovered": frozenset({"loss-spike", "gradient-explosion"}),
    "grad_explosion": frozenset({"loss-spike", "gradient-explosion"}),
    "lr_schedule_bug": frozenset({"schedule-fault"}),
    "zero_reward_std": frozenset({"reward-groups-constant", "reward-constant"}),
    "reward_collapse": frozenset({"reward-collapse", "length-explosion", "completions-truncated"}),
    "length_explosion": frozenset({"reward-collapse", "length-explosion", "completions-truncated"}),
    "dpo_saturated": frozenset({"preference-saturated", "reward-model-saturated"}),
    "loss_scale_artifact": frozenset({"loss-scale-artifact"}),
    "kl_explosion": frozenset({"kl-explosion"}),
    "entropy_collapse": frozenset({"entropy-collapse"}),
    "fp16_nan_grad": frozenset({"gradient-not-finite"}),
    "dpo_chosen_logp_falling": frozenset({"preference-displacement"}),
}


@dataclass(frozen=True)
class Labelled:
    """One labelled run. `second_label` is empty if there is none; `reason` is what the labeller saw."""

    id: str
    repo: str
    method: str
    label: str
    second_label: str
    confidence: float
    reason: str
    folder: Path

    @property
    def quiet(self) -> bool:
        """Whether nothing is wrong with the run, as far as a person could tell."""
        return not ACCEPTED[self.label]


def read_labelled(root: Path) -> list[Labelled]:
    """The runs of a folder of labelled runs: `manifest.csv` beside `runs/<id>/`.

    Raises:
        ValueError: the folder holds no such manifest, or a label is unknown; the message says which.
    """
    path = root / MANIFEST
    if not path.is_file():
        raise ValueError(f"{root}: holds no {MANIFEST}; expected {MANIFEST} and runs/<id>/.")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    unknown = {row[column] for row in rows for column in ("label", "second_label")} - set(ACCEPTED) - {""}
    if unknown:
        raise ValueError(f"{path}: unknown labels: {', '.join(sorted(unknown))}.")
    return [
        Labelled(
            id=row["id"],
            repo=row["repo"],
            method=row["method"],
            label=row["label"],
            second_label=row["second_label"],
            confidence=float(row["confidence"]),
            reason=row["reason"],
            folder=root / "runs" / row["id"],
        )
        for row in rows
    ]
