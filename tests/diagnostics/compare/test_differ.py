"""The diff of two texts: exact, quick, and in spans that a person can read."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.compare.texts.differ import Span, differ, longest_common
from diagnostics.compare.texts.segment import pieces

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ab ,\n好的。", max_size=60),
    st.lists(
        st.sampled_from(["the", "order", " ", ", ", "订单", "已", "\n", "don't", "é", "e\u0301", "🙂"]), max_size=40
    ).map("".join),
)


def shown(left: str, right: str) -> str:
    signs = {"same": "=", "removed": "-", "added": "+"}
    return " ".join(f"{signs[one.kind]}[{one.text}]" for one in differ(left, right))


@given(TEXTS, TEXTS)
def test_the_spans_are_the_two_texts(left: str, right: str) -> None:
    spans = differ(left, right)
    assert "".join(one.text for one in spans if one.kind != "added") == left
    assert "".join(one.text for one in spans if one.kind != "removed") == right
    assert all(one.text for one in spans)
    order = [one.kind for one in spans]
    assert all(one != two for one, two in pairwise(order))
    assert ("added", "removed") not in list(pairwise(order))


@given(TEXTS)
def test_equal_texts_are_one_span(text: str) -> None:
    assert differ(text, text) == ((Span("same", text),) if text else ())
    assert "".join(pieces(text)) == text


@given(st.text(alphabet="abc", max_size=12), st.text(alphabet="abc", max_size=12))
def test_the_common_subsequence_is_a_longest_one(one: str, other: str) -> None:
    found = longest_common(list(one), list(other))
    assert all(one[a] == other[b] for a, b in found)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(found))
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if a == b else max(lengths[i][j + 1], lengths[i + 1][j])
    assert len(found) == lengths[-1][-1]


@pytest.mark.parametrize(
    ("left", "right", "spans"),
    [
        ("Your order ships today.", "Your order ships tomorrow.", "=[Your order ships ] -[today] +[tomorrow] =[.]"),
        ("It costs 3.14 euros", "It costs 3.15 euros", "=[It costs ] -[3.14] +[3.15] =[ euros]"),
        ("I don't know", "I do know", "=[I ] -[don't] +[do] =[ know]"),
        ("您的订单已发货。", "您的包裹已发货。", "=[您的] -[订单] +[包裹] =[已发货。]"),
        # One word in the middle of two changes is no island to be kept.
        ("red big the green old", "blue small the brown new", "-[red big the green old] +[blue small the brown new]"),
        ("我们会在三个工作日内退款", "你们将于五个星期日后付钱", "-[我们会在三个工作日内退款] +[你们将于五个星期日后付钱]"),
        # Four words are.
        (
            "red your parcel is here green", "blue your parcel is here brown",
            "-[red] +[blue] =[ your parcel is here ] -[green] +[brown]",
        ),
        (
            "one two three four five your parcel is here six seven eight nine ten",
            "red blue green brown black your parcel is here hot cold dry wet old",
            "-[one two three four five] +[red blue green brown black] =[ your parcel is here ] "
            "-[six seven eight nine ten] +[hot cold dry wet old]",
        ),
        ("a", "", "-[a]"),
        ("", "a", "+[a]"),
    ],
)  # fmt: skip
def test_spans_are_readable(left: str, right: str, spans: str) -> None:
    assert shown(left, right) == spans


def long_pair(kind: str) -> tuple[str, str]:
    rng = random.Random(kind)
    words = [f"w{rng.randrange(300)}" for _ in range(2000)]
    other = [f"w{rng.randrange(300)}" for _ in range(2000)]
    if kind == "edited":
        other = [one if rng.random() < 0.8 else two for one, two in zip(words, other, strict=True)]
    if kind == "loop":
        return "a " * 2000, "b a " * 1000
    if kind == "chinese":
        return "".join(chr(0x4E00 + int(one[1:])) for one in words), "".join(
            chr(0x4E00 + int(one[1:])) for one in other
        )
    return " ".join(words), " ".join(other)


@pytest.mark.parametrize("kind", ["edited", "unrelated", "loop", "chinese"])
def test_long_texts_are_quick(kind: str) -> None:
    left, right = long_pair(kind)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        differ(left, right)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2
