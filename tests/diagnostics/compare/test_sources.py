"""How sources are written, and what is said of one that cannot answer; files only, no model is loaded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from diagnostics.compare.models.sources import (
    Source,
    SourceUnusable,
    base_of,
    check_usable,
    mixes,
    named_apart,
    needs_own_base,
    source_of,
    weight_bytes,
)


@pytest.fixture
def adapter(tmp_path: Path, base_checkpoint: Path) -> Path:
    """A folder that looks like an adapter of the base model, from its files."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(base_checkpoint)})
    )
    save_file({"x.lora_A.weight": np.zeros((2, 2), np.float32)}, folder / "adapter_model.safetensors")
    return folder


def test_every_form(adapter: Path, base_checkpoint: Path) -> None:
    model = source_of(str(base_checkpoint))
    assert (model.kind, model.path, model.name) == (
        "model",
        str(base_checkpoint.resolve()),
        "kept_base/checkpoint-1900",
    )
    check_usable(model)
    over = source_of(str(adapter))
    assert (over.kind, over.base, over.name) == ("adapter", str(base_checkpoint.resolve()), "adapter")
    check_usable(over)
    assert source_of("hub:Qwen/Qwen3-0.6B") == Source("Qwen/Qwen3-0.6B", "hub", "Qwen/Qwen3-0.6B")
    assert source_of(f"{adapter}@hub:Qwen/Qwen3-0.6B").base == "Qwen/Qwen3-0.6B"
    assert source_of(f"{adapter}@{base_checkpoint}").base == str(base_checkpoint.resolve())
    endpoint = source_of("http://127.0.0.1:8000/v1/#org/name")
    assert (endpoint.kind, endpoint.path, endpoint.model) == ("endpoint", "http://127.0.0.1:8000/v1", "org/name")
    assert source_of(f"{base_checkpoint}?quantize=4bit").quantize == "4bit"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("no/such/folder", "there is no such folder"),
        ("hub:no name", "is no name of the Hub"),
        ("hub:../../etc", "is no name of the Hub"),
        ("http://127.0.0.1:1/v1", "which model"),
        ("{base}?quantize=3bit", "expected quantize=4bit or quantize=8bit"),
        ("{base}@{base}", "is no adapter"),
    ],
)
def test_what_is_no_source(spec: str, said: str, base_checkpoint: Path) -> None:
    with pytest.raises(SourceUnusable, match=said) as raised:
        source_of(spec.replace("{base}", str(base_checkpoint)))
    assert "\n" not in str(raised.value)


def test_adapters_share_their_base_unless_they_change_it(adapter: Path, base_checkpoint: Path) -> None:
    one = source_of(str(adapter))
    assert one.holder == source_of(str(base_checkpoint)).holder
    config = json.loads((adapter / "adapter_config.json").read_text())
    for change in ({"init_lora_weights": "pissa_niter_4"}, {"bias": "all"}, {"peft_type": "IA3"}):
        (adapter / "adapter_config.json").write_text(json.dumps(config | change))
        assert source_of(str(adapter)).holder != source_of(str(base_checkpoint)).holder
        assert needs_own_base(adapter)
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    assert mixes(adapter)
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    assert not mixes(adapter)


@pytest.mark.parametrize(
    "change", [{"modules_to_save": ["norm"]}, {"layer_replication": [[0, 2]]}, {"trainable_token_indices": [5]}]
)
def test_adapter_that_rebuilds_its_base_gets_one_of_its_own(
    adapter: Path, base_checkpoint: Path, change: dict[str, object]
) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | change))
    assert source_of(str(adapter)).holder != source_of(str(base_checkpoint)).holder


def test_adapter_without_weights_base_or_config(adapter: Path, base_checkpoint: Path) -> None:
    one = source_of(str(adapter))
    with pytest.raises(SourceUnusable, match="is not here; write the adapter as"):
        check_usable(replace(one, base="/no/such/base"))
    with pytest.raises(SourceUnusable, match="names no base model"):
        check_usable(replace(one, base=None))
    weights = adapter / "adapter_model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1])
    with pytest.raises(SourceUnusable, match="cut off"):
        check_usable(one)
    weights.rename(adapter / "adapter_model.bin")
    with pytest.raises(SourceUnusable, match="could run code"):
        check_usable(one)
    (adapter / "adapter_config.json").write_text("{")
    with pytest.raises(SourceUnusable, match="cannot be read"):
        check_usable(one)
    assert base_of(adapter) is None


def test_missing_shard_is_named(tmp_path: Path, base_checkpoint: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(base_checkpoint, folder)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(SourceUnusable, match=r"model-00002-of-00002\.safetensors is missing"):
        check_usable(source_of(str(folder)))


def test_bytes_of_weights(adapter: Path, base_checkpoint: Path) -> None:
    whole = (base_checkpoint / "model.safetensors").stat().st_size
    assert weight_bytes(source_of(str(base_checkpoint))) == whole
    assert weight_bytes(source_of(str(adapter))) == whole + (adapter / "adapter_model.safetensors").stat().st_size
    assert weight_bytes(source_of(f"{base_checkpoint}?quantize=4bit")) == whole // 4


def test_names_are_told_apart() -> None:
    twins = [Source("sft", "model", "/a"), Source("dpo", "model", "/b"), Source("sft", "model", "/c")]
    assert [one.name for one in named_apart(twins)] == ["sft", "dpo", "sft (2)"]
