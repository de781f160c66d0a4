"""Every refusal is said in English and in Chinese, with the same facts in both; and what is a sentence for a person is a refusal."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.memory.records import Estimate, MemoryUnknown, NotTraceable, estimate_from
from diagnostics.preflight.unreadable import DataUnreadable
from diagnostics.run.refusal import Refusal, Sentence, asked_lang, cut, said, sentence_of

ROOT = Path(__file__).parents[1]
ROOMS = ("dashboard", "diagnostics", "training")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for room in ROOMS for path in (ROOT / room).rglob("*.py")}
# Refusals whose two sentences are found otherwise: by a key in a table, which has a test of its own.
BY_KEY = {"DataUnreadable"}


# A link and what is shared have sentences of their own on the Share page, by the cause of the failure.
ELSEWHERE = {"ShareRefused", "TunnelFailed"}


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def classes() -> dict[str, ast.ClassDef]:
    return {one.name: one for tree in TREES.values() for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}


def refusals() -> set[str]:
    """The names of all classes that are refusals, however far down."""
    found, known = {"Refusal"}, classes()
    while more := {
        name for name, one in known.items() if name not in found and {last_name(base) for base in one.bases} & found
    }:
        found |= more
    return found


def sites() -> Iterator[tuple[str, ast.Call]]:
    """Every place where two sentences are written, with where it is."""
    names = (refusals() | {"Sentence"}) - BY_KEY
    for path, tree in TREES.items():
        for node in ast.walk(tree) if path.name != "refusal.py" else ():
            if isinstance(node, ast.Call) and last_name(node.func) in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def facts_of(sentence: ast.expr) -> set[str]:
    """The names that a sentence is filled with; what has a Chinese twin (`why`, `why_zh`) counts as one."""
    called = {id(node.func) for node in ast.walk(sentence) if isinstance(node, ast.Call)}
    return {
        node.id.removesuffix("_zh").removesuffix("_ZH")
        for node in ast.walk(sentence)
        if isinstance(node, ast.Name) and id(node) not in called
    }


def wrong_with(call: ast.Call) -> str | None:
    """What a raise site lacks; None for one that is whole."""
    if len(call.args) < 2 or any(isinstance(one, ast.Starred) for one in call.args[:2]):
        return "has not two sentences"
    english, chinese = call.args[:2]
    if facts_of(english) != facts_of(chinese):
        return f"names {facts_of(english)} in English, {facts_of(chinese)} in Chinese"
    written = "".join(
        str(one.value) for one in ast.walk(chinese) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    ours = "".join(
        str(one.value) for one in ast.walk(english) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    if CHINESE.search(ours):
        return "has Chinese in its English sentence"
    if isinstance(chinese, ast.Constant | ast.JoinedStr) and re.search("[A-Za-z]{2}", ours) and written == ours:
        return "says the same in both"
    if isinstance(chinese, ast.Constant) and not CHINESE.search(written):
        return "has no Chinese sentence"
    return None


def test_every_refusal_has_both_sentences_with_the_same_facts() -> None:
    found = list(sites())
    assert len(found) > 60
    assert [f"{where} {wrong}" for where, call in found if (wrong := wrong_with(call))] == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("Refusal(f'{path}: is none.')", "two sentences"),
        ("Refusal(f'{path}: is none.', f'{other}：不是。')", "names"),
        ("Refusal('It is none.', 'It is none.')", "says the same"),
        ("Refusal('It is none.', 'Es ist keines.')", "no Chinese"),
        ("Refusal('It is 无.', '它是无。')", "Chinese in its English"),
    ],
)
def test_the_test_sees_what_is_wrong(source: str, wrong: str) -> None:
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert wrong in str(wrong_with(call))


def test_what_is_one_sentence_for_a_person_is_a_refusal() -> None:
    known = refusals()
    errors = {
        name
        for name, one in classes().items()
        if any(last_name(base).endswith(("Exception", "Error")) for base in one.bases)
        and "one sentence" in " ".join((ast.get_docstring(one) or "").split())
    }
    assert sorted(errors - known - ELSEWHERE) == []


def test_a_refusal_says_the_sentence_of_the_language() -> None:
    class Other(Refusal):
        pass

    error = MemoryUnknown("There is none.", "没有。")
    assert (str(error), error.said(), error.said("zh")) == ("There is none.", "There is none.", "没有。")
    assert said(Other.of(error), "zh") == said(Other.of(error.sentence), "zh") == "没有。"
    assert isinstance(Other.of(error), Other)
    assert said(OSError("no space"), "zh") == str(Other.of(OSError("no space"))) == "no space"


def test_a_refusal_travels_between_processes() -> None:
    for error in (
        NotTraceable("There is none.", "没有。"),
        DataUnreadable("line", path="a.jsonl", line=3, error="cut off"),
    ):
        there = pickle.loads(pickle.dumps(error))
        assert type(there) is type(error)
        assert (str(there), there.said("zh")) == (str(error), error.said("zh"))
        assert vars(there) == vars(error)
    sentence = pickle.loads(pickle.dumps(sentence_of(NotTraceable("There is none.", "没有。"))))
    assert (sentence, said(sentence, "zh")) == ("There is none.", "没有。")
    assert said(cut(sentence, 5), "zh") == "没有。"
    assert cut(sentence, 5) == "There"


def test_notes_of_an_estimate_travel_in_both_languages() -> None:
    made = Estimate(
        1, 1, 1, 1, 1, "forward", 1, "", {"weights": 1}, "traced", notes=(Sentence("Traced.", "已追踪。"), "plain")
    )
    notes = estimate_from(made.to_json()).notes
    assert [(str(one), said(one, "zh")) for one in notes] == [("Traced.", "已追踪。"), ("plain", "plain")]


def test_a_process_speaks_the_language_of_its_environment() -> None:
    assert asked_lang({"CLINIC_LANG": "zh"}) == "zh"
    assert asked_lang({"CLINIC_LANG": "fr"}) == asked_lang({}) == "en"
