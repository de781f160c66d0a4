"""The runs as HTML: the demo's strip of stages and the table of all runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import bar, link, note, pill, text
from dashboard.plots.sparkline import key_series, sparkline
from dashboard.progress import doing, seconds_left, share_done, time_words
from dashboard.runs.filter import Facts, facts_of, listed
from dashboard.runs.marks import NOTHING, Mark
from dashboard.runs.overlay import bare
from dashboard.runs.selection import Look
from dashboard.runs.trouble import no_runs_html
from dashboard.texts import Words
from diagnostics.export.pieces import score_html
from diagnostics.run import Run

Colour = tuple[str, str]
COLUMNS = ("run", "method", "state", "progress", "key", "score", "checkpoints", "worst")
TITLES = {"score": "runs.score_help", "key": "runs.key_help"}
# More rows than that are searched, not read.
MOST_ROWS = 100
FIRST_LOOK = Look()


def demo_strip(clinic: Clinic, words: Words) -> str:
    """The demo's stages in their order: what is done, what runs how far, what waits. Empty if there is no demo."""
    plan = clinic.demo_plan()
    if not plan:
        return ""
    cards = [stage_card(stage, clinic.run(stage["name"]), words) for stage in plan]
    error = clinic.demo_error()
    broken = note(words("runs.demo_broken", reason=error), "error") if error else ""
    return (
        f'<div class="strip"><div class="strip-title">{text(words("runs.demo"))}</div>'
        f'<div class="stages">{"".join(cards)}</div>{broken}</div>'
    )


def stage_card(stage: dict[str, Any], run: Run | None, words: Words) -> str:
    """One stage of the demo."""
    state = run.status.state if run else "waiting"
    steps = stage.get("steps") if isinstance(stage.get("steps"), int) else 0
    done = run.status.step / run.status.max_steps if run and run.status.max_steps else 0.0
    detail = doing(run, words) if run else ""
    if run and run.status.max_steps and not detail:
        detail = f"{run.status.step} / {run.status.max_steps}"
    elif not run:
        detail = f"0 / {steps}"
    # The stages branch, so that their order does not say which one goes on from which.
    needs = stage.get("needs")
    needs = [str(one) for one in needs] if isinstance(needs, list) else []
    origin = words("runs.stage_from", stages=", ".join(needs)) if needs else ""
    return (
        f'<div class="stage stage-{text(state)}"><b>{text(stage["name"])}</b> {pill(words(f"state.{state}"), state)}'
        f"{bar(1.0 if state == 'finished' else done)}"
        f"<small><span>{text(detail)}</span><span>{text(origin)}</span></small></div>"
    )


def runs_table(
    clinic: Clinic,
    words: Words,
    addresses: Addresses,
    look: Look = FIRST_LOOK,
    colours: Mapping[str, Colour] | None = None,
) -> str:
    """The runs that pass the look's search and filters, a row each, with links to their diagnosis and to a comparison.

    `colours`: of the runs that are drawn.
    """
    runs, broken = clinic.runs()
    if not runs and not broken:
        return no_runs_html(clinic, words)
    marks, _ = clinic.marks_now()
    by_name = {run.name: run for run in runs}
    facts = facts_by_run(clinic, runs, marks)
    names = listed(facts, look.search, look.filters)
    archived = sum(one.mark.archived for one in facts.values())
    titles = {one: f' title="{text(words(key))}"' for one, key in TITLES.items()}
    head = "".join(f'<th scope="col"{titles.get(one, "")}>{text(words(f"runs.{one}"))}</th>' for one in COLUMNS)
    rows = [
        run_row(clinic, by_name[name], words, addresses, facts[name].mark, (colours or {}).get(name))
        for name in names[:MOST_ROWS]
    ]
    rows += [
        f'<tr><td><b>{text(name)}</b></td><td colspan="7">{pill(words("runs.unreadable"), "failed")} {text(why)}</td></tr>'
        for name, why in broken.items()
        if not look.search and not look.filters
    ]
    shown = min(len(names), MOST_ROWS)
    told = [words("runs.listed", shown=shown, count=len(runs))] if shown < len(runs) else []
    if len(names) > MOST_ROWS:
        told.append(words("runs.narrow"))
    if archived and "archived:shown" not in look.filters:
        told.append(words("runs.archived_count", count=archived))
    foot = f'<p class="quiet">{text(" ".join(told))}</p>' if told else ""
    if not rows:
        return note(words("runs.none_listed")) + foot
    return (
        f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f"{foot}"
    )


