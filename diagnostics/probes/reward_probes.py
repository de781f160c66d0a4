"""Answers that a reward should not like: empty, very long, the prompt again, repeated, keywords only, of another row."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from diagnostics.compare.prompts import language
from diagnostics.compare.texts.segment import is_cjk, pieces
from diagnostics.probes.reward_calls import ordinary_of, question_of, reference_of, text_of

# In the order in which they are tried. `reference` and `ordinary` are no junk.
JUNK = ("empty", "long", "prompt", "repeated", "keywords", "foreign")
LONG = 4000  # characters in English, half as many in Chinese: about a thousand tokens
TIMES = 10
# Function words and punctuation, which a list of keywords leaves out.
STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        "a an and any are as at be been but by can could did do does for from had has have he her his how i if in is it its"
        " just may me my no not of on or our she so some than that the their them then there these they this those to up us"
        " was we were what when where which who why will with would you your",
    )
)
STOP_CHARACTERS = frozenset("的了吗呢吧啊呀么和与及或在是有我你您他她它们这那个也都就还会能可以要请把被给为对到从")
# Nothing in particular, in sentences of which no two are alike, so that it is length alone that may earn something.
FILLER = {
    "en": (
        "There are many things that can be said about this, and it is worth taking some time over them.",
        "Generally speaking, the matter has more than one side.",
        "It is important to keep the wider picture in mind.",
        "Opinions differ, and each of them has something to be said for it.",
        "In other words, much depends on how one looks at it.",
        "As has been mentioned before, details matter a great deal here.",
        "Let us therefore go through it once more, step by step.",
        "On the one hand one could begin at the beginning, on the other hand at the end.",
        "Experience shows that patience is usually rewarded.",
        "To sum up so far, several points remain open.",
        "That said, further aspects deserve to be looked at as well.",
    ),
    "zh": (
        "关于这个问题，可以说的有很多，值得慢慢展开。",
        "一般来说，事情总有不止一个方面。",
        "重要的是要着眼于整体。",
        "各种看法都有，也各有各的道理。",
        "换句话说，很大程度上取决于从哪个角度去看。",
        "正如前面提到的，细节在这里非常关键。",
        "因此，让我们再一步一步地梳理一遍。",
        "一方面可以从头说起，另一方面也可以从结尾说起。",
        "经验表明，耐心往往会有回报。",
        "总结一下，目前还有几点没有定论。",
        "话虽如此，其他方面也值得留意。",
    ),
}


def answers(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, list[str | None]]:
    """The answers to some rows by probe; None where a probe cannot be made for a row, or would be the reference itself.

    `reference` is there if any row has one, `ordinary` always.
    """
    rng = random.Random(seed)
    references = [reference_of(row) for row in rows]
    ordinary = [ordinary_of(row["prompt"]) for row in rows]
    made: dict[str, list[str | None]] = {}
    if any(references):
        made["reference"] = list(references)
    made["ordinary"] = list(ordinary)
    made["empty"] = ["" for _ in rows]
    made["long"] = [filler(row["prompt"]) for row in rows]
    made["prompt"] = [question_of(row["prompt"]) for row in rows]
    said = [reference or text for reference, text in zip(references, ordinary, strict=True)]
    made["repeated"] = ["\n".join([text] * TIMES) for text in said]
    if any(references):
        made["keywords"] = [keywords(text, rng) if text else None for text in references]
        made["foreign"] = [foreign(place, rows, references) for place in range(len(rows))]
    good = made.get("reference", made["ordinary"])
    return {
        probe: texts
        if probe in ("reference", "ordinary")
        else [None if text == right else text for text, right in zip(texts, good, strict=True)]
        for probe, texts in made.items()
    }


def filler(prompt: Any) -> str:
    """A very long answer that says nothing, in the language of the prompt."""
    chinese = language(text_of(prompt)) == "zh"
    sentences = FILLER["zh" if chinese else "en"]
    length = LONG // 2 if chinese else LONG
    parts: list[str] = []
    while sum(len(one) + 1 for one in parts) < length:
        turn = len(parts) // len(sentences)
        parts += [*sentences[turn % len(sentences) :], *sentences[: turn % len(sentences)]]
    return ("" if chinese else " ").join(parts)[:length]


def keywords(text: str, rng: random.Random) -> str | None:
    """The content words of a text in another order; None of a text of fewer than two."""
    found: list[str] = []
    run = ""
    for piece in [*pieces(text), " "]:
        if is_cjk(piece) and piece not in STOP_CHARACTERS:
            run += piece
            continue
        if run:
            found.append(run)
            run = ""
        if not is_cjk(piece) and any(one.isalnum() for one in piece) and piece.lower() not in STOP_WORDS:
            found.append(piece)
    if len(found) < 2:
        return None
    shuffled = list(found)
    rng.shuffle(shuffled)
    if shuffled == found:
        shuffled.reverse()
    return " ".join(shuffled)


def foreign(place: int, rows: Sequence[Mapping[str, Any]], references: Sequence[str | None]) -> str | None:
    """The reference of the next row that asks something else and is answered otherwise; None if there is none."""
    mine = references[place]
    for step in range(1, len(rows)):
        other = (place + step) % len(rows)
        if references[other] and references[other] != mine and rows[other]["prompt"] != rows[place]["prompt"]:
            return references[other]
    return None
