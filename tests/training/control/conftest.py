"""The demo's data, and a queue of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.demo.data import write_post_training_data


@pytest.fixture(autouse=True)
def queue_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests draw no tickets of the machine's queue."""
    folder = tmp_path / "queue"
    monkeypatch.setenv("TRL_CLINIC_QUEUE", str(folder))
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_post_training_data(folder)
    rows = (folder / "held_out.jsonl").read_text(encoding="utf-8").splitlines()[:8]
    (folder / "few.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
