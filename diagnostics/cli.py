"""The command line of the diagnostics: `check`, `preflight`, `memory`, `fix`, `explain`, `compare`, `bisect`, `export`, `convert`."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from diagnostics.against import against
from diagnostics.batch import Job, Member, judge_folder, members
from diagnostics.children import NoFix, child_of, write_child
from diagnostics.compare.commands import cli as compare_cli
from diagnostics.compare.models import converting
from diagnostics.engine import diagnose
from diagnostics.export import command as exporting
from diagnostics.finding import SEVERITIES, Severity
from diagnostics.keep import keep
from diagnostics.memory import command as memory
from diagnostics.output import refuse, tell, tell_place, to_file, to_stdout, unwritable, unwritten
from diagnostics.preflight import command as preflight
from diagnostics.report.as_text import edit_text
from diagnostics.report.formats import FORMATS
from diagnostics.report.page import explain
from diagnostics.report.words import LANGS, in_words
from diagnostics.rules import RULES
from diagnostics.run import RunUnreadable, is_run, open_run
from diagnostics.run.refusal import Sentence, said

OK, FOUND, INTERRUPTED = 0, 1, 130


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands of the diagnostics to a command line."""
    check_parser = commands.add_parser("check", help="judge runs by their logs and say what went wrong")
    check_parser.add_argument(
        "path", type=Path, help="a run folder, an output folder of a Trainer, a log file, or a folder of many runs"
    )
    check_parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    check_parser.add_argument(
        "--fail-on",
        choices=("error", "warning"),
        default="error",
        help="the least severity that makes the exit code 1 (default: error)",
    )
    check_parser.add_argument("--lang", choices=LANGS, default="en")
    check_parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there instead of printing it")
    check_parser.add_argument("--against", type=Path, metavar="RUN", help="a second run: say where the two parted")
    check_parser.set_defaults(run_command=check)
    fix_parser = commands.add_parser("fix", help="write the config of a child run with a finding's fix applied")
    fix_parser.add_argument("path", type=Path, help="the run that was checked; it is never changed")
    fix_parser.add_argument("rule", help="the finding to mend, such as loss-diverged")
    fix_parser.add_argument(
        "--number", type=int, default=1, help="which of its fixes that edit the config (default: 1)"
    )
    fix_parser.add_argument("--out", type=Path, metavar="FILE", help="write the config there instead of printing it")
    fix_parser.add_argument("--lang", choices=LANGS, default="en")
    fix_parser.set_defaults(run_command=fix)
    explain_parser = commands.add_parser("explain", help="print what a rule checks, and by which thresholds")
    explain_parser.add_argument("rule", help="a rule's name, such as loss-not-finite")
    explain_parser.add_argument("--lang", choices=LANGS, default="en")
    explain_parser.set_defaults(run_command=explain_rule)
    preflight.add_command(commands)
    memory.add_command(commands)
    compare_cli.add_commands(commands)
    exporting.add_command(commands)
    converting.add_command(commands)


def check(arguments: argparse.Namespace) -> int:
    """Judge a run, or all runs of a folder, and give the report.

    0: nothing at or above --fail-on; 1: something; 2: no readable run, or the report cannot be written.
    """
    path, out = arguments.path, arguments.out
    reason = unwritable(out) if out else None
    if reason:
        return refuse(reason, arguments.lang)
    try:
        found = members(path) if path.is_dir() and not is_run(path) else []
        if found and arguments.against:
            many = Sentence(
                f"{path}: holds {len(found)} runs; --against compares one run with another.",
                f"{path}：里面有 {len(found)} 次运行；--against 只比较一次运行与另一次。",
            )
            return refuse(many, arguments.lang)
        report, severities = check_folder(path, found, arguments) if found else check_run(path, arguments)
    except (RunUnreadable, OSError) as error:
        return refuse(error, arguments.lang)
    try:
        if out:
            to_file(report, out)
            tell_place(out, arguments.lang)
        else:
            to_stdout(report)
    except OSError as error:
        return refuse(unwritten(out, error), arguments.lang)
    limit = SEVERITIES.index(arguments.fail_on)
    return FOUND if any(SEVERITIES.index(one) <= limit for one in severities) else OK


