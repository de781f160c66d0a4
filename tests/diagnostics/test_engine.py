"""Findings folded under those that explain them."""

from __future__ import annotations

from diagnostics.engine import fold
from diagnostics.finding import Finding
from diagnostics.rules import RULES


def a(rule: str, severity: str = "error", step: int = 5) -> Finding:
    return Finding(rule, severity, 0.9, step, step, {}, (), (), ())  # type: ignore[arg-type]


CHAIN = {"memory": ("died",), "died": ("short",), "short": (), "other": ()}


def test_what_a_symptom_explains_folds_with_it_and_is_not_lost() -> None:
    kept = fold([a("short", "info"), a("other"), a("died"), a("memory")], CHAIN)
    assert {one.rule: one.explains for one in kept} == {"memory": ("died", "short"), "other": ()}


def test_a_symptom_graver_than_its_cause_stands_alone() -> None:
    kept = fold([a("died"), a("memory", "warning")], CHAIN)
    assert [one.rule for one in kept] == ["died", "memory"]
    assert all(not one.explains for one in kept)


def test_a_cause_that_began_after_the_symptom_ended_explains_nothing() -> None:
    assert [one.rule for one in fold([a("died", step=3), a("memory", step=9)], CHAIN)] == ["died", "memory"]


def test_a_rule_explains_rules_that_there_are_and_not_itself() -> None:
    names = {rule.NAME for rule in RULES}
    assert {rule.NAME: set(rule.EXPLAINS) - names for rule in RULES if set(rule.EXPLAINS) - names} == {}
    assert [rule.NAME for rule in RULES if rule.NAME in rule.EXPLAINS] == []
