"""end-token-missing: the answers to be learned do not end with an end token, so the model never learns to stop."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.preflight.material import Material, Sequences
from diagnostics.preflight.need import affected, change, need_prepared, need_sequences, tails

NAME = "end-token-missing"
METHODS = ("sft", "dpo", "kto")
EXPLAINS = ("completions-truncated", "completions-truncated-by-length", "length-explosion")

MOST = Limit(0.5, "share of the rows", "ours: with half of the rows ending, a model does learn to stop")
NONE = Limit(0.01, "share of the rows", "huggingface/trl#1623, #931: none ended where models would not stop")


def preflight(material: Material) -> Finding | None:
    """Look at the last token with loss of every row, past blanks, before anything is cut."""
    sequences = need_sequences(material)
    prepared = need_prepared(material)
    parts = {name: one for name, one in sequences.items() if name != "rejected" and (one.trained > 0).any()}
    if not parts:
        return None
    name, worst = min(parts.items(), key=lambda one: ends_of(one[1]))
    share = ends_of(worst)
    if share >= MOST:
        return None
    masked = worst.masked_ends
    if masked is not None and masked.mean() >= MOST:
        return None  # the end is there and carries no loss: end-token-masked
    template = prepared.template
    end = template.end_token if template is not None else None
    token = end or prepared.facts.get("eos_token")
    fixes = []
    if material.method == "sft" and end is not None and end != prepared.facts.get("eos_token"):
        fixes.append(Fix("eos", "ask", change(material, eos_token=end), {"token": end}))
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.9 if share < NONE else 0.75,
        first_step=0,
        last_step=0,
        facts={
            "kind": "none" if share < NONE else "some",
            "share": 1 - share,
            "part": name,
            "token": str(token),
        },
        evidence=(*tails(prepared, name), affected(worst, (worst.trained > 0) & ~worst.ends)),
        causes=("tokenized",) if prepared.format == "tokenized" else ("template", "eos"),
        fixes=(*fixes, Fix("template", "show")),
    )


def ends_of(one: Sequences) -> float:
    """The share of rows with loss whose loss ends at an end token."""
    counted = one.trained > 0
    return float(np.mean(one.ends[counted])) if counted.any() else 1.0


WORDS = {
    "en": Words(
        title="No end token is trained",
        summary={
            "none": "None of the answers ({part}) ends with an end token ({token}).",
            "some": "{share:.0%} of the answers ({part}) do not end with an end token ({token}).",
        },
        why="A model that never sees the end of an answer never stops: every reply runs to the token budget.",
        wrong_if="the rows are pieces of longer texts, as in continued pretraining, where no end belongs",
        causes={
            "template": "The chat template writes nothing behind the last answer.",
            "eos": "The end token that the template writes is none of the tokenizer's and of the model's end tokens.",
            "tokenized": "The rows were tokenized elsewhere, without the end token.",
        },
        fixes={
            "eos": "Make {token} the end token (eos_token)",
            "template": "Use a chat template that closes the assistant's turn; in rows tokenized by hand append the end token",
        },
        about="""Looks at the last token that carries loss in every row as TRL prepares it, past line breaks: it should be the
tokenizer's eos_token, one of the model's generation config, or the token with which the chat template closes an
answer. For plain texts and for prompts with completions TRL appends the eos_token itself.

Near misses: rows that max_length cuts (completions-truncated-by-length); an end token that is there without loss
(end-token-masked). Sources: huggingface/trl#1623, #931, #3083, #2059.""",
    ),
    "zh": Words(
        title="没有训练结束词元",
        summary={
            "none": "没有任何回答（{part}）以结束词元（{token}）结尾。",
            "some": "{share:.0%} 的回答（{part}）不以结束词元（{token}）结尾。",
        },
        why="从未见过回答如何结束的模型不会停下来：每次回复都会一直生成到长度上限。",
        wrong_if="样本本来就是长文本的片段（例如继续预训练），结尾不该有结束词元",
        causes={
            "template": "对话模板在最后一条回答之后什么也不写。",
            "eos": "模板写出的结束词元既不是分词器的，也不是模型的结束词元。",
            "tokenized": "数据在别处分词，没有加上结束词元。",
        },
        fixes={
            "eos": "把 {token} 设为结束词元（eos_token）",
            "template": "换用会闭合 assistant 轮次的对话模板；自行分词的数据请补上结束词元",
        },
        about="""查看 TRL 预处理后每一行最后一个计入损失的词元（跳过换行）：它应当是分词器的 eos_token、模型 generation config
里的结束词元，或对话模板用来闭合回答的词元。对纯文本以及 prompt 加 completion 的数据，TRL 会自行补上 eos_token。

容易混淆的正常情况：被 max_length 截断的行（completions-truncated-by-length）；结束词元存在但不计入损失
（end-token-masked）。来源：huggingface/trl#1623、#931、#3083、#2059。""",
    ),
}
