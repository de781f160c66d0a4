"""The cure is proven by training both ways: the fault is found, its fix is started as a child run, the fault is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diagnostics.engine import diagnose
from diagnostics.run import open_run
from training.demo.data import write_post_training_data

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
COMMON = {"per_device_train_batch_size": 8, "max_length": 128, "logging_steps": 1, "save_strategy": "no", "seed": 0}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cures")
    write_post_training_data(folder)
    # Sixteen pairs, seen again and again: soon each is won by far.
    pairs = (folder / "dpo" / "train.jsonl").read_text(encoding="utf-8").splitlines()[:16]
    (folder / "few").mkdir()
    (folder / "few" / "train.jsonl").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    return folder


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def train(folder: Path, config: Path, *more: str) -> None:
    done = call("training", "start", "--config", str(config), "--run", str(folder), "--quiet", *more)
    assert done.returncode == 0, done.stdout + done.stderr


# Fault, data set, what is wrong with the config.
CURES: list[tuple[str, str, dict[str, Any]]] = [
    ("loss-diverged", "sft", {"learning_rate": 5e-2, "lr_scheduler_type": "constant", "max_steps": 40}),
    ("not-learning", "sft", {"learning_rate": 1e-8, "max_steps": 60, "per_device_train_batch_size": 32}),
    ("preference-flat", "dpo", {"learning_rate": 1e-10, "max_steps": 24}),
    ("preference-saturated", "few", {"learning_rate": 2e-3, "max_steps": 60}),
]


@pytest.mark.parametrize(("rule", "rows", "config"), CURES, ids=[one[0] for one in CURES])
def test_the_fix_cures_the_fault(
    tmp_path: Path, data: Path, base_checkpoint: Path, rule: str, rows: str, config: dict[str, Any]
) -> None:
    asked = COMMON | config | {"model_name_or_path": str(base_checkpoint), "dataset_name": str(data / rows)}
    method = "sft" if rows == "sft" else "dpo"
    (tmp_path / "asked.json").write_text(json.dumps(asked | {"method": method}))
    train(tmp_path / "sick", tmp_path / "asked.json")
    found = diagnose(open_run(tmp_path / "sick")).findings
    assert found[0].rule == rule, [one.rule for one in found]

    fixed = call("diagnostics", "fix", str(tmp_path / "sick"), rule, "--out", str(tmp_path / "child.json"))
    assert fixed.returncode == 0, fixed.stderr
    train(tmp_path / "child", tmp_path / "child.json")
    child = open_run(tmp_path / "child")
    assert child.parent == "sick"
    assert rule not in [one.rule for one in diagnose(child).findings]
    assert [one.rule for one in diagnose(child).findings if one.severity == "error"] == []
    written = json.loads((tmp_path / "child" / "run.json").read_text())
    assert written["fixes"][0].startswith(f"{rule}/")
