"""The texts of raw rows, part by part, as the data rules compare them: prompt, answers, labels; system prompts left out."""

from __future__ import annotations

import re
import unicodedata
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diagnostics.finding import CannotJudge
from diagnostics.preflight.columns import SPEAKERS, WrongColumns, renames, shape_for
from diagnostics.preflight.material import Material, Rows

# Punctuation that only parts or ends: gone between words and signs, kept inside 1.5, don't or 3:4.
PUNCTUATION = re.compile(
    r"(?<![0-9a-z])[.,;:!?\"'`()\[\]{}<>_~…·。、「」『』【】《》〈〉“”‘’—–-]+"
    r"|[.,;:!?\"'`()\[\]{}<>_~…·。、「」『』【】《》〈〉“”‘’—–-]+(?![0-9a-z])"
)
SPACE = re.compile(r"\s+")
# Signs of scripts without spaces between words: Han, kana, Thai and Lao; each counts as a word.
SIGN = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u0e00-\u0eff"
BESIDE_SIGN = re.compile(f"(?<=[{SIGN}]) | (?=[{SIGN}])")
INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD))
WORD = re.compile(f"[{SIGN}]|[^\\W_{SIGN}]+", re.UNICODE)
TURN = "\n\n"
ANSWERS = ("completion", "chosen", "rejected", "text")


def normal(text: str) -> str:
    """A text as two that say the same are equal: width and compatibility forms (NFKC), case, spaces and punctuation aside."""
    folded = unicodedata.normalize("NFKC", text).translate(INVISIBLE).casefold()
    plain = SPACE.sub(" ", PUNCTUATION.sub(" ", folded)).strip()
    return BESIDE_SIGN.sub("", plain) if not plain.isascii() else plain


def words_in(text: str) -> list[str]:
    """The words of a text, and its signs where a script has no spaces."""
    return WORD.findall(text)


def length(text: str) -> int:
    """The length of a text in words and signs."""
    return len(WORD.findall(text))


@dataclass
class Texts:
    """The texts of all rows of a split that could be read: `parts` by name, each as long as `numbers`.

    `prompt` is without system messages: what all rows share is no leak and no duplicate. A part that the rows do not have
    is not there. `labels`: KTO's, 1 and 0, -1 where it is none. `others`: columns beside those read, as text.
    """

    where: str
    numbers: np.ndarray
    total: int
    parts: dict[str, list[str]]
    labels: np.ndarray | None = None
    others: dict[str, list[Any]] = field(default_factory=dict)
    _normal: dict[str, list[str]] = field(default_factory=dict)
    _lengths: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    @property
    def sampled(self) -> bool:
        """Whether these are only some of the split's rows."""
        return len(self.numbers) < self.total

    def normal(self, part: str) -> list[str]:
        """A part, normalised for comparison."""
        if part not in self._normal:
            self._normal[part] = [normal(one) for one in self.parts[part]]
        return self._normal[part]

    def lengths(self, part: str) -> np.ndarray:
        """The lengths of a part in words and signs: int64, shape (rows,)."""
        if part not in self._lengths:
            self._lengths[part] = np.fromiter(map(length, self.parts[part]), np.int64, len(self.numbers))
        return self._lengths[part]

    def answers(self) -> tuple[str, ...]:
        """The names of the parts that are answered or trained on."""
        return tuple(one for one in ANSWERS if one in self.parts)

    def whole(self) -> list[str]:
        """Each row as one text, normalised: prompt and answers."""
        return ["\x1f".join(row) for row in zip(*(self.normal(part) for part in self.parts), strict=True)]


_KEPT: dict[int, tuple[Any, tuple[Any, ...], Texts]] = {}


def texts_of(material: Material, split: str = "train") -> Texts:
    """The texts of a split as the method reads them; read once for all rules.

    Raises:
        CannotJudge: there are no rows, or their columns are not the method's: the rule wrong-columns says how.
    """
    rows = material.train if split == "train" else material.evaluation
    if rows is None:
        raise CannotJudge("no-data", why=material.unseen.get("data", "there is none"))
    method = material.method
    if method is None:
        raise CannotJudge("no-config")
    mapping = material.asked.config.get("column_mapping")
    field_name = str(material.value("dataset_text_field") or "text")
    key = (method, repr(mapping), field_name)
    kept = _KEPT.get(id(rows))
    if kept is not None and kept[0]() is rows and kept[1] == key:
        return kept[2]
    try:
        named = renames(mapping, rows.columns, rows.where)
    except WrongColumns as wrong:
        raise CannotJudge("no-data", why="column_mapping") from wrong
    shape = shape_for(method, [named.get(one, one) for one in rows.columns], field_name)
    if shape is None or not len(rows.rows):
        raise CannotJudge("no-data", why="wrong-columns")
    made = read_texts(rows, method, shape, named, field_name)
    place = id(rows)
    _KEPT[place] = (weakref.ref(rows, lambda _: _KEPT.pop(place, None)), key, made)
    return made


