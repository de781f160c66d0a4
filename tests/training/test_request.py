"""Configs and settings as people write them, and the sentences they get for wrong ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from training.cli import main
from training.control.launch import new_folder, write_request
from training.control.settle import cause_of_death
from training.request import BadRequest, Request, parse_settings, read_config, read_request, take_marks


def test_settings_are_typed() -> None:
    assert parse_settings(["a=1", "b=2e-5", "c=true", "d=False", "e=text", "f=[1, 2]", "g=None", "h=x=y"]) == {
        "a": 1, "b": 2e-5, "c": True, "d": False, "e": "text", "f": [1, 2], "g": None, "h": "x=y",
    }  # fmt: skip


@pytest.mark.parametrize("setting", ["learning_rate", "=3", ""])
def test_setting_without_key_or_value_is_refused(setting: str) -> None:
    with pytest.raises(BadRequest, match="expected key=value"):
        parse_settings([setting])


def test_yaml_reads_scientific_numbers_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("learning_rate: 2e-5\nmax_steps: 10\nrun_name: 1e5x\n")
    assert read_config(path) == {"learning_rate": 2e-5, "max_steps": 10, "run_name": "1e5x"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.yaml", "a: [1", "cannot be read as a config"),
        ("c.json", "{", "cannot be read as a config"),
        ("c.yaml", "- 1\n- 2", "holds no config"),
        ("c.yaml", "", "holds no config"),
    ],
)
def test_broken_config_is_one_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadRequest, match=said) as caught:
        read_config(path)
    assert "\n" not in str(caught.value)


def test_run_json_comes_first_and_is_never_written_twice(tmp_path: Path) -> None:
    request = Request("sft", {"learning_rate": 0.1, "seed": 7}, tmp_path / "run")
    write_request(request, ["cmd"], parent="older", fixes=("loss-diverged",))
    written = json.loads((request.folder / "run.json").read_text())
    assert [path.name for path in request.folder.iterdir()] == ["run.json"]
    assert (written["method"], written["seed"], written["parent"], written["fixes"]) == (
        "sft", 7, "older", ["loss-diverged"],
    )  # fmt: skip
    assert {"torch", "trl", "transformers"} <= written["versions"].keys()
    assert read_request(request.folder).config == request.config
    with pytest.raises(BadRequest, match="already holds a run"):
        write_request(request, ["cmd"])


def test_a_folder_of_a_refused_request_is_taken_anew_but_no_other(tmp_path: Path) -> None:
    wrong, right = (Request("sft", {"learning_rate": rate}, tmp_path / "run") for rate in ("abc", 0.1))
    write_request(wrong, ["cmd"])
    for state, code in (("running", None), ("failed", 1), ("stopped", 143)):
        (wrong.folder / "status.json").write_text(json.dumps({"state": state, "exit_code": code, "pid": os.getpid()}))
        with pytest.raises(BadRequest, match="already holds a run"):
            write_request(right, ["cmd"])
    (wrong.folder / "status.json").write_text(json.dumps({"state": "failed", "exit_code": 2}))
    (wrong.folder / "checkpoint-5").mkdir()
    with pytest.raises(BadRequest, match="already holds a run"):
        write_request(right, ["cmd"])
    (wrong.folder / "checkpoint-5").rmdir()
    write_request(right, ["cmd"])
    assert read_request(right.folder).config == {"learning_rate": 0.1}


def test_new_folders_are_numbered(tmp_path: Path) -> None:
    assert new_folder(tmp_path, "sft").name == "sft-001"
    (tmp_path / "sft-001").mkdir()
    assert new_folder(tmp_path, "sft").name == "sft-002"


@pytest.mark.parametrize(
    ("console", "code", "exit_code", "said"),
    [
        (["subprocess.CalledProcessError: Command died with <Signals.SIGKILL: 9>."], 1, -9, "SIGKILL"),
        (["  exitcode  : -9 (pid: 77)"], 1, -9, "signal 9"),
        (["fine"], -15, -15, "SIGTERM"),
        (["odd"], 3, 3, "exit code 3"),
    ],
)
def test_cause_of_death_is_read_from_the_console(console: list[str], code: int, exit_code: int, said: str) -> None:
    reason, found = cause_of_death(console, code)
    assert found == exit_code
    assert said in reason


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "nowhere.yaml"], "nowhere.yaml: there is no such config file"),
        (["--set", "learning_rate"], "expected key=value"),
        (["--processes", "0"], "at least 1"),
        (["--accelerate-config", "nowhere"], "no such config file of accelerate"),
    ],
)
def test_wrong_start_is_one_sentence_and_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", "--method", "sft", "--run", str(tmp_path / "run"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_config_of_a_child_names_method_parent_and_fixes() -> None:
    config = {"method": "sft", "parent": "hot", "fixes": ["loss-diverged/rate-usual"], "learning_rate": 1.0}
    marks = take_marks(config)
    assert (marks.method, marks.parent, marks.fixes) == ("sft", "hot", ("loss-diverged/rate-usual",))
    assert config == {"learning_rate": 1.0}
    assert take_marks({}).method is None


@pytest.mark.parametrize("marks", [{"method": "magic"}, {"parent": 3}, {"fixes": "x"}, {"fixes": [1]}])
def test_wrong_marks_are_refused(marks: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match=next(iter(marks))):
        take_marks(dict(marks))


def test_start_without_a_method_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "--set", "max_steps=1"]) == 2
    assert "no method; name one" in capsys.readouterr().err
