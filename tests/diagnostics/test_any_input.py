"""Whatever lies at a path: it is a run, or one sentence says why it is none."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnostics.run import Run, RunUnreadable, open_run
from tests.conftest import event, record

NAMES = (
    "trainer_state.json",
    "trainer_log.jsonl",
    "log_history.json",
    "run.json",
    "status.json",
    "samples.jsonl",
    "adapter_config.json",
    "console.log",
    "train.log",
    "notes.txt",
    "anything",
    "events.out.tfevents.1.host.1.0",
)
KEYS = st.sampled_from(
    ["step", "current_steps", "global_step", "loss", "eval_loss", "epoch", "reward", "lr", "throughput", "ppo/x", "train/loss",
     "total_steps", "accuracy", "train_runtime", "log_history", "max_steps", "config", "method", "state", "r", ""]
) | st.text(max_size=5)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(-5, 300) | st.floats() | st.text(max_size=8)
    | st.sampled_from(["nan", "inf", "1.5", "1e400", 2**63 - 1, 10**400])
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
ROWS = st.lists(st.dictionaries(KEYS, SCALARS | VALUES, max_size=6), max_size=8)
BAR = "\r  1%|1 | {}/{} [00:29<1:22:01,  2.83s/it]"
BARS = st.builds(BAR.format, st.integers(0, 10**18), st.integers(0, 400))
HEADS = st.builds(
    "***** Running training *****\n Num examples = {},\n Num Epochs = {}\n Total optimization steps = {}\n"
    " Total train batch size (w) = {}\n Num update steps per epoch = {}\n".format,
    *(st.integers(0, 10**6) | st.just(",") for _ in range(5)),
)


def as_json(value: Any) -> str:
    try:
        return json.dumps(value)
    except ValueError:  # integers beyond Python's limit of digits
        return "[]"


PRINTED = st.lists(
    st.dictionaries(KEYS, SCALARS, max_size=6).map(repr) | BARS | HEADS | st.text(max_size=20), max_size=12
).map("\n".join)
EVENTS = st.lists(
    st.builds(event, KEYS, st.integers(-(2**63), 2**63 - 1), st.floats(width=32), st.floats())
    | st.binary(max_size=40)
    | st.binary(max_size=40).map(record),
    max_size=6,
).map(b"".join)
TEXTS = st.one_of(
    VALUES.map(as_json),
    ROWS.map(as_json),
    ROWS.map(lambda rows: as_json({"log_history": rows, "max_steps": 10**30, "global_step": "x"})),
    ROWS.map(lambda rows: "\n".join(map(as_json, rows))),
    PRINTED,
    st.text(max_size=60),
)
CONTENTS = st.one_of(TEXTS.map(lambda text: text.encode("utf-8", "replace")), EVENTS, st.binary(max_size=80))


def readable_or_one_sentence(path: Path) -> None:
    try:
        run = open_run(path)
    except RunUnreadable as error:
        said = str(error)
    else:
        said = ""
        check(run)
    assert "\n" not in said


def check(run: Run) -> None:
    assert isinstance(run, Run)
    assert all(len(one.steps) == len(one.values) > 0 for one in run.series.values())
    assert all((one.steps[1:] > one.steps[:-1]).all() for one in run.series.values())
    assert not any("\n" in problem for problem in run.problems)
    assert run.points >= 0
    assert run.status.max_steps >= 0


@settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NAMES), CONTENTS, st.integers(0, 40))
def test_any_file_is_a_run_or_one_sentence(name: str, content: bytes, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content[: len(content) - cut] if cut < 20 else content)
        readable_or_one_sentence(path)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.sampled_from(NAMES), CONTENTS, max_size=5),
    st.sampled_from(["", "checkpoint-7", "runs/x", "logs"]),
)
def test_any_folder_is_a_run_or_one_sentence(files: dict[str, bytes], below: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for place, (name, content) in enumerate(files.items()):
            path = Path(folder, below if place % 2 else "") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        readable_or_one_sentence(Path(folder))
