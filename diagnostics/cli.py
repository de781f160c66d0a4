"""The command line of the diagnostics: `check` and `explain`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from diagnostics.engine import diagnose
from diagnostics.finding import Severity
from diagnostics.report.formats import FORMATS
from diagnostics.report.words import LANGS, explain
from diagnostics.rules import RULES
from diagnostics.run import RunUnreadable, open_run

OK, FOUND, BAD_INPUT = 0, 1, 2


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `check` and `explain` to a command line."""
    check_parser = commands.add_parser("check", help="judge a run by its logs and say what went wrong")
    check_parser.add_argument("path", type=Path, help="a run folder, an output folder of a Trainer, a log file")
    check_parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    check_parser.add_argument(
        "--fail-on",
        choices=("error", "warning"),
        default="error",
        help="the least severity that makes the exit code 1 (default: error)",
    )
    check_parser.add_argument("--lang", choices=LANGS, default="en")
    check_parser.set_defaults(run_command=check)
    explain_parser = commands.add_parser("explain", help="print what a rule checks, and by which thresholds")
    explain_parser.add_argument("rule", help="a rule's name, such as loss-not-finite")
    explain_parser.add_argument("--lang", choices=LANGS, default="en")
    explain_parser.set_defaults(run_command=explain_rule)


def check(arguments: argparse.Namespace) -> int:
    """Judge one run and print the report. 0: nothing at or above --fail-on; 1: something; 2: no readable run."""
    try:
        run = open_run(arguments.path)
    except (RunUnreadable, OSError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    diagnosis = diagnose(run)
    print(FORMATS[arguments.format].report(run, diagnosis, arguments.lang), end="")
    failing: tuple[Severity, ...] = ("error",) if arguments.fail_on == "error" else ("error", "warning")
    return FOUND if any(one.severity in failing for one in diagnosis.findings) else OK


def explain_rule(arguments: argparse.Namespace) -> int:
    """Print a rule's page. 2: there is no such rule; the nearest names are offered."""
    names = [rule.NAME for rule in RULES]
    if arguments.rule not in names:
        near = difflib.get_close_matches(arguments.rule, names, n=3, cutoff=0.4) or names
        print(f"{arguments.rule}: there is no such rule; did you mean {' or '.join(near)}?", file=sys.stderr)
        return BAD_INPUT
    print(explain(arguments.rule, arguments.lang), end="")
    return OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m diagnostics", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    parsed = parser.parse_args(arguments)
    code: int = parsed.run_command(parsed)
    return code
