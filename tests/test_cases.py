"""Every rule finds its bad cases and stays silent on its near misses; its words and fixes hold together."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from diagnostics.engine import diagnose
from diagnostics.finding import SeriesEvidence
from diagnostics.report import as_json, as_text
from diagnostics.report.page import explain
from diagnostics.report.words import LANGS, in_words
from diagnostics.rules import RULES, RUN_RULES
from diagnostics.run import open_run
from tests.expect import expected, place

CASES = Path(__file__).parent / "cases"
BAD = sorted(CASES.glob("*/bad-*"))
NEAR_MISSES = sorted(CASES.glob("*/near-miss-*"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_bad_case_is_found_as_one_finding(path: Path) -> None:
    diagnosis = diagnose(open_run(path))
    # What is only a note (nothing was evaluated, the run is short) may stand beside it, never before it.
    assert [one.rule for one in diagnosis.findings if one.severity != "info"] in ([path.parent.name], [])
    assert diagnosis.findings[0].rule == path.parent.name
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"]


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_report_and_child_config_are_as_expected(path: Path) -> None:
    """Read the difference; if it is meant, write it down with `python -m tests.expect`."""
    kept = json.loads(place(path).read_text(encoding="utf-8"))
    assert expected(path) == kept


def test_nothing_is_expected_of_cases_that_are_gone() -> None:
    assert sorted(CASES.glob("*/expected/*.json")) == sorted(place(path) for path in BAD)


@pytest.mark.parametrize("path", NEAR_MISSES, ids=name_of)
def test_near_miss_is_not_found(path: Path) -> None:
    diagnosis = diagnose(open_run(path))
    assert path.parent.name not in [one.rule for one in diagnosis.findings]
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"]


@pytest.mark.parametrize("rule", RUN_RULES, ids=lambda rule: rule.NAME)
def test_rule_has_cases_of_both_kinds(rule: ModuleType) -> None:
    assert [path for path in BAD if path.parent.name == rule.NAME]
    assert [path for path in NEAR_MISSES if path.parent.name == rule.NAME]


@pytest.mark.parametrize(
    ("case", "step"),
    [
        ("loss-not-finite/bad-open.json", 31),
        ("loss-not-finite/bad-hidden-as-zero.json", 40),
        ("loss-not-finite/bad-hidden-as-frozen.json", 25),
        ("loss-not-finite/bad-evaluation.json", 40),
        ("loss-diverged/bad-at-once.json", 2),
        ("loss-diverged/bad-gave-back.json", 40),
        ("loss-diverged/bad-dpo-above-ln2.json", 20),
        ("overfitting/bad-strong.json", 40),
    ],
)
def test_onset_is_the_step_at_which_it_began(case: str, step: int) -> None:
    assert diagnose(open_run(CASES / case)).findings[0].first_step == step


@pytest.mark.parametrize("path", BAD, ids=name_of)
@pytest.mark.parametrize("lang", LANGS)
def test_finding_reads_as_whole_sentences_with_evidence(path: Path, lang: str) -> None:
    run = open_run(path)
    diagnosis = diagnose(run)
    finding = in_words(diagnosis.findings[0], lang)
    sentences = (finding.title, finding.summary, finding.why, finding.wrong_if, *finding.causes)
    assert all(sentence and "{" not in sentence for sentence in sentences)
    assert finding.evidence or finding.rule == "run-died"
    assert finding.fixes
    for one in finding.evidence:
        if isinstance(one, SeriesEvidence):
            assert set(one.marks[:1]) <= {step for step, _ in one.rows}
    assert finding.rule in as_text.report(run, diagnosis, lang)
    assert finding.rule in as_json.report(run, diagnosis, lang)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.NAME)
def test_words_of_both_languages_have_the_same_keys(rule: ModuleType) -> None:
    english, chinese = rule.WORDS["en"], rule.WORDS["zh"]
    assert english.causes.keys() == chinese.causes.keys()
    assert english.fixes.keys() == chinese.fixes.keys()
    assert type(english.summary) is type(chinese.summary)
    if not isinstance(english.summary, str):
        assert english.summary.keys() == chinese.summary.keys()
    for lang in LANGS:
        assert len(explain(rule.NAME, lang)) > 100


def test_edits_change_something() -> None:
    for path in BAD:
        for fix in diagnose(open_run(path)).findings[0].fixes:
            for edit in fix.edits:
                assert edit.old != edit.new
                assert edit.new is not None


def test_evaluation_loss_of_an_online_method_accuses_nobody() -> None:
    """A recorded GRPO run whose held-out reward rises: its evaluation loss wanders around 0, which is no overfitting."""
    diagnosis = diagnose(open_run(CASES / "reward-length-bias" / "near-miss-real-earned.json"))
    assert [one.rule for one in diagnosis.findings if one.severity != "info"] == []
    assert "overfitting" in [one.rule for one in diagnosis.not_checked]
