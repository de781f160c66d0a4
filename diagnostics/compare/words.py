"""The sentences of the comparison that pages and reports share, English and Chinese."""

from __future__ import annotations

from typing import Any, Literal

Lang = Literal["en", "zh"]

# What an identity warns of; the keys are those of `diagnostics.compare.proof`.
WARNINGS: dict[str, tuple[str, str]] = {
    "same-weights": (
        "Answers from the very same weights as {others}: any difference between them is not training's.",
        "与 {others} 使用完全相同的权重：它们之间的任何差别都不来自训练。",
    ),
    "no-change": (
        "Not one weight differs from {base}: training changed nothing here, or this is the wrong folder.",
        "没有任何权重与 {base} 不同：训练没有改变这里的任何东西，或者选错了文件夹。",
    ),
    "same-logits": (
        "Its logits are those of {base} (largest difference {difference:.1e}): it will answer like {base}.",
        "它的 logits 与 {base} 相同（最大差值 {difference:.1e}）：回答会与 {base} 一样。",
    ),
    "adapter-unmatched": (
        "Only part of the adapter is in use: {matched} tensors found their place, {missing} are missing, {extra} are "
        "not known to the model ({names}). Was it trained on another base?",
        "适配器只有一部分生效：{matched} 个张量对上，{missing} 个缺失，{extra} 个模型不认识（{names}）。"
        "它是在另一个基座上训练的吗？",
    ),
    "no-template": (
        "No chat template: the conversation is sent as plain text.",
        "没有对话模板：对话按纯文本发送。",
    ),
    "template-not-of-training": (
        "The chat template is not the one that its training run saved first: it is asked in a form it was not trained on.",
        "对话模板不是训练时最先保存的那个：提问的格式与训练时不同。",
    ),
    "templates-differ": (
        "The sources do not share one chat template (this one: {hash}): part of a difference may be the template's.",
        "各来源的对话模板不一致（本来源：{hash}）：差别可能部分来自模板。",
    ),
    "stop-differs": (
        "Its tokenizer ends a turn with {token}, its generation config stops at id {ids} only. Here both end an answer; "
        "a server that reads the config alone would run on.",
        "分词器以 {token} 结束一轮，而生成配置只在 id {ids} 处停止。这里两者都会结束回答；只读生成配置的服务会停不下来。",
    ),
    "vocabulary-differs": (
        "Its vocabulary has {mine} tokens, that of {base} {theirs}: they are compared over those that both have.",
        "它的词表有 {mine} 个词元，{base} 有 {theirs} 个：只比较两者共有的部分。",
    ),
}


def warning(key: str, lang: Lang, **facts: Any) -> str:
    """One warning as a sentence.

    Raises:
        KeyError: there is no such warning, or it lacks a fact.
    """
    return WARNINGS[key][0 if lang == "en" else 1].format(**facts)
