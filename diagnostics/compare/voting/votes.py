"""Votes on answers: who preferred which, kept one a line in a file that is only appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from diagnostics.compare.prompts import Message

Voter = Literal["person", "judge", "reward"]
TIE = "tie"
BOTH_BAD = "both-bad"


@dataclass(frozen=True)
class Vote:
    """One choice between answers to one prompt.

    `answers`: each source's text. `shown`: the sources in the order in which they were seen. `chosen`: a source, `tie`
    or `both-bad`. `time`: seconds since 1970. `seed`: the answers' seed. `by`: which person, judge or reward.

    Raises:
        ValueError: fewer than two answers, one of them not shown, or a choice that is none of them.
    """

    prompt: tuple[Message, ...]
    answers: Mapping[str, str]
    shown: tuple[str, ...]
    chosen: str
    voter: Voter
    time: float
    seed: int = 0
    by: str = ""

    def __post_init__(self) -> None:
        if len(self.shown) < 2 or sorted(self.shown) != sorted(self.answers):
            raise ValueError(f"shown: {list(self.shown)} are not the two or more sources that answered.")
        if TIE in self.answers or BOTH_BAD in self.answers:
            raise ValueError(f"answers: a source may not be named {TIE} or {BOTH_BAD}.")
        if self.chosen not in (*self.shown, TIE, BOTH_BAD):
            raise ValueError(f"chosen: {self.chosen!r} is none of {', '.join((*self.shown, TIE, BOTH_BAD))}.")
        if self.voter not in get_args(Voter):
            raise ValueError(f"voter: {self.voter!r} is none of {', '.join(get_args(Voter))}.")

    @property
    def decided(self) -> bool:
        """Whether one answer was preferred."""
        return self.chosen in self.answers

    def outcomes(self) -> list[tuple[str, str, float]]:
        """What the vote says of pairs: (source, other, 1 the source won | 0.5 a tie), of each pair once.

        The chosen one beat every other; of those not chosen nothing is known among themselves. `tie` and `both-bad` tie
        all of them.
        """
        if self.decided:
            return [(self.chosen, other, 1.0) for other in self.shown if other != self.chosen]
        return [(one, other, 0.5) for one, other in combinations(self.shown, 2)]


@dataclass(frozen=True)
class KeptVotes:
    """The votes of a file, in their order, and how many lines could not be read (a half-written one is left by a crash)."""

    votes: tuple[Vote, ...]
    unreadable: int = 0


def add_vote(path: Path, vote: Vote) -> None:
    """Append a vote in one write, which is on the disk when this returns. After a half-written line it begins a new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(vote), ensure_ascii=False) + "\n"
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        whole = True
        if size:
            file.seek(size - 1)
            whole = file.read(1) == b"\n"
        # Opened for appending: whatever else is written meanwhile, this goes to the end.
        file.write((line if whole else "\n" + line).encode("utf-8", "surrogatepass"))
        os.fsync(file.fileno())


def read_votes(path: Path) -> KeptVotes:
    """The votes kept in a file; none if there is no such file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return KeptVotes(())
    votes, unreadable = [], 0
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        try:
            votes.append(vote_of(json.loads(line.decode("utf-8", "surrogatepass"))))
        except (ValueError, TypeError, KeyError, AttributeError):
            unreadable += 1
    return KeptVotes(tuple(votes), unreadable)


def vote_of(raw: Mapping[str, Any]) -> Vote:
    """A vote from its line."""
    return Vote(
        tuple({"role": str(one["role"]), "content": str(one["content"])} for one in raw["prompt"]),
        {str(source): str(text) for source, text in raw["answers"].items()},
        tuple(str(one) for one in raw["shown"]),
        str(raw["chosen"]),
        raw["voter"],
        float(raw["time"]),
        int(raw.get("seed", 0)),
        str(raw.get("by", "")),
    )
