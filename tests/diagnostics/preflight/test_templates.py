"""Every chat template that TRL ships is accepted for what it is for, and corrupted copies of each are caught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diagnostics.finding import Finding
from diagnostics.preflight.material import Asked, Material, Prepared, Template
from diagnostics.probes.preparing import known
from diagnostics.probes.preparing.talks import messages
from diagnostics.probes.preparing.template import measure
from diagnostics.rules import chat_template_mismatch
from tests.diagnostics.preflight.corruptions import CORRUPTIONS
from tests.diagnostics.preflight.making import material, rows_of, said, tokenizer_for

SHIPPED = known.shipped()
# GLM's answers are ended by the next turn's opening token, which the original template leaves out behind the last one.
OPEN = {"glm4moe": "<|user|>"}
# Found by comparison with the family's template alone: nothing in the conversation itself is wrong.
BY_COMPARISON = {"stripped"}


def talk(blocks: bool) -> list[dict[str, Any]]:
    """A conversation of two questions, in texts or in blocks."""
    texts = ("What is 2 + 3?", "It is Five.", "And 十加一？", "那是十一。🙂")
    roles = ("user", "assistant", "user", "assistant")
    return [
        said(role, [{"type": "text", "text": text}] if blocks else text)
        for role, text in zip(roles, texts, strict=True)
    ]


def measured(base: Path, template: str, end: str | None, blocks: bool, named: str) -> Template:
    """A template's facts, with a tokenizer that has its tokens, on rows of a prompt and a completion, and of messages."""
    tokenizer = tokenizer_for(base, named, end)
    tokenizer.chat_template = template
    spoken = talk(blocks)
    rows = rows_of(
        [{"prompt": spoken[:1], "completion": spoken[1:2]}, {"prompt": spoken[:3], "completion": spoken[3:]}]
    )
    return measure(tokenizer, None, "tokenizer", rows, (), masked="generation" in template)


def found(template: Template) -> Finding | None:
    """What the rule says of a template."""
    return chat_template_mismatch.preflight(
        material(config={"assistant_only_loss": template.facts.get("masked")}, template=template)
    )


def writes_the_same(base: Path, template: str, other: str, blocks: bool) -> bool:
    """Whether two templates write contents with blanks around them alike."""
    tokenizer = tokenizer_for(base, template)
    padded = messages(4, blocks, padded=" \n")
    written = [tokenizer.apply_chat_template(padded, tokenize=False, chat_template=one) for one in (template, other)]
    return bool(written[0] == written[1])


@pytest.fixture(scope="module")
def originals(base_checkpoint: Path) -> dict[str, tuple[Template, str | None]]:
    """Each shipped template's facts, with the token that ends its answers as the tokenizer's end token."""
    made = {}
    for name, text in SHIPPED.items():
        first = measured(base_checkpoint, text, None, False, text)
        end = OPEN.get(name, first.end_token)
        made[name] = (measured(base_checkpoint, text, end, bool(first.facts["blocks"]), text), end)
    return made


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_template_is_accepted(name: str, originals: dict[str, tuple[Template, str | None]]) -> None:
    template, _ = originals[name]
    assert template.known == name
    assert template.refuses is None
    assert found(template) is None, found(template)
    if name.endswith("_training"):
        assert template.generation_markers
        assert template.end_trained


@pytest.mark.slow
@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("name", SHIPPED)
def test_corrupted_copy_is_caught(
    name: str, corruption: str, originals: dict[str, tuple[Template, str | None]], base_checkpoint: Path
) -> None:
    template, end = originals[name]
    blocks = bool(template.facts["blocks"])
    spoilt = CORRUPTIONS[corruption](SHIPPED[name], end, blocks)
    if spoilt == SHIPPED[name]:
        pytest.skip("the template has nothing of what this corruption takes away")
    if corruption == "stripped" and writes_the_same(base_checkpoint, SHIPPED[name], spoilt, blocks):
        pytest.skip("the template strips contents itself: the copy writes the same")
    finding = found(measured(base_checkpoint, spoilt, end, blocks, SHIPPED[name]))
    assert finding is not None
    if corruption not in BY_COMPARISON:
        assert finding.facts["kind"] != "changed-copy"


def test_another_default_system_prompt_is_no_fault(base_checkpoint: Path) -> None:
    """The change that people make most often, and may."""
    own = SHIPPED["qwen2_5"].replace(
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", "Be brief."
    )
    assert own != SHIPPED["qwen2_5"]
    template = measured(base_checkpoint, own, "<|im_end|>", False, own)
    assert template.facts["near"] == "qwen2_5"
    assert found(template) is None


