"""A reference model: a run folder's last checkpoint, and refused where it numbers tokens otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from diagnostics.run.status import read_status
from tests.training.worker.runs import train, write_rows
from training.request import BadRequest, ClinicArguments
from training.worker.reference import load_reference

ARGS = SimpleNamespace(model_init_kwargs={"use_safetensors": True})


def load(base: Path, reference: Path | str | None) -> Any:
    name = None if reference is None else str(reference)
    return load_reference(ClinicArguments(ref_model_name_or_path=name), ARGS, AutoTokenizer.from_pretrained(base))


def without_tokenizer(folder: Path) -> Path:
    for path in folder.glob("token*"):
        path.unlink()
    return folder


@pytest.fixture
def larger(tmp_path: Path, base_checkpoint: Path) -> Path:
    """The base model with 8 more rows of embeddings, and no tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(base_checkpoint)
    model.resize_token_embeddings(model.config.vocab_size + 8)
    model.save_pretrained(tmp_path / "larger")
    return tmp_path / "larger"


def test_none_named_is_none(base_checkpoint: Path) -> None:
    assert load(base_checkpoint, None) is None


def test_the_same_vocabulary_is_loaded_with_and_without_a_tokenizer(tmp_path: Path, base_checkpoint: Path) -> None:
    copy = shutil.copytree(base_checkpoint, tmp_path / "copy")
    for folder in (copy, without_tokenizer(copy)):
        assert load(base_checkpoint, folder).config.vocab_size == 2000


def test_a_run_folder_stands_for_its_last_checkpoint(base_checkpoint: Path, tmp_path: Path) -> None:
    assert load(base_checkpoint, base_checkpoint.parent).config.name_or_path == str(base_checkpoint)
    with pytest.raises(BadRequest, match="holds neither a model"):
        load(base_checkpoint, tmp_path)
    with pytest.raises(BadRequest, match="ref_model_name_or_path: /nowhere: there is no such folder"):
        load(base_checkpoint, "/nowhere")


def test_embeddings_of_another_size_are_refused(base_checkpoint: Path, larger: Path) -> None:
    with pytest.raises(
        BadRequest, match="a vocabulary of 2008 rows, the trained model one of 2000; expected"
    ) as caught:
        load(base_checkpoint, larger)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_numbers_otherwise_is_refused(tmp_path: Path, base_checkpoint: Path) -> None:
    folder = shutil.copytree(base_checkpoint, tmp_path / "swapped")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    table = content["model"]["vocab"]
    table["A"], table["B"] = table["B"], table["A"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        BadRequest, match="its tokenizer numbers 2 tokens otherwise than the trained model's, for example 'A'"
    ):
        load(base_checkpoint, folder)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_another_vocabulary_ends_the_run_before_training(
    tmp_path: Path, base_checkpoint: Path, larger: Path, method: str
) -> None:
    rows = [{"prompt": "Hello. ", "chosen": "yes", "rejected": "no"}] * 8
    config = {
        "model_name_or_path": str(base_checkpoint), "dataset_name": str(write_rows(tmp_path / "rows.jsonl", rows)),
        "max_steps": 1, "ref_model_name_or_path": str(larger),
    }  # fmt: skip
    done = train(tmp_path / "run", method, config)
    assert done.returncode == 2, done.stderr
    assert "a vocabulary of 2008 rows" in done.stderr
    assert "Traceback" not in done.stderr
    status = read_status(tmp_path / "run")
    assert (status.state, status.exit_code) == ("failed", 2)
