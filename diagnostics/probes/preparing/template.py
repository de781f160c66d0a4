"""Measures a chat template with the model's own tokenizer: on fixed conversations, and on the data's own rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostics.preflight.material import Rows, Template, TemplateFault
from diagnostics.probes.loading import prompt_text
from diagnostics.probes.preparing import known, talks

LOOKED_AT = 5000  # rows whose roles are read
TRIED = 48  # rows that are written through the template
PARITY = 3
AROUND = 12  # tokens shown before and after a difference


@dataclass(frozen=True)
class Talk:
    """One row's conversation: the prompt, and all of it. `options`: what the row itself passes to its template."""

    row: int
    prompt: list[Any]
    whole: list[Any] | None
    options: Mapping[str, Any]


def measure(
    tokenizer: Any, training: str | None, source: str, rows: Rows, stops: Sequence[int], masked: bool
) -> Template:
    """All facts of a template.

    `tokenizer`: with the template that is saved beside the trained model. `training`: the template that training uses
    instead, if any. `stops`: ids at which the model's generation config ends an answer. `masked`: the loss is on the
    assistant's tokens alone, so that the generation markers decide what is trained.
    """
    saved = template_text(tokenizer)
    if saved is None:
        return Template(source=None)
    used = training or saved
    from trl.chat_template_utils import (
        has_generation_markers,
        is_chat_template_prefix_preserving,
        is_chat_template_stop_token_trained,
        supports_tool_calling,
    )

    render = renderer(tokenizer, used)
    talked = talks.talk(render)
    name = known.name_of(used)
    faults = [] if name else list(talked.faults)
    end, none = talks.end_of_turn(talked.gaps, tokenizer) if talked.gaps else (None, [])
    if talked.gaps:
        faults += talks.foreign(talked.gaps, tokenizer)
    near = known.nearest(used)
    if not name:
        faults += none
        if near is not None and talked.refuses is None:
            found = talks.differences(render, renderer(tokenizer, known.shipped()[near]), talked.blocks)
            faults += [found] if found and not faults else []
    marked = has_generation_markers(used)
    if marked and talked.gaps:
        wrong = talks.markers(tokenizer, used, talked.blocks)
        faults += [one for one in wrong if masked or not name]
    tools = quietly_asked(supports_tool_calling, tokenizer)
    # TRL asks with texts, which a template that reads blocks refuses.
    trained = (
        talks.end_is_marked(tokenizer, used, True)
        if talked.blocks
        else is_chat_template_stop_token_trained(tokenizer, chat_template=used)
    )
    ids = sorted({*stops, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])})
    refuses, refuses_row, of_rows = tried(tokenizer, used, rows)
    faults += of_rows
    prefix, parity = parted(tokenizer, training, rows) if refuses is None else (None, ())
    parity = parity or plain_prompts(tokenizer, rows)
    return Template(
        source=source,
        known=name,
        refuses=talked.refuses if talked.refuses is not None else refuses,
        refuses_row=None if talked.refuses is not None else refuses_row,
        prefix_preserving=quietly_asked(is_chat_template_prefix_preserving, tokenizer) if tools else None,
        prompt_is_prefix=prefix,
        generation_markers=marked,
        end_trained=trained if marked else None,
        end_token=end,
        stops=tuple(str(tokenizer.convert_ids_to_tokens(one)) for one in ids),
        faults=tuple(faults),
        parity=parity,
        facts={
            "near": near,
            "blocks": talked.blocks,
            "strips": talked.strips,
            "thinking": talked.leftover,
            "swapped": training is not None,
            "eos_token": tokenizer.eos_token,
            "masked": masked,
        },
    )


def template_text(tokenizer: Any) -> str | None:
    """The template that a tokenizer uses where none is named."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return template or None


def renderer(tokenizer: Any, template: str) -> talks.Render:
    """A function that writes a conversation with a template."""

    def render(messages: Sequence[talks.Message], prompted: bool) -> str:
        text: str = tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=prompted, chat_template=template
        )
        return text

    return render


def quietly_asked(question: Any, tokenizer: Any) -> bool | None:
    """TRL's answer about a template; None where the template breaks under the question."""
    try:
        return bool(question(tokenizer))
    except Exception:  # a template may raise whatever it likes
        return None


def conversations(rows: Rows) -> Iterator[Talk]:
    """Some rows as conversations: the first ones, and the first of each order of roles."""
    import json

    seen: set[tuple[str, ...]] = set()
    for place in range(min(len(rows.numbers), LOOKED_AT)):
        row = rows.rows[place]
        made = parts(row)
        if made is None:
            continue
        prompt, whole = made
        roles = tuple(str(one.get("role")) for one in (whole or prompt) if isinstance(one, Mapping))
        if roles in seen and place >= TRIED // 2:
            continue
        seen.add(roles)
        options = dict(row.get("chat_template_kwargs") or {})
        tools = row.get("tools")
        if tools:
            options["tools"] = json.loads(tools) if isinstance(tools, str) else tools
        yield Talk(int(rows.numbers[place]), prompt, whole, options)
        if len(seen) > TRIED:
            return


