"""The parts of a prompt set that a verdict looks at one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from diagnostics.compare.prompts import Prompt

SliceKind = Literal["language", "length", "tag"]
Slice = tuple[SliceKind, str, list[Prompt]]
# Thirds of fewer prompts than this would hold fewer than the six that a test needs to show anything.
THIRDS_FROM = 18
THIRDS = ("short", "middle", "long")


def slices_of(prompts: Sequence[Prompt]) -> Iterator[Slice]:
    """By language, third by length and tag; a slice that would be the whole set is none.

    Length is in characters of the last turn, in thirds within each language, as a Chinese text says the same in a third
    of the characters: else the thirds would only be the languages again.
    """
    by_language = grouped((one.lang, one) for one in prompts)
    for language, part in by_language.items():
        if len(by_language) > 1:
            yield "language", language, part
    if len(prompts) >= THIRDS_FROM:
        thirds: dict[str, list[Prompt]] = {name: [] for name in THIRDS}
        for part in by_language.values():
            ordered = sorted(part, key=lambda one: (len(one.text), one.number))
            for place, one in enumerate(ordered):
                thirds[THIRDS[place * 3 // len(ordered)]].append(one)
        for name, part in thirds.items():
            yield "length", name, sorted(part, key=lambda one: one.number)
    for tag, part in grouped((tag, one) for one in prompts for tag in dict.fromkeys(one.tags)).items():
        if len(part) < len(prompts):
            yield "tag", tag, part


def grouped(pairs: Iterator[tuple[str, Prompt]]) -> dict[str, list[Prompt]]:
    """The prompts by their key, keys in the order of first use."""
    found: dict[str, list[Prompt]] = {}
    for key, one in pairs:
        found.setdefault(key, []).append(one)
    return found
