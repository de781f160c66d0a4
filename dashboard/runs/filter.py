"""Which runs are listed: search by words, and filters by state, method, finding and tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboard.runs.marks import NOTHING, Mark
from diagnostics.finding import Diagnosis
from diagnostics.run import Run

# The kinds of filters, in the order in which they are offered. A filter is written KIND:VALUE.
KINDS = ("state", "method", "finding", "tag", "archived")
NONE = "none"
ARCHIVED = "archived:shown"


@dataclass(frozen=True)
class Facts:
    """What of one run a filter asks for. `findings`: the rules' names; None while the run is not judged yet."""

    name: str
    state: str
    method: str
    findings: tuple[str, ...] | None
    mark: Mark = NOTHING

    def values(self, kind: str) -> tuple[str, ...]:
        """The values that this run has of one kind of filter."""
        if kind == "state":
            return (self.state,)
        if kind == "method":
            return (self.method or NONE,)
        if kind == "finding":
            return (NONE,) if self.findings == () else self.findings or ()
        return self.mark.tags if kind == "tag" else ()


def facts_of(run: Run, diagnosis: Diagnosis | None, mark: Mark) -> Facts:
    """The facts of a run."""
    found = None if diagnosis is None else tuple(one.rule for one in diagnosis.findings)
    return Facts(run.name, run.status.state, run.method or "", found, mark)


def offered(facts: Iterable[Facts]) -> list[str]:
    """The filters that some run passes, kind by kind."""
    listed = list(facts)
    found = [
        f"{kind}:{value}" for kind in KINDS for value in sorted({value for one in listed for value in one.values(kind)})
    ]
    return found + ([ARCHIVED] if any(one.mark.archived for one in listed) else [])


def passes(facts: Facts, search: str, filters: Iterable[str]) -> bool:
    """Whether a run is listed: it holds every word of the search, and of each kind of filter one value.

    Archived runs are listed only where they are asked for.
    """
    wanted: dict[str, set[str]] = {}
    for one in filters:
        kind, _, value = one.partition(":")
        wanted.setdefault(kind, set()).add(value)
    if facts.mark.archived and "archived" not in wanted:
        return False
    if any(kind != "archived" and values.isdisjoint(facts.values(kind)) for kind, values in wanted.items()):
        return False
    text = " ".join((facts.name, facts.method, facts.mark.note, *facts.mark.tags)).casefold()
    return all(word in text for word in search.casefold().split())


def listed(facts: Mapping[str, Facts], search: str, filters: Iterable[str]) -> list[str]:
    """The names of the runs that pass: those that train first, then the newest. `facts` has the oldest first."""
    asked = list(filters)
    newest = [name for name in reversed(list(facts)) if passes(facts[name], search, asked)]
    return sorted(newest, key=lambda name: facts[name].state not in ("starting", "running"))
