"""embedding-too-small: the tokenizer has token ids for which the model's embedding has no row."""

from __future__ import annotations

from pathlib import Path

from diagnostics.checkpoints import label, settled
from diagnostics.finding import CannotJudge, Finding, Fix, TableEvidence, Words
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint, base_folder, checkpoint_at, embedding_rows, vocabulary_of

NAME = "embedding-too-small"
METHODS = None
EXPLAINS = ()


def check(run: Run) -> Finding | None:
    """Judge the newest checkpoint that has a tokenizer beside it."""
    return by_checkpoint(run)


def by_checkpoint(run: Run) -> Finding | None:
    """Compare the rows of the embedding, by the header of the weights, with the highest id of `tokenizer.json`."""
    for one in settled(run):
        vocabulary = vocabulary_of(one.folder)
        found = embedding_of(run, one) if vocabulary is not None else None
        if vocabulary is None or found is None:
            continue
        name, rows, where = found
        if vocabulary.highest < rows:
            return None
        cells = (where, name, str(rows), str(vocabulary.highest), vocabulary.token)
        return Finding(
            rule=NAME,
            severity="error",
            confidence=0.95,
            first_step=one.step,
            last_step=one.step,
            facts={
                "kind": "checkpoint",
                "checkpoint": label(run, one),
                "rows": rows,
                "highest": vocabulary.highest,
                "token": vocabulary.token,
                "beyond": vocabulary.highest - rows + 1,
            },
            evidence=(
                TableEvidence(label(run, one), ("weights", "embedding", "rows", "highest id", "token"), (cells,)),
            ),
            causes=("added",) if vocabulary.added else ("other",),
            fixes=(Fix("resize", "show"),),
        )
    raise CannotJudge("no-tokenizer")


def embedding_of(run: Run, one: Checkpoint) -> tuple[str, int, str] | None:
    """The embedding's name, its rows, and whose it is: the checkpoint's own, else that of the local base of an adapter."""
    own = embedding_rows(one)
    if own is not None:
        return (*own, label(run, one))
    named = (one.adapter or {}).get("base_model_name_or_path")
    base = base_folder(named, one.folder, run.path)
    below = embedding_rows(checkpoint_at(base, 0)) if base is not None else None
    return (*below, Path(str(named)).name) if below is not None else None


WORDS = {
    "en": Words(
        title="The embedding has too few rows for the tokenizer",
        summary={
            "checkpoint": "{checkpoint}: the embedding has {rows} rows, and the tokenizer's ids go up to {highest} "
            "({token}): {beyond} too few."
        },
        why='The first text with such a token ends in "device-side assert triggered" (GPU) or "index out of range in self" '
        "(CPU).",
        wrong_if="the tokens beyond the embedding never occur",
        causes={
            "added": "Tokens were added to the tokenizer and the embedding was not resized before training.",
            "other": "The tokenizer is that of another model.",
        },
        fixes={
            "resize": "Call model.resize_token_embeddings(len(tokenizer)) before training; with LoRA also "
            'modules_to_save=["embed_tokens", "lm_head"]'
        },
        about="""Compares the rows of the input embedding, as the header of the weights tells them, with the highest id in the
tokenizer.json beside them, added tokens included; of an adapter without an embedding of its own, with the embedding of its
base where that lies on this machine. An embedding with more rows than tokens is padded and in order
(huggingface/transformers#24698).""",
    ),
    "zh": Words(
        title="嵌入层的行数少于分词器的词表",
        summary={
            "checkpoint": "{checkpoint}：嵌入层有 {rows} 行，而分词器的 id 到 {highest}（{token}）：少了 {beyond} 行。"
        },
        why='遇到第一个这样的词元就会报 "device-side assert triggered"（GPU）或 "index out of range in self"（CPU）。',
        wrong_if="超出嵌入层的词元从不出现",
        causes={
            "added": "给分词器添加了词元，而训练前没有扩大嵌入层。",
            "other": "分词器属于另一个模型。",
        },
        fixes={
            "resize": "训练前调用 model.resize_token_embeddings(len(tokenizer))；用 LoRA 时还要设 "
            'modules_to_save=["embed_tokens", "lm_head"]'
        },
        about="""把权重文件头里输入嵌入的行数与旁边 tokenizer.json 的最大 id（含添加的词元）比较；适配器若没有自己的嵌入，就与本机
上底座的嵌入比较。行数多于词元数只是补齐，属于正常（huggingface/transformers#24698）。""",
    ),
}
