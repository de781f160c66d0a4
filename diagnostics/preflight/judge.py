"""Runs the pre-flight rules over a training that has not begun, and folds symptoms under their cause."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from diagnostics.engine import fold
from diagnostics.finding import SEVERITIES, CannotJudge, Diagnosis, Finding, NotChecked
from diagnostics.preflight.material import Material
from diagnostics.rules import PREFLIGHT_RULES


def judge(material: Material, rules: Sequence[ModuleType] = PREFLIGHT_RULES) -> Diagnosis:
    """Judge a training by every pre-flight rule that is for its method.

    A rule that breaks is reported as not checked with its error: it must not hide what the others found.
    """
    findings: list[Finding] = []
    judged = 0
    not_checked: list[NotChecked] = []
    for rule in rules:
        methods: Any = getattr(rule, "PREFLIGHT_METHODS", rule.METHODS)
        if methods is not None and material.method not in methods:
            continue
        try:
            found = rule.preflight(material)
        except CannotJudge as reason:
            not_checked.append(NotChecked(rule.NAME, reason.reason, reason.facts))
        except Exception as error:  # a fault of ours, said openly instead of losing the other findings
            not_checked.append(NotChecked(rule.NAME, "rule-broke", {"error": f"{type(error).__name__}: {error}"}))
        else:
            judged += 1
            if found:
                findings.append(found)
    kept = fold(findings, {rule.NAME: getattr(rule, "PREFLIGHT_EXPLAINS", rule.EXPLAINS) for rule in rules})
    kept.sort(key=lambda one: SEVERITIES.index(one.severity))
    return Diagnosis(tuple(kept), tuple(not_checked), judged)
