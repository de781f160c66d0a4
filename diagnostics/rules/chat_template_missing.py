"""chat-template-missing: the tokenizer has no chat template, and the rows are conversations."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "chat-template-missing"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "missing": ("base", "lost"),
    "several": ("base",),
    "fallback": ("base", "lost"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "several":
        return (Fix("name", "show"),)
    return (Fix("take", "show"),)


WORDS = {
    "en": Words(
        title="The tokenizer has no chat template",
        summary={
            "missing": "Conversations were to be rendered without a chat template{where}. {line}",
            "several": "The tokenizer has several chat templates, and none was named{where}. {line}",
            "fallback": (
                "The tokenizer has no chat template of its own, and a default was used that the "
                "model may not know{where}. {line}"
            ),
        },
        why="What the model is trained on must be rendered as it will be served.",
        wrong_if="the rows are meant as plain text",
        causes={
            "base": "A base model, which was never trained on conversations.",
            "lost": "The template was lost when an earlier stage saved its tokenizer.",
        },
        fixes={
            "take": (
                "Take the template of the instruct model of this family (chat_template_path, or "
                "tokenizer.chat_template)"
            ),
            "name": "Name the template that is meant",
        },
        about="""After a crash, reads the console for the errors and warnings of transformers and vLLM about a chat template that is not set.

Sources: huggingface/trl#4404, #3309, unslothai/unsloth#2096.""",
    ),
    "zh": Words(
        title="分词器没有对话模板",
        summary={
            "missing": "没有对话模板却要渲染对话{where}。{line}",
            "several": "分词器有多个对话模板，而没有指定其中之一{where}。{line}",
            "fallback": "分词器没有自己的对话模板，使用了模型未必认识的默认模板{where}。{line}",
        },
        why="训练时的渲染方式必须与部署时一致。",
        wrong_if="数据本来就是纯文本",
        causes={
            "base": "基础模型，从未在对话上训练过。",
            "lost": "前一阶段保存分词器时丢失了模板。",
        },
        fixes={
            "take": "采用同系列指令模型的模板（chat_template_path 或 tokenizer.chat_template）",
            "name": "指定要用的模板",
        },
        about="""崩溃之后，在控制台里查找 transformers 与 vLLM 关于未设置对话模板的报错与警告。

来源：huggingface/trl#4404、#3309，unslothai/unsloth#2096。""",
    ),
}
