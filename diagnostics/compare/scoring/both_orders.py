"""What a judge of pairs says when it is asked in both orders: only what it says twice counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from diagnostics.compare.statistics.inference import mcnemar_test, wilson
from diagnostics.compare.statistics.verdict import PairVerdict, compared

# The place of the answer that the judge prefers, as it was shown.
Preference = Literal["first", "second", "tie"]


@dataclass(frozen=True)
class BothOrders:
    """A pair judged in both orders.

    `pair`: wins are prompts where `source` was preferred in both orders; the difference is (wins - losses) / prompts.
    What was not said twice is a tie. `place`: the share of prompts where the same place was preferred in both orders,
    whatever stood there, `place_low` to `place_high` its 95 % interval (Wilson): the judge's position bias. `first`: of
    those, how many preferred the first place; `first_p` says whether that is off one half (exact binomial).
    """

    pair: PairVerdict
    place: float
    place_low: float
    place_high: float
    by_place: int
    first: int
    first_p: float


def both_orders(source: str, against: str, said: Mapping[int, tuple[Preference, Preference]]) -> BothOrders:
    """Join the two orders. `said`: by prompt, the preference when `source` stood first, and when it stood second."""
    # The correction for several pairs is `verdict.corrected`, over the pairs of a table.
    differences = [settled(*one) for one in said.values()]
    by_place = [one for one, two in said.values() if one == two != "tie"]
    first = by_place.count("first")
    low, high = wilson(len(by_place), len(said))
    return BothOrders(
        compared(source, against, differences, zero_or_one=True, largest=1.0),
        len(by_place) / len(said) if said else 0.0,
        low,
        high,
        len(by_place),
        first,
        mcnemar_test(first, len(by_place) - first).p,
    )


def settled(leading: Preference, trailing: Preference) -> float:
    """1 if the source was preferred in both orders, -1 if the other was, else 0."""
    if (leading, trailing) == ("first", "second"):
        return 1.0
    return -1.0 if (leading, trailing) == ("second", "first") else 0.0
