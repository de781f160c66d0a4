"""A prompt set: the rows that all checkpoints of a comparison answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnostics.run.refusal import Refusal, Sentence

HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
KANA = re.compile(r"[\u3040-\u30ff]")
LETTER = re.compile(r"[^\W\d_]")
# Columns that hold the answer a row is measured against, in the order of preference.
REFERENCE_COLUMNS = ("reference", "answer", "completion", "chosen", "solution", "ground_truth", "output", "response")
OWN_COLUMNS = frozenset({"prompt", "messages", "tags", "tag", "id"})
ROLES = ("system", "user", "assistant", "tool", "developer")

Message = dict[str, str]


class PromptsUnreadable(Refusal):
    """A prompt set cannot be used. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Prompt:
    """One row of a prompt set.

    `messages` end with the turn to be answered. `number` is the row's place in its set, from 0. `columns` are the
    row's further fields, as a reward function gets them. `conversational`: the row held messages, not a text alone.
    """

    number: int
    messages: tuple[Message, ...]
    reference: str | None = None
    tags: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    conversational: bool = True

    @property
    def text(self) -> str:
        """The last turn's text."""
        return self.messages[-1]["content"]

    @property
    def lang(self) -> str:
        """The language of the last turn: `zh`, `en` (any language in Latin letters) or `other`."""
        return language(self.text)


def language(text: str) -> str:
    """`zh` if Chinese characters are a tenth of the letters or more (and no kana), `en` if Latin letters are, else `other`.

    A tenth, because Chinese answers quote names, code and order numbers in Latin letters, while English ones hardly
    quote Chinese; a Chinese character is about a word, a Latin letter a fifth of one. Ours.
    """
    letters = len(LETTER.findall(text))
    if not letters:
        return "other"
    if len(HAN.findall(text)) >= 0.1 * letters:
        return "other" if KANA.search(text) else "zh"
    return "en" if sum(one.isascii() for one in LETTER.findall(text)) >= 0.5 * letters else "other"


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a file: JSON Lines or a JSON list with `prompt` or `messages` in a row, or plain text, one a line.

    A `prompt` is a text or a conversation; of `messages` that end with an answer, the answer becomes the reference.

    Raises:
        PromptsUnreadable: no such file, a row without a prompt, or no row at all.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PromptsUnreadable(f"{path}: there is no such file of prompts.", f"{path}：没有这个提示文件。") from None
    except IsADirectoryError:
        raise PromptsUnreadable(
            f"{path}: is a folder; expected a file of prompts.", f"{path}：是文件夹；应为提示文件。"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PromptsUnreadable(
            f"{path}: cannot be read as UTF-8 text ({error}).", f"{path}：无法作为 UTF-8 文本读取（{error}）。"
        ) from error
    rows = rows_of(path, content)
    prompts = tuple(
        prompt_of(row, number, Sentence(f"{path}: row {number + 1}", f"{path}：第 {number + 1} 行"))
        for number, row in enumerate(rows)
    )
    if not prompts:
        raise PromptsUnreadable(
            f"{path}: holds no prompt; expected JSON Lines with a `prompt` in each row.",
            f"{path}：里面没有提示；应为 JSON Lines，每行有 `prompt`。",
        )
    return prompts


def rows_of(path: Path, content: str) -> list[Any]:
    """The rows of a file's text, before they are looked at."""
    if path.suffix == ".txt":
        return [line for line in content.split("\n") if line.strip()]
    if content.lstrip().startswith("["):
        try:
            whole = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise PromptsUnreadable(f"{path}: is no JSON ({error}).", f"{path}：不是 JSON（{error}）。") from error
        return list(whole)
    rows = []
    # Lines end at line feeds alone: JSON texts may hold other separators (U+2028) as they are.
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise PromptsUnreadable(
                f"{path}: line {number} is no JSON ({error}).", f"{path}：第 {number} 行不是 JSON（{error}）。"
            ) from error
    return rows


def prompt_of(row: Any, number: int, where: Sentence) -> Prompt:
    """One row as a prompt.

    Raises:
        PromptsUnreadable: the row holds no prompt that can be asked.
    """
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, dict):
        raise PromptsUnreadable(
            f"{where} is {type(row).__name__}; expected an object with a `prompt`.",
            f"{where.chinese}是 {type(row).__name__}；应为带有 `prompt` 的对象。",
        )
    asked = row.get("prompt", row.get("messages"))
    messages = messages_of(asked, where)
    reference = next((text for name in REFERENCE_COLUMNS if (text := plain_text(row.get(name))) is not None), None)
    if "prompt" not in row and messages[-1]["role"] == "assistant":
        reference, messages = messages[-1]["content"], messages[:-1]
    if not messages or messages[-1]["role"] == "assistant" or not messages[-1]["content"].strip():
        raise PromptsUnreadable(
            f"{where} has no turn to answer; expected a `prompt` that is not empty.",
            f"{where.chinese}没有要回答的话轮；`prompt` 不应为空。",
        )
    tags = row.get("tags", row.get("tag", ()))
    return Prompt(
        number,
        messages,
        reference,
        tuple(str(tag) for tag in ([tags] if isinstance(tags, str) else tags or ())),
        {name: value for name, value in row.items() if name not in OWN_COLUMNS},
        conversational=not isinstance(asked, str),
    )


def messages_of(asked: Any, where: Sentence) -> tuple[Message, ...]:
    """A prompt as a conversation."""
    if isinstance(asked, str):
        check_text(asked, where)
        return ({"role": "user", "content": asked},)
    if not isinstance(asked, Sequence) or not asked:
        raise PromptsUnreadable(
            f"{where} has no `prompt`; expected a text or a list of messages.",
            f"{where.chinese}没有 `prompt`；应为文本或消息列表。",
        )
    messages = []
    for one in asked:
        if not isinstance(one, dict) or one.get("role") not in ROLES or not isinstance(one.get("content"), str):
            raise PromptsUnreadable(
                f"{where}: expected messages with `role` ({', '.join(ROLES)}) and a text `content`.",
                f"{where.chinese}：应为带有 `role`（{'、'.join(ROLES)}）和文本 `content` 的消息。",
            )
        check_text(one["content"], where)
        messages.append({"role": one["role"], "content": one["content"]})
    return tuple(messages)


def check_text(text: str, where: Sentence) -> None:
    """Make sure that a text can be written as UTF-8, as a tokenizer wants it.

    Raises:
        PromptsUnreadable: it holds half a character (a lone surrogate, which JSON can spell).
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise PromptsUnreadable(
            f"{where} holds half a character, \\u{ord(text[error.start]):04x}; expected Unicode text.",
            f"{where.chinese}含有半个字符 \\u{ord(text[error.start]):04x}；应为 Unicode 文本。",
        ) from error


def plain_text(value: Any) -> str | None:
    """A reference as text: itself, or the last message of a conversation; None if it is neither."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and isinstance(value[-1], dict) and isinstance(value[-1].get("content"), str):
        return str(value[-1]["content"])
    return None
