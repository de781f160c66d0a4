"""Log rows in every form that trainers leave them in, as single files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.run import Run, RunUnreadable, open_run


def read(folder: Path, name: str, text: str) -> Run:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return open_run(path)


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def progress(step: int, of: int, **more: Any) -> dict[str, Any]:
    """A row of LLaMA-Factory's `trainer_log.jsonl`."""
    share = round(100 * step / of, 2)
    times = {"percentage": share, "elapsed_time": "0:01:03", "remaining_time": "3 days, 17:51:32", "throughput": 812.5}
    return {"current_steps": step, "total_steps": of, **more, **times}


# -- LLaMA-Factory -------------------------------------------------------------------------------------------------------


def test_llamafactory_log_is_read_under_the_trainers_names(tmp_path: Path) -> None:
    rows = [progress(step, 40, loss=2.0, accuracy=0.75, lr=1e-5, epoch=step / 20) for step in (10, 20, 30)]
    rows.insert(2, progress(20, 40, eval_loss=1.5, epoch=1.0))
    run = read(tmp_path / "my-dpo", "trainer_log.jsonl", lines(rows) + '{"current_steps": 40, "to')
    assert sorted(run.series) == [
        "eval/loss",
        "train/epoch",
        "train/learning_rate",
        "train/loss",
        "train/rewards/accuracies",
    ]
    assert run.series["train/loss"].steps.tolist() == [10, 20, 30]
    assert run.series["eval/loss"].steps.tolist() == [20]
    assert (run.name, run.method, run.problems) == ("my-dpo", "dpo", ())
    assert (run.status.state, run.status.step, run.status.max_steps) == ("unknown", 30, 40)


def test_llamafactory_run_that_logged_its_summary_is_finished(tmp_path: Path) -> None:
    rows = [progress(10, 12, loss=2.0, learning_rate=1e-5, epoch=0.8), progress(12, 12, epoch=1.0)]
    assert read(tmp_path, "trainer_log.jsonl", lines(rows)).status.state == "finished"


def test_prediction_alone_is_a_run_with_nothing_logged(tmp_path: Path) -> None:
    run = read(tmp_path, "trainer_log.jsonl", lines([progress(step, 63) for step in (5, 10, 15)]))
    assert (run.points, dict(run.series)) == (0, {})
    assert (run.status.step, run.status.max_steps) == (0, 0), "batches of a prediction are no optimizer steps"
    assert "tell of progress only" in run.problems[0]


def test_prediction_after_a_training_does_not_change_its_length(tmp_path: Path) -> None:
    rows = [progress(10, 300, loss=2.0, epoch=0.1), progress(5, 63)]
    assert read(tmp_path, "trainer_log.jsonl", lines(rows)).status.max_steps == 300


def test_single_row_and_no_row_yet(tmp_path: Path) -> None:
    assert read(tmp_path, "trainer_log.jsonl", lines([progress(10, 300, loss=2.0)])).points == 1
    run = read(tmp_path, "trainer_log.jsonl", '{"current_st')
    assert (run.points, len(run.problems)) == (0, 1)


