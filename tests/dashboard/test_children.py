"""The Diagnose page's child configs: shown before they are written, the run left as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.children import change_html, child_path, written_html
from dashboard.clinic import Clinic
from dashboard.texts import Words


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """One run that diverged."""
    folder = tmp_path / "hot"
    folder.mkdir()
    config = {"learning_rate": 5e-4, "note": "<b>bold</b>"}
    (folder / "run.json").write_text(json.dumps({"schema": 1, "run": "hot", "method": "sft", "config": config}))
    log = [{"step": s, "loss": 1.6 if s == 1 else 5 + 2 / s, "learning_rate": 5e-4} for s in range(1, 61)]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    return Clinic(tmp_path)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_change_is_shown_and_nothing_written(clinic: Clinic, lang: str) -> None:
    run = clinic.run("hot")
    assert run is not None
    shown = change_html(clinic, run, "loss-diverged", 1, Words(lang))  # type: ignore[arg-type]
    assert "<del>0.0005</del> → <ins>2e-05</ins>" in shown
    assert "<b>bold" not in shown
    assert not child_path(clinic, run, "loss-diverged", 1).exists()


def test_the_child_is_written_and_its_command_said(clinic: Clinic) -> None:
    run = clinic.run("hot")
    assert run is not None
    said = written_html(clinic, run, "loss-diverged", 1, Words("en"), "./train")
    assert 'href="./train?child=hot--loss-diverged-1"' in said
    path = child_path(clinic, run, "loss-diverged", 1)
    assert f"--config {path}" in said
    assert json.loads(path.read_text())["learning_rate"] == 2e-5
    assert [one.name for one in clinic.runs()[0]] == ["hot"]


def test_what_cannot_be_written_is_said(clinic: Clinic) -> None:
    run = clinic.run("hot")
    assert run is not None
    (clinic.root / ".children").write_text("a file in its place")
    assert "cannot be written" in written_html(clinic, run, "loss-diverged", 1, Words("en"), "./train")
    assert "no finding of this run" in written_html(clinic, run, "overfitting", 1, Words("en"), "./train")
