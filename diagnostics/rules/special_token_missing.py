"""special-token-missing: a special token that the trainer needs is not set, or not in the vocabulary."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "special-token-missing"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "pad-tokenizer": ("base",),
    "pad-model": ("base",),
    "unknown": ("other",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "unknown":
        return (Fix("own", "show"),)
    return (Fix("pad", "show"),)


WORDS = {
    "en": Words(
        title="A special token is missing",
        summary={
            "pad-tokenizer": "The tokenizer has no padding token{where}. {line}",
            "pad-model": (
                "The model's config names no padding token, and batches have more than one row{where}. {line}"
            ),
            "unknown": "The token that was asked for is not in the vocabulary{where}. {line}",
        },
        why="Rows of different length cannot be put into one batch, and the run ends.",
        wrong_if="another tokenizer than the run's was asked",
        causes={
            "base": "Base models often come without a padding token.",
            "other": "The token is that of another model's template.",
        },
        fixes={
            "pad": (
                "Set tokenizer.pad_token to a token that does not end an answer (not the end token, "
                "which would be masked), and model.config.pad_token_id to its number"
            ),
            "own": "Name a token that the tokenizer has (tokenizer.all_special_tokens lists them)",
        },
        about="""Reads the console for the errors of transformers and TRL about padding and end tokens that are not set or not in the
vocabulary.

The end token as padding is no cure: collators mask padding, so the model is never taught to stop (huggingface/trl#3200).""",
    ),
    "zh": Words(
        title="缺少特殊词元",
        summary={
            "pad-tokenizer": "分词器没有填充词元{where}。{line}",
            "pad-model": "模型配置没有填充词元，而批次多于一行{where}。{line}",
            "unknown": "所指定的词元不在词表中{where}。{line}",
        },
        why="不同长度的行无法组成一批，训练中断。",
        wrong_if="被使用的不是本次训练的分词器",
        causes={
            "base": "基础模型往往没有填充词元。",
            "other": "该词元属于另一种模型的模板。",
        },
        fixes={
            "pad": (
                "把 tokenizer.pad_token 设为不用于结束回答的词元（不要用结束词元，否则它会被掩码），并把 model.config.pad_token_id 设为其"
                "编号"
            ),
            "own": "指定分词器已有的词元（tokenizer.all_special_tokens 可列出）",
        },
        about="""在控制台里查找 transformers 与 TRL 关于填充词元、结束词元未设置或不在词表中的报错。

用结束词元作填充不是办法：数据整理器会掩码填充部分，模型就永远学不会停止（huggingface/trl#3200）。应当使用一个专门的填充词元，
并同时写进分词器与模型配置。""",
    ),
}
