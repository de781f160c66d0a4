"""`make bench-diagnose`: our diagnoses and the peers', scored on real runs whose faults people have labelled.

The folder of labelled runs is named by CLINIC_LABELLED_RUNS; it is not part of the project. Terms: a *quiet* run is one in
which no fault was seen (healthy, too short to tell, no evaluation): an error or a warning there is an alarm, other than
of a missing evaluation or of shortness. *Recall*: the label's fault is said at any place and severity, folded findings
included; of a quiet run, no alarm. *First right*: the first finding is it. *By repo*: the mean over repositories of their
runs' mean, so that a sweep counts once. *Precision*: of all errors and warnings, those that name the first or the second
label. What may be said of any run is passed over throughout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diagnostics.engine import diagnose
from diagnostics.report.as_json import report_object
from diagnostics.run import RunUnreadable, open_run
from tests.bench import tables
from tests.bench.labels import Labelled, read_labelled
from tests.bench.peers import FINETUNE_DOCTOR, PEERS, RLDOCTOR, PeerMissing, ask, both_doctors, install
from tests.bench.scoring import Report, Said, score, wrong
from tests.bench.speed import bench_long, bench_many

ROOT = Path(__file__).parents[2]
VARIABLE = "CLINIC_LABELLED_RUNS"
CONFIDENT = 0.7
Reports = dict[str, Report]


def our_report(run: Labelled) -> Report:
    """What `python -m diagnostics check` says of a run's folder, without the start of a process."""
    started = time.perf_counter()
    try:
        opened = open_run(run.folder)
        report = report_object(opened, diagnose(opened))
    except (RunUnreadable, OSError) as error:
        return Report((), time.perf_counter() - started, str(error).replace(str(run.folder), run.id))
    except Exception as error:  # a fault of ours on one run must not hide the scores of the others
        return Report((), time.perf_counter() - started, f"ours broke: {type(error).__name__}: {error}")
    return Report(
        tuple(
            Said(one["rule"], one["severity"], frozenset({one["rule"]}), frozenset(one["explains"]))
            for one in report["findings"]
        ),
        time.perf_counter() - started,
    )


def seconds_as_command(run: Labelled) -> float:
    """Wall seconds of our command line on a run, start of the process included, as the peers are measured."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "diagnostics", "check", str(run.folder), "--format", "json"]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def peers_reports(runs: Sequence[Labelled], cache: Path, scratch: Path) -> dict[str, Reports]:
    """The reports of every peer that can be installed and that reads at least one run."""
    found: dict[str, Reports] = {}
    for peer in PEERS:
        try:
            install(peer, cache)
            reports = {run.id: ask(peer, cache, run, scratch / peer.name) for run in runs}
        except (PeerMissing, KeyError, OSError) as error:
            print(f"{peer.name} is left out: {error}", flush=True)
            continue
        unread = {name: report.unreadable for name, report in reports.items() if report.unreadable}
        for name, why in unread.items():
            print(f"{peer.name} cannot read {name}: {why}", flush=True)
        if len(unread) == len(runs):
            print(f"{peer.name} is left out: it read no run.", flush=True)
            continue
        found[peer.name] = reports
    if RLDOCTOR.name in found and FINETUNE_DOCTOR.name in found:
        found["both doctors"] = both_doctors(found[FINETUNE_DOCTOR.name], found[RLDOCTOR.name])
    return found


def print_scores(runs: Sequence[Labelled], reports: Mapping[str, Reports]) -> dict[str, Any]:
    """Print the three tables of scores; the same as plain values."""
    scores = {name: score(runs, said) for name, said in reports.items()}
    print(tables.tools_table(scores), end="\n\n")
    print("Recall by label:\n")
    print(tables.groups_table("label", {name: one.recall_by_label for name, one in scores.items()}), end="\n\n")
    print("Recall by repository:\n")
    print(tables.groups_table("repository", {name: one.recall_by_repo for name, one in scores.items()}), end="\n\n")
    return {name: one.as_object() for name, one in scores.items()}


def compare(runs: Sequence[Labelled], only_ours: bool, cache: Path, scratch: Path) -> dict[str, Any]:
    """Ask every tool about every run, score and print; the results as plain values."""
    reports: dict[str, Reports] = {"ours": {run.id: our_report(run) for run in runs}}
    times = {"ours, in one process": [one.seconds for one in reports["ours"].values()]}
    for name, one in reports["ours"].items():
        if one.unreadable:
            print(f"ours cannot read {name}: {one.unreadable}")
    if not only_ours:
        reports |= peers_reports(runs, cache, scratch)
        times["ours, as a command"] = [seconds_as_command(run) for run in runs]
        times |= {f"{peer.name}, as a command": seconds(reports.get(peer.name)) for peer in PEERS}
        # What a tool would score that never says a word: recall counts quiet runs too.
        reports["saying nothing"] = {run.id: Report(()) for run in runs}
    results: dict[str, Any] = {}
    sure = [run for run in runs if run.confidence >= CONFIDENT]
    for title, some in ((f"confidence {CONFIDENT} or more", sure), ("all", runs)):
        print(f"\n## Labelled runs, {title}: {len(some)}\n")
        results[title] = print_scores(some, reports)
    print(tables.times_table(times))
    print("\n## What is wrong with ours\n")
    print(tables.wrong_table(runs, reports["ours"]))
    results["times"] = times
    results["reports"] = {name: as_objects(said) for name, said in reports.items()}
    results["wrong"] = {run.id: wrong(run, reports["ours"][run.id]) for run in runs}
    return results


def seconds(reports: Reports | None) -> list[float]:
    """The seconds a tool took for each run."""
    return [one.seconds for one in (reports or {}).values()]


def as_objects(reports: Reports) -> dict[str, Any]:
    """Reports as plain values."""
    return {
        name: {
            "unreadable": one.unreadable,
            "findings": [
                {"name": said.name, "severity": said.severity, "rules": sorted(said.rules), "judged": said.judged}
                for said in one.findings
            ],
        }
        for name, one in reports.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison. 0: done, or there is nothing to score; 2: the folder of labelled runs is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose", description=__doc__)
    parser.add_argument("--only", choices=("ours",), help="leave the peers out")
    parser.add_argument("--no-speed", action="store_true", help="leave the measurements of speed out")
    parser.add_argument("--out", type=Path, help="write the results as JSON too")
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench", help="where the peers are installed")
    parsed = parser.parse_args(arguments)
    where = os.environ.get(VARIABLE)
    if not where:
        print(f"{VARIABLE} is not set: there are no labelled runs, so nothing is scored.")
        return 0
    try:
        runs = read_labelled(Path(where).resolve())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        results = compare(runs, parsed.only == "ours", parsed.cache.resolve(), scratch)
        if not parsed.no_speed:
            with_peer = parsed.only != "ours" and RLDOCTOR.name in results["reports"]
            results["speed"] = {
                "long": bench_long(scratch, parsed.cache.resolve(), with_peer),
                "many": bench_many(scratch),
            }
            print("\n## Speed\n")
            print(tables.speed_text(results["speed"]["long"], results["speed"]["many"]))
    if parsed.out:
        parsed.out.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
