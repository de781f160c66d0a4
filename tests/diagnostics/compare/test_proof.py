"""Each side is shown to be itself, and what is not itself is said. With the kept base model and variants of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from diagnostics.compare.models.fingerprint import Hashes
from diagnostics.compare.models.proof import Identity, prove
from diagnostics.compare.models.sources import Source, checkpoint, source_of
from diagnostics.compare.models.weights import weight_change
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import divergences, token_scores
from diagnostics.compare.words import WARNINGS, warning

Scaled = Callable[[str, float], Source]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    pool = WorkerPool(tmp_path_factory.mktemp("workers"), size=2)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def base(base_checkpoint: Path) -> Source:
    return source_of(str(base_checkpoint), "base")


def keys(one: Identity) -> set[str]:
    """The warnings; each makes a sentence in both languages."""
    for key, facts in one.warnings:
        english, chinese = warning(key, "en", **facts), warning(key, "zh", **facts)
        assert english != chinese
        assert "{" not in english + chinese
    return {key for key, _ in one.warnings}


@pytest.mark.slow
def test_base_adapters_merged_and_a_copy(
    pool: WorkerPool, base: Source, adapters: list[Source], merged: Source, tmp_path: Path
) -> None:
    shutil.copytree(base.path, tmp_path / "copy")
    copy = source_of(str(tmp_path / "copy"))
    found = prove(pool, Hashes(), [base, *adapters, merged, copy], base)
    assert all(one.error is None for one in found)
    itself, first, second, whole, same = found
    assert itself.is_base
    assert itself.change is None
    assert keys(itself) == {"same-weights"}
    assert keys(first) == keys(second) == keys(whole) == set()
    assert first.matched is not None
    assert first.matched["matched"] == 8
    assert first.probe is not None
    assert second.probe is not None
    assert first.probe > 0.1
    assert whole.probe == pytest.approx(first.probe, rel=1e-3)
    assert first.change is not None
    assert whole.change is not None
    # The adapter's own arithmetic, against the merged weights: other sets of compared tensors, the same largest change.
    assert first.change.changed == whole.change.changed == 4
    assert first.change.largest is not None
    assert whole.change.largest is not None
    assert first.change.largest[0] == whole.change.largest[0]
    assert first.change.largest[1] == pytest.approx(whole.change.largest[1], rel=1e-3)
    assert keys(same) == {"same-weights", "no-change"}
    assert same.weights == itself.weights != whole.weights
    assert len(itself.files) >= 5
    assert itself.stops
    assert itself.template_hash


@pytest.mark.slow
def test_adapter_that_matches_nothing_is_found_out(
    pool: WorkerPool, base: Source, adapters: list[Source], tmp_path: Path
) -> None:
    """Two ways for an adapter to answer like its base: names that match nothing, and weights that are zero."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(Path(adapters[0].path) / "adapter_model.safetensors")
    for name, changed in (
        ("renamed", {key.replace("self_attn", "attention"): one for key, one in tensors.items()}),
        ("untrained", {key: one * 0 if "lora_B" in key else one for key, one in tensors.items()}),
    ):
        shutil.copytree(adapters[0].path, tmp_path / name)
        save_file(changed, tmp_path / name / "adapter_model.safetensors")
    renamed, untrained = prove(
        pool, Hashes(), [source_of(str(tmp_path / "renamed")), source_of(str(tmp_path / "untrained"))], base
    )
    # peft starts what it misses at random A and zero B: the logits are the base's.
    assert keys(renamed) >= {"adapter-unmatched"}
    assert renamed.probe is not None
    assert renamed.probe < 1e-3
    assert keys(untrained) == {"no-change"}


