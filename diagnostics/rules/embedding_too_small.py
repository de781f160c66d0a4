"""embedding-too-small: a token has no row in the embedding, or the rows of two models differ."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "embedding-too-small"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "index": ("added", "other"),
    "assert": ("added", "other", "sharded", "labels"),
    "loaded": ("base", "added"),
    "resized": ("sharded", "added"),
    "padding": ("added",),
    "piece": ("other", "added"),
    "labels": ("labels",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "loaded":
        return (Fix("before", "show"),)
    if kind == "labels":
        return (Fix("labels", "show"),)
    if kind == "assert":
        return (
            Fix("look", "show"),
            Fix("resize", "show"),
        )
    return (
        Fix("resize", "show"),
        Fix("look", "show"),
    )


WORDS = {
    "en": Words(
        title="The embedding does not fit the vocabulary",
        summary={
            "index": "A token's number is beyond the embedding's last row{where}. {line}",
            "assert": (
                "A CUDA kernel stopped on an index out of range, most often a token beyond the embedding{where}. {line}"
            ),
            "loaded": ("The saved embedding has another number of rows than the model that loads it{where}. {line}"),
            "resized": "After resizing, tokenizer and embedding still differ{where}. {line}",
            "padding": "The padding token's number is beyond the embedding{where}. {line}",
            "piece": "The tokenizer was asked for a number that it does not have{where}. {line}",
            "labels": "A label's number is beyond the classes of the head{where}. {line}",
        },
        why=("The first batch with such a token ends the run; on a GPU with a message that names another place."),
        wrong_if=(
            "the index is another one (positions beyond max_position_embeddings, labels): "
            "CUDA_LAUNCH_BLOCKING=1 shows which"
        ),
        causes={
            "added": "Tokens were added to the tokenizer, and the embedding was not resized.",
            "base": "The adapter was trained on a resized base, and is loaded onto one that is not.",
            "other": "Tokenizer and model are of different models.",
            "sharded": "Under ZeRO-3 the resize did not reach the partitioned embedding.",
            "labels": "num_labels is smaller than the labels in the data.",
        },
        fixes={
            "resize": (
                "Call model.resize_token_embeddings(len(tokenizer)) after tokens are added; with "
                "LoRA set modules_to_save=['embed_tokens', 'lm_head']"
            ),
            "before": "Resize the base with the adapter's own tokenizer before the adapter is loaded",
            "look": (
                "Compare max(input_ids) with model.get_input_embeddings().num_embeddings, and run "
                "once with CUDA_LAUNCH_BLOCKING=1 or on the CPU"
            ),
            "labels": "Set num_labels to the number of classes, and let labels count from 0",
        },
        about="""Reads the console for the errors of embeddings: CUDA's `srcIndex < srcSelectDimSize`, the CPU's `index out of range in self`,
and the shapes of embed_tokens and lm_head that do not match while weights are loaded.

A bare `device-side assert triggered` is said with a confidence of 0.5: other indices give it too. Sources:
huggingface/transformers#1848, #24698, huggingface/peft#2290.""",
    ),
    "zh": Words(
        title="嵌入矩阵与词表不匹配",
        summary={
            "index": "词元编号超出嵌入矩阵的行数{where}。{line}",
            "assert": "CUDA 内核因索引越界中止，最常见的是词元超出嵌入矩阵{where}。{line}",
            "loaded": "保存的嵌入矩阵与载入它的模型行数不同{where}。{line}",
            "resized": "扩展之后分词器与嵌入矩阵仍不一致{where}。{line}",
            "padding": "填充词元的编号超出嵌入矩阵{where}。{line}",
            "piece": "向分词器查询了不存在的编号{where}。{line}",
            "labels": "标签编号超出分类头的类别数{where}。{line}",
        },
        why="遇到这样的词元就会中断；在 GPU 上报错的位置还往往不对。",
        wrong_if="越界的是别的索引（位置超过 max_position_embeddings、标签）：设 CUDA_LAUNCH_BLOCKING=1 可看到",
        causes={
            "added": "给分词器加了词元，却没有扩展嵌入矩阵。",
            "base": "适配器在扩展过的底座上训练，却载入到未扩展的底座。",
            "other": "分词器与模型不属于同一个模型。",
            "sharded": "ZeRO-3 下扩展没有作用到分片的嵌入矩阵。",
            "labels": "num_labels 小于数据里的标签数。",
        },
        fixes={
            "resize": (
                "加词元后调用 model.resize_token_embeddings(len(tokenizer))；用 LoRA 时设 modules_to_save=['"
                "embed_tokens', 'lm_head']"
            ),
            "before": "载入适配器前，用适配器自带的分词器先扩展底座",
            "look": (
                "比较 max(input_ids) 与 model.get_input_embeddings().num_embeddings，并以 "
                "CUDA_LAUNCH_BLOCKING=1 或在 CPU 上运行一次"
            ),
            "labels": "把 num_labels 设为类别数，标签从 0 开始",
        },
        about="""在控制台里查找嵌入矩阵的报错：CUDA 的 `srcIndex < srcSelectDimSize`、CPU 的 `index out of range in self`，以及载入权重时
embed_tokens 与 lm_head 的形状不匹配。

只有 `device-side assert triggered` 时置信度为 0.5：其他索引越界也会如此。来源：huggingface/transformers#1848、#24698，
huggingface/peft#2290。""",
    ),
}
