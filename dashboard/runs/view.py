"""The runs as HTML: the demo's strip of stages, and a run as a row of the table."""

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
from dashboard.runs.filter import Facts, facts_of
from dashboard.runs.marks import NOTHING, Mark
from dashboard.runs.overlay import bare
from dashboard.runs.selection import COLUMNS
from dashboard.texts import Words
from diagnostics.compare.statistics.scores import last_score
from diagnostics.export.pieces import score_html
from diagnostics.run import Run
from diagnostics.run.refusal import said

Colour = tuple[str, str]


def demo_strip(clinic: Clinic, words: Words, addresses: Addresses) -> str:
    """The demo's stages in their order: what is done, what runs how far, what waits. Empty if there is no demo."""
    plan = clinic.demo_plan()
    if not plan:
        return ""
    page = addresses.href("diagnose", words.lang)
    cards = [stage_card(stage, clinic.run(stage["name"]), words, page) for stage in plan]
    error = clinic.demo_error()
    broken = note(words("runs.demo_broken", reason=error), "error") if error else ""
    title, stages = text(words("runs.demo")), f'<div class="stages">{"".join(cards)}</div>'
    if all((run := clinic.run(stage["name"])) and run.status.state == "finished" for stage in plan):
        # The table says it all by now.
        done = pill(words("state.finished"), "finished")
        return f'<details class="strip"><summary class="strip-title">{title} {done}</summary>{stages}</details>'
    return f'<div class="strip"><div class="strip-title">{title}</div>{stages}{broken}</div>'


def stage_card(stage: dict[str, Any], run: Run | None, words: Words, page: str) -> str:
    """One stage of the demo; once it has begun it leads to its diagnosis. `page`: the address of the Diagnose page."""
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
    name = link(page, text(run.name), run=run.name) if run else text(stage["name"])
    return (
        f'<div class="stage stage-{text(state)}"><b>{name}</b> {pill(words(f"state.{state}"), state)}'
        f"{bar(1.0 if state == 'finished' else done)}"
        f"<small><span>{text(detail)}</span><span>{text(origin)}</span></small></div>"
    )


def facts_by_run(clinic: Clinic, runs: Sequence[Run], marks: Mapping[str, Mark]) -> dict[str, Facts]:
    """What the filters ask for, of each run."""
    return {run.name: facts_of(run, clinic.latest_diagnosis(run), marks.get(run.name, NOTHING)) for run in runs}


def run_row(clinic: Clinic, run: Run, words: Words, addresses: Addresses, mark: Mark, colour: Colour | None) -> str:
    """One run as a table row. `colour`: of its curves, None if they are not drawn."""
    status = run.status
    reason = f' title="{text(said(status.reason, words.lang))}"' if status.reason else ""
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
        clinic.kept(run, ("score", words.lang), partial(score_cell, words=words)),
        checkpoints,
        findings_cell(clinic, run, words, diagnose),
    )
    kind = ' class="archived"' if mark.archived else ""
    return (
        f'<tr{kind} data-row="{text(run.name)}">'
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
    return f'<span class="key-metric">{sparkline(series, label)}<span>{text(last)}<small>{text(bare(series.tag))}</small></span></span>'


def score_cell(run: Run, words: Words) -> str:
    """The held-out score; with the step of the answers where the run has gone on since."""
    last = last_score(run)
    behind = last is not None and last.step < max(run.status.step, run.last_step)
    told = f"<br><small>{text(words('runs.at_step', step=last.step))}</small>" if last is not None and behind else ""
    return score_html(run) + told


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
