"""vLLM beside the training on one device."""

from __future__ import annotations

from typing import Any

from diagnostics.memory.vllm import beside, share_of
from tests.diagnostics.memory.asked import GIB, exact, question


def grpo(**more: Any) -> Any:
    return question("grpo", device=80, use_vllm=True, vllm_gpu_memory_utilization=0.25, **more).asked


def test_it_takes_its_share_of_the_whole_device() -> None:
    assert share_of(grpo()) == 20 * GIB
    assert share_of(grpo(vllm_mode="server")) == 0
    assert share_of(question("grpo", device=80).asked) == 0
    assert share_of(question("sft", device=80).asked) == 0


def test_awake_it_is_there_in_every_phase() -> None:
    server = exact(grpo(vllm_mode="server"))
    found = beside(server, grpo())
    assert found.peak_allocated == server.peak_allocated + 20 * GIB
    assert found.bill["kv_cache"] == 20 * GIB
    assert sum(found.bill.values()) == found.peak_allocated + found.context
    assert found.low < found.total < found.high


def test_asleep_it_is_there_while_it_generates() -> None:
    server = exact(grpo(vllm_mode="server"))
    asked = grpo(vllm_enable_sleep_mode=True)
    found = beside(server, asked)
    states = sum(server.bill[line] for line in ("weights", "optimizer", "reference"))
    assert found.phase == "generation"
    assert found.peak_allocated == states + 20 * GIB
    assert sum(found.bill.values()) == found.peak_allocated + found.context
    small = question(
        "grpo", device=8, use_vllm=True, vllm_gpu_memory_utilization=0.05, vllm_enable_sleep_mode=True
    ).asked
    trained = beside(server, small)
    assert trained.peak_allocated == server.peak_allocated
    assert trained.phase == server.phase


def test_without_it_nothing_is_added() -> None:
    found = exact(question("sft", device=80).asked)
    assert beside(found, question("sft", device=80).asked) is found
