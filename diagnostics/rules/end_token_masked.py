"""end-token-masked: the end token stands behind the answers and carries no loss, so the model never learns to stop."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import affected, change, need_prepared, need_sequences, tails

NAME = "end-token-masked"
METHODS = ("sft", "dpo", "kto")
EXPLAINS = ("completions-truncated", "length-explosion")

MOST = Limit(0.5, "share of the rows", "ours: with half of the ends trained, a model does learn to stop")


def preflight(material: Material) -> Finding | None:
    """Look for rows that end with an end token behind the last token with loss."""
    sequences = need_sequences(material)
    prepared = need_prepared(material)
    shares = {
        name: float(one.masked_ends[one.trained > 0].mean())
        for name, one in sequences.items()
        if one.masked_ends is not None and (one.trained > 0).any()
    }
    if not shares:
        return None
    name = max(shares, key=lambda part: shares[part])
    if shares[name] < MOST:
        return None
    ends = sequences[name].masked_ends
    assert ends is not None
    tokenized = prepared.format == "tokenized"
    fixes = []
    if material.value("assistant_only_loss") is True:
        fixes.append(Fix("whole", "ask", change(material, assistant_only_loss=False)))
    kind = "pad" if tokenized and prepared.pad_is_end else "labels" if tokenized else "markers"
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.9,
        first_step=0,
        last_step=0,
        facts={"kind": kind, "share": shares[name], "part": name, "token": str(prepared.facts.get("eos_token"))},
        evidence=(*tails(prepared, name), affected(sequences[name], ends)),
        causes=("pad",) if kind == "pad" else ("labels",) if tokenized else ("markers", "last"),
        fixes=(*fixes, Fix("pad" if tokenized else "markers", "show")),
    )


WORDS = {
    "en": Words(
        title="The end token carries no loss",
        summary={
            "markers": "{share:.0%} of the rows end with an end token that is not trained on.",
            "pad": "{share:.0%} of the rows end with {token} without loss; it is the padding token too, and was masked as one.",
            "labels": "{share:.0%} of the rows end with an end token whose label is -100.",
        },
        why="The loss looks healthy, and the model never learns to stop.",
        wrong_if="the rows end with a turn of the user's, whose end is not to be learned",
        causes={
            "markers": "The chat template closes the assistant's turn outside of its generation markers.",
            "last": "The last message of the rows is not the assistant's.",
            "pad": "The rows were collated elsewhere with pad_token = eos_token, and all padding was masked.",
            "labels": "The labels were made elsewhere, and stop before the end token.",
        },
        fixes={
            "whole": "Train on all tokens of the conversation",
            "markers": "Move the end token inside {{% generation %}} … {{% endgeneration %}}, or use TRL's training template",
            "pad": "Make the labels anew, with a padding token of its own, or hand the rows over as texts",
        },
        about="""Compares in every row as TRL prepares it the last token with the last token that carries loss: where the row ends
with an end token and the loss stops before it, the end is not learned.

TRL's own collator masks padding by its place since 0.17, so that pad_token = eos_token does no harm there; rows that
were tokenized and labelled elsewhere may still bring such labels. Sources: huggingface/trl#3200, #988, #6363.""",
    ),
    "zh": Words(
        title="结束词元不计入损失",
        summary={
            "markers": "{share:.0%} 的行以不参与训练的结束词元结尾。",
            "pad": "{share:.0%} 的行末尾的 {token} 不计入损失：它同时是填充词元，被当作填充掩码了。",
            "labels": "{share:.0%} 的行末尾的结束词元标签为 -100。",
        },
        why="损失看上去正常，但模型学不会停止。",
        wrong_if="样本以用户的轮次结尾，本来就不该学它的结束",
        causes={
            "markers": "对话模板在 generation 标记之外闭合 assistant 的轮次。",
            "last": "样本的最后一条消息不是 assistant 的。",
            "pad": "数据在别处以 pad_token = eos_token 整理，填充全部被掩码。",
            "labels": "标签在别处生成，止于结束词元之前。",
        },
        fixes={
            "whole": "在对话的全部词元上训练",
            "markers": "把结束词元移进 {{% generation %}} … {{% endgeneration %}}，或使用 TRL 的训练模板",
            "pad": "换用独立的填充词元重新生成标签，或直接提供文本",
        },
        about="""比较 TRL 预处理后每一行的最后一个词元与最后一个计入损失的词元：若行以结束词元结尾而损失止于其前，则学不到结束。

TRL 自己的 collator 从 0.17 起按位置掩码填充，pad_token = eos_token 在那里没有害处；但在别处分词并打好标签的数据仍可能
带来这样的标签。来源：huggingface/trl#3200、#988、#6363。""",
    ),
}
