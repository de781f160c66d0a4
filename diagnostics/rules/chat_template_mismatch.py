"""chat-template-mismatch: the chat template refuses, spoils or changes the conversations that training is to see."""

from __future__ import annotations

from diagnostics.finding import Evidence, Finding, Fix, TableEvidence, TextEvidence, Words
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.material import Material, Prepared, Template, TemplateFault
from diagnostics.preflight.need import change, need_prepared, need_template
from diagnostics.run import Run

NAME = "chat-template-mismatch"
METHODS = None
EXPLAINS = ("preparation-refused", "end-token-missing", "end-token-masked", "run-died", "collective-timeout")

# From a template that cannot be used at all to one that is only unlike its family's.
ORDER = (
    "not-training", "refuses-row", "refuses", "drops-content", "changes-content", "repeats-content", "changes-order",
    "swaps-roles", "loses-roles", "markers-wrong", "no-end", "end-not-trained", "foreign-tokens", "no-generation-prompt",
    "prompt-differs", "parity", "stop-differs", "changed-copy",
)  # fmt: skip
REFUSALS = ("not-training", "refuses-row", "refuses")
SAID = "chat template is not training-compatible"
SURE = {"changed-copy": 0.6, "parity": 0.75, "prompt-differs": 0.75, "stop-differs": 0.8, "foreign-tokens": 0.85}


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "roles": ("console-rows", "console-lost"),
    "system": ("console-rows", "console-template"),
    "empty": ("console-rows",),
    "training": ("console-template",),
    "tools": ("console-template",),
    "final": ("console-template",),
    "query": ("console-rows",),
    "syntax": ("console-template",),
    "undefined": ("console-fields", "console-template"),
    "refused": ("console-rows", "console-template"),
    "prefix": ("console-template",),
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
    if kind in ("roles", "undefined", "refused"):
        return (
            Fix("console-rows", "show"),
            Fix("console-template", "show"),
        )
    if kind in ("system", "empty", "query"):
        return (Fix("console-rows", "show"),)
    if kind == "training":
        return (
            Fix("console-whole", "ask", run_edits(run, assistant_only_loss=False)),
            Fix("console-template", "show"),
        )
    return (Fix("console-template", "show"),)


def preflight(material: Material) -> Finding | None:
    """Gather what the template does wrong to plain talk and to the data's own, and name the worst."""
    prepared = need_prepared(material)
    template = need_template(material)
    if template.source is None:
        return None
    if prepared.format == "standard":
        return plain(template)
    if prepared.format != "conversational":
        return None
    found = faults_of(material, prepared, template)
    if not found:
        return None
    found.sort(key=lambda one: ORDER.index(one.kind))
    worst = found[0]
    row = worst.row if worst.row is not None else -1
    grave = worst.grave or worst.kind in REFUSALS
    return Finding(
        rule=NAME,
        severity="error" if grave else "warning",
        confidence=SURE.get(worst.kind, 0.9),
        first_step=0,
        last_step=0,
        facts={
            "kind": worst.kind,
            "row": row,
            "sentence": worst.lines[0] if worst.lines else "",
            "end": str(template.end_token),
            "stops": ", ".join(template.stops),
            "family": str(template.facts.get("near") or template.known),
            "faults": [one.kind for one in found],
        },
        evidence=(*shown(found), *parity(template)),
        causes=causes_of(worst.kind),
        fixes=fixes_of(material, template, worst.kind),
    )


def plain(template: Template) -> Finding | None:
    """A note where prompts are texts: training sees them bare, a chat server writes them through the template."""
    if not template.parity:
        return None
    row = template.parity[0][0]
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.9,
        first_step=0,
        last_step=0,
        facts={"kind": "plain-prompts", "row": row},
        evidence=parity(template),
        causes=("texts",),
        fixes=(Fix("talk", "show"),),
    )