def test_template_of_another_vocabulary_is_caught(base_checkpoint: Path) -> None:
    template = measured(base_checkpoint, SHIPPED["qwen2_5"], None, False, "nothing of it")
    finding = found(template)
    assert finding is not None
    assert "foreign-tokens" in finding.facts["faults"]


def test_end_token_at_which_nothing_stops_is_caught(base_checkpoint: Path) -> None:
    template = measured(base_checkpoint, SHIPPED["qwen2_5"], None, False, SHIPPED["qwen2_5"])
    finding = found(template)
    assert finding is not None
    assert finding.facts["kind"] == "stop-differs"
    assert finding.fixes[0].edits[0].new == "<|im_end|>"
    tokenizer = tokenizer_for(base_checkpoint, SHIPPED["qwen2_5"])
    rows = rows_of([{"messages": talk(False)}])
    stops = (tokenizer.convert_tokens_to_ids("<|im_end|>"),)
    assert found(measure(tokenizer, None, "tokenizer", rows, stops, masked=False)) is None


def test_row_that_the_template_refuses_is_named(base_checkpoint: Path) -> None:
    """Gemma takes no system message; the plain talk is fine, the data's own is not."""
    tokenizer = tokenizer_for(base_checkpoint, SHIPPED["gemma"], "<end_of_turn>")
    plain = {"messages": talk(False)}
    odd = {"messages": [said("system", "Be brief."), *talk(False)]}
    template = measure(tokenizer, None, "tokenizer", rows_of([plain, plain, odd]), (), masked=False)
    assert template.refuses == "System role not supported"
    assert template.refuses_row == 2
    finding = found(template)
    assert finding is not None
    assert (finding.facts["kind"], finding.severity) == ("refuses-row", "error")


def test_contents_that_vanish_from_the_data_are_caught(base_checkpoint: Path) -> None:
    """SmolVLM's template reads blocks alone: plain texts vanish without a word."""
    tokenizer = tokenizer_for(base_checkpoint, SHIPPED["smolvlm"], "<end_of_utterance>")
    template = measure(tokenizer, None, "tokenizer", rows_of([{"messages": talk(False)}]), (), masked=False)
    finding = found(template)
    assert finding is not None
    assert (finding.facts["kind"], finding.facts["row"], finding.severity) == ("drops-content", 0, "error")


def test_prompt_that_a_server_sends_otherwise_is_shown_as_tokens(base_checkpoint: Path) -> None:
    """Rows pass an argument to the template that no server will."""
    text = (
        "{% for m in messages %}{{ '<|' + m['role'] + '|>' + ('[brief] ' if brief else '') + m['content'] + '<|end|>' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    )
    tokenizer = tokenizer_for(base_checkpoint, text, "<|end|>")
    row = {"messages": talk(False), "chat_template_kwargs": {"brief": True}}
    template = measure(tokenizer, None, "tokenizer", rows_of([row]), (), masked=False)
    ((number, training, server),) = template.parity
    assert number == 0
    assert "[brief] " in "".join(training)
    assert "[brief]" not in "".join(server)
    finding = found(template)
    assert finding is not None
    assert finding.facts["kind"] == "parity"
    same = measure(tokenizer, None, "tokenizer", rows_of([{"messages": talk(False)}]), (), masked=False)
    assert same.parity == ()
    assert found(same) is None


def test_prompts_as_texts_are_shown_beside_what_a_server_sends(base_checkpoint: Path) -> None:
    """A note, no warning: a model that is asked bare is trained so. Prompts that were written through a template are let be."""
    text = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}" + OPENING
    tokenizer = tokenizer_for(base_checkpoint, text, "<|end|>")
    rows = rows_of([{"prompt": "Where is my parcel?"}, {"prompt": "订单C73可以退款吗？"}])
    template = measure(tokenizer, None, "tokenizer", rows, (), masked=False)
    assert [row for row, _, _ in template.parity] == [0, 1]
    _, training, server = template.parity[0]
    assert "".join(training) == "Where is my parcel?"
    assert "".join(server) == "<|user|>Where is my parcel?<|end|><|assistant|>"
    prepared = Prepared("standard", {}, (), None, template=template)
    finding = chat_template_mismatch.preflight(Material(Asked("grpo", {}), prepared=prepared))
    assert finding is not None
    assert (finding.facts["kind"], finding.severity) == ("plain-prompts", "info")
    written = rows_of([{"prompt": "<|user|>Where is my parcel?<|end|><|assistant|>"}])
    assert measure(tokenizer, None, "tokenizer", written, (), masked=False).parity == ()


OPENING = "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
