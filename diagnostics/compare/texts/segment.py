"""Cuts a text into the pieces that a diff may move: words, punctuation, white space, single Chinese characters."""

from __future__ import annotations

import re

# Chinese and Japanese are cut into characters, which the differ joins into spans again. A dictionary (jieba: MIT, pure
# Python) cuts words, but must be loaded into the process that shows the page, cuts the same words differently
# in different surroundings, which shows as changes that are none, and knows no product names.
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
# A word with its inner apostrophes, or a number with its inner points, is one piece: "don't", "3.14". Marks (accents
# as characters of their own) stay with their letter, as \w does not hold them.
WORD = rf"(?:[^\W{CJK}]|[\u0300-\u036f])+(?:(?:['’]|(?<=\d)[.,](?=\d))(?:[^\W{CJK}]|[\u0300-\u036f])+)*"
PIECE = re.compile(rf"[{CJK}]|{WORD}|[^\S\n]+|\n|.", re.DOTALL)
PUNCTUATION = re.compile(r"[^\w\s]+")


def pieces(text: str) -> list[str]:
    """The pieces of a text, in order; joined they are the text."""
    return PIECE.findall(text)


def is_cjk(piece: str) -> bool:
    """Whether a piece is a Chinese or Japanese character."""
    return len(piece) == 1 and re.match(f"[{CJK}]", piece) is not None