def faults_of(material: Material, prepared: Prepared, template: Template) -> list[TemplateFault]:
    """All that is wrong, as faults of one kind."""
    found = list(template.faults)
    masked = bool(template.facts.get("masked"))
    if prepared.failed is not None and SAID in prepared.failed:
        found.append(TemplateFault("not-training", (prepared.failed,), True))
    if template.refuses is not None:
        kind = "refuses" if template.refuses_row is None else "refuses-row"
        found.append(TemplateFault(kind, (template.refuses,), True, template.refuses_row))
    if masked and template.generation_markers and template.end_trained is False:
        found.append(TemplateFault("end-not-trained", (f"end token: {template.end_token}",)))
    if template.parity and not template.facts.get("swapped"):
        found.append(TemplateFault("parity", (), row=template.parity[0][0]))
    end, stops = template.end_token, template.stops
    if material.method != "reward" and end is not None and stops and end not in stops:
        found.append(TemplateFault("stop-differs", (f"written: {end}", f"ends an answer: {', '.join(stops)}")))
    return found


def shown(found: list[TemplateFault]) -> tuple[Evidence, ...]:
    """What each fault showed."""
    return tuple(
        TextEvidence(one.kind if one.row is None else f"{one.kind}, row {one.row}", one.lines)
        for one in found
        if one.lines
    )[:5]


def parity(template: Template) -> tuple[Evidence, ...]:
    """Prompts as training sees them beside those that a server sends, token by token from before the difference."""
    return tuple(
        TableEvidence(
            f"row {row}",
            ("where", "tokens"),
            (("training", " ".join(map(repr, training))), ("server", " ".join(map(repr, server)))),
        )
        for row, training, server in template.parity
    )


def causes_of(kind: str) -> tuple[str, ...]:
    """The likely causes of a kind, the likeliest first."""
    if kind in REFUSALS:
        return ("roles", "edited") if kind == "refuses-row" else ("edited", "family")
    if kind in ("foreign-tokens", "stop-differs"):
        return ("family", "edited")
    return ("edited", "family")


def fixes_of(material: Material, template: Template, kind: str) -> tuple[Fix, ...]:
    """The end token in the config where that is all; the family's template; without the masking of the user's turns."""
    fixes = []
    if kind == "stop-differs" and material.method == "sft":
        fixes.append(Fix("eos", "ask", change(material, eos_token=template.end_token), {"end": template.end_token}))
    if kind in ("not-training", "markers-wrong", "end-not-trained") and material.value("assistant_only_loss") is True:
        fixes.append(Fix("whole", "ask", change(material, assistant_only_loss=False)))
    if kind == "refuses-row":
        fixes.append(Fix("rows", "show"))
    return (*fixes, Fix("template", "show"))


