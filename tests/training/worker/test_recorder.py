"""What the recorder refuses: weights that no single process holds whole cannot answer prompts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.request import BadRequest, ClinicArguments, Request
from training.worker.arguments import sharded
from training.worker.recorder import Recorder
from training.worker.status import StatusFile


@pytest.mark.parametrize(
    ("fsdp", "zero_stage", "expected"),
    [(None, None, False), (True, None, True), (False, 2, False), (None, 3, True)],
)
def test_weights_are_sharded_under_fsdp_and_zero_3(fsdp: bool | None, zero_stage: int | None, expected: bool) -> None:
    zero = SimpleNamespace(is_zero3=lambda: zero_stage == 3) if zero_stage else None
    assert sharded(SimpleNamespace(fsdp=fsdp, hf_deepspeed_config=zero)) is expected


def test_prompts_are_refused_when_the_weights_are_sharded(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": "Hello."}) + "\n", encoding="utf-8")
    request = Request("sft", {}, tmp_path)
    asked = ClinicArguments(sample_prompts=str(prompts))
    with pytest.raises(BadRequest, match="sample_prompts: with FSDP or ZeRO-3"):
        Recorder(request, StatusFile(tmp_path), asked, True, sharded=True)
    assert Recorder(request, StatusFile(tmp_path), asked, True).rows == [{"prompt": "Hello."}]
    assert Recorder(request, StatusFile(tmp_path), ClinicArguments(), True, sharded=True).rows == []
