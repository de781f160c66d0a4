"""Child configs on the Diagnose page: the change of a fix shown first, then written as a file."""

from __future__ import annotations

import shlex
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.html import link, note, text
from dashboard.texts import Words
from diagnostics.children import Child, NoFix, child_of, write_child
from diagnostics.report.common import config_value
from diagnostics.run import Run

CHILDREN = ".children"


def child_path(clinic: Clinic, run: Run, rule: str, number: int) -> Path:
    """Where the config of a child is written: beside the runs, in a folder that is no run."""
    return clinic.root / CHILDREN / f"{run.name}--{rule}-{number}.json"


def child(clinic: Clinic, run: Run, rule: str, number: int, words: Words) -> Child:
    """The child config of one fix.

    Raises:
        NoFix: the run was judged anew meanwhile, and the finding is gone.
    """
    return child_of(run, clinic.diagnosis(run), rule, number, words.lang)


def change_html(clinic: Clinic, run: Run, rule: str, number: int, words: Words) -> str:
    """The whole child config with the changed lines set off, and where it will be written."""
    try:
        made = child(clinic, run, rule, number, words)
    except NoFix as error:
        return note(error.said(words.lang), "error")
    old = {edit.path: edit.old for edit in made.fix.edits}
    lines = []
    for name, value in made.config.items():
        if name not in old:
            lines.append(f'<div class="edit quiet">{text(name)}: {text(config_value(value))}</div>')
            continue
        before = f"<del>{text(config_value(old[name]))}</del> → "
        lines.append(f'<div class="edit">{text(name)}: {before}<ins>{text(config_value(value))}</ins></div>')
    where = words("diagnose.will_write", path=child_path(clinic, run, rule, number))
    return f'<div class="fix">{"".join(lines)}<div class="quiet">{text(where)}</div></div>'


def written_html(clinic: Clinic, run: Run, rule: str, number: int, words: Words, train: str) -> str:
    """Write the child config and say where it is and how it is trained; `train`: the address of the page that does it."""
    path = child_path(clinic, run, rule, number)
    try:
        write_child(child(clinic, run, rule, number, words), path)
    except NoFix as error:
        return note(error.said(words.lang), "error")
    except OSError as error:
        return note(words("diagnose.unwritten", path=path, reason=error.strerror or error), "error")
    command = f"python -m training start --config {shlex.quote(str(path))}"
    here = link(train, text(words("diagnose.train_here")), child=path.stem)
    return note(words("diagnose.written", path=path), "good") + f'<pre class="command">{text(command)}</pre>{here}'
