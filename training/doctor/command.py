"""`python -m training doctor`: look at the environment, and print the commands that repair it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from training.doctor import machine, packages
from training.doctor.check import Check

ROOT = Path(__file__).resolve().parents[2]
TO_MEND = 1


def examine(runs: Path, root: Path = ROOT, version_of: Callable[[str], str | None] | None = None) -> list[Check]:
    """All checks, in the order in which a newcomer mends them."""
    pins, source = packages.read_pins(root)
    return [
        packages.check_python(),
        packages.check_virtual_environment(conda=os.environ.get("CONDA_PREFIX")),
        *packages.check_packages(pins, source, version_of or packages.installed_version),
        machine.check_accelerator(pins),
        machine.check_disk(runs),
        machine.check_memory(),
        machine.check_shared_memory(),
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the checks. 0: all well; 1: something to mend; 2 (argparse): wrong arguments."""
    parser = argparse.ArgumentParser(prog="python -m training doctor", description=__doc__)
    add_options(parser)
    return report(parser.parse_args(arguments))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are to land (default: runs)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run_command=report)


def report(parsed: argparse.Namespace) -> int:
    """Look at everything and print it. Exit codes as of `main`."""
    checks = examine(parsed.runs)
    well = all(check.well for check in checks)
    if parsed.format == "json":
        print(json.dumps({"schema": 1, "well": well, "checks": [asdict(check) for check in checks]}, indent=1))
    else:
        print("\n".join(line for check in checks for line in lines_of(check)))
        mend = sum(not check.well for check in checks)
        print(f"\n{'All well.' if well else f'{mend} to mend; the commands stand above, for pip or for uv.'}")
    return 0 if well else TO_MEND


def lines_of(check: Check) -> list[str]:
    """A check as lines of text."""
    lines = [f"{'ok  ' if check.well else 'MEND'}  {check.name:<20} {check.found}".rstrip()]
    lines += [
        f"      {tool:>4}: {' && '.join(commands)}"
        for tool, commands in (("pip", check.pip), ("uv", check.uv))
        if commands
    ]
    if check.hint:
        lines.append(f"            {check.hint}")
    return lines
