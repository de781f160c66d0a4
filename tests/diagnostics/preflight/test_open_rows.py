"""Data as people drop them: any layout of JSON and CSV, any encoding; what cannot be read is one sentence that names the line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.preflight.material import Asked, Material, Rows
from diagnostics.preflight.unreadable import WORDS, DataUnreadable
from diagnostics.probes import data
from diagnostics.probes.data import open_rows, spread_over
from diagnostics.rules import wrong_columns
from diagnostics.rules.completions_empty import last_answer
from tests.diagnostics.preflight.materials import found
from training.request import BadRequest, ClinicArguments
from training.worker.data import load_splits

ROWS = [{"prompt": f"Où est-ce, {at}? 你好", "completion": f"ici {at}"} for at in range(6)]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n"
CSV = "prompt,completion\n" + "".join(f'"{row["prompt"]}",{row["completion"]}\n' for row in ROWS)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def opened(path: Path, method: str = "sft", split: Any = "train", **config: Any) -> Rows:
    return open_rows(method, {"dataset_name": str(path), **config}, split)


def by_worker(path: Path) -> Any:
    """The same through a worker's door."""
    from types import SimpleNamespace

    script = SimpleNamespace(
        dataset_name=str(path), dataset_config=None, dataset_streaming=False, dataset_train_split="train", mixture=None,
        text_field="text", seed=0,
    )  # fmt: skip
    return load_splits("sft", script, ClinicArguments(), evaluate=False)[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", LINES.encode()),
        ("rows.jsonl", LINES.encode("utf-8-sig")),
        ("rows.jsonl", LINES.encode("utf-16")),
        ("rows.jsonl", LINES.encode("utf-16-be")),
        ("rows.jsonl", LINES.replace("ù", "u").encode("gb18030")),
        ("rows.jsonl", LINES.replace("\n", "\r\n\r\n").encode()),
        ("rows.json", LINES.encode()),
        ("rows.json", json.dumps(ROWS).encode()),
        ("rows.json", json.dumps(ROWS, indent=2, ensure_ascii=False).encode("utf-8-sig")),
        ("rows.json", json.dumps({"data": ROWS}).encode()),
        ("rows.json", json.dumps({"version": 1, "examples": ROWS}, indent=1).encode()),
        ("rows.json", json.dumps({"train": ROWS, "test": ROWS[:1]}).encode()),
        ("rows.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}).encode()),
        ("rows.csv", CSV.encode()),
        ("rows.csv", CSV.encode("utf-8-sig")),
        ("rows.csv", CSV.encode("utf-16")),
        ("rows.csv", CSV.replace('",', '";').replace("prompt,", "prompt;").encode()),
        ("rows.tsv", CSV.replace('",', '"\t').replace("prompt,", "prompt\t").encode()),
    ],
)
def test_every_layout_and_encoding_is_read_by_the_preflight_and_the_worker(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    rows = opened(path)
    assert [row["completion"] for row in rows.rows] == [row["completion"] for row in ROWS]
    assert "你好" in rows.rows[0]["prompt"]
    assert (rows.total, rows.columns, rows.where) == (6, ("prompt", "completion"), f"{name} (train)")
    assert list(by_worker(path)["completion"]) == [row["completion"] for row in ROWS]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b"", "rows.jsonl: is empty."),
        ("rows.jsonl", b" \n\n", "is empty."),
        ("rows.txt", b"hello", "a file of .csv, .json, .jsonl, .parquet, .tsv was expected."),
        ("rows.jsonl", (LINES + '{"prompt": "a", "compl\n').encode(), "rows.jsonl, line 7: is no JSON ("),
        (
            "rows.jsonl",
            (LINES + "[1, 2]\n").encode(),
            "line 7: is [1, 2]; expected an object with the columns of a row.",
        ),
        ("rows.jsonl", (LINES * 9000).encode() + b"\xff\xfe{}\n", "line 54001"),
        ("rows.json", b'{"data": [{"a": 1},', "is no JSON ("),
        ("rows.jsonl", b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", "line 1: is no JSON ("),
        ("rows.json", b"[1, 2, 3]", "holds 1 as row 0; expected rows"),
        ("rows.json", b"[{", "is no JSON ("),
        ("rows.jsonl", b"PK\x03\x04rest", "is no data, it begins like a ZIP archive or a spreadsheet."),
        ("rows.csv", b"<!doctype html><html>", "is no data, it begins like a web page."),
        ("rows.jsonl", b'{"a\0\0\0": 1}', "is no data, it begins like a binary file."),
        ("rows.parquet", b"version https://git-lfs.github.com/spec/v1\noid", "is only a pointer to the file (Git LFS)"),
        ("rows.parquet", b"PAR1 and nothing more", "is no Parquet file that can be read"),
        ("rows.parquet", b"something else", "is no Parquet file that can be read"),
        ("rows.csv", b"a,b\n1,2\n1,2,3,4\n", "rows.csv, line 3: has 4 fields where the head has 2."),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataUnreadable) as caught:
        opened(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.said("zh") != str(caught.value)
    with pytest.raises(BadRequest) as refused:
        by_worker(path)
    assert str(refused.value) == str(caught.value)


def test_every_sentence_is_there_in_both_languages() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()


def test_the_sentence_is_all_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(LINES + '{"prompt": "a", "compl\n', encoding="utf-8")
    code = f"from diagnostics.probes.data import load; load({str(tmp_path / 'rows.jsonl')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "line 7: is no JSON" in done.stderr
    assert "Failed to load" not in done.stderr + done.stdout


def test_missing_files_and_splits_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="there is no such file or folder of data"):
        opened(tmp_path / "none.jsonl")
    (tmp_path / "rows.jsonl").write_text(LINES, encoding="utf-8")
    with pytest.raises(DataUnreadable, match="has no split 'test', only train"):
        opened(tmp_path / "rows.jsonl", split="test")
    with pytest.raises(DataUnreadable, match="dataset_name is missing"):
        open_rows("sft", {})


def test_splits_with_other_columns_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text(LINES, encoding="utf-8")
    (folder / "test.jsonl").write_text('{"question": "a"}\n', encoding="utf-8")
    with pytest.raises(DataUnreadable, match=r"test.jsonl has question, train.jsonl has prompt, completion"):
        opened(folder)


def test_a_folder_of_splits_and_a_mapping(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for split, rows in (("train", ROWS), ("test", ROWS[:2])):
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    rows = opened(folder, "grpo", "test", column_mapping={"answer": "completion"})
    assert (rows.total, rows.columns, rows.dataset.column_names) == (2, ("prompt", "completion"), ["prompt", "answer"])
    assert opened(folder, "grpo", column_mapping={"answer": "nothing"}).dataset is None


def test_values_of_several_kinds_are_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(LINES * 20 + '{"prompt": {"a": 1}, "completion": "b"}\n', encoding="utf-8")
    finding = found(wrong_columns, Material(Asked("sft", {}), train=opened(path)))
    assert finding is not None
    assert (finding.facts["kind"], finding.facts["row"], finding.severity) == ("value-either", 120, "error")


def test_labels_of_0_and_1_are_booleans_as_the_worker_has_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({**row, "label": at % 2}) + "\n" for at, row in enumerate(ROWS)), encoding="utf-8"
    )
    rows = opened(path, "kto")
    assert rows.dataset["label"][:] == [False, True] * 3
    assert [row["label"] for row in rows.rows] == [0, 1] * 3


