"""How well reports of tools agree with labels: recall, precision, false alarms, the right cause first."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.labels import ACCEPTED, MAY_BE_SAID, Labelled


@dataclass(frozen=True)
class Said:
    """One finding of a report, of ours or of a peer.

    `rules`: our rules that name the same fault (of ours just its own; of a peer's what its table says; none if no rule
    of ours does). `explains`: rules folded under it. `judged`: False for what the labels do not speak of, such as that
    a run has no evaluation; it is neither right nor wrong.
    """

    name: str
    severity: str
    rules: frozenset[str]
    explains: frozenset[str] = frozenset()
    judged: bool = True


@dataclass(frozen=True)
class Report:
    """What a tool said of one run, gravest first, and how long it took. `unreadable`: why it could not read the run."""

    findings: tuple[Said, ...]
    seconds: float = 0.0
    unreadable: str = ""

    @property
    def judged(self) -> list[Said]:
        """The findings that can be right or wrong."""
        return [one for one in self.findings if one.judged and not (one.rules and one.rules <= MAY_BE_SAID)]

    @property
    def alarms(self) -> list[Said]:
        """The errors and warnings among them."""
        return [one for one in self.judged if one.severity in ("error", "warning")]


def recalled(run: Labelled, report: Report) -> bool:
    """Whether a report says what the run's label says, at any place and severity; of a quiet run, no alarm.

    A run that the tool could not read counts as one without a finding if it is too short to tell, else as missed.
    """
    if report.unreadable:
        return run.label == "too_short_to_tell"
    if run.quiet:
        return not report.alarms
    return any((one.rules | one.explains) & ACCEPTED[run.label] for one in report.findings)


def right_first(run: Labelled, report: Report) -> bool:
    """Whether the report's first finding names the label's fault; of a quiet run, no alarm."""
    if report.unreadable or run.quiet:
        return recalled(run, report)
    return bool(report.judged) and bool(report.judged[0].rules & ACCEPTED[run.label])


def accepted(run: Labelled, said: Said) -> bool:
    """Whether a finding names a fault that the labels see in the run, as the first or the second."""
    wanted = ACCEPTED[run.label] | (ACCEPTED[run.second_label] if run.second_label else frozenset())
    return bool(said.rules & wanted)


def by_group(
    runs: Sequence[Labelled], reports: Mapping[str, Report], right: Callable[[Labelled, Report], bool], of: str
) -> dict[str, tuple[int, int]]:
    """For each label, or each repository (`of` names the attribute), how many runs are right and how many there are."""
    counts: dict[str, tuple[int, int]] = {}
    for run in runs:
        good, every = counts.get(getattr(run, of), (0, 0))
        counts[getattr(run, of)] = (good + right(run, reports[run.id]), every + 1)
    return counts


def mean_of_groups(counts: Mapping[str, tuple[int, int]]) -> float | None:
    """The mean of the groups' shares: each repository counts once, however many runs it holds."""
    return statistics.fmean(good / every for good, every in counts.values()) if counts else None


@dataclass(frozen=True)
class Score:
    """The score of one tool on some runs. A pair is (right, of how many)."""

    recall: tuple[int, int]
    recall_faults: tuple[int, int]
    recall_quiet: tuple[int, int]
    recall_by_label: dict[str, tuple[int, int]]
    recall_by_repo: dict[str, tuple[int, int]]
    repo_mean: float | None
    first: tuple[int, int]
    first_faults: tuple[int, int]
    first_repo_mean: float | None
    precision: tuple[int, int]
    false_alarms: tuple[int, int]
    unreadable: int

    def as_object(self) -> dict[str, Any]:
        """The score as plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def score(runs: Sequence[Labelled], reports: Mapping[str, Report]) -> Score:
    """Score one tool's reports, by run id, on some runs."""

    def total(right: Callable[[Labelled, Report], bool], among: Sequence[Labelled]) -> tuple[int, int]:
        return sum(right(run, reports[run.id]) for run in among), len(among)

    faulty = [run for run in runs if not run.quiet]
    quiet = [run for run in runs if run.quiet]
    healthy = [run for run in runs if run.label == "healthy"]
    alarms = [(run, one) for run in runs for one in reports[run.id].alarms]
    by_repo = by_group(runs, reports, recalled, "repo")
    return Score(
        recall=total(recalled, runs),
        recall_faults=total(recalled, faulty),
        recall_quiet=total(recalled, quiet),
        recall_by_label=by_group(runs, reports, recalled, "label"),
        recall_by_repo=by_repo,
        repo_mean=mean_of_groups(by_repo),
        first=total(right_first, runs),
        first_faults=total(right_first, faulty),
        first_repo_mean=mean_of_groups(by_group(runs, reports, right_first, "repo")),
        precision=(sum(accepted(run, one) for run, one in alarms), len(alarms)),
        false_alarms=(sum(bool(reports[run.id].alarms) for run in healthy), len(healthy)),
        unreadable=sum(bool(reports[run.id].unreadable) for run in runs),
    )


def wrong(run: Labelled, report: Report) -> list[tuple[str, str]]:
    """What is wrong with a report, as pairs of kind and what was said; empty if nothing is."""
    if report.unreadable:
        return [] if recalled(run, report) else [("unreadable", report.unreadable)]
    found = []
    if not run.quiet and not recalled(run, report):
        found.append(("missed", in_short(report.judged)))
    elif not run.quiet and not right_first(run, report):
        found.append(("not first", in_short(report.judged)))
    for one in report.alarms:
        if run.quiet:
            found.append(("alarm, second label" if accepted(run, one) else "false alarm", in_short([one])))
        elif recalled(run, report) and not accepted(run, one):
            found.append(("beside the label", in_short([one])))
    return found


def in_short(findings: Sequence[Said]) -> str:
    """Findings as a few words."""
    return ", ".join(f"{one.name} ({one.severity})" for one in findings) or "nothing"
