"""The configs of several runs side by side: the arguments in which they differ, or all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dashboard.html import note, text
from dashboard.texts import Words
from diagnostics.run import Run

# A value longer than this is cut in the table, and whole in its title.
LONGEST = 60
MISSING = object()
# Arguments that name the run itself: they always differ, and say nothing.
OF_THE_RUN = ("output_dir", "logging_dir", "run_name", "hub_model_id")


def config_rows(runs: Sequence[Run], *, differences_only: bool) -> list[tuple[str, list[Any]]]:
    """Each argument with its value in each run, `MISSING` where a run does not tell it; by name, the method first.

    An argument that a run does not tell is a difference only if another run was asked for it: what the others merely
    log, it may have had too.
    """
    told = [{"method": run.method, **run.config} if run.method else dict(run.config) for run in runs]
    names = sorted({name for one in told for name in one}, key=lambda name: (name != "method", name))
    rows = [(name, [one.get(name, MISSING) for one in told]) for name in names]
    if not differences_only:
        return rows
    asked = {name for run in runs for name in run.asked}
    return [row for row in rows if row[0] not in OF_THE_RUN and differs(row[1], asked=row[0] in asked)]


def differs(values: Sequence[Any], *, asked: bool) -> bool:
    """Whether the values of an argument are not all the same."""
    return len({written(one) for one in values if asked or one is not MISSING}) > 1


def written(value: Any) -> str:
    """A value of a config as text, the same for the same value: 1 and 1.0 are."""
    if value is MISSING:
        return "–"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def config_html(runs: Sequence[Run], words: Words, *, differences_only: bool) -> str:
    """The table, or why there is none."""
    if not runs:
        return note(words("runs.config_none"))
    if len(runs) == 1 and differences_only:
        return note(words("runs.config_one"))
    rows = config_rows(runs, differences_only=differences_only)
    if not rows:
        return note(words("runs.config_same" if differences_only else "runs.config_empty"))
    head = "".join(f'<th scope="col">{text(run.name)}</th>' for run in runs)
    body = "".join(row_html(name, [written(one) for one in values]) for name, values in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(words("runs.config"))}"><table class="config"><thead><tr><th scope="col">{text(words("runs.argument"))}</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def row_html(name: str, values: Sequence[str]) -> str:
    """One argument as a row; a value that is not the first run's is set off."""
    cells = []
    for value in values:
        short = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        other = ' class="other"' if value != values[0] else ""
        whole = f' title="{text(value)}"' if short != value else ""
        cells.append(f"<td{other}{whole}>{text(short)}</td>")
    return f'<tr><th scope="row">{text(name)}</th>{"".join(cells)}</tr>'
