"""The sentences of the comparison that pages and reports share, English and Chinese."""

from __future__ import annotations

from typing import Any, Literal

from diagnostics.compare.statistics.change import Change

Lang = Literal["en", "zh"]

# What an identity warns of; the keys are those of `diagnostics.compare.models.proof`.
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


# What the null baseline says; the keys are the words of `diagnostics.compare.statistics.change`.
CHANGES: dict[str, tuple[str, str]] = {
    "more-than-random": (
        "{source}: training did more than move the weights. Its next-token distributions lie {ratio:.2g} times as far from "
        "those of {base} as after random changes of the same size (95 % interval {low:.2g} to {high:.2g}, p = {p:.2g}).",
        "{source}：训练不只是挪动了权重。它的下一词元分布与 {base} 的距离是同等大小随机改动的 {ratio:.2g} 倍"
        "（95% 区间 {low:.2g} 至 {high:.2g}，p = {p:.2g}）。",
    ),
    "no-more-than-random": (
        "{source}: not shown to differ from {base} by more than random changes of the same size do ({ratio:.2g} times as "
        "far, 95 % interval {low:.2g} to {high:.2g}, p = {p:.2g}).",
        "{source}：未显示与 {base} 的差别大于同等大小的随机改动（距离为其 {ratio:.2g} 倍，95% 区间 {low:.2g} 至 {high:.2g}，"
        "p = {p:.2g}）。",
    ),
    "less-than-random": (
        "{source}: training moved the weights where it hardly matters for these prompts. Its next-token distributions lie "
        "{ratio:.2g} times as far from those of {base} as after random changes of the same size (95 % interval {low:.2g} "
        "to {high:.2g}).",
        "{source}：训练挪动的权重对这些提示几乎没有影响。它的下一词元分布与 {base} 的距离是同等大小随机改动的 {ratio:.2g} 倍"
        "（95% 区间 {low:.2g} 至 {high:.2g}）。",
    ),
    "too-few": (
        "{source}: too few answers to tell its change from a random one of the same size.",
        "{source}：回答太少，无法区分它的变化与同等大小的随机改动。",
    ),
}


def change_sentence(source: str, base: str, found: Change, lang: Lang) -> str:
    """What the null baseline says of a source, as a sentence."""
    told = CHANGES[found.word][0 if lang == "en" else 1]
    return told.format(source=source, base=base, ratio=found.ratio, low=found.low, high=found.high, p=found.p)


def warning(key: str, lang: Lang, **facts: Any) -> str:
    """One warning as a sentence.

    Raises:
        KeyError: there is no such warning, or it lacks a fact.
    """
    return WARNINGS[key][0 if lang == "en" else 1].format(**facts)