@pytest.mark.slow
def test_template_and_stop_token_that_are_not_training_s(
    pool: WorkerPool, base: Source, base_checkpoint: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for step in (1, 2):
        shutil.copytree(base_checkpoint, run / f"checkpoint-{step}")
    later = run / "checkpoint-2"
    (later / "chat_template.jinja").write_text("{{ messages[-1]['content'] }}")
    config = json.loads((later / "generation_config.json").read_text())
    (later / "generation_config.json").write_text(json.dumps(config | {"eos_token_id": 7}))
    first, second = prove(
        pool, Hashes(), [checkpoint("run", 1, run / "checkpoint-1"), checkpoint("run", 2, later)], base
    )
    assert "template-not-of-training" in keys(second)
    assert "templates-differ" in keys(second)
    assert "stop-differs" in keys(second)
    assert 7 in [one for one, _ in second.stops]
    assert not keys(first) & {"template-not-of-training", "stop-differs"}


@pytest.mark.slow
def test_a_source_that_cannot_be_opened_has_its_reason(pool: WorkerPool, base: Source, tmp_path: Path) -> None:
    shutil.copytree(base.path, tmp_path / "bad")
    (tmp_path / "bad" / "model.safetensors").write_bytes(b"x")
    bad, good = prove(pool, Hashes(), [source_of(str(tmp_path / "bad")), base], base)
    assert "is no safetensors file" in (bad.error or "")
    assert good.error is None
    endpoint = source_of("http://127.0.0.1:1/v1#m")
    assert prove(pool, Hashes(), [endpoint], None) == [Identity(endpoint)]


def test_weight_change_against_numpy(base: Source, scaled: Scaled) -> None:
    from safetensors.numpy import load_file

    other = scaled("other", 1.5)
    found = weight_change(other, base)
    tensors = load_file(Path(base.path) / "model.safetensors")
    change = 0.5 * np.linalg.norm(tensors["model.norm.weight"])
    norm = np.sqrt(sum(float((one.astype(np.float64) ** 2).sum()) for one in tensors.values()))
    assert found is not None
    assert found.relative == pytest.approx(change / norm, rel=1e-5)
    assert (found.changed, found.compared, found.unmatched) == (1, len(tensors), 0)
    assert found.largest == ("model.norm.weight", pytest.approx(0.5, rel=1e-5))


def test_weight_change_in_bfloat16(base: Source, tmp_path: Path) -> None:
    """Rounded to bfloat16 the weights differ by at most 2^-9 of themselves, whichever of the two is read so."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(base.path, tmp_path / "half")
    tensors = load_file(tmp_path / "half" / "model.safetensors")
    save_file(
        {name: one.to(torch.bfloat16) for name, one in tensors.items()},
        tmp_path / "half" / "model.safetensors",
        metadata={"format": "pt"},
    )
    found = weight_change(source_of(str(tmp_path / "half")), base)
    assert found is not None
    assert 1e-4 < found.relative < 2**-9
    assert found.unmatched == 0


@pytest.mark.slow
def test_divergence_of_training_and_of_chance(
    pool: WorkerPool, base: Source, adapters: list[Source], merged: Source, scaled: Scaled
) -> None:
    told = [([{"role": "user", "content": one}], "Order C53 has been cancelled.") for one in ("Hi.", "Cancel C53.")]
    over = divergences(pool, base, adapters[0], told, draws=3)
    whole = divergences(pool, base, merged, told, draws=3)
    assert over.error is None
    assert whole.error is None
    assert len(over.trained) == 2
    assert [len(row) for row in over.random] == [2, 2, 2]
    assert over.trained == pytest.approx(whole.trained, rel=1e-2)
    assert min(over.trained) > 0.001
    assert np.mean(over.random) == pytest.approx(np.mean(whole.random), rel=1.0)
    # The noise is gone afterwards: asked again, the same numbers, and the base is itself.
    assert divergences(pool, base, adapters[0], told, draws=3) == over
    slight = divergences(pool, base, scaled("slight", 1.0001), told, draws=2)
    assert max(slight.trained) < 1e-4
    itself = divergences(pool, base, source_of(base.path, "again"), told, draws=1)
    assert "no tensor of theirs differs" in (itself.error or "")


@pytest.mark.slow
def test_token_scores_of_one_answer_under_two_models(pool: WorkerPool, base: Source, adapters: list[Source]) -> None:
    messages = [{"role": "user", "content": "你们什么时候上班？"}]
    answer = "客服每天九点到六点在线。"
    own, other = token_scores(pool, base, messages, answer), token_scores(pool, adapters[0], messages, answer)
    assert own.error is None
    assert own.tokens == other.tokens
    assert "".join(own.tokens).startswith(answer)
    assert sum(own.logprobs) > sum(other.logprobs), "the base was trained on it, the random adapter spoils it"
    assert all(rank >= 1 for rank in own.ranks)
    long = token_scores(pool, base, messages, answer * 200)
    assert "the context holds 256" in (long.error or "")


def test_every_warning_has_both_languages() -> None:
    assert all(len(pair) == 2 and all(pair) for pair in WARNINGS.values())
