"""The Pre-flight page's plain functions: the form as a command, what is told, the files to take; without Gradio."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.clinic import Clinic
from dashboard.preflight import job as preflight_job
from dashboard.preflight.job import (
    Form,
    FormUnusable,
    State,
    form_of_run,
    look,
    reward_names,
    words_of_command,
)
from dashboard.preflight.process import last_told
from dashboard.preflight.view import progress_html
from dashboard.preflight.written import mended_config, modern_script
from dashboard.texts import LANGS, Words
from diagnostics.run.files import write_json

WORDS = Words("en")


def test_form_is_the_command_that_a_person_would_type() -> None:
    form = Form(
        method="dpo",
        model=" runs/base/checkpoint-9 ",
        data_path=" pairs.jsonl ",
        rewards="a.py:f, b.py:g",
        script="train.py",
        config_file="c.yaml",
        settings="max_length=64\n\n beta=0.2 \n",
    )
    assert words_of_command(form, WORDS) == [
        *("preflight", "--config", "c.yaml", "--method", "dpo", "--data", "pairs.jsonl"),
        *("--model", "runs/base/checkpoint-9", "--script", "train.py"),
        *("--reward", "a.py:f", "--reward", "b.py:g", "--set", "max_length=64", "beta=0.2"),
    ]
    assert words_of_command(replace(form, data_file="/tmp/dropped.jsonl"), WORDS)[6] == "/tmp/dropped.jsonl"


def test_field_that_was_never_on_the_screen_is_none() -> None:
    form = Form("sft", None, "/tmp/x/a.jsonl", None, None, None, None, None, None)
    assert words_of_command(form, WORDS) == ["preflight", "--method", "sft", "--data", "/tmp/x/a.jsonl"]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    "form",
    [Form(method="sft"), Form(data_path="a.jsonl"), Form(method="sft", data_path="a.jsonl", settings="max_length")],
)
def test_form_that_asks_nothing_is_told_so(form: Form, lang: Any) -> None:
    with pytest.raises(FormUnusable) as told:
        words_of_command(form, Words(lang))
    assert str(told.value)


def test_reward_file_is_read_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "rewards.py"
    path.write_text(
        "raise SystemExit('ran')\n"
        "def good(completions, **kwargs): return []\n"
        "async def later(prompts, completions): return []\n"
        "def _private(completions): return []\n"
        "def helper(text): return 1\n"
    )
    assert reward_names(path) == ["good", "later"]
    form = Form(method="grpo", data_path="a.jsonl", reward_file=str(path))
    assert words_of_command(form, WORDS)[-4:] == ["--reward", f"{path}:good", "--reward", f"{path}:later"]
    path.write_text("def broken(:\n")
    with pytest.raises(FormUnusable, match=r"rewards\.py"):
        words_of_command(form, WORDS)


def fake(monkeypatch: pytest.MonkeyPatch, code: str) -> list[list[str]]:
    """Let the job start this code instead of the pre-flight; its arguments are the command's."""
    commands: list[list[str]] = []

    def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
        commands.append(command)
        with (folder / "console.log").open("wb") as console:
            return subprocess.Popen(
                [sys.executable, "-c", code, *command], stdout=console, stderr=console, start_new_session=True
            )

    monkeypatch.setattr(preflight_job, "started", started)
    return commands


REPORTS = """
import json, sys, time
args = sys.argv
out, progress = args[args.index("--out") + 1], args[args.index("--progress") + 1]
open(progress, "w").write('{"what": "prepared", "done": 3, "of": 10}\\n')
time.sleep(0.8)
open(out, "w").write('{"method": "sft"}')
"""


def test_job_tells_how_far_it_is_and_ends_with_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = fake(monkeypatch, REPORTS)
    states = list(look(Form(method="sft", data_path="a.jsonl"), WORDS))
    assert {(one.what, one.done, one.of) for one in states[:-1]} >= {("prepared", 3, 10)}
    assert states[-1].report == {"method": "sft"}
    assert not Path(commands[0][commands[0].index("--out") + 1]).parent.exists()


