"""Runs the rules over one run and folds symptoms under their cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from diagnostics.finding import SEVERITIES, CannotJudge, Diagnosis, Finding, NotChecked, Words
from diagnostics.rules import RULES
from diagnostics.run import Run


class Rule(Protocol):
    """What a rule's module offers."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of the module
        """The fault's name."""

    @property
    def EXPLAINS(self) -> tuple[str, ...]:  # noqa: N802
        """Rules whose findings are symptoms of this one."""

    @property
    def WORDS(self) -> dict[str, Words]:  # noqa: N802
        """The rule's sentences by language."""

    def check(self, run: Run) -> Finding | None:
        """Judge one run: what was found, None if it is free of the fault. Raises `CannotJudge` if it shows too little."""


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
