"""Files of rows as people have them: JSON in any layout, JSON Lines, CSV; any encoding; a fault is named by its line."""

from __future__ import annotations

import codecs
import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from diagnostics.preflight.columns import written
from diagnostics.preflight.unreadable import DataUnreadable
from diagnostics.run.refusal import Sentence

FORMATS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
BEGINNING = 1 << 16  # bytes that a file is judged by
WHOLE = 1 << 30  # bytes: larger files are not read whole into memory
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
NO_DATA = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "压缩包或电子表格"),
    (b"\x1f\x8b", "a gzip archive", "gzip 压缩包"),
    (b"%PDF", "a PDF", "PDF"),
    (b"\x89PNG", "a picture", "图片"),
    (b"\xff\xd8\xff", "a picture", "图片"),
    (b"<!DOCTYPE", "a web page", "网页"),
    (b"<html", "a web page", "网页"),
    (b"<?xml", "XML", "XML"),
    (b"PAR1", "a Parquet file", "Parquet 文件"),
)
DELIMITERS = ",;\t|"
FIELD_LIMIT = 1 << 27


@dataclass(frozen=True)
class Layout:
    """How a file of rows is written.

    `kind`: `lines` (an object a line), `list` (one list of objects), `texts` (one list of something else), `field` (a list of objects under `fields`, one name or
    one a split), `columns` (lists by column), `one` (a single object), `csv` or `parquet`. `plain`: the datasets library
    reads it by itself.
    """

    kind: Literal["lines", "list", "texts", "field", "columns", "one", "csv", "parquet"]
    encoding: str = "utf-8"
    fields: tuple[str, ...] = ()
    delimiter: str = ","

    @property
    def plain(self) -> bool:
        """Whether the datasets library reads it without help."""
        return self.kind == "parquet" or (self.encoding == "utf-8" and self.kind in ("lines", "list"))


def layout_of(path: Path) -> Layout:
    """How a file of rows is written, judged by its beginning.

    Raises:
        DataUnreadable: it is empty, of another format, or no data.
    """
    if path.suffix.lower() not in FORMATS:
        raise DataUnreadable("suffix", path=path, suffixes=", ".join(sorted(FORMATS)))
    with path.open("rb") as file:
        beginning = file.read(BEGINNING)
    if not beginning.strip():
        raise DataUnreadable("empty-file", path=path)
    if beginning.startswith(b"version https://git-lfs"):
        raise DataUnreadable("lfs", path=path)
    form = FORMATS[path.suffix.lower()]
    for mark, what, what_zh in NO_DATA:
        if beginning.lstrip()[: len(mark)].lower() == mark.lower() and not (form == "parquet" and mark == b"PAR1"):
            raise DataUnreadable("no-data", path=path, what=what, what_zh=what_zh)
    if form == "parquet":
        if not beginning.startswith(b"PAR1"):
            raise DataUnreadable("parquet", path=path, error="its first bytes are others")
        return Layout("parquet")
    encoding = encoding_of(beginning)
    if encoding.startswith(("utf-8", "gb", "cp")) and b"\0" in beginning:
        raise DataUnreadable("no-data", path=path, what="a binary file", what_zh="二进制文件")
    text = beginning.decode(encoding, errors="ignore")
    if form == "csv":
        return Layout("csv", encoding, delimiter=delimiter_of(path, text))
    return json_layout(path, encoding, text)


def encoding_of(beginning: bytes) -> str:
    """The encoding of a text by its first bytes: a mark, the zeros of UTF-16, else UTF-8, GB18030 or Windows-1252."""
    for mark, name in MARKS:
        if beginning.startswith(mark):
            return name
    even, odd = beginning[0:200:2], beginning[1:200:2]
    if len(odd) and odd.count(0) > len(odd) / 2:
        return "utf-16-le"
    if len(even) and even.count(0) > len(even) / 2:
        return "utf-16-be"
    for name in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(name)().decode(beginning)
        except UnicodeDecodeError as error:
            # Single damaged bytes in a long text are that, and no other encoding.
            if name == "utf-8" and damaged_only(beginning, error):
                return "utf-8"
            continue
        return name
    return "cp1252"


def damaged_only(beginning: bytes, error: UnicodeDecodeError) -> bool:
    """Whether a text is UTF-8 but for a few bytes."""
    text = beginning.decode("utf-8", errors="replace")
    foreign = sum(1 for one in text if ord(one) > 127 and one != "\ufffd")
    return 0 < text.count("\ufffd") * 10 < foreign and error.start > 0


def delimiter_of(path: Path, text: str) -> str:
    """What parts the fields of a CSV file: what its head and its first lines agree on."""
    head = text.lstrip("\ufeff").splitlines()[0] if text.strip() else ""
    if path.suffix.lower() == ".tsv":
        return "\t"
    counts = {one: head.count(one) for one in DELIMITERS}
    best = max(counts, key=lambda one: counts[one])
    return best if counts[best] else ","


