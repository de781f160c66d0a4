"""What TRL 1.16 passes to a reward function (`GRPOTrainer._calculate_rewards`), for answers that are made here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from diagnostics.compare.prompts import REFERENCE_COLUMNS, language

# TRL passes these under names of its own.
OWN_COLUMNS = ("prompt", "completion", "completion_ids")
ORDINARY = {"zh": "好的，我来为您查一下。"}
ORDINARY_ENGLISH = "Certainly, I will look into it."


def text_of(completion: Any) -> str:
    """The text of a completion or prompt, which TRL passes as a string or as a list of messages."""
    if isinstance(completion, str):
        return completion
    return "\n".join(content_of(message) for message in completion or ())


def question_of(prompt: Any) -> str:
    """The last user turn of a prompt; all of it where it is a text."""
    if isinstance(prompt, str):
        return prompt
    turns = [text_of([message]) for message in prompt or () if message.get("role") == "user"]
    return turns[-1] if turns else text_of(prompt)


def content_of(message: dict[str, Any]) -> str:
    """The text of one message; of its text parts where it has several, none of a call of a tool."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part, dict) and part.get("type") == "text")
    return content or ""


def reference_of(row: Mapping[str, Any]) -> str | None:
    """The text of the row's reference answer, if it has one."""
    for name in REFERENCE_COLUMNS:
        value = row.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            return text_of(value)
    return None


def ordinary_of(prompt: Any) -> str:
    """An ordinary answer, in the language of the prompt."""
    return ORDINARY.get(language(text_of(prompt)), ORDINARY_ENGLISH)


def completion_of(text: str, conversational: bool) -> Any:
    """An answer as TRL passes it: a list with one message where the prompt is one of messages."""
    return [{"role": "assistant", "content": text}] if conversational else text


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns that TRL passes on beside prompt and completion, each as a list."""
    return {name: [row[name] for row in rows] for name in rows[0] if name not in OWN_COLUMNS}


def arguments(
    prompts: Sequence[Any], texts: Sequence[str], columns: Mapping[str, list[Any]], trainer_state: Any
) -> dict[str, Any]:
    """The arguments of one call.

    `completion_ids` are the bytes of the answers: numbers of about the right count, where only their count matters.
    """
    return {
        "prompts": list(prompts),
        "completions": [
            completion_of(text, not isinstance(prompt, str)) for prompt, text in zip(prompts, texts, strict=True)
        ],
        "completion_ids": [list(text.encode()) for text in texts],
        **columns,
        "trainer_state": trainer_state,
        "log_extra": unused,
        "log_metric": unused,
    }


def unused(name: str, value: Any) -> None:
    """Takes what a function would log: a trial has no log."""


def is_async(function: Any) -> bool:
    """Whether a call gives something to await, as TRL decides it (trl 1.16, trainer/utils.py, `is_async_callable`)."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
