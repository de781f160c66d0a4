"""The closed form: near what was measured, and right in its directions."""

from __future__ import annotations

from typing import Any

import pytest

from diagnostics.memory import formula
from diagnostics.memory.records import BILL, MemoryUnknown
from diagnostics.memory.sizes import adapter_parameters, optimizer_bytes, weight_bytes
from tests.diagnostics.memory.asked import GIB, question


def peak(method: str = "sft", model: str = "qwen3-0.6b", **config: Any) -> int:
    return formula.estimate(question(method, model, **config).asked).total


# The same configs traced whole with the real trainers on tensors without data, in GiB of allocated memory (torch 2.13, trl 1.16).
@pytest.mark.parametrize(
    ("method", "model", "config", "traced"),
    [
        ("sft", "llama-3-8b", {"max_length": 2048}, 122.2),
        ("sft", "llama-3-8b", {"max_length": 2048, "dtype": "bfloat16"}, 62.75),
        ("sft", "llama-3-8b", {"max_length": 2048, "dtype": "bfloat16", "per_device_train_batch_size": 1}, 59.85),
        ("sft", "qwen3-0.6b", {"per_device_train_batch_size": 2}, 10.66),
        ("dpo", "qwen3-1.7b", {}, 34.5),
        ("dpo", "qwen3-1.7b", {"dtype": "bfloat16"}, 18.2),
        ("sft", "qwen3-0.6b", {"per_device_train_batch_size": 4, "gradient_checkpointing": False}, 17.87),
        ("kto", "qwen3-0.6b", {}, 12.28),
        ("reward", "qwen3-0.6b", {}, 9.9),
    ],
)
def test_it_is_within_its_own_interval_of_the_trace(
    method: str, model: str, config: dict[str, Any], traced: float
) -> None:
    found = formula.estimate(question(method, model, **config).asked)
    assert abs(found.peak_allocated / GIB / traced - 1) < float(formula.ERROR) / 2


def test_it_says_what_it_is() -> None:
    found = formula.estimate(question().asked)
    assert found.source == "formula"
    assert found.low < found.total < found.high
    assert found.low == int(found.total * 0.7)
    assert set(found.bill) == set(BILL)
    assert sum(found.bill.values()) == found.peak_allocated + found.context
    assert found.phases[found.phase] == max(found.phases.values())


@pytest.mark.parametrize(
    ("more", "method"),
    [
        ({"per_device_train_batch_size": 16}, "sft"),
        ({"max_length": 4096}, "sft"),
        ({"gradient_checkpointing": False}, "sft"),
        ({"attn_implementation": "eager", "gradient_checkpointing": False}, "sft"),
        ({"label_smoothing_factor": 0.1, "per_device_train_batch_size": 32}, "sft"),
        ({"model_name_or_path": "qwen3-1.7b"}, "dpo"),
        ({"beta": 0.1}, "grpo"),
        ({"reward_model_name_or_path": "Qwen/Qwen3-0.6B"}, "grpo"),
        ({"max_completion_length": 8192, "gradient_accumulation_steps": 8}, "grpo"),
    ],
)
def test_more_of_anything_needs_more(more: dict[str, Any], method: str) -> None:
    assert peak(method, **{"model": more.pop("model_name_or_path", "qwen3-0.6b"), **more}) > peak(method)


@pytest.mark.parametrize(
    ("less", "method"),
    [
        ({"dtype": "bfloat16"}, "sft"),
        ({"use_peft": True}, "sft"),
        ({"optim": "sgd"}, "sft"),
        ({"optim": "adamw_bnb_8bit"}, "sft"),
        ({"precompute_ref_log_probs": True}, "dpo"),
        ({"value_model": "head"}, "ppo"),
    ],
)
def test_what_is_said_to_save_does_save(less: dict[str, Any], method: str) -> None:
    assert peak(method, **less) < peak(method)


def test_offloading_moves_activations_but_not_what_checkpointing_keeps() -> None:
    plain = {"gradient_checkpointing": False}
    assert peak(**plain, activation_offloading=True) < peak(**plain)
    assert peak(activation_offloading=True) == peak()


def test_weights_of_four_bits_take_half_a_byte_and_a_scale() -> None:
    asked = question(model="llama-3-8b", use_peft=True, load_in_4bit=True, dtype="bfloat16").asked
    model = question(model="llama-3-8b").architecture
    rest = model.parameters - model.linear
    assert weight_bytes(asked, model) == int(model.linear * 0.5625 + rest * 2)
    assert 5.3 < weight_bytes(asked, model) / GIB < 5.7


def test_lora_is_rank_times_inputs_and_outputs() -> None:
    found = question(model="llama-3-8b", use_peft=True, lora_r=8)  # q_proj and v_proj by default
    assert adapter_parameters(found.asked, found.architecture) == 32 * 8 * ((4096 + 4096) + (4096 + 1024)) == 3_407_872
    every = question(model="llama-3-8b", use_peft=True, lora_r=16, lora_target_modules="all-linear")
    assert adapter_parameters(every.asked, every.architecture) == 41_943_040


def test_optimizers_keep_what_they_keep() -> None:
    assert optimizer_bytes("adamw_torch_fused", 1000, 4, 0) == 8000
    assert optimizer_bytes("adamw_torch_fused", 1000, 2, 0) == 4000
    assert optimizer_bytes("sgd", 1000, 4, 0) == 0
    assert optimizer_bytes("lion_32bit", 1000, 2, 0) == 4000
    # Embeddings stay in 32 bits, so that 8-bit states can be larger than those of bf16 weights.
    assert optimizer_bytes("adamw_bnb_8bit", 1000, 2, 1000) > optimizer_bytes("adamw_torch_fused", 1000, 2, 1000)


def test_several_devices_share_what_their_strategy_shares() -> None:
    found = formula.shares(question(model="llama-3-8b", processes=8, per_device_train_batch_size=1).asked)
    assert list(found) == list(formula.STRATEGIES)
    assert found["ddp"].total > found["zero1"].total > found["zero2"].total > found["zero3"].total
    # ZeRO's figure 1: 2 + 2 + 12 bytes a parameter, of which stage 3 gives each of N devices an Nth.
    parameters = 8_030_261_248
    assert found["zero3"].bill["weights"] == 2 * parameters // 8
    assert found["zero3"].bill["optimizer"] == 12 * parameters // 8
    assert found["fsdp"].bill["optimizer"] == 8 * parameters // 8
    more = formula.shares(question(model="llama-3-8b", processes=64, per_device_train_batch_size=1).asked)
    assert more["zero3"].total < found["zero3"].total
    assert more["ddp"].total == found["ddp"].total


def test_one_device_is_not_shared() -> None:
    one = formula.estimate(question().asked)
    assert one.bill["temporaries"] < formula.estimate(question(processes=2).asked).bill["temporaries"]


def test_vllm_takes_its_share_unless_it_sleeps() -> None:
    own = peak("grpo", use_vllm=True, device=80, vllm_gpu_memory_utilization=0.5)
    asleep = peak("grpo", use_vllm=True, device=80, vllm_gpu_memory_utilization=0.5, vllm_enable_sleep_mode=True)
    assert own > asleep > 40 * GIB  # it generates beside weights and states, and is gone when activations come


def test_a_model_without_dimensions_is_unknown() -> None:
    from dataclasses import replace

    with pytest.raises(MemoryUnknown):
        formula.estimate(replace(question().asked, model={"model_type": "resnet"}))
