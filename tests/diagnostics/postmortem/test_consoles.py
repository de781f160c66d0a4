"""Consoles of dead runs: the first cause is named, alone, with the lines that show it; of healthy runs nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.engine import diagnose
from diagnostics.finding import Diagnosis, TextEvidence
from diagnostics.postmortem.signs import SIGNS
from diagnostics.report.words import LANGS, in_words
from diagnostics.run import open_run
from tests.diagnostics.postmortem.texts import (
    LOOP,
    MAKE,
    NEW,
    ROOT_CAUSE,
    STEP,
    TEXTS,
    WATCHDOG,
    Text,
    crash,
    of_rank,
    rows,
)

# Kinds that a rule tells from frames or a table of names, not from the sentence alone.
GUESSES = {
    ("run-died", "unknown"),
    ("run-died", "cut-off"),
    ("options-contradict", "refused"),
    ("embedding-too-small", "assert"),
    ("server-unreachable", "inner"),
}
TOLD_APART = ("argument-renamed", "api-removed", "reward-wrong-count", "out-of-memory")


def judged(folder: Path, text: str, name: str = "console.txt") -> Diagnosis:
    """What is said of a text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return diagnose(open_run(path))


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.name)
def test_the_first_cause_is_named_alone(one: Text, tmp_path: Path) -> None:
    diagnosis = judged(tmp_path, one.text)
    assert not [other for other in diagnosis.not_checked if other.reason == "rule-broke"]
    found = [finding for finding in diagnosis.findings if finding.severity != "info"]
    kinds = [(finding.rule, str(finding.facts.get("kind", "")).removeprefix("console-")) for finding in found]
    assert kinds == [(one.rule, one.kind.removeprefix("console-"))]
    finding = found[0]
    assert finding.confidence <= 0.5 or (one.rule, one.kind) not in GUESSES
    assert finding.fixes
    for lang in LANGS:
        words = in_words(finding, lang)
        sentences = (words.title, words.summary, words.why, *words.causes, *(fix.title for fix in words.fixes))
        assert all(
            sentence and "{" not in sentence.replace(one.text, "") for sentence in sentences if "Lora" not in sentence
        ) or ("{" in one.text)


def test_every_kind_of_every_rule_has_a_text() -> None:
    said = {(one.rule, one.kind) for one in TEXTS}
    missing = {
        (sign.rule, sign.kind) for sign in SIGNS if sign.rule not in TOLD_APART and (sign.rule, sign.kind) not in said
    }
    assert not missing


@pytest.mark.parametrize("one", [one for one in TEXTS if len(one.text.splitlines()) > 1], ids=lambda one: one.name)
@pytest.mark.parametrize(
    "prefix", ["[rank5]: ", "(Worker pid=99, ip=10.0.0.2) ", "2026-03-01 10:00:00,123 - ERROR - x - "]
)
def test_what_stands_before_each_line_changes_nothing(one: Text, prefix: str, tmp_path: Path) -> None:
    if "[rank" in one.text or "rank      :" in one.text or "{'loss'" in one.text or one.kind == "told":
        pytest.skip("has ranks of its own")
    text = "".join(f"{prefix}{line}\n" for line in one.text.splitlines())
    found = [finding for finding in judged(tmp_path, text).findings if finding.severity != "info"]
    assert [finding.rule for finding in found] == [one.rule]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("caught", crash(*STEP, end=NEW) + "batch size halved, once more\n" + rows(2.0, 1.9, 1.8, 1.7)),
        (
            "ignored",
            "Exception ignored in: <function f at 0x7f>\n"
            + crash("a.py:1 f", end="OSError: [Errno 9] Bad")
            + rows(1.0),
        ),
        (
            "logging",
            rows(2.0, 1.9) + "--- Logging error ---\n" + crash("a.py:1 emit", end="OSError: [Errno 28] No space left"),
        ),
        (
            "finished",
            rows(2.0, 1.9) + crash(*STEP, end=NEW) + "{'train_runtime': 12.0, 'train_loss': 1.9, 'epoch': 1.0}\n",
        ),
        ("one-instance", "This instance will be ignored in loss calculation.\n" + rows(2.0, 1.9, 1.8, 1.7)),
        (
            "grpo",
            "{'loss': 0.0, 'grad_norm': 0.09, 'reward': 1.8, 'reward_std': 0.7, 'kl': 0.0005, 'epoch': 0.71}\n" * 2,
        ),
        ("nan-kl", "Step | Training Loss | reward | kl\n1 | -0.28 | 13.4 | nan\n2 | -0.15 | 6.9 | nan\n"),
        (
            "checkpointing",
            "UserWarning: None of the inputs have requires_grad=True. Gradients will be None\n" + rows(2.0, 1.9, 1.8),
        ),
        ("grpo-told", "With GRPO the training loss is 0 while the reward rises.\n"),
    ],
)
def test_of_a_run_that_went_on_nothing_is_said(name: str, text: str, tmp_path: Path) -> None:
    found = judged(tmp_path, text).findings
    assert [one.rule for one in found if one.severity != "info"] == []


