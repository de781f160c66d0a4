"""The command lines of a comparison: `compare` and `bisect`."""

from __future__ import annotations

import argparse
from pathlib import Path

from diagnostics.compare.commands.asking import add_options
from diagnostics.compare.scoring.references import METRICS

# The names of `report.formats.FORMATS` and `report.search.FORMATS`. What carries the commands out is imported when it is
# called: `check` shares this command line, and runs where httpx is not installed.
FORMATS = ("text", "json", "html", "jsonl", "csv", "markdown")
SEARCH_FORMATS = ("text", "json")


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add them to a command line."""
    add_compare(commands)
    add_bisect(commands)


def add_compare(commands: argparse._SubParsersAction) -> None:
    """Add `compare` to a command line."""
    parser = commands.add_parser("compare", help="let checkpoints answer the same prompts, and say which is better")
    parser.add_argument(
        "checkpoints",
        nargs="+",
        metavar="CKPT",
        help="a model or adapter folder, ADAPTER@BASE, hub:NAME or http://HOST:PORT/v1#MODEL; the first is the base",
    )
    parser.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help="JSON Lines with a prompt in each row"
    )
    parser.add_argument(
        "--base", metavar="NAME", help="the one that the others are measured against (default: the first)"
    )
    parser.add_argument("--seeds", default="0", metavar="0,1,2", help="each prompt is answered once for each seed")
    parser.add_argument(
        "--reward", action="append", default=[], metavar="FILE:FUNC", help="a function of TRL's signature"
    )
    parser.add_argument("--reward-model", action="append", default=[], metavar="DIR")
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        choices=tuple(METRICS),
        help="nearness to the rows' reference answers",
    )
    parser.add_argument(
        "--null-baseline",
        action="store_true",
        help="also: did training do more than random changes of the same size? Opens each model once more",
    )
    add_options(parser)
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument(
        "--fail-on", choices=("worse",), help="exit code 1 if the last is shown to be worse than the base"
    )
    parser.set_defaults(run_command=compare)


def add_bisect(commands: argparse._SubParsersAction) -> None:
    """Add `bisect` to a command line."""
    parser = commands.add_parser("bisect", help="find the first checkpoint that fails a check, in log2(N) loads")
    parser.add_argument("path", nargs="+", metavar="RUN", help="a run folder, or its checkpoints in their order")
    parser.add_argument(
        "--check",
        required=True,
        help="matches:REGEX, lacks:REGEX, reward:FILE:FUNC<NUMBER, judge:QUESTION (no means broken), or eye: you say it",
    )
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--prompt", metavar="TEXT", help="what the checkpoints are asked")
    asked.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="several prompts: the mean reward counts, else what most answers say",
    )
    parser.add_argument("--seed", type=int, default=0)
    add_options(parser)
    parser.add_argument("--format", choices=SEARCH_FORMATS, default="text")
    parser.set_defaults(run_command=bisect)


def compare(arguments: argparse.Namespace) -> int:
    """Carry out `compare`."""
    from diagnostics.compare.commands import compare as compare_command

    return compare_command.compare(arguments)


def bisect(arguments: argparse.Namespace) -> int:
    """Carry out `bisect`."""
    from diagnostics.compare.commands import bisect as bisect_command

    return bisect_command.bisect_checkpoints(arguments)
