"""Every planted fault of the raw rows is found and nothing is found in clean sets: all methods, forms and languages."""

from __future__ import annotations

import functools

import pytest

from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked, Material
from tests.diagnostics.preflight.grammar import Lang
from tests.diagnostics.preflight.materials import rows_of
from tests.diagnostics.preflight.planted import FAULTS, FORMS, LANGS, METHODS, Fault, Form, Planted, clean

ROWS = 300
SETS = [(method, form, lang) for method in METHODS for form in FORMS for lang in LANGS]
RAW = [one for one in FAULTS if not one.tokenized]


@functools.cache
def clean_set(method: str, form: Form, lang: Lang) -> Planted:
    return clean(method, form, lang, ROWS)


def judged(planted: Planted) -> list[tuple[str, tuple[str, ...]]]:
    config = {"per_device_train_batch_size": 4, **planted.config}
    asked = Asked(planted.method, config)
    diagnosis = judge(Material(asked, train=rows_of(planted.rows), evaluation=rows_of(planted.evaluation, "test")))
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"], diagnosis.not_checked
    data = {one.rule for one in FAULTS}
    return [(one.rule, one.explains) for one in diagnosis.findings if one.rule in data]


@pytest.mark.parametrize(("method", "form", "lang"), SETS)
def test_nothing_is_found_in_a_clean_set(method: str, form: Form, lang: Lang) -> None:
    assert judged(clean_set(method, form, lang)) == []


@pytest.mark.parametrize("fault", RAW, ids=lambda one: one.name)
def test_a_planted_fault_is_found_in_every_set_that_can_have_it(fault: Fault) -> None:
    for method, form, lang in SETS:
        # Every set at full breadth takes minutes and is the bench's; here each method once, forms and languages in turn.
        if (
            method in fault.methods
            and form in fault.forms
            and (METHODS.index(method) + FORMS.index(form) + LANGS.index(lang)) % 2 == 0
        ):
            names = [rule for rule, _ in judged(fault.plant(clean_set(method, form, lang)))]
            assert names == [fault.rule], f"{fault.name}: {method} {form} {lang}: {names}"


def test_every_fault_of_the_data_family_is_planted() -> None:
    family = {
        "wrong-columns", "chat-template-missing", "chat-template-mismatch", "template-applied-twice", "end-token-missing",
        "end-token-masked", "labels-all-masked", "rows-dropped", "completions-truncated-by-length", "completions-empty",
        "prompt-in-completion", "preference-pairs-identical", "preference-pairs-swapped", "preference-length-bias",
        "duplicate-rows", "evaluation-leak", "unpaired-labels-imbalanced", "dataset-too-small",
    }  # fmt: skip
    assert family <= {one.rule for one in FAULTS}