def test_failed_job_says_the_last_line_of_its_console(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, "print('noise'); raise SystemExit('a.jsonl: there is no such file or folder of data.')")
    last = list(look(Form(method="sft", data_path="a.jsonl"), WORDS))[-1]
    assert last.error == "a.jsonl: there is no such file or folder of data."
    assert "no such file" in progress_html(last, WORDS)
    fake(monkeypatch, "raise SystemExit(3)")
    assert list(look(Form(method="sft", data_path="a.jsonl"), WORDS))[-1].error == "exit code 3"


def test_dropped_files_are_called_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, REPORTS.replace('"method": "sft"', '"where": "/tmp/gradio/ab12/a.jsonl (train)"'))
    last = list(look(Form(method="sft", data_file="/tmp/gradio/ab12/a.jsonl"), WORDS))[-1]
    assert last.report == {"where": "a.jsonl (train)"}


def test_who_stops_looking_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    fake(monkeypatch, "import time; time.sleep(600)")
    begin = preflight_job.started
    monkeypatch.setattr(preflight_job, "started", lambda *args: processes.append(begin(*args)) or processes[-1])
    states = look(Form(method="sft", data_path="a.jsonl"), WORDS)
    assert next(states).what == "starting"
    states.close()
    assert processes[0].poll() is not None


def test_half_written_progress_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    assert last_told(path) == {}
    path.write_text('{"what": "data", "done": 1, "of": 2}\n{"what": "da')
    assert last_told(path) == {}
    path.write_text('{"what": "data", "done": 1, "of": 2}\n')
    assert last_told(path) == {"what": "data", "done": 1, "of": 2}


@pytest.mark.parametrize("lang", LANGS)
def test_progress_is_told_in_both_languages_and_as_text(lang: Any) -> None:
    words = Words(lang)
    for what in ("starting", "data", "prepared", "rewards", "script", "something else"):
        assert 'role="status"' in progress_html(State(what, 1, 4, 2.0), words)
    assert "<b>" not in progress_html(State(error="<b>x</b>"), words)


def test_mended_config_trains_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("method: sft\nlearning_rate: 2e-5\nmax_length: 8\n")
    report: dict[str, Any] = {
        "method": "sft",
        "model": "m",
        "findings": [
            {"fixes": [{"edits": []}, {"edits": [{"path": "max_length", "from": 8, "to": 2048}]}]},
            {"fixes": []},
        ],
    }
    report["findings"].append({"fixes": [{"edits": [{"path": "tokenizer", "from": "x", "to": None, "removed": True}]}]})
    form = Form(config_file=str(tmp_path / "c.yaml"), data_path="a.jsonl", settings="packing=true\ntokenizer=x")
    path = mended_config(form, report)
    assert path is not None
    assert json.loads(path.read_text()) == {
        "method": "sft", "learning_rate": 2e-5, "max_length": 2048, "packing": True, "model_name_or_path": "m",
        "dataset_name": "a.jsonl",
    }  # fmt: skip
    assert mended_config(form, {**report, "findings": []}) is None


def test_modern_script_keeps_its_name() -> None:
    path = modern_script({"script": {"path": "old/train.py", "modern": "new\n"}})
    assert path is not None
    assert (path.name, path.read_text()) == ("train.py", "new\n")
    assert modern_script({"script": {"path": "train.py", "modern": None}}) is None
    assert modern_script({}) is None


def test_run_fills_the_form(tmp_path: Path) -> None:
    folder = tmp_path / "dpo-1"
    folder.mkdir()
    config = {
        "model_name_or_path": "m",
        "dataset_name": "d.jsonl",
        "beta": 0.2,
        "reward_funcs": ["a.py:f"],
        "bf16": False,
    }
    write_json(folder / "run.json", {"schema": 1, "method": "dpo", "config": config})
    form = form_of_run(Clinic(tmp_path), "dpo-1")
    assert form == Form(method="dpo", model="m", data_path="d.jsonl", rewards="a.py:f", settings="beta=0.2\nbf16=false")
    assert form_of_run(Clinic(tmp_path), "gone") is None