def json_layout(path: Path, encoding: str, text: str) -> Layout:
    """How a JSON file is laid out."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("["):
        return Layout("list" if start[1:].lstrip().startswith("{") else "texts", encoding)
    first, _, rest = start.partition("\n")
    try:
        one = json.loads(first)
    except (ValueError, RecursionError):
        one = None
    if one is None and start.startswith("{") and path.stat().st_size <= WHOLE:
        try:
            one, rest = json.loads(path.read_text(encoding=encoding)), ""
        except (ValueError, RecursionError):
            return Layout("lines", encoding)  # the reader names the line
    if isinstance(one, Mapping) and not rest.strip():
        return wrapped(path, encoding, one)
    return Layout("lines", encoding)


def wrapped(path: Path, encoding: str, one: Mapping[str, Any]) -> Layout:
    """The layout of a file that is one object: rows under a name, one name a split, lists by column, or a single row."""
    lists = [
        name
        for name, value in one.items()
        if isinstance(value, list) and value and all(isinstance(it, dict) for it in value[:20])
    ]
    scalars = [name for name, value in one.items() if not isinstance(value, list | Mapping)]
    talk = {"role", "content"}, {"from", "value"}
    rows = [name for name in lists if not any(keys <= one[name][0].keys() for keys in talk)]
    if rows and (len(lists) == len(rows)) and not (len(rows) > 1 and scalars):
        return Layout("field", encoding, tuple(rows))
    values = list(one.values())
    columns = len(values) > 0 and all(isinstance(it, list) for it in values) and len({len(it) for it in values}) == 1
    if columns and not lists and len(values[0]) > 1:
        return Layout("columns", encoding)
    return Layout("one", encoding)


def rows_in(path: Path, layout: Layout) -> dict[str, Iterable[dict[str, Any]]]:
    """The rows of a file by split; a file of one split has the split `train`.

    Raises:
        DataUnreadable: while reading, with the line.
    """
    if layout.kind == "csv":
        return {"train": csv_rows(path, layout)}
    if layout.kind == "lines":
        return {"train": json_lines(path, layout)}
    held = whole_json(path, layout)
    if layout.kind == "field" and len(layout.fields) > 1:
        return {name: objects(path, held[name]) for name in layout.fields}
    if layout.kind == "field":
        return {"train": objects(path, held[layout.fields[0]])}
    if layout.kind == "columns":
        return {"train": (dict(zip(held, row, strict=True)) for row in zip(*held.values(), strict=True))}
    return {"train": objects(path, held if isinstance(held, list) else [held])}


def whole_json(path: Path, layout: Layout) -> Any:
    """A file that is one JSON value."""
    try:
        return json.loads(path.read_text(encoding=layout.encoding).lstrip("\ufeff"), parse_constant=not_a_number)
    except UnicodeError as error:
        raise DataUnreadable("encoding", path=path, line=1, encoding=layout.encoding, error=said(error)) from error
    except (ValueError, RecursionError) as error:
        raise DataUnreadable("json", path=path, error=said(error)) from error


def not_a_number(name: str) -> float:
    """JSON knows no NaN and no infinity; files have them all the same."""
    return {"NaN": math.nan, "Infinity": math.inf}.get(name, -math.inf)


def objects(path: Path, values: list[Any]) -> Iterator[dict[str, Any]]:
    """The rows of a list; texts become rows of the column `text`."""
    for at, one in enumerate(values):
        if isinstance(one, str):
            yield {"text": one}
        elif isinstance(one, dict):
            yield one
        else:
            raise DataUnreadable(
                "json-kind", path=path, value=Sentence(f"{written(one)} as row {at}", f"第 {at} 行的 {written(one)}")
            )


def json_lines(path: Path, layout: Layout) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON Lines."""
    for number, line in lines_of(path, layout.encoding):
        if line.strip():
            yield json_line(path, number, line)


def lines_of(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers from 1.

    Decoded one by one, so that a byte that cannot be is found in its line; but for UTF-16, whose line ends are two bytes.
    """
    number = 0
    wide = encoding.startswith(("utf-16", "utf-32"))
    try:
        if wide:
            with path.open(encoding=encoding, newline="\n") as text:
                for number, line in enumerate(text, 1):
                    yield number, line.lstrip("\ufeff") if number == 1 else line
        else:
            with path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    yield number, raw.decode(encoding)
    except UnicodeError as error:
        line_ = number + 1 if wide else number
        raise DataUnreadable("encoding", path=path, line=line_, encoding=encoding, error=said(error)) from error


def json_line(path: Path, number: int, text: str) -> dict[str, Any]:
    """One row from its line."""
    try:
        one = json.loads(text, parse_constant=not_a_number)
    except (ValueError, RecursionError) as error:
        raise DataUnreadable("line", path=path, line=number, error=said(error)) from error
    if not isinstance(one, dict):
        raise DataUnreadable("line-kind", path=path, line=number, value=written(one))
    return one


def csv_rows(path: Path, layout: Layout) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file; a field without a value is None, numbers and true and false are read as such."""
    csv.field_size_limit(FIELD_LIMIT)
    line = 0
    try:
        with path.open(encoding=layout.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=layout.delimiter)
            head = [one.lstrip("\ufeff").strip() for one in next(reader, [])]
            if not head or len(set(head)) < len(head) or not all(head):
                raise DataUnreadable("csv-head", path=path, head=", ".join(head)[:200])
            for row in reader:
                line = reader.line_num
                if not row:
                    continue
                if len(row) != len(head):
                    raise DataUnreadable("csv-line", path=path, line=line, found=len(row), wanted=len(head))
                yield dict(zip(head, row, strict=True))
    except UnicodeError as error:
        raise DataUnreadable(
            "encoding", path=path, line=line + 1, encoding=layout.encoding, error=said(error)
        ) from error
    except csv.Error as error:
        raise DataUnreadable("json", path=path, error=said(error)) from error


def said(error: BaseException) -> str:
    """An error in a few words on one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:117] + "..."
