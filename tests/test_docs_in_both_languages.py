"""The documents are the same in both languages: headings, code, tables, numbers, links; and every link leads somewhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import FOLDERS, MOST_BYTES, MOST_BYTES_TOGETHER, PICTURES
from tests.tree import ROOT

ALONE = {
    Path("README.md"): Path("README.zh.md"),
    Path("CONTRIBUTING.md"): Path("docs/zh/CONTRIBUTING.md"),
    Path("runs/README.md"): Path("docs/zh/runs.md"),
}
# Folders of pages whose Chinese ones lie below, in zh/.
ROOMS = (Path("docs"), Path("docs/methods"), Path("docs/rules"))
LINK = re.compile(r"(?<!`)!?\[[^\]\[]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def pairs() -> dict[Path, Path]:
    """Each English document with its Chinese one, below the root, whether that is there or not."""
    found = dict(ALONE)
    for room in ROOMS:
        found |= {room / path.name: room / "zh" / path.name for path in sorted((ROOT / room).glob("*.md"))}
    return found


PAIRS = pairs()
CHINESE_OF = {
    **PAIRS,
    **{
        FOLDERS["en"].relative_to(ROOT) / f"{one}.png": FOLDERS["zh"].relative_to(ROOT) / f"{one}.png"
        for one in PICTURES
    },
}
BOTH = pytest.mark.parametrize(("english", "chinese"), PAIRS.items(), ids=[one.as_posix() for one in PAIRS])
EACH = pytest.mark.parametrize("document", [*PAIRS, *PAIRS.values()], ids=lambda one: one.as_posix())


def read(document: Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A document without its fenced code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[int]:
    """The levels of the headings, in order."""
    return [len(found) for found in re.findall(r"^(#+) ", prose(text), re.MULTILINE)]


def code(text: str) -> list[Any]:
    """The lines of code without comments; of a row of JSON its names and kinds, as its texts may be of a language."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += [
        line for line in prose(text).split("<!-- tree")[0].splitlines() if line.startswith("    ") and line.strip()
    ]
    # The lines of a list go on indented by three.
    bare = (re.sub(r"(^|\s)#.*$", "", line).rstrip() for line in lines)
    return [shape(line) for line in bare if line]


def shape(line: str) -> Any:
    """A line of code; of JSON what it is made of."""
    try:
        return kinds(json.loads(line))
    except ValueError:
        return line


def kinds(value: Any) -> Any:
    """A value of JSON with its texts left out."""
    if isinstance(value, dict):
        return {name: kinds(one) for name, one in value.items()}
    return [kinds(one) for one in value] if isinstance(value, list) else type(value).__name__


def tables(text: str) -> list[list[str]]:
    """The rows of each table, heads included."""
    grouped = groupby(prose(text).splitlines(), key=lambda line: line.startswith("|"))
    return [list(rows) for is_table, rows in grouped if is_table]


def numbers(row: str) -> Counter[str]:
    """The numbers of a row, in whatever order a language says them; those of links are names."""
    return Counter(NUMBER.findall(re.sub(r"\]\([^)]*\)", "]", row)))


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Where the links and pictures of a document lead: a path below the root, and an anchor."""
    for found in LINK.finditer(re.sub(r"`[^`\n]*`", "``", prose(read(document)))):
        target = found[1] or found[2]
        if "://" not in target:
            path, _, anchor = target.partition("#")
            whole = (ROOT / document).parent / path if path else ROOT / document
            yield Path(whole.resolve().relative_to(ROOT.resolve())), anchor


@BOTH
def test_each_document_is_there_in_both_languages(english: Path, chinese: Path) -> None:
    assert (ROOT / chinese).exists(), f"{english} has no Chinese counterpart"
    assert chinese in [path for path, _ in links(english)], f"{english} does not link to {chinese}"
    assert english in [path for path, _ in links(chinese)], f"{chinese} does not link to {english}"


def test_no_chinese_document_is_left_over() -> None:
    there = {path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room / "zh").glob("*.md")}
    assert there <= set(PAIRS.values())


@BOTH
def test_headings_have_the_same_levels(english: Path, chinese: Path) -> None:
    assert headings(read(english))
    assert headings(read(chinese)) == headings(read(english))


@BOTH
def test_code_is_the_same_but_for_comments(english: Path, chinese: Path) -> None:
    assert code(read(chinese)) == code(read(english))


@BOTH
def test_tables_have_the_same_rows_and_numbers(english: Path, chinese: Path) -> None:
    ours, theirs = tables(read(english)), tables(read(chinese))
    assert [len(rows) for rows in theirs] == [len(rows) for rows in ours]
    for left, right in zip(ours, theirs, strict=True):
        for one, other in zip(left, right, strict=True):
            assert one.count(" |") == other.count(" |"), other
            assert numbers(other) == numbers(one), f"{one}\n{other}"


@BOTH
def test_links_lead_to_the_same_places(english: Path, chinese: Path) -> None:
    wanted = Counter(CHINESE_OF.get(path, path) for path, _ in links(english) if path != chinese)
    assert Counter(path for path, _ in links(chinese) if path != english) == wanted


@EACH
def test_every_link_and_picture_leads_somewhere(document: Path) -> None:
    for path, anchor in links(document):
        assert (ROOT / path).exists(), path
        if anchor:
            text = read(path)
            titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            there = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in titles}
            assert anchor in there | set(re.findall(r'id="([^"]+)"', text)), f"{path}#{anchor}"


def test_pictures_are_small_and_shown() -> None:
    sizes = {}
    for lang, folder in FOLDERS.items():
        document = Path("README.md" if lang == "en" else "README.zh.md")
        kept = {path.stem for path in folder.glob("*.png")}
        assert kept == set(PICTURES), "run: python -m tests.pictures --runs RUNS"
        shown = {path.stem for path, _ in links(document) if path.suffix == ".png"}
        assert shown == kept
        sizes |= {path: path.stat().st_size for path in folder.glob("*.png")}
    assert max(sizes.values()) <= MOST_BYTES
    assert sum(sizes.values()) <= MOST_BYTES_TOGETHER
