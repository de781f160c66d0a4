"""Two runs side by side: the metric that parted first, at which step, and what differs in their configs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnostics.against import against
from diagnostics.cli import main
from diagnostics.run import Run, open_run


def written(folder: Path, loss: Callable[[int], float], *, seed: int = 0, noise: float = 0.02, **config: Any) -> Path:
    """A run folder of ours with a loss and a learning rate."""
    rng = random.Random(seed)
    log = [
        {"step": s, "loss": loss(s) + rng.gauss(0, noise), "learning_rate": config.get("learning_rate", 1e-4)}
        for s in range(1, 101)
    ]
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    (folder / "run.json").write_text(json.dumps({"schema": 1, "run": folder.name, "method": "sft", "config": config}))
    return folder


def falling(step: int) -> float:
    return 2.0 - step / 100


def both(tmp_path: Path, other: Callable[[int], float], **differing: Any) -> tuple[Run, Run]:
    left = written(tmp_path / "a", falling, learning_rate=1e-4, seed=0, output_dir="x")
    return open_run(left), open_run(
        written(tmp_path / "b", other, **{"learning_rate": 1e-4, "output_dir": "y"} | differing)
    )


def test_the_step_of_parting_is_found_within_the_noise(tmp_path: Path) -> None:
    left, right = both(tmp_path, lambda s: falling(s) if s < 60 else falling(s) + 0.3, seed=5)
    found = against(left, right)
    assert found.first is not None
    assert found.first.tag == "train/loss"
    assert 56 <= found.first.parted <= 64  # type: ignore[operator]
    assert found.config == ()


def test_noise_alone_does_not_part_two_runs(tmp_path: Path) -> None:
    left, right = both(tmp_path, falling, seed=5)
    found = against(left, right)
    assert found.first is None
    assert found.partings[0].first_difference == 1


def test_same_numbers_part_where_they_first_differ(tmp_path: Path) -> None:
    left = written(tmp_path / "a", falling, seed=3)
    right = written(tmp_path / "b", lambda s: falling(s) if s < 40 else falling(s) + 0.5, seed=3)
    found = against(open_run(left), open_run(right))
    loss = next(one for one in found.partings if one.tag == "train/loss")
    assert loss.first_difference == 40
    assert abs(loss.parted - 40) <= 2  # type: ignore[operator]


def test_what_drives_comes_before_what_follows(tmp_path: Path) -> None:
    left, right = both(tmp_path, lambda s: falling(s) + 1.0, learning_rate=3e-4)
    found = against(left, right)
    assert found.first is not None
    assert found.first.tag == "train/learning_rate"
    assert found.config == (("learning_rate", 1e-4, 3e-4),)


def test_check_against_says_it_in_words_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both(tmp_path, lambda s: falling(s) + 1.0, learning_rate=3e-4)
    main(["check", str(tmp_path / "a"), "--against", str(tmp_path / "b")])
    text = capsys.readouterr().out
    assert "Against b" in text
    assert "train/learning_rate parted first, at step 1: 0.0001 here, 0.0003 there" in text
    main(["check", str(tmp_path / "a"), "--against", str(tmp_path / "b"), "--format", "json"])
    report = json.loads(capsys.readouterr().out)["against"]
    assert report["first"]["tag"] == "train/learning_rate"
    assert report["config"] == [{"path": "learning_rate", "here": 0.0001, "there": 0.0003}]
    for form in ("markdown", "html"):
        main(["check", str(tmp_path / "a"), "--against", str(tmp_path / "b"), "--format", form, "--lang", "zh"])
        out = capsys.readouterr().out
        assert "与 b 对比" in out
        assert "0.0003" in out


def test_against_what_is_no_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "a", falling)
    assert main(["check", str(tmp_path / "a"), "--against", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["check", str(tmp_path), "--against", str(tmp_path / "a")]) == 2
    assert "compares one run with another" in capsys.readouterr().err
