"""What the rules on memory say of a crash whose config tells its model: sentence, bill, and what would have fitted, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.children import child_of
from diagnostics.engine import diagnose
from diagnostics.finding import TableEvidence
from diagnostics.memory.words import CRASHES, LEVERS, PHASES
from diagnostics.report.words import LANGS, in_words
from diagnostics.run import open_run
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
