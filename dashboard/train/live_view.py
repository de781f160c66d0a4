"""A run at work: how far it is, how long it will take, what it prints, its telling curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.html import bar, link, note, pill, text
from dashboard.plots.curves import metric_figure, metrics_of
from dashboard.progress import doing, seconds_left, share_done, time_words
from dashboard.texts import Words
from diagnostics.run import Run
from diagnostics.run.files import tail
from diagnostics.run.folder import CONSOLE_FILE
from diagnostics.run.refusal import said

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONSOLE_LINES = 60
LAUNCHER_LOG = "launcher.log"
CURVES = 2


def signature(run: Run | None) -> str:
    """Changes whenever something that the panel shows has changed."""
    if run is None:
        return ""
    sizes = []
    for name in (CONSOLE_FILE, LAUNCHER_LOG):
        try:
            sizes.append((run.path / name).stat().st_size)
        except OSError:
            sizes.append(-1)
    status = run.status
    return f"{run.name} {id(run)} {status.state} {status.step} {status.activity} {status.behind} {sizes}"


def order(runs: list[Run]) -> list[Run]:
    """Runs that are at work first, then the newest; only those that were started here."""
    ours = [run for run in runs if run.asked]
    return sorted(ours, key=lambda run: (not run.status.active, -(run.status.started or 0.0)))


def status_html(run: Run | None, words: Words, diagnose: str) -> str:
    """State, progress, time left and the way to the diagnosis."""
    if run is None:
        return note(words("train.no_runs"))
    status = run.status
    step = max(status.step, run.last_step)
    at = (
        words("train.step", step=step, all=status.max_steps)
        if status.max_steps
        else words("train.step_alone", step=step)
    )
    parts = [
        f"<b>{text(run.name)}</b>",
        pill(words(f"state.{status.state}"), status.state),
        f"<span>{text(at)}</span>",
    ]
    if activity := doing(run, words):
        parts.append(f"<span>{text(activity)}</span>")
    left = seconds_left(run)
    if left is not None:
        parts.append(f'<span class="quiet">{text(time_words(left, words))}</span>')
    parts.append(link(diagnose, text(words("train.diagnose")), run=run.name))
    progress = bar(1.0 if status.state == "finished" else share_done(run) or 0.0)
    why = (
        note(said(status.reason, words.lang), "error" if status.state == "failed" else "warning")
        if status.reason
        else ""
    )
    return f'<div class="live"><div class="facts">{"".join(parts)}</div>{progress}{why}</div>'


def console_html(run: Run | None, words: Words) -> str:
    """The last lines that a run printed; before it prints, those of its launcher."""
    if run is None:
        return ""
    lines = tail(run.path / CONSOLE_FILE, CONSOLE_LINES) or tail(run.path / LAUNCHER_LOG, CONSOLE_LINES)
    body = text("\n".join(lines)) if lines else text(words("train.console_empty"))
    return (
        f'<div class="label">{text(words("train.console"))}</div>'
        f'<pre class="console follows" tabindex="0" aria-label="{text(words("train.console"))}"><span>{body}</span></pre>'
    )


def telling(run: Run) -> list[str]:
    """The tags of the curves that tell most: the reward where there is one, then the losses."""
    reward = run.signal("reward")
    tags = ([reward.tag] if reward is not None and len(reward) > 1 else []) + metrics_of([run])
    return list(dict.fromkeys(tags))[:CURVES]


def figures(run: Run | None, words: Words) -> list[Figure]:
    """The telling curves of a run."""
    return [metric_figure([run], tag, words) for tag in telling(run)] if run is not None else []
