"""The Train page's plain functions: the form as the command that trains it, what fills it, what is refused; without Gradio."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.clinic import Clinic
from dashboard.preflight.job import FormUnusable
from dashboard.texts import LANGS, Words
from dashboard.train import job as train_job
from dashboard.train import options as train_options
from dashboard.train import texts as train_texts
from dashboard.train.draft import draft_of, form_of_draft
from dashboard.train.fields import FIELDS, KINDS, RATES, shown, template
from dashboard.train.form import Form, children, filled, free_name, start_from, starts, words_of_command
from dashboard.train.job import Refused, carried_out, command_line, start
from dashboard.train.live_view import console_html, order, signature, status_html, telling
from dashboard.train.options import Option, OptionsUnread, options_from, options_of
from dashboard.train.view import added, choices, command_html, help_html, others, placeholder
from diagnostics.preflight.asking import METHODS, parse_settings
from diagnostics.run import Run, Series
from diagnostics.run.status import Status
from training.control.described import arguments_of

WORDS = Words("en")


@pytest.fixture(scope="module")
def options() -> dict[str, dict[str, Option]]:
    """The arguments of every method, as the workers take them."""
    return {
        method: {
            one.name: Option(one.name, one.group, one.kind, one.choices, one.default, one.help)
            for one in arguments_of(method)
        }
        for method in METHODS
    }


def form(**changes: Any) -> Form:
    whole = Form(
        "dpo", " runs/base/checkpoint-9 ", " pairs.jsonl ", "mine", {"beta": "0.2", "loss_type": ""}, "bf16=false"
    )
    return replace(whole, **changes)


@pytest.mark.parametrize("method", METHODS)
def test_every_field_is_an_argument_of_its_method(options: dict[str, dict[str, Option]], method: str) -> None:
    assert set(shown(method)) <= options[method].keys()
    for kind in KINDS:
        made = template(kind, method)
        assert made.keys() <= set(shown(method))
        rows = made["per_device_train_batch_size"] * made.get("gradient_accumulation_steps", 1)
        assert rows % made.get("num_generations", 1) == 0
    assert template("lora", method)["use_peft"] is True
    assert (template("full", method)["learning_rate"], template("lora", method)["learning_rate"]) == RATES[method]


def test_every_field_has_its_words() -> None:
    fields = {key.removeprefix("train.field.") for key in train_texts.TEXTS if key.startswith("train.field.")}
    assert fields == FIELDS.keys()


def test_form_is_the_command_that_a_person_would_type(tmp_path: Path, options: dict[str, dict[str, Option]]) -> None:
    command = words_of_command(form(), options["dpo"], tmp_path, WORDS)
    assert command == [
        *("--method", "dpo", "--run", str(tmp_path / "mine"), "--queue", "--detach", "--set"),
        *("model_name_or_path=runs/base/checkpoint-9", "dataset_name=pairs.jsonl", "beta=0.2", "bf16=false"),
    ]
    more = words_of_command(form(processes=2, force=True), options["dpo"], tmp_path, WORDS)
    assert more[6:9] == ["--processes", "2", "--force"]


def test_several_rewards_are_a_list_and_a_shell_reads_the_command_as_it_is(
    tmp_path: Path, options: dict[str, dict[str, Option]]
) -> None:
    asked = Form("grpo", "m o", "it's.jsonl", "g", {"reward_funcs": "a.py:f, b.py:g"}, "")
    command = words_of_command(asked, options["grpo"], tmp_path, WORDS)
    assert parse_settings(command[command.index("--set") + 1 :])["reward_funcs"] == ["a.py:f", "b.py:g"]
    typed = shlex.split(command_line(command).replace("\\\n", " "))
    assert typed == ["python", "-m", "training", "start", *command]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": None}, {"en": "Choose the method", "zh": "请选择方法"}),
        ({"method": "--run"}, {"en": "Choose the method", "zh": "请选择方法"}),
        ({"model": " "}, {"en": "Name the model", "zh": "请填写模型"}),
        ({"data": ""}, {"en": "Name the data", "zh": "请填写数据"}),
        ({"fields": {"beta": "much"}}, {"en": "beta: much is no number", "zh": "beta：much 不是数字"}),
        ({"fields": {"learning_rate": "true"}}, {"en": "learning_rate: true", "zh": "learning_rate：true"}),
        ({"settings": "bf16"}, {"en": "bf16: expected key=value", "zh": "bf16：应为"}),
        ({"settings": "=3"}, {"en": "=3: expected", "zh": "=3：应为"}),
        ({"settings": "beta=1"}, {"en": "beta: stands on the form and below", "zh": "beta：表单和下方"}),
        ({"settings": "betta=1"}, {"en": "betta: DPO has no such argument; did you mean beta", "zh": "是否想写"}),
        ({"name": "../out"}, {"en": "../out: a run's name", "zh": "../out：训练名称"}),
        ({"name": "-x"}, {"en": "-x: a run's name", "zh": "-x：训练名称"}),
        ({"name": "there"}, {"en": "there: there is a run", "zh": "there：已有同名"}),
        ({"method": "rloo"}, {"en": "RLOO needs a reward", "zh": "RLOO 需要奖励"}),
    ],
)
def test_what_the_form_lacks_is_one_sentence(
    tmp_path: Path, options: dict[str, dict[str, Option]], changes: dict[str, Any], says: dict[str, str], lang: Any
) -> None:
    (tmp_path / "there").mkdir()
    asked = form(**changes)
    with pytest.raises(FormUnusable) as refused:
        words_of_command(asked, options.get(asked.method or "", {}), tmp_path, Words(lang))
    assert says[lang] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_config_fills_the_form_and_comes_back_the_same(tmp_path: Path, options: dict[str, dict[str, Option]]) -> None:
    config = {
        "model_name_or_path": "m",
        "dataset_name": "d",
        "reward_funcs": ["a.py:f", "b.py:g"],
        "beta": 0.0,
        "temperature": 1,
        "use_peft": True,
        "run_name": "true",  # a text that would be read as a value
        "report_to": "none",
        "sample_rewards": ["x:y"],
        "column_mapping": {"prompt": "题目"},
        "loss_type": "dr_grpo",
        "parent": "grpo-1",
        "fixes": ["kl-explosion/rate"],
    }
    made = filled("grpo", {"method": "grpo", **config})
    assert (made.fields["beta"], made.fields["use_peft"], made.fields["reward_funcs"]) == (
        "0.0",
        "true",
        "a.py:f, b.py:g",
    )
    command = words_of_command(replace(made, name="n"), options["grpo"], tmp_path, WORDS)
    assert parse_settings(command[command.index("--set") + 1 :]) == config


def test_what_a_form_may_start_from(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    config = {"model_name_or_path": "m", "dataset_name": "d", "beta": 0.5}
    (folder / "run.json").write_text(json.dumps({"schema": 1, "run": "old", "method": "dpo", "config": config}))
    (tmp_path / ".children").mkdir()
    (tmp_path / ".children" / "old--x-1.json").write_text(json.dumps({"method": "kto", "parent": "old", **config}))
    (tmp_path / "secret.json").write_text(json.dumps({"method": "kto", "dataset_name": "secret"}))
    clinic = Clinic(tmp_path)
    values = [value for _, value in starts(clinic, WORDS)]
    assert values == ["", *(f"template:{kind}" for kind in KINDS), "child:old--x-1", "run:old"]
    mine = form()
    assert start_from(clinic, "run:old", mine) == filled("dpo", config)
    child = start_from(clinic, "child:old--x-1", mine)
    assert child is not None
    assert (child.method, child.fields["beta"], child.settings) == ("kto", "0.5", "parent=old")
    from_template = start_from(clinic, "template:lora", mine)
    assert from_template is not None
    assert (from_template.model, from_template.name, from_template.fields["lora_r"]) == (mine.model, "mine", "16")
    for wrong in ("", "run:none", "run:../old", "child:../secret", "child:none", "template:none", "other:old"):
        assert start_from(clinic, wrong, mine) is None
    assert start_from(clinic, "template:lora", replace(mine, method=None)) is None
    assert children(Clinic(tmp_path / "old")) == []


def test_free_name_passes_over_those_that_are_taken(tmp_path: Path) -> None:
    (tmp_path / "sft-1").mkdir()
    (tmp_path / "sft-3").mkdir()
    assert free_name("sft", tmp_path) == "sft-2"


def test_defaults_help_and_choices(options: dict[str, dict[str, Option]]) -> None:
    sft = options["sft"]
    assert placeholder(sft["max_length"], WORDS) == "default: 1024"
    assert placeholder(sft["eval_steps"], WORDS) == "default: none"
    assert choices(sft["packing"], WORDS) == [("default (no)", ""), ("yes", "true"), ("no", "false")]
    assert ("cosine", "cosine") in choices(sft["lr_scheduler_type"], WORDS)
    assert choices(None, WORDS) == [("", "")]
    assert "max_grad_norm" in others("sft", sft)
    assert not {"learning_rate", "dataset_name"} & set(others("sft", sft))
    assert "<code>packing</code>" in help_html(sft["packing"], WORDS)
    hostile = Option("<b>", "method", None, ("<i>",), "<u>", "<script>")
    assert not re.search(r"<(b|i|u|script)>", help_html(hostile, WORDS))
    lines = added("max_grad_norm", "seed=1\n\n", sft)
    assert lines == "seed=1\nmax_grad_norm=1.0"
    assert added("max_grad_norm", lines, sft) == lines
    assert added("no_such", lines, sft) == lines
    assert "<pre" in command_html("python a < b", None, WORDS)
    assert "a &lt; b" in command_html("python a < b", None, WORDS)


def test_arguments_are_asked_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"arguments": [{"name": "a", "group": "method", "kind": "int", "choices": [], "default": 3, "help": "h"}]}
    calls: list[list[str]] = []
    every = {"schema": 1, "methods": {"sft": whole, "dpo": {"arguments": []}}}

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command[1:])
        return subprocess.CompletedProcess(command, 0, json.dumps(every), "")

    monkeypatch.setattr(train_options.subprocess, "run", run)
    assert options_of("sft", tmp_path) == options_of("sft", tmp_path) == options_from(whole)
    assert calls == [["-m", "training", "options", "--method", "all", "--format", "json"]]
    kept = next((tmp_path / ".options").glob("sft-*"))
    kept.write_text("half", encoding="utf-8")
    assert options_of("sft", tmp_path)["a"].default == 3
    assert len(calls) == 2
    monkeypatch.setattr(
        train_options.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "x\nno torch")
    )
    with pytest.raises(OptionsUnread, match=r"^no torch$"):
        options_of("dpo", tmp_path)


def test_arguments_are_asked_in_the_background_and_once_by_all_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {"arguments": [{"name": "a", "group": "method", "kind": "int", "choices": [], "default": 3, "help": "h"}]}
    calls, go_on = [], threading.Event()

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        assert go_on.wait(20)
        return subprocess.CompletedProcess(command, 0, json.dumps({"methods": dict.fromkeys(METHODS, whole)}), "")

    monkeypatch.setattr(train_options.subprocess, "run", run)
    train_options.warm(tmp_path)
    deadline = time.monotonic() + 20
    while not calls and time.monotonic() < deadline:
        time.sleep(0.01)
    train_options.warm(tmp_path)
    threading.Timer(0.2, go_on.set).start()
    assert options_of("grpo", tmp_path)["a"].default == 3
    assert len(calls) == 1
    train_options.warm(tmp_path)
    assert len(calls) == 1


def test_a_browser_keeps_the_form_and_whatever_else_it_holds_is_no_form() -> None:
    whole = form(processes=2, force=True, settings="a=1")
    back = form_of_draft(json.loads(json.dumps(draft_of(whole))))
    assert back is not None
    assert {one: value for one, value in back.fields.items() if value} == {"beta": "0.2"}
    assert replace(back, fields=whole.fields) == whole
    assert draft_of(Form(model="m")) is None
    kept = draft_of(whole)
    assert kept is not None
    wrong = ({"method": "evil"}, {"fields": []}, {"fields": {"beta": 3}}, {"model": None}, {"data": "x" * 30_000},
             {"processes": True}, {"processes": "2"}, {"force": 1})  # fmt: skip
    for one in (None, 3, "x", [], {}, *({**kept, **change} for change in wrong)):
        assert form_of_draft(one) is None, one
    for many, held in ((0, 1), (10**9, 64)):
        found = form_of_draft({**kept, "processes": many})
        assert found is not None
        assert found.processes == held


def test_a_refusal_is_the_commands_own_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no such run"):
        carried_out("stop", str(tmp_path / "none"))
    with pytest.raises(Refused, match="there is no such run"):
        train_job.resume(tmp_path / "none")


def test_start_runs_the_command_that_was_shown(
    tmp_path: Path, options: dict[str, dict[str, Option]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(train_job, "carried_out", lambda *command, lang: ran.append((lang, *command)))
    assert start(form(), options["dpo"], tmp_path, WORDS) == "mine"
    assert ran == [("en", "start", *words_of_command(form(), options["dpo"], tmp_path, WORDS))]


def test_check_asks_the_preflight_for_what_will_be_trained(
    tmp_path: Path, options: dict[str, dict[str, Option]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(train_job, "look", lambda asked, words: iter([seen.append(asked)]))
    asked = Form("grpo", "m", "d", "g", {"reward_funcs": "a.py:f", "beta": "0.1"}, "parent=x\nbf16=false\nfixes=[]")
    list(train_job.check(asked, options["grpo"], tmp_path, WORDS))
    assert (seen[0].method, seen[0].model, seen[0].data_path, seen[0].rewards) == ("grpo", "m", "d", "a.py:f")
    assert seen[0].settings.splitlines() == ["beta=0.1", "bf16=false"]
    with pytest.raises(FormUnusable):
        list(train_job.check(replace(asked, model=""), options["grpo"], tmp_path, WORDS))


def a_run(folder: Path, **status: Any) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    steps = np.arange(1, 6)
    return Run(
        path=folder,
        name=folder.name,
        method="grpo",
        asked={"beta": 0.1},
        config={},
        status=Status(**{"state": "running", "step": 5, "max_steps": 20, "started": 1000.0, **status}),
        series={tag: Series(tag, steps, steps * 1.0) for tag in ("train/reward", "train/loss", "train/kl")},
    )  # type: ignore[call-arg]


def test_time_left_follows_the_pace(tmp_path: Path) -> None:
    def shown(**status: Any) -> str:
        return status_html(a_run(tmp_path / "a", heartbeat=1010.0, **status), WORDS, "./diagnose")

    assert "30 s left" in shown()
    assert " left" not in shown(step=0)
    assert " left" not in shown(state="finished")
    assert " left" not in shown(max_steps=0)


def test_a_run_in_the_queue_tells_whom_it_waits_for(tmp_path: Path) -> None:
    queued = {"state": "starting", "step": 0, "activity": "queued"}
    behind = a_run(tmp_path / "a", **queued, behind=("sft", "<b>"))
    assert "queued behind sft, &lt;b&gt;" in status_html(behind, WORDS, "./diagnose")
    assert "排队中，前面是 sft" in status_html(behind, Words("zh"), "./diagnose")
    assert signature(behind) != signature(replace(behind, status=replace(behind.status, behind=("sft",))))
    assert ">queued<" in status_html(a_run(tmp_path / "b", **queued), WORDS, "./diagnose")
    assert "queued" not in status_html(a_run(tmp_path / "c", **{**queued, "state": "stopped"}), WORDS, "./diagnose")


def test_panel_shows_state_console_and_telling_curves(tmp_path: Path) -> None:
    run = a_run(tmp_path / "<b>x", state="failed", reason="<i>no</i>")
    shown = status_html(run, WORDS, "./diagnose")
    assert "step 5 of 20" in shown
    assert "<i>no" not in shown
    assert "<b>x" not in shown
    assert telling(run) == ["train/reward", "train/loss"]
    assert "Nothing printed yet" in console_html(run, WORDS)
    (run.path / "launcher.log").write_text("waiting\n")
    assert "waiting" in console_html(run, WORDS)
    before = signature(run)
    (run.path / "console.log").write_text("10%|#\r20%|##\n<script>\n")
    assert "20%|##\n&lt;script&gt;" in console_html(run, WORDS)
    assert "10%" not in console_html(run, WORDS)
    assert signature(run) != before
    assert signature(run) == signature(run)
    assert signature(None) == ""


def test_runs_at_work_come_first_then_the_newest(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path / "old", state="finished", started=1.0),
        a_run(tmp_path / "new", state="failed", started=9.0),
        a_run(tmp_path / "working", started=2.0),
        replace(a_run(tmp_path / "foreign"), asked={}),
    ]
    assert [one.name for one in order(runs)] == ["working", "new", "old"]


def test_words_are_there_in_both_languages() -> None:
    for key, (english, chinese) in train_texts.TEXTS.items():
        assert english.strip() and chinese.strip(), key  # noqa: PT018
        assert set(re.findall(r"{(\w+)", english)) == set(re.findall(r"{(\w+)", chinese)), key
