"""chat-template-missing: the rows are conversations and the tokenizer has no chat template to write them with."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, TextEvidence, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_prepared, need_template
from diagnostics.run import Run

NAME = "chat-template-missing"
METHODS = None
EXPLAINS = ("preparation-refused", "run-died", "collective-timeout")


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "missing": ("console-base", "console-lost"),
    "several": ("console-base",),
    "fallback": ("console-base", "console-lost"),
}


def check(run: Run) -> Finding | None:
    """Look on the console of a run that died."""
    return by_console(run)


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
    if kind == "several":
        return (Fix("console-name", "show"),)
    return (Fix("console-take", "show"),)


def preflight(material: Material) -> Finding | None:
    """Look for conversations without a template, whether the tokenizer's own or one that the config names."""
    prepared = need_prepared(material)
    template = need_template(material)
    if prepared.format != "conversational" or template.source is not None:
        return None
    named = material.method in ("sft", "reward")
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.98,
        first_step=0,
        last_step=0,
        facts={"kind": "planned", "model": str(material.value("model_name_or_path")), "line": prepared.failed or ""},
        evidence=(
            TextEvidence(str(material.value("model_name_or_path")), (prepared.failed or "chat_template: None",)),
        ),
        causes=("base", "lost"),
        fixes=(Fix("path" if named else "set", "show"),),
    )


WORDS = {
    "en": Words(
        title="There is no chat template",
        summary={
            "planned": "The rows are conversations, and the tokenizer of {model} has no chat template.",
            "console-missing": "Conversations were to be rendered without a chat template{where}. {line}",
            "console-several": "The tokenizer has several chat templates, and none was named{where}. {line}",
            "console-fallback": (
                "The tokenizer has no chat template of its own, and a default was used that the "
                "model may not know{where}. {line}"
            ),
        },
        why="Training ends before its first step: nothing says how roles and turns are written as text.",
        wrong_if="the training program sets a template itself",
        causes={
            "base": "A base model, which was never taught to talk and comes without a template.",
            "lost": "chat_template.jinja was not copied beside the weights.",
            "console-base": "A base model, which was never trained on conversations.",
            "console-lost": "The template was lost when an earlier stage saved its tokenizer.",
        },
        fixes={
            "path": "Name a template: chat_template_path, a .jinja file or a model of the same family that has one",
            "set": "Set tokenizer.chat_template and save the tokenizer beside the weights; SFT with chat_template_path does so",
            "console-take": (
                "Take the template of the instruct model of this family (chat_template_path, or "
                "tokenizer.chat_template)"
            ),
            "console-name": "Name the template that is meant",
        },
        about="""Rows of messages (roles and contents) are written as text by the tokenizer's chat template. The rule looks whether
there is one: the tokenizer's own or, for SFT and reward models, the one that chat_template_path names.

Plain texts, and prompts and answers that are texts, need none. Sources: unslothai/unsloth#2096, huggingface/open-r1#85,
huggingface/trl#3309, #4404.

After a crash, reads the console for the errors and warnings of transformers and vLLM about a chat template that is not set.

Sources: huggingface/trl#4404, #3309, unslothai/unsloth#2096.""",
    ),
    "zh": Words(
        title="没有对话模板",
        summary={
            "planned": "数据是对话，而 {model} 的分词器没有对话模板。",
            "console-missing": "没有对话模板却要渲染对话{where}。{line}",
            "console-several": "分词器有多个对话模板，而没有指定其中之一{where}。{line}",
            "console-fallback": "分词器没有自己的对话模板，使用了模型未必认识的默认模板{where}。{line}",
        },
        why="训练在第一步之前就会结束：没有规则说明角色与轮次如何写成文本。",
        wrong_if="训练程序自己设置了模板",
        causes={
            "base": "基座模型没有学过对话，也不带模板。",
            "lost": "chat_template.jinja 没有和权重一起复制过来。",
            "console-base": "基础模型，从未在对话上训练过。",
            "console-lost": "前一阶段保存分词器时丢失了模板。",
        },
        fixes={
            "path": "用 chat_template_path 指定模板：一个 .jinja 文件，或同系列带模板的模型",
            "set": "设置 tokenizer.chat_template 并与权重一起保存；SFT 用 chat_template_path 也会这样做",
            "console-take": "采用同系列指令模型的模板（chat_template_path 或 tokenizer.chat_template）",
            "console-name": "指定要用的模板",
        },
        about="""由角色和内容组成的消息需要分词器的对话模板写成文本。本规则检查是否有模板：分词器自带的，或（SFT 与奖励模型）
chat_template_path 指定的。

纯文本，以及文本形式的提示与回答，不需要模板。来源：unslothai/unsloth#2096，huggingface/open-r1#85，
huggingface/trl#3309、#4404。

崩溃之后，在控制台里查找 transformers 与 vLLM 关于未设置对话模板的报错与警告。

来源：huggingface/trl#4404、#3309，unslothai/unsloth#2096。""",
    ),
}
