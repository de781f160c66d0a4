"""The text of a script, its places, and edits of it that touch nothing else."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

Span = tuple[int, int]


class Source:
    """A script's text with its tree; places in it are offsets in characters.

    Raises:
        SyntaxError: the text is no Python of this version.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.splitlines(keepends=True) if "\f" not in text else text.split("\n")
        self.starts = [0]
        for line in text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def offset(self, line: int, column: int) -> int:
        """The place of a line (from 1) and a column in bytes, as the tree counts them."""
        start = self.starts[line - 1]
        text = self.text[start : self.starts[line]]
        return start + (column if text.isascii() else len(text.encode()[:column].decode(errors="ignore")))

    def span(self, node: ast.AST) -> Span:
        """Where a node begins and ends."""
        return (
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def segment(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node is in."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def scope(self, node: ast.AST) -> ast.AST:
        """The function or module that a node is in."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return node
        return self.tree

    def line_of(self, place: int) -> tuple[int, int]:
        """Where the line of a place begins, and where it ends (its newline not counted)."""
        start = self.text.rfind("\n", 0, place) + 1
        end = self.text.find("\n", place)
        return start, len(self.text) if end < 0 else end

    @cached_property
    def tokens(self) -> list[tuple[int, str, Span]]:
        """The tokens: kind, text, span."""
        found = []
        for one in tokenize.generate_tokens(io.StringIO(self.text).readline):
            (row, column), (end_row, end_column) = one.start, one.end
            if row < len(self.starts) and end_row < len(self.starts):
                span = (self.starts[row - 1] + column, self.starts[end_row - 1] + end_column)
                found.append((one.type, one.string, span))
        return found

    @cached_property
    def brackets(self) -> dict[int, list[int]]:
        """By the offset of a closing bracket, the numbers of the tokens from its opening one to itself."""
        found: dict[int, list[int]] = {}
        open_ones: list[int] = []
        for number, (kind, text, span) in enumerate(self.tokens):
            if kind != tokenize.OP:
                continue
            if text in "([{":
                open_ones.append(number)
            elif text in ")]}" and open_ones:
                found[span[0]] = [open_ones.pop(), number]
        return found


@dataclass(frozen=True)
class Argument:
    """A named argument: of a call, or an entry of a dict literal. `place` is its number among the elements."""

    name: str
    value: ast.expr
    key: Span
    line: int
    place: int


@dataclass
class Holder:
    """A call or a dict literal whose elements are taken out, renamed and added to.

    `elements`: spans, in the order of the text. `comma`: whether the last has one behind it.
    """

    source: Source
    node: ast.expr
    open: int
    close: int
    elements: list[Span]
    comma: bool
    arguments: dict[str, Argument]
    removed: set[int] = field(default_factory=set)
    added: dict[str, str] = field(default_factory=dict)

    @property
    def is_dict(self) -> bool:
        """Whether it is a dict literal."""
        return isinstance(self.node, ast.Dict)

    def remove(self, argument: Argument) -> None:
        """Take an argument out."""
        self.removed.add(argument.place)

    def add(self, name: str, text: str) -> None:
        """Put an argument at the end."""
        self.added[name] = text

    def written(self, name: str, text: str) -> str:
        """An argument as it is written here."""
        return f'"{name}": {text}' if self.is_dict else f"{name}={text}"

    def own_lines(self, place: int) -> Span | None:
        """The whole lines of an element that shares them with no other; None if it does."""
        start, end = self.elements[place]
        first, _ = self.source.line_of(start)
        _, last = self.source.line_of(end)
        rest = self.source.text[end:last].strip().removeprefix(",").strip()
        alone = not self.source.text[first:start].strip() and (not rest or rest.startswith("#"))
        return (first, min(last + 1, len(self.source.text))) if alone else None

    def edits(self) -> Iterator[tuple[int, int, str]]:
        """The edits that carry out what was asked."""
        text = self.source.text
        if self.added and len(self.removed) == len(self.elements):
            yield self.open, self.close, ", ".join(self.written(*one) for one in self.added.items())
            return
        for place in sorted(self.removed):
            lines = self.own_lines(place)
            if lines:
                yield (*lines, "")
            elif place:
                yield self.elements[place - 1][1], self.elements[place][1], ""
            else:
                after = self.elements[1][0] if len(self.elements) > 1 else self.close
                yield self.elements[0][0], after, ""
        if not self.added:
            return
        last = len(self.elements) - 1
        start, end = self.elements[last]
        lines = self.own_lines(last)
        first, line_end = self.source.line_of(start)[0], self.source.line_of(end)[1]
        if lines and self.close > line_end:
            indent = text[first:start]
            if not self.comma and last not in self.removed:
                yield end, end, ","
            rows = "".join(f"{indent}{self.written(*one)},\n" for one in self.added.items())
            yield line_end + 1, line_end + 1, rows
        else:
            line = text[first:start]
            spread = self.source.line_of(self.open)[0] != first  # over several lines: one more, as far in as the last
            between = ",\n" + line[: len(line) - len(line.lstrip())] if spread else ", "
            yield end, end, "".join(between + self.written(*one) for one in self.added.items())


def holder_of(source: Source, node: ast.expr) -> Holder | None:
    """The elements of a call or a dict literal; None where the text cannot be followed."""
    end = source.span(node)[1]
    if end - 1 not in source.brackets:
        return None
    opening, closing = source.brackets[end - 1]
    elements: list[Span] = []
    depth, begin, comma, last = 0, -1, False, -1
    quiet = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
    for kind, text, span in source.tokens[opening + 1 : closing]:
        if kind in quiet:
            continue
        if kind == tokenize.OP and text == "," and depth == 0:
            elements.append((begin, last))
            begin, comma = -1, True
            continue
        if kind == tokenize.OP:
            depth += (text in "([{") - (text in ")]}")
        begin = span[0] if begin < 0 else begin
        last, comma = span[1], False
    if begin >= 0:
        elements.append((begin, last))
    arguments = {}
    for name, value, start, key_end, line in named(source, node):
        place = next((at for at, span in enumerate(elements) if span[0] <= start < span[1]), None)
        if place is not None:
            arguments[name] = Argument(name, value, (start, key_end), line, place)
    return Holder(source, node, source.tokens[opening][2][1], source.tokens[closing][2][0], elements, comma, arguments)


def named(source: Source, node: ast.expr) -> Iterator[tuple[str, ast.expr, int, int, int]]:
    """The named arguments of a call or entries of a dict: name, value, span of the name, line."""
    if isinstance(node, ast.Call):
        for word in node.keywords:
            if word.arg is not None:
                start = source.span(word)[0]
                yield word.arg, word.value, start, start + len(word.arg), word.lineno
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value, *source.span(key), key.lineno


@dataclass
class Edits:
    """Edits of a text: replacements of spans. What lies within a deletion goes with it."""

    source: Source
    made: list[tuple[int, int, str]] = field(default_factory=list)
    holders: dict[ast.expr, Holder] = field(default_factory=dict)

    def replace(self, span: Span, text: str) -> None:
        """Put a text in the place of another."""
        self.made.append((*span, text))

    def rename(self, argument: Argument, name: str) -> None:
        """Give an argument another name."""
        old = self.source.text[slice(*argument.key)]
        quote = old[0] if old[:1] in ('"', "'") else ""
        self.replace(argument.key, f"{quote}{name}{quote}")

    def holder(self, node: ast.expr) -> Holder | None:
        """The one holder of a call or dict."""
        if node not in self.holders:
            made = holder_of(self.source, node)
            if made is None:
                return None
            self.holders[node] = made
        return self.holders[node]

    def applied(self) -> str:
        """The text with all edits."""
        asked = [*self.made, *(edit for one in self.holders.values() for edit in one.edits())]
        deletions = sorted((start, end) for start, end, text in asked if not text and end > start)
        merged: list[list[int]] = []
        for start, end in deletions:
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        pieces = [(start, end, "") for start, end in merged]
        for start, end, text in dict.fromkeys(one for one in asked if one[2]):
            within = any(low <= start and end <= high and (start, end) != (high, high) for low, high in merged)
            if not within or (start == end and any(start in (low, high) for low, high in merged)):
                pieces.append((start, end, text))
        result, at = [], 0
        for start, end, text in sorted(pieces, key=lambda one: (one[0], one[1] > one[0], one[1])):
            if start < at:  # overlaps an earlier edit: the next pass sees to it
                continue
            result += [self.source.text[at:start], text]
            at = end
        return "".join([*result, self.source.text[at:]])
