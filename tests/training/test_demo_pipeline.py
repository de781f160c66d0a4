"""The demo's pipeline with stages that train nothing: order, two at a time, failure, interruption, going on."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from diagnostics.run.status import process_alive, read_status
from training.cli import main
from training.demo.pipeline import PLAN_FILE, Pipeline, planned_seed, write_plan
from training.demo.recipes import Stage, stages
from training.request import BadRequest

# What a stage leaves behind, without its training: sys.argv is the run folder, the log, seconds, the exit code.
FAKE = """
import json, os, signal, sys, time
folder, log, seconds, code = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
def status(state, code=None):
    record = {"state": state, "step": 1, "max_steps": 1, "pid": os.getpid(), "heartbeat": time.time(), "exit_code": code}
    if state == "failed":
        record["reason"] = "It was told to."
    open(folder + "/status.json", "w").write(json.dumps(record))
def note(what):
    with open(log, "a") as file:
        file.write(json.dumps([os.path.basename(folder), what, time.time(), os.getpid()]) + "\\n")
def stop(*_):
    status("stopped", 143)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
os.makedirs(folder)
open(folder + "/run.json", "w").write(json.dumps({"schema": 1, "method": "sft", "config": {}}))
status("running")
note("start")
time.sleep(seconds)
os.makedirs(folder + "/checkpoint-1")
note("end")
status("failed" if code else "finished", code)
sys.exit(code)
"""


class Fake(Pipeline):
    """A pipeline whose stages sleep. `seconds` and `codes` by stage; by default half a second, and all is well."""

    seconds: dict[str, float] = {}
    codes: dict[str, int] = {}

    def command(self, stage: Stage, config_file: Path) -> list[str]:
        seconds, code = self.seconds.get(stage.name, 0.5), self.codes.get(stage.name, 0)
        return [sys.executable, "-c", FAKE, *map(str, (self.runs / stage.name, self.work / "log", seconds, code))]

    def _prepare_base(self) -> None:
        pass

    def events(self) -> list[list[Any]]:
        """What happened: name, `start` or `end`, time, process."""
        return [json.loads(line) for line in (self.work / "log").read_text().splitlines()]

    def time_of(self, name: str, what: str) -> float:
        (found,) = (at for one, event, at, _ in self.events() if (one, event) == (name, what))
        return float(found)


def stage(name: str, start: str | None = None, reward_model: str | None = None) -> Stage:
    return Stage(name, "sft", {"max_steps": 1}, start, reward_model)


ROADS = [
    stage("base"),
    stage("sft", "base"),
    stage("dpo", "sft"),
    stage("too-hot", "base"),
    stage("reward", "sft"),
    stage("grpo", "sft", "reward"),
]


@pytest.fixture
def pipeline(tmp_path: Path) -> Fake:
    (tmp_path / ".demo").mkdir()
    return Fake(tmp_path, tmp_path / ".demo", at_once=2)


def started(output: str) -> list[str]:
    """The stages in the order in which they were started, by what was printed."""
    return [line.split()[1] for line in output.splitlines() if " starts (" in line]


def test_stages_start_when_what_they_need_has_finished_two_at_a_time(
    pipeline: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.seconds = {"too-hot": 1.2}
    assert pipeline.run(ROADS) == 0
    # dpo waits for sft, so too-hot takes the second core; of what is ready then, the order is the list's.
    assert started(capsys.readouterr().out) == ["base", "sft", "too-hot", "dpo", "reward", "grpo"]
    for one in ROADS:
        for need in one.needs:
            assert pipeline.time_of(one.name, "start") > pipeline.time_of(need, "end"), (one.name, need)
    assert pipeline.time_of("too-hot", "start") < pipeline.time_of("sft", "end")
    running, most = 0, 0
    for _, event, _, _ in sorted(pipeline.events(), key=lambda one: one[2]):
        running += 1 if event == "start" else -1
        most = max(most, running)
    assert most == 2
    asked = json.loads((pipeline.work / "grpo.json").read_text())
    assert asked["model_name_or_path"] == str(pipeline.runs / "sft" / "checkpoint-1")
    assert asked["reward_model_name_or_path"] == str(pipeline.runs / "reward" / "checkpoint-1")


def test_one_core_runs_one_stage_after_another(pipeline: Fake) -> None:
    pipeline.at_once = 1
    pipeline.seconds = {one.name: 0.05 for one in ROADS}
    assert pipeline.run(ROADS) == 0
    names = [name for name, _, _, _ in pipeline.events()]
    assert names[::2] == names[1::2] == ["base", "sft", "dpo", "too-hot", "reward", "grpo"]


def test_a_failed_stage_ends_the_others_and_starts_none_after_it(
    pipeline: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.seconds = {"dpo": 60, "too-hot": 0.1}
    pipeline.codes = {"reward": 1}
    began = time.monotonic()
    assert pipeline.run(ROADS) == 1
    assert time.monotonic() - began < 30
    assert "demo: reward failed: It was told to." in capsys.readouterr().out
    assert read_status(pipeline.runs / "dpo").state == "stopped"
    assert read_status(pipeline.runs / "too-hot").state == "finished"
    assert not (pipeline.runs / "grpo").exists()
    assert not any(process_alive(pid) for _, _, _, pid in pipeline.events())


def test_going_on_keeps_what_is_finished(pipeline: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.seconds = {one.name: 0.05 for one in ROADS}
    pipeline.codes = {"reward": 1}
    assert pipeline.run(ROADS) == 1
    kept = {one.name for one in ROADS if read_status(pipeline.runs / one.name).state == "finished"}
    assert {"base", "sft"} <= kept
    capsys.readouterr()
    pipeline.codes = {}
    assert pipeline.run(ROADS) == 0
    assert set(started(capsys.readouterr().out)) == {one.name for one in ROADS} - kept
    assert pipeline.run(ROADS) == 0
    assert started(capsys.readouterr().out) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_children(pipeline: Fake, signum: int) -> None:
    pipeline.seconds = {"sft": 60, "too-hot": 60}

    def interrupt() -> None:
        while not all(read_status(pipeline.runs / name).state == "running" for name in ("sft", "too-hot")):
            time.sleep(0.05)
        os.kill(os.getpid(), signum)

    before = signal.getsignal(signum)
    threading.Thread(target=interrupt, daemon=True).start()
    assert pipeline.run(ROADS) == 143
    assert signal.getsignal(signum) is before
    assert [read_status(pipeline.runs / name).state for name in ("sft", "too-hot")] == ["stopped", "stopped"]
    assert not any(process_alive(pid) for _, _, _, pid in pipeline.events())
    assert not (pipeline.runs / "dpo").exists()


def test_a_stage_that_needs_what_is_none_is_refused(pipeline: Fake) -> None:
    with pytest.raises(BadRequest, match="grpo needs sft and reward"):
        pipeline.run([stage("base"), stage("grpo", "sft", "reward")])


def test_every_stage_needs_only_what_stands_before_it() -> None:
    before: set[str] = set()
    for one in stages(Path(".demo")):
        assert before.issuperset(one.needs)
        before.add(one.name)


def test_the_plan_says_what_runs_and_what_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ".demo" / PLAN_FILE
    path.parent.mkdir()
    todo = stages(tmp_path / ".demo")
    write_plan(path, todo, 0)
    plan = json.loads(path.read_text())
    names = [one["name"] for one in plan["stages"]]
    assert names[0] == "base"
    assert set(plan["compare"]) <= set(names)
    assert names.index(plan["compare"][1]) == names.index("sft") + 1
    assert next(one for one in plan["stages"] if one["name"] == "ppo")["steps"] == 16 * 2 * 2
    # The runs of another seed would be taken for those of this one.
    assert main(["demo", "--runs", str(tmp_path), "--seed", "1"]) == 2
    assert "holds the demo of seed 0" in capsys.readouterr().err
    assert not (tmp_path / "base").exists()


def test_going_on_is_with_the_seed_that_was_begun_with(tmp_path: Path) -> None:
    path = tmp_path / PLAN_FILE
    assert planned_seed(path, None) == 0
    assert planned_seed(path, 3) == 3
    write_plan(path, stages(tmp_path, 3), 3)
    assert planned_seed(path, None) == planned_seed(path, 3) == 3
    with pytest.raises(BadRequest, match="holds the demo of seed 3"):
        planned_seed(path, 0)
    path.write_text('{"stages": []}')  # of a demo before there were seeds
    assert planned_seed(path, None) == 0
