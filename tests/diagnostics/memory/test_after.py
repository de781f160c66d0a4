"""A run that died of memory, from its folder and the sizes in its message to what would have fitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.fixing import applied
from diagnostics.memory import cpu, formula
from diagnostics.memory.after import after, after_host, corrected_by, factor_of
from diagnostics.memory.crash import Said
from diagnostics.memory.words import LEVERS
from diagnostics.run import Run, open_run
from tests.diagnostics.memory.asked import GIB, question


def died(folder: Path, method: str = "dpo", **config: Any) -> Run:
    """A run folder of which only run.json is there."""
    content = {"method": method, "config": {"model_name_or_path": "qwen3-1.7b", **config}}
    (folder / "run.json").write_text(json.dumps(content))
    return open_run(folder)


def sized(**sizes: float) -> Said:
    return Said(**{name: size * GIB for name, size in sizes.items()})


def test_a_shortage_has_the_changes_that_would_have_fitted(tmp_path: Path) -> None:
    run = died(tmp_path)
    found = after(
        run, sized(asked=0.5, total=24, free=0.2, process=23.7, allocated=23, unallocated=0.2), phase="backward"
    )
    assert found is not None
    assert (found.crash.kind, found.crash.phase) == ("shortage", "backward")
    assert sum(found.crash.bill.values()) == pytest.approx(23 * GIB, rel=1e-6)
    assert found.plan is not None
    first = found.plan.options[0]
    child = {name: value for name, value in applied(run.asked, first.fix.edits).items() if value is not None}
    assert child != run.asked
    assert first.estimate.total * 1.04 <= 24 * GIB


def test_a_rule_can_word_every_fix(tmp_path: Path) -> None:
    found = after(died(tmp_path), sized(asked=0.5, total=24, allocated=23))
    assert found is not None
    assert found.plan is not None
    for option in found.plan.options:
        for fix in (option.fix, *(step.fix for step in option.steps)):
            for lang in LEVERS:
                assert "{" not in LEVERS[lang][fix.key].format_map(fix.facts)


def test_what_the_crash_measured_corrects_the_formula(tmp_path: Path) -> None:
    # The closed form says 11 GiB; this run had 20 GiB allocated and asked for 2 more.
    run = died(tmp_path, "sft", model_name_or_path="qwen3-0.6b")
    found = after(run, sized(asked=2, total=24, allocated=20))
    assert found is not None
    assert found.estimate.peak_allocated == pytest.approx(22 * GIB, rel=0.01)
    assert sum(found.estimate.bill.values()) == found.estimate.peak_allocated + found.estimate.context
    assert formula.estimate(found.question.asked).peak_allocated < 12 * GIB


def test_a_crash_measures_from_below() -> None:
    one = question()
    assert factor_of(one, sized(allocated=1), formula.estimate) == 1.0
    found = formula.estimate(one.asked)
    assert corrected_by(one.asked, formula.estimate, 1.0).peak_allocated == found.peak_allocated
    larger = corrected_by(one.asked, formula.estimate, 2.0)
    assert larger.bill["weights"] == found.bill["weights"]
    assert larger.peak_allocated > found.peak_allocated


def test_another_config_does_not_mend_fragments(tmp_path: Path) -> None:
    found = after(died(tmp_path), sized(asked=2, total=24, allocated=15, unallocated=7))
    assert found is not None
    assert found.crash.kind == "fragmentation"
    assert found.plan is None


def test_a_training_on_the_cpu_that_outgrew_its_limit(tmp_path: Path) -> None:
    run = died(tmp_path, "sft", model_name_or_path="gpt2", per_device_train_batch_size=32)
    found = after_host(run, 6 * GIB, on_cpu=True, asked=float(1 << 28), phase="forward")
    assert found is not None
    assert found.crash.kind == "host"
    assert found.plan is not None
    first = found.plan.options[0]
    assert first.question.rows_a_step == 32
    assert cpu.needed(first.estimate.peak_allocated) <= 6 * GIB
    assert "use_cpu" not in {edit.path for edit in first.fix.edits}


def test_the_machines_own_memory_and_shared_memory(tmp_path: Path) -> None:
    run = died(tmp_path, "sft", dataloader_num_workers=4)
    host = after_host(run, 16 * GIB, on_cpu=False)
    assert host is not None
    assert host.plan is None
    assert host.crash.fix is not None
    shm = after_host(run, 64 << 20, on_cpu=False, shm=True)
    assert shm is not None
    assert shm.crash.kind == "shm"


@pytest.mark.parametrize("config", [{"model_name_or_path": "nobody/knows"}, {"bf16": True, "fp16": True}])
def test_a_config_that_does_not_tell_enough_is_no_answer(tmp_path: Path, config: dict[str, Any]) -> None:
    assert after(died(tmp_path, **config), sized(total=24)) is None
    assert after_host(died(tmp_path, **config), None, on_cpu=True) is None
