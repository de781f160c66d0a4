"""embedding-too-small: the tokenizer gives ids that the model's embedding has no row for."""

from __future__ import annotations

from pathlib import Path

from diagnostics.checkpoints import label, settled
from diagnostics.finding import CannotJudge, Finding, Fix, TableEvidence, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_prepared
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint, base_folder, checkpoint_at, embedding_rows, vocabulary_of

NAME = "embedding-too-small"
METHODS = None
EXPLAINS = ("run-died", "preparation-refused", "collective-timeout")


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "index": ("console-added", "console-other"),
    "assert": ("console-added", "console-other", "console-sharded", "console-labels"),
    "loaded": ("console-base", "console-added"),
    "resized": ("console-sharded", "console-added"),
    "padding": ("console-added",),
    "piece": ("console-other", "console-added"),
    "labels": ("console-labels",),
}


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "loaded":
        return (Fix("console-before", "show"),)
    if kind == "labels":
        return (Fix("console-labels", "show"),)
    if kind == "assert":
        return (
            Fix("console-look", "show"),
            Fix("console-resize", "show"),
        )
    return (
        Fix("console-resize", "show"),
        Fix("console-look", "show"),
    )


def check(run: Run) -> Finding | None:
    """Judge the newest checkpoint that has a tokenizer beside it."""
    return by_console(run) or by_checkpoint(run)


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
            "console-index": "A token's number is beyond the embedding's last row{where}. {line}",
            "console-assert": (
                "A CUDA kernel stopped on an index out of range, most often a token beyond the embedding{where}. {line}"
            ),
            "console-loaded": (
                "The saved embedding has another number of rows than the model that loads it{where}. {line}"
            ),
            "console-resized": "After resizing, tokenizer and embedding still differ{where}. {line}",
            "console-padding": "The padding token's number is beyond the embedding{where}. {line}",
            "console-piece": "The tokenizer was asked for a number that it does not have{where}. {line}",
            "console-labels": "A label's number is beyond the classes of the head{where}. {line}",
        },
        why="An id beyond the embedding ends the run with an index error, on a GPU with a device-side assert.",
        wrong_if="the embedding is enlarged when the model is loaded",
        causes={
            "added": "Tokens were added to the tokenizer, and the model was not resized.",
            "other": "The tokenizer belongs to another model.",
            "console-added": "Tokens were added to the tokenizer, and the embedding was not resized.",
            "console-base": "The adapter was trained on a resized base, and is loaded onto one that is not.",
            "console-other": "Tokenizer and model are of different models.",
            "console-sharded": "Under ZeRO-3 the resize did not reach the partitioned embedding.",
            "console-labels": "num_labels is smaller than the labels in the data.",
        },
        fixes={
            "resize": "Load the model, call model.resize_token_embeddings(len(tokenizer)), and save both together; with an "
            "adapter train embed_tokens and lm_head too",
            "console-resize": (
                "Call model.resize_token_embeddings(len(tokenizer)) after tokens are added; with "
                "LoRA set modules_to_save=['embed_tokens', 'lm_head']"
            ),
            "console-before": "Resize the base with the adapter's own tokenizer before the adapter is loaded",
            "console-look": (
                "Compare max(input_ids) with model.get_input_embeddings().num_embeddings, and run "
                "once with CUDA_LAUNCH_BLOCKING=1 or on the CPU"
            ),
            "console-labels": "Set num_labels to the number of classes, and let labels count from 0",
        },
        about="""Compares the highest token id that TRL's preparation gives, and the number of the tokenizer's entries, with the
rows of the embedding in the model's config. An embedding larger than the tokenizer is usual and right: rows are padded
to a round number. Sources: huggingface/transformers#24698, #1848.

After a run the rows, as the header of a checkpoint's weights tells them, are compared with the highest id in the
tokenizer.json beside them, added tokens included; of an adapter without an embedding of its own, those of its base where
that lies on this machine.

Reads the console for the errors of embeddings: CUDA's `srcIndex < srcSelectDimSize`, the CPU's `index out of range in self`,
and the shapes of embed_tokens and lm_head that do not match while weights are loaded.

A bare `device-side assert triggered` is said with a confidence of 0.5: other indices give it too. Sources:
huggingface/transformers#1848, #24698, huggingface/peft#2290.""",
    ),
    "zh": Words(
        title="词嵌入小于分词器",
        summary={
            "file": "{checkpoint}：词嵌入有 {rows} 行，而分词器的编号到 {highest}（{token}）：少了 {beyond} 行。",
            "planned-occurs": "数据里出现词元编号 {highest}，而模型的词嵌入只有 {rows} 行。",
            "planned-may": "分词器有 {entries} 个条目，模型的词嵌入只有 {rows} 行；数据里尚未用到超出的编号。",
            "console-index": "词元编号超出嵌入矩阵的行数{where}。{line}",
            "console-assert": "CUDA 内核因索引越界中止，最常见的是词元超出嵌入矩阵{where}。{line}",
            "console-loaded": "保存的嵌入矩阵与载入它的模型行数不同{where}。{line}",
            "console-resized": "扩展之后分词器与嵌入矩阵仍不一致{where}。{line}",
            "console-padding": "填充词元的编号超出嵌入矩阵{where}。{line}",
            "console-piece": "向分词器查询了不存在的编号{where}。{line}",
            "console-labels": "标签编号超出分类头的类别数{where}。{line}",
        },
        why="编号超出词嵌入会让训练以索引错误结束；在 GPU 上表现为 device-side assert。",
        wrong_if="加载模型时会扩大词嵌入",
        causes={
            "added": "给分词器添加了词元，但没有调整模型。",
            "other": "分词器属于另一个模型。",
            "console-added": "给分词器加了词元，却没有扩展嵌入矩阵。",
            "console-base": "适配器在扩展过的底座上训练，却载入到未扩展的底座。",
            "console-other": "分词器与模型不属于同一个模型。",
            "console-sharded": "ZeRO-3 下扩展没有作用到分片的嵌入矩阵。",
            "console-labels": "num_labels 小于数据里的标签数。",
        },
        fixes={
            "resize": "加载模型后调用 model.resize_token_embeddings(len(tokenizer)) 并一起保存；使用适配器时同时训练 "
            "embed_tokens 与 lm_head",
            "console-resize": (
                "加词元后调用 model.resize_token_embeddings(len(tokenizer))；用 LoRA 时设 modules_to_save=['"
                "embed_tokens', 'lm_head']"
            ),
            "console-before": "载入适配器前，用适配器自带的分词器先扩展底座",
            "console-look": (
                "比较 max(input_ids) 与 model.get_input_embeddings().num_embeddings，并以 "
                "CUDA_LAUNCH_BLOCKING=1 或在 CPU 上运行一次"
            ),
            "console-labels": "把 num_labels 设为类别数，标签从 0 开始",
        },
        about="""把 TRL 预处理得到的最大词元编号以及分词器的条目数，与模型配置里词嵌入的行数比较。词嵌入大于分词器是常见且正确的
（会补齐到整数）。来源：huggingface/transformers#24698、#1848。

训练之后，把检查点权重文件头里词嵌入的行数与旁边 tokenizer.json 的最大编号（含添加的词元）比较；适配器若没有自己的词嵌入，就与本机
上底座的词嵌入比较。

在控制台里查找嵌入矩阵的报错：CUDA 的 `srcIndex < srcSelectDimSize`、CPU 的 `index out of range in self`，以及载入权重时
embed_tokens 与 lm_head 的形状不匹配。

只有 `device-side assert triggered` 时置信度为 0.5：其他索引越界也会如此。来源：huggingface/transformers#1848、#24698，
huggingface/peft#2290。""",
    ),
}
