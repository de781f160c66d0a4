"""What the built-in rewards read of a row: the answer, the question, the words that carry its matter."""

from __future__ import annotations

import re

from diagnostics.compare.texts.segment import is_cjk
from diagnostics.compare.texts.traits import units_of
from diagnostics.probes.reward_calls import question_of, text_of

__all__ = ["codes", "content_words", "question_of", "text_of"]

# Words that stand in any question. English: function and question words, and what people say to a service desk;
# Chinese: the same, as characters, because Chinese is cut into characters here.
STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        "a an and any are as at be been but by can could did do does for from had has have he hello her hi him his how i if"
        " in is it its just let may me my no not now of on or our out please she should so some thank thanks that the their"
        " them there they this to up us want was we were what when where which who why will with would you your 's n't"
        " am about been i'm i'd i've it's don't can't didn't",
    )
)
STOP_CHARACTERS = frozenset(
    "的了吗呢吧啊呀么和与及或在是有我你您他她它们这那个一不没也都就还会能可以要想请问把被给为对到从哪什怎"
)
STEM = 6  # letters: "cancel", "cancelled" and "cancellation" are one word by it


def content_words(text: str) -> set[str]:
    """The words that carry the matter of a text: stems of Latin words, numbers, pairs of Chinese characters.

    Pairs, since a single Chinese character stands in many words; a pair that holds a function character is left out.
    """
    found = set()
    units = units_of(text)
    for place, unit in enumerate(units):
        if is_cjk(unit):
            after = units[place + 1] if place + 1 < len(units) else ""
            if is_cjk(after) and not {unit, after} & STOP_CHARACTERS:
                found.add(unit + after)
        elif any(one.isalnum() for one in unit) and unit not in STOP_WORDS:
            found.add(unit if any(one.isdigit() for one in unit) else unit.rstrip("s")[:STEM])
    return found


def codes(text: str) -> set[str]:
    """The order numbers, amounts and dates of a text: its words with a digit, in capitals."""
    return {one.upper() for one in re.findall(r"[A-Za-z]*\d[A-Za-z0-9]*", text)}
