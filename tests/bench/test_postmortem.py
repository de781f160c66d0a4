"""`make bench-postmortem` from a table of labels to its scores, on made-up consoles."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.bench import postmortem
from tests.bench.console_labels import read_consoles

CONSOLES = {
    "a": ("cuda_oom_vllm", "ValueError: No available memory for the cache blocks.\n"),
    "b": ("nccl_timeout", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"),
    "c": ("kl_nan_beta_zero", "Step | Training Loss | kl\n1 | 0.5 | nan\n"),
}


def write(folder: Path, label: str | None = None) -> None:
    with (folder / "console.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "label", "cause", "file"])
        writer.writeheader()
        for name, (own, text) in CONSOLES.items():
            (folder / f"{name}.txt").write_text(text)
            writer.writerow({"id": name, "label": label or own, "cause": "seen", "file": f"{name}.txt"})


def test_nothing_to_score_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(postmortem.VARIABLE, raising=False)
    assert postmortem.main([]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_a_folder_without_labels_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(postmortem.VARIABLE, str(tmp_path))
    assert postmortem.main([]) == 2
    write(tmp_path, "no_such_label")
    with pytest.raises(ValueError, match="no_such_label"):
        read_consoles(tmp_path)


def test_from_labels_to_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    monkeypatch.setenv(postmortem.VARIABLE, str(tmp_path))
    assert postmortem.main([]) == 0
    said = capsys.readouterr().out
    # Right: the first and the quiet one. The second is labelled as what it is not: a wrong answer, said with confidence.
    assert "2/3 0.67" in said
    assert "1/3 0.33" in said
    assert said.count("WRONG, SURE") == 1
