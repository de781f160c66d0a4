"""Prompt sets answered for real: cached, resumed, cancelled; each source fails alone. With the kept base model."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from diagnostics.compare.answers import Answer
from diagnostics.compare.cache import AnswerCache, row_key
from diagnostics.compare.collect import Collected, Plan, collect
from diagnostics.compare.models.fingerprint import CacheUnwritable, Hashes
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.sources import Source, source_of
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.prompts import Prompt

PROMPTS = tuple(
    Prompt(number, ({"role": "user", "content": f"Please cancel order {letter}{number}{number}."},))
    for number, letter in enumerate("ABCD" * 4)
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    pool = WorkerPool(tmp_path_factory.mktemp("workers"), size=2)
    yield pool
    pool.close()


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers")


def plan(*folders: Path, sampling: Sampling | None = None, seeds: tuple[int, ...] = (0,)) -> Plan:
    sources = tuple(source_of(str(folder), name=folder.parent.name) for folder in folders)
    return Plan(sources, PROMPTS, sampling or Sampling(max_new_tokens=16), seeds)


def last(states: Iterator[Collected]) -> Collected:
    return list(states)[-1]


@pytest.mark.slow
def test_answered_once_then_from_the_cache(pool: WorkerPool, cache: AnswerCache, base_checkpoint: Path) -> None:
    first = list(collect(pool, cache, plan(base_checkpoint)))
    assert [first[0].done, first[-1].done, first[-1].of] == [0, 16, 16]
    assert first[-1].over
    assert not first[-1].errors
    answers = first[-1].answers.of("kept_base")
    assert [one.prompt for one in answers] == list(range(16))
    assert all(one.text and one.seconds for one in answers)
    # Another process, another folder with the same files: nothing is asked.
    copy = cache.folder.parent / "copy" / "kept_base" / "checkpoint-1900"
    shutil.copytree(base_checkpoint, copy)
    busy = WorkerPool(cache.folder.parent / "none", size=1)
    started = time.monotonic()
    again = list(collect(busy, AnswerCache(cache.folder), plan(copy)))
    assert not busy.processes()
    assert time.monotonic() - started < 20
    assert again[-1].cached == 16
    assert [one.text for one in again[-1].answers.of("kept_base")] == [one.text for one in answers]


@pytest.mark.slow
def test_changed_weights_template_or_settings_are_asked_anew(
    pool: WorkerPool, cache: AnswerCache, base_checkpoint: Path, tmp_path: Path
) -> None:
    last(collect(pool, cache, plan(base_checkpoint)))
    folder = tmp_path / "changed" / "checkpoint-1"
    shutil.copytree(base_checkpoint, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * 0.5
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    other = tmp_path / "template" / "checkpoint-1"
    shutil.copytree(base_checkpoint, other)
    (other / "chat_template.jinja").write_text((other / "chat_template.jinja").read_text() + " ")
    for changed in (plan(folder), plan(other), plan(base_checkpoint, sampling=Sampling(max_new_tokens=15))):
        state = next(one for one in collect(pool, cache, changed) if True)
        assert state.cached == 0


@pytest.mark.slow
def test_without_temperature_seeds_are_asked_once(pool: WorkerPool, cache: AnswerCache, base_checkpoint: Path) -> None:
    greedy = last(collect(pool, cache, plan(base_checkpoint, seeds=(0, 1, 2))))
    assert greedy.done == 48
    (kept,) = cache.folder.glob("[0-9a-f]*.jsonl")
    assert len(kept.read_text().splitlines()) == 16
    drawn = last(
        collect(pool, cache, plan(base_checkpoint, sampling=Sampling(temperature=1.5, max_new_tokens=16), seeds=(0, 1)))
    )
    texts = {seed: [one.text for one in drawn.answers.of("kept_base") if one.seed == seed] for seed in (0, 1)}
    assert texts[0] != texts[1]


@pytest.mark.slow
def test_cancelled_keeps_what_is_done_and_resumes(pool: WorkerPool, cache: AnswerCache, base_checkpoint: Path) -> None:
    prompts = tuple(
        Prompt(number, ({"role": "user", "content": f"Tell me more about order C{number}."},)) for number in range(600)
    )
    long = Plan((source_of(str(base_checkpoint), "base"),), prompts, Sampling(temperature=1.0, max_new_tokens=100))
    states = collect(pool, cache, long)
    for state in states:
        if state.done:
            break
    states.close()
    assert 0 < state.done < 600
    assert state.seconds_left is not None
    deadline = time.monotonic() + 30
    while any(worker.busy for worker in pool._workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(worker.busy for worker in pool._workers), "the worker goes on with a cancelled request"
    resumed = next(one for one in collect(pool, cache, long) if one.done)
    assert resumed.cached >= state.done


@pytest.mark.slow
def test_a_broken_source_costs_its_own_answers_only(
    pool: WorkerPool, cache: AnswerCache, base_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken" / "checkpoint-1"
    shutil.copytree(base_checkpoint, folder)
    (folder / "model.safetensors").write_bytes(b"")
    state = last(collect(pool, cache, plan(base_checkpoint, folder)))
    assert state.over
    assert state.failed == {"broken": 16}
    assert "is no safetensors file" in state.errors["broken"]
    assert len(state.answers.of("kept_base")) == 16
    assert state.answers.of("broken") == []
    # A failure is not kept: mended, it answers.
    shutil.copy(base_checkpoint / "model.safetensors", folder / "model.safetensors")
    assert not last(collect(pool, cache, plan(base_checkpoint, folder))).errors


def test_damaged_cache_is_passed_over(cache: AnswerCache, base_checkpoint: Path) -> None:
    source = source_of(str(base_checkpoint))
    row = Row(source, ({"role": "user", "content": "Hi"},), Sampling())
    answer = Answer("x", 0, 0, "a\u2028b\ud800", 3, "end", 0.1)
    cache.keep(source, {row_key(row): answer, "cancelled": Answer("x", 0, 0, "half", 1, "cancelled")})
    (path,) = cache.folder.glob("[0-9a-f]*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"key": "other", "text"')
    assert list(cache.read(source)) == [row_key(row)]
    assert cache.read(source)[row_key(row)]["text"].startswith("a\u2028b")
    (cache.folder / "hashes.json").write_text("[]")
    assert list(AnswerCache(cache.folder).read(source)) == [row_key(row)]


def test_keys_tell_apart_what_changes_an_answer() -> None:
    source = Source("a", "model", "/a")
    messages = ({"role": "user", "content": "Hi"},)
    greedy = [Row(source, messages, Sampling(seed=seed, top_p=top_p)) for seed in (0, 1) for top_p in (0.5, 1.0)]
    greedy.append(Row(source, messages, Sampling(temperature=0, top_p=1)))
    assert len({row_key(row) for row in greedy}) == 1
    drawn = [
        Row(source, messages, Sampling(seed=seed, temperature=heat, top_p=top_p))
        for seed in (0, 1)
        for heat in (0.5, 1.0)
        for top_p in (0.5, 1.0)
    ]
    drawn.append(Row(source, ({"role": "system", "content": "Hi"},), Sampling(temperature=1.0)))
    drawn.append(Row(source, messages, Sampling(temperature=1.0, max_new_tokens=5)))
    assert len({row_key(row) for row in drawn}) == len(drawn)


def test_system_prompt_leaves_a_prompt_s_own_alone(base_checkpoint: Path) -> None:
    own = Prompt(0, ({"role": "system", "content": "own"}, {"role": "user", "content": "q"}))
    bare = Prompt(1, ({"role": "user", "content": "q"},))
    asked = Plan((source_of(str(base_checkpoint)),), (own, bare), Sampling(), system="all")
    assert [asked.row(asked.sources[0], one, 0).messages[0]["content"] for one in (own, bare)] == ["own", "all"]


@pytest.mark.slow
def test_a_source_of_the_hub_that_lies_in_the_cache(
    pool: WorkerPool, cache: AnswerCache, base_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network here: the Hub's own cache, laid out as its library does, holds one model and lacks another."""
    home = tmp_path / "hub"
    snapshot = home / "models--our--tiny" / "snapshots" / ("a" * 40)
    shutil.copytree(base_checkpoint, snapshot)
    (home / "models--our--tiny" / "refs").mkdir()
    (home / "models--our--tiny" / "refs" / "main").write_text("a" * 40)
    monkeypatch.setenv("HF_HUB_CACHE", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = Plan((source_of("hub:our/tiny"), source_of("hub:our/none")), PROMPTS[:2], Sampling(max_new_tokens=8))
    state = last(collect(pool, cache, asked))
    assert len(state.answers.of("our/tiny")) == 2
    assert "not in the cache of this machine" in state.errors["our/none"]
    again = [one for one in collect(pool, cache, asked) if one.done]
    assert again[0].cached == 2


@pytest.mark.slow
def test_memory_makes_models_wait_or_go(tmp_path: Path, base_checkpoint: Path, cache: AnswerCache) -> None:
    """Room for one worker: the second source takes the first one's place, and says so; what is too large says that."""
    from diagnostics.compare.models.memory import WORKER_BYTES

    folders = []
    for name in ("one", "two"):
        folders.append(tmp_path / name / "checkpoint-1")
        shutil.copytree(base_checkpoint, folders[-1])
        tensors = load_file(folders[-1] / "model.safetensors")
        tensors["model.norm.weight"] = tensors["model.norm.weight"] * (1.1 if name == "one" else 0.9)
        save_file(tensors, folders[-1] / "model.safetensors", metadata={"format": "pt"})
    size = (base_checkpoint / "model.safetensors").stat().st_size
    pool = WorkerPool(tmp_path / "workers", size=4, memory=WORKER_BYTES + 2 * size - 1)
    try:
        state = last(collect(pool, cache, plan(*folders)))
        assert not state.errors
        assert any("waits for memory" in note for note in state.notes)
        assert any("put out of memory to make room: one" in note for note in state.notes)
        assert len(pool.processes()) == 1
    finally:
        pool.close()
    small = WorkerPool(tmp_path / "workers", size=4, memory=WORKER_BYTES + size - 1)
    state = last(collect(small, AnswerCache(tmp_path / "fresh"), plan(folders[0])))
    assert "the models may take" in state.errors["one"]
    assert not small.processes()
    assert json.dumps(state.errors)


def test_answers_of_a_checkpoint_that_changed_meanwhile_are_not_kept(
    cache: AnswerCache, base_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run" / "checkpoint-1"
    shutil.copytree(base_checkpoint, folder)
    source = source_of(str(folder))
    asked_as = cache.state(source)
    answer = Answer("x", 0, 0, "of the old weights", 4, "end", seconds=1.0)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * 0.5
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    cache.keep(source, {"key": answer}, asked_as)
    assert cache.read(source) == {}
    cache.keep(source, {"key": answer}, cache.state(source))
    assert cache.read(source)["key"]["text"] == "of the old weights"
    now = cache.state(source)
    shutil.rmtree(folder)
    cache.keep(source, {"other": answer}, now)
    assert set(cache.read_state(now)) == {"key"}


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(base_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheUnwritable, match="answers cannot be kept there"):
        AnswerCache(tmp_path / "file").state(source_of(str(base_checkpoint)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said(base_checkpoint: Path, tmp_path: Path) -> None:
    cache, source = AnswerCache(tmp_path), source_of(str(base_checkpoint))
    (tmp_path / f"{cache.state(source)}.jsonl").symlink_to("/dev/full")
    with pytest.raises(CacheUnwritable, match="No space left"):
        cache.keep(source, {"key": Answer("x", 0, 0, "text", 1, "end", seconds=1.0)})


def test_two_processes_never_share_a_half_written_file_of_hashes(
    base_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = []
    monkeypatch.setattr(Path, "replace", lambda self, target: named.append(self.name))
    for process in (7001, 7002):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        Hashes(tmp_path / "hashes.json").of(base_checkpoint / "config.json")
    assert len(set(named)) == 2
