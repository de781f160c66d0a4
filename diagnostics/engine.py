"""Runs the rules over one run and folds symptoms under their cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from diagnostics.finding import SEVERITIES, CannotJudge, Diagnosis, Finding, NotChecked, Words
from diagnostics.rules import RULES
from diagnostics.run import Run


class Rule(Protocol):
    """What a rule's module offers.

    `EXPLAINS`: rules whose findings are symptoms of this one. `check` returns what it found, None if the run is free
    of the fault, and raises `CannotJudge` if the run does not show enough.
    """

    NAME: str
    EXPLAINS: tuple[str, ...]
    WORDS: dict[str, Words]

    @staticmethod
    def check(run: Run) -> Finding | None:
        """Judge one run."""


def diagnose(run: Run, rules: Sequence[Rule] = RULES) -> Diagnosis:
    """Judge one run by every rule.

    A rule that breaks on a run is reported as not checked with its error: it must not hide what the others found.
    """
    findings: list[Finding] = []
    not_checked: list[NotChecked] = []
    for rule in rules:
        try:
            found = rule.check(run)
        except CannotJudge as reason:
            not_checked.append(NotChecked(rule.NAME, reason.reason, reason.facts))
        except Exception as error:  # a fault of ours, said openly instead of losing the other findings
            not_checked.append(NotChecked(rule.NAME, "rule-broke", {"error": f"{type(error).__name__}: {error}"}))
        else:
            if found:
                findings.append(found)
    kept = fold(findings, {rule.NAME: rule.EXPLAINS for rule in rules})
    kept.sort(key=lambda one: (SEVERITIES.index(one.severity), one.first_step))
    return Diagnosis(tuple(kept), tuple(not_checked))


def fold(findings: list[Finding], explains: dict[str, tuple[str, ...]]) -> list[Finding]:
    """Put each finding under the one that explains it, if that began no later than it ended."""
    kept = []
    for finding in findings:
        causes = [
            other
            for other in findings
            if finding.rule in explains[other.rule] and other.first_step <= finding.last_step
        ]
        if not causes:
            symptoms = tuple(
                other.rule
                for other in findings
                if other.rule in explains[finding.rule] and finding.first_step <= other.last_step
            )
            kept.append(finding.explaining(symptoms))
    return kept
