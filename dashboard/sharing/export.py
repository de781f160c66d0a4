"""Runs of the dashboard as a file for a mail, made for a button: the file that `python -m diagnostics export` writes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dashboard.clinic import Clinic
from dashboard.settings.folders import size_words
from dashboard.sharing.form import texts_in
from dashboard.texts import Words
from diagnostics.export.document import document
from diagnostics.keep import keep
from diagnostics.output import to_file

LONGEST_NAME = 60
MOST_RUNS = 50  # in one file: more are searched, not read


class FileRefused(Exception):
    """There is no file. The message is in the page's language."""


def file_of(clinic: Clinic, names: Any, words: Words) -> tuple[Path, str]:
    """The file of the runs that a page has chosen, and its size in words.

    Raises:
        FileRefused: none of them is there, there are too many, or it cannot be written.
    """
    chosen = texts_in(names)
    if len(chosen) > MOST_RUNS:
        raise FileRefused(words("share.file_many", count=len(chosen), most=MOST_RUNS))
    try:
        path = exported(clinic, chosen, words)
        size = path.stat().st_size if path else 0
    except OSError as error:
        raise FileRefused(words("share.file_failed", reason=error.strerror or error)) from error
    if path is None:
        raise FileRefused(words("share.form_no_runs"))
    return path, size_words(size)


def exported(clinic: Clinic, names: Sequence[str], words: Words) -> Path | None:
    """The runs of these names as one HTML file in a folder of its own; None if none of them can be read.

    Raises:
        OSError: it cannot be written.
    """
    runs = [run for name in names if (run := clinic.run(name)) is not None]
    if not runs:
        return None
    said = [replace(one, keep=keep(run, one)) for run in runs for one in (clinic.diagnosis(run),)]
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / file_name([run.name for run in runs])
    to_file(document(runs, said, words.lang), path)
    return path


def file_name(names: Sequence[str]) -> str:
    """A name for the file that every system takes, whatever the runs are called."""
    plain = re.sub(r"[^\w.-]+", "-", "-".join(names)).strip(".-")[:LONGEST_NAME]
    return f"{plain or 'runs'}.html"