def test_accuracy_of_a_reward_model_stays_its_own(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": 0.69, "accuracy": 0.5, "margin": 0.0, "min_reward": -1.0}]
    run = read(tmp_path, "trainer_state.json", json.dumps({"log_history": rows}))
    assert "train/accuracy" in run.series
    assert (run.method, run.era) == ("reward", "reward-0.24+")


# -- quirks --------------------------------------------------------------------------------------------------------------


def test_values_of_every_form_are_read(tmp_path: Path) -> None:
    text = (
        '{"log_history": [{"step": 1.0, "loss": "1.5", "completions": ["a", "b"], "ok": true},'
        ' {"step": "2", "loss": NaN, "grad_norm": Infinity, "kl": null}, {"loss": 1.25}, "row", 5, null,'
        ' {"step": 3, "eval_loss": 1.2, "epoch": 9223372036854775807, "big": 1e999}, {"step": NaN, "loss": 1.0}],'
        ' "num_train_epochs": 9223372036854775807, "max_steps": 3}'
    )
    run = read(tmp_path, "trainer_state.json", text)
    assert run.series["train/loss"].steps.tolist() == [1, 2, 3]
    assert run.series["train/loss"].values.tolist()[0] == 1.5
    assert run.series["train/loss"].values[1] == 1.25, "a row without a step belongs to the step before it"
    assert run.series["train/grad_norm"].values.tolist() == [math.inf]
    assert run.series["eval/loss"].steps.tolist() == [3]
    assert run.series["train/epoch"].values.tolist() == [9223372036854775807.0]
    assert not {"train/completions", "train/ok", "train/kl"} & set(run.series)
    assert run.config == {"max_steps": 3}


def test_rows_without_any_step_are_counted_and_that_is_said(tmp_path: Path) -> None:
    run = read(tmp_path, "rows.json", json.dumps([{"loss": 3.0}, {"loss": 2.0}, {"eval_loss": 1.0}]))
    assert run.series["train/loss"].steps.tolist() == [1, 2]
    assert run.series["eval/loss"].steps.tolist() == [3]
    assert "the rows carry no step" in run.problems[0]


def test_rows_before_the_first_step_take_their_place(tmp_path: Path) -> None:
    run = read(tmp_path, "rows.json", json.dumps([{"eval_loss": 3.0}, {"loss": 2.0, "step": 10}, {"loss": 1.0}]))
    assert run.series["eval/loss"].steps.tolist() == [1]
    assert run.series["train/loss"].steps.tolist() == [10]
    assert run.problems == ()


@pytest.mark.parametrize("step", [2**63, -(2**70), 1e300, float("nan"), "x", [1], True, None])
def test_absurd_steps_are_none(tmp_path: Path, step: Any) -> None:
    run = read(tmp_path, "rows.json", json.dumps([{"step": 4, "loss": 2.0}, {"step": step, "loss": 1.0}]))
    assert run.series["train/loss"].steps.tolist() == [4]
    assert run.series["train/loss"].values.tolist() == [1.0]


def test_named_evaluation_sets_keep_their_names(tmp_path: Path) -> None:
    rows = [{"step": 5, "eval_helpful_loss": 1.0, "eval_harmless_rewards/accuracies": 0.5, "test_x": 2, "eval/z": 1}]
    run = read(tmp_path, "rows.json", json.dumps(rows))
    assert sorted(run.series) == ["eval/harmless_rewards/accuracies", "eval/helpful_loss", "eval/z", "test/x"]


def test_raw_tags_of_the_first_ppo_are_kept(tmp_path: Path) -> None:
    rows = [{"step": 1, "ppo/loss/total": 0.5, "env/reward_mean": 1.0, "objective/kl": 0.1}]
    run = read(tmp_path, "rows.jsonl", lines([*rows, {"step": 2, "objective/kl": 0.2}]))
    assert sorted(run.series) == ["env/reward_mean", "objective/kl", "ppo/loss/total", "train/objective/kl"]
    assert (run.method, run.era, run.points) == ("ppo", "ppo-v1", 2)


@pytest.mark.parametrize("name", ["trainer_log.jsonl", "trainer_state.json"])
def test_restart_within_rows_is_reported_and_its_last_attempt_kept(tmp_path: Path, name: str) -> None:
    rows = [{"step": step, "loss": 2.0, "eval_loss": 2.0} for step in (10, 20, 30, 40)]
    rows += [{"step": step, "loss": 1.0, "eval_loss": 1.0} for step in (30, 40, 50)]
    text = json.dumps({"log_history": rows})
    if name.endswith("jsonl"):
        text = lines([progress(row["step"], 50, loss=row["loss"]) for row in rows])
    run = read(tmp_path, name, text)
    assert run.restarts == (30,)
    assert run.series["train/loss"].values.tolist() == [2, 2, 1, 1, 1]


def test_restart_is_told_once_whatever_else_is_logged_more_often(tmp_path: Path) -> None:
    rows = [{"step": step, "reward": 1.0, **({"loss": 1.0} if step % 10 == 0 else {})} for step in range(1, 41)]
    run = read(tmp_path, "rows.json", json.dumps(rows + rows[25:]))
    assert run.restarts == (30,)


def test_evaluations_logged_twice_at_a_step_are_no_restart(tmp_path: Path) -> None:
    rows = [
        {"step": 10, "loss": 2.0},
        {"step": 10, "loss": 2.0},
        {"step": 20, "loss": 1.0},
        {"step": 10, "eval_loss": 1},
    ]
    run = read(tmp_path, "rows.json", json.dumps(rows))
    assert run.restarts == ()
    assert len(run.series["train/loss"]) == 2


# -- nothing logged, or no log -------------------------------------------------------------------------------------------


def test_empty_log_of_a_whole_state_is_a_run(tmp_path: Path) -> None:
    state = {"log_history": [], "global_step": 3, "max_steps": 12, "train_batch_size": 4, "logging_steps": 10}
    run = read(tmp_path, "trainer_state.json", json.dumps(state))
    assert (run.points, run.status.step, run.status.max_steps, run.problems) == (0, 3, 12, ())
    assert run.config == {"max_steps": 12, "per_device_train_batch_size": 4, "logging_steps": 10}


def test_empty_list_is_a_run(tmp_path: Path) -> None:
    assert read(tmp_path, "log_history.json", "[]").points == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("data.json", '[{"prompt": "a", "completion": "b", "label": 1}]', "none of a log"),
        ("data.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n', "none of a log"),
        ("config.json", '{"hidden_size": 8}', "no log rows"),
        ("numbers.json", "[1, 2, 3]", "none of a log"),
        ("empty.jsonl", "", "cannot be read as JSON"),
        ("empty.log", "", "no log row"),
        ("state.json", '{"log_history": [\n{"step": 1, "loss": 2.0},\n{"st', "cannot be read as JSON"),
        ("state.json", '{"log_history": null}', "no log rows"),
        ("trainer_log.jsonl", "\0\0\0\0", "cannot be read as JSON"),
        ("mixed.jsonl", '{"step": 1, "loss": 2.0}\na\nb\nc\n', "cannot be read as JSON"),
    ],
)
def test_what_is_no_log_is_said_in_one_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(RunUnreadable, match=said) as caught:
        read(tmp_path, name, text)
    assert "\n" not in str(caught.value)


def test_rows_in_a_file_of_any_name(tmp_path: Path) -> None:
    assert read(tmp_path, "log", '[{"step": 1, "loss": 2.0}]').points == 1
    assert read(tmp_path, "metrics.txt", '{"step": 1, "loss": 2.0}\n{"step": 2, "lo').points == 1
    assert read(tmp_path, "one.json", '{"train_loss": 2.0, "train_runtime": 5.0}').status.state == "finished"


def test_text_separators_within_rows_do_not_part_lines(tmp_path: Path) -> None:
    text = json.dumps({"step": 1, "loss": 2.0, "note": "a\u2028b\x85c"}, ensure_ascii=False) + "\n"
    text += json.dumps({"step": 2, "loss": 1.0}) + "\r\n"
    assert read(tmp_path, "rows.jsonl", text).points == 2


def test_steps_and_values_have_the_promised_types(tmp_path: Path) -> None:
    series = read(tmp_path, "rows.json", '[{"step": 3, "loss": 1}, {"step": 2, "loss": 2}]').series["train/loss"]
    assert series.steps.dtype == np.int64
    assert series.values.dtype == np.float64
    assert series.steps.tolist() == [2, 3]
