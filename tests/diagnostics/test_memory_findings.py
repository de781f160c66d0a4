"""What the rules on memory say of a crash whose config tells its model: sentence, bill, and what would have fitted, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.children import child_of
from diagnostics.engine import diagnose
from diagnostics.finding import Edit, TableEvidence
from diagnostics.fixing import child_config
from diagnostics.memory.after_crash import after_crash
from diagnostics.memory.in_findings import crash_fixes
from diagnostics.memory.words import CRASHES, LEVERS, PHASES
from diagnostics.report.words import LANGS, in_words
from diagnostics.rules.memory_leak import rise_of
from diagnostics.run import Series, open_run
from tests.diagnostics.memory.asked import GIB
from tests.diagnostics.memory.test_after_crash import BACKWARD, CONFIG, DEVICE, LOGITS, ON_CPU, REFUSED, RUNNING
from tests.diagnostics.postmortem.texts import crash
from tests.test_cases import CASES

MEMORY = ("out-of-memory", "out-of-host-memory", "shared-memory-exhausted")


def found(folder: Path, console: str, machine: dict[str, Any] | None = None, **config: Any) -> Any:
    """The first finding of a run of ours that left this console, and its diagnosis."""
    (folder / "run.json").write_text(json.dumps({"method": "sft", "config": {**CONFIG, **config}}))
    (folder / "status.json").write_text(json.dumps({**RUNNING, "machine": machine or {}}))
    (folder / "console.log").write_text(console)
    run = open_run(folder)
    diagnosis = diagnose(run)
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"]
    return run, diagnosis


def bill_of(finding: Any) -> dict[str, int]:
    table = next(one for one in finding.evidence if isinstance(one, TableEvidence) and one.title == "bill")
    return {row[0]: int(row[2]) for row in table.rows}


def test_the_first_fix_is_the_cheapest_way_and_the_child_takes_it(tmp_path: Path) -> None:
    run, diagnosis = found(tmp_path, crash(*BACKWARD, end=DEVICE), model_name_or_path="qwen3-0.6b")
    first = diagnosis.findings[0]
    assert first.rule == "out-of-memory"
    assert sum(bill_of(first).values()) == pytest.approx(22.6 * GIB, rel=1e-6)
    child = child_of(run, diagnosis, "out-of-memory").config
    rows = child["per_device_train_batch_size"] * child["gradient_accumulation_steps"]
    assert (first.fixes[0].safety, rows, child["fixes"]) == ("safe", 16, ["out-of-memory/fit"])
    # The rule's own smaller batch says nothing that this one does not.
    assert "halve" not in [fix.key for fix in first.fixes]


@pytest.mark.parametrize("lang", LANGS)
def test_a_way_of_several_steps_names_each(tmp_path: Path, lang: Any) -> None:
    _, diagnosis = found(
        tmp_path, crash(*BACKWARD, end=DEVICE), model_name_or_path="llama-3-8b", gradient_checkpointing=False
    )
    finding = diagnosis.findings[0]
    way, title = finding.fixes[0], in_words(finding, lang).fixes[0].title
    assert len(way.steps) > 1
    for step in way.steps:
        assert LEVERS[lang][step.key].format_map(step.facts) in title
    total = CRASHES[lang]["shortage"].partition("{needed}")[0]
    assert total in in_words(finding, lang).summary


@pytest.mark.parametrize("lang", LANGS)
def test_the_host_has_phase_and_sizes_in_its_sentences(tmp_path: Path, lang: Any) -> None:
    machine = {**ON_CPU, "limits": {"address": 40 * GIB}}
    _, diagnosis = found(tmp_path, crash(*LOGITS, end=REFUSED), machine)
    said = in_words(diagnosis.findings[0], lang).summary
    assert PHASES[lang]["at-logits"] in said
    assert "40.00 GiB" in said
    assert "{" not in said


def test_what_a_way_takes_out_is_not_null_in_the_child(tmp_path: Path) -> None:
    run, _ = found(tmp_path, crash(*BACKWARD, end=DEVICE))
    told = after_crash(run)
    assert told is not None
    assert told.plan is not None
    option = told.plan.options[0]
    fix = replace(option.fix, edits=(Edit("generation_batch_size", 64, None), Edit("steps_per_generation", None, 2)))
    told = replace(told, plan=replace(told.plan, options=(replace(option, fix=fix),)))
    config = child_config({"generation_batch_size": 64}, crash_fixes(told, ())[0])
    assert config == {"steps_per_generation": 2}


def test_fragments_keep_the_rules_own_fixes(tmp_path: Path) -> None:
    end = DEVICE.replace("22.60 GiB", "15.60 GiB").replace("200.00 MiB is reserved", "7.20 GiB is reserved")
    _, diagnosis = found(tmp_path, crash(*BACKWARD, end=end), gradient_checkpointing=False)
    finding = diagnosis.findings[0]
    assert finding.facts["more"] == ("fragmentation",)
    assert [fix.key for fix in finding.fixes][:2] == ["segments", "halve"]


def test_without_a_model_all_is_as_before(tmp_path: Path) -> None:
    _, diagnosis = found(tmp_path, crash(*BACKWARD, end=DEVICE), model_name_or_path="nobody/knows")
    finding = diagnosis.findings[0]
    assert (finding.facts.get("more"), finding.fixes[0].key) == (None, "halve")
    assert [one.title for one in finding.evidence if isinstance(one, TableEvidence)] == ["memory"]


@pytest.mark.parametrize("rule", MEMORY)
def test_a_recorded_crash_has_more_to_say_than_its_console(rule: str) -> None:
    known = [
        path
        for path in sorted((CASES / rule).glob("bad-*"))
        if json.loads((path / "status.json").read_text()).get("machine")
    ]
    assert known
    for path in known:
        finding = diagnose(open_run(path)).findings[0]
        assert finding.facts["more"]
        assert any(isinstance(one, TableEvidence) for one in finding.evidence)


def course(values: list[float], unit: float = GIB) -> Any:
    """A rise in readings, one a step; None where there is none."""
    return rise_of(Series("memory", np.arange(1, len(values) + 1), np.array(values)), unit)


def test_the_rise_of_a_leak_is_its_slope() -> None:
    found = course([4 + 0.02 * step for step in range(1, 101)])
    assert (found.first, found.last) == (26, 100)
    assert found.slope == pytest.approx(0.02 * GIB)


@pytest.mark.parametrize(
    "values",
    [
        [4.0] * 60,
        [4.0 if step < 38 else 6.0 for step in range(60)],  # a first evaluation
        [8 - 4 * 0.9**step for step in range(60)],  # a cache that fills
        [4 + (step * 7 % 11) / 10 for step in range(60)],  # batches of all lengths
        [4 + step / 60 if step < 40 else 4.0 for step in range(60)],  # given back
    ],
)
def test_what_is_no_leak(values: list[float]) -> None:
    assert course(values) is None


def test_a_crash_of_a_leak_is_one_finding(tmp_path: Path) -> None:
    log = [{"step": s, "loss": 2.0, "memory/device_allocated_gib": 10 + 0.2 * s} for s in range(1, 61)]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    machine = {"accelerator": "cuda", "device": 24 * GIB}
    _, diagnosis = found(tmp_path, crash(*BACKWARD, end=DEVICE), machine, gradient_checkpointing=False)
    finding = diagnosis.findings[0]
    assert (finding.rule, finding.facts["more"]) == ("out-of-memory", ("leak",))
    assert "memory-leak" in finding.explains
    assert finding.fixes[0].key == "let-go"  # a smaller batch would only die later
    assert not [fix for fix in finding.fixes if fix.edits]
