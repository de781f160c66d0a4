"""The command line: what it takes, what it refuses, what it returns and writes."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diagnostics.memory import command
from diagnostics.memory.records import Asked, Estimate
from tests.diagnostics.memory.asked import exact


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def run(*words: str, predictor: Any = exact) -> int:
    parser = argparse.ArgumentParser()
    command.add_command(parser.add_subparsers())
    return command.memory(parser.parse_args(["memory", *words]), predictor)


def reported(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--method", "sft", "--model", "qwen3-0.6b") == 0
    assert run("--method", "sft", "--model", "qwen3-0.6b", "--device-gib", "80") == 0
    assert run("--method", "sft", "--model", "llama-3-8b", "--device-gib", "24") == 1
    capsys.readouterr()
    assert run("--method", "sft", "--model", "llama-3-8x") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no method"),
        (("--method", "sft"), "--model"),
        (("--model", "gpt2"), "no method"),
        (("--method", "sft", "--model", "no/such-model-anywhere"), "no/such-model-anywhere"),
        (("--method", "sft", "--model", "llama-3-70b", "--device-gib", "8"), "less than its weights"),
        (("--method", "sft", "--model", "gpt2", "--device", "toaster"), "toaster"),
        (("--method", "sft", "--model", "gpt2", "--device-gib", "0"), "--device-gib 0"),
        (("--method", "sft", "--model", "gpt2", "--device-gib", "nan"), "--device-gib nan"),
        (("--method", "sft", "--model", "gpt2", "--device", "T4", "--device-gib", "9"), "only one"),
        (("--method", "sft", "--model", "gpt2", "--batch", "0"), "per_device_train_batch_size"),
        (("--method", "sft", "--model", "gpt2", "--processes", "0"), "processes"),
        (("--method", "sft", "--model", "gpt2", "--longest", "0"), "--longest"),
        (("--method", "sft", "--model", "gpt2", "--completion", "9"), "--completion"),
        (("--method", "grpo", "--model", "gpt2", "--length", "100"), "no room for a prompt"),
        (("--method", "sft", "--model", "gpt2", "--set", "bf16=true", "fp16=true"), "bf16 and fp16"),
        (("--method", "sft", "--model", "gpt2", "--set", "nonsense"), "key=value"),
        (("--method", "sft", "--model", "gpt2", "--set", "per_device_batch_size=4"), "did you mean per_device_"),
        (("--method", "sft", "--model", "gpt2", "--set", "num_generations=4"), "sft has no such argument"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
        (("--method", "sft", "--model", "gpt2", "--out", "no/such/folder/x.html"), "no/such/folder"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_few_words_make_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--batch",
        "4",
        "--accumulation",
        "2",
        "--length",
        "512",
        "--lora-r",
        "8",
        "--load-in-4bit",
        "--dtype",
        "bfloat16",
    )
    run("--method", "sft", "--model", "llama-3-8b", *words, "--format", "json")
    found = reported(capsys)
    assert (found["batch"], found["effective_batch"], found["length"], found["dtype"]) == (4, 8, 512, "bfloat16")
    assert found["peak"]["total"] < 12 << 30


def test_a_config_of_ours_and_one_of_trls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = tmp_path / "ours.json"
    ours.write_text(json.dumps({"method": "dpo", "parent": "x", "model_name_or_path": "gpt2", "max_length": 256}))
    run("--config", str(ours), "--format", "json")
    assert reported(capsys)["method"] == "dpo"
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text("model_name_or_path: gpt2\nlearning_rate: 1e-5\ntorch_dtype: bfloat16\nmax_seq_length: 300\n")
    run("--config", str(theirs), "--method", "sft", "--format", "json")
    found = reported(capsys)
    assert (found["length"], found["dtype"]) == (300, "bfloat16")
    run("--config", str(theirs), "--method", "sft", "--length", "200", "--format", "json")
    assert reported(capsys)["length"] == 200


def test_a_run_folder_and_its_run_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"schema": 1, "method": "kto", "config": {"model_name_or_path": "gpt2", "max_length": 128}}
    (tmp_path / "run.json").write_text(json.dumps(content))
    for path in (tmp_path, tmp_path / "run.json"):
        run("--config", str(path), "--format", "json")
        found = reported(capsys)
        assert (found["method"], found["length"]) == ("kto", 128)


def test_the_fix_is_a_config_that_a_child_run_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "parent").mkdir()
    content = {
        "method": "sft",
        "config": {
            "model_name_or_path": "qwen3-0.6b",
            "per_device_train_batch_size": 16,
            "gradient_checkpointing": False,
        },
    }
    (tmp_path / "parent/run.json").write_text(json.dumps(content))
    out = tmp_path / "child.json"
    assert run("--config", str(tmp_path / "parent"), "--device-gib", "24", "--fix-out", str(out)) == 1
    capsys.readouterr()
    child = json.loads(out.read_text())
    assert (child["method"], child["parent"]) == ("sft", "parent")
    effective = child["per_device_train_batch_size"] * child.get("gradient_accumulation_steps", 1)
    assert effective == 16
    assert run("--config", str(out), "--device-gib", "24") == 0


def test_no_fix_to_write_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--method", "sft", "--model", "gpt2", "--device-gib", "80", "--fix-out", str(tmp_path / "x.json")) == 2
    assert "no change to write" in capsys.readouterr().err


def test_reports_go_where_they_are_asked_to_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "memory.html"
    assert run("--method", "sft", "--model", "gpt2", "--format", "html", "--out", str(out)) == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out == ""


def test_how_exactly_is_passed_on_and_progress_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[str, Asked]] = []

    def predictor(one: Asked, *, how: str, progress: Any, cancelled: Any) -> Estimate:
        asked.append((how, one))
        progress("tracing", 0.5)
        return exact(one)

    told = tmp_path / "progress.jsonl"
    words = ("--method", "dpo", "--model", "qwen3-1.7b", "--device-gib", "24", "--progress", str(told))
    run(*words, predictor=predictor)
    assert asked[0][0] == "traced"
    assert {how for how, _ in asked[1:]} == {"extrapolated"}
    assert len({str(one) for _, one in asked}) == len(asked), "nothing is estimated twice"
    assert json.loads(told.read_text().splitlines()[0]) == {"what": "tracing", "done": 50, "of": 100}
    asked.clear()
    run("--method", "dpo", "--model", "qwen3-1.7b", "--device-gib", "24", "--how", "formula", predictor=predictor)
    assert asked == []
    capsys.readouterr()


def test_the_command_needs_neither_torch_nor_a_network() -> None:
    code = (
        "import sys; from diagnostics.cli import main\n"
        "code = main(['memory', '--method', 'sft', '--model', 'llama-3-8b', '--device', 'A100-80', '--how', 'formula'])\n"
        "print(code, sorted({'torch', 'trl', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout.splitlines()[-1] == "1 []"