def parts(row: Mapping[str, Any]) -> tuple[list[Any], list[Any] | None] | None:
    """The prompt and the whole conversation of a row; None if it holds none."""
    prompt: Any = row.get("prompt")
    answer: Any = row.get("completion", row.get("chosen"))
    if is_talk(prompt):
        return [*prompt], [*prompt, *answer] if is_talk(answer) else None
    whole = row.get("messages") or row.get("conversations") or answer
    if not is_talk(whole):
        return None
    whole = [one for one in whole if isinstance(one, Mapping)]
    if whole and "from" in whole[0]:
        names = {"human": "user", "gpt": "assistant"}
        whole = [{"role": names.get(one.get("from"), one.get("from")), "content": one.get("value")} for one in whole]
    if whole and whole[-1].get("role") == "assistant":
        return whole[:-1], whole
    return whole, whole


def is_talk(value: Any) -> bool:
    """Whether a value is a list of messages."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def tried(tokenizer: Any, template: str, rows: Rows) -> tuple[str | None, int | None, list[TemplateFault]]:
    """What the template makes of the data's own conversations: the first refusal with its row, and lost contents."""
    for one in conversations(rows):
        talk = one.whole or one.prompt
        try:
            text = tokenizer.apply_chat_template(talk, tokenize=False, chat_template=template, **one.options)
        except Exception as error:  # a template may raise whatever it likes
            return talks.first_line(error), one.row, []
        for message in talk:
            content = message.get("content")
            if not isinstance(content, str) or message.get("role") not in ("system", "user", "assistant"):
                continue
            if "think" in content or content.strip() in text:
                continue
            lines = (f"{message['role']}: {content[:200]!r}", f"written: {text[:400]!r}")
            return None, None, [TemplateFault("drops-content", lines, True, one.row)]
    return None, None, []


def parted(
    tokenizer: Any, training: str | None, rows: Rows
) -> tuple[bool | None, tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...]]:
    """Whether prompts are the beginning of what training sees, and where a server's prompt parts from it.

    The server's prompt is the one that Compare sends (`prompt_text`): the template saved beside the model, and nothing
    that a row passes to its template.
    """
    prefix: bool | None = None
    found: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = []
    for one in conversations(rows):
        if one.whole is None or len(one.whole) <= len(one.prompt):
            continue
        try:
            sent, special = prompt_text(tokenizer, one.prompt)
            whole = tokenizer.apply_chat_template(one.whole, tokenize=False, chat_template=training, **one.options)
        except Exception:  # a template may raise whatever it likes; `tried` has told of it
            return prefix, tuple(found)
        server: list[int] = tokenizer(sent, add_special_tokens=special)["input_ids"]
        seen: list[int] = tokenizer(whole, add_special_tokens=False)["input_ids"]
        common = 0
        while common < min(len(server), len(seen)) and server[common] == seen[common]:
            common += 1
        same = common == len(server)
        prefix = same if prefix is None else prefix and same
        if len(found) < PARITY and not answer_follows(tokenizer, one, seen, server, common):
            around = max(0, common - AROUND)
            found.append(
                (one.row, tokens(tokenizer, seen[around : common + AROUND]), tokens(tokenizer, server[around:]))
            )
    return prefix, tuple(found)


def plain_prompts(tokenizer: Any, rows: Rows) -> tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...]:
    """Prompts that are texts, which training sees without a template, beside what Compare and a chat server would send.

    Texts that hold marks of a template already are left out: they were written through one.
    """
    found = []
    for place in range(min(len(rows.numbers), PARITY)):
        prompt = rows.rows[place].get("prompt")
        if not isinstance(prompt, str) or not prompt or talks.MARKS.search(prompt):
            continue
        try:
            sent, special = prompt_text(tokenizer, [{"role": "user", "content": prompt}])
        except ValueError:
            return ()
        seen = tokenizer(prompt)["input_ids"]
        server = tokenizer(sent, add_special_tokens=special)["input_ids"]
        if seen != server:
            found.append((int(rows.numbers[place]), tokens(tokenizer, seen), tokens(tokenizer, server)))
    return tuple(found)


def answer_follows(tokenizer: Any, one: Talk, seen: list[int], server: list[int], common: int) -> bool:
    """Whether, past the server's prompt, training goes on with the answer, but for marks of thinking and blanks."""
    assert one.whole is not None
    rest = tokenizer.decode(server[common:], skip_special_tokens=False)
    if not talks.THINKING.fullmatch(rest):
        return False
    content = one.whole[len(one.prompt)].get("content")
    if not isinstance(content, str) or not content.strip():
        return True
    after = tokenizer.decode(seen[common:], skip_special_tokens=False)
    start = "".join(content.split())[:20]
    squeezed = "".join(after.split())
    at = squeezed.find(start)
    # A token may straddle the border of prompt and answer; then the answer's first letters stand before it.
    if at < 0:
        return "".join(content.split())[1:12] in squeezed or not start
    return talks.THINKING.fullmatch(squeezed[:at]) is not None or at == 0


def tokens(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """Tokens as texts, for a list that a person reads."""
    from diagnostics.probes.preparing.picture import texts_of

    return texts_of(tokenizer, list(ids))
