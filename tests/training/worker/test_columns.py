"""Columns: mapped as asked, checked for each method, and each wrong shape in one sentence with what would mend it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from trl.scripts.utils import DatasetConfig, DatasetMixtureConfig

from diagnostics.report.words import LANGS
from tests.data_page import PAGES, page
from tests.training.worker.runs import write_rows
from training.request import METHODS, BadRequest, ClinicArguments, Request
from training.worker.arguments import parse
from training.worker.columns import SHAPES, check_columns, map_columns
from training.worker.data import load_splits


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def agent(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def script(**changes: Any) -> SimpleNamespace:
    plain = {
        "dataset_name": None, "dataset_config": None, "dataset_streaming": False, "dataset_train_split": "train",
        "dataset_test_split": "test", "mixture": None, "text_field": "text", "seed": 0,
    }  # fmt: skip
    return SimpleNamespace(**{**plain, **changes})


def check(method: str, *rows: dict[str, Any], text_field: str = "text") -> Dataset:
    return check_columns(method, Dataset.from_list(list(rows)), "rows.jsonl (train)", text_field)


PAIR = {"chosen": "yes", "rejected": "no"}
TALK_PAIR = {"prompt": user("a"), "chosen": agent("yes"), "rejected": agent("no")}
PREFERENCES = (
    PAIR,
    {"prompt": "a", **PAIR},
    TALK_PAIR,
    {"chosen": user("a") + agent("b"), "rejected": user("a") + agent("c")},
)
GOOD: dict[str, tuple[dict[str, Any], ...]] = {
    "sft": (
        {"text": "a"}, {"messages": user("a") + agent("b")}, {"prompt": "a", "completion": "b"},
        {"prompt": user("a"), "completion": agent("b")}, {"input_ids": [1, 2]}, {"input_ids": [1], "labels": [1]},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    ),
    "reward": PREFERENCES,
    "dpo": PREFERENCES,
    "kto": (
        {"prompt": "a", "completion": "b", "label": True}, {"prompt": user("a"), "completion": agent("b"), "label": False},
        *PREFERENCES,
    ),
    **dict.fromkeys(("grpo", "rloo", "ppo"), ({"prompt": "a"}, {"prompt": user("a"), "solution": "3"})),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_shape_of_a_method_passes(method: str) -> None:
    for row in GOOD[method]:
        checked = check(method, row)
        assert checked.column_names == list(Dataset.from_list([row]).column_names)
    assert set(SHAPES) == set(METHODS)


@pytest.mark.parametrize(
    ("method", "row", "said"),
    [
        ("sft", {"body": "a"}, r'has the columns body; sft reads text, or messages, .*\. column_mapping=\{"text": "body"\} would'),
        ("sft", {"question": "a", "answer": "b"}, r'column_mapping=\{"prompt": "question", "completion": "answer"\} would do it\.'),
        (
            "sft", {"instruction": "a", "input": "", "output": "b"},
            r'column_mapping=\{"prompt": "instruction", "completion": "output"\} would do it \(Alpaca.s shape; join',
        ),
        ("sft", {"a": 1, "b": 2}, r"has the columns a, b; sft reads .* or conversations\.$"),
        ("sft", {"messages": "hello"}, "row 0: 'messages' is \"hello\"; expected a list of messages with role and content"),
        ("sft", {"text": user("a")}, r"row 0: 'text' is \[.*; expected a text\."),
        ("sft", {"text": None}, "the column 'text' is empty in 1 rows"),
        ("sft", {"prompt": user("a"), "completion": "b"}, "'prompt' is a conversation, 'completion' is a text; expected all of one"),
        ("dpo", {"prompt": "a", "completion": "b"}, r"has the columns prompt, completion; dpo reads chosen and rejected"),
        ("dpo", {"question": "a", "winner": "b", "loser": "c"}, r'\{"chosen": "winner", "rejected": "loser", "prompt": "question"\}'),
        ("dpo", {"prompt": "a", "chosen": 1, "rejected": 2}, "row 0: 'chosen' is 1; expected a text, or a list of messages"),
        ("dpo", {"prompt": None, "chosen": "b", "rejected": "c"}, "the column 'prompt' is empty in 1 rows"),
        ("dpo", {"question": "a", "chosen": "b", "rejected": "c"}, r'has the column .question., which dpo would not read; column_mapping=\{"prompt": "question"\}'),
        ("reward", {"messages": user("a")}, "The column messages holds whole conversations, which SFT reads"),
        ("kto", {"prompt": "a", "completion": "b", "label": "good"}, "'label' is \"good\"; expected true or false"),
        ("kto", {"prompt": "a", "completion": "b"}, "kto reads prompt and completion and label, or chosen and rejected"),
        ("kto", {"question": "a", "answer": "b", "good": True}, r'"prompt": "question", "completion": "answer", "label": "good"'),
        ("grpo", {"question": "a", "answer": "b"}, r'has the columns question, answer; grpo reads prompt\. column_mapping=\{"prompt": "question"\}'),
        ("rloo", {"messages": user("a")}, "The column messages holds whole conversations: without their last answer"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_one_sentence(method: str, row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        check(method, row)
    assert str(caught.value).startswith("rows.jsonl (train)")
    assert "\n" not in str(caught.value)


def test_empty_values_and_wrong_kinds_are_found_further_down() -> None:
    with pytest.raises(BadRequest, match="the column 'prompt' is empty in 2 rows"):
        check("grpo", *([{"prompt": "a"}] * 200), {"prompt": None}, {"prompt": None})
    with pytest.raises(BadRequest, match="row 3: 'label' is 2"):
        check("kto", *({"prompt": "a", "completion": "b", "label": one} for one in (0, 1, 1, 2)))


def test_labels_of_0_and_1_become_booleans_and_another_text_field_is_read() -> None:
    checked = check("kto", *({"prompt": "a", "completion": "b", "label": one} for one in (0, 1)))
    assert checked["label"][:] == [False, True]
    assert check("sft", {"body": "a"}, text_field="body").num_rows == 1
    with pytest.raises(BadRequest, match="sft reads body, or messages"):
        check("sft", {"text": "a"}, text_field="body")


def test_pairs_that_hold_their_prompt_may_have_other_columns_beside_them() -> None:
    talk = {"chosen": [*user("a"), {"role": "assistant", "content": "b"}], "rejected": user("a")}
    assert check("dpo", {"question": "a", **talk}).num_rows == 1
    assert check("dpo", {"user": "17", "chosen": "b", "rejected": "c"}).num_rows == 1


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"rows.jsonl \(train\): holds no rows"):
        check_columns("sft", Dataset.from_dict({"text": []}), "rows.jsonl (train)")


def test_columns_are_mapped_also_crosswise() -> None:
    rows = Dataset.from_list([{"question": "a", "chosen": "b", "rejected": "c"}])
    mapped = map_columns(rows, {"prompt": "question", "chosen": "rejected", "rejected": "chosen"}, "x")
    assert mapped[0] == {"prompt": "a", "chosen": "c", "rejected": "b"}
    assert map_columns(rows, {"chosen": "chosen"}, "x")[0] == rows[0]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"prompt": "questio"}, "column_mapping: prompt: x has no column 'questio', only question, chosen; did you mean question"),
        ({"chosen": "question"}, "column_mapping: chosen: x has a column of that name already"),
        ({"prompt": "question", "text": "question"}, "the column 'question' is named twice"),
        ("question", "column_mapping: 'question' is none; expected"),
        ({"prompt": 1}, "expected TRL's names with yours"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_one_sentence(mapping: Any, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        map_columns(Dataset.from_list([{"question": "a", "chosen": "b"}]), mapping, "x")


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_every_format_is_read_and_mapped_in_both_splits(tmp_path: Path, suffix: str) -> None:
    rows = Dataset.from_list([{"question": f"Where is it, {n}?", "order": f"B{n}"} for n in range(5)])
    write = {".json": rows.to_json, ".jsonl": rows.to_json, ".csv": rows.to_csv, ".parquet": rows.to_parquet}[suffix]
    folder = tmp_path / "data"
    folder.mkdir()
    for split in ("train", "test"):
        write(str(folder / f"{split}{suffix}"))
    clinic = ClinicArguments(column_mapping={"prompt": "question"})
    train, test = load_splits("grpo", script(dataset_name=str(folder)), clinic, evaluate=True)
    assert test is not None
    assert train.to_list() == test.to_list() == [{"prompt": f"Where is it, {n}?", "order": f"B{n}"} for n in range(5)]
    one, none = load_splits("grpo", script(dataset_name=str(folder / f"train{suffix}")), clinic, evaluate=False)
    assert (one.to_list(), none) == (train.to_list(), None)


def test_the_test_split_is_checked_too_and_a_stream_as_well(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", [{"text": "a"}])
    write_rows(tmp_path / "test.jsonl", [{"text": None}])
    with pytest.raises(BadRequest, match=r"\(test\): the column 'text' is empty in 1 rows"):
        load_splits("sft", script(dataset_name=str(tmp_path)), ClinicArguments(), evaluate=True)
    stream = script(dataset_name=str(tmp_path / "train.jsonl"), dataset_streaming=True)
    train, _ = load_splits("sft", stream, ClinicArguments(), evaluate=False)
    assert next(iter(train)) == {"text": "a"}
    with pytest.raises(BadRequest, match="grpo reads prompt"):
        load_splits("grpo", stream, ClinicArguments(), evaluate=False)


def test_the_conversations_of_a_run_keep_their_form(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [TALK_PAIR, TALK_PAIR])
    train, _ = load_splits("dpo", script(dataset_name=str(path)), ClinicArguments(), evaluate=False)
    assert train[0] == TALK_PAIR


def test_a_mixture_is_read_as_trl_does_and_split_by_the_seed(tmp_path: Path) -> None:
    for name in "ab":
        write_rows(tmp_path / f"{name}.jsonl", [{"text": f"{name}{n}", "more": n} for n in range(10)])
    parts = [DatasetConfig("json", data_files=str(tmp_path / f"{name}.jsonl"), columns=["text"]) for name in "ab"]
    mixed = script(mixture=DatasetMixtureConfig(parts, test_split_size=0.25))
    one, held = load_splits("sft", mixed, ClinicArguments(), evaluate=True)
    two, _ = load_splits("sft", mixed, ClinicArguments(), evaluate=True)
    assert held is not None
    assert (len(one), len(held)) == (15, 5)
    assert one.to_list() == two.to_list()
    whole, _ = load_splits("sft", script(mixture=DatasetMixtureConfig(parts)), ClinicArguments(), evaluate=False)
    assert sorted(whole["text"]) == sorted([*one["text"], *held["text"]])
    with pytest.raises(BadRequest, match="datasets: has no split 'test', only train"):
        load_splits("sft", script(mixture=DatasetMixtureConfig(parts)), ClinicArguments(), evaluate=True)


def test_datasets_in_a_config_become_a_mixture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import trl

    config = {"model_name_or_path": "m", "datasets": [{"path": "json", "data_files": "x"}], "seed": 7}
    found, *_ = parse(Request("sft", config, tmp_path), trl.SFTConfig)
    assert (found.mixture.datasets[0].data_files, found.seed) == ("x", 7)
    parse(Request("sft", {**config, "dataset_name": "y"}, tmp_path), trl.SFTConfig)
    assert "datasets is taken" in capsys.readouterr().out
    with pytest.raises(BadRequest, match="an argument was refused"):
        parse(Request("sft", {**config, "datasets": [{"paths": "json"}]}, tmp_path), trl.SFTConfig)


def test_the_page_of_the_data_comes_from_what_is_checked() -> None:
    for lang in LANGS:
        assert PAGES[lang].read_text(encoding="utf-8") == page(lang), "run: python -m tests.data_page"


def test_hint_for_pairs_does_not_leave_the_prompt_out() -> None:
    rows = Dataset.from_list([{"question": "Where?", "better": "Here.", "worse": "No."}])
    with pytest.raises(
        BadRequest, match=r'"chosen": "better", "rejected": "worse", "prompt": "question"\} would do it'
    ):
        check_columns("dpo", rows, "pairs.csv")
