"""Model workers for real, on the kept base model."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from diagnostics.compare.models.mailbox import EventTail, Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, SourceUnusable, check_usable, checkpoint, source_of
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import answer_rows

ASK = [{"role": "user", "content": "Please cancel order C53."}]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    pool = WorkerPool(tmp_path_factory.mktemp("workers"), size=2)
    yield pool
    pool.close()


@pytest.fixture
def copies(tmp_path: Path, base_checkpoint: Path) -> list[Source]:
    """The base model under two names."""
    made = []
    for name in ("left", "right"):
        folder = tmp_path / name / base_checkpoint.name
        shutil.copytree(base_checkpoint, folder)
        made.append(checkpoint(name, 1900, folder))
    return made


def asked(
    pool: WorkerPool, sources: list[Source], sampling: Sampling, ask: list[dict[str, str]] = ASK
) -> Generator[list[Pane]]:
    yield from answer_rows(pool, [Row(one, tuple(ask), sampling) for one in sources])


def last(pool: WorkerPool, checkpoints: list[Source], sampling: Sampling, ask: list = ASK) -> list[Pane]:
    panes: list[Pane] = []
    for panes in asked(pool, checkpoints, sampling, ask):  # noqa: B007
        pass
    return panes


@pytest.mark.slow
def test_same_weights_and_seed_give_the_same_words(pool: WorkerPool, copies: list[Source]) -> None:
    drawn = [last(pool, copies, Sampling(seed=seed, temperature=1.5)) for seed in (1, 1, 2)]
    assert all(pane.state == "done" for panes in drawn for pane in panes)
    first, again, other = ([pane.text for pane in panes] for panes in drawn)
    assert first[0] == first[1]
    assert first == again
    assert first != other


@pytest.mark.slow
def test_answers_stream_at_once(pool: WorkerPool, copies: list[Source]) -> None:
    """While one pane is being written the other is too: some state shows both with a part of their text.

    Both models are loaded before, and there are five tries: a busy machine may let one process run before the other.
    """
    last(pool, copies, Sampling(max_new_tokens=1))
    for seed in range(5):
        sampling = Sampling(seed=seed, temperature=5.0, max_new_tokens=200)
        seen = [
            [pane.text for pane in panes]
            for panes in asked(pool, copies, sampling)
            if all(pane.state == "writing" and pane.text for pane in panes)
        ]
        if len(seen) >= 2 and seen[0] != seen[-1]:
            return
    pytest.fail("the panes are written one after the other")


@pytest.mark.slow
def test_killed_worker_costs_its_pane_only_and_the_next_click_works(pool: WorkerPool, copies: list[Source]) -> None:
    killed = False
    panes: list[Pane] = []
    for panes in asked(pool, copies, Sampling(seed=3, temperature=5.0, max_new_tokens=240)):
        if not killed and all(pane.state == "writing" for pane in panes):
            worker = next(one for one in pool._workers if one.holds == copies[0].holder)
            os.kill(worker.process.pid, signal.SIGKILL)
            killed = True
    assert killed
    assert panes[0].state == "error"
    assert "SIGKILL" in (panes[0].error or "")
    assert panes[1].state == "done"
    assert [pane.state for pane in last(pool, copies, Sampling())] == ["done", "done"]


@pytest.mark.slow
def test_worker_killed_while_idle_is_replaced_unseen(pool: WorkerPool, copies: list[Source]) -> None:
    last(pool, copies, Sampling())
    for process in pool.processes():
        os.kill(process, signal.SIGKILL)
    assert [pane.state for pane in last(pool, copies, Sampling())] == ["done", "done"]


@pytest.mark.slow
def test_prompt_longer_than_the_context_is_one_sentence(pool: WorkerPool, copies: list[Source]) -> None:
    pane = last(pool, copies[:1], Sampling(), [{"role": "user", "content": "order " * 400}])[0]
    assert pane.state == "error"
    assert "context holds 256" in (pane.error or "")
    assert last(pool, copies[:1], Sampling())[0].state == "done"


@pytest.mark.slow
def test_closing_the_iterator_cancels_and_frees_the_worker(pool: WorkerPool, copies: list[Source]) -> None:
    answering = asked(pool, copies[:1], Sampling(seed=1, temperature=10, max_new_tokens=240))
    for panes in answering:
        if panes[0].state == "writing":
            break
    answering.close()
    deadline = time.monotonic() + 20
    while any(worker.busy for worker in pool._workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(worker.busy for worker in pool._workers)


@pytest.mark.slow
def test_more_panes_than_workers_wait_their_turn(pool: WorkerPool, copies: list[Source], tmp_path: Path) -> None:
    shutil.copytree(copies[0].folder, tmp_path / "third")
    sources = [*copies, source_of(str(tmp_path / "third"))]
    states = [[pane.state for pane in panes] for panes in asked(pool, sources, Sampling())]
    assert any("waiting" in state for state in states)
    assert states[-1] == ["done"] * 3
    assert len(pool.processes()) <= 2


def broken(folder: Path, kind: str) -> None:
    """Break a copied checkpoint in one way."""
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    if kind == "truncated":
        weights.write_bytes(data[: len(data) // 2])
    elif kind == "header":
        weights.write_bytes(data[:100])
    elif kind == "garbage":
        weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    elif kind == "empty":
        weights.write_bytes(b"")
    elif kind == "pickled":
        weights.rename(folder / "pytorch_model.bin")
    elif kind == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    elif kind == "no config":
        (folder / "config.json").unlink()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("truncated", "the file is cut off"),
        ("header", "broken off or damaged"),
        ("garbage", "is no safetensors file"),
        ("empty", "is no safetensors file"),
        ("pickled", "could run code"),
        ("no tokenizer", "has no tokenizer"),
        ("no config", "has no config.json"),
    ],
)
def test_broken_checkpoint_is_one_sentence(copies: list[Source], kind: str, said: str) -> None:
    check_usable(copies[0])
    broken(copies[0].folder, kind)
    with pytest.raises(SourceUnusable, match=said) as caught:
        check_usable(copies[0])
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_broken_checkpoint_costs_its_pane_only(pool: WorkerPool, copies: list[Source]) -> None:
    broken(copies[0].folder, "truncated")
    panes = last(pool, copies, Sampling())
    assert [pane.state for pane in panes] == ["error", "done"]
    assert "cut off" in (panes[0].error or "")


@pytest.mark.slow
def test_checkpoint_that_transformers_refuses_is_an_error_of_its_pane(pool: WorkerPool, copies: list[Source]) -> None:
    (copies[0].folder / "config.json").write_text('{"model_type": "no-such-model"}')
    pane = last(pool, copies[:1], Sampling())[0]
    assert pane.state == "error"
    assert "transformers cannot open it" in (pane.error or "")


@pytest.mark.parametrize("changes", [{"seed": -1}, {"temperature": 11}, {"top_p": 0}, {"max_new_tokens": 0}])
def test_sampling_out_of_range_names_the_value(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Sampling(**changes)  # type: ignore[arg-type]


def test_half_written_event_waits(tmp_path: Path) -> None:
    path = tmp_path / "1.jsonl"
    tail = EventTail(path)
    assert tail.read_new() == []
    path.write_text('{"event": "loaded"}\n{"event": "te')
    assert tail.read_new() == [{"event": "loaded"}]
    with path.open("a") as file:
        file.write('xt", "text": "a"}\n')
    assert tail.read_new() == [{"event": "text", "text": "a"}]


def ended(process: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("when", ["starting", "writing"])
def test_worker_of_a_killed_starter_ends_and_leaves_no_folder(tmp_path: Path, base_checkpoint: Path, when: str) -> None:
    script = f"""
import sys, time
from pathlib import Path
from diagnostics.compare.models.mailbox import Request, Row, Sampling
from diagnostics.compare.models.sources import source_of
from diagnostics.compare.models.workers import WorkerPool
pool = WorkerPool(Path(sys.argv[1]))
worker, _ = pool.take(source_of({str(base_checkpoint)!r}), 1)
ask = ({{"role": "user", "content": "Please cancel order C53."}},)
rows = [Row(source_of({str(base_checkpoint)!r}), ask, Sampling(n, 10.0, 1.0, 200)) for n in range(4000)]
worker.ask(Request("answer", tuple(rows)))
print(worker.process.pid, worker.folder, flush=True)
time.sleep(600)
"""
    root = tmp_path / "root"
    starter = subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    process, folder = starter.stdout.readline().split(maxsplit=1)
    if when == "writing":
        events = Path(folder.strip()) / "1.jsonl"
        while not events.exists() or "loaded" not in events.read_text():
            time.sleep(0.05)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert ended(int(process), 15)
    assert not root.exists()