def all_rows(rows: Rows) -> tuple[Sequence[Mapping[str, Any]], np.ndarray]:
    """All rows of a split where they are at hand, else those looked at; and their numbers."""
    if rows.every is None:
        return rows.rows, rows.numbers
    return rows.every, np.arange(len(rows.every)) if rows.every_numbers is None else rows.every_numbers


def read_texts(rows: Rows, method: str, shape: Sequence[str], named: Mapping[str, str], text_field: str) -> Texts:
    """The texts of some rows; values of the wrong kind become empty texts, which wrong-columns speaks of."""
    source = {named.get(one, one): one for one in rows.columns}
    held, numbers = all_rows(rows)
    columns = {name: column(held, source[name]) for name in dict.fromkeys((*shape, "prompt")) if name in source}
    if method == "sft" and "prompt" not in shape:
        columns.pop("prompt", None)
    parts: dict[str, list[str]] = {}
    if {"messages", "conversations"} & columns.keys():
        talk = columns.get("messages") or columns["conversations"]
        cut = [split_talk(one) for one in talk]
        parts = {"prompt": [one for one, _ in cut], "completion": [one for _, one in cut]}
    elif "chosen" in columns and "prompt" not in columns:
        pairs = [split_pair(*one) for one in zip(columns["chosen"], columns["rejected"], strict=True)]
        parts = {name: [one[at] for one in pairs] for at, name in enumerate(("prompt", "chosen", "rejected"))}
    else:
        for name in ("prompt", "completion", "chosen", "rejected"):
            if name in columns:
                parts[name] = [plain(one) for one in columns[name]]
        if text_field in shape:
            parts["text"] = [plain(one) for one in columns[text_field]]
    if not parts:
        raise CannotJudge("no-data", why="input_ids")
    labels = None
    if "label" in shape:
        labels = np.array([int(one) if one in (0, 1) and one is not None else -1 for one in columns["label"]], np.int64)
    others = {
        name: column(held, source[name])
        for name in source
        if name not in columns and looks_like_number(held[0].get(source[name]))
    }
    return Texts(rows.where, numbers, rows.total, parts, labels, others)


def column(rows: Any, name: str) -> list[Any]:
    """One column of some rows; of a data set in one go."""
    if hasattr(rows, "column_names"):
        return list(rows[name][:])
    return [row.get(name) for row in rows]


def looks_like_number(value: Any) -> bool:
    """Whether a value is a number: a score or rating that may stand beside the pairs."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def said(message: Any) -> tuple[str, str]:
    """Who speaks in a message and what: `role` and `content`, or ShareGPT's `from` and `value`."""
    if not isinstance(message, Mapping):
        return "", ""
    role = message.get("role") or message.get("from") or ""
    content = message.get("content", message.get("value"))
    if isinstance(content, list):  # blocks of a multimodal message
        content = " ".join(str(one.get("text") or "") for one in content if isinstance(one, Mapping))
    if not content and message.get("tool_calls"):
        content = str(message["tool_calls"])
    return str(role), content if isinstance(content, str) else ""


def plain(value: Any) -> str:
    """A value as one text: a text as it is, a conversation as what is said in it, less what the system says."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        turns = (said(one) for one in value)
        return TURN.join(content for role, content in turns if SPEAKERS.get(role, role) != "system")
    return ""


def split_talk(value: Any) -> tuple[str, str]:
    """A conversation as what leads to its last answer, and that answer."""
    if not isinstance(value, list) or not value:
        return "", ""
    role = said(value[-1])[0]
    if SPEAKERS.get(role, role) == "assistant":
        return plain(value[:-1]), plain(value[-1:])
    return plain(value), ""


def split_pair(chosen: Any, rejected: Any) -> tuple[str, str, str]:
    """A pair without a prompt column as prompt, chosen and rejected: what both begin with is the prompt."""
    if isinstance(chosen, list) and isinstance(rejected, list):
        shared = 0
        for one, other in zip(chosen[:-1], rejected[:-1], strict=False):
            if one != other:
                break
            shared += 1
        return plain(chosen[:shared]), plain(chosen[shared:]), plain(rejected[shared:])
    one, other = plain(chosen), plain(rejected)
    at = one.rfind("\n\nAssistant:")
    if at >= 0 and other.startswith(one[: at + len("\n\nAssistant:")]):
        at += len("\n\nAssistant:")
        return one[:at], one[at:], other[at:]
    return "", one, other
