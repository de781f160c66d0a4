"""Checkpoints by their files: what is measured without loading one, and how little is read for it."""

from __future__ import annotations

import json
import math
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.engine import diagnose
from diagnostics.rules import checkpoint_not_finite, checkpoint_truncated, nothing_trainable
from diagnostics.run import open_run
from diagnostics.run.checkpoint import checkpoint_at, checkpoints_of, embedding_rows, vocabulary_of
from diagnostics.run.tensors import look_through, same_values, weights_of, zero
from tests.make_checkpoint_cases import lora, model, packed, pointer


def run_folder(path: Path, state: str = "finished", **config: Any) -> Path:
    """A run folder with ten logged rows."""
    path.mkdir(parents=True, exist_ok=True)
    log = [{"step": n, "loss": 2.0 - n / 10, "grad_norm": 1.0, "learning_rate": 1e-4} for n in range(1, 11)]
    (path / "run.json").write_text(json.dumps({"method": "sft", "config": config}))
    (path / "status.json").write_text(
        json.dumps({"state": state, "step": 10, "max_steps": 10, "host": "h", "heartbeat": 4e9})
    )
    (path / "trainer_state.json").write_text(json.dumps({"global_step": 10, "log_history": log}))
    return path


def save(folder: Path, data: bytes, name: str = "model.safetensors", state: bool = True) -> Path:
    """A checkpoint with one file of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    if state and (match := folder.name.partition("checkpoint-")[2]):
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": int(match)}))
    return folder / name


@pytest.mark.parametrize("cut", range(0, 1500, 37))
def test_every_shorter_file_is_wrong_and_only_the_whole_is_right(tmp_path: Path, cut: int) -> None:
    whole = packed(model())
    found = weights_of(save(tmp_path, whole[:cut]))
    if cut >= len(whole):
        assert found.wrong is None
    else:
        assert found.wrong == ("empty" if cut == 0 else "header" if cut < whole.index(b"}}") + 2 else "cut")


def test_what_is_wrong_is_told_apart(tmp_path: Path) -> None:
    whole = packed(model())
    length = struct.unpack("<Q", whole[:8])[0]
    shorter = whole[8 : 8 + length].replace(b'"shape": [12, 8]', b'"shape": [12, 9]')
    cases = {
        "trailing": whole + b"\0",
        "pointer": pointer(5_000_000_000),
        "header": whole[:8] + shorter + whole[8 + length :],
    }
    for wrong, data in cases.items():
        found = weights_of(save(tmp_path / wrong, data))
        assert found.wrong == wrong
    assert weights_of(save(tmp_path / "size", pointer(5_000_000_000))).expected == 5_000_000_000
    assert weights_of(save(tmp_path / "noise", os.urandom(500))).wrong == "header"


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    whole = packed(model())
    path = save(tmp_path, whole[:-1])
    assert weights_of(path).wrong == "cut"
    path.write_bytes(whole)
    assert weights_of(path).wrong is None


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
def test_numbers_that_are_not_finite_are_counted(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    dtype = getattr(torch, kind)
    bad = torch.arange(100).to(dtype)
    bad[3], bad[50], bad[99] = math.nan, math.inf, -math.inf
    path = tmp_path / "model.safetensors"
    save_file({"good": torch.arange(100).to(dtype), "bad": bad, "ids": torch.arange(7)}, path)
    looked = look_through(weights_of(path), 1 << 20)
    [one] = looked.unsound
    assert (one.name, one.count, one.looked, one.total) == ("bad", 3, 100, 100)
    assert looked.seen == looked.total == 2 * 100 * bad.element_size()


def test_a_budget_bounds_what_is_read_and_is_told(tmp_path: Path) -> None:
    late = np.zeros(1_000_000, dtype=np.float32)
    late[-1] = np.nan
    early = np.zeros(1_000_000, dtype=np.float32)
    early[0] = np.nan
    weights = weights_of(save(tmp_path, packed({"late": late, "early": early, "more": late * 0 + 1})))
    little = look_through(weights, 1)
    assert [(one.name, one.count, one.looked) for one in little.unsound] == [("early", 1, 16384)]
    assert little.seen == 3 * 65536
    assert little.total == 12_000_000
    much = look_through(weights, 1 << 30)
    assert [one.name for one in much.unsound] == ["late", "early", "more"]
    assert much.seen == much.total


def test_equal_numbers_are_equal_in_any_float_type(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    wide = torch.randn(70_000, generator=torch.Generator().manual_seed(0))
    half = wide.to(torch.bfloat16)
    other = half.clone()
    other[-1] += 1
    kinds = {"half": half, "wide": half.float(), "other": other, "unrounded": wide, "ids": torch.arange(70_000)}
    held = {}
    for name, tensor in kinds.items():
        save_file({"t": tensor}, tmp_path / f"{name}.safetensors")
        weights = weights_of(tmp_path / f"{name}.safetensors")
        assert weights.layout is not None
        held[name] = (weights, weights.layout.tensors[0])
    assert same_values(*held["half"], *held["wide"])
    assert same_values(*held["wide"], *held["half"])
    assert same_values(*held["ids"], *held["ids"])
    for other_name in ("other", "unrounded", "ids"):
        assert not same_values(*held["half"], *held[other_name])


def test_zero_is_zero_of_either_sign(tmp_path: Path) -> None:
    tensors = {
        "plus": np.zeros(9, np.float32),
        "minus": -np.zeros(9, np.float32),
        "small": np.full(9, 1e-45, np.float32),
        "half": np.full(9, 0x8000, np.uint16),
    }
    weights = weights_of(save(tmp_path, packed(tensors)))
    assert weights.layout is not None
    assert [one.name for one in weights.layout.tensors if zero(weights, one)] == ["plus", "minus", "half"]


def test_a_checkpoint_that_is_being_written_is_not_judged(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", "running")
    whole = packed(model())
    save(run / "checkpoint-5", whole)
    path = save(run / "checkpoint-10", whole[:-9])
    old = time.time() - 3600
    for file in [*(run / "checkpoint-5").iterdir(), *(run / "checkpoint-10").iterdir()]:
        os.utime(file, (old, old))
    assert [one.rule for one in diagnose(open_run(run)).findings if one.severity == "error"] == ["checkpoint-truncated"]
    os.utime(path, (time.time(), time.time()))
    assert [one.young for one in checkpoints_of(open_run(run))] == [True, False]
    assert checkpoint_truncated.check(open_run(run)) is None
    os.utime(path, (old, old))
    (run / "checkpoint-10" / "trainer_state.json").unlink()  # the Trainer writes it last
    assert checkpoint_truncated.check(open_run(run)) is None
    run_folder(run, "failed")
    assert checkpoint_truncated.check(open_run(run)) is not None


def test_the_last_finite_checkpoint_is_named(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run")
    bad = model()
    bad["model.norm.weight"][0] = np.nan
    for step, tensors in ((2, model()), (4, model(1)), (6, bad), (8, bad)):
        save(run / f"checkpoint-{step}", packed(tensors))
    found = checkpoint_not_finite.check(open_run(run))
    assert found is not None
    assert (found.first_step, found.last_step) == (6, 8)
    assert found.facts["last_good"] == "checkpoint-4"
    [edit] = found.fixes[0].edits
    assert (edit.path, Path(edit.new).name) == ("resume_from_checkpoint", "checkpoint-4")


def test_trained_weights_are_told_from_the_base_by_their_first_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_checkpoint: Path
) -> None:
    whole = (base_checkpoint / "model.safetensors").read_bytes()
    run = run_folder(tmp_path / "run", model_name_or_path=str(base_checkpoint))
    save(run / "checkpoint-10", whole)
    found = nothing_trainable.check(open_run(run))
    assert found is not None
    assert found.facts["kind"] == "same-as-base"
    data = bytearray(whole)
    data[8 + struct.unpack("<Q", whole[:8])[0] + 2] ^= 1
    save(run / "checkpoint-10", bytes(data))
    compared: list[str] = []
    real: Callable[..., bool] = nothing_trainable.same_values

    def counting(*pair: Any) -> bool:
        compared.append(pair[1].name)
        return real(*pair)

    monkeypatch.setattr(nothing_trainable, "same_values", counting)
    assert nothing_trainable.check(open_run(run)) is None
    assert len(compared) <= 3


def test_a_lora_that_peft_saved_is_read(tmp_path: Path, base_checkpoint: Path) -> None:
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(base_checkpoint)
    made = peft.get_peft_model(base, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    made.peft_config["default"].base_model_name_or_path = str(base_checkpoint)
    run = run_folder(tmp_path / "run", use_peft=True, lora_r=4)
    made.save_pretrained(run / "checkpoint-10")
    (run / "checkpoint-10" / "trainer_state.json").write_text('{"global_step": 10}')
    rules = [one.rule for one in diagnose(open_run(run)).findings if one.severity != "info"]
    assert rules == ["nothing-trainable"]
    with torch.no_grad():
        for name, one in made.named_parameters():
            if "lora_B" in name:
                one += 0.1
    made.save_pretrained(run / "checkpoint-10")
    diagnosis = diagnose(open_run(run))
    assert [one.rule for one in diagnosis.findings if one.severity != "info"] == []
    assert "adapter-mismatch" not in [one.rule for one in diagnosis.not_checked]


def test_the_kept_base_has_rows_for_all_its_tokens(base_checkpoint: Path) -> None:
    vocabulary = vocabulary_of(base_checkpoint)
    embedding = embedding_rows(checkpoint_at(base_checkpoint, 0))
    assert vocabulary is not None
    assert embedding is not None
    assert embedding[0] == "model.embed_tokens.weight"
    assert vocabulary.highest < embedding[1]


@pytest.mark.parametrize(
    ("told", "highest"),
    [
        ({"model": {"vocab": {"a": 0, "b": 5}}, "added_tokens": []}, 5),
        ({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 9, "content": "<x>"}]}, 9),
        ({"model": {"vocab": [["a", -1.0], ["b", -2.0]]}}, 1),
        ({"model": {}}, None),
        ({"model": {"vocab": {"a": "one"}}}, None),
        ([], None),
    ],
)
def test_the_highest_id_of_a_tokenizer(tmp_path: Path, told: Any, highest: int | None) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    found = vocabulary_of(tmp_path)
    assert (found.highest if found else None) == highest


@pytest.mark.parametrize("name", ["pytorch_model_fsdp_0", "global_step40", "pytorch_model.bin"])
def test_weights_in_another_form_are_not_missing(tmp_path: Path, name: str) -> None:
    for file in ("config.json", "optimizer.pt", name):
        (tmp_path / file).write_text("{}")
    assert checkpoint_at(tmp_path, 0).missing == ()
    (tmp_path / name).unlink()
    assert checkpoint_at(tmp_path, 0).missing == ("model.safetensors",)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"weight_map": 3}', b'{"r": "four", "target_modules": 7}'])
@pytest.mark.parametrize(
    "name", ["adapter_config.json", "model.safetensors.index.json", "config.json", "tokenizer.json"]
)
def test_whatever_stands_in_the_small_files_no_rule_breaks(tmp_path: Path, name: str, content: bytes) -> None:
    run = run_folder(tmp_path / "run", resume_from_checkpoint="checkpoint-10", use_peft=True)
    save(run / "checkpoint-10", packed(lora()), "adapter_model.safetensors")
    save(run / "checkpoint-5", packed(model()))
    for step in (5, 10):
        (run / f"checkpoint-{step}" / name).write_bytes(content)
    assert not [one for one in diagnose(open_run(run)).not_checked if one.reason == "rule-broke"]
