"""A fix is the config of a child run: computed from the run, in the run's own argument names, the run left as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.children import child_of
from diagnostics.cli import main
from diagnostics.engine import diagnose
from diagnostics.finding import Fix
from diagnostics.fixing import child_config, edits, higher_rate, lower_rate, usual_rate
from diagnostics.run import open_run

CASES = Path(__file__).parents[1] / "cases"
HOT = [{"step": s, "loss": 1.6 if s == 1 else 5.0 + 2.0 / s, "learning_rate": 5e-4} for s in range(1, 61)]


def run_of(folder: Path, config: dict[str, Any], log: list[dict[str, Any]], method: str = "sft") -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"schema": 1, "run": folder.name, "method": method, "config": config}))
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    return folder


def test_fix_writes_the_childs_config_and_leaves_the_run_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "hot", {"learning_rate": 5e-4, "max_steps": 60, "model_name_or_path": "m"}, HOT)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    out = tmp_path / "child.json"
    assert main(["fix", str(folder), "loss-diverged", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "learning_rate: 0.0005 -> 2e-05" in captured.err
    child = json.loads(out.read_text())
    assert child == {
        "method": "sft",
        "parent": "hot",
        "fixes": ["loss-diverged/rate-usual"],
        "learning_rate": 2e-5,
        "max_steps": 60,
        "model_name_or_path": "m",
        "warmup_steps": 0.1,
    }
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert main(["fix", str(folder), "loss-diverged"]) == 0
    assert json.loads(capsys.readouterr().out) == child


def test_fix_of_a_foreign_run_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", str(CASES / "overfitting" / "bad-strong.json"), "overfitting"]) == 0
    captured = capsys.readouterr()
    assert "add model_name_or_path and dataset_name" in captured.err
    assert json.loads(captured.out)["load_best_model_at_end"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["loss-diverged/bad-at-once.json", "overfitting"],
            "overfitting is no finding of this run; found was loss-diverged",
        ),
        (["reward-constant/bad-zero.json", "reward-groups-constant"], "folded under reward-constant"),
        (["reward-constant/bad-zero.json", "reward-constant"], "no fix that edits the config; by hand"),
        (["loss-diverged/bad-at-once.json", "loss-diverged", "--number", "9"], "number 9 is none of them"),
        (["nowhere", "loss-diverged"], "there is no such file"),
    ],
)
def test_what_cannot_be_fixed_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fix", str(CASES / arguments[0]), *arguments[1:]]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_unwritable_child_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = str(CASES / "loss-diverged" / "bad-at-once.json")
    assert main(["fix", case, "loss-diverged", "--out", str(tmp_path / "no" / "child.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(CASES.glob("*/bad-*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_fix_applied_twice_changes_nothing(path: Path) -> None:
    for finding in diagnose(open_run(path)).findings:
        for fix in finding.fixes:
            once = child_config({"learning_rate": 1.0}, fix)
            assert child_config(once, fix) == once


def test_former_argument_names_are_kept(tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "old", {"evaluation_strategy": "no", "warmup_ratio": 0.0}, HOT))
    found = {one.path: (one.old, one.new) for one in edits(run, eval_strategy="steps", warmup_steps=0.1, max_steps=5)}
    assert found == {"evaluation_strategy": ("no", "steps"), "warmup_ratio": (0.0, 0.1), "max_steps": (None, 5)}


def rates(fixes: tuple[Fix, ...]) -> tuple[str, float]:
    [edit] = [one for one in fixes[0].edits if one.path == "learning_rate"]
    return fixes[0].key, edit.new


def test_learning_rates_are_computed_from_the_run(tmp_path: Path) -> None:
    def run(name: str, rate: float, log: list[dict[str, Any]] = HOT, **config: Any) -> Any:
        return open_run(
            run_of(tmp_path / name, {"learning_rate": rate, **config}, [{**row, "learning_rate": rate} for row in log])
        )

    assert rates(lower_rate(run("far", 5e-4))) == ("rate-usual", 2e-5)
    assert rates(lower_rate(run("lora", 5e-3, use_peft=True))) == ("rate-usual", 2e-4)
    assert rates(lower_rate(run("usual", 2e-5))) == ("rate-tenth", 2e-6)
    assert rates(higher_rate(run("tiny", 1e-8))) == ("rate-usual", 2e-5)
    assert rates(higher_rate(run("near", 1e-5))) == ("rate-more", 3e-5)
    warming = [{"step": s, "loss": 1.0, "learning_rate": 1e-4 * min(1, s / 40)} for s in range(1, 61)]
    folder = run_of(tmp_path / "warming", {"learning_rate": 1e-4}, warming)
    # At step 4 the warm-up had reached 1e-5.
    assert rates(lower_rate(open_run(folder), onset=4)) == ("rate-onset", 5e-6)


def test_a_small_model_has_a_rate_of_its_size(tmp_path: Path, base_checkpoint: Path) -> None:
    run = open_run(run_of(tmp_path / "small", {"model_name_or_path": str(base_checkpoint)}, HOT))
    usual = usual_rate(run)
    assert usual is not None
    # 0.003239 - 0.0001395 ln N for N = 0.68 million.
    assert usual[0] == pytest.approx(0.003239 - 0.0001395 * 13.43, abs=5e-5)


def test_child_names_its_parent_by_its_folder(tmp_path: Path) -> None:
    run = open_run(run_of(tmp_path / "hot", {}, HOT))
    child = child_of(run, diagnose(run), "loss-diverged")
    assert child.config["parent"] == "hot"
    assert not child.whole
