"""Pickled weights become safetensors without ever being able to run code."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from diagnostics.cli import main
from diagnostics.compare.models.sources import check_usable, source_of
from diagnostics.probes.convert import convert

pytestmark = pytest.mark.slow


@pytest.fixture
def pickled(base_checkpoint: Path, tmp_path: Path) -> Path:
    """The base model as older programs saved it, with what a Trainer leaves beside it."""
    folder = tmp_path / "old"
    shutil.copytree(base_checkpoint, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    torch.save({"a": 1}, folder / "optimizer.pt")
    (folder / "modeling_own.py").write_text("raise SystemExit")
    return folder


class Evil:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("ran"),))


def test_converted_answers_like_the_old(
    pickled: Path, base_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in pickled.iterdir())
    assert main(["convert", str(pickled)]) == 0
    out = pickled.with_name("old-safetensors")
    assert str(out) in capsys.readouterr().out
    check_usable(source_of(str(out)))
    new, old = load_file(out / "model.safetensors"), load_file(base_checkpoint / "model.safetensors")
    assert new.keys() == old.keys()
    assert all(torch.equal(new[name], old[name]) for name in old)
    assert sorted(path.name for path in pickled.iterdir()) == before
    assert not [path for path in out.iterdir() if path.suffix in (".py", ".bin", ".pt")]
    assert main(["convert", str(pickled)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_shards_get_an_index(pickled: Path, base_checkpoint: Path) -> None:
    tensors = load_file(base_checkpoint / "model.safetensors")
    names = list(tensors)
    (pickled / "pytorch_model.bin").unlink()
    for number, part in ((1, names[::2]), (2, names[1::2])):
        torch.save({name: tensors[name] for name in part}, pickled / f"pytorch_model-0000{number}-of-00002.bin")
    (pickled / "pytorch_model.bin.index.json").write_text("{}")
    assert main(["convert", str(pickled), "--out", str(pickled.parent / "new")]) == 0
    index = json.loads((pickled.parent / "new" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(names)
    check_usable(source_of(str(pickled.parent / "new")))


def test_what_could_run_code_is_refused(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for held in (pickle.dumps(Evil()), b"", b"garbage"):
        (pickled / "pytorch_model.bin").write_bytes(held)
        assert main(["convert", str(pickled)]) == 2
        assert "was refused" in capsys.readouterr().err
    torch.save({"evil": Evil()}, pickled / "pytorch_model.bin")
    assert main(["convert", str(pickled)]) == 2
    torch.save([1, 2], pickled / "pytorch_model.bin")
    assert main(["convert", str(pickled)]) == 2
    assert not (tmp_path / "ran").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["old"], "nothing half-written is left"


def test_nothing_to_convert(base_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(base_checkpoint), "--out", str(tmp_path / "x")]) == 2
    assert "holds no pickled weights" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_shards_that_are_missing_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "pytorch_model-00001-of-00002.bin").write_bytes(b"")
    shards = {name: f"pytorch_model-0000{at}-of-00002.bin" for at, name in enumerate("ab", 1)}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": shards}))
    assert "pytorch_model-00002-of-00002.bin is missing" in convert(folder, tmp_path / "out")["error"]
    assert not (tmp_path / "out").exists()
