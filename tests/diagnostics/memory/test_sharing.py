"""A traced estimate of one device among several: what they share is taken out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnostics.memory import formula
from diagnostics.memory.records import Asked, Estimate
from diagnostics.memory.sharing import alone, among
from tests.diagnostics.memory.asked import GIB, exact, question

ZERO = {f"zero{stage}": {"deepspeed": {"zero_optimization": {"stage": stage}}} for stage in (1, 2, 3)}


def more_activations(asked: Asked) -> Estimate:
    """The closed form with three GiB more in each phase: a trace that knows better."""
    found = exact(asked)
    phases = {phase: size + 3 * GIB for phase, size in found.phases.items()}
    bill = {**found.bill, "activations": found.bill["activations"] + 3 * GIB}
    return replace(
        found,
        peak_allocated=found.peak_allocated + 3 * GIB,
        peak_reserved=found.peak_allocated + 3 * GIB,
        phases=phases,
        bill=bill,
    )


def test_one_device_is_asked_as_it_is() -> None:
    found = exact(question().asked)
    assert among(question().asked, lambda asked: found) is found


@pytest.mark.parametrize("config", [{}, *ZERO.values(), {"fsdp": "full_shard"}])
def test_what_the_trace_knows_better_is_kept_and_what_is_shared_is_taken_out(config: dict[str, object]) -> None:
    asked = question(model="llama-3.2-1b", processes=4, **config).asked
    found, form = among(asked, more_activations), formula.estimate(asked)
    assert found.peak_allocated == form.peak_allocated + 3 * GIB
    assert found.phase == form.phase
    assert sum(found.bill.values()) == found.peak_allocated + found.context
    assert found.bill["optimizer"] == form.bill["optimizer"]
    assert found.low < found.total < found.high
    assert found.notes


def test_the_predictor_is_asked_for_a_step_of_one_device() -> None:
    seen: list[Asked] = []

    def estimate(asked: Asked) -> Estimate:
        seen.append(asked)
        return exact(asked)

    among(question(processes=4, **ZERO["zero2"]).asked, estimate)
    assert seen[0] == question().asked


def test_answers_generated_at_once_are_those_of_one_device() -> None:
    asked = question("grpo", per_device_train_batch_size=2, generation_batch_size=64, processes=8).asked
    found = alone(asked)
    assert found.batch * found.config["steps_per_generation"] == 64 // 8
    spread = alone(question("grpo", per_device_train_batch_size=4, processes=2).asked)
    assert (spread.batch * spread.config["steps_per_generation"]) % spread.config["num_generations"] == 0


def test_fit_finds_sharding_by_a_predictor_that_knows_one_device() -> None:
    from diagnostics.memory.fit import fit

    one = question(model="qwen2.5-7b", device=60, processes=8)
    plan = fit(one, lambda asked: among(asked, more_activations))
    assert any(step.lever.group == "sharding" for step in plan.options[0].steps)
