"""chat-template-missing: the rows are conversations and the tokenizer has no chat template to write them with."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, TextEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_prepared, need_template

NAME = "chat-template-missing"
METHODS = None
EXPLAINS = ("preparation-refused", "run-died")


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
        summary={"planned": "The rows are conversations, and the tokenizer of {model} has no chat template."},
        why="Training ends before its first step: nothing says how roles and turns are written as text.",
        wrong_if="the training program sets a template itself",
        causes={
            "base": "A base model, which was never taught to talk and comes without a template.",
            "lost": "chat_template.jinja was not copied beside the weights.",
        },
        fixes={
            "path": "Name a template: chat_template_path, a .jinja file or a model of the same family that has one",
            "set": "Set tokenizer.chat_template and save the tokenizer beside the weights; SFT with chat_template_path does so",
        },
        about="""Rows of messages (roles and contents) are written as text by the tokenizer's chat template. The rule looks whether
there is one: the tokenizer's own or, for SFT and reward models, the one that chat_template_path names.

Plain texts, and prompts and answers that are texts, need none. Sources: unslothai/unsloth#2096, huggingface/open-r1#85,
huggingface/trl#3309, #4404.""",
    ),
    "zh": Words(
        title="没有对话模板",
        summary={"planned": "数据是对话，而 {model} 的分词器没有对话模板。"},
        why="训练在第一步之前就会结束：没有规则说明角色与轮次如何写成文本。",
        wrong_if="训练程序自己设置了模板",
        causes={
            "base": "基座模型没有学过对话，也不带模板。",
            "lost": "chat_template.jinja 没有和权重一起复制过来。",
        },
        fixes={
            "path": "用 chat_template_path 指定模板：一个 .jinja 文件，或同系列带模板的模型",
            "set": "设置 tokenizer.chat_template 并与权重一起保存；SFT 用 chat_template_path 也会这样做",
        },
        about="""由角色和内容组成的消息需要分词器的对话模板写成文本。本规则检查是否有模板：分词器自带的，或（SFT 与奖励模型）
chat_template_path 指定的。

纯文本，以及文本形式的提示与回答，不需要模板。来源：unslothai/unsloth#2096，huggingface/open-r1#85，
huggingface/trl#3309、#4404。""",
    ),
}
