"""After the crash: what the message, the config and what was recorded tell together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from diagnostics.memory import cpu
from diagnostics.memory.crash import Said, explain, explain_host, leak, longer, mended, said
from diagnostics.memory.records import Estimate, Storage
from tests.diagnostics.memory.asked import GIB, exact, question


def crash(
    asked: Any = None,
    phase: str = "backward",
    recorded: tuple[float, ...] = (),
    estimate: Estimate | None = None,
    **sizes: float,
) -> Any:
    """What is said of sizes in GiB."""
    one = asked or question(device=80)
    return explain(
        one,
        Said(**{name: size * GIB for name, size in sizes.items()}),
        estimate or exact(one.asked),
        phase=phase,
        recorded=recorded,
    )


def test_a_shortage_is_a_shortage() -> None:
    found = crash(total=12, free=0.1, process=11.8, allocated=10.3, unallocated=0.2)
    assert found.kind == "shortage"
    assert found.phase == "backward"
    assert found.context == pytest.approx(1.3 * GIB, abs=2)


def test_the_bill_adds_up_to_what_was_allocated() -> None:
    found = crash(total=12, allocated=11.0)
    assert sum(found.bill.values()) == pytest.approx(11 * GIB, rel=1e-6)
    states = exact(question().asked).bill
    assert found.bill["weights"] == states["weights"]
    early = crash(total=12, allocated=1.0, phase="load")
    assert sum(early.bill.values()) == pytest.approx(1 * GIB, rel=1e-6)
    assert sum(crash(total=12).bill.values()) == exact(question().asked).peak_allocated


def test_the_first_step_has_no_optimizer_states_and_the_forward_pass_no_gradients() -> None:
    first = crash(total=12, allocated=5.0, phase="forward")
    assert set(first.bill) & {"optimizer", "gradients"} == set()
    assert sum(first.bill.values()) == pytest.approx(5 * GIB, rel=1e-6)
    second = crash(total=12, allocated=9.0, phase="logits")
    assert second.bill["optimizer"] == exact(question().asked).bill["optimizer"]
    assert "gradients" not in second.bill
    assert "gradients" in crash(total=12, allocated=11.0, phase="optimizer").bill


def sized(**sizes: float) -> Said:
    return Said(**{name: size * GIB for name, size in sizes.items()})


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        (sized(asked=2, total=24, free=0.5, process=23.4, allocated=15, unallocated=7), "fragmentation"),
        (sized(asked=8, total=24, free=0.5, process=23.4, allocated=15, unallocated=7), "longer-batch"),
        (sized(asked=0.1, total=24, free=0.05, process=23.9, allocated=11, unallocated=0.2), "shortage"),
        (sized(asked=1, total=24, free=0.5, process=11.4, allocated=10, unallocated=0.3), "neighbour"),
        (sized(asked=1, total=24, others=9, allocated=10), "neighbour"),
        (sized(asked=2, total=24, allocated=20), "longer-batch"),
        (sized(), "shortage"),
    ],
)
def test_causes_are_told_apart(sizes: Said, kind: str) -> None:
    one = question(device=24)
    assert explain(one, sizes, exact(one.asked)).kind == kind


def test_vllms_share_is_told_from_trainings() -> None:
    one = question("grpo", device=24, use_vllm=True, vllm_gpu_memory_utilization=0.6)
    plain = exact(question("grpo", device=24).asked)
    found = explain(one, sized(asked=1, total=24, allocated=9, free=0.2, process=23.8), plain, phase="forward")
    assert found.kind == "vllm"
    assert found.vllm == int(24 * GIB * 0.6)
    assert explain(question("grpo", device=24), sized(asked=1, total=24, allocated=9), plain).vllm == 0
    server = question("grpo", device=24, use_vllm=True, vllm_mode="server")
    assert explain(server, sized(asked=1, total=24, allocated=9), plain).vllm == 0


def test_a_leak_rises_and_a_peak_comes_and_goes() -> None:
    rising = [10 * GIB + step * 0.2 * GIB for step in range(30)]
    assert leak(rising, 24 * GIB) == pytest.approx(0.2 * GIB)
    up_and_down = [10 * GIB + (step % 5) * 0.8 * GIB for step in range(30)]
    assert leak(up_and_down, 24 * GIB) is None
    warming = [2 * GIB, 5 * GIB, 8 * GIB, 10 * GIB, *([10 * GIB] * 12)]
    assert leak(warming, 24 * GIB) is None
    assert leak(rising[:6], 24 * GIB) is None
    assert leak(rising, None) is None
    assert crash(recorded=tuple(rising), total=24, allocated=16).kind == "leak"


def test_the_failed_request_is_known_by_its_size() -> None:
    one = question(device=24)
    logits = 8 * 1024 * 151_936 * 4
    found = explain(one, Said(asked=round(logits / GIB, 2) * GIB), exact(one.asked))
    assert found.asked_for is not None
    assert found.asked_for.shape == (8, 1024, 151_936)
    made = replace(exact(one.asked), largest=(Storage(3 * GIB, (3, 7), "int8", "aten.x", "lm_head", "logits"),))
    found = explain(one, Said(asked=3 * GIB), made)
    assert found.asked_for is not None
    assert found.asked_for.module == "lm_head"
    assert explain(one, Said(asked=77.0 * GIB), exact(one.asked)).asked_for is None


def test_a_request_told_to_the_byte_tells_the_length_of_its_batch() -> None:
    """What a run of ours said when `ulimit -d` stopped it in the forward pass: rows of 408 tokens, of 512 at most."""
    one = question("sft", "smollm2-135m", accelerator=False, per_device_train_batch_size=128, max_length=512)
    wanted = 128 * 408 * one.architecture.inner * 4
    found = explain_host(one, exact(one.asked), 2 * GIB, asked=float(wanted))
    assert found.asked_for is not None
    assert found.asked_for.shape == (128, 408, one.architecture.inner)
    assert explain_host(one, exact(one.asked), 2 * GIB, asked=float(wanted + 4)).asked_for is None


@pytest.mark.parametrize(
    ("kind", "batch", "tensors", "measured"),
    [
        ("resident", 32, 0.82, 1.36), ("resident", 128, 1.74, 2.63),
        ("data", 32, 0.82, 2.79), ("data", 128, 1.74, 4.06),
        ("address", 32, 0.82, 3.75), ("address", 128, 1.74, 5.02),
    ],
)  # fmt: skip
def test_a_process_takes_what_was_measured(kind: Any, batch: int, tensors: float, measured: float) -> None:
    assert cpu.needed(tensors * GIB, kind) / GIB == pytest.approx(measured, rel=0.1)
    assert cpu.room(cpu.needed(tensors * GIB, kind), kind) == pytest.approx(tensors * GIB, abs=2)
    assert cpu.room(0.1 * GIB, kind) == 0


def test_the_batch_that_was_too_long_is_told_by_its_length() -> None:
    one = question(device=40, gradient_checkpointing=False, longest=512)
    estimate = exact(one.asked)
    twice = exact(one.changed({}).asked)
    longer_row = exact(question(device=40, gradient_checkpointing=False, max_length=1024).asked)
    found = longer(one, Said(allocated=float(longer_row.peak_allocated), asked=0.0), estimate)
    assert found is not None
    assert found == pytest.approx(1024, rel=0.1)
    assert longer(one, Said(allocated=float(twice.peak_allocated)), estimate) is None


def test_fit_takes_the_devices_real_size() -> None:
    one = question("dpo", "qwen3-1.7b")
    found = explain(one, sized(asked=1, total=24, allocated=23, free=0.2, process=23.8), exact(one.asked))
    plan = mended(found, one, exact)
    assert plan is not None
    assert plan.options[0].question.asked.device == 24 * GIB


def test_what_a_neighbour_holds_is_not_there() -> None:
    one = question("dpo", "qwen3-1.7b")
    found = explain(one, sized(asked=1, total=48, others=24, allocated=22), exact(one.asked))
    plan = mended(found, one, exact)
    assert found.kind == "neighbour"
    assert plan is not None
    assert plan.options[0].question.asked.device == 24 * GIB


def test_another_config_mends_neither_fragments_nor_leaks() -> None:
    one = question(device=24)
    pieces = explain(one, sized(asked=2, total=24, allocated=15, unallocated=7), exact(one.asked))
    assert mended(pieces, one, exact) is None
    rising = [10 * GIB + step * 0.2 * GIB for step in range(30)]
    assert mended(explain(one, sized(total=24, allocated=16), exact(one.asked), recorded=rising), one, exact) is None


def test_a_training_on_the_cpu_that_outgrew_its_limit_is_mended() -> None:
    one = question("sft", "gpt2", accelerator=False, per_device_train_batch_size=32)
    estimate = exact(one.asked)
    limit = cpu.needed(0.6 * estimate.peak_allocated)
    found = explain_host(one, estimate, limit, asked=64.0 * (1 << 20), phase="forward")
    assert (found.kind, found.phase) == ("host", "forward")
    plan = mended(found, one, exact)
    assert plan is not None
    first = plan.options[0]
    assert first.question.rows_a_step == 32
    assert cpu.needed(first.estimate.peak_allocated) <= limit


def test_data_loaders_that_filled_shared_memory_are_put_away() -> None:
    one = question(dataloader_num_workers=8, max_length=8192, device=80)
    found = explain_host(one, exact(one.asked), 64 << 20, shm=True)
    assert found.kind == "shm"
    assert found.fix is not None
    assert found.fix.edits[0].path == "dataloader_num_workers"
    assert (found.sizes.allocated or 0) > 0
    assert mended(found, one, exact) is None
    assert explain_host(question(), exact(question().asked), None, shm=True).fix is None


def test_any_record_with_these_names_is_read() -> None:
    @dataclass
    class Theirs:
        asked: float | None = 3.0
        total: float | None = None
        more: str = ""

    assert said(Theirs()) == Said(asked=3.0)
