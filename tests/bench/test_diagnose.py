"""`make bench-diagnose` from a manifest to its tables, on one made-up run and without peers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.bench import diagnose, inputs
from tests.bench.labels import read_labelled


def write_manifest(folder: Path, label: str) -> None:
    row = {"id": "x", "repo": "a/a", "method": "SFT", "label": label, "second_label": "", "confidence": "0.9"}
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*row, "reason"])
        writer.writeheader()
        writer.writerow(row | {"reason": "seen"})


def test_nothing_to_score_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(diagnose.VARIABLE, raising=False)
    assert diagnose.main([]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_a_folder_without_labels_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(diagnose.VARIABLE, str(tmp_path))
    assert diagnose.main([]) == 2
    write_manifest(tmp_path, "no_such_label")
    with pytest.raises(ValueError, match="no_such_label"):
        read_labelled(tmp_path)


def test_ours_from_manifest_to_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path, "overfit")
    inputs.write_state([{"step": step, "loss": 1.0 / step} for step in range(1, 6)], tmp_path / "runs" / "x")
    monkeypatch.setenv(diagnose.VARIABLE, str(tmp_path))
    out = tmp_path / "out.json"
    assert diagnose.main(["--only", "ours", "--no-speed", "--out", str(out)]) == 0
    assert "| overfit" in capsys.readouterr().out
    assert json.loads(out.read_text())["all"]["ours"]["recall"] == [0, 1]
