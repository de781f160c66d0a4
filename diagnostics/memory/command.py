"""The command line `memory`: what a training will need on its device, and the cheapest change that makes it fit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from diagnostics.fixing import applied
from diagnostics.memory.after_crash import Told, told_of
from diagnostics.memory.answer import Answer
from diagnostics.memory.asking import add_options, question_of, run_of
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.predict import How, Predictor, answer, explained
from diagnostics.memory.records import Asked, Estimate, MemoryUnknown
from diagnostics.output import refuse, tell, tell_place, to_file, to_stdout, unwritable
from diagnostics.preflight.command import teller
from diagnostics.report.memory.formats import FORMATS
from diagnostics.report.words import LANGS
from diagnostics.run import Run
from diagnostics.run.files import write_json
from diagnostics.run.folder import RUN_FILE
from diagnostics.run.refusal import Sentence

OK, TOO_LARGE = 0, 1


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `memory` to a command line."""
    parser = commands.add_parser(
        "memory", help="predict a training's peak memory, and find the cheapest change that fits"
    )
    add_options(parser)
    parser.add_argument(
        "--how", choices=("traced", "extrapolated", "formula"), default="traced",
        help="the whole trainer on tensors without data (seconds), few of its layers (quicker), or the closed form (instant)",
    )  # fmt: skip
    parser.add_argument("--no-fit", action="store_true", help="do not search for what would fit")
    parser.add_argument(
        "--fix-out", type=Path, metavar="FILE", help="write the config with the cheapest changes that fit there"
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    parser.add_argument("--lang", choices=LANGS, default="en")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there instead of printing it")
    parser.add_argument("--progress", type=Path, help=argparse.SUPPRESS)  # JSON Lines, for a page that waits
    parser.set_defaults(run_command=memory)


def memory(arguments: argparse.Namespace, predictor: Predictor | None = None) -> int:
    """Predict, and give the report.

    0: it fits, if tightly, or no device was named; 1: it does not fit; 2: what was asked cannot be answered.
    """
    for path in (arguments.out, arguments.fix_out):
        if path and (reason := unwritable(path)):
            return refuse(reason, arguments.lang)
    try:
        run = run_of(arguments.config)
        told = told_of(run) if run is not None else None
        question = question_of(arguments, run=run, told=told)
        elsewhere = told is None or bool(arguments.device or arguments.device_gib)
        search, progress = not arguments.no_fit, teller(arguments.progress)
        found = answer(
            question,
            predictor or traced,
            how=arguments.how,
            search=search and elsewhere,
            folder=run.path if run is not None and run.path.is_dir() else None,
            device_name=arguments.device or "",
            path=str(arguments.config or ""),
            progress=progress,
        )
        if run is not None and told is not None:
            quick: How = "formula" if arguments.how == "formula" else "extrapolated"
            found = explained(
                found, run, predictor or traced, how=quick, search=search and not elsewhere, progress=progress
            )
        report = FORMATS[arguments.format].report(found, arguments.lang)
        if arguments.out:
            to_file(report, arguments.out)
            tell_place(arguments.out, arguments.lang)
        else:
            to_stdout(report)
        if arguments.fix_out:
            tell(write_fix(found, arguments.fix_out, run, told), arguments.lang)
    except (AskedWrong, MemoryUnknown) as error:
        return refuse(error, arguments.lang)
    except OSError as error:
        reason = Sentence(
            f"{error.filename or arguments.out or 'the memory estimate'}: {error.strerror or error}.",
            f"{error.filename or arguments.out or '显存估算'}：{error.strerror or error}。",
        )
        return refuse(reason, arguments.lang)
    return TOO_LARGE if found.verdict == "too-large" else OK


def traced(
    asked: Asked,
    *,
    how: Literal["extrapolated", "traced"] = "extrapolated",
    progress: Callable[[str, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Estimate:
    """The predictor that runs the real trainer on tensors without data, in a process of its own.

    Raises:
        MemoryUnknown: it could not be made.
    """
    from diagnostics.probes.memory.starter import estimate

    return estimate(asked, how=how, progress=progress, cancelled=cancelled)


def write_fix(found: Answer, path: Path, run: Run | None = None, told: Told | None = None) -> Sentence:
    """Write the config of a child run with the cheapest changes that fit; what was written, in a sentence.

    Raises:
        AskedWrong: there are none.
        OSError: the file cannot be written.
    """
    if found.plan is None or not found.plan.options:
        raise AskedWrong(
            "--fix-out: there is no change to write; it fits as it is, or nothing was found that does.",
            "--fix-out：没有可写的更改；要么本来就放得下，要么没有找到放得下的办法。",
        )
    question, fix = found.question, found.plan.options[0].fix
    config = {name: value for name, value in applied(question.given, fix.edits).items() if value is not None}
    marks: dict[str, object] = {"method": question.method}
    if run is not None:
        marks |= {
            "parent": run.name if (run.path / RUN_FILE).exists() else str(run.path),
            "fixes": [f"{told.rule if told else 'out-of-memory'}/fit"],
        }
    write_json(path, {**marks, **config})
    return Sentence(
        f"The config is in {path}; python -m training start --config {path} trains it.",
        f"配置在 {path}；用 python -m training start --config {path} 训练。",
    )
