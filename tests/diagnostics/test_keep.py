"""Which checkpoint to keep: measured within the noise, whole, finite; read from the files without a model."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.engine import diagnose
from diagnostics.keep import keep
from diagnostics.report.beside import keep_sentences
from diagnostics.run import open_run
from diagnostics.run.tensors import not_finite


def safetensors(path: Path, dtype: str, raw: bytes, extra: bytes = b"") -> Path:
    """A safetensors file of one tensor, written by hand as the format says."""
    header = json.dumps({"weight": {"dtype": dtype, "shape": [len(raw)], "data_offsets": [0, len(raw)]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + raw + extra)
    return path


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        ("F32", np.array([1, -2], "<f4").tobytes(), np.array([1, np.nan], "<f4").tobytes()),
        ("F64", np.array([1, -2], "<f8").tobytes(), np.array([1, np.inf], "<f8").tobytes()),
        ("F16", np.array([1, 65504], "<f2").tobytes(), np.array([1, -np.inf], "<f2").tobytes()),
        # bfloat16: the upper half of a float32. 0x7F7F is its largest number, 0x7F80 infinity, 0x7FC0 NaN.
        ("BF16", np.array([0x3F80, 0x7F7F], "<u2").tobytes(), np.array([0x3F80, 0xFFC0], "<u2").tobytes()),
        ("BF16", np.array([0x3F80, 0x7F7F], "<u2").tobytes(), np.array([0x7F80], "<u2").tobytes()),
        ("F8_E5M2", bytes([0x3C, 0x7B]), bytes([0x7C])),
        ("F8_E4M3", bytes([0x38, 0x7E]), bytes([0xFF])),
        ("I64", np.array([2**62], "<i8").tobytes(), None),
    ],
)
def test_numbers_that_are_not_finite_are_told(tmp_path: Path, dtype: str, good: bytes, bad: bytes | None) -> None:
    assert not_finite(safetensors(tmp_path / "good.safetensors", dtype, good)) is None
    if bad is not None:
        assert not_finite(safetensors(tmp_path / "bad.safetensors", dtype, bad)) == "weight"


def test_the_same_is_said_by_torch_of_its_own_files(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.float8_e4m3fn):
        tensor = torch.linspace(-3, 3, 1000).to(dtype)
        save_file({"first": tensor, "second": tensor.clone()}, str(tmp_path / "t.safetensors"))
        assert not_finite(tmp_path / "t.safetensors") is None
        broken = tensor.to(torch.float32, copy=True)
        broken[777] = float("nan")
        save_file({"first": tensor, "second": broken.to(dtype)}, str(tmp_path / "t.safetensors"))
        assert not_finite(tmp_path / "t.safetensors") == "second"


@pytest.mark.parametrize("content", [b"", b"\x00" * 4, b"\xff" * 64, struct.pack("<Q", 5) + b"hello"])
def test_a_file_that_is_no_safetensors_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="x"):
        not_finite(path)


def test_a_file_cut_off_is_said(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "x.safetensors", "F32", np.ones(100, "<f4").tobytes())
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match="cut off within weight"):
        not_finite(path)


ONES = np.ones(8, "<f4").tobytes()


def run_with(folder: Path, evaluations: dict[int, float], weights: dict[int, bytes], rows: int = 60) -> Path:
    """A Trainer's output folder: a falling loss, evaluations, checkpoints."""
    log: list[dict[str, Any]] = [{"step": s, "loss": 2.0 - s / 100, "grad_norm": 1.0} for s in range(1, rows + 1)]
    log += [{"step": step, "eval_loss": value} for step, value in evaluations.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    for step, raw in weights.items():
        safetensors(folder / f"checkpoint-{step}" / "model.safetensors", "F32", raw)
    return folder


def kept(folder: Path) -> Any:
    run = open_run(folder)
    return keep(run, diagnose(run))


def test_the_best_evaluation_is_kept_and_its_equals_are_named(tmp_path: Path) -> None:
    losses = {10: 1.5, 20: 1.2, 30: 1.0, 40: 1.005, 50: 1.2, 60: 1.4}
    found = kept(run_with(tmp_path, losses, dict.fromkeys((20, 30, 40, 60), ONES)))
    assert (found.step, found.why) == (30, "best")
    assert 40 in found.as_good
    assert 60 not in found.as_good
    assert found.path == tmp_path / "checkpoint-30"
    assert "checkpoint-30" in keep_sentences(found, "en")[0]
    assert "checkpoint-30" in keep_sentences(found, "zh")[0]


def test_a_checkpoint_with_nan_weights_is_passed_over(tmp_path: Path) -> None:
    nan = np.array([1, np.nan], "<f4").tobytes()
    found = kept(run_with(tmp_path, {20: 1.2, 40: 1.0, 60: 1.1}, {20: ONES, 40: nan, 60: ONES}))
    assert found.step == 60
    assert "weight holds NaN" in found.unusable[40]
    assert any("NaN" in one for one in keep_sentences(found, "en"))


def test_half_a_checkpoint_is_passed_over(tmp_path: Path) -> None:
    folder = run_with(tmp_path, {20: 1.2, 40: 1.0}, {20: ONES, 40: ONES})
    path = folder / "checkpoint-40" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    assert kept(folder).step == 20


def test_unmeasured_checkpoints_leave_the_last_or_the_last_before_the_fault(tmp_path: Path) -> None:
    found = kept(run_with(tmp_path / "whole", {}, dict.fromkeys((20, 40), ONES)))
    assert (found.step, found.why) == (40, "unmeasured")
    folder = run_with(tmp_path / "lost", {}, dict.fromkeys((20, 40, 60), ONES))
    log = json.loads((folder / "trainer_state.json").read_text())
    for row in log["log_history"]:
        if row["step"] >= 45:
            row |= {"loss": 0.0, "grad_norm": float("nan")}
    (folder / "trainer_state.json").write_text(json.dumps(log))
    found = kept(folder)
    assert (found.step, found.why) == (40, "before")


def test_a_run_without_checkpoints_has_none_to_keep(tmp_path: Path) -> None:
    assert kept(run_with(tmp_path, {10: 1.0}, {})) is None


def test_kept_answers_decide_by_their_paired_difference(tmp_path: Path) -> None:
    folder = run_with(tmp_path, {20: 1.0, 40: 2.0}, dict.fromkeys((20, 40, 60), ONES))
    scores = {20: 0.3, 40: 0.8, 60: 0.79}
    lines = [
        {
            "step": step,
            "prompt": f"q{i}",
            "completion": "a",
            "rewards": {"score": score + 0.05 * ((i * 7 + step // 20) % 5 - 2)},
        }
        for step, score in scores.items()
        for i in range(30)
    ]
    (folder / "samples.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = kept(folder)
    assert found.step == 40
    assert found.as_good == (60,)
    assert found.facts["metric"] == "samples/score"


def test_evaluation_loss_of_an_online_method_chooses_no_checkpoint(tmp_path: Path) -> None:
    folder = run_with(tmp_path, {20: -0.02, 40: -0.07, 60: 0.01}, dict.fromkeys((20, 40, 60), ONES))
    (folder / "run.json").write_text(json.dumps({"schema": 1, "run": "online", "method": "grpo", "config": {}}))
    found = kept(folder)
    assert (found.step, found.why) == (60, "unmeasured")
