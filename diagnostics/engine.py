"""Runs the rules over one run and folds symptoms under their cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from diagnostics.finding import SEVERITIES, CannotJudge, Diagnosis, Finding, NotChecked, Words
from diagnostics.rules import RUN_RULES
from diagnostics.run import Run


class Rule(Protocol):
    """What the module of a rule that judges runs offers. Before a run, `preflight/judge.py` asks rules in the same way."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of the module
        """The fault's name."""

    @property
    def METHODS(self) -> tuple[str | None, ...] | None:  # noqa: N802
        """The methods whose runs it can judge (None among them: runs whose method is not known); None for any run."""

    @property
    def EXPLAINS(self) -> tuple[str, ...]:  # noqa: N802
        """Rules whose findings are symptoms of this one."""

    @property
    def WORDS(self) -> dict[str, Words]:  # noqa: N802
        """The rule's sentences by language."""

    def check(self, run: Run) -> Finding | None:
        """Judge one run: what was found, None if it is free of the fault. Raises `CannotJudge` if it shows too little."""


def diagnose(run: Run, rules: Sequence[Rule] = RUN_RULES) -> Diagnosis:
    """Judge one run by every rule that is for its method.

    A rule that breaks on a run is reported as not checked with its error: it must not hide what the others found.
    """
    findings: list[Finding] = []
    judged = 0
    not_checked: list[NotChecked] = []
    for rule in rules:
        if rule.METHODS is not None and run.method not in rule.METHODS:
            continue
        try:
            found = rule.check(run)
        except CannotJudge as reason:
            not_checked.append(NotChecked(rule.NAME, reason.reason, reason.facts))
        except Exception as error:  # a fault of ours, said openly instead of losing the other findings
            not_checked.append(NotChecked(rule.NAME, "rule-broke", {"error": f"{type(error).__name__}: {error}"}))
        else:
            judged += 1
            if found:
                findings.append(found)
    kept = fold(findings, {rule.NAME: rule.EXPLAINS for rule in rules})
    kept.sort(key=lambda one: (SEVERITIES.index(one.severity), one.first_step))
    return Diagnosis(tuple(kept), tuple(not_checked), judged)


def fold(findings: list[Finding], explains: dict[str, tuple[str, ...]]) -> list[Finding]:
    """Put each finding under the one that explains it, and what that one explains with it."""

    def caused(symptom: Finding, cause: Finding) -> bool:
        """Whether one may be the other's symptom: the cause began before it ended, and is as grave, or it would hide it."""
        return (
            symptom.rule in explains[cause.rule]
            and cause.first_step <= symptom.last_step
            and SEVERITIES.index(cause.severity) <= SEVERITIES.index(symptom.severity)
        )

    def below(cause: Finding) -> list[Finding]:
        """Its symptoms, and theirs: what folds with them must not be lost."""
        found: list[Finding] = []
        new = [cause]
        while new:
            new = [one for one in findings if one not in found and any(caused(one, other) for other in new)]
            found += new
        return found

    return [
        finding.explaining(tuple(other.rule for other in below(finding)))
        for finding in findings
        if not any(caused(finding, other) for other in findings)
    ]