WORDS = {
    "en": Words(
        title="The chat template does not fit",
        summary={
            "not-training": "TRL refuses the template for a loss on the assistant's tokens alone: {sentence}",
            "refuses": "The template refuses a plain conversation: {sentence}",
            "refuses-row": "The template refuses row {row}: {sentence}",
            "drops-content": "The template leaves contents out. {sentence}",
            "changes-content": "The template changes the letters of contents. {sentence}",
            "repeats-content": "The template writes contents more than once. {sentence}",
            "changes-order": "The template writes the turns in another order.",
            "swaps-roles": "The template writes the user's turns as the assistant's, and the other way round. {sentence}",
            "loses-roles": "The template does not tell the user's turns from the assistant's. {sentence}",
            "markers-wrong": "The template's generation markers do not hold the assistant's turns. {sentence}",
            "no-end": "The template writes no end token behind the assistant's turn. {sentence}",
            "end-not-trained": "The assistant's end token ({end}) lies outside of the template's generation markers.",
            "foreign-tokens": "The template writes marks that this tokenizer has no token for. {sentence}",
            "no-generation-prompt": "The prompt does not open the assistant's turn. {sentence}",
            "prompt-differs": "The prompt is not the beginning of what training sees before an answer. {sentence}",
            "parity": "The prompt that a server sends is not the one that training sees (row {row}).",
            "plain-prompts": "The prompts are texts: training sees them without the template, a chat server and Compare "
            "write them with it (row {row}).",
            "stop-differs": "The template ends answers with {end}, but the model stops only at {stops}.",
            "changed-copy": "The template is a changed copy of {family} and writes the same conversation differently. "
            "{sentence}",
            "console-roles": "The template does not take this order of roles{where}. {line}",
            "console-system": "The template takes no system message{where}. {line}",
            "console-empty": "A row holds an empty conversation{where}. {line}",
            "console-training": "The template cannot tell what of a conversation is to be trained on{where}. {line}",
            "console-tools": "The template does not render calls of tools{where}. {line}",
            "console-final": ("The last message is changed by the template, so it cannot be continued{where}. {line}"),
            "console-query": "The template found no message of a user{where}. {line}",
            "console-syntax": "The template is no valid Jinja{where}. {line}",
            "console-undefined": "The template reads a field that the messages do not have{where}. {line}",
            "console-refused": "The template refused a conversation{where}. {line}",
            "console-prefix": (
                "The prompt rendered alone is no prefix of prompt and answer: what is masked is not "
                "what was meant{where}. {line}"
            ),
        },
        why="The model learns another conversation than the one it is asked for later, or none.",
        wrong_if="the template was changed knowingly, and the served model uses the same one",
        causes={
            "roles": "The data hold roles, an order of turns or a system message that the template does not take.",
            "texts": "The data hold prompts as texts, and TRL writes only conversations through the template.",
            "edited": "The template was edited, or cut when it was copied.",
            "family": "The template is that of another model family than the tokenizer's.",
            "console-rows": "Rows with two messages of one role in a row, or that begin with the assistant.",
            "console-lost": (
                "The tokenizer was saved without its own template, and a default one that is stricter took its place."
            ),
            "console-template": "The template belongs to another model or was edited.",
            "console-fields": "The messages have other fields than role and content (from and value).",
        },
        fixes={
            "eos": "Make {end} the end token (eos_token)",
            "whole": "Train on the whole conversation",
            "rows": "Change the rows' roles: fold the system message into the first question, merge turns of one speaker",
            "talk": "If the model will be asked through a chat server: give the prompts as messages "
            '([{"role": "user", "content": ...}]); if it will be asked bare, leave them',
            "template": "Take the template of the model's own family again (chat_template.jinja beside its weights; TRL ships "
            "training variants for assistant_only_loss)",
            "console-rows": (
                "Merge messages of one role, drop or mend the rows that do not alternate, move the "
                "system text into the first user message"
            ),
            "console-template": (
                "Put back the template of the model (tokenizer_config.json, chat_template.jinja) or "
                "one of TRL's training templates"
            ),
            "console-whole": "Train on all tokens",
        },
        about="""Plays fixed conversations through the template and reads what comes out: whether every content is there once, in
its letters and in order; whether the turns tell user and assistant apart; whether the prompt ends where an answer
begins; whether an answer is closed by a token of its own; whether generation markers hold the answers. Then the data's
own rows: what the template refuses or leaves out, and whether the prompt that Compare or a server would send is the
beginning of what training sees.

Templates that TRL ships are known and accepted for what they are for: those of thinking models differ between prompt and
training text in their empty thought, by design. A template that is nearly one of them is compared with it. Sources:
huggingface/trl#6363, #6433, #6044.

After a crash, reads the console for what chat templates raise (`Conversation roles must alternate`, `System role not
supported`), for Jinja's own errors, and for TRL's warning that the prompt is no prefix of prompt and completion.

Sources: huggingface/alignment-handbook#93, huggingface/smol-course#260.""",
    ),
    "zh": Words(
        title="对话模板不合适",
        summary={
            "not-training": "TRL 拒绝在只对 assistant 计损失时使用该模板：{sentence}",
            "refuses": "模板拒绝一段普通对话：{sentence}",
            "refuses-row": "模板拒绝第 {row} 行：{sentence}",
            "drops-content": "模板丢失了内容。{sentence}",
            "changes-content": "模板改写了内容的字母。{sentence}",
            "repeats-content": "模板把内容写了不止一次。{sentence}",
            "changes-order": "模板打乱了轮次的顺序。",
            "swaps-roles": "模板把用户的话写成 assistant 的，反之亦然。{sentence}",
            "loses-roles": "模板没有区分用户与 assistant 的轮次。{sentence}",
            "markers-wrong": "模板的 generation 标记没有正好包住 assistant 的轮次。{sentence}",
            "no-end": "模板在 assistant 轮次之后没有写结束词元。{sentence}",
            "end-not-trained": "assistant 的结束词元（{end}）在模板的 generation 标记之外。",
            "foreign-tokens": "模板写出的标记在该分词器里不是一个词元。{sentence}",
            "no-generation-prompt": "提示没有开启 assistant 的轮次。{sentence}",
            "prompt-differs": "提示不是训练时回答之前内容的前缀。{sentence}",
            "parity": "部署时发送的提示与训练所见的不同（第 {row} 行）。",
            "plain-prompts": "提示是纯文本：训练看到的不带模板，而对话服务和对比页会套用模板（第 {row} 行）。",
            "stop-differs": "模板以 {end} 结束回答，但模型只在 {stops} 处停止。",
            "changed-copy": "该模板是 {family} 的改动版，对同一段对话写法不同。{sentence}",
            "console-roles": "模板不接受这样的角色顺序{where}。{line}",
            "console-system": "模板不支持系统消息{where}。{line}",
            "console-empty": "某行的对话为空{where}。{line}",
            "console-training": "模板无法区分对话中哪些部分要训练{where}。{line}",
            "console-tools": "模板不能渲染工具调用{where}。{line}",
            "console-final": "模板改动了最后一条消息，因此无法续写{where}。{line}",
            "console-query": "模板没有找到用户消息{where}。{line}",
            "console-syntax": "模板不是合法的 Jinja{where}。{line}",
            "console-undefined": "模板读取了消息里没有的字段{where}。{line}",
            "console-refused": "模板拒绝了某段对话{where}。{line}",
            "console-prefix": "单独渲染的提示不是“提示加回答”的前缀：被掩码的部分与本意不符{where}。{line}",
        },
        why="模型学到的对话与之后使用时的不同，甚至什么对话也没学到。",
        wrong_if="模板是有意改动的，部署时也使用同一模板",
        causes={
            "roles": "数据里有模板不接受的角色、轮次顺序或 system 消息。",
            "texts": "数据里的提示是纯文本，TRL 只对对话套用模板。",
            "edited": "模板被编辑过，或复制时被截断。",
            "family": "模板属于另一个模型系列，与分词器不符。",
            "console-rows": "有的行里同一角色连续出现两次，或以 assistant 开头。",
            "console-lost": "保存的分词器丢了自己的模板，被更严格的默认模板代替。",
            "console-template": "模板属于另一个模型，或被改过。",
            "console-fields": "消息的字段不是 role 与 content（而是 from 与 value）。",
        },
        fixes={
            "eos": "把 {end} 设为结束词元（eos_token）",
            "whole": "在整段对话上训练",
            "rows": "调整数据的角色：把 system 消息并入第一个问题，合并同一说话者的连续轮次",
            "talk": '若模型将通过对话服务使用：把提示改为消息（[{"role": "user", "content": ...}]）；若直接补全使用则不必改',
            "template": "重新采用该模型系列自己的模板（权重旁的 chat_template.jinja；assistant_only_loss 可用 TRL 附带的训练版）",
            "console-rows": "合并同一角色的连续消息，删除或修正不交替的行，把系统文本并入第一条用户消息",
            "console-template": "换回模型自己的模板（tokenizer_config.json、chat_template.jinja）或 TRL 的训练模板",
            "console-whole": "在全部词元上训练",
        },
        about="""用固定的对话试写模板并读取结果：每条内容是否恰好出现一次、字母与顺序不变；轮次能否区分用户与 assistant；提示是否
恰好止于回答开始处；回答是否以独立词元结束；generation 标记是否包住回答。然后看数据自己的行：模板拒绝或丢失了什么，以及
Compare 或部署时发送的提示是否是训练所见内容的前缀。

TRL 附带的模板都已知并按其用途接受：思考型模型的提示与训练文本在空的思考段上本来就不同。与其中之一几乎相同的模板会与之
比较。来源：huggingface/trl#6363、#6433、#6044。

崩溃之后，在控制台里查找对话模板抛出的错误（`Conversation roles must alternate`、`System role not supported`）、Jinja 自身的
错误，以及 TRL 关于提示不是前缀的警告。

来源：huggingface/alignment-handbook#93、huggingface/smol-course#260。""",
    ),
}
