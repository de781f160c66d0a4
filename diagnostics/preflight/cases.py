"""A row of any shape, read: what leads to the answers and the answers themselves, as messages with the roles that templates know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostics.preflight.columns import SPEAKERS
from diagnostics.preflight.texts import said

Message = dict[str, Any]

SYSTEMS = ("system", "system_prompt", "system_message")
TRANSCRIPT = re.compile(r"(?:^|\n\n)(Human|Assistant|System): ?")


class Unconvertible(Exception):
    """A row that cannot be converted. `reason` is a key of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Case:
    """A row of any shape, read: what leads to the answers, and the answers with what is known of each.

    `prompt`: messages; `answers`: (messages, worth) with worth a number, or None where nothing is known. `text`: a plain
    text instead. `tools`, as the row has them.
    """

    prompt: list[Message] = field(default_factory=list)
    answers: list[tuple[list[Message], float | None]] = field(default_factory=list)
    text: str | None = None
    tools: Any = None


def user(text: Any) -> list[Message]:
    """What a person asks, as messages: a text, or the conversation that it is already."""
    if isinstance(text, list):
        return talk_of(text)
    if not isinstance(text, str):
        raise Unconvertible("kind" if text is not None else "empty-prompt")
    if TRANSCRIPT.match(text):
        return transcript(text)
    if not text.strip():
        raise Unconvertible("empty-prompt")
    return [{"role": "user", "content": text}]


def reply(text: Any) -> list[Message]:
    """An answer as messages."""
    if isinstance(text, list):
        return talk_of(text)
    if not isinstance(text, str):
        raise Unconvertible("kind" if text is not None else "empty-answer")
    if not text.strip():
        raise Unconvertible("empty-answer")
    return [{"role": "assistant", "content": text}]


def talk_of(value: Any) -> list[Message]:
    """A conversation as messages with the roles that chat templates know; what else a message holds is kept."""
    if not isinstance(value, list) or not value:
        raise Unconvertible("kind")
    made = []
    for one in value:
        if not isinstance(one, Mapping):
            raise Unconvertible("kind")
        role, content = said(one)
        if role.lower() not in SPEAKERS:
            raise Unconvertible("speaker")
        held = {
            key: it
            for key, it in one.items()
            if key not in ("role", "from", "content", "value", "weight") and it is not None
        }
        raw = one.get("content", one.get("value"))
        made.append({"role": SPEAKERS[role.lower()], "content": raw if isinstance(raw, list) else content, **held})
    return made


def transcript(text: str) -> list[Message]:
    """A text of "Human:" and "Assistant:" paragraphs (Anthropic's HH-RLHF) as messages; an open last turn is left out."""
    parts = TRANSCRIPT.split(text)
    turns = zip(parts[1::2], parts[2::2], strict=True)
    roles = {"Human": "user", "Assistant": "assistant", "System": "system"}
    return [{"role": roles[who], "content": content.strip()} for who, content in turns if content.strip()]


def with_system(row: Mapping[str, Any], messages: list[Message]) -> list[Message]:
    """Messages with what the column `system` or `system_prompt` says before them, unless a system speaks already."""
    for name in SYSTEMS:
        text = row.get(name)
        if isinstance(text, str) and text.strip() and messages and messages[0]["role"] != "system":
            return [{"role": "system", "content": text}, *messages]
    return messages


def cut(messages: list[Message]) -> Case:
    """A conversation as what leads to its last answer, and that answer."""
    if messages and messages[-1]["role"] == "assistant":
        return Case(messages[:-1], [(messages[-1:], None)])
    return Case(messages)


def shared_prompt(one: list[Message], other: list[Message]) -> Case:
    """Two conversations as what both begin with, and the two ends; the first is the better one."""
    at = 0
    while at < min(len(one), len(other)) - 1 and one[at] == other[at]:
        at += 1
    while at and one[at - 1]["role"] == "assistant":
        at -= 1
    return Case(one[:at], [(one[at:], 1.0), (other[at:], 0.0)])


def is_talk(value: Any) -> bool:
    """Whether a value is a conversation, in any form."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(one, Mapping) and ({"role", "content"} <= one.keys() or {"from", "value"} <= one.keys())
            for one in value
        )
    )