def check_run(path: Path, arguments: argparse.Namespace) -> tuple[str, set[Severity]]:
    """The report on one run, and the severities found.

    Raises:
        RunUnreadable: it is none, or cannot be read.
    """
    run = open_run(path)
    diagnosis = diagnose(run)
    other = open_run(arguments.against) if arguments.against else None
    diagnosis = replace(diagnosis, keep=keep(run, diagnosis), against=against(run, other) if other else None)
    return FORMATS[arguments.format].report(run, diagnosis, arguments.lang), {
        one.severity for one in diagnosis.findings
    }


def check_folder(path: Path, found: list[Member], arguments: argparse.Namespace) -> tuple[str, set[Severity]]:
    """The report on the runs of a folder, and the severities found.

    Raises:
        RunUnreadable: none of them can be read.
    """
    judged = judge_folder(path, found, Job(arguments.format, arguments.lang), show_progress)
    if not judged.rows:
        raise RunUnreadable(
            f"{path}: none of its {len(found)} runs can be read; {judged.unreadable[0].reason}",
            f"{path}：其中 {len(found)} 次运行都无法读取；{said(judged.unreadable[0].reason, 'zh')}",
        )
    return FORMATS[arguments.format].folder(judged, arguments.lang), {one.worst for one in judged.rows if one.worst}


def show_progress(done: int, of: int) -> None:
    """Say how far a long check is, on one line that is wiped at its end; only to a person at a terminal."""
    if sys.stderr.isatty():
        print("\r\x1b[K" if done == of else f"\r{done} of {of} runs judged", end="", file=sys.stderr, flush=True)


def fix(arguments: argparse.Namespace) -> int:
    """Write a child run's config. 2: no such run or finding, no fix that edits the config, or it cannot be written."""
    out = arguments.out
    reason = unwritable(out) if out else None
    if reason:
        return refuse(reason, arguments.lang)
    try:
        run = open_run(arguments.path)
        child = child_of(run, diagnose(run), arguments.rule, arguments.number, arguments.lang)
        if out:
            write_child(child, out)
        else:
            to_stdout(json.dumps(child.config, ensure_ascii=False, indent=1) + "\n")
    except (RunUnreadable, NoFix) as error:
        return refuse(error, arguments.lang)
    except OSError as error:
        why = error.strerror or error
        return refuse(Sentence(f"{out or arguments.path}: {why}.", f"{out or arguments.path}：{why}。"), arguments.lang)
    said = in_words(child.finding, arguments.lang).fixes[child.finding.fixes.index(child.fix)]
    print(f"{arguments.rule}: {said.title}", file=sys.stderr)
    for edit in child.fix.edits:
        print(f"  {edit_text(edit)}", file=sys.stderr)
    if not child.whole:
        own = Sentence(
            "  The run's own config is not known: add model_name_or_path and dataset_name.",
            "  不知道这次运行自己的配置：请补上 model_name_or_path 和 dataset_name。",
        )
        tell(own, arguments.lang)
    if out:
        trains = Sentence(
            f"The config is in {out}; python -m training start --config {out} trains it.",
            f"配置在 {out}；用 python -m training start --config {out} 训练。",
        )
        tell(trains, arguments.lang)
    return OK


def explain_rule(arguments: argparse.Namespace) -> int:
    """Print a rule's page. 2: there is no such rule; the nearest names are offered."""
    names = [rule.NAME for rule in RULES]
    if arguments.rule not in names:
        near = difflib.get_close_matches(arguments.rule, names, n=3, cutoff=0.4) or names
        unknown = Sentence(
            f"{arguments.rule}: there is no such rule; did you mean {' or '.join(near)}?",
            f"{arguments.rule}：没有这条规则；是否想写 {' 或 '.join(near)}？",
        )
        return refuse(unknown, arguments.lang)
    to_stdout(explain(arguments.rule, arguments.lang))
    return OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m diagnostics", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    parsed = parser.parse_args(arguments)
    try:
        code: int = parsed.run_command(parsed)
    except KeyboardInterrupt:
        print("\nInterrupted: there is no report.", file=sys.stderr)
        return INTERRUPTED
    return code
