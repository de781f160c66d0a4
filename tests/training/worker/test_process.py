"""A worker that is asked to stop: at once before the training, after the step in it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.request import ClinicArguments
from training.worker.process import Worker
from training.worker.recorder import Recorder


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(sys, "argv", ["worker", str(tmp_path)])
    (tmp_path / "run.json").write_text(json.dumps({"method": "sft", "config": {}}), encoding="utf-8")
    worker = Worker(tmp_path)
    worker.recorder = Recorder(worker.request, worker.status, ClinicArguments(), worker.main)
    yield worker
    for one, handler in handlers.items():
        signal.signal(one, handler)


def test_a_stop_while_models_and_data_load_does_not_wait_for_a_step(worker: Worker) -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert worker.recorder is not None
    worker.recorder.on_train_begin(
        SimpleNamespace(save_strategy="no"), SimpleNamespace(global_step=0, max_steps=2), SimpleNamespace()
    )
    os.kill(os.getpid(), signal.SIGTERM)
    assert worker.recorder.stop_asked
