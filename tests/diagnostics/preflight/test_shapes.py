"""Other people's shapes: recognised, converted for every method that can use them, and read by TRL's own data utilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from trl import is_conversational, maybe_unpair_preference_dataset

from diagnostics.preflight.cases import Unconvertible
from diagnostics.preflight.columns import WrongColumns, check_rows, columns_read
from diagnostics.preflight.converting import ABLE, convert, propose, write_converted
from diagnostics.preflight.shapes import recognise, side_of
from diagnostics.rules import wrong_columns
from tests.diagnostics.preflight.materials import found, material, rows_of
from tests.diagnostics.preflight.planted import METHODS

TALK = [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "Here."}]
CHAT = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}]
ASKED = [{"role": "user", "content": "Where?"}]
HERE, THERE = [{"role": "assistant", "content": "Here."}], [{"role": "assistant", "content": "There."}]
Row = dict[str, Any]
SHAPES: dict[str, list[Row]] = {
    "alpaca": [{"instruction": "Where?", "input": "", "output": "Here."}, {"instruction": "Sum", "input": "1, 2", "output": "3"}],
    "sharegpt": [{"conversations": TALK, "system": "Be brief."}, {"conversations": TALK, "system": ""}],
    "messages": [{"dialogue": CHAT, "id": 1}],
    "openai": [{"messages": [*CHAT[:1], {**CHAT[1], "weight": 1}], "tools": [{"type": "function", "function": {"name": "f"}}]}],
    "pairs": [
        {"question": "Where?", "response_chosen": "Here.", "response_rejected": "There."},
        {"question": "Where?", "response_chosen": "Here.", "response_rejected": ""},
    ],
    "hh-rlhf": [{
        "chosen": "\n\nHuman: Where?\n\nAssistant: Which?\n\nHuman: That.\n\nAssistant: Here.",
        "rejected": "\n\nHuman: Where?\n\nAssistant: Which?\n\nHuman: That.\n\nAssistant: There.",
    }],
    "choice": [
        {"prompt": "Where?", "response_0": "Here.", "response_1": "There.", "better_response_id": 0},
        {"prompt": "Where?", "response_0": "There.", "response_1": "Here.", "better_response_id": 1},
    ],
    "ultrafeedback": [{
        "instruction": "Where?",
        "completions": [{"response": "Here.", "overall_score": 8.5}, {"response": "There.", "overall_score": 3.0},
                        {"response": "Nowhere.", "overall_score": 5.0}],
    }],
    "rated": [{"prompt": "Where?", "response": "Here.", "rating": 5}, {"prompt": "Where?", "response": "There.", "rating": 1},
              {"prompt": "Where?", "response": "Well.", "rating": 3}],
    "answered": [{"question": "Where?", "answer": "Here."}],
    "questions": [{"problem": "1 + 1", "level": 3}],
    "documents": [{"content": "A long text.", "id": 7}],
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_recognised(name: str) -> None:
    shape = recognise(SHAPES[name])
    assert shape is not None
    assert shape.name == name


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in SHAPES for method in METHODS if name in ABLE[method]]
)
@pytest.mark.parametrize("texts", [False, True])
def test_what_is_converted_passes_the_preflight_and_trl(name: str, method: str, texts: bool) -> None:
    shape = recognise(SHAPES[name])
    assert shape is not None
    if texts and name == "hh-rlhf":
        lost: list[str] = []
        assert list(convert(SHAPES[name], method, shape, texts=True, lost=lambda _, reason: lost.append(reason))) == []
        assert lost == ["turns"]  # several turns are no text
        return
    made = list(convert(SHAPES[name], method, shape, texts=texts))
    assert made
    read = columns_read(method, list(made[0]), made[0], "x")
    check_rows(enumerate(made), read, "x")
    assert found(wrong_columns, material(method, made)) is None
    dataset = Dataset.from_list(made)
    if name != "documents" and not texts:
        assert is_conversational(dataset[0])
    if method in ("dpo", "reward"):
        assert maybe_unpair_preference_dataset(dataset).num_rows == 2 * len(made)


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        (
            "alpaca",
            "sft",
            {"messages": [{"role": "user", "content": "Sum\n\n1, 2"}, {"role": "assistant", "content": "3"}]},
        ),
        ("sharegpt", "grpo", {"prompt": ASKED}),
        ("openai", "sft", {"messages": CHAT, "tools": [{"type": "function", "function": {"name": "f"}}]}),
        ("pairs", "dpo", {"prompt": ASKED, "chosen": HERE, "rejected": THERE}),
        ("choice", "dpo", {"prompt": ASKED, "chosen": HERE, "rejected": THERE}),
        ("ultrafeedback", "reward", {"prompt": ASKED, "chosen": HERE, "rejected": THERE}),
        ("ultrafeedback", "sft", {"messages": CHAT}),
        ("rated", "kto", {"prompt": ASKED, "completion": THERE, "label": False}),
        ("questions", "rloo", {"prompt": [{"role": "user", "content": "1 + 1"}], "level": 3}),
        ("documents", "sft", {"text": "A long text."}),
    ],
)
def test_the_last_row_becomes(name: str, method: str, expected: Row) -> None:
    shape = recognise(SHAPES[name])
    assert shape is not None
    assert list(convert(SHAPES[name], method, shape))[-1] == expected


def test_transcripts_become_conversations_with_what_they_share_as_prompt() -> None:
    shape = recognise(SHAPES["hh-rlhf"])
    assert shape is not None
    row = next(iter(convert(SHAPES["hh-rlhf"], "dpo", shape)))
    assert [one["role"] for one in row["prompt"]] == ["user", "assistant", "user"]
    assert (row["chosen"], row["rejected"]) == (HERE, THERE)


def test_a_system_prompt_of_a_column_is_kept() -> None:
    shape = recognise(SHAPES["sharegpt"])
    assert shape is not None
    first, second = convert(SHAPES["sharegpt"], "sft", shape)
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert second["messages"] == CHAT


def test_a_proposal_says_what_is_lost_and_what_becomes_of_each_column() -> None:
    proposal = propose(rows_of(SHAPES["rated"]), "kto")
    assert proposal is not None
    assert (proposal.converted, proposal.looked_at, dict(proposal.lost)) == (2, 3, {"middle": (1, (2,))})
    assert proposal.said("en") == (
        "prompt becomes prompt", "response becomes completion", "rating becomes label",
        "1 rows cannot be converted: the rating is in the middle of the scale (rows 2)",
    )  # fmt: skip
    assert "评分恰在中间" in proposal.said("zh")[-1]


@pytest.mark.parametrize(
    ("rows", "method", "mapping"),
    [
        (SHAPES["answered"], "sft", {"prompt": "question", "completion": "answer"}),
        (SHAPES["answered"], "grpo", {"prompt": "question"}),
        (
            SHAPES["pairs"][:1],
            "dpo",
            {"chosen": "response_chosen", "rejected": "response_rejected", "prompt": "question"},
        ),
        (SHAPES["messages"], "sft", {"messages": "dialogue"}),
        (SHAPES["alpaca"][:1], "sft", {"prompt": "instruction", "completion": "output"}),
    ],
)
def test_a_mapping_is_proposed_where_renaming_suffices(rows: list[Row], method: str, mapping: dict[str, str]) -> None:
    proposal = propose(rows_of(rows), method)
    assert proposal is not None
    assert proposal.mapping == mapping
    finding = found(wrong_columns, material(method, rows))
    assert finding is not None
    assert [edit.new for fix in finding.fixes for edit in fix.edits] == [mapping]
    assert found(wrong_columns, material(method, rows, column_mapping=mapping)) is None


@pytest.mark.parametrize(
    ("name", "method"),
    [("alpaca", "sft"), ("sharegpt", "grpo"), ("ultrafeedback", "dpo"), ("rated", "kto"), ("choice", "reward")],
)
def test_a_conversion_is_proposed_where_renaming_loses_something(name: str, method: str) -> None:
    proposal = propose(rows_of(SHAPES[name]), method)
    assert proposal is not None
    assert proposal.mapping is None
    finding = found(wrong_columns, material(method, SHAPES[name]))
    assert finding is not None
    assert [fix.key for fix in finding.fixes] == ["convert"]


@pytest.mark.parametrize(
    ("name", "method"), [("alpaca", "dpo"), ("answered", "kto"), ("documents", "grpo"), ("questions", "sft")]
)
def test_nothing_is_proposed_where_the_data_lack_what_the_method_reads(name: str, method: str) -> None:
    assert propose(rows_of(SHAPES[name]), method) is None
    with pytest.raises(WrongColumns):
        write_converted(rows_of(SHAPES[name]), method, Path("x"))


def test_converted_rows_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert write_converted(rows_of(SHAPES["pairs"]), "dpo", path) == (1, {"empty-answer": 1})
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["chosen"] == HERE
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize(
    ("value", "columns", "values", "side"),
    [
        (0, ("response_0", "response_1"), {"0", "1"}, 1.0),
        (2, ("response_1", "response_2"), {"1", "2"}, -1.0),
        (0, ("response_1", "response_2"), {"0", "1"}, 1.0),
        ("model_b", ("conversation_a", "conversation_b"), {"model_a", "model_b"}, -1.0),
        ("A", ("answer_a", "answer_b"), {"a", "b"}, 1.0),
        (-2, ("response_1", "response_2"), {"-2", "3", "1"}, 1.0),
        (3, ("response_1", "response_2"), {"-2", "3", "1"}, -1.0),
    ],
)
def test_the_better_of_two_answers(value: Any, columns: tuple[str, str], values: set[str], side: float) -> None:
    assert side_of(value, *columns, values) == side


@pytest.mark.parametrize("value", ["tie", "tie (bothbad)", None, "?", "7"])
def test_no_answer_is_better(value: Any) -> None:
    with pytest.raises(Unconvertible):
        side_of(value, "response_a", "response_b", {"a", "b", "tie"})


@pytest.mark.parametrize("name", SHAPES)
def test_broken_rows_are_lost_and_counted_never_raised(name: str) -> None:
    shape = recognise(SHAPES[name])
    assert shape is not None
    columns = SHAPES[name][0]
    broken = [
        dict.fromkeys(columns, value)
        for value in (None, 3, "", [], [None], [3], {"a": 1}, [{"role": None}], [{}], [[]])
    ]
    for method in METHODS:
        if name in ABLE[method]:
            lost: list[str] = []
            made = list(
                convert([*broken, *SHAPES[name]], method, shape, lost=lambda _, reason, lost=lost: lost.append(reason))
            )
            assert made
            assert len(lost) >= len(broken) - 1  # a number may pass where a text of it is expected nowhere
