"""Refusals: an error that is one whole sentence for a person, in English and in Chinese, both written where it is raised."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

# The language of a process that has no option for it, such as a worker that a page has started.
LANG_VARIABLE = "CLINIC_LANG"


class Sentence(str):
    """An English sentence that carries the Chinese one: as a text, in JSON too, it is the English one alone."""

    __slots__ = ("chinese",)
    chinese: str

    def __new__(cls, english: str, chinese: str) -> Self:
        """The two sentences as one value."""
        made = super().__new__(cls, english)
        made.chinese = chinese
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.chinese)


class Refusal(Exception):
    """What was asked cannot be done. Each sentence says what, where, what was expected; `str(error)` is the English one."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english, chinese)

    def __str__(self) -> str:
        return str(self.args[0])

    def said(self, lang: str = "en") -> str:
        """The sentence in a language, `en` or `zh`."""
        return str(self.args[lang == "zh"])

    @property
    def sentence(self) -> Sentence:
        """Both sentences, for a record that is shown later."""
        return sentence_of(self)

    @classmethod
    def of(cls, reason: BaseException | str) -> Self:
        """Another error, or a `Sentence`, as this kind of refusal; what has only one language is said so in both."""
        return cls(said(reason), said(reason, "zh"))


class BadValue(Refusal, ValueError):
    """A value that cannot be used, where a `ValueError` is looked for."""


def told_with(reason: object, name: str = "message") -> dict[str, str]:
    """An error or a sentence as it travels as JSON: in English under a name, in Chinese under that name with `_zh`."""
    return {name: said(reason), f"{name}_zh": said(reason, "zh")}


def told_in(fields: Mapping[str, Any], name: str = "message") -> Sentence:
    """The sentence that travelled under a name."""
    chinese = fields.get(f"{name}_zh")
    return Sentence(fields[name], chinese if isinstance(chinese, str) else fields[name])


def sentence_of(error: BaseException) -> Sentence:
    """Both sentences of an error of any kind, for a record that is shown later."""
    return Sentence(said(error), said(error, "zh"))


def said(reason: object, lang: str = "en") -> str:
    """What an error or a sentence says in a language; what has no Chinese, such as an error of a library, as it is."""
    if isinstance(reason, Refusal):
        return reason.said(lang)
    return reason.chinese if lang == "zh" and isinstance(reason, Sentence) else str(reason)


def cut(sentence: str, most: int) -> str:
    """A sentence of at most so many characters, in each of its languages."""
    return Sentence(sentence[:most], sentence.chinese[:most]) if isinstance(sentence, Sentence) else sentence[:most]


def asked_lang(environment: Mapping[str, str] = os.environ) -> str:
    """The language that a process without an option for it is to speak: `en` unless the environment asks for `zh`."""
    return "zh" if environment.get(LANG_VARIABLE) == "zh" else "en"
