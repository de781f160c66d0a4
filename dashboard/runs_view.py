"""The runs as HTML: the demo's strip of stages and the table of all runs."""

from __future__ import annotations

import math
from typing import Any

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import bar, link, note, pill, text
from dashboard.texts import Words
from diagnostics.compare.statistics.scores import reward_names, scores_of
from diagnostics.run import Run


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
    activity = run.status.activity if run and state in ("starting", "running") else None
    detail = words(f"activity.{activity}") if activity in ("answering", "loading", "queued") else ""
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


def runs_table(clinic: Clinic, words: Words, addresses: Addresses) -> str:
    """All runs, a row each, with links to their diagnosis and to the comparison of their checkpoints."""
    runs, broken = clinic.runs()
    if not runs and not broken:
        return note(words("runs.empty", root=clinic.root))
    columns = ("run", "method", "state", "progress", "loss", "score", "checkpoints", "findings")
    titles = {"score": words("runs.score_help")}
    head = "".join(f'<th title="{text(titles.get(one, ""))}">{text(words(f"runs.{one}"))}</th>' for one in columns)
    rows = [run_row(clinic, run, words, addresses) for run in runs]
    rows += [
        f'<tr><td><b>{text(name)}</b></td><td colspan="7">{pill(words("runs.unreadable"), "failed")} {text(why)}</td></tr>'
        for name, why in broken.items()
    ]
    return f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def run_row(clinic: Clinic, run: Run, words: Words, addresses: Addresses) -> str:
    """One run as a table row."""
    status = run.status
    loss = run.get("train/loss")
    last = number(float(loss.values[-1])) if loss is not None else "–"
    steps = f"{max(status.step, run.last_step)}" + (f" / {status.max_steps}" if status.max_steps else "")
    share = status.step / status.max_steps if status.max_steps else 0.0
    reason = f' title="{text(status.reason)}"' if status.reason else ""
    diagnose, compare = addresses.href("diagnose", words.lang), addresses.href("compare", words.lang)
    saved = len(run.checkpoints)
    names = ",".join(f"{run.name}/{path.name}" for path in run.checkpoints.values())
    answers = saved and run.method != "reward"
    checkpoints = link(compare, str(saved), checkpoints=names) if answers else str(saved or "–")
    cells = (
        f"<b>{link(diagnose, text(run.name), run=run.name)}</b>",
        text(run.method or "–"),
        f"<span{reason}>{pill(words(f'state.{status.state}'), status.state)}</span>",
        f"{text(steps)} {bar(share) if status.active else ''}",
        text(last),
        score_cell(run),
        checkpoints,
        findings_cell(clinic, run, words, diagnose),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def score_cell(run: Run) -> str:
    """The score of the run's last checkpoint by its first reward, with its interval."""
    names = reward_names(run)
    scores = scores_of(run, names[0]) if names else []
    if not scores:
        return "–"
    last = scores[-1]
    return f"{last.mean:.3f} <small>[{last.low:.3f}, {last.high:.3f}]</small>"


def findings_cell(clinic: Clinic, run: Run, words: Words, page: str) -> str:
    """What the rules found, as labels that lead to the diagnosis."""
    findings = clinic.diagnosis(run).findings
    if not findings:
        return f'<span class="quiet">{text(words("runs.healthy"))}</span>'
    return " ".join(link(page, pill(one.rule, one.severity), run=run.name) for one in findings)


def number(value: float) -> str:
    """A logged value, short; NaN and infinity by name."""
    return f"{value:.4g}" if math.isfinite(value) else str(value)
