"""template-applied-twice: the contents hold a chat template's marks already, and will get them once more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diagnostics.finding import Evidence, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_rows, said, sampled

NAME = "template-applied-twice"
METHODS = None
EXPLAINS = ()

SOME = Limit(0.01, "share of the rows", "ours: a data set about chat templates quotes them in fewer")
MOST = Limit(0.5, "share of the rows", "ours: by then it is how the rows were made")
# How the templates of common families open and close turns. Sources: the templates that TRL 1.16 ships; Llama 2, Mistral.
MARKS = re.compile(
    r"<\|im_(?:start|end|user|assistant)\|>|<\|(?:start|end)_header_id\|>|<\|eot_id\|>|<\|begin_of_text\|>|\[/?INST\]|<</?SYS>>"
    r"|<(?:start|end)_of_turn>|<\|turn>|<turn\|>|<\|(?:START|END)_OF_TURN_TOKEN\|>|<\|(?:USER|CHATBOT|SYSTEM)_TOKEN\|>"
    r"|<\uff5c(?:User|Assistant|begin\u2581of\u2581sentence|end\u2581of\u2581sentence)\uff5c>|<\|(?:user|assistant|system)\|>|<end_of_utterance>"
    r"|<\|start\|>(?:user|assistant|system)|<\|START_RESPONSE\|>"
)
# A turn that is opened twice in a row, with nothing said in between.
NESTED = re.compile(
    r"(<\|im_start\|>\w+|<\|start_header_id\|>\w+<\|end_header_id\|>|<start_of_turn>\w+|<\|(?:user|assistant|system)\|>|\[INST\]"
    r"|<\uff5cUser\uff5c>|<\|START_OF_TURN_TOKEN\|><\|\w+_TOKEN\|>)\s*\1"
)
AROUND = 60  # letters shown on each side


def preflight(material: Material) -> Finding | None:
    """Look for marks in what is said, for turns opened twice in texts, and for two begin tokens in the prepared rows."""
    rows = need_rows(material)
    counts: dict[str, int] = {"content": 0, "nested": 0}
    shown: list[tuple[str, str, str]] = []
    looked = 0
    for number, row in sampled(rows):
        looked += 1
        for kind, column, text, found in marks_of(row):
            counts[kind] += 1
            if len(shown) < 6:
                shown.append((str(number), column, text[max(0, found - AROUND) : found + AROUND]))
            break
    kind = max(counts, key=lambda name: counts[name])
    share = counts[kind] / looked
    evidence: tuple[Evidence, ...] = (TableEvidence("marks", ("row", "column", "text"), tuple(shown)),) if shown else ()
    double = double_begin(material)
    if share < SOME:
        if double < SOME:
            return None
        kind, share = "begin", double
        pictured = material.prepared.picture[:3] if material.prepared is not None else ()
        begins = [(str(one.row), " ".join(map(repr, one.texts[:12]))) for one in pictured]
        evidence = (TableEvidence("begin", ("row", "tokens"), (("", f"{double:.0%}"), *begins)),)
    return Finding(
        rule=NAME,
        severity="error" if share >= MOST and kind == "content" else "warning",
        confidence=0.95 if share >= MOST else 0.75,
        first_step=0,
        last_step=0,
        facts={"kind": kind, "share": share, "rows": round(share * len(rows.numbers))},
        evidence=evidence,
        causes=("rendered", "sampled") if kind != "begin" else ("begin",),
        fixes=(Fix("begin" if kind == "begin" else "raw", "show"),),
    )


def double_begin(material: Material) -> float:
    """The share of the prepared rows that begin with two begin tokens."""
    prepared = material.prepared
    if prepared is None or not prepared.sequences:
        return 0.0
    count = max(len(one.lengths) for one in prepared.sequences.values())
    return int(prepared.facts.get("double_begin", 0)) / count if count else 0.0


def marks_of(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Marks in a row: of which kind, in which column, the text and the place."""
    for column in ("messages", "conversations", "prompt", "completion", "chosen", "rejected", "text"):
        value = row.get(column)
        if isinstance(value, str):
            found = NESTED.search(value)
            if found:
                yield "nested", column, value, found.start()
        elif isinstance(value, list):
            for message in value:
                text = said(message) if isinstance(message, Mapping) else ""
                found = MARKS.search(text)
                if found:
                    yield "content", column, text, found.start()


WORDS = {
    "en": Words(
        title="The chat template is applied twice",
        summary={
            "content": "In {rows} rows ({share:.0%}) the contents of messages hold a chat template's marks already; training "
            "writes them once more around them.",
            "nested": "In {rows} rows ({share:.0%}) a text opens the same turn twice in a row.",
            "begin": "{rows} rows ({share:.0%}) begin with two begin tokens: the text holds one, the tokenizer adds another.",
        },
        why="The model learns to write the marks as if they were words, and its answers leak them.",
        wrong_if="the data are about chat templates and quote them",
        causes={
            "rendered": "apply_chat_template was called when the data were made, and is called again by the trainer.",
            "sampled": "Answers were sampled from a model without skip_special_tokens.",
            "begin": "Texts were written with apply_chat_template(tokenize=False), which writes the begin token, and are "
            "tokenized with another.",
        },
        fixes={
            "raw": "Hand the messages over as they were said, without marks; or texts that are written once, as text",
            "begin": "Remove the begin token from the texts",
        },
        about="""Looks for the marks of known chat templates (<|im_start|>, [INST], <start_of_turn> and the like) in what messages
say: 1 % of the rows is a warning, half an error. In texts, which may be written by a template once and rightly, only a
turn that is opened twice in a row counts. In the prepared rows two begin tokens are counted.

Near misses: a data set about chat templates quotes them in under 1 % of its rows; texts that were written by the
template beforehand and are trained on as texts. Sources: huggingface/alignment-handbook#127, huggingface/trl#2059, #696.""",
    ),
    "zh": Words(
        title="对话模板被套用了两次",
        summary={
            "content": "{rows} 行（{share:.0%}）的消息内容里已经带有对话模板的标记，训练时会在外面再写一遍。",
            "nested": "{rows} 行（{share:.0%}）的文本连续两次开启同一轮次。",
            "begin": "{rows} 行（{share:.0%}）以两个起始词元开头：文本里已有一个，分词器又加了一个。",
        },
        why="模型会把这些标记当作普通文字来学，回答里就会漏出它们。",
        wrong_if="数据本来就是讨论对话模板的，会引用这些标记",
        causes={
            "rendered": "制作数据时调用过 apply_chat_template，训练器又会再调用一次。",
            "sampled": "采样回答时没有设置 skip_special_tokens。",
            "begin": "文本由 apply_chat_template(tokenize=False) 写成，已含起始词元，分词时又加了一个。",
        },
        fixes={
            "raw": "提供不带标记的原始消息；或者只写一次、作为文本训练",
            "begin": "从文本里去掉起始词元",
        },
        about="""在消息内容里查找已知对话模板的标记（<|im_start|>、[INST]、<start_of_turn> 等）：1% 的行为警告，一半为错误。纯文本
可以事先由模板正确地写一次，因此只有连续两次开启同一轮次才算。另外统计预处理后以两个起始词元开头的行。

容易混淆的正常情况：讨论对话模板的数据集只在不到 1% 的行里引用标记；事先写好并作为文本训练的数据。来源：
huggingface/alignment-handbook#127，huggingface/trl#2059、#696。""",
    ),
}
