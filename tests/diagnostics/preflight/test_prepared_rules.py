"""The rules over prepared rows find their planted fault, and are silent on what only looks like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from diagnostics.finding import CannotJudge, Finding
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked, Material, Template, Tokens
from diagnostics.probes.preparation import prepare
from diagnostics.report.words import LANGS, in_words
from diagnostics.rules import (
    chat_template_missing,
    completions_empty,
    completions_truncated_by_length,
    embedding_too_small,
    end_token_masked,
    end_token_missing,
    labels_all_masked,
    preparation_refused,
    prompt_in_completion,
    rows_dropped,
    template_applied_twice,
)
from tests.diagnostics.preflight.making import material, rows_of, said, sequences

LONG = "How long does a parcel take to Norway?"
WHOLE = [10] * 20
HALF = [10, 10, 10, 10]
PICTURE = (
    Tokens(0, "sequence", (1, 2), ("a", "b"), ("trained", "trained"), (False, False)),
    Tokens(1, "sequence", (1, 2), ("a", "<eos>"), ("trained", "masked"), (False, True)),
)


def flags(count: int, of: int = 20) -> list[bool]:
    return [place < count for place in range(of)]


def zeros(count: int, of: int = 20) -> list[int]:
    return [0 if place < count else 10 for place in range(of)]


def messages(*contents: str) -> dict[str, Any]:
    roles = ("user", "assistant") * len(contents)
    return {"messages": [said(role, text) for role, text in zip(roles, contents, strict=False)]}


def pairs(count: int, bad: dict[str, Any], of: int = 300) -> list[dict[str, Any]]:
    good = {"prompt": LONG, "chosen": "Three days.", "rejected": "No."}
    return [{**good, **bad} if place < count else good for place in range(of)]


def some(good: dict[str, Any], bad: dict[str, Any], count: int, of: int = 300) -> Any:
    return rows_of([bad if place < count else good for place in range(of)])


Case = tuple[ModuleType, Callable[[], Material], str | None, str]
FAULTS: dict[str, Case] = {
    "missing template": (
        chat_template_missing,
        lambda: material(template=Template(None), failed="ValueError: chat_template is not set"),
        "planned",
        "error",
    ),
    "nothing with loss": (labels_all_masked, lambda: material(parts=[sequences("sequence", WHOLE, trained=zeros(20))]), "all-rows", "error"),
    "a tenth without loss": (
        labels_all_masked,
        lambda: material(parts=[sequences("sequence", WHOLE, trained=zeros(2))]),
        "some-rows",
        "warning",
    ),
    "refused for want of markers": (
        labels_all_masked,
        lambda: material(failed="RuntimeError: ..., but at least one example has no assistant tokens. ...", sequences={}),
        "refused",
        "error",
    ),
    "no end": (
        end_token_missing,
        lambda: material(parts=[sequences("sequence", WHOLE, ends=flags(0))], picture=PICTURE),
        "none",
        "warning",
    ),
    "few ends": (
        end_token_missing,
        lambda: material("dpo", parts=[sequences("chosen", WHOLE, ends=flags(4)), sequences("rejected", WHOLE)]),
        "some",
        "warning",
    ),
    "end outside of the markers": (
        end_token_masked,
        lambda: material(
            config={"assistant_only_loss": True},
            parts=[sequences("sequence", WHOLE, ends=flags(0), masked_ends=flags(20))],
            picture=PICTURE,
        ),
        "markers",
        "warning",
    ),
    "end masked as padding": (
        end_token_masked,
        lambda: material(
            parts=[sequences("sequence", WHOLE, ends=flags(0), masked_ends=flags(20))], format="tokenized", pad_is_end=True
        ),
        "pad",
        "warning",
    ),
    "end with label -100": (
        end_token_masked,
        lambda: material(parts=[sequences("sequence", WHOLE, ends=flags(0), masked_ends=flags(20))], format="tokenized"),
        "labels",
        "warning",
    ),
    "a tenth dropped": (
        rows_dropped,
        lambda: material("dpo", parts=[sequences("chosen", WHOLE, dropped=flags(2)), sequences("rejected", WHOLE, dropped=flags(2))]),
        None,
        "warning",
    ),
    "most dropped": (rows_dropped, lambda: material("reward", parts=[sequences("chosen", WHOLE, dropped=flags(12))]), None, "error"),
    "a tenth cut": (
        completions_truncated_by_length,
        lambda: material(parts=[sequences("sequence", WHOLE, kept_trained=zeros(2))]),
        "planned",
        "warning",
    ),
    "rejected cut": (
        completions_truncated_by_length,
        lambda: material("dpo", parts=[sequences("chosen", WHOLE), sequences("rejected", WHOLE, kept_trained=zeros(2))]),
        "planned",
        "warning",
    ),
    "ids beyond the embedding": (
        embedding_too_small,
        lambda: material(embedding=90, facts={"highest_id": 95}),
        "planned-occurs",
        "error",
    ),
    "entries beyond the embedding": (
        embedding_too_small,
        lambda: material(embedding=90, facts={"highest_id": 89}),
        "planned-may",
        "warning",
    ),
    "a row that breaks": (
        preparation_refused,
        lambda: material(rows=rows_of([messages("a", "b"), messages("c", "d")]), failed="TypeError: None", failed_row=1),
        "row",
        "error",
    ),
    "all rows break": (preparation_refused, lambda: material(failed="KeyError: 'text'"), "all", "error"),
    "empty chosen": (completions_empty, lambda: material("dpo", rows=rows_of(pairs(3, {"chosen": " \n"}))), None, "warning"),
    "empty completion": (
        completions_empty,
        lambda: material(rows=some({"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": ""}, 200)),
        None,
        "error",
    ),
    "empty last message": (completions_empty, lambda: material(rows=some(messages("a", "b"), messages("a", " "), 3)), None, "warning"),
    "empty text": (completions_empty, lambda: material(rows=some({"text": "a"}, {"text": ""}, 3)), None, "warning"),
    "prompt repeated as text": (
        prompt_in_completion,
        lambda: material("dpo", rows=rows_of(pairs(10, {"chosen": LONG + "\nThree days."}))),
        None,
        "warning",
    ),
    "prompt repeated as messages": (
        prompt_in_completion,
        lambda: material(
            rows=rows_of([{"prompt": [said("user", "a")], "completion": [said("user", "a"), said("assistant", "b")]}] * 9)
        ),
        None,
        "warning",
    ),
    "prompt echoed by the assistant": (
        prompt_in_completion,
        lambda: material(
            rows=rows_of([{"prompt": [said("user", LONG)], "completion": [said("assistant", LONG + " Three.")]}] * 9)
        ),
        None,
        "warning",
    ),
    "marks in all contents": (
        template_applied_twice,
        lambda: material(rows=rows_of([messages("<|im_start|>user\nhello<|im_end|>", "hi")] * 9)),
        "content",
        "error",
    ),
    "marks in some prompts": (
        template_applied_twice,
        lambda: material("grpo", rows=some({"prompt": [said("user", "a")]}, {"prompt": [said("user", "[INST] a [/INST]")]}, 9)),
        "content",
        "warning",
    ),
    "a turn opened twice in a text": (
        template_applied_twice,
        lambda: material(rows=rows_of([{"text": "<start_of_turn>user\n<start_of_turn>user\nhello<end_of_turn>"}] * 9)),
        "nested",
        "warning",
    ),
    "two begin tokens": (
        template_applied_twice,
        lambda: material(
            rows=rows_of([{"text": "<s>hello"}] * 20), parts=[sequences("sequence", WHOLE)], facts={"double_begin": 20}
        ),
        "begin",
        "warning",
    ),
}  # fmt: skip
NEAR_MISSES: dict[str, tuple[ModuleType, Callable[[], Material]]] = {
    "template is there": (chat_template_missing, lambda: material(template=Template("tokenizer"))),
    "texts need no template": (chat_template_missing, lambda: material(format="standard", template=Template(None))),
    "one row in fifty without loss": (
        labels_all_masked,
        lambda: material(parts=[sequences("sequence", [10] * 50, trained=zeros(1, 50))]),
    ),
    "loss that is cut away": (labels_all_masked, lambda: material(parts=[sequences("sequence", WHOLE, kept_trained=zeros(20))])),
    "most end": (end_token_missing, lambda: material(parts=[sequences("sequence", WHOLE, ends=flags(12))])),
    "ends without loss are another fault": (
        end_token_missing,
        lambda: material(parts=[sequences("sequence", WHOLE, ends=flags(0), masked_ends=flags(20))]),
    ),
    "rejected without an end": (
        end_token_missing,
        lambda: material("dpo", parts=[sequences("chosen", WHOLE), sequences("rejected", WHOLE, ends=flags(0))]),
    ),
    "few ends without loss": (
        end_token_masked,
        lambda: material(parts=[sequences("sequence", WHOLE, masked_ends=flags(5))]),
    ),
    "the long tail": (rows_dropped, lambda: material(parts=[sequences("sequence", [10] * 50, dropped=flags(2, 50))])),
    "rows that had no loss": (
        rows_dropped,
        lambda: material(parts=[sequences("sequence", WHOLE, dropped=flags(9), trained=zeros(9))]),
    ),
    "the long tail is cut": (
        completions_truncated_by_length,
        lambda: material(parts=[sequences("sequence", WHOLE, kept_trained=zeros(1))]),
    ),
    "dropped rows are not cut": (
        completions_truncated_by_length,
        lambda: material(parts=[sequences("sequence", WHOLE, kept_trained=zeros(9), dropped=flags(9))]),
    ),
    "a prompt that is cut": (
        completions_truncated_by_length,
        lambda: material(parts=[sequences("sequence", WHOLE, trained=[4] * 20, kept=[6] * 20, kept_trained=[4] * 20)]),
    ),
    "an embedding of round size": (embedding_too_small, lambda: material(embedding=128)),
    "prepared well": (preparation_refused, material),
    "one empty answer": (completions_empty, lambda: material("dpo", rows=rows_of(pairs(1, {"chosen": ""})))),
    "an answer that calls a tool": (
        completions_empty,
        lambda: material(
            rows=rows_of([{"messages": [said("user", "a"), {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}]}] * 9)
        ),
    ),
    "short prompts begin answers by chance": (
        prompt_in_completion,
        lambda: material(rows=rows_of([{"prompt": "Hello", "completion": "Hello, how are you?"}] * 9)),
    ),
    "pairs whose prompt is their common beginning": (
        prompt_in_completion,
        lambda: material("dpo", rows=rows_of([{"chosen": LONG + " Three.", "rejected": LONG + " No."}] * 9)),
    ),
    "one answer repeats its question": (
        prompt_in_completion,
        lambda: material("dpo", rows=rows_of(pairs(2, {"chosen": LONG + "\nThree days."}))),
    ),
    "data about templates": (
        template_applied_twice,
        lambda: material(rows=some(messages("hello", "hi"), messages("What is <|im_start|>?", "A mark of ChatML."), 2)),
    ),
    "a text that a template wrote once": (
        template_applied_twice,
        lambda: material(
            rows=rows_of([{"text": "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\nhi<|im_end|>"}] * 20),
            parts=[sequences("sequence", WHOLE)],
        ),
    ),
}  # fmt: skip


def spoken(finding: Finding) -> None:
    """The finding reads as whole sentences in both languages, and shows something."""
    assert finding.evidence
    assert finding.fixes
    for lang in LANGS:
        words = in_words(finding, lang)
        for sentence in (
            words.title,
            words.summary,
            words.why,
            words.wrong_if,
            *words.causes,
            *(fix.title for fix in words.fixes),
        ):
            assert sentence
            assert "{" not in sentence.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    for fix in finding.fixes:
        for edit in fix.edits:
            assert edit.old != edit.new


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_found(name: str) -> None:
    rule, make, kind, severity = FAULTS[name]
    finding = rule.preflight(make())
    assert finding is not None
    assert finding.rule == rule.NAME
    assert finding.facts.get("kind") == kind
    assert finding.severity == severity
    spoken(finding)


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_miss_is_not_found(name: str) -> None:
    rule, make = NEAR_MISSES[name]
    assert rule.preflight(make()) is None


@pytest.mark.parametrize(
    "rule",
    [labels_all_masked, end_token_missing, end_token_masked, rows_dropped, completions_truncated_by_length,
     embedding_too_small, preparation_refused, chat_template_missing, completions_empty, prompt_in_completion,
     template_applied_twice],
    ids=lambda rule: rule.NAME,
)  # fmt: skip
def test_without_the_rows_nothing_is_said(rule: ModuleType) -> None:
    with pytest.raises(CannotJudge):
        rule.preflight(Material(asked=Asked("sft", {}), unseen={"prepared": "no model", "data": "no file"}))


def test_a_limit_is_proposed_that_nearly_all_rows_fit_into() -> None:
    lengths = [100] * 985 + [1500] * 10 + [9000] * 5
    made = material(parts=[sequences("sequence", lengths, kept_trained=[50] * 1000)])
    finding = completions_truncated_by_length.preflight(made)
    assert finding is not None
    assert finding.fixes[0].edits[0].new == 1536  # the 99th percentile, 1500, up to the next 64
    bounded = material(parts=[sequences("sequence", lengths, kept_trained=[50] * 1000)], facts={"context": 1200})
    finding = completions_truncated_by_length.preflight(bounded)
    assert finding is not None
    assert (finding.fixes[0].key, finding.fixes[0].edits[0].new) == ("most", 1200)
    full = material(parts=[sequences("sequence", lengths, kept_trained=[50] * 1000)], facts={"context": 1024})
    finding = completions_truncated_by_length.preflight(full)
    assert finding is not None
    assert [fix.key for fix in finding.fixes] == ["split"]


def test_refusals_fold_under_the_rule_that_knows_why(base_checkpoint: Path, tmp_path: Path) -> None:
    """Conversations, and a base model without a template: one finding, not TRL's sentence beside it."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((base_checkpoint / name).read_bytes())
    rows = rows_of([messages("a question", "an answer")] * 8)
    asked = Asked("sft", {"model_name_or_path": str(tmp_path)})
    diagnosis = judge(Material(asked=asked, train=rows, prepared=prepare(asked, rows)))
    assert [one.rule for one in diagnosis.findings if one.severity == "error"] == ["chat-template-missing"]
    assert diagnosis.findings[0].explains == ("preparation-refused",)


