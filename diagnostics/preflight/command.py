"""The command line `preflight`: a training looked at before it starts."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostics.finding import SEVERITIES
from diagnostics.output import refuse, tell, tell_place, to_file, to_stdout, unwritable, unwritten
from diagnostics.preflight.asking import METHODS, AskedWrong, asked, parse_settings, read_config
from diagnostics.preflight.columns import WrongColumns
from diagnostics.preflight.converting import REASONS, write_converted
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Material, Script
from diagnostics.report.preflight.formats import FORMATS
from diagnostics.report.words import LANGS
from diagnostics.rules import wrong_columns
from diagnostics.run.refusal import Refusal, Sentence

OK, FOUND = 0, 1
EVERY_SECONDS = 0.2  # between two words of progress


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `preflight` to a command line."""
    parser = commands.add_parser(
        "preflight", help="look at a training before it starts: data, template, rewards, script"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML or JSON, as `training start` takes it")
    parser.add_argument("--method", choices=METHODS, help="may stand in the config as `method` instead")
    parser.add_argument("--data", metavar="DATA", help="a file, a folder or a Hub name: the config's dataset_name")
    parser.add_argument("--model", metavar="MODEL", help="a folder or a Hub name: the config's model_name_or_path")
    parser.add_argument(
        "--reward", action="append", default=[], metavar="FILE:FUNC", help="a reward function; may be given again"
    )
    parser.add_argument("--script", type=Path, metavar="FILE", help="a training script; it is read, never run")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="settings",
        help="TRL's arguments, over those of the config",
    )  # fmt: skip
    parser.add_argument("--rows", type=int, default=10_000, metavar="N", help="rows looked at token by token (10000)")
    parser.add_argument("--convert", type=Path, metavar="FILE", help="write the data in the method's own shape there")
    parser.add_argument("--modernise", type=Path, metavar="FILE", help="write the script for the installed TRL there")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    parser.add_argument("--fail-on", choices=("error", "warning"), default="error")
    parser.add_argument("--lang", choices=LANGS, default="en")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there instead of printing it")
    parser.add_argument("--progress", type=Path, help=argparse.SUPPRESS)  # JSON Lines, for a page that waits
    parser.set_defaults(run_command=preflight)


def preflight(arguments: argparse.Namespace) -> int:
    """Look at a training and give the report.

    0: nothing at or above --fail-on; 1: something; 2: what was asked cannot be looked at, or a file cannot be written.
    """
    # TRL's word on its experimental modules, which are only asked for their names, is none about the training.
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    from diagnostics.probes.preflight import measure

    for path in (arguments.out, arguments.convert, arguments.modernise):
        if path and (reason := unwritable(path)):
            return refuse(reason, arguments.lang)
    if arguments.rows < 1:
        few = Sentence(f"--rows {arguments.rows}: at least 1 is needed.", f"--rows {arguments.rows}：至少需要 1。")
        return refuse(few, arguments.lang)
    try:
        config = read_config(arguments.config) if arguments.config else {}
        config.update(parse_settings(arguments.settings))
        config.update({name: value for name, value in shorthands(arguments).items() if value})
        request = asked(arguments.method, config, arguments.script)
        material = measure(request, limit=arguments.rows, progress=teller(arguments.progress))
        written = write_files(material, arguments)
    except Refusal as error:
        return refuse(error, arguments.lang)
    except OSError as error:
        broken = Sentence(
            f"{error.filename or 'the pre-flight'}: {error.strerror or error}.",
            f"{error.filename or '训练前检查'}：{error.strerror or error}。",
        )
        return refuse(broken, arguments.lang)
    diagnosis = judge(material)
    report = FORMATS[arguments.format].report(material, diagnosis, arguments.lang)
    try:
        if arguments.out:
            to_file(report, arguments.out)
        else:
            to_stdout(report)
    except OSError as error:
        return refuse(unwritten(arguments.out, error), arguments.lang)
    for one in written:
        tell(one, arguments.lang)
    if arguments.out:
        tell_place(arguments.out, arguments.lang)
    limit = SEVERITIES.index(arguments.fail_on)
    return FOUND if any(SEVERITIES.index(one.severity) <= limit for one in diagnosis.findings) else OK


def shorthands(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that stand for arguments of the config."""
    return {
        "dataset_name": arguments.data,
        "model_name_or_path": arguments.model,
        "reward_funcs": arguments.reward or None,
    }


def write_files(material: Material, arguments: argparse.Namespace) -> list[Sentence]:
    """Write the converted data and the modern script where that was asked for; what was written, a sentence each.

    Raises:
        AskedWrong: there is nothing to convert or to modernise, or the data cannot be converted.
        OSError: a file cannot be written.
    """
    said: list[Sentence] = []
    if arguments.convert:
        said.append(convert(material, arguments.convert))
    if arguments.modernise:
        if material.script is None:
            raise AskedWrong(
                "--modernise: no script was given; expected --script FILE.",
                "--modernise：没有给出脚本；应给出 --script FILE。",
            )
        text = material.script.modern or material.script.path.read_text(encoding="utf-8")
        to_file(text, arguments.modernise)
        said.append(modernised(material.script, arguments.modernise))
    return said


def modernised(script: Script, path: Path) -> Sentence:
    """What was written of a script, in a sentence that does not promise more than was mended."""
    left = sum(not one.mended for one in script.changes)
    if left:
        mended = len(script.changes) - left
        return Sentence(
            f"The script is in {path}: {mended} place(s) mended, {left} left to do by hand.",
            f"脚本在 {path}：已修改 {mended} 处，还有 {left} 处需手动处理。",
        )
    if script.changes:
        return Sentence(f"The script for the installed TRL is in {path}.", f"适用于已安装 TRL 的脚本在 {path}。")
    return Sentence(
        f"The script for the installed TRL is in {path}, unchanged.", f"适用于已安装 TRL 的脚本在 {path}，没有改动。"
    )


def convert(material: Material, path: Path) -> Sentence:
    """Write the data in the method's own shape; what was written, in a sentence.

    Raises:
        AskedWrong: there is no data, or its shape is not known.
        OSError: the file cannot be written.
    """
    if material.train is None or material.method is None:
        raise AskedWrong(
            "--convert: no data was given; expected --data with --method.",
            "--convert：没有给出数据；应给出 --data 与 --method。",
        )
    try:
        count, lost = write_converted(material.train, material.method, path)
    except WrongColumns as error:
        raise AskedWrong(wrong_columns.sentence(error.facts), wrong_columns.sentence(error.facts, "zh")) from error
    left = "".join(f"; {number} rows left out, {REASONS['en'][reason]}" for reason, number in lost.items())
    left_zh = "".join(f"；略去 {number} 行，{REASONS['zh'][reason]}" for reason, number in lost.items())
    return Sentence(
        f"The data in the shape of {material.method} is in {path}: {count:,} rows{left}.",
        f"{material.method} 格式的数据在 {path}：{count:,} 行{left_zh}。",
    )


def teller(path: Path | None) -> Callable[[int, int, str], None]:
    """Who is told how far it is: a file that a page reads, or a person at a terminal; not more than some times a second."""
    before, stage = 0.0, ""

    def tell(done: int, of: int, what: str) -> None:
        nonlocal before, stage
        now = time.monotonic()
        if what == stage and done < of and now - before < EVERY_SECONDS:
            return
        before, stage = now, what
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"what": what, "done": done, "of": of}) + "\n")
        elif sys.stderr.isatty():
            print(
                f"\r\x1b[K{what}: {done:,} of {of:,}", end="" if done < of else "\r\x1b[K", file=sys.stderr, flush=True
            )

    return tell
