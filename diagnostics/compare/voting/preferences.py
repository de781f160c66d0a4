"""Votes as a preference data set that TRL trains on as it is (its conversational format)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.compare.voting.votes import BOTH_BAD, TIE, Vote

Row = dict[str, Any]


@dataclass(frozen=True)
class Preferences:
    """Rows with `prompt`, `chosen` and `rejected`, each a list of messages, and what was left out.

    `ties`, `both_bad`: votes without a choice. `same_text`: pairs of the same answer twice. `no_text`: pairs with an empty
    answer chosen. `contradicted`: rows that another row says the other way round; they are in `rows` both.
    """

    rows: tuple[Row, ...]
    ties: int
    both_bad: int
    same_text: int
    no_text: int
    contradicted: int


def preferences(votes: Sequence[Vote]) -> Preferences:
    """One row for the chosen answer against each other one; the same pair chosen twice stands there once."""
    rows: dict[tuple[str, str, str], Row] = {}
    same_text = no_text = 0
    for vote in votes:
        if not vote.decided:
            continue
        chosen = vote.answers[vote.chosen]
        for source in vote.shown:
            rejected = vote.answers[source]
            if source == vote.chosen:
                continue
            if rejected.strip() == chosen.strip():
                same_text += 1
            elif not chosen.strip():
                no_text += 1
            else:
                key = (json.dumps(vote.prompt, ensure_ascii=False, sort_keys=True), chosen, rejected)
                rows[key] = {
                    "prompt": [dict(one) for one in vote.prompt],
                    "chosen": [{"role": "assistant", "content": chosen}],
                    "rejected": [{"role": "assistant", "content": rejected}],
                }
    return Preferences(
        tuple(rows.values()),
        sum(vote.chosen == TIE for vote in votes),
        sum(vote.chosen == BOTH_BAD for vote in votes),
        same_text,
        no_text,
        sum((asked, rejected, chosen) in rows for asked, chosen, rejected in rows),
    )


def write_preferences(path: Path, found: Preferences) -> None:
    """Write the rows as JSON Lines, which `datasets` loads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found.rows)
    temporary.write_bytes(lines.encode("utf-8", "replace"))
    temporary.replace(path)
