"""embedding-too-small: the tokenizer gives ids that the model's embedding has no row for."""

from __future__ import annotations

from pathlib import Path

from diagnostics.checkpoints import label, settled
from diagnostics.finding import CannotJudge, Finding, Fix, TableEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_prepared
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint, base_folder, checkpoint_at, embedding_rows, vocabulary_of

NAME = "embedding-too-small"
METHODS = None
EXPLAINS = ("run-died", "preparation-refused")


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
                "kind": "file",
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


def preflight(material: Material) -> Finding | None:
    """Compare the ids that occur in the rows, and those that may, with the rows of the embedding."""
    prepared = need_prepared(material)
    rows, entries = prepared.embedding, prepared.vocabulary
    if rows is None or entries is None:
        raise CannotJudge("not-prepared", why="config.json")
    highest = int(prepared.facts.get("highest_id", -1))
    if highest < rows and entries <= rows:
        return None
    occurs = highest >= rows
    return Finding(
        rule=NAME,
        severity="error" if occurs else "warning",
        confidence=0.97 if occurs else 0.7,
        first_step=0,
        last_step=0,
        facts={
            "kind": "planned-occurs" if occurs else "planned-may",
            "rows": rows,
            "entries": entries,
            "highest": highest,
        },
        evidence=(
            TableEvidence(
                "vocabulary",
                ("what", "count"),
                (
                    ("embedding rows (config.json)", str(rows)),
                    ("tokenizer entries", str(entries)),
                    ("highest id in the data", str(highest)),
                ),
            ),
        ),
        causes=("added", "other"),
        fixes=(Fix("resize", "show"),),
    )


WORDS = {
    "en": Words(
        title="The embedding is too small for the tokenizer",
        summary={
            "file": "{checkpoint}: the embedding has {rows} rows, and the tokenizer's ids go up to {highest} ({token}): "
            "{beyond} too few.",
            "planned-occurs": "The rows hold token id {highest}; the model's embedding has {rows} rows.",
            "planned-may": "The tokenizer has {entries} entries, the model's embedding {rows} rows; no row of the data uses the "
            "ids beyond it.",
        },
        why="An id beyond the embedding ends the run with an index error, on a GPU with a device-side assert.",
        wrong_if="the embedding is enlarged when the model is loaded",
        causes={
            "added": "Tokens were added to the tokenizer, and the model was not resized.",
            "other": "The tokenizer belongs to another model.",
        },
        fixes={
            "resize": "Load the model, call model.resize_token_embeddings(len(tokenizer)), and save both together; with an "
            "adapter train embed_tokens and lm_head too"
        },
        about="""Compares the highest token id that TRL's preparation gives, and the number of the tokenizer's entries, with the
rows of the embedding in the model's config. An embedding larger than the tokenizer is usual and right: rows are padded
to a round number. Sources: huggingface/transformers#24698, #1848.

After a run the rows, as the header of a checkpoint's weights tells them, are compared with the highest id in the
tokenizer.json beside them, added tokens included; of an adapter without an embedding of its own, those of its base where
that lies on this machine.""",
    ),
    "zh": Words(
        title="词嵌入小于分词器",
        summary={
            "file": "{checkpoint}：词嵌入有 {rows} 行，而分词器的编号到 {highest}（{token}）：少了 {beyond} 行。",
            "planned-occurs": "数据里出现词元编号 {highest}，而模型的词嵌入只有 {rows} 行。",
            "planned-may": "分词器有 {entries} 个条目，模型的词嵌入只有 {rows} 行；数据里尚未用到超出的编号。",
        },
        why="编号超出词嵌入会让训练以索引错误结束；在 GPU 上表现为 device-side assert。",
        wrong_if="加载模型时会扩大词嵌入",
        causes={
            "added": "给分词器添加了词元，但没有调整模型。",
            "other": "分词器属于另一个模型。",
        },
        fixes={
            "resize": "加载模型后调用 model.resize_token_embeddings(len(tokenizer)) 并一起保存；使用适配器时同时训练 "
            "embed_tokens 与 lm_head"
        },
        about="""把 TRL 预处理得到的最大词元编号以及分词器的条目数，与模型配置里词嵌入的行数比较。词嵌入大于分词器是常见且正确的
（会补齐到整数）。来源：huggingface/transformers#24698、#1848。

训练之后，把检查点权重文件头里词嵌入的行数与旁边 tokenizer.json 的最大编号（含添加的词元）比较；适配器若没有自己的词嵌入，就与本机
上底座的词嵌入比较。""",
    ),
}
