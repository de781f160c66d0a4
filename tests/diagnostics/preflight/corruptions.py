"""Corrupts chat templates in the ways in which people and tools do, whatever the template looks like."""

from __future__ import annotations

import re
from collections.abc import Callable

# Rewrites the messages before the template sees them; `CONTENT` and `ROLE` are expressions over the message `m`.
BEFORE = (
    "{%- set spoilt = namespace(all=[]) -%}{%- for m in messages -%}"
    "{%- set spoilt.all = spoilt.all + [dict(m, role=ROLE, content=CONTENT)] -%}"
    "{%- endfor -%}{%- set messages = spoilt.all -%}"
)
TEXT = "(m.content if m.content is string else m.content[0]['text'])"
GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
TAGS = re.compile(r"\{%-?\s*(endif|endfor)\s*-?%\}")


def rewritten(template: str, content: str = "m.content", role: str = "m.role", blocks: bool = False) -> str:
    """The template with a loop before it that rewrites the messages; the new content in the shape of the old."""
    if content != "m.content" and blocks:
        content = f"[{{'type': 'text', 'text': {content}}}]"
    return BEFORE.replace("CONTENT", content).replace("ROLE", role) + template


def of_assistant(expression: str) -> str:
    """An expression for the assistant's messages, their own text for the others'."""
    return f"({expression} if m.role == 'assistant' else {TEXT})"


def content_dropped(template: str, end: str | None, blocks: bool) -> str:
    """Answers vanish."""
    return rewritten(template, of_assistant("''"), blocks=blocks)


def uppercased(template: str, end: str | None, blocks: bool) -> str:
    """Contents are written in capitals."""
    return rewritten(template, f"({TEXT} | upper)", blocks=blocks)


def stripped(template: str, end: str | None, blocks: bool) -> str:
    """Contents lose their first and last blanks."""
    return rewritten(template, f"({TEXT} | trim)", blocks=blocks)


def roles_swapped(template: str, end: str | None, blocks: bool) -> str:
    """The user speaks as the assistant, and the other way round."""
    swapped = "('assistant' if m.role == 'user' else 'user' if m.role == 'assistant' else m.role)"
    return rewritten(template, role=swapped)


def extra_token(template: str, end: str | None, blocks: bool) -> str:
    """A word stands before each answer, which the prompt does not have."""
    return rewritten(template, of_assistant(f"'<|reply|> ' + {TEXT}"), blocks=blocks)


def generation_prompt_lost(template: str, end: str | None, blocks: bool) -> str:
    """The prompt does not open the assistant's turn."""
    return re.sub(r"\badd_generation_prompt\b(?! *=)", "false", template).replace(
        "{% set add_generation_prompt", "{% set lost"
    )


def end_removed(template: str, end: str | None, blocks: bool) -> str:
    """No end token is written behind an answer."""
    return template.replace(end, "").replace("eos_token", "''") if end else template


def syntax_error(template: str, end: str | None, blocks: bool) -> str:
    """The last tag that closes is gone."""
    last = list(TAGS.finditer(template))[-1]
    return template[: last.start()] + template[last.end() :]


def markers_wrong(template: str, end: str | None, blocks: bool) -> str:
    """The generation markers hold the whole conversation."""
    if not GENERATION.search(template):
        return template
    return "{% generation %}" + GENERATION.sub("", template) + "{% endgeneration %}"


CORRUPTIONS: dict[str, Callable[[str, str | None, bool], str]] = {
    one.__name__: one
    for one in (
        content_dropped,
        uppercased,
        stripped,
        roles_swapped,
        extra_token,
        generation_prompt_lost,
        end_removed,
        syntax_error,
        markers_wrong,
    )
}
