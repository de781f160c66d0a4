"""The sampling grid: one prompt drawn at several temperatures with several seeds, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dashboard.compare.comparison import Question
from dashboard.compare.panes_view import body_html, name_html
from dashboard.html import text
from dashboard.texts import Words
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source
from diagnostics.run.refusal import BadValue, said

Number = TypeVar("Number", int, float)

# More cells than this are a prompt set's work: batched, kept and scored there.
MOST_CELLS = 120


@dataclass(frozen=True)
class Grid:
    """Temperatures and seeds to draw with.

    Without temperature every seed draws the same, so that 0 takes one row, not one a seed.
    """

    temperatures: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def cells(self) -> tuple[tuple[float, int], ...]:
        """The (temperature, seed) pairs, in the order of the table's rows."""
        return tuple((one, seed) for one in self.temperatures for seed in (self.seeds[:1] if one == 0 else self.seeds))

    def rows(self, question: Question, sources: Sequence[Source]) -> list[Row]:
        """What is asked: cell by cell, each of all sources."""
        rows = question.rows(sources)
        return [
            replace(row, sampling=replace(row.sampling, temperature=temperature, seed=seed))
            for temperature, seed in self.cells
            for row in rows
        ]


def read_grid(temperatures: str, seeds: str, sources: int, words: Words) -> Grid:
    """The grid that the fields name, as in `0, 0.7, 1` and `0, 1, 2`.

    Raises:
        ValueError: a field holds something else, or the grid is too large. The message is one sentence.
    """
    try:
        grid = Grid(
            tuple(dict.fromkeys(number(one, float) for one in parts(temperatures))),
            tuple(dict.fromkeys(number(one, int) for one in parts(seeds))),
        )
        for temperature, seed in grid.cells:
            Sampling(seed=seed, temperature=temperature)
    except ValueError as error:
        raise ValueError(words("compare.grid_unreadable", reason=said(error, words.lang).rstrip(".。"))) from error
    if not grid.cells:
        raise ValueError(words("compare.grid_empty"))
    count = len(grid.cells) * sources
    if count > MOST_CELLS:
        raise ValueError(words("compare.grid_large", count=count, most=MOST_CELLS))
    return grid


def number(piece: str, kind: type[Number]) -> Number:
    """A piece of a list as a number.

    Raises:
        BadValue: it is none, or a fraction where a whole number was expected.
    """
    try:
        return kind(piece)
    except ValueError as error:
        raise BadValue(
            f"{piece!r} is no {'whole ' if kind is int else ''}number",
            f"{piece!r} 不是{'整数' if kind is int else '数字'}",
        ) from error


def parts(field: str) -> list[str]:
    """The pieces of a list as people write it: commas of either language, or spaces."""
    return field.replace(",", " ").replace("，", " ").replace("、", " ").split()


def grid_html(panes: Sequence[Pane], grid: Grid, prompt: str, words: Words, base: str | None = None) -> str:
    """A table: a row a cell of the grid, a column a source; above each column how many different answers it gave."""
    width = len(panes) // len(grid.cells)
    heads = []
    for place in range(width):
        column = panes[place::width]
        whole = [pane.text for pane in column if pane.state == "done"]
        kinds = Counter(whole)
        told = words("compare.grid_kinds", kinds=len(kinds), count=len(whole)) if whole else ""
        mark = f' <span class="pill pill-info">{text(words("compare.base_badge"))}</span>'
        name = column[0].source.name
        heads.append(
            f'<th scope="col">{name_html(name)}{mark if name == base else ""}<div class="quiet">{text(told)}</div></th>'
        )
    body = []
    for number, (temperature, seed) in enumerate(grid.cells):
        label = words("compare.grid_greedy") if temperature == 0 else words("compare.grid_cell", t=temperature, s=seed)
        cells = "".join(f"<td>{cell_html(pane, words)}</td>" for pane in panes[number * width : (number + 1) * width])
        body.append(f'<tr><th scope="row">{text(label)}</th>{cells}</tr>')
    return (
        f'<div class="asked">{text(prompt)}</div><div class="scroll"><table class="answers"><thead><tr><th></th>'
        f"{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def cell_html(pane: Pane, words: Words) -> str:
    """One answer of the table, with its length and its end where that is not the model's own."""
    if pane.state == "error":
        return f'<span class="bad">{text(said(pane.error or "", words.lang))}</span>'
    cut = f" · {words(f'compare.stop_{pane.stop}')}" if pane.stop not in (None, "end") else ""
    told = f"<small>{text(words('compare.tokens', tokens=pane.tokens) + cut)}</small>" if pane.state == "done" else ""
    return body_html(pane, words) + told
