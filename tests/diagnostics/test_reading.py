"""Runs as other programs leave them, whole and broken."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from diagnostics.run import RunUnreadable, open_run
from diagnostics.run.discover import RunStore
from diagnostics.run.events import EventFile
from diagnostics.run.reader import RunReader
from tests.conftest import event

Write = Callable[..., Path]
LOSSES = [("train/loss", step, 2.0 - step / 10) for step in range(1, 6)]


def test_event_file_is_read_from_where_it_stopped(tmp_path: Path, write_events: Write) -> None:
    path = write_events(tmp_path, LOSSES)
    file = EventFile(path)
    assert [(one.tag, one.step) for one in file.read_new()] == [(tag, step) for tag, step, _ in LOSSES]
    assert file.read_new() == []
    with path.open("ab") as stream:
        stream.write(event("train/loss", 6, 1.0))
    assert [one.step for one in file.read_new()] == [6]


def test_half_written_record_waits_for_its_rest(tmp_path: Path, write_events: Write) -> None:
    path = write_events(tmp_path, LOSSES)
    whole, extra = path.read_bytes(), event("train/loss", 6, 1.0)
    for cut in range(1, len(extra)):
        path.write_bytes(whole + extra[:cut])
        file = EventFile(path)
        assert len(file.read_new()) == 5
        assert file.problems == []
        path.write_bytes(whole + extra)
        assert [one.step for one in file.read_new()] == [6]


@pytest.mark.parametrize("place", [0, 9, 20, -2])
def test_damaged_record_costs_itself_only(tmp_path: Path, write_events: Write, place: int) -> None:
    path = write_events(tmp_path, LOSSES)
    size = len(event(*LOSSES[0]))
    data = bytearray(path.read_bytes())
    at = 2 * size + (place if place >= 0 else size + place)
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    file = EventFile(path)
    assert [one.step for one in file.read_new()] == [1, 2, 4, 5]
    assert len(file.problems) == 1


@pytest.mark.parametrize("cut", [0, 3, 8, 11, 12, 30, -1])
def test_zeros_at_the_end_are_not_written_yet(tmp_path: Path, write_events: Write, cut: int) -> None:
    """A network file system shows the new length of a file before its bytes: first zeros, later the record."""
    path = write_events(tmp_path, LOSSES)
    whole, extra = path.read_bytes(), event("train/loss", 6, 1.0)
    path.write_bytes(whole + extra[:cut] + b"\0" * 300_000)
    file = EventFile(path)
    assert len(file.read_new()) == 5
    assert file.problems == []
    path.write_bytes(whole + extra + b"\0" * 300_000)
    assert [one.step for one in file.read_new()] == [6]
    assert len(file.points) == 6


def test_many_zeros_are_passed_over_at_once(tmp_path: Path, write_events: Write) -> None:
    path = write_events(tmp_path, LOSSES)
    path.write_bytes(path.read_bytes() + b"\0" * 20_000_000)
    start = time.process_time()
    assert len(EventFile(path).read_new()) == 5
    assert time.process_time() - start < 3


def test_zeros_between_records_are_damage(tmp_path: Path, write_events: Write) -> None:
    path = write_events(tmp_path, LOSSES)
    path.write_bytes(path.read_bytes() + b"\0" * 1_000_000 + event("train/loss", 6, 1.0))
    file = EventFile(path)
    assert [one.step for one in file.read_new()] == [1, 2, 3, 4, 5, 6]
    assert len(file.problems) == 1


def test_file_written_anew_is_read_anew(tmp_path: Path, write_events: Write) -> None:
    file = EventFile(write_events(tmp_path, LOSSES))
    file.read_new()
    write_events(tmp_path, [("train/loss", 1, 9.0)])
    file.read_new()
    assert [(one.step, one.value) for one in file.points] == [(1, 9.0)]


def test_tensorboards_own_writer_is_understood(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    writer.add_text("args", json.dumps({"learning_rate": 0.5}))
    writer.add_scalar("train/loss", 1.5, 1)
    writer.add_scalar("train/loss", float("nan"), 2, new_style=True)
    writer.add_scalar("train/loss", 1 / 3, 3, new_style=True, double_precision=True)
    writer.add_histogram("weights", np.arange(10), 2)
    writer.close()
    run = open_run(tmp_path)
    assert run.config["learning_rate"] == 0.5
    assert run.series["train/loss"].values[0] == 1.5
    assert math.isnan(run.series["train/loss"].values[1])
    assert run.series["train/loss"].values[2] == 1 / 3


def test_output_folder_of_the_trainer_is_a_run(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path / "runs" / "Nov22_host", LOSSES)
    (tmp_path / "checkpoint-5").mkdir()
    (tmp_path / "checkpoint-10").mkdir()
    run = open_run(tmp_path)
    assert run.points == 5
    assert list(run.checkpoints) == [5, 10]
    assert run.status.state == "unknown"
    assert run.missing == ("request", "samples")


def test_state_of_the_last_checkpoint_is_used_when_the_run_has_none(tmp_path: Path) -> None:
    for step in (5, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        rows = [{"step": one, "loss": 1.0} for one in range(1, step + 1)]
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    assert open_run(tmp_path).points == 10


def test_restart_keeps_the_last_attempt_and_marks_it(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path, LOSSES)
    later = [("train/loss", step, 9.0, 2.0) for step in (4, 5, 6)]
    write_events(tmp_path, later, name="events.out.tfevents.2.host.1.0")
    run = open_run(tmp_path)
    assert run.series["train/loss"].values.tolist()[2:] == pytest.approx([1.7, 9.0, 9.0, 9.0])
    assert run.restarts == (4,)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("events.out.tfevents.1.h.1.0", b"", "no scalar"),
        ("events.out.tfevents.1.h.1.0", b"\x00" * 200, "no scalar"),
        ("trainer_state.json", b'{"log_history": [', "cannot be read as JSON"),
        ("trainer_state.json", b'{"log_history": 5}', "no log rows"),
        ("notes.txt", b"hello", "holds no log row"),
        ("deep.json", b"[" * 100_000, "JSON"),
        ("binary.json", bytes(range(256)), "cannot be read as JSON"),
    ],
)
def test_unreadable_file_is_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RunUnreadable, match=said) as caught:
        open_run(path)
    assert "\n" not in str(caught.value)


def test_folder_that_is_no_run_names_what_was_expected(tmp_path: Path, write_events: Write) -> None:
    with pytest.raises(RunUnreadable, match="there is no such file"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(RunUnreadable, match="is no run; expected"):
        open_run(tmp_path)
    write_events(tmp_path / "one", LOSSES)
    with pytest.raises(RunUnreadable, match="holds 1 runs, name one of them: one"):
        open_run(tmp_path)


def test_broken_parts_are_told_and_the_rest_is_read(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path, LOSSES)
    (tmp_path / "run.json").write_text("{")
    (tmp_path / "status.json").write_text("[]")
    (tmp_path / "trainer_state.json").write_text('{"log_history": [')
    (tmp_path / "samples.jsonl").write_text('{"step": 1, "completion": "a", "prompt": "b"}\n{"step": 2, "comp')
    run = open_run(tmp_path)
    assert run.points == 5
    assert [sample.completion for sample in run.samples] == ["a"]
    assert len(run.problems) == 2


def test_reader_reads_again_only_what_changed(tmp_path: Path, write_events: Write) -> None:
    path = write_events(tmp_path, LOSSES)
    reader = RunReader(tmp_path)
    first = reader.read()
    assert reader.read() is first
    with path.open("ab") as stream:
        stream.write(event("train/loss", 6, 1.0))
    assert reader.read().points == 6


def test_store_lists_runs_and_says_why_one_is_unreadable(tmp_path: Path, write_events: Write) -> None:
    write_events(tmp_path / "good", LOSSES)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "trainer_state.json").write_text("{")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "no-run").mkdir()
    store = RunStore(tmp_path)
    runs, broken = store.all()
    assert [run.name for run in runs] == ["good"]
    assert list(broken) == ["bad"]
    before = store.signature()
    assert store.signature() == before
    (tmp_path / "good" / "checkpoint-5").mkdir()
    assert store.signature() != before


@pytest.mark.parametrize("name", ["../secret", "..", "", "a/b", "nowhere"])
def test_store_opens_only_what_lies_in_it(tmp_path: Path, write_events: Write, name: str) -> None:
    write_events(tmp_path / "secret", LOSSES)
    with pytest.raises(RunUnreadable):
        RunStore(tmp_path / "runs").get(name)
