"""The scoring of labelled runs, on small made-up reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.labels import Labelled
from tests.bench.scoring import Report, Said, recalled, right_first, score, wrong


def run(name: str, label: str, second: str = "", repo: str = "a/a", confidence: float = 0.9) -> Labelled:
    return Labelled(name, repo, "SFT", label, second, confidence, "seen", Path(name))


def said(rule: str, severity: str = "error", *explains: str) -> Said:
    return Said(rule, severity, frozenset({rule}), frozenset(explains))


def report(*findings: Said, unreadable: str = "") -> Report:
    return Report(findings, 0.1, unreadable)


OVERFIT, HEALTHY, SHORT = run("o", "overfit"), run("h", "healthy"), run("s", "too_short_to_tell")


@pytest.mark.parametrize(
    ("labelled", "one", "in_it", "first"),
    [
        (OVERFIT, report(said("memorised", "info")), True, True),
        (OVERFIT, report(said("loss-spike"), said("overfitting", "warning")), True, False),
        # Folded under another finding it is recalled, but it was not said first.
        (OVERFIT, report(said("schedule-fault", "error", "overfitting")), True, False),
        (OVERFIT, report(said("no-evaluation", "warning"), said("overfitting", "info")), True, True),
        (OVERFIT, report(said("not-learning")), False, False),
        (OVERFIT, report(), False, False),
        (OVERFIT, report(unreadable="why"), False, False),
        (HEALTHY, report(said("no-evaluation", "warning"), said("run-too-short", "error")), True, True),
        (HEALTHY, report(said("loss-spike", "info")), True, True),
        (HEALTHY, report(said("loss-spike", "warning")), False, False),
        (HEALTHY, report(replace(said("slow", "error"), judged=False)), True, True),
        (HEALTHY, report(unreadable="why"), False, False),
        (SHORT, report(unreadable="why"), True, True),
        (SHORT, report(said("not-learning", "warning")), False, False),
    ],
)
def test_recall_and_first(labelled: Labelled, one: Report, in_it: bool, first: bool) -> None:
    assert recalled(labelled, one) is in_it
    assert right_first(labelled, one) is first


def test_score_of_a_small_manifest() -> None:
    runs = [
        run("1", "healthy", repo="big/sweep"),
        run("2", "healthy", repo="big/sweep"),
        run("3", "healthy", "zero_reward_std", repo="big/sweep"),
        run("4", "overfit", "fp16_nan_grad", repo="big/sweep"),
        run("5", "diverged", repo="small/one"),
        run("6", "too_short_to_tell", repo="small/two"),
    ]
    reports = {
        "1": report(said("no-evaluation", "warning")),
        "2": report(said("loss-spike", "warning"), said("not-learning", "warning")),
        "3": report(said("reward-groups-constant", "warning")),
        "4": report(said("gradient-not-finite"), said("overfitting", "info")),
        "5": report(said("gradient-explosion")),
        "6": report(unreadable="empty"),
    }
    got = score(runs, reports)
    assert got.recall == (3, 6)
    assert got.recall_faults == (1, 2)
    assert got.recall_quiet == (2, 4)
    assert got.recall_by_label == {
        "healthy": (1, 3),
        "overfit": (1, 1),
        "diverged": (0, 1),
        "too_short_to_tell": (1, 1),
    }
    assert got.recall_by_repo == {"big/sweep": (2, 4), "small/one": (0, 1), "small/two": (1, 1)}
    assert got.repo_mean == pytest.approx((0.5 + 0 + 1) / 3)  # the sweep's four runs count as one
    assert got.first == (2, 6)
    assert got.first_repo_mean == pytest.approx((0.25 + 0 + 1) / 3)
    # Five alarms: two on run 2 and one on run 5 are wrong, those of the second labels of runs 3 and 4 are right; the
    # missing evaluation is none, and neither is an info.
    assert got.precision == (2, 5)
    assert got.false_alarms == (2, 3)
    assert got.unreadable == 1


@pytest.mark.parametrize(
    ("labelled", "one", "kinds"),
    [
        (OVERFIT, report(said("overfitting")), []),
        (OVERFIT, report(said("loss-spike")), ["missed"]),
        (OVERFIT, report(said("loss-spike"), said("overfitting")), ["not first", "beside the label"]),
        (OVERFIT, report(unreadable="why"), ["unreadable"]),
        (SHORT, report(unreadable="why"), []),
        (HEALTHY, report(said("loss-spike"), said("no-evaluation", "warning")), ["false alarm"]),
        (run("h", "healthy", "zero_reward_std"), report(said("reward-constant")), ["alarm, second label"]),
    ],
)
def test_what_is_wrong_with_a_report(labelled: Labelled, one: Report, kinds: list[str]) -> None:
    assert [kind for kind, _ in wrong(labelled, one)] == kinds
