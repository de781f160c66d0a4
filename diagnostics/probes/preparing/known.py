"""The chat templates that TRL ships for model families, and which of them a template is, or is a changed copy of."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from functools import cache, lru_cache
from pathlib import Path

# How much of its text a template shares with the family's of which it is a copy that somebody changed. Ours: the
# templates of two different families share less, but revisions of one (gemma4_v2 and _v3) may share more.
NEAR = 0.9
SHORT = 0.75  # one change is a large share of a template of few pieces
FEW = 30  # pieces


@cache
def shipped() -> dict[str, str]:
    """TRL's templates by name."""
    import trl

    folder = Path(trl.__file__).parent / "chat_templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


def name_of(template: str) -> str | None:
    """The template that this one is, byte for byte."""
    return next((name for name, text in shipped().items() if text == template), None)


def nearest(template: str) -> str | None:
    """The shipped template of which this one is a changed copy; None if it is one of them, or like none."""
    if name_of(template) is not None:
        return None
    words = pieces(template)
    best, highest = None, 0.0
    for name, text in shipped().items():
        theirs = pieces(text)
        least = (NEAR if len(theirs) > FEW else SHORT) * len(theirs)
        # No more can match in order than occurs at all, which is quick to count.
        if not 0.5 < len(words) / len(theirs) < 3 or (Counter(words) & Counter(theirs)).total() < least:
            continue
        matcher = difflib.SequenceMatcher(None, words, theirs, autojunk=False)
        shared = sum(block.size for block in matcher.get_matching_blocks())
        # Above all the family's text has to be there; of two revisions the one with less beside it is nearer.
        score = shared / len(theirs) + 0.01 * shared / len(words)
        if shared >= least and score > highest:
            best, highest = name, score
    return best


@lru_cache(maxsize=256)
def pieces(template: str) -> list[str]:
    """A template's text in the pieces by which it is compared: its tags, and the text between them."""
    return [one.strip() for one in re.split(r"(\{%.*?%\}|\{\{.*?\}\}|\n)", template, flags=re.DOTALL) if one.strip()]
