"""chat-template-mismatch: the chat template and the conversations do not go together."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "chat-template-mismatch"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "roles": ("rows", "lost"),
    "system": ("rows", "template"),
    "empty": ("rows",),
    "training": ("template",),
    "tools": ("template",),
    "final": ("template",),
    "query": ("rows",),
    "syntax": ("template",),
    "undefined": ("fields", "template"),
    "refused": ("rows", "template"),
    "prefix": ("template",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("roles", "undefined", "refused"):
        return (
            Fix("rows", "show"),
            Fix("template", "show"),
        )
    if kind in ("system", "empty", "query"):
        return (Fix("rows", "show"),)
    if kind == "training":
        return (
            Fix("whole", "ask", edits(run, assistant_only_loss=False)),
            Fix("template", "show"),
        )
    return (Fix("template", "show"),)


WORDS = {
    "en": Words(
        title="The chat template does not fit the conversations",
        summary={
            "roles": "The template does not take this order of roles{where}. {line}",
            "system": "The template takes no system message{where}. {line}",
            "empty": "A row holds an empty conversation{where}. {line}",
            "training": "The template cannot tell what of a conversation is to be trained on{where}. {line}",
            "tools": "The template does not render calls of tools{where}. {line}",
            "final": ("The last message is changed by the template, so it cannot be continued{where}. {line}"),
            "query": "The template found no message of a user{where}. {line}",
            "syntax": "The template is no valid Jinja{where}. {line}",
            "undefined": "The template reads a field that the messages do not have{where}. {line}",
            "refused": "The template refused a conversation{where}. {line}",
            "prefix": (
                "The prompt rendered alone is no prefix of prompt and answer: what is masked is not "
                "what was meant{where}. {line}"
            ),
        },
        why="What is rendered is either an error or not what the model will see when it is served.",
        wrong_if="the rows are right, and the template was meant for another model",
        causes={
            "rows": "Rows with two messages of one role in a row, or that begin with the assistant.",
            "lost": (
                "The tokenizer was saved without its own template, and a default one that is stricter took its place."
            ),
            "template": "The template belongs to another model or was edited.",
            "fields": "The messages have other fields than role and content (from and value).",
        },
        fixes={
            "rows": (
                "Merge messages of one role, drop or mend the rows that do not alternate, move the "
                "system text into the first user message"
            ),
            "template": (
                "Put back the template of the model (tokenizer_config.json, chat_template.jinja) or "
                "one of TRL's training templates"
            ),
            "whole": "Train on all tokens",
        },
        about="""After a crash, reads the console for what chat templates raise (`Conversation roles must alternate`, `System role not
supported`), for Jinja's own errors, and for TRL's warning that the prompt is no prefix of prompt and completion.

Sources: huggingface/alignment-handbook#93, huggingface/smol-course#260.""",
    ),
    "zh": Words(
        title="对话模板与数据不匹配",
        summary={
            "roles": "模板不接受这样的角色顺序{where}。{line}",
            "system": "模板不支持系统消息{where}。{line}",
            "empty": "某行的对话为空{where}。{line}",
            "training": "模板无法区分对话中哪些部分要训练{where}。{line}",
            "tools": "模板不能渲染工具调用{where}。{line}",
            "final": "模板改动了最后一条消息，因此无法续写{where}。{line}",
            "query": "模板没有找到用户消息{where}。{line}",
            "syntax": "模板不是合法的 Jinja{where}。{line}",
            "undefined": "模板读取了消息里没有的字段{where}。{line}",
            "refused": "模板拒绝了某段对话{where}。{line}",
            "prefix": "单独渲染的提示不是“提示加回答”的前缀：被掩码的部分与本意不符{where}。{line}",
        },
        why="渲染结果要么报错，要么不是部署时模型会看到的内容。",
        wrong_if="数据没有问题，而模板是为另一个模型准备的",
        causes={
            "rows": "有的行里同一角色连续出现两次，或以 assistant 开头。",
            "lost": "保存的分词器丢了自己的模板，被更严格的默认模板代替。",
            "template": "模板属于另一个模型，或被改过。",
            "fields": "消息的字段不是 role 与 content（而是 from 与 value）。",
        },
        fixes={
            "rows": "合并同一角色的连续消息，删除或修正不交替的行，把系统文本并入第一条用户消息",
            "template": "换回模型自己的模板（tokenizer_config.json、chat_template.jinja）或 TRL 的训练模板",
            "whole": "在全部词元上训练",
        },
        about="""崩溃之后，在控制台里查找对话模板抛出的错误（`Conversation roles must alternate`、`System role not supported`）、Jinja 自身的
错误，以及 TRL 关于提示不是前缀的警告。

来源：huggingface/alignment-handbook#93、huggingface/smol-course#260。""",
    ),
}
