"""From a config to the question: what TRL makes of it, and what it would refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.memory.contradictions import AskedWrong, stage_of
from diagnostics.memory.models import NoModel, find_model, hub_cache, of_cache
from diagnostics.memory.resolve import PROMPT, resolve
from tests.diagnostics.memory.asked import offline, question


def notes(of: Any) -> set[str]:
    return {one.key for one in of.notes}


def test_trls_defaults_are_filled_in() -> None:
    asked = question().asked
    assert (asked.dtype, asked.batch, asked.length, asked.processes) == ("float32", 8, 1024, 1)
    assert question().value("gradient_checkpointing") is True


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        ({"dtype": "bfloat16"}, "bfloat16"),
        ({"torch_dtype": "bfloat16"}, "bfloat16"),
        ({"dtype": "float32", "model_init_kwargs": {"dtype": "float16"}}, "float16"),
        ({"dtype": "auto"}, "float32"),
    ],
)
def test_the_dtype_is_the_one_that_trl_loads(config: dict[str, Any], dtype: str) -> None:
    assert question(**config).asked.dtype == dtype


def test_auto_takes_the_dtype_of_the_models_config(tmp_path: Path) -> None:
    content = {**find_model("gpt2", network=False).config, "dtype": "bfloat16"}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert question(model=str(tmp_path), dtype="auto").asked.dtype == "bfloat16"


def test_the_longest_row_is_the_shorter_of_limit_and_data() -> None:
    assert question(max_length=2048, longest=700).asked.length == 700
    assert question(max_length=512, longest=700).asked.length == 512
    assert question(max_length=None, longest=700).asked.length == 700
    assert question(max_length=512, longest=100, packing=True).asked.length == 512
    assert "length-is-limit" in notes(question())
    assert "length-is-limit" not in notes(question(longest=700))


def test_generation_has_a_prompt_and_a_completion() -> None:
    asked = question("grpo", max_completion_length=1024).asked
    assert (asked.prompt, asked.completion, asked.length) == (PROMPT, 1024, PROMPT + 1024)
    assert question("grpo", prompt=100).asked.length == 612
    assert question("grpo", longest=800).asked.prompt == 288
    assert question("ppo", max_completion_length=60, prompt=10).asked.completion == 60


def test_names_of_older_versions_are_read() -> None:
    assert question(max_seq_length=333).asked.length == 333


def test_arguments_that_no_byte_depends_on_are_left_out() -> None:
    assert question(learning_rate=1e-3, output_dir="x", seed=3).asked == question().asked
    assert question(optim="sgd").asked != question().asked


def test_values_are_read_as_training_reads_them() -> None:
    found = question(gradient_checkpointing="no", use_peft="true", per_device_train_batch_size="4", max_length=512.0)
    assert found.value("gradient_checkpointing") is False
    assert found.value("use_peft") is True
    assert (found.asked.batch, found.asked.length) == (4, 512)


def test_a_type_without_fused_attention_has_it_written_out() -> None:
    assert question(model="gemma-2-2b").asked.config["attn_implementation"] == "eager"
    named = question(model="gemma-2-2b", attn_implementation="flash_attention_2").asked.config
    assert named["attn_implementation"] == "flash_attention_2"
    assert "attn_implementation" not in question().asked.config


def test_a_profile_of_trl_brings_devices_and_sharding() -> None:
    found = question(accelerate_config="zero3")
    assert found.asked.processes == 8
    assert stage_of(found.asked.config["deepspeed"]) == 3
    assert question(accelerate_config="zero3", processes=2).asked.processes == 2


def test_the_effective_batch_counts_all_devices() -> None:
    assert question(per_device_train_batch_size=4, gradient_accumulation_steps=3, processes=2).rows_a_step == 24


def test_without_an_accelerator_bf16_and_checkpointing_are_off_unless_asked_for() -> None:
    found = question(accelerator=False)
    assert found.value("bf16") is False
    assert found.value("gradient_checkpointing") is False
    assert question(accelerator=False, gradient_checkpointing=True).value("gradient_checkpointing") is True


def test_a_change_is_the_same_question_otherwise() -> None:
    before = question(device=24, longest=300, processes=2, learning_rate=1.0)
    after = before.changed({"per_device_train_batch_size": 4})
    assert after.asked.batch == 4
    assert (after.asked.device, after.asked.processes, after.longest) == (before.asked.device, 2, 300)
    assert "optim" not in before.changed({"optim": "sgd"}).changed({"optim": None}).config
    assert before.changed({"model_name_or_path": "qwen3-1.7b"}).architecture.hidden == 2048


@pytest.mark.parametrize(
    ("method", "config", "says"),
    [
        ("sft", {"bf16": True, "fp16": True}, "bf16 and fp16"),
        ("sft", {"load_in_4bit": True, "load_in_8bit": True, "use_peft": True}, "load_in_4bit and load_in_8bit"),
        ("sft", {"load_in_4bit": True}, "add use_peft"),
        ("sft", {"per_device_train_batch_size": 0}, "per_device_train_batch_size"),
        ("sft", {"max_length": "long"}, "max_length"),
        ("sft", {"max_length": None}, "--longest"),
        ("sft", {"max_length": 10, "max_seq_length": 20}, "another name of max_length"),
        ("sft", {"dtype": "int3"}, "dtype"),
        ("sft", {"deepspeed": {"zero_optimization": {"stage": 2}}, "fsdp": True}, "deepspeed and fsdp"),
        ("dpo", {"precompute_ref_log_probs": True, "sync_ref_model": True}, "sync_ref_model"),
        ("kto", {"per_device_train_batch_size": 1}, "KTO"),
        ("grpo", {"per_device_train_batch_size": 3}, "num_generations: 8 does not divide the 3"),
        ("grpo", {"num_generations": 1}, "at least 2"),
        ("grpo", {"generation_batch_size": 12}, "no multiple of the 8"),
        ("grpo", {"generation_batch_size": 16, "steps_per_generation": 2}, "only one of them"),
        ("grpo", {"use_vllm": True, "vllm_gpu_memory_utilization": 30}, "share above 0"),
        ("ppo", {"num_mini_batches": 3}, "does not divide the 8 rows"),
        ("ppo", {"fsdp": True}, "FSDP and ZeRO-3"),
        ("orpo", {}, "none of ours"),
    ],
)
def test_what_no_training_would_start_with_is_refused_in_one_sentence(
    method: str, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(AskedWrong, match=says) as caught:
        question(method, **config)
    assert "\n" not in str(caught.value)


def test_a_model_that_does_not_exist_is_refused_with_near_names() -> None:
    with pytest.raises(AskedWrong, match=r"near names are .*Meta-Llama-3-8B"):
        question(model="llama-3-8x")
    with pytest.raises(AskedWrong, match="no such folder"):
        question(model="./nowhere")
    with pytest.raises(AskedWrong, match="model_name_or_path is missing"):
        resolve("sft", {}, lookup=offline)


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "gpt2"}))
    assert find_model(str(tmp_path), network=False).config["n_embd"] == 768
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(NoModel, match="does not name its base"):
        find_model(str(tmp_path), network=False)


def test_a_run_is_known_by_its_last_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"method": "sft", "config": {"model_name_or_path": "gpt2"}}))
    assert find_model(str(tmp_path), network=False).known == "openai-community/gpt2"
    for step, layers in ((5, 3), (10, 7)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({**find_model("gpt2", network=False).config, "n_layer": layers}))
    found = find_model(str(tmp_path), network=False)
    assert (found.where, found.config["n_layer"]) == ("run", 7)


@pytest.mark.parametrize("content", ["{", "[]", '"x"', ""])
def test_a_broken_config_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(NoModel, match="cannot be read"):
        find_model(str(tmp_path), network=False)


def test_the_hubs_cache_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert hub_cache() == tmp_path
    assert of_cache("some/model") is None
    folder = tmp_path / "models--some--model/snapshots/abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert of_cache("some/model") == {"model_type": "llama"}
    assert find_model("some/model", network=False).where == "cache"


def test_without_a_network_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NoModel, match="the Hub did not give"):
        find_model("nobody/nothing")


def test_a_reward_model_lies_on_the_device_and_an_unknown_one_is_noted() -> None:
    found = question("grpo", reward_model_name_or_path="Qwen/Qwen3-0.6B")
    assert found.asked.reward_model is not None
    assert "reward-unknown" in notes(question("grpo", reward_funcs=["some/reward-model", "file.py:function"]))
    assert question("grpo", reward_funcs=["accuracy_reward"]).asked.reward_model is None


def test_a_change_looks_nothing_up_again() -> None:
    looked: list[str] = []

    def lookup(name: str, argument: str) -> Any:
        looked.append(name)
        return offline(name, argument)

    config = {"model_name_or_path": "gpt2", "reward_funcs": ["some/reward"]}
    found = resolve("grpo", config, lookup=lookup)
    assert looked == ["gpt2", "some/reward"]
    assert found.changed({"beta": 0.1}).asked.config["beta"] == 0.1
    assert looked == ["gpt2", "some/reward"]


@pytest.mark.parametrize(
    ("config", "stage"),
    [
        (None, 0),
        ({"zero_optimization": {"stage": 2}}, 2),
        ({"zero_optimization": {}}, 0),
        ({}, 0),
        ("ds_zero1.json", 1),
        ("some.json", 3),
        ({"zero_optimization": {"stage": "x"}}, 0),
    ],
)
def test_the_stage_of_a_deepspeed_config(config: Any, stage: int) -> None:
    assert stage_of(config) == stage
