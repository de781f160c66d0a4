"""text-damaged: texts that were read or written in the wrong encoding, or escaped once too often."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.telling import spread, table
from diagnostics.preflight.texts import Texts, texts_of

NAME = "text-damaged"
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ()

SHARE = Limit(0.01, "share of the rows", "ours: single rows of a crawled set are damaged at their source")
ESCAPED = Limit(0.05, "share of the rows", "ours: texts about HTML or code hold such signs rightly")
LEAST = Limit(3, "rows", "ours: one slip is no fault of the set")
AROUND = 40  # signs shown on either side

REPLACED = re.compile("\ufffd|锟斤拷")
# Half of a UTF-16 pair: no encoding holds it, so neither datasets nor a tokenizer takes the text.
HALF = re.compile("[\ud800-\udfff]")
# UTF-8 read as Latin-1 or Windows-1252: a first byte of two to four, then its continuation.
LATIN = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{1,3}"
)
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,5});")
ESCAPE = re.compile(r"(?<![\\\w:/])\\u[0-9a-fA-F]{4}|\w[.!?。！？]?(?:\\r)?\\n(?:\\n|[A-Z\-*\d\u4e00-\u9fff])")
CODE = re.compile(r"```|</?\w+[ >/]|[{}]\s*$|\)\s*;\s*$|\bdef \w+\(|\\(?:frac|begin|text|nu|neq|nabla)", re.MULTILINE)
HAN = re.compile("[\u4e00-\u9fff]{4,}")
FOREIGN = re.compile(r"[^\x00-\x7f]{6,}")


def preflight(material: Material) -> Finding | None:
    """Look for the marks of damage in every text of the training rows, the gravest first."""
    texts = texts_of(material)
    halves = marked(texts, half)
    if halves:
        return told(texts, "half-signs", halves)
    for kind, find, limit in (
        ("replaced", replaced, SHARE),
        ("mojibake", misread, SHARE),
        ("escapes", escapes, ESCAPED),
        ("entities", entities, ESCAPED),
    ):
        hits = marked(texts, find)
        if len(hits) >= LEAST and len(hits) / len(texts) >= limit:
            return told(texts, kind, hits)
    return None


def marked(texts: Texts, find: Callable[[str], tuple[int, int] | None]) -> dict[int, tuple[str, tuple[int, int]]]:
    """The rows that hold a mark: the part and where in it."""
    hits: dict[int, tuple[str, tuple[int, int]]] = {}
    for part, values in texts.parts.items():
        for at, text in enumerate(values):
            where = find(text)
            if where is not None:
                hits.setdefault(at, (part, where))
    return hits


def half(text: str) -> tuple[int, int] | None:
    """Where half of a sign stands."""
    if text.isascii():
        return None
    match = HALF.search(text)
    return match.span() if match else None


def replaced(text: str) -> tuple[int, int] | None:
    """Where signs were replaced because they could not be read."""
    if text.isascii():
        return None
    match = REPLACED.search(text)
    return match.span() if match else None


def misread(text: str) -> tuple[int, int] | None:
    """Where UTF-8 was read as Latin-1, Windows-1252 or GBK: read back it is whole again."""
    if text.isascii():
        return None
    for match in LATIN.finditer(text):
        try:
            back = match[0].encode(
                "latin-1" if match[0].isascii() or all(ord(one) < 256 for one in match[0]) else "cp1252"
            )
            back.decode("utf-8")
        except UnicodeError:
            continue
        return match.span()
    run = FOREIGN.search(text)
    if run:
        try:
            # What is left over at the end of the run may be half a sign.
            whole = codecs.getincrementaldecoder("utf-8")().decode(run[0][:60].encode("gb18030"))
        except UnicodeError:
            return None
        if HAN.match(whole):
            return run.span()
    return None


def entities(text: str) -> tuple[int, int] | None:
    """Where HTML's names for signs stand in a text that holds no HTML."""
    match = ENTITY.search(text) if "&" in text else None
    return match.span() if match and not CODE.search(text) else None


def escapes(text: str) -> tuple[int, int] | None:
    r"""Where a line break or a sign is written out as \n or \u4f60 in a text that holds no code."""
    match = ESCAPE.search(text) if "\\" in text else None
    return match.span() if match and not CODE.search(text) else None


