"""Values of the wrong kind: refused with the argument's name, and what people write for false is false."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trl
from trl.scripts.grpo import GRPOScriptArguments

from training.request import BadRequest, Request
from training.worker.arguments import parse
from training.worker.resume import check_checkpoint


def parsed(name: str, value: Any, method: str = "sft") -> Any:
    """The value of an argument after parsing, of whichever class has it."""
    classes = {"sft": (trl.SFTConfig, None), "grpo": (trl.GRPOConfig, GRPOScriptArguments)}
    config = {"model_name_or_path": "model", "dataset_name": "data.jsonl", name: value}
    found = parse(Request(method, config, Path("nowhere")), *classes[method])
    return next(getattr(one, name) for one in found if hasattr(one, name))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("learning_rate", "abc", "a number"),
        ("learning_rate", -1, "a number of 0 or more"),
        ("max_steps", 4.5, "a whole number"),
        ("seed", True, "a whole number"),
        ("packing", "maybe", "true or false"),
        ("lora_r", "eight", "a whole number"),
        ("max_length", "long", "a whole number or null"),
        ("gradient_accumulation_steps", 0, "a whole number of 1 or more"),
        ("per_device_train_batch_size", 0, "a whole number of 1 or more"),
        ("eval_strategy", "stpes", "one of no, steps, epoch"),
        ("datasets", "x", "a list (a mapping each)"),
    ],
)
def test_wrong_kind_is_refused_in_one_sentence(name: str, value: Any, expected: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parsed(name, value)
    assert str(caught.value).startswith(f"{name}: ")
    assert str(caught.value).endswith(f" was given; expected {expected}.")


def test_elements_of_a_list_are_checked() -> None:
    with pytest.raises(BadRequest, match=r"reward_weights: \[1, \"b\"\] was given; expected a list \(a number each\)"):
        parsed("reward_weights", [1, "b"], "grpo")


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("use_peft", "no", False),  # a text is true to Python, and would train with LoRA
        ("packing", "yes", True),
        ("use_peft", 0, False),
        ("max_steps", 1e3, 1000),
        ("run_name", 5, "5"),
        ("eval_strategy", False, "no"),  # a bare no in YAML
        ("learning_rate", 1, 1),
        ("max_length", None, None),
        ("lora_target_modules", "all-linear", "all-linear"),
        ("sample_rewards", "politeness", ["politeness"]),
        ("model_init_kwargs", '{"dtype": "float32"}', {"dtype": "float32"}),
        ("report_to", ["tensorboard"], ["tensorboard"]),
    ],
)
def test_what_was_meant_is_taken(name: str, written: Any, meant: Any) -> None:
    found = parsed(name, written)
    assert found == meant
    assert isinstance(found, bool) == isinstance(meant, bool)


@pytest.mark.parametrize("name", ["gradient_checkpointing", "activation_checkpointing"])
def test_checkpointed_activations_are_had_by_either_name(name: str) -> None:
    assert parsed(name, True) is True


@pytest.mark.filterwarnings("error:.*gradient_checkpointing.*:FutureWarning")
def test_what_is_set_for_a_cpu_warns_of_nothing() -> None:
    assert parsed("seed", 1) == 1


def test_full_checkpoint_fits_a_run_with_use_peft_no(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"global_step": 4}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    check_checkpoint(str(tmp_path), {"use_peft": "no"})


def test_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"model_name_or_path: .*gone: there is no such folder of a model"):
        parsed("model_name_or_path", str(tmp_path / "gone"))


def test_run_instead_of_a_model_is_refused_with_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"method": "sft", "config": {}}')
    checkpoint = tmp_path / "checkpoint-4"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "trainer_state.json").write_text('{"global_step": 4}')
    (checkpoint / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadRequest, match=r"is a run, not a model; expected .*checkpoint-4\."):
        parsed("model_name_or_path", str(tmp_path))
