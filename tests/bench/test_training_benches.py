"""The benches of training, without a training: what they ask of both sides, and how they reckon."""

from __future__ import annotations

import ast
import dataclasses
import json
import sys
from pathlib import Path

import pytest

from tests.bench import ppo, workers
from tests.bench.ppo import Side, config_of, summary, tokens_of
from tests.bench.workers import ratio_of, row
from training.request import METHODS, BadRequest

SCRIPT = {"model_name_or_path", "dataset_name", "reward_funcs"}


@pytest.mark.parametrize("method", workers.RUNS)
def test_both_sides_of_a_worker_s_bench_understand_its_config(method: str) -> None:
    import trl

    name, _, config = workers.RUNS[method]
    known = {field.name for field in dataclasses.fields(getattr(trl, f"{name}Config"))}
    assert hasattr(trl, f"{name}Trainer")
    assert set(config) - SCRIPT <= known
    assert not [key for key in config if key.startswith("sample_")]


def test_every_method_but_ppo_has_its_plain_script() -> None:
    assert set(workers.RUNS) == set(METHODS) - {"ppo"}
    for code in (workers.PLAIN, workers.CLOCK, workers.REWARD):
        ast.parse(code)


def test_ratio_is_of_the_medians_and_the_spread_of_the_rounds() -> None:
    rounds = [({"cpu": ours, "wall": 1.0}, {"cpu": plain, "wall": 2.0}) for ours, plain in ((2, 1), (3, 4), (10, 5))]
    assert ratio_of(rounds, "cpu") == 3 / 4
    assert "ratio 0.750 (0.750 to 2.000)" in row("sft", rounds)
    assert "ratio 0.500 (0.500 to 0.500)" in row("sft", rounds)


def test_the_clock_writes_what_a_training_took(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "sitecustomize.py").write_text(workers.CLOCK, encoding="utf-8")
    code = """
import sys, time
from types import SimpleNamespace
from transformers.trainer_callback import CallbackHandler, TrainerCallback, TrainerControl
class Busy(TrainerCallback):
    def on_train_begin(self, *args, **kwargs): time.sleep(0.4)
handler = CallbackHandler([Busy()], None, None, None, None)
args, state = SimpleNamespace(output_dir=sys.argv[1]), SimpleNamespace(global_step=4)
handler.on_train_begin(args, state, TrainerControl())
handler.on_train_end(args, state, TrainerControl())
"""
    environment = {**ppo.stage_environment(), "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)
    took = json.loads((tmp_path / "clock.json").read_text(encoding="utf-8"))
    assert took["wall"] >= 0.1
    assert 0 <= took["cpu"] < took["wall"]


def test_tokens_of_a_run_are_the_mean_lengths_times_the_answers() -> None:
    log = [{"step": 1, "completions/mean_length": 10.5}, {"step": 2, "loss": 1}, {"completions/mean_length": 20.0}]
    assert tokens_of({"log_history": log}, rollout=64) == (10.5 + 20.0) * 64


def test_summary_names_means_and_the_ratio_of_median_speeds() -> None:
    pairs = [(Side(100, 1, 0.9), Side(100, 2, 0.8)), (Side(300, 1, 0.7), Side(100, 1, 0.8))]
    text = summary(pairs)
    assert "ours         held-out score 0.800 +- 0.100     200.0 tokens a second" in text
    assert "TRL 1.12.0   held-out score 0.800 +- 0.000      75.0 tokens a second" in text
    assert text.endswith(f"{200 / 75:.2f}")


def test_ppo_s_bench_asks_both_sides_for_what_both_know(tmp_path: Path) -> None:
    from training.ppo_config import PPOConfig

    for name in ("sft", "reward"):
        (tmp_path / name / "checkpoint-8").mkdir(parents=True)
        (tmp_path / name / "checkpoint-8" / "config.json").write_text("{}")
        (tmp_path / name / "run.json").write_text(json.dumps({"method": name, "config": {}}))
    config = config_of(tmp_path, seed=2, episodes=128)
    assert config["seed"] == 2
    assert config["total_episodes"] == 128
    assert config["reward_model_name_or_path"].endswith("reward/checkpoint-8")
    ours_alone = {"target_kl", "whiten_advantages", "value_model", "value_model_path", "reward_weights"}
    assert not ours_alone & set(config)
    known = {field.name for field in dataclasses.fields(PPOConfig)}
    assert set(config) - known == {"model_name_or_path", "reward_model_name_or_path", "dataset_name"}


def test_ppo_s_bench_says_which_model_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="sft"):
        config_of(tmp_path, seed=0, episodes=64)