def told(texts: Texts, kind: str, hits: dict[int, tuple[str, tuple[int, int]]]) -> Finding:
    """The finding with some of the places."""
    rows = []
    for at in map(int, spread(np.array(sorted(hits)))):
        part, (begin, end) = hits[at]
        rows.append(
            (int(texts.numbers[at]), part, printable(texts.parts[part][at][max(0, begin - AROUND) : end + AROUND]))
        )
    part, (begin, end) = next(iter(hits.values()))
    at = next(iter(hits))
    return Finding(
        rule=NAME,
        severity="error" if kind == "half-signs" else "warning",
        confidence={"half-signs": 0.97, "replaced": 0.9, "mojibake": 0.9}.get(kind, 0.7),
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "where": texts.where,
            "count": len(hits),
            "of": len(texts),
            "share": len(hits) / len(texts),
            "seen": printable(texts.parts[part][at][begin:end]),
        },
        evidence=(table(texts.where, ("row", "part", "text"), rows),),
        causes=("cut",)
        if kind == "half-signs"
        else ("encoding",)
        if kind in ("replaced", "mojibake")
        else ("escaped",),
        fixes=(
            Fix(
                "whole" if kind == "half-signs" else "encoding" if kind in ("replaced", "mojibake") else "escaped",
                "show",
            ),
        ),
    )


def printable(text: str) -> str:
    """A text with halves of signs written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


WORDS = {
    "en": Words(
        title="Texts are damaged",
        summary={
            "half-signs": "{where}: {count} of {of} rows hold half of a sign ({seen}), which no file format and no tokenizer takes.",
            "replaced": "{where}: {count} of {of} rows ({share:.1%}) hold signs that were lost in reading ({seen}).",
            "mojibake": "{where}: {count} of {of} rows ({share:.1%}) hold text that was read in the wrong encoding ({seen}).",
            "entities": "{where}: {count} of {of} rows ({share:.1%}) hold HTML's names for signs ({seen}).",
            "escapes": "{where}: {count} of {of} rows ({share:.1%}) hold line breaks or signs written out ({seen}).",
        },
        why="The model learns to write what it is shown: damaged signs come back in its answers.",
        wrong_if="the texts are about encodings, HTML or code",
        causes={
            "cut": "A text in UTF-16 (JavaScript, Java, Windows) was cut in the middle of a sign such as an emoji.",
            "encoding": "A file in UTF-8 was read as another encoding (or the other way round) when the set was made.",
            "escaped": "Texts taken from web pages or from JSON were not unescaped, or escaped twice.",
        },
        fixes={
            "whole": "Write the set anew without them: text.encode('utf-8', 'ignore').decode('utf-8')",
            "encoding": "Make the set anew from its source with the right encoding (open(..., encoding='utf-8')); what was "
            "replaced cannot be restored",
            "escaped": "Unescape the texts (html.unescape, json.loads) before they are written",
        },
        about=r"""Looks in every text for signs that could not be read (U+FFFD), for UTF-8 that was read as Latin-1, Windows-1252 or
GBK (read back, it is whole again), for HTML entities and for written-out escapes (\n, \u4f60). The last two only in texts
without code. A warning from 1 % of the rows on, for entities and escapes from 5 %. Half of a sign (a lone UTF-16 surrogate) is an
error wherever it stands: the training ends at that row.""",
    ),
    "zh": Words(
        title="文本损坏",
        summary={
            "half-signs": "{where}：{of} 行中有 {count} 行含有半个字符（{seen}），任何文件格式和分词器都不接受。",
            "replaced": "{where}：{of} 行中有 {count} 行（{share:.1%}）含有读取时丢失的字符（{seen}）。",
            "mojibake": "{where}：{of} 行中有 {count} 行（{share:.1%}）含有按错误编码读出的乱码（{seen}）。",
            "entities": "{where}：{of} 行中有 {count} 行（{share:.1%}）含有 HTML 实体（{seen}）。",
            "escapes": "{where}：{of} 行中有 {count} 行（{share:.1%}）含有未还原的转义（{seen}）。",
        },
        why="模型看到什么就学着写什么：损坏的字符会出现在回答里。",
        wrong_if="文本本来就是讲编码、HTML 或代码的",
        causes={
            "cut": "UTF-16 文本（JavaScript、Java、Windows）在一个字符（如表情符号）中间被截断。",
            "encoding": "制作数据集时，UTF-8 文件按别的编码读取（或反之）。",
            "escaped": "取自网页或 JSON 的文本没有还原转义，或转义了两次。",
        },
        fixes={
            "whole": "去掉它们后重新写出：text.encode('utf-8', 'ignore').decode('utf-8')",
            "encoding": "按正确的编码从源文件重新制作（open(..., encoding='utf-8')）；已被替换的字符无法恢复",
            "escaped": "写入之前还原转义（html.unescape、json.loads）",
        },
        about=r"""在每段文本里查找：无法读取的字符（U+FFFD）；被当作 Latin-1、Windows-1252 或 GBK 读取的 UTF-8（反向读取即可复原）；HTML 实体；
写成字面的转义（\n、\u4f60）。后两种只看不含代码的文本。占 1% 起为警告，实体与转义从 5% 起。半个字符（单独的 UTF-16 代理）无论
在哪里都是错误：训练会在那一行终止。""",
    ),
}
