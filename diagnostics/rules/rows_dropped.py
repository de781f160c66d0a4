"""rows-dropped: TRL leaves rows out without a word, because max_length leaves them nothing to learn from."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, TableEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import histogram, longer, need_prepared, need_sequences

NAME = "rows-dropped"
METHODS = ("sft", "reward", "dpo", "kto")
EXPLAINS = ("completions-truncated-by-length", "dataset-too-small")

SOME = Limit(0.05, "share of the rows", "ours: fewer are the long tail that every data set has")
MOST = Limit(0.5, "share of the rows", "ours: what is left is another data set than the one asked for")
FITS = Limit(0.99, "share of the rows", "ours: the longest percent is dear, and often broken")


def preflight(material: Material) -> Finding | None:
    """Count the rows that are gone after TRL's own preparation, but for those that carried no loss to begin with."""
    sequences = need_sequences(material)
    prepared = need_prepared(material)
    first = next(iter(sequences.values()))
    dropped = first.dropped & (first.trained > 0)
    share = float(dropped.mean())
    if share < SOME:
        return None
    lengths = np.max([one.lengths for one in sequences.values()], axis=0)
    gone = np.flatnonzero(dropped)
    return Finding(
        rule=NAME,
        severity="error" if share > MOST else "warning",
        confidence=0.98,
        first_step=0,
        last_step=0,
        facts={
            "share": share,
            "rows": int(dropped.sum()),
            "limit": prepared.max_length or 0,
            "longest": int(lengths.max()),
            "median": int(np.median(lengths)),
            "histogram": histogram(lengths),
        },
        evidence=(
            TableEvidence(
                "tokens",
                ("row", *sequences),
                tuple(
                    (str(int(first.numbers[place])), *(str(int(one.lengths[place])) for one in sequences.values()))
                    for place in gone[:8]
                ),
            ),
        ),
        causes=("limit", "tokenizer"),
        fixes=(*longer(material, lengths, FITS), Fix("shorten", "show")),
    )


WORDS = {
    "en": Words(
        title="Rows are dropped by max_length",
        summary="{rows} rows ({share:.0%}) are left out before training: with max_length {limit} nothing of them would be "
        "trained on (median {median}, longest {longest} tokens).",
        why="The trainer says nothing of it: the epochs are shorter, and what is long is not learned.",
        wrong_if="the long rows are meant to be left out",
        causes={
            "limit": "max_length is smaller than the rows need (TRL's default is 1024 tokens).",
            "tokenizer": "The tokenizer cuts this language or format into many more tokens than expected.",
        },
        fixes={
            "longer": "Set max_length to {new} tokens, which 99 % of the rows fit into",
            "most": "Set max_length to {new} tokens, the most that the model takes",
            "shorten": "Shorten or split the long rows, or leave them out knowingly",
        },
        about="""Runs TRL's own preparation and counts the rows that do not come out of it. What TRL 1.16 leaves out: in SFT
rows of which max_length leaves no token with loss; in DPO and KTO rows whose prompt alone fills max_length; for a reward
model pairs of which one answer is longer than max_length. 5 % is a warning, half of the rows an error.

Near misses: the few longest rows of any data set; rows that carried no loss before anything was cut, which are
labels-all-masked. Sources: sft_trainer.py, dpo_trainer.py, kto_trainer.py, reward_trainer.py of TRL 1.16.""",
    ),
    "zh": Words(
        title="样本因 max_length 被丢弃",
        summary="{rows} 行（{share:.0%}）在训练前被丢弃：max_length 为 {limit} 时，它们没有任何可训练的内容（中位数 {median}，"
        "最长 {longest} 个词元）。",
        why="训练器对此不作任何提示：每个 epoch 变短，长样本根本学不到。",
        wrong_if="本来就打算舍弃长样本",
        causes={
            "limit": "max_length 小于样本所需（TRL 默认 1024 个词元）。",
            "tokenizer": "分词器把这种语言或格式切得比预期碎得多。",
        },
        fixes={
            "longer": "把 max_length 设为 {new} 个词元，可容纳 99% 的样本",
            "most": "把 max_length 设为 {new} 个词元，即模型所能接受的最大长度",
            "shorten": "缩短或拆分长样本，或者有意识地舍弃它们",
        },
        about="""运行 TRL 自己的预处理，统计哪些行没有留下来。TRL 1.16 会丢弃：SFT 中截断后没有任何词元计入损失的行；DPO 与 KTO
中提示本身就占满 max_length 的行；奖励模型中有一侧回答超过 max_length 的成对数据。达到 5% 为警告，达到一半为错误。

容易混淆的正常情况：任何数据集都有的少量超长行；截断之前就没有损失的行（属于 labels-all-masked）。来源：TRL 1.16 的
sft_trainer.py、dpo_trainer.py、kto_trainer.py、reward_trainer.py。""",
    ),
}
