"""A training that really dies of memory: its end is explained from its own folder, and its child runs through at the same limit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from diagnostics.cli import main
from diagnostics.memory.after_crash import after_crash
from diagnostics.run import open_run
from diagnostics.run.status import read_status
from tests.training.control.workers import begin, command, training

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits on a process's addresses are Linux's"),
]
GIB = 1 << 30
# A worker takes 2.5 GiB of addresses before its first tensor; this batch would take 2 more.
LIMIT = int(3.6 * GIB)
ROWS, LENGTH = 256, 128
# Label smoothing needs all scores at once: TRL's fused output layer never makes them whole.
CONFIG = {
    "max_length": LENGTH,
    "per_device_train_batch_size": ROWS,
    "label_smoothing_factor": 0.1,
    "max_steps": 1,
    "logging_steps": 1,
    "save_strategy": "no",
    "learning_rate": 1e-3,
    "seed": 0,
}
SENTENCE = "the order arrived late and the box was damaged so please send a new one to my address today"


def limited(words: list[str]) -> tuple[int, str]:
    """Run a command under the limit; its exit code and what it said."""
    code = (
        f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT})); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = begin([sys.executable, "-c", code, *words])
    output, error = process.communicate(timeout=240)
    return process.returncode, output + error


def findings_of(run: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What `check` finds, gravest first."""
    capsys.readouterr()
    main(["check", str(run), "--format", "json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
    return found


def test_a_death_of_memory_is_explained_and_its_child_runs_through(
    tmp_path: Path, base_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run, child, config = (tmp_path / name for name in ("rows.jsonl", "run", "child", "child.json"))
    words = SENTENCE.split()
    texts = [" ".join(words[(at + row) % len(words)] for at in range(3 * LENGTH)) for row in range(ROWS)]
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    asked = {**CONFIG, "model_name_or_path": str(base_checkpoint), "dataset_name": str(data)}
    code, said = limited(command(run, "sft", asked))
    assert code == 1, said
    assert "DefaultCPUAllocator" in (run / "console.log").read_text()

    found = findings_of(run, capsys)[0]
    assert (found["rule"], found["severity"]) == ("out-of-host-memory", "error")
    assert "the scores over the whole vocabulary" in found["summary"]
    assert "3.60 GiB" in found["summary"]
    tables = {
        one["title"]: dict(zip(one["head"], one["rows"][0], strict=True))
        for one in found["evidence"]
        if one["kind"] == "table"
    }
    vocabulary = json.loads((base_checkpoint / "config.json").read_text())["vocab_size"]
    # The scores of all tokens, or, a moment later, those of all but the last.
    shapes = [f"{ROWS} x {length} x {vocabulary}" for length in (LENGTH, LENGTH - 1)]
    assert tables["request"]["shape"] in shapes

    crash = after_crash(open_run(run))
    assert crash is not None
    assert (crash.crash.kind, crash.crash.phase, crash.crash.counts) == ("host", "logits", "address")
    asked_for = crash.crash.asked_for
    assert asked_for is not None
    assert (crash.crash.sizes.asked, crash.crash.sizes.total) == (asked_for.bytes, LIMIT)

    assert main(["fix", str(run), "out-of-host-memory", "--out", str(config)]) == 0
    mended = json.loads(config.read_text())
    rows = mended["per_device_train_batch_size"]
    assert rows < ROWS
    assert rows * mended["gradient_accumulation_steps"] == ROWS
    assert mended["fixes"] == ["out-of-host-memory/fit"]
    assert {key: mended[key] for key in asked if key != "per_device_train_batch_size"} == {
        key: value for key, value in asked.items() if key != "per_device_train_batch_size"
    }

    code, said = limited(training("start", "--config", str(config), "--run", str(child)))
    assert code == 0, said
    status = read_status(child)
    assert (status.state, status.step) == ("finished", 1)
    assert open_run(child).series["train/num_tokens"].values.tolist() == [ROWS * LENGTH]
    assert not [one for one in findings_of(child, capsys) if one["rule"].startswith("out-of")]