def test_the_rank_that_failed_first_is_named_and_the_others_fold(tmp_path: Path) -> None:
    text = of_rank(3, crash(*STEP, end=NEW)) + "".join(WATCHDOG.format(rank) for rank in (0, 1, 2))
    finding = judged(tmp_path, text).findings[0]
    assert finding.facts["where"] == " (rank 3)"
    assert finding.explains == ("collective-timeout",)
    lines = next(one for one in finding.evidence if isinstance(one, TextEvidence)).lines
    assert all(line.startswith("[rank3]") for line in lines)
    assert any("Tried to allocate 2.32 GiB" in line for line in lines)


def test_the_summary_of_torchrun_gives_a_rank_to_lines_without_one(tmp_path: Path) -> None:
    text = crash(*STEP, end=NEW) + ROOT_CAUSE.format(rank=6, code=1, said="none")
    assert judged(tmp_path, text).findings[0].facts["where"] == " (rank 6)"


@pytest.mark.parametrize(("code", "said"), [(-6, "Signal 6 (SIGABRT)"), (-9, "Signal 9 (SIGKILL)")])
def test_a_kill_after_a_time_limit_is_its_consequence(code: int, said: str, tmp_path: Path) -> None:
    text = (
        WATCHDOG.format(1)
        + WATCHDOG.format(0)
        + ROOT_CAUSE.format(rank=1, code=code, said=f"{said} received by PID 4711")
    )
    found = [one.rule for one in judged(tmp_path, text).findings if one.severity != "info"]
    assert found == ["collective-timeout"]


def test_an_unknown_cause_is_an_answer_with_the_last_own_frame(tmp_path: Path) -> None:
    text = crash(*STEP, "model.py:88 forward x[mask]", "torch/functional.py:9 inner", end="TypeError: no mask")
    finding = judged(tmp_path, text).findings[0]
    assert (finding.rule, finding.confidence) == ("run-died", 0.5)
    assert finding.facts["frame"] == "model.py:88 forward"
    assert "TypeError: no mask" in finding.facts["line"]


def test_of_a_chain_of_handlers_the_last_is_shown(tmp_path: Path) -> None:
    text = (
        crash("a.py:1 f", end="LookupError: first")
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + crash("a.py:5 g", end="ArithmeticError: last")
    )
    assert "last" in judged(tmp_path, text).findings[0].facts["line"]


def test_a_cause_before_a_flood_is_found(tmp_path: Path) -> None:
    """Ten megabytes of what followed stand between the first cause and the end."""
    flood = ("[rank0]: frame #12: <unknown function> + 0x2a (0x7f in /usr/lib/libtorch.so)\n" * 1000) * 150
    text = of_rank(3, crash(*MAKE, end="OSError: [Errno 28] No space left on device")) + flood + WATCHDOG.format(0)
    finding = judged(tmp_path, text).findings[0]
    assert (finding.rule, finding.explains) == ("disk-full", ("collective-timeout",))


def test_progress_bars_drawn_over_each_other_hide_nothing(tmp_path: Path) -> None:
    bars = "".join(f"\r  {n}%|#         | {n}/100 [00:0{n}<01:00,  2.83s/it]" for n in range(1, 9))
    text = f"{bars}\r{crash(*LOOP, end=NEW)}"
    assert judged(tmp_path, text).findings[0].rule == "out-of-memory"
