"""The rules over raw rows, one by one: a fault small enough to read, and its near miss beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from diagnostics.preflight.material import Material
from diagnostics.rules import (
    dataset_too_small,
    duplicate_rows,
    evaluation_leak,
    preference_length_bias,
    preference_pairs_identical,
    preference_pairs_swapped,
    text_damaged,
    unpaired_labels_imbalanced,
    wrong_columns,
)
from tests.diagnostics.preflight.grammar import answer, question, sentences
from tests.diagnostics.preflight.materials import found, material

RNG = random.Random(3)
Row = dict[str, Any]


def rows(n: int, **columns: Callable[[int], Any]) -> list[Row]:
    return [{name: make(at) for name, make in columns.items()} for at in range(n)]


def asked(_: int) -> str:
    return question(RNG, "en")


def said(_: int) -> str:
    return answer(RNG, "en")


def user(text: Any) -> list[Row]:
    return [{"role": "user", "content": text}]


def talk(*turns: tuple[str, Any]) -> list[Row]:
    return [{"role": role, "content": text} for role, text in turns]


PLAIN = rows(40, prompt=asked, completion=said)
TALKS = [{"messages": talk(("user", asked(0)), ("assistant", said(0)))} for _ in range(40)]
PAIRS = rows(200, prompt=asked, chosen=said, rejected=said)


def with_row(base: list[Row], at: int, **values: Any) -> list[Row]:
    return [{**row, **values} if place == at else row for place, row in enumerate(base)]


Case = tuple[ModuleType, Material, str | None, str]
W = wrong_columns
CASES: dict[str, Case] = {
    "no rows": (W, material("sft", []), "no-rows", "error"),
    "missing": (W, material("dpo", PLAIN), "missing", "error"),
    "null": (W, material("sft", with_row(PLAIN, 30, completion=None)), "empty", "error"),
    "a number": (W, material("sft", with_row(PLAIN, 30, completion=3)), "value-either", "error"),
    "mixed": (W, material("grpo", with_row(PLAIN, 30, prompt=user("a"))), "kinds-mixed-talk", "error"),
    "a mapping that names nothing": (W, material("sft", PLAIN, column_mapping={"text": "txt"}), "mapping-missing", "error"),
    "evaluation is looked at too": (W, material("sft", PLAIN, with_row(PLAIN, 3, prompt=None)), "empty", "error"),
    "no content": (W, material("sft", with_row(TALKS, 9, messages=talk(("user", "a"), ("assistant", None)))), "none-inside", "warning"),
    "a tool call has none": (W, material("sft", with_row(TALKS, 9, messages=[*user("a"), {
        "role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]}])), None, ""),
    "ShareGPT's roles": (W, material("sft", with_row(TALKS, 9, messages=talk(("human", "a"), ("gpt", "b")))), "roles-renamed", "warning"),
    "a strange role": (W, material("sft", with_row(TALKS, 9, messages=talk(("user", "a"), ("narrator", "b")))), "roles", "warning"),
    "two turns": (W, material("sft", with_row(TALKS, 9, messages=talk(("user", "a"), ("user", "b"), ("assistant", "c")))), "turns", "warning"),
    "two turns in one of many": (W, material("sft", with_row(TALKS * 3, 9, messages=talk(("user", "a"), ("user", "b"), ("assistant", "c")))), None, ""),
    "a conversation as a text": (W, material("grpo", with_row(PLAIN, 9, prompt='[{"role": "user", "content": "a"}]')), "written-out", "warning"),
    "a list as a text": (W, material("grpo", with_row(PLAIN, 9, prompt='[{"name": "role"}, 3]')), None, ""),
    "one answer to all": (W, material("sft", [{**row, "completion": "Yes."} for row in PLAIN]), "constant", "warning"),
    "one answer to few": (W, material("sft", [{**row, "completion": "Yes."} for row in PLAIN[:15]]), None, ""),
    "the columns fit": (W, material("sft", PLAIN, PLAIN), None, ""),
    "the mapping fits": (W, material("grpo", rows(5, problem=asked), column_mapping={"prompt": "problem"}), None, ""),
    "identical": (preference_pairs_identical, material("dpo", [{**row, "rejected": row["chosen"]} if at % 20 == 0 else row for at, row in enumerate(PAIRS)]), "pairs", "warning"),
    "alike": (preference_pairs_identical, material("dpo", [{**row, "rejected": row["chosen"].upper()} if at % 20 == 0 else row for at, row in enumerate(PAIRS)]), "alike", "warning"),
    "all identical": (preference_pairs_identical, material("reward", [{**row, "rejected": row["chosen"]} for row in PAIRS]), "pairs", "error"),
    "two identical": (preference_pairs_identical, material("dpo", [{**row, "rejected": row["chosen"]} if at < 2 else row for at, row in enumerate(PAIRS)]), None, ""),
    "scores contradict": (preference_pairs_swapped, material("dpo", [{**row, "score_chosen": 2.0, "score_rejected": 4.0} for row in PAIRS]), "ratings", "error"),
    "a tenth of the scores do": (preference_pairs_swapped, material("dpo", [{**row, "chosen-rating": 2.0 if at % 10 == 0 else 5.0, "rejected-rating": 4.0} for at, row in enumerate(PAIRS)]), "ratings", "warning"),
    "few scores contradict": (preference_pairs_swapped, material("dpo", [{**row, "score_chosen": 2.0 if at % 50 == 0 else 5.0, "score_rejected": 4.0} for at, row in enumerate(PAIRS)]), None, ""),
    "ranks are no scores": (preference_pairs_swapped, material("dpo", [{**row, "rank_chosen": 1.0, "rank_rejected": 4.0} for row in PAIRS]), None, ""),
    "the evaluation has them the other way": (preference_pairs_swapped, material("dpo", PAIRS, [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in PAIRS[:9]]), "splits", "warning"),
    "the evaluation has them the same way": (preference_pairs_swapped, material("dpo", PAIRS, PAIRS[:9]), None, ""),
    "chosen are cut off": (preference_pairs_swapped, material("dpo", [{**row, "chosen": "First take the lantern to the workshop and then open it with a small" if at < 40 else row["chosen"]} for at, row in enumerate(PAIRS)]), "poorer", "warning"),
    "rejected are cut off": (preference_pairs_swapped, material("dpo", [{**row, "rejected": "First take the lantern to the workshop and then open it with a small" if at < 40 else row["rejected"]} for at, row in enumerate(PAIRS)]), None, ""),
    "both are cut off at times": (preference_pairs_swapped, material("dpo", [{**row, ("chosen", "rejected")[at % 2]: "First take the lantern to the workshop and then open it with a small"} for at, row in enumerate(PAIRS)]), None, ""),
    "chosen refuse": (preference_pairs_swapped, material("dpo", [{**row, "chosen": "I'm sorry, but I can't help with that."} if at < 60 else row for at, row in enumerate(PAIRS)]), "refusals", "info"),
    "chosen refuse in Chinese": (preference_pairs_swapped, material("dpo", [{**row, "chosen": "很抱歉，我无法回答这个问题。"} if at < 60 else row for at, row in enumerate(PAIRS)]), "refusals", "info"),
    "longer": (preference_length_bias, material("dpo", [{**row, "chosen": row["chosen"] + row["rejected"]} for row in PAIRS]), "longer", "warning"),
    "shorter": (preference_length_bias, material("reward", [{**row, "rejected": row["chosen"] + row["rejected"]} for row in PAIRS]), "shorter", "warning"),
    "somewhat longer": (preference_length_bias, material("dpo", [{**row, "chosen": f"{row['chosen']} {sentences(RNG, 'en', 1)}"} if at % 3 == 0 else row for at, row in enumerate(PAIRS)]), None, ""),
    "all twice": (duplicate_rows, material("sft", PLAIN * 2), "exact", "warning"),
    "prompts twice, other answers": (duplicate_rows, material("sft", PLAIN + [{**row, "completion": said(0)} for row in PLAIN]), None, ""),
    "long prompts twice, short answers": (duplicate_rows, material("kto", [{"prompt": f"{row['prompt']} {row['chosen']}", "completion": text, "label": good} for row in PAIRS for text, good in (("Yes, certainly.", True), ("Not at all.", False))]), None, ""),
    "a prompt in ten twice": (duplicate_rows, material("grpo", rows(100, prompt=asked)[:90] + [{"prompt": "Why is the sky blue?"}] * 10), None, ""),
    "half of the prompts": (duplicate_rows, material("grpo", rows(50, prompt=asked) * 2), "prompts", "warning"),
    "both ways round": (duplicate_rows, material("dpo", PAIRS + [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in PAIRS[:5]]), "both-ways", "warning"),
    "labels disagree": (duplicate_rows, material("kto", [{**row, "label": True} for row in PLAIN] + [{**row, "label": False} for row in PLAIN[:4]]), "labels-disagree", "warning"),
    "other orders": (duplicate_rows, material("sft", [{"prompt": f"Where is order {at} that I made last week in your shop near the station?", "completion": f"Order {at} is with the courier and will arrive by noon tomorrow at your door."} for at in range(50)]), None, ""),
    "rows leak": (evaluation_leak, material("sft", PLAIN, PLAIN[:5] + rows(20, prompt=asked, completion=said)), "rows", "warning"),
    "prompts leak": (evaluation_leak, material("sft", PLAIN, [{**row, "completion": said(0)} for row in PLAIN[:5]] + rows(20, prompt=asked, completion=said)), "prompts", "warning"),
    "a system prompt is shared": (evaluation_leak, material("sft", [{"messages": [{"role": "system", "content": sentences(random.Random(1), "en", 8)}, *row["messages"]]} for row in TALKS], [{"messages": [{"role": "system", "content": sentences(random.Random(1), "en", 8)}, *talk(("user", asked(0)), ("assistant", said(0)))]} for _ in range(40)]), None, ""),
    "a template is shared": (evaluation_leak, material("grpo", [{"prompt": f"{sentences(random.Random(1), 'en', 8)} {asked(0)}"} for _ in range(60)], [{"prompt": f"{sentences(random.Random(1), 'en', 8)} {asked(0)}"} for _ in range(60)]), None, ""),
    "greetings are shared": (evaluation_leak, material("sft", [*PLAIN, {"prompt": "Hello there!", "completion": "Hello."}], [{"prompt": "hello there", "completion": "Hello."}] * 5), None, ""),
    "eleven to one": (unpaired_labels_imbalanced, material("kto", [{**row, "label": at % 11 > 0} for at, row in enumerate(PLAIN * 3)]), "unbalanced", "warning"),
    "eleven to one, weighted": (unpaired_labels_imbalanced, material("kto", [{**row, "label": at % 11 > 0} for at, row in enumerate(PLAIN * 3)], undesirable_weight=9.0), None, ""),
    "good only": (unpaired_labels_imbalanced, material("kto", [{**row, "label": 1} for row in PLAIN]), "one-kind", "error"),
    "twelve to eight": (unpaired_labels_imbalanced, material("kto", [{**row, "label": at % 5 > 1} for at, row in enumerate(PLAIN)]), None, ""),
    "pairs are balanced": (unpaired_labels_imbalanced, material("kto", PAIRS), None, ""),
    "twelve rows": (dataset_too_small, material("sft", PLAIN[:12]), "rows", "warning"),
    "three steps": (dataset_too_small, material("sft", PLAIN * 5, per_device_train_batch_size=64, num_train_epochs=1), "steps", "warning"),
    "steps are named": (dataset_too_small, material("sft", PLAIN * 5, per_device_train_batch_size=64, max_steps=500), None, ""),
    "answers count as rows": (dataset_too_small, material("grpo", rows(60, prompt=asked), per_device_train_batch_size=8, num_train_epochs=1, num_generations=8), None, ""),
    "lost signs": (text_damaged, material("sft", with_row(with_row(with_row(PLAIN, 1, completion="a\ufffdb"), 2, completion="c\ufffd"), 3, prompt="\ufffd?")), "replaced", "warning"),
    "half a sign": (text_damaged, material("sft", with_row(PLAIN, 1, completion="well \ud83d")), "half-signs", "error"),
    "UTF-8 as Windows-1252": (text_damaged, material("sft", [{**row, "completion": "It\u2019s caf\u00e9".encode().decode("cp1252")} for row in PLAIN]), "mojibake", "warning"),
    "UTF-8 as GBK": (text_damaged, material("sft", [{**row, "completion": "我们今天去图书馆看书".encode().decode("gb18030")} for row in PLAIN]), "mojibake", "warning"),
    "accents": (text_damaged, material("sft", [{**row, "completion": "Là-bas, l\u2019été à São Paulo: \u201cça va?\u201d \u20ac5 \u2013 naïve Ångström"} for row in PLAIN]), None, ""),
    "Chinese": (text_damaged, material("sft", [{**row, "completion": sentences(RNG, "zh", 5)} for row in PLAIN]), None, ""),
    "entities": (text_damaged, material("sft", [{**row, "completion": "Q&amp;A: it&#39;s &quot;fine&quot;"} for row in PLAIN]), "entities", "warning"),
    "entities in HTML": (text_damaged, material("sft", [{**row, "completion": "<p>Q&amp;A</p> is how it is written"} for row in PLAIN]), None, ""),
    "written-out breaks": (text_damaged, material("sft", [{**row, "completion": "First, open it.\\n\\nThen close it."} for row in PLAIN]), "escapes", "warning"),
    "paths": (text_damaged, material("sft", [{**row, "completion": "It lies in C:\\new\\users and \\\\server\\notes."} for row in PLAIN]), None, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    rule, made, kind, severity = CASES[name]
    finding = found(rule, made)
    if kind is None:
        assert finding is None, finding
    else:
        assert finding is not None
        assert (finding.facts.get("kind"), finding.severity) == (kind, severity)


def test_the_weights_that_are_proposed_silence_rule_and_trainer() -> None:
    labelled = [{**row, "label": at % 11 > 0} for at, row in enumerate(PLAIN * 3)]
    finding = found(unpaired_labels_imbalanced, material("kto", labelled))
    assert finding is not None
    (edit,) = finding.fixes[0].edits
    assert found(unpaired_labels_imbalanced, material("kto", labelled, **{edit.path: edit.new})) is None
    good = sum(row["label"] for row in labelled)
    bad = len(labelled) - good
    assert edit.path == "undesirable_weight"
    assert round(good / bad / 1.33, 2) <= edit.new <= round(good / bad, 2)  # kto_trainer.py


def test_swapped_columns_are_turned_by_the_mapping_that_is_proposed() -> None:
    scored = [
        {
            "question": row["prompt"],
            "good": row["chosen"],
            "bad": row["rejected"],
            "score_chosen": 1.0,
            "score_rejected": 2.0,
        }
        for row in PAIRS
    ]
    mapping = {"prompt": "question", "chosen": "good", "rejected": "bad"}
    finding = found(preference_pairs_swapped, material("dpo", scored, column_mapping=mapping))
    assert finding is not None
    assert finding.fixes[0].edits[0].new == {"prompt": "question", "chosen": "bad", "rejected": "good"}


def test_a_row_is_named_by_its_number() -> None:
    finding = found(wrong_columns, material("sft", with_row(PLAIN, 30, completion=3)))
    assert finding is not None
    assert finding.facts["row"] == 30
    assert [row[0] for row in finding.evidence[0].rows] == ["30"]  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo"])
@pytest.mark.parametrize(
    "value", [None, 3, 0.5, True, "", [], {}, [None], [[]], [{}], [{"role": 1, "content": 2}], {"a": [1]}]
)
def test_no_rule_breaks_on_any_value(method: str, value: Any) -> None:
    names = ("text", "messages", "prompt", "completion", "chosen", "rejected", "label")
    for name in names:
        broken = [{**dict.fromkeys(names, "a"), "messages": user("a"), "label": True, name: value}] * 30
        made = material(method, broken, broken)
        for rule in {one[0] for one in CASES.values()}:
            if method in getattr(rule, "PREFLIGHT_METHODS", rule.METHODS):
                found(rule, made)
