"""Folders of other programs: which are runs, and how several sources of one run become one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnostics.run import Run, RunUnreadable, folder, is_run, open_run
from diagnostics.run.discover import RunStore
from diagnostics.run.log import Log
from diagnostics.run.merge import merge
from diagnostics.run.reader import RunReader

Write = Callable[..., Path]


def losses(*steps: int, loss: float = 2.0) -> list[dict[str, Any]]:
    """Rows of training whose loss falls by a hundredth a step."""
    return [{"step": step, "loss": loss - step / 100, "epoch": step / 100} for step in steps]


def write_state(path: Path, rows: list[dict[str, Any]], **more: Any) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "trainer_state.json").write_text(json.dumps({"log_history": rows, **more}))


def write_console(path: Path, rows: list[dict[str, Any]], bars: bool = True) -> None:
    """A console log of rows that carry no step; `bars`: the progress bar beside them tells it."""
    text = ""
    for row in rows:
        text += f"{ {key: value for key, value in row.items() if key != 'step'} }\n"
        text += f"\r 1%|1 | {row['step']}/900 [00:29<1:22:01,  2.83s/it]\n" if bars else ""
    path.write_text(text)


def steps(run: Run, tag: str = "train/loss") -> list[int]:
    return run.series[tag].steps.tolist()


# -- which folders are runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trainer_log.jsonl", '{"current_steps": 1, "total_steps": 2, "loss": 1.0}\n'),
        ("log_history.json", '[{"step": 1, "loss": 1.0}]'),
        ("derived_log_history_v2.json", '{"log_history": [{"step": 1, "loss": 1.0}]}'),
        ("train.log", "{'loss': 1.0, 'epoch': 0.1}\n"),
        ("console.log", "{'loss': 1.0, 'epoch': 0.1}\n"),
        ("slurm-17.out", "{'loss': 1.0, 'epoch': 0.1}\n"),
        ("my notes.txt", "x" * 100_000 + "\n{'loss': '1.0', 'epoch': '0.1'}\n"),
    ],
)
def test_folder_with_one_log_is_a_run(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "my-run"
    path.mkdir()
    (path / name).write_text(text)
    assert is_run(path)
    run = open_run(path)
    assert (run.name, run.points) == ("my-run", 1)
    assert RunStore(tmp_path).names() == ["my-run"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.log", "loss: 1.0\n"),
        ("README.md", "{'loss': 1.0, 'epoch': 0.1}\n"),
        ("data.jsonl", '{"step": 1, "loss": 1.0}\n'),
        ("notes.txt", "{'eos_token_id': 2}\n"),
        ("late.log", "x" * 600_000 + "\n{'loss': 1.0, 'epoch': 0.1}\n"),
    ],
)
def test_folder_of_other_things_is_none(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert not is_run(tmp_path)


def test_folder_of_many_texts_is_not_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(30):
        (tmp_path / f"{place}.txt").write_text("{'loss': 1.0, 'epoch': 0.1}\n")
    monkeypatch.setattr(folder, "holds_rows", lambda path: pytest.fail("looked into"))
    assert not is_run(tmp_path)


def test_log_is_looked_into_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "train.log"
    path.write_text("starting\n")
    looked: list[Path] = []
    real = folder.holds_rows
    monkeypatch.setattr(folder, "holds_rows", lambda path: (looked.append(path), real(path))[1])
    assert not is_run(tmp_path)
    assert not is_run(tmp_path)
    assert len(looked) == 1
    path.write_text("starting\n{'loss': 1.0, 'epoch': 0.1}\n")
    assert is_run(tmp_path)


# -- event files ---------------------------------------------------------------------------------------------------------


def test_event_files_are_read_in_the_order_they_were_begun_in(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path, [("train/loss", step, 2.0, 100.0 + step) for step in range(1, 7)], "b.events.out.tfevents.9")
    write_events(tmp_path, [("train/loss", step, 1.0, 200.0 + step) for step in range(4, 9)], "a.events.out.tfevents.1")
    run = open_run(tmp_path)
    assert run.series["train/loss"].values.tolist() == [2, 2, 2, 1, 1, 1, 1, 1]
    assert run.restarts == (4,)


def test_event_files_below_an_output_folder_are_of_its_run(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path / "logs", [("train/loss", 1, 2.0)])
    write_events(tmp_path / "runs" / "Nov22_host", [("train/loss", 2, 1.5)])
    assert steps(open_run(tmp_path)) == [2], "without a sign of an output folder, logs/ may be anything"
    write_state(tmp_path / "checkpoint-2", [])
    assert steps(open_run(tmp_path)) == [1, 2]
    write_events(tmp_path / "other", [("train/loss", 3, 1.0)])
    write_state(tmp_path / "other", losses(3))
    write_events(tmp_path / "checkpoint-3", [("train/loss", 4, 1.0)])
    write_events(tmp_path / "another", [("train/loss", 5, 1.0)])
    (tmp_path / "another" / "checkpoint-5").mkdir()
    assert steps(open_run(tmp_path)) == [1, 2], "runs of their own, and checkpoints, are not asked"


def test_raw_tags_of_the_first_ppo_are_read_as_they_are(tmp_path: Path, write_events: Write) -> None:
    names = ("ppo/loss/total", "objective/kl", "env/reward_mean", "tokens/responses_len_mean")
    write_events(tmp_path, [(name, step, 1.0) for step in (1, 2) for name in names])
    run = open_run(tmp_path)
    assert set(run.series) == set(names)
    assert (run.method, run.era, run.points) == ("ppo", "ppo-v1", 2)


def test_run_that_only_wrote_its_arguments_has_begun(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    writer.add_text("args", json.dumps({"learning_rate": 0.5}))
    writer.close()
    assert open_run(tmp_path).config["learning_rate"] == 0.5
    (path,) = tmp_path.glob("*tfevents*")
    assert open_run(path).points == 0


def test_event_file_that_vanished_takes_its_points_along(tmp_path: Path, write_events: Write) -> None:
    path = write_events(tmp_path, [("train/loss", step, 2.0) for step in (1, 2, 3)])
    reader = RunReader(tmp_path)
    assert reader.read().points == 3
    path.unlink()
    write_events(tmp_path, [("train/loss", 1, 2.0)], "events.out.tfevents.2.host.1.0")
    assert reader.read().points == 1


# -- several sources -----------------------------------------------------------------------------------------------------


def test_better_source_has_the_word_and_a_lesser_one_fills_in(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path, [("train/loss", step, 2 - step / 100) for step in (10, 20, 30)])
    write_state(tmp_path, [*losses(10, 20, 30, 40, loss=2.001), {"step": 20, "eval_loss": 1.5}])
    rows = [{"current_steps": row["step"], "loss": row["loss"], "lr": 0.1} for row in losses(10, 20, 30, 40, 50)]
    (tmp_path / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = open_run(tmp_path)
    assert steps(run) == [10, 20, 30, 40, 50]
    assert run.series["train/loss"].values.tolist() == pytest.approx([1.9, 1.8, 1.7, 1.601, 1.5])
    assert steps(run, "eval/loss") == [20]
    assert steps(run, "train/learning_rate") == [10, 20, 30, 40, 50]
    assert run.problems == ()


def test_log_of_another_run_in_the_folder_is_left_out(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path, [("train/loss", step, 2 - step / 100) for step in (10, 20, 30)])
    write_state(tmp_path, losses(10, 20, 30, 40, loss=5.0))
    run = open_run(tmp_path)
    assert steps(run) == [10, 20, 30]
    assert len(run.problems) == 1
    assert "trainer_state.json was left out" in run.problems[0]


def test_counted_rows_fill_in_whole_tags_only(tmp_path: Path) -> None:
    write_state(tmp_path, losses(10, 20, 30))
    rows = [{"loss": row["loss"], "grad_norm": 1.0} for row in losses(10, 20, 30)]
    (tmp_path / "log_history.json").write_text(json.dumps(rows))
    run = open_run(tmp_path)
    assert steps(run) == [10, 20, 30]
    assert steps(run, "train/grad_norm") == [1, 2, 3]
    assert "steps are rows" in run.problems[0]


def test_arguments_of_the_better_source_count() -> None:
    better, lesser = Log("a", config={"logging_steps": 5}), Log("b", config={"logging_steps": 500, "max_steps": 9})
    assert merge([better, lesser]).config == {"logging_steps": 5, "max_steps": 9}


def test_console_is_not_even_read_where_events_tell_the_training(
    tmp_path: Path, write_events: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_events(tmp_path, [("train/loss", 10, 2.0)])
    (tmp_path / "run.json").write_text("{}")
    write_console(tmp_path / "console.log", losses(10, 20))
    monkeypatch.setattr("diagnostics.run.reader.log_of_file", lambda *_: pytest.fail("read"))
    assert steps(open_run(tmp_path)) == [10]


def test_console_is_not_mixed_into_better_sources(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path, [("train/loss", step, 2 - step / 100) for step in (10, 20, 30)])
    write_console(tmp_path / "train.log", losses(10, 20, 30, 40), bars=False)
    run = open_run(tmp_path)
    assert steps(run) == [10, 20, 30]
    assert "train/epoch" not in run.series
    assert run.problems == ()


def test_console_serves_where_nothing_else_has_the_training(tmp_path: Path) -> None:
    write_state(tmp_path, [{"step": 10, "eval_loss": 1.0, "epoch": 0.1}])
    write_console(tmp_path / "train.log", losses(10, 20))
    run = open_run(tmp_path)
    assert steps(run) == [10, 20]
    assert steps(run, "eval/loss") == [10]


def test_end_of_a_run_that_stands_on_its_console_alone(tmp_path: Path) -> None:
    """The state is of the last checkpoint; what followed, the crash, was only printed."""
    write_state(tmp_path / "checkpoint-30", losses(10, 20, 30), max_steps=900)
    write_console(tmp_path / "train.log", losses(10, 20, 30, 40, 50))
    run = open_run(tmp_path)
    assert steps(run) == [10, 20, 30, 40, 50]
    assert (run.status.step, run.status.max_steps) == (50, 900)
    assert len(run.series["train/loss"]) == 5
    write_console(tmp_path / "train.log", losses(10, 20, 30, 40, 50), bars=False)
    assert steps(open_run(tmp_path)) == [10, 20, 30], "counted steps are no continuation"
    write_state(tmp_path / "checkpoint-3", losses(1, 2, 3))
    shutil.rmtree(tmp_path / "checkpoint-30")
    write_console(tmp_path / "train.log", losses(1, 2, 3, 4), bars=False)
    assert steps(open_run(tmp_path)) == [1, 2, 3], "not even where they happen to agree"
    write_console(tmp_path / "train.log", losses(1, 2, 3, 4, loss=7.0))
    assert steps(open_run(tmp_path)) == [1, 2, 3], "the console of another run is no continuation"


def test_console_of_our_own_run_that_died_before_its_first_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"method": "sft", "config": {"logging_steps": 10}}))
    write_console(tmp_path / "console.log", losses(10, 20, 30), bars=False)
    run = open_run(tmp_path)
    assert steps(run) == [10, 20, 30]
    assert "counted" in run.problems[0]


def test_second_console_log_is_named(tmp_path: Path) -> None:
    write_console(tmp_path / "train.log", losses(10, 20))
    write_console(tmp_path / "another.log", losses(10, 20, 30))
    run = open_run(tmp_path)
    assert steps(run) == [10, 20]
    assert run.problems == ("train.log was read; there are log rows in another.log as well.",)


def test_state_that_is_furthest_on_is_used(tmp_path: Path) -> None:
    write_state(tmp_path, losses(10, 20), global_step=20)
    write_state(tmp_path / "checkpoint-40", losses(10, 20, 30, 40), global_step=40)
    assert steps(open_run(tmp_path)) == [10, 20, 30, 40]
    write_state(tmp_path, losses(10, 20, 30, 40, 50), global_step=50)
    assert steps(open_run(tmp_path)) == [10, 20, 30, 40, 50]


def test_broken_state_is_told_and_the_next_source_read(tmp_path: Path) -> None:
    write_state(tmp_path / "checkpoint-10", losses(10))
    (tmp_path / "trainer_state.json").write_text('{"log_history": [')
    (tmp_path / "log_history.json").write_text("nonsense")
    run = open_run(tmp_path)
    assert steps(run) == [10]
    assert [problem.split(": ")[0].rpartition(os.sep)[2] for problem in run.problems] == [
        "trainer_state.json",
        "log_history.json",
    ]


def test_nothing_readable_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"log_history": [')
    with pytest.raises(RunUnreadable, match="nothing was logged in it") as caught:
        open_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_empty_state_of_a_folder_is_a_run(tmp_path: Path) -> None:
    write_state(tmp_path, [], global_step=3, max_steps=3)
    run = open_run(tmp_path)
    assert (run.points, run.status.step, run.status.max_steps) == (0, 3, 3)


def test_reader_follows_every_source(tmp_path: Path) -> None:
    write_state(tmp_path, losses(10))
    reader = RunReader(tmp_path)
    assert steps(reader.read()) == [10]
    row = {"current_steps": 20, "total_steps": 30, "loss": 1.8}
    (tmp_path / "trainer_log.jsonl").write_text(json.dumps(row) + "\n")
    assert steps(reader.read()) == [10, 20]
    write_state(tmp_path / "checkpoint-30", losses(10, 20, 30))
    assert steps(reader.read()) == [10, 20, 30]
    assert reader.read() is reader.read()


def test_source_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(tmp_path, losses(10))
    (tmp_path / "run.json").write_text("{}")
    reader = RunReader(tmp_path)
    reader.read()
    monkeypatch.setattr("diagnostics.run.reader.log_of_file", lambda *_: pytest.fail("read again"))
    (tmp_path / "status.json").write_text('{"state": "finished"}')
    assert reader.read().status.state == "finished"


# -- arguments -----------------------------------------------------------------------------------------------------------


def test_arguments_that_state_and_adapter_tell(tmp_path: Path) -> None:
    told = {"train_batch_size": 2, "num_train_epochs": 3, "max_steps": 30, "logging_steps": 5, "save_steps": 0.1}
    write_state(tmp_path / "checkpoint-10", losses(5, 10), eval_steps=500, **told)
    adapter = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "lora_dropout": 0.0}
    (tmp_path / "checkpoint-10" / "adapter_config.json").write_text(json.dumps(adapter))
    wanted = {
        "per_device_train_batch_size": 2,
        "num_train_epochs": 3,
        "max_steps": 30,
        "logging_steps": 5,
        "eval_steps": 500,
        "use_peft": True,
        "lora_r": 8,
        "lora_alpha": 16,
        "lora_target_modules": ["q_proj"],
    }
    assert open_run(tmp_path).config == wanted
    assert open_run(tmp_path / "checkpoint-10" / "trainer_state.json").config == wanted


def test_adapter_that_is_no_lora_or_broken(tmp_path: Path) -> None:
    write_state(tmp_path, losses(5))
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "IA3", "target_modules": ["q_proj"]}')
    assert open_run(tmp_path).config == {"use_peft": True}
    (tmp_path / "adapter_config.json").write_text("{")
    assert open_run(tmp_path).config == {}


def test_what_was_asked_goes_before_what_is_told(tmp_path: Path) -> None:
    write_state(tmp_path, losses(5), logging_steps=500)
    (tmp_path / "run.json").write_text('{"config": {"logging_steps": 5}}')
    assert open_run(tmp_path).config["logging_steps"] == 5


def test_pickled_arguments_are_never_opened(tmp_path: Path) -> None:
    write_state(tmp_path, losses(5))
    (tmp_path / "training_args.bin").mkdir()  # opening it would fail
    assert open_run(tmp_path).problems == ()
