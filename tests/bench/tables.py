"""Scores and times as Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.bench.labels import Labelled
from tests.bench.scoring import Report, Score, wrong
from tests.bench.speed import LONG_RUN, MANY_RUNS, ROUNDS


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns padded so that it reads well on a terminal too."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]])


def share(pair: tuple[int, int] | None) -> str:
    """Right of how many, with the share."""
    if pair is None or not pair[1]:
        return "-"
    return f"{pair[0]}/{pair[1]} {pair[0] / pair[1]:.2f}"


def mean(value: float | None) -> str:
    """A mean of shares."""
    return "-" if value is None else f"{value:.2f}"


def tools_table(scores: Mapping[str, Score]) -> str:
    """One line a tool."""
    header = ["tool", "recall", "of faults", "of quiet runs", "by repo", "first right", "of faults", "by repo"]
    header += ["precision", "false alarms", "unread"]
    rows = [
        [
            name,
            share(one.recall),
            share(one.recall_faults),
            share(one.recall_quiet),
            mean(one.repo_mean),
            share(one.first),
            share(one.first_faults),
            mean(one.first_repo_mean),
            share(one.precision),
            share(one.false_alarms),
            str(one.unreadable),
        ]
        for name, one in scores.items()
    ]
    return table(header, rows)


def groups_table(title: str, groups: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """One line a label or a repository, a column a tool: recall."""
    names = list(dict.fromkeys(name for counts in groups.values() for name in counts))
    rows = [[name, *(share(counts.get(name)) for counts in groups.values())] for name in sorted(names)]
    return table([title, *groups], rows)


def times_table(times: Mapping[str, Sequence[float]]) -> str:
    """Seconds for one run, by tool."""
    rows = [[name, f"{statistics.median(took):.3f}", f"{max(took):.3f}"] for name, took in times.items() if took]
    return table(["seconds a run", "median", "max"], rows)


def wrong_table(runs: Sequence[Labelled], reports: Mapping[str, Report]) -> str:
    """Everything that is wrong in one tool's reports, with what the labeller saw."""
    rows = [
        [run.id, run.label, run.second_label, f"{run.confidence:.2f}", kind, said, run.reason.replace("|", "/")]
        for run in runs
        for kind, said in wrong(run, reports[run.id])
    ]
    return table(
        ["run", "label", "second", "conf", "what", "we said", "the labeller saw"], sorted(rows, key=lambda row: row[4])
    )


def speed_text(long: Mapping[str, Any], many: Mapping[str, Any]) -> str:
    """The measured speeds."""
    rows = []
    for form, tools in long.items():
        for name, took in tools.items():
            whole = took["read"] + took["judge"]
            ours = tools["ours"]["read"] + tools["ours"]["judge"]
            ratio = f"{ours / whole:.2f}" if name != "ours" else ""
            rows.append([form, name, f"{took['read']:.2f}", f"{took['judge']:.2f}", f"{whole:.2f}", ratio])
    header = ["form", "tool", "read, s", "judge, s", "both, s", "ours / theirs"]
    return "\n".join(
        [
            f"One run of {LONG_RUN['steps']:,} steps and {LONG_RUN['tags']} tags, median of {ROUNDS}:",
            "",
            table(header, rows),
            "",
            f"{MANY_RUNS['runs']:,} runs of {MANY_RUNS['steps']} steps and {MANY_RUNS['tags']} tags, once, by "
            f"{many['by']}: {many['seconds']:.1f} s.",
        ]
    )
