"""chat-template-mismatch: the chat template refuses, spoils or changes the conversations that training is to see."""

from __future__ import annotations

from diagnostics.finding import Evidence, Finding, Fix, TableEvidence, TextEvidence, Words
from diagnostics.preflight.material import Material, Prepared, Template, TemplateFault
from diagnostics.preflight.need import change, need_prepared, need_template

NAME = "chat-template-mismatch"
METHODS = None
EXPLAINS = ("preparation-refused", "end-token-missing", "end-token-masked", "run-died")

# From a template that cannot be used at all to one that is only unlike its family's.
ORDER = (
    "not-training", "refuses-row", "refuses", "drops-content", "changes-content", "repeats-content", "changes-order",
    "swaps-roles", "loses-roles", "markers-wrong", "no-end", "end-not-trained", "foreign-tokens", "no-generation-prompt",
    "prompt-differs", "parity", "stop-differs", "changed-copy",
)  # fmt: skip
REFUSALS = ("not-training", "refuses-row", "refuses")
SAID = "chat template is not training-compatible"
SURE = {"changed-copy": 0.6, "parity": 0.75, "prompt-differs": 0.75, "stop-differs": 0.8, "foreign-tokens": 0.85}


def preflight(material: Material) -> Finding | None:
    """Gather what the template does wrong to plain talk and to the data's own, and name the worst."""
    prepared = need_prepared(material)
    template = need_template(material)
    if prepared.format != "conversational" or template.source is None:
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
            "stop-differs": "The template ends answers with {end}, but the model stops only at {stops}.",
            "changed-copy": "The template is a changed copy of {family} and writes the same conversation differently. "
            "{sentence}",
        },
        why="The model learns another conversation than the one it is asked for later, or none.",
        wrong_if="the template was changed knowingly, and the served model uses the same one",
        causes={
            "roles": "The data hold roles, an order of turns or a system message that the template does not take.",
            "edited": "The template was edited, or cut when it was copied.",
            "family": "The template is that of another model family than the tokenizer's.",
        },
        fixes={
            "eos": "Make {end} the end token (eos_token)",
            "whole": "Train on the whole conversation",
            "rows": "Change the rows' roles: fold the system message into the first question, merge turns of one speaker",
            "template": "Take the template of the model's own family again (chat_template.jinja beside its weights; TRL ships "
            "training variants for assistant_only_loss)",
        },
        about="""Plays fixed conversations through the template and reads what comes out: whether every content is there once, in
its letters and in order; whether the turns tell user and assistant apart; whether the prompt ends where an answer
begins; whether an answer is closed by a token of its own; whether generation markers hold the answers. Then the data's
own rows: what the template refuses or leaves out, and whether the prompt that Compare or a server would send is the
beginning of what training sees.

Templates that TRL ships are known and accepted for what they are for: those of thinking models differ between prompt and
training text in their empty thought, by design. A template that is nearly one of them is compared with it. Sources:
huggingface/trl#6363, #6433, #6044.""",
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
            "stop-differs": "模板以 {end} 结束回答，但模型只在 {stops} 处停止。",
            "changed-copy": "该模板是 {family} 的改动版，对同一段对话写法不同。{sentence}",
        },
        why="模型学到的对话与之后使用时的不同，甚至什么对话也没学到。",
        wrong_if="模板是有意改动的，部署时也使用同一模板",
        causes={
            "roles": "数据里有模板不接受的角色、轮次顺序或 system 消息。",
            "edited": "模板被编辑过，或复制时被截断。",
            "family": "模板属于另一个模型系列，与分词器不符。",
        },
        fixes={
            "eos": "把 {end} 设为结束词元（eos_token）",
            "whole": "在整段对话上训练",
            "rows": "调整数据的角色：把 system 消息并入第一个问题，合并同一说话者的连续轮次",
            "template": "重新采用该模型系列自己的模板（权重旁的 chat_template.jinja；assistant_only_loss 可用 TRL 附带的训练版）",
        },
        about="""用固定的对话试写模板并读取结果：每条内容是否恰好出现一次、字母与顺序不变；轮次能否区分用户与 assistant；提示是否
恰好止于回答开始处；回答是否以独立词元结束；generation 标记是否包住回答。然后看数据自己的行：模板拒绝或丢失了什么，以及
Compare 或部署时发送的提示是否是训练所见内容的前缀。

TRL 附带的模板都已知并按其用途接受：思考型模型的提示与训练文本在空的思考段上本来就不同。与其中之一几乎相同的模板会与之
比较。来源：huggingface/trl#6363、#6433、#6044。""",
    ),
}