def test_of_many_rows_a_sample_is_looked_at_from_all_over_and_all_are_at_hand(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": str(at)}) + "\n" for at in range(1000)), encoding="utf-8")
    rows = open_rows("sft", {"dataset_name": str(path)}, limit=50)
    assert (rows.total, len(rows.rows), rows.sampled, len(rows.dataset)) == (1000, 50, True, 50)
    assert [int(row["text"]) for row in rows.rows] == rows.numbers.tolist()
    assert rows.every is not None
    assert len(rows.every) == 1000
    again = open_rows("sft", {"dataset_name": str(path)}, limit=50)
    assert again.numbers.tolist() == rows.numbers.tolist()


def test_a_sample_is_spread_over_all_rows() -> None:
    numbers = spread_over(1_000_003, 1000, 7)
    assert len(set(numbers.tolist())) == 1000
    assert np.diff(numbers).min() > 0
    assert np.bincount(numbers * 10 // 1_000_003).tolist() == [100] * 10
    assert spread_over(10, 100, 0).tolist() == list(range(10))


def test_of_a_huge_file_only_sampled_lines_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": str(at)}) + "\n" for at in range(1000)), encoding="utf-8")
    monkeypatch.setattr(data, "HUGE", 1000)
    told: list[tuple[str, int, int]] = []
    rows = open_rows("sft", {"dataset_name": str(path)}, limit=20, progress=lambda *one: told.append(one))
    assert (rows.total, len(rows.rows), rows.every) == (1000, 20, None)
    assert [int(row["text"]) for row in rows.rows] == rows.numbers.tolist()
    assert told[-1] == ("reading", 1, 1)


def test_a_mixture_is_read_as_the_worker_reads_it(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(LINES * 5, encoding="utf-8")
    config = {
        "datasets": [{"path": "json", "data_files": str(tmp_path / "rows.jsonl")}],
        "test_split_size": 0.2,
        "seed": 3,
    }
    assert (open_rows("sft", config).total, open_rows("sft", config, "test").total) == (24, 6)
    with pytest.raises(DataUnreadable, match="datasets: was refused"):
        open_rows("sft", {"datasets": [{"paths": "json"}]})


def test_a_stream_of_a_local_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(LINES, encoding="utf-8")
    assert opened(tmp_path / "rows.jsonl", dataset_streaming=True).total == 6


@pytest.mark.parametrize(
    "head", ["{", '{"a"', "[", "[[", '{"a": [', "nul", '"', "{}", "[]", "[{}]", '{"a": {}}', "\ufeff", "a,b", ",", '"a']
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
def test_no_beginning_of_a_file_is_a_traceback(tmp_path: Path, head: str, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text(head, encoding="utf-8")
    with contextlib.suppress(DataUnreadable):
        assert opened(path).total == len(opened(path).rows)


@pytest.mark.parametrize("value", [3, 2.5, {"a": 1}, True])
def test_answers_of_another_kind_break_no_rule(value: object) -> None:
    assert last_answer(value) == str(value)


def test_a_folder_whose_rows_no_table_takes_is_read_as_it_is(tmp_path: Path) -> None:
    """Past the library's first block a value of another kind ends its reading; the rule has to name the row all the same."""
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "x" * 200}]
    rows = [{"messages": talk} for _ in range(60_000)]
    rows[50_000] = {"messages": "no list"}
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "test.jsonl").write_text(json.dumps({"messages": talk}) + "\n", encoding="utf-8")
    rows_read = open_rows("sft", {"dataset_name": str(folder)}, limit=60_000)
    assert len(rows_read.rows) == 60_000
    finding = found(wrong_columns, Material(Asked("sft", {"dataset_name": str(folder)}), train=rows_read))
    assert finding is not None
    assert finding.severity != "info"
    assert "50000" in str(finding.evidence) + str(finding.facts)
