"""The peers' adapters, without a peer: what their findings are taken for, and the files that are written for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import inputs
from tests.bench.peers import FINETUNE_DOCTOR, PEERS, both_doctors, said_by
from tests.bench.scoring import Report, Said

OVERFITTING = Said("overfitting", "warning", frozenset({"overfitting"}))


def test_a_peers_findings_come_gravest_first_and_name_our_rules() -> None:
    findings = [
        {"check": "no_eval", "severity": "WARNING", "title": "No evaluation", "summary": "..."},
        {"check": "rl_run", "severity": "INFO", "title": "This is an RL run", "summary": "..."},
        {"check": "gradients", "severity": "CRITICAL", "title": "Zero gradients", "summary": "exactly 0.0"},
    ]
    first, second, third = said_by(FINETUNE_DOCTOR, {"findings": findings})
    assert (first.name, first.severity) == ("gradients", "error")
    assert "nothing-trainable" in first.rules
    assert second.rules == {"no-evaluation"}
    assert not third.judged
    assert Report((first, second, third)).alarms == [first]


def test_a_finding_without_a_line_is_not_lost_in_silence() -> None:
    with pytest.raises(KeyError, match="no line"):
        said_by(FINETUNE_DOCTOR, {"findings": [{"check": "new_check", "severity": "INFO"}]})


def test_the_peers_tables_name_rules_as_we_write_them() -> None:
    for peer in PEERS:
        assert f"=={peer.version}" in peer.requirements[0]
        for line in peer.table:
            assert all(rule == rule.lower() and "_" not in rule for rule in (line.rules or "").split())


def test_finetune_doctor_hands_rl_runs_over() -> None:
    handed = Report((Said("rl_run", "info", frozenset(), judged=False),), 0.5)
    kept, other = Report((OVERFITTING,), 0.5), Report((), 1.0)
    both = both_doctors({"grpo": handed, "sft": kept}, {"grpo": Report((OVERFITTING,), 1.0), "sft": other})
    assert both["grpo"] == Report((OVERFITTING,), 1.5)
    assert both["sft"] is kept


def test_rows_are_the_same_from_every_form(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": 2.5, "learning_rate": 0.1, "epoch": 0.5}, {"step": 2, "loss": 2.0, "epoch": 1.0}]
    forms = {
        "log_history.json": json.dumps(rows),
        "trainer_log.jsonl": "".join(
            json.dumps({"current_steps": row.pop("step"), **row}) + "\n" for row in map(dict, rows)
        ).replace("learning_rate", "lr"),
        "train.log": "noise {not a row}\n"
        + "\n".join(str({key: str(value) for key, value in row.items() if key != "step"}) for row in rows),
    }
    for name, text in forms.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text(text)
        assert inputs.log_of(folder) == ("rows", folder / name)
        assert inputs.rows_of(folder / name) == rows, name
    state = inputs.write_state(rows, tmp_path / "state")
    assert inputs.log_of(state.parent) == ("state", state)
    assert inputs.rows_of(state) == rows
