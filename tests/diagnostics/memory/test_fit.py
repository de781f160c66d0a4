"""The search: the cheapest that fits, the effective batch kept, few estimates, fixes that a child run takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diagnostics.fixing import applied
from diagnostics.memory import formula
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.fit import MOST_ESTIMATES, fit
from diagnostics.memory.levers import GROUPS, levers
from diagnostics.memory.prices import PRICES
from diagnostics.memory.records import Asked, Cancelled, Estimate, NotTraceable
from diagnostics.memory.resolve import resolve
from diagnostics.memory.verdict import verdict
from diagnostics.memory.words import LEVERS
from tests.diagnostics.memory.asked import GIB, counting, exact, offline, question

MODEL_GIB = 10.0


def linear(asked: Asked) -> Estimate:
    """A made-up predictor: 10 GiB of states, 1 GiB a row, 2 GiB less with checkpointing; a quarter of the states under LoRA."""
    states = MODEL_GIB * (0.25 if asked.config.get("use_peft") else 1.0)
    rows = asked.batch * (0.2 if asked.config.get("gradient_checkpointing", True) else 1.0) * asked.length / 1024
    bill = {"weights": int(states * GIB), "activations": int(rows * GIB)}
    total = sum(bill.values())
    return Estimate(total, total, total, total, 0, "backward", 2, "aten.mm", bill, "extrapolated")


def keys(option: Any) -> list[str]:
    return [step.lever.key for step in option.steps]


def test_what_fits_is_left_alone() -> None:
    estimate, asked = counting(linear)
    plan = fit(question(device=80), estimate)
    assert plan.options == ()
    assert len(asked) == 1


def test_the_cheapest_change_that_fits_is_found() -> None:
    plan = fit(question(device=15, gradient_checkpointing=False), linear)  # 18 GiB; 14 with 4 rows
    assert keys(plan.options[0]) == ["batch"]
    assert plan.options[0].question.asked.batch == 4
    assert plan.options[0].steps[0].saved == 4 * GIB
    assert plan.options[0].fix.safety == "safe"


def test_the_effective_batch_is_kept_exactly() -> None:
    for rows in (2, 3, 6, 8, 12, 7):
        before = question(
            device=11.3, gradient_checkpointing=False, per_device_train_batch_size=rows, gradient_accumulation_steps=3
        )
        for option in fit(before, linear).options:
            assert option.question.rows_a_step == before.rows_a_step


def test_what_is_learned_is_kept_where_it_can_be() -> None:
    plan = fit(question(device=11, gradient_checkpointing=False), linear)
    assert all(step.lever.quality == 0 for step in plan.options[0].steps)
    # Two GiB less than the states: nothing that leaves them alone can do.
    changed = fit(question(device=8, gradient_checkpointing=False), linear).options[0]
    assert "lora" in keys(changed)
    assert changed.fix.safety == "ask"


def test_where_states_dominate_no_batch_is_tried() -> None:
    estimate, asked = counting(linear)
    before = question(device=8, gradient_checkpointing=False)
    fit(before, estimate)
    assert len(asked) > 1
    for one in asked[1:]:
        assert one.config.get("use_peft") or one.dtype != "float32" or one.model != before.asked.model


def test_nothing_is_offered_that_does_not_fit() -> None:
    for device in (1, 4, 9, 12, 14, 17):
        for option in fit(question(device=device, gradient_checkpointing=False), linear).options:
            assert verdict(option.estimate, int(device * GIB)) == "fits"


def test_where_nothing_fits_the_closest_is_told() -> None:
    plan = fit(
        question(device=1, model="qwen3-0.6b"),
        lambda asked: replace(linear(asked), peak_reserved=9 * GIB, peak_allocated=9 * GIB),
    )
    assert plan.options == ()
    assert plan.complete


@pytest.mark.parametrize(
    ("method", "model", "device", "config"),
    [
        ("sft", "llama-3-8b", 79, {}),
        ("sft", "llama-3-8b", 24, {}),
        ("sft", "llama-3-8b", 12, {"max_length": 4096}),
        ("dpo", "qwen3-1.7b", 24, {}),
        ("dpo", "qwen3-1.7b", 16, {}),
        ("kto", "qwen3-0.6b", 12, {}),
        ("reward", "qwen3-0.6b", 8, {"gradient_checkpointing": False}),
        ("grpo", "qwen3-0.6b", 24, {"max_completion_length": 4096, "gradient_accumulation_steps": 8}),
        ("rloo", "qwen3-0.6b", 10, {}),
        ("ppo", "qwen3-0.6b", 16, {}),
        ("sft", "qwen2.5-7b", 40, {"processes": 8}),
    ],
)
def test_real_configs_are_made_to_fit_with_few_estimates(
    method: str, model: str, device: float, config: dict[str, Any]
) -> None:
    estimate, asked = counting(exact)
    before = question(method, model, device, **config)
    plan = fit(before, estimate)
    assert len(asked) == plan.estimates <= MOST_ESTIMATES
    assert plan.options
    first = plan.options[0]
    # Taken as it is by a child run: the config with the edits is the question that was estimated.
    child = {name: value for name, value in applied(before.config, first.fix.edits).items() if value is not None}
    again = resolve(method, child, processes=before.asked.processes, device=before.asked.device, lookup=offline)
    assert again.asked == first.question.asked
    assert exact(again.asked).total * 1.04 <= device * GIB
    # The edits of the steps, one after another, are those of the whole.
    config_now = dict(before.config)
    for step in first.steps:
        config_now = applied(config_now, step.fix.edits)
    assert {name: value for name, value in config_now.items() if value is not None} == child
    # What each step saves adds up.
    assert sum(step.saved for step in first.steps) == plan.base.total - first.estimate.total
    assert (first.quality == 0) == (first.fix.safety == "safe")


def test_a_second_way_is_another_way() -> None:
    plan = fit(question("dpo", "qwen3-1.7b", 24), exact)
    first, second = plan.options
    costliest = max(first.steps, key=lambda one: (one.lever.quality, one.lever.time)).lever.group
    assert costliest not in [step.lever.group for step in second.steps]


def test_an_option_has_no_step_too_many() -> None:
    plan = fit(question("dpo", "qwen3-1.7b", 24), exact)
    for option in plan.options:
        for left_out in option.steps:
            edits = [edit for step in option.steps if step is not left_out for edit in step.fix.edits]
            fewer = (
                question("dpo", "qwen3-1.7b", 24).changed({edit.path: edit.new for edit in edits})
                if edits
                else question("dpo", "qwen3-1.7b", 24)
            )
            assert verdict(exact(fewer.asked), fewer.asked.device) != "fits"


def test_edits_speak_as_the_config_does() -> None:
    before = question(device=11, activation_checkpointing=False, max_seq_length=1024, parent="x")
    assert before.given == {
        "model_name_or_path": "qwen3-0.6b",
        "activation_checkpointing": False,
        "max_seq_length": 1024,
    }
    plan = fit(before, linear)
    paths = {edit.path for option in plan.options for edit in option.fix.edits}
    assert "gradient_checkpointing" not in paths
    assert "activation_checkpointing" in paths
    for option in plan.options:
        child = applied(before.given, option.fix.edits)
        assert resolve("sft", child, device=before.asked.device, lookup=offline).asked == option.question.asked


def test_progress_is_told_and_a_stop_is_heard() -> None:
    told: list[tuple[int, int, str]] = []
    fit(question(device=11, gradient_checkpointing=False), linear, progress=lambda *one: told.append(one))
    assert told[-1][0] == told[-1][1]
    assert [one[0] for one in told] == sorted(one[0] for one in told)
    with pytest.raises(Cancelled):
        fit(question(device=11, gradient_checkpointing=False), linear, cancelled=lambda: len(told) > 0)


def test_what_cannot_be_traced_must_fit_by_the_formulas_own_error() -> None:
    def partly(asked: Asked) -> Estimate:
        if asked.config.get("use_peft"):
            raise NotTraceable("No adapters today.", "今天没有适配器。")
        return exact(asked)

    plan = fit(question("sft", "llama-3-8b", 24), partly)
    assert plan.untraced == ("No adapters today.",)
    for option in plan.options:
        if option.question.value("use_peft"):
            assert option.estimate.high <= 24 * GIB


def test_a_device_is_needed() -> None:
    with pytest.raises(AskedWrong, match="no device"):
        fit(question(), linear)


def test_every_lever_has_a_price_a_reason_and_words() -> None:
    asked = [
        question("dpo", processes=4, gradient_checkpointing=False, attn_implementation="eager", eval_strategy="steps"),
        question("grpo", model="llama-3.2-3b", use_vllm=True, gradient_accumulation_steps=4),
        question("grpo", gradient_accumulation_steps=4),
        question("sft", use_peft=True),
    ]
    seen = {one.key for each in asked for group in levers(each).values() for one in group}
    assert seen | {"workers"} == set(PRICES)
    for lang in LEVERS:
        assert set(LEVERS[lang]) == set(PRICES) | {"fit", "and"}  # these two join the steps of a way
    for price in PRICES.values():
        assert price.time.source
        assert price.quality.source


def test_levers_stand_in_known_groups_and_change_something() -> None:
    found = levers(question("dpo", processes=4, gradient_checkpointing=False))
    assert set(found) <= set(GROUPS)
    for group in found.values():
        for lever in group:
            changes = lever.changes(question("dpo", processes=4, gradient_checkpointing=False))
            assert changes, lever.key


def test_group_generation_stays_whole_when_fewer_answers_are_generated_at_once() -> None:
    before = question("grpo", per_device_train_batch_size=4, gradient_accumulation_steps=8, num_generations=8)
    for lever in levers(before)["rollout"]:
        changes = lever.changes(before)
        if changes:
            size = 4 * changes["steps_per_generation"]
            assert size % 8 == 0
    # Groups of 8 that fill the generation batch cannot be cut.
    whole = question("grpo", per_device_train_batch_size=8)
    assert all(lever.changes(whole) is None for lever in levers(whole)["rollout"])


def test_ppo_is_not_sharded_and_a_cpu_has_no_8_bit_states() -> None:
    shards = {one.key for one in levers(question("ppo", processes=2)).get("sharding", [])}
    assert shards == {"zero1", "zero2"}
    assert "optimizer" not in levers(question(accelerator=False))
    assert all(one.key != "qlora" for one in levers(question(accelerator=False))["adapter"])


def test_lora_comes_with_its_learning_rate_and_a_base_of_two_bytes() -> None:
    lora = next(one for one in levers(question(learning_rate=2e-5))["adapter"] if one.key == "lora")
    changes = lora.changes(question(learning_rate=2e-5))
    assert changes is not None
    assert changes["learning_rate"] == 2e-4
    assert changes["dtype"] == "bfloat16"
    assert formula.estimate(question(**changes).asked).total < formula.estimate(question().asked).total