def facts_by_run(clinic: Clinic, runs: Sequence[Run], marks: Mapping[str, Mark]) -> dict[str, Facts]:
    """What the filters ask for, of each run."""
    return {run.name: facts_of(run, clinic.latest_diagnosis(run), marks.get(run.name, NOTHING)) for run in runs}


def run_row(clinic: Clinic, run: Run, words: Words, addresses: Addresses, mark: Mark, colour: Colour | None) -> str:
    """One run as a table row. `colour`: of its curves, None if they are not drawn."""
    status = run.status
    reason = f' title="{text(status.reason)}"' if status.reason else ""
    diagnose, compare = addresses.href("diagnose", words.lang), addresses.href("compare", words.lang)
    saved = len(run.checkpoints)
    names = ",".join(f"{run.name}/{path.name}" for path in run.checkpoints.values())
    answers = saved and run.method != "reward"
    checkpoints = link(compare, str(saved), checkpoints=names) if answers else str(saved or "–")
    cells = (
        name_cell(run, words, diagnose, mark, colour),
        text(run.method or "–"),
        f"<span{reason}>{pill(words(f'state.{status.state}'), status.state)}</span>",
        progress_cell(run, words),
        clinic.kept(run, ("key", words.lang), partial(key_cell, words=words)),
        clinic.kept(run, "score", score_html),
        checkpoints,
        findings_cell(clinic, run, words, diagnose),
    )
    kind = ' class="archived"' if mark.archived else ""
    return (
        f"<tr{kind}>"
        + "".join(
            f'<td data-label="{text(words(f"runs.{column}"))}">{cell}</td>'
            for column, cell in zip(COLUMNS, cells, strict=True)
        )
        + "</tr>"
    )


def name_cell(run: Run, words: Words, page: str, mark: Mark, colour: Colour | None) -> str:
    """A box to draw the run's curves, its name, and what the user marked it with."""
    swatch = f' style="--swatch: {colour[0]}" data-dash="{colour[1]}"' if colour else ""
    box = (
        f'<button type="button" role="checkbox" class="pick" aria-checked="{str(colour is not None).lower()}" '
        f'data-run="{text(run.name)}" aria-label="{text(words("runs.draw", name=run.name))}"{swatch}></button>'
    )
    tags = "".join(f' <span class="own-tag">{text(tag)}</span>' for tag in mark.tags)
    written = f'<div class="own-note" title="{text(mark.note)}">{text(mark.note)}</div>' if mark.note else ""
    return f"{box}<b>{link(page, text(run.name), run=run.name)}</b>{tags}{written}"


def progress_cell(run: Run, words: Words) -> str:
    """The step, of how many; while the run goes on also a bar, and how long it will still take."""
    status = run.status
    steps = f"{max(status.step, run.last_step)}" + (f" / {status.max_steps}" if status.max_steps else "")
    share = share_done(run)
    if not status.active or share is None:
        return text(steps)
    left = seconds_left(run)
    told = f"<br><small>{text(time_words(left, words))}</small>" if left is not None else ""
    return f"{text(steps)} {bar(share)}{told}"


def key_cell(run: Run, words: Words) -> str:
    """The run's own metric as a small curve, with its last value."""
    series = key_series(run)
    if series is None:
        return "–"
    last = number(float(series.values[-1]))
    label = words("runs.spark", tag=series.tag, first=number(float(series.values[0])), last=last, count=len(series))
    return f'<span class="key">{sparkline(series, label)}<span>{text(last)}<small>{text(bare(series.tag))}</small></span></span>'


def findings_cell(clinic: Clinic, run: Run, words: Words, page: str) -> str:
    """The worst that the rules found, as a label that leads to the diagnosis, and how many more there are."""
    diagnosis = clinic.latest_diagnosis(run)
    if diagnosis is None:
        return f'<span class="quiet">{text(words("runs.judging"))}</span>'
    if not diagnosis.findings:
        return f'<span class="quiet">{text(words("runs.healthy"))}</span>'
    worst, *others = diagnosis.findings
    shown = link(page, pill(worst.rule, worst.severity), run=run.name)
    if others:
        more = ", ".join(one.rule for one in others)
        shown += f' <span class="quiet" title="{text(more)}">+{len(others)}</span>'
    return shown


def number(value: float) -> str:
    """A logged value, short; NaN and infinity by name."""
    return f"{value:.4g}" if math.isfinite(value) else str(value)
