"""What the reward rules ask of the trials of reward functions: who failed, which junk beats the reference, how to show it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from diagnostics.finding import CannotJudge, Evidence, Limit, TableEvidence, TextEvidence
from diagnostics.preflight.material import Material, RewardTrial

JUNK = ("empty", "long", "prompt", "repeated", "keywords", "foreign")
WINS = Limit(4, "rows", "ours: of fewer even all may be chance (the 95 % interval of 3 of 3 reaches below one half)")
SHARE = Limit(
    0.1, "of the rows", "ours: the lower end of the 95 % interval; a policy finds what pays on a tenth of its prompts"
)
SAME = 1e-6  # of the reward's size: float32 has seven digits
ROWS_SHOWN = 3
Z = 1.96  # standard errors on each side of a 95 % interval


def trials_of(material: Material) -> tuple[RewardTrial, ...]:
    """The trials of the reward functions.

    Raises:
        CannotJudge: none was tried.
    """
    if material.rewards is None:
        raise CannotJudge("no-rewards", why=material.unseen.get("rewards", "none was named"))
    tried = tuple(one for one in material.rewards if "untried" not in one.facts)
    if not tried:
        raise CannotJudge("no-rewards", why=next((one.facts["untried"] for one in material.rewards), "none was named"))
    return tried


def failed(trials: Iterable[RewardTrial], *kinds: str) -> list[RewardTrial]:
    """The functions that failed in one of some ways on the answers that data or model would give."""
    return [one for one in trials if one.failed is not None and one.failed[0] in kinds]


def junk_failures(trials: Iterable[RewardTrial], *kinds: str) -> list[tuple[RewardTrial, str, str]]:
    """The function, the probe and the sentence of each call on junk that failed in one of some ways."""
    return [
        (one, probe, message)
        for one in trials
        if one.failed is None
        for probe, (kind, message) in one.facts.get("junk_failed", {}).items()
        if kind in kinds
    ]


def good_of(one: RewardTrial) -> tuple[str, np.ndarray] | None:
    """What junk is held against: the rewards of the reference answers, else of ordinary ones; None if neither was tried."""
    for probe in ("reference", "ordinary"):
        if probe in one.values:
            return probe, one.values[probe]
    return None


@dataclass(frozen=True)
class Beats:
    """How often junk earned more than the good answer to the same row.

    `wins` and `losses` of `rows` that have both; `low` and `high`: the 95 % interval of the share of wins among all rows;
    `sure`: among the rows that differ, wins are more than chance.
    """

    probe: str
    wins: int
    losses: int
    rows: int
    low: float
    high: float
    sure: bool
    mean: float
    good: float

    @property
    def share(self) -> float:
        """The share of rows."""
        return self.wins / self.rows if self.rows else 0.0

    @property
    def wins_out(self) -> bool:
        """Whether junk wins beyond chance, on enough rows and on a share of them that matters."""
        return self.sure and self.wins >= WINS and self.low >= SHARE


def repeatable(one: RewardTrial) -> bool:
    """Whether the same call twice gave the same: of a reward that is chance nothing can be said."""
    return bool(one.facts.get("repeat", 0.0) <= SAME * max(1.0, float(one.facts.get("size", 0.0))))


def pays_length(one: RewardTrial) -> bool:
    """Whether both answers that are long and nothing else beat the good one."""
    found = [beats(one, probe) for probe in ("long", "repeated")]
    return all(beat is not None and beat.wins_out for beat in found)


def beats(one: RewardTrial, probe: str) -> Beats | None:
    """One probe against the good answers, row by row; None if no row has both."""
    against = good_of(one)
    values = one.values.get(probe)
    if against is None or values is None:
        return None
    good = against[1]
    both = np.isfinite(values) & np.isfinite(good)
    rows = int(both.sum())
    if not rows:
        return None
    apart = values[both] - good[both]
    least = SAME * max(1.0, float(np.abs(good[both]).max()))
    wins, losses = int((apart > least).sum()), int((apart < -least).sum())
    low, high = wilson(wins, rows)
    sure = wins + losses > 0 and wilson(wins, wins + losses)[0] > 0.5
    return Beats(probe, wins, losses, rows, low, high, sure, float(values[both].mean()), float(good[both].mean()))


def wilson(wins: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score."""
    if rows == 0:
        return 0.0, 1.0
    share = wins / rows
    middle = share + Z * Z / (2 * rows)
    spread = Z * math.sqrt(share * (1 - share) / rows + Z * Z / (4 * rows * rows))
    whole = 1 + Z * Z / rows
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def probe_table(one: RewardTrial) -> TableEvidence:
    """The rewards of a function by probe: their mean, the share of rows on which they beat the good answer, some rows."""
    places = list(dict.fromkeys(int(place) for place in np.linspace(0, max(0, len(one.rows) - 1), ROWS_SHOWN)))
    head = ("answer", "mean", "beats", *(f"row {one.rows[place]}" for place in places))
    rows = []
    for probe, values in one.values.items():
        finite = values[np.isfinite(values)]
        found = beats(one, probe) if probe in JUNK else None
        rows.append(
            (
                probe,
                f"{finite.mean():.4g}" if len(finite) else "-",
                f"{found.share:.0%}" if found is not None else "-",
                *(f"{values[place]:.4g}" if np.isfinite(values[place]) else "-" for place in places),
            )
        )
    return TableEvidence(one.name, head, tuple(rows))


def said(trials: Sequence[RewardTrial]) -> tuple[Evidence, ...]:
    """What failing functions raised and printed, as evidence."""
    found: list[Evidence] = []
    for one in trials:
        lines = [*one.facts.get("traceback", ())]
        message = one.facts.get("error") or (one.failed[1] if one.failed else "")
        frame = one.facts.get("frame")
        found.append(TextEvidence(str(frame[0]) if frame else one.spec, (*lines, *([message] if message else []))))
        if one.facts.get("tail"):
            found.append(TextEvidence(f"{one.name}: its output", tuple(one.facts["tail"])))
    return tuple(found)
