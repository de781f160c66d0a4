"""What changed from one text to another, in spans that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from diagnostics.compare.texts.segment import PUNCTUATION, is_cjk, pieces

Kind = Literal["same", "removed", "added"]
# A block of changes: the pieces removed, the pieces added.
Change = tuple[list[str], list[str]]
# The heaviest island that melts, in words.
ISLAND = 3.0


@dataclass(frozen=True)
class Span:
    """A stretch of text. All `same` and `removed` joined are the left text; all `same` and `added` the right one."""

    kind: Kind
    text: str


def differ(left: str, right: str) -> tuple[Span, ...]:
    """The spans from left to right: neighbours are of different kinds, what was removed stands before what was added."""
    one, other = pieces(left), pieces(right)
    start = common(one, other)
    end = common(one[start:][::-1], other[start:][::-1])
    middle = changes(one[start : len(one) - end], other[start : len(other) - end])
    merged = without_islands([[*one[:start]], *middle, [*one[len(one) - end :]]])
    spans: list[Span] = []
    for part in merged:
        if isinstance(part, tuple):
            spans += [Span("removed", "".join(part[0])), Span("added", "".join(part[1]))]
        else:
            spans.append(Span("same", "".join(part)))
    return tuple(span for span in spans if span.text)


def common(one: list[str], other: list[str]) -> int:
    """How many pieces two lists begin with alike."""
    place = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        place += 1
    return place


def changes(one: list[str], other: list[str]) -> list[list[str] | Change]:
    """Same pieces and changes in turn. White space is no anchor: it is the same only beside a word that is."""
    words = [place for place, piece in enumerate(one) if not piece.isspace()]
    others = [place for place, piece in enumerate(other) if not piece.isspace()]
    matched = [
        (words[a], others[b])
        for a, b in longest_common([one[place] for place in words], [other[place] for place in others])
    ]
    found: list[list[str] | Change] = []
    a = b = 0
    for left, right in [*matched, (len(one), len(other))]:
        found += gap(one[a:left], other[b:right])
        found.append(one[left : left + 1])
        a, b = left + 1, right + 1
    return found


def gap(one: list[str], other: list[str]) -> list[list[str] | Change]:
    """What stands between two matched pieces: a change, and the white space around it that is the same."""
    start = common(one, other)
    end = common(one[start:][::-1], other[start:][::-1])
    removed, added = one[start : len(one) - end], other[start : len(other) - end]
    return [one[:start], (removed, added), one[len(one) - end :]]


def longest_common(one: list[str], other: list[str]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence, ascending.

    Bit-parallel (Hyyro 2004): each row of the table of lengths is one integer, whose bit is 0 where the length grows.
    So 2,000 pieces against 2,000 others are 2,000 sums of long integers, whatever the texts are.
    """
    where: dict[str, int] = {}
    for place, piece in enumerate(one):
        where[piece] = where.get(piece, 0) | 1 << place
    full = (1 << len(one)) - 1
    row, rows = full, []
    for piece in other:
        hits = row & where.get(piece, 0)
        row = ((row + hits) | (row - hits)) & full
        rows.append(row)
    found = []
    column, line = len(one), len(other)
    while column and line:
        if rows[line - 1] >> (column - 1) & 1:
            column -= 1  # this piece of the left adds nothing to the length
            continue
        line -= 1
        if not line or rows[line - 1] >> (column - 1) & 1:
            column -= 1
            found.append((column, line))
    return found[::-1]


def without_islands(parts: list[list[str] | Change]) -> list[list[str] | Change]:
    """Melt short same stretches between two changes into them, where they would only be confetti.

    As in the semantic cleanup of Fraser's diff-match-patch (2006): an island goes if it is no heavier than what was
    changed on both of its sides, the greater of removed and added on each. Light ones only: five words in the middle
    of a rewritten paragraph are worth being seen. The parts' lists are used up.
    """
    done: list[list[str] | Change] = []
    weights: list[float] = []
    for part in in_turn(parts):
        done.append(part)
        weights.append(max(map(weight_of, part)) if isinstance(part, tuple) else weight_of(part))
        while len(done) >= 3 and isinstance(before := done[-3], tuple) and isinstance(last := done[-1], tuple):
            island = done[-2]
            if isinstance(island, tuple) or weights[-2] > min(ISLAND, weights[-3], weights[-1]):
                break
            for side in (0, 1):
                before[side].extend(island)
                before[side].extend(last[side])
            del done[-2:]
            weights[-3:] = [weights[-3] + weights[-2] + weights[-1]]
    return done


def in_turn(parts: list[list[str] | Change]) -> list[list[str] | Change]:
    """The same parts with neighbours of one kind joined, and none that is empty."""
    done: list[list[str] | Change] = []
    for part in parts:
        before = done[-1] if done else None
        if isinstance(part, tuple):
            if isinstance(before, tuple):
                before[0].extend(part[0])
                before[1].extend(part[1])
            elif part[0] or part[1]:
                done.append(part)
        elif isinstance(before, list):
            before.extend(part)
        elif part:
            done.append(part)
    return done


def weight_of(part: list[str]) -> float:
    """How many words a stretch is: a word 1, a Chinese character a half, punctuation and white space nothing."""
    return sum(0.5 if is_cjk(one) else 1.0 for one in part if not one.isspace() and not PUNCTUATION.fullmatch(one))
