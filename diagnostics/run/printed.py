"""Dicts as Python or JSON prints them, read out of any text without evaluating it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Where a dict with a text as its first key may begin.
OPEN = re.compile(rb"\{\s*['\"]")
SINGLE = rb"'[^'\\\r\n]*(?:\\.[^'\\\r\n]*)*'"
DOUBLE = rb'"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"'
TEXT = rb"(?:" + SINGLE + rb"|" + DOUBLE + rb")"
# A key with its value: a text, something bare such as `1.5`, `nan` or `None`, the same inside a call (`tensor(1.5)`,
# `np.float64(1.5)`), or the opening bracket of what is passed over.
ITEM = re.compile(
    rb"\s*(?P<key>"
    + TEXT
    + rb")\s*:\s*(?:(?P<text>"
    + TEXT
    + rb")|(?P<bare>[\w.+-]+)(?P<call>\(\s*(?P<inner>[\w.+-]+)[^()\r\n]*\))?|(?P<open>[\[({]))\s*"
)
MARK = re.compile(rb"\s*([,}])")
NESTED = re.compile(TEXT + rb"|[\[\](){}]")
WORDS: dict[bytes, Any] = {b"None": None, b"null": None, b"True": True, b"true": True, b"False": False, b"false": False}
# No log row is longer, in bytes. It bounds the search for the end of a text that was never closed.
LONGEST = 1 << 16
# How many bytes may be looked at in vain before only short rows are looked for. Brackets without end, one in another,
# would else be followed to their limit from each of them.
PATIENCE, SHORT = 64 << 20, 128


@dataclass(frozen=True)
class Printed:
    """One dict and where it stands: `start` its brace, `end` the byte after it. Nested values are None."""

    values: dict[str, Any]
    start: int
    end: int


def dicts_in(data: bytes) -> Iterator[Printed]:
    """The dicts of a text, in its order. What breaks off, or is broken into by other output, is passed over."""
    position = in_vain = 0
    while found := OPEN.search(data, position):
        start = found.start()
        limit = min(len(data), start + (LONGEST if in_vain < PATIENCE else SHORT))
        values, end = items_at(data, start + 1, limit)
        if values is None:
            in_vain += end - start
            position = start + 1
        else:
            yield Printed(values, start, end)
            position = end


def items_at(data: bytes, position: int, limit: int) -> tuple[dict[str, Any] | None, int]:
    """The items up to the closing brace and the place after it; None, and how far was looked, if they do not get there."""
    values: dict[str, Any] = {}
    while item := ITEM.match(data, position, limit):
        position = item.end()
        value: Any = None
        if item["open"]:
            after = end_of_nested(data, item.start("open"), limit)
            if after is None:
                return None, limit
            position = after
        else:
            value = text_of(item["text"]) if item["text"] else bare_value(item["inner"] or item["bare"])
        values[text_of(item["key"])] = value
        mark = MARK.match(data, position, limit)
        if mark is None:
            return None, position
        position = mark.end()
        if mark[1] == b"}":
            return values, position
    return None, position


def end_of_nested(data: bytes, start: int, limit: int) -> int | None:
    """The place after the bracket that closes the one at `start`; None if none does before the limit."""
    depth = 0
    for found in NESTED.finditer(data, start, limit):
        if found[0] in (b"[", b"(", b"{"):
            depth += 1
        elif found[0] in (b"]", b")", b"}"):
            depth -= 1
            if depth == 0:
                return found.end()
    return None


def text_of(quoted: bytes) -> str:
    """A quoted text without its quotes."""
    return quoted[1:-1].decode("utf-8", errors="replace")


def bare_value(token: bytes) -> Any:
    """A bare value: a number (`nan`, `inf` and JSON's `Infinity` are some), None, a truth value; else its text."""
    if token in WORDS:
        return WORDS[token]
    try:
        return float(token)
    except ValueError:
        return token.decode("utf-8", errors="replace")
