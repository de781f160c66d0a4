"""The table of runs: its rows one by one, so that only those that changed are sent, its heads to sort by, its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note, pill, text
from dashboard.runs.filter import Facts, listed
from dashboard.runs.marks import NOTHING, Mark
from dashboard.runs.selection import COLUMNS, Look
from dashboard.runs.sorting import ordered
from dashboard.runs.trouble import no_runs_html
from dashboard.runs.view import Colour, facts_by_run, run_row
from dashboard.texts import Words
from diagnostics.run import Run
from diagnostics.run.refusal import said

# Pages that are named on both sides of the one that is shown.
NEAR = 2
TITLES = {"score": "runs.score_help", "key": "runs.key_help"}
FIRST_LOOK = Look()


@dataclass(frozen=True)
class Table:
    """The table as it is: what stands before and after its rows, and each row by its run's name, in their order.

    `before` and `after` are empty where there are no rows: then `told` says why.
    """

    before: str
    rows: Mapping[str, str]
    after: str
    told: str = ""

    @property
    def frame(self) -> tuple[object, ...]:
        """Changes whenever more than a row does."""
        return (self.before, tuple(self.rows), self.after, self.told)

    def html(self) -> str:
        """All of it."""
        return f"{self.told}{self.before}{''.join(self.rows.values())}{self.after}"


@dataclass(frozen=True)
class Listing:
    """Which runs are listed: all that were read and those that were not, their facts, the names that pass in their order."""

    runs: tuple[Run, ...]
    broken: Mapping[str, str]
    facts: Mapping[str, Facts]
    names: tuple[str, ...]
    marks: Mapping[str, Mark]
    page_rows: int

    @property
    def pages(self) -> int:
        """How many pages the table has, at least 1."""
        return max(1, -(-len(self.names) // self.page_rows))


def listing(clinic: Clinic, look: Look) -> Listing:
    """The runs of the folder as a look lists them. The files are looked at once."""
    runs, broken = clinic.runs()
    marks, _ = clinic.marks_now()
    facts = facts_by_run(clinic, runs, marks)
    by_name = {run.name: run for run in runs}
    passing = [by_name[name] for name in listed(facts, look.search, look.filters)]
    return Listing(
        tuple(runs),
        broken,
        facts,
        tuple(ordered(clinic, passing, look.sort)),
        marks,
        clinic.settings.now().whole("rows"),
    )


def table_of(
    clinic: Clinic, found: Listing, words: Words, addresses: Addresses, look: Look, colours: Mapping[str, Colour]
) -> Table:
    """One page of the runs that are listed, a row each, with links to their diagnosis and to a comparison.

    `colours`: of the runs that are drawn. A page beyond the last is the last.
    """
    if not found.runs and not found.broken:
        return Table("", {}, "", no_runs_html(clinic, words))
    by_name = {run.name: run for run in found.runs}
    page = min(look.page, found.pages)
    rows = {
        name: run_row(clinic, by_name[name], words, addresses, found.marks.get(name, NOTHING), colours.get(name))
        for name in found.names[(page - 1) * found.page_rows : page * found.page_rows]
    }
    if page == found.pages and not look.search and not look.filters:
        rows |= {name: unreadable_row(name, why, words) for name, why in found.broken.items()}
    foot = foot_html(found, look, page, words)
    if not rows:
        return Table("", {}, foot, note(words("runs.none_listed")))
    head = "".join(head_cell(column, look, words) for column in COLUMNS)
    before = f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead><tbody>'
    return Table(before, rows, f"</tbody></table></div>{foot}")


def unreadable_row(name: str, why: object, words: Words) -> str:
    """A folder that could not be read, and why."""
    return (
        f'<tr data-row="{text(name)}"><td><b>{text(name)}</b></td>'
        f'<td colspan="7">{pill(words("runs.unreadable"), "failed")} {text(said(why, words.lang))}</td></tr>'
    )


def head_cell(column: str, look: Look, words: Words) -> str:
    """The head of a column: a button that sorts by it."""
    title = f' title="{text(words(TITLES[column]))}"' if column in TITLES else ""
    down = look.sort.startswith("-")
    here = look.sort.removeprefix("-") == column
    sorted_so = f' aria-sort="{"descending" if down else "ascending"}"' if here else ""
    sign = f'<span aria-hidden="true">{"▼" if down else "▲"}</span>' if here else ""
    return (
        f'<th scope="col"{title}{sorted_so}><button type="button" class="sort" data-sort="{column}">'
        f"{text(words(f'runs.{column}'))}{sign}</button></th>"
    )


def foot_html(found: Listing, look: Look, page: int, words: Words) -> str:
    """How many runs are listed, and the way to the other pages."""
    told = []
    if len(found.names) < len(found.runs):
        told.append(words("runs.listed", shown=len(found.names), count=len(found.runs)))
    archived = sum(one.mark.archived for one in found.facts.values())
    if archived and "archived:shown" not in look.filters:
        told.append(words("runs.archived_count", count=archived))
    quiet = f'<p class="quiet">{text(" ".join(told))}</p>' if told else ""
    return pages_html(found, page, words) + quiet


def pages_html(found: Listing, page: int, words: Words) -> str:
    """Buttons for the pages: the first, the last, those near the one that is shown; nothing if there is one only."""
    last = found.pages
    if last == 1:
        return ""
    wanted = [one for one in range(1, last + 1) if one in (1, last) or abs(one - page) <= NEAR]
    parts, before = [], 0
    for one in wanted:
        if one - before > 1:
            parts.append('<span class="quiet" aria-hidden="true">…</span>')
        here = ' aria-current="page"' if one == page else ""
        label = text(words("runs.page", page=one))
        parts.append(f'<button type="button" class="page" data-page="{one}" aria-label="{label}"{here}>{one}</button>')
        before = one
    first = (page - 1) * found.page_rows + 1
    shown = words(
        "runs.rows", first=first, last=min(first + found.page_rows - 1, len(found.names)), count=len(found.names)
    )
    steps = [
        f'<button type="button" class="page" data-page="{to}" aria-label="{text(words(key))}"{"" if 1 <= to <= last else " disabled"}>'
        f"{sign}</button>"
        for to, key, sign in ((page - 1, "runs.page_before", "‹"), (page + 1, "runs.page_after", "›"))
    ]
    return (
        f'<nav class="pages" aria-label="{text(words("runs.pages"))}">{steps[0]}{"".join(parts)}{steps[1]}'
        f'<span class="quiet">{text(shown)}</span></nav>'
    )


def runs_table(
    clinic: Clinic,
    words: Words,
    addresses: Addresses,
    look: Look = FIRST_LOOK,
    colours: Mapping[str, Colour] | None = None,
) -> str:
    """The page of the table that a look shows, as HTML."""
    return table_of(clinic, listing(clinic, look), words, addresses, look, colours or {}).html()