CLEAN: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "sft messages": ("sft", [messages("Where is order 1?", "On its way.", "And 订单 2？", "已经发货。")]),
    "sft text": ("sft", [{"text": "A parcel takes three days."}]),
    "sft texts": ("sft", [{"prompt": "Q: how long? A: ", "completion": "three days"}]),
    "sft completion": ("sft", [{"prompt": [said("user", "还要多久？")], "completion": [said("assistant", "三天。")]}]),
    "reward": ("reward", [{"chosen": messages("a", "b")["messages"], "rejected": messages("a", "c")["messages"]}]),
    "dpo": ("dpo", [{"prompt": [said("user", "a")], "chosen": [said("assistant", "b")], "rejected": [said("assistant", "c")]}]),
    "dpo texts": ("dpo", [{"prompt": "Q: a\n", "chosen": "b", "rejected": "c"}]),
    "kto": ("kto", [{"prompt": [said("user", "a")], "completion": [said("assistant", "b")], "label": True}]),
    "grpo": ("grpo", [{"prompt": [said("system", "Be brief."), said("user", "a")]}]),
    "rloo": ("rloo", [{"prompt": "a"}]),
    "ppo": ("ppo", [{"prompt": [said("user", "a")]}]),
}  # fmt: skip
OURS = {"chat-template-missing", "chat-template-mismatch", "labels-all-masked", "end-token-missing", "end-token-masked",
        "rows-dropped", "completions-truncated-by-length", "completions-empty", "prompt-in-completion",
        "template-applied-twice", "embedding-too-small", "preparation-refused"}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_clean_data_is_clean(name: str, base_checkpoint: Path) -> None:
    method, rows = CLEAN[name]
    asked = Asked(method, {"model_name_or_path": str(base_checkpoint)})
    looked = rows_of(rows * 8)
    prepared = prepare(asked, looked)
    assert prepared.failed is None
    diagnosis = judge(Material(asked=asked, train=looked, prepared=prepared))
    # A note that prompts are texts, beside a template that a chat server would use, is no accusation.
    assert [one.rule for one in diagnosis.findings if one.rule in OURS and one.severity != "info"] == []
    assert [one for one in diagnosis.not_checked if one.reason == "rule-broke"] == []
