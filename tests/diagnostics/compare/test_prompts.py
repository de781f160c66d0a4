"""Prompt sets: every form a row may have, and one sentence for what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.compare.prompts import PromptsUnreadable, language, read_prompts


def written(folder: Path, rows: list[Any]) -> Path:
    path = folder / "prompts.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_every_form_of_a_row(tmp_path: Path) -> None:
    rows = [
        "Hello.",
        {"prompt": "订单", "reference": "好", "tags": ["a", "b"], "order": "C1"},
        {"prompt": [{"role": "system", "content": "Short."}, {"role": "user", "content": "Hi"}], "tag": "x"},
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
        {"prompt": "P", "chosen": [{"role": "assistant", "content": "C"}], "rejected": "R"},
    ]
    prompts = read_prompts(written(tmp_path, rows))
    assert [one.text for one in prompts] == ["Hello.", "订单", "Hi", "Q", "P"]
    assert [one.reference for one in prompts] == [None, "好", None, "A", "C"]
    assert [one.tags for one in prompts] == [(), ("a", "b"), ("x",), (), ()]
    assert prompts[1].columns == {"reference": "好", "order": "C1"}
    assert len(prompts[2].messages) == 2
    assert [one.number for one in prompts] == [0, 1, 2, 3, 4]
    assert [one.lang for one in prompts[:2]] == ["en", "zh"]


def test_a_json_list_and_plain_text(tmp_path: Path) -> None:
    listed = tmp_path / "a.json"
    listed.write_text(json.dumps([{"prompt": "one"}, {"prompt": "two"}], indent=1))
    plain = tmp_path / "b.txt"
    plain.write_text("\ufeffone\n\ntwo\n", encoding="utf-8")
    assert [one.text for one in read_prompts(listed)] == [one.text for one in read_prompts(plain)] == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no prompt"),
        ('{"prompt": "a"}\n{"prompt"', "line 2 is no JSON"),
        ('{"text": "a"}', "row 1 has no `prompt`"),
        ('{"prompt": " "}', "row 1 has no turn to answer"),
        ('{"prompt": [{"role": "user"}]}', "row 1: expected messages"),
        ('{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}', "no turn to answer"),
        ("[1, 2", "is no JSON"),
        ("[1]", "row 1 is int"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(content)
    with pytest.raises(PromptsUnreadable, match=said) as raised:
        read_prompts(path)
    assert str(path) in str(raised.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(PromptsUnreadable, match="no such file"):
        read_prompts(tmp_path / "none.jsonl")
    with pytest.raises(PromptsUnreadable, match="is a folder"):
        read_prompts(tmp_path)


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Where is order C12?", "en"),
        ("订单C12在哪里？", "zh"),
        ("请用 transformers 的 from_pretrained 载入模型", "zh"),
        ("The word 你好 means hello in Chinese, says the book.", "en"),
        ("注文はどこですか", "other"),
        ("Где мой заказ?", "other"),
        ("1234 !?", "other"),
    ],
)
def test_language(text: str, lang: str) -> None:
    assert language(text) == lang


def test_line_separators_within_a_text_end_no_row(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "one\u2028two\u0085three"}\r\n{"prompt": "four"}\n', encoding="utf-8", newline="")
    assert [one.text for one in read_prompts(path)] == ["one\u2028two\u0085three", "four"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"prompt": "half \\ud800"}', "holds half a character"),
        ('{"prompt": [{"role": "user", "content": "\\udfff"}]}', "holds half a character"),
        ('{"prompt": ' + "[" * 100_000, "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_no_tokenizer_or_parser_takes_is_said(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PromptsUnreadable, match=said) as raised:
        read_prompts(path)
    str(raised.value).encode()
