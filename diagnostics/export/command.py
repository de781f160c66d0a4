"""`export`: one run, or several beside each other, as an HTML file for a mail."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from diagnostics.engine import diagnose
from diagnostics.export.document import document
from diagnostics.keep import keep
from diagnostics.output import refuse, tell, to_file, unwritable, unwritten
from diagnostics.report.words import LANGS
from diagnostics.run import RunUnreadable, open_run
from diagnostics.run.refusal import Sentence

OK = 0


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `export` to a command line."""
    parser = commands.add_parser(
        "export", help="write runs as one HTML file that opens from a mail: curves and findings"
    )
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="RUN", help="one run, or several to put beside each other"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the HTML file to write")
    parser.add_argument("--lang", choices=LANGS, default="en")
    parser.set_defaults(run_command=export)


def export(arguments: argparse.Namespace) -> int:
    """Write the file. 0: it is there; 2: a run cannot be read, or the file cannot be written."""
    out: Path = arguments.out
    reason = unwritable(out)
    if reason:
        return refuse(reason, arguments.lang)
    try:
        runs = [open_run(path) for path in arguments.paths]
        judged = [diagnose(run) for run in runs]
        said = [replace(one, keep=keep(run, one)) for run, one in zip(runs, judged, strict=True)]
        to_file(document(runs, said, arguments.lang), out)
    except RunUnreadable as error:
        return refuse(error, arguments.lang)
    except OSError as error:
        return refuse(unwritten(out, error), arguments.lang)
    size = f"{out.stat().st_size / 1024:.0f} KiB"
    tell(Sentence(f"The file is in {out} ({size}).", f"文件在 {out}（{size}）。"), arguments.lang)
    return OK
