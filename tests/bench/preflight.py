"""The data rules on planted faults over real-sized data: found, missed, false alarms, seconds, memory. `make bench-preflight`.

Each set is written to a file and goes through the whole pre-flight (`diagnostics/probes/preflight.py`), in a process of its
own, whose peak memory is taken. `--rows 2000 --methods dpo --faults duplicate-rows` for a part of it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.tables import table
from tests.diagnostics.preflight.grammar import Lang
from tests.diagnostics.preflight.planted import FAULTS, FORMS, LANGS, METHODS, Fault, Form, clean

CLEAN = "clean"


def combinations(asked: argparse.Namespace) -> Iterator[tuple[str, Form, Lang]]:
    """Every method, form and language asked for."""
    for method in asked.methods:
        for form in FORMS:
            for lang in LANGS:
                yield method, form, lang


def judged(method: str, folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """What the pre-flight says of one training: rules with severity and kind, and what it took."""
    from diagnostics.preflight.judge import judge
    from diagnostics.preflight.material import Asked
    from diagnostics.probes.preflight import measure

    begun = time.perf_counter()
    material = measure(Asked(method, config), rewards=False)
    measured = time.perf_counter()
    diagnosis = judge(material)
    return {
        "found": [[one.rule, one.severity, str(one.facts.get("kind", ""))] for one in diagnosis.findings],
        "folded": [name for one in diagnosis.findings for name in one.explains],
        "broke": [
            f"{one.rule}: {one.facts.get('error')}" for one in diagnosis.not_checked if one.reason == "rule-broke"
        ],
        "measured": measured - begun,
        "judged": time.perf_counter() - measured,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_a_process(method: str, folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The same in a process of its own, so that its memory is its own."""
    asked = json.dumps([method, str(folder), config])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder.parent / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.preflight", "--one", asked],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["died"])[-1]
        return {"found": [], "folded": [], "broke": [last], "measured": 0.0, "judged": 0.0, "memory": 0.0}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    """Run the bench and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument(
        "--faults", nargs="*", default=None, help="parts of the names of the faults; none for clean sets only"
    )
    parser.add_argument("--all", action="store_true", help="every fault in each method, form and language, not in turn")
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        method, folder, config = json.loads(asked.one)
        print(json.dumps(judged(method, Path(folder), config)))
        return
    from training.demo.pipeline import KEPT_BASE, last_checkpoint

    model = asked.model or last_checkpoint(KEPT_BASE)
    wanted = [one for one in FAULTS if asked.faults is None or any(part in one.name for part in asked.faults)]
    results: list[tuple[str, str, str, str, str, dict[str, Any]]] = []
    turns: dict[str, int] = defaultdict(int)
    for method, form, lang in combinations(asked):
        whole = clean(method, form, lang, asked.rows)
        for fault in [None, *wanted]:
            if fault is not None and not taken(fault, method, form, asked.all, turns):
                continue
            with tempfile.TemporaryDirectory() as folder:
                planted = fault.plant(whole) if fault else whole
                config = planted.write(Path(folder) / "data", model)
                told = in_a_process(method, Path(folder) / "data", config)
            results.append((fault.name if fault else CLEAN, fault.rule if fault else "", method, form, lang, told))
            print(line(*results[-1]), flush=True)
    print_tables(results, asked.rows)


def taken(fault: Fault, method: str, form: str, every: bool, turns: dict[str, int]) -> bool:
    """Whether a fault is planted here: everywhere if asked, else each in turn in every fourth set that can have it."""
    if method not in fault.methods or form not in fault.forms:
        return False
    turns[fault.name] += 1
    return every or turns[fault.name] % 4 == 1


def verdict(asked: str, told: dict[str, Any]) -> str:
    """`found`, `missed`, `silent`, `false alarm` or `broke`. A note is neither found nor an alarm."""
    names = [rule for rule, severity, _ in told["found"] if severity != "info"]
    if told["broke"]:
        return "broke"
    if not asked:
        return "false alarm" if names else "silent"
    return "found" if asked in names or asked in told["folded"] else "missed"


def line(name: str, rule: str, method: str, form: str, lang: str, told: dict[str, Any]) -> str:
    """One result on a line."""
    beside = [f"{one} ({severity}, {kind})" for one, severity, kind in told["found"]]
    seconds = f"{told['measured']:.1f} + {told['judged']:.1f} s, {told['memory']:.0f} MB"
    return f"{verdict(rule, told):11} {method} {form} {lang} {name}: {', '.join(beside) or '-'} {' '.join(told['broke'])} [{seconds}]"


def print_tables(results: list[tuple[str, str, str, str, str, dict[str, Any]]], rows: int) -> None:
    """By fault what was found, and by method what it took."""
    by_fault: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    by_method: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, rule, method, form, _, told in results:
        by_fault[name].append((rule, told))
        by_method[f"{method} {form}"].append(told)
    print(f"\n{rows:,} rows a set\n")
    faults = []
    for name, told_of in by_fault.items():
        said = [verdict(rule, told) for rule, told in told_of]
        others = sorted({one[0] for rule, told in told_of for one in told["found"] if one[0] != rule})
        good = said.count("found") + said.count("silent")
        faults.append([name, str(len(said)), str(good), str(len(said) - good), ", ".join(others)])
    print(table(["planted", "sets", "right", "wrong", "other findings"], faults))
    print()
    took = [
        [
            name,
            str(len(all_told)),
            f"{max(one['measured'] for one in all_told):.1f}",
            f"{max(one['judged'] for one in all_told):.1f}",
            f"{max(one['memory'] for one in all_told):.0f}",
        ]
        for name, all_told in by_method.items()
    ]
    print(table(["method, form", "sets", "measured, s at most", "judged, s at most", "peak MB"], took))


if __name__ == "__main__":
    main()
