"""How far a run is, and how long it will still take."""

from __future__ import annotations

from dashboard.texts import Words
from diagnostics.run import Run

# The rate is that of the last rows: evaluations and a slow start must not hide what it is now.
LAST_ROWS = 50
FEWEST_ROWS = 3
# What a worker says that it does, as far as there are words for it.
ACTIVITIES = ("answering", "loading", "queued", "preflight")


def doing(run: Run, words: Words) -> str:
    """What an active run does beside taking steps, in words; nothing where it just trains."""
    status = run.status
    if status.activity not in ACTIVITIES or not status.active:
        return ""
    if status.activity == "queued" and status.behind:
        return words("activity.queued_behind", runs=", ".join(status.behind))
    return words(f"activity.{status.activity}")


def share_done(run: Run) -> float | None:
    """The share of the steps that are done, 0 to 1; None if it is not known how many there are."""
    status = run.status
    if not status.max_steps:
        return None
    return min(1.0, max(status.step, run.last_step) / status.max_steps)


def seconds_left(run: Run) -> float | None:
    """Seconds until the last step at the rate of the last rows; None if the run is over, or nothing tells the rate."""
    status = run.status
    left = status.max_steps - max(status.step, run.last_step)
    if not status.active or left <= 0:
        return None
    times = run.times
    if times is not None and len(times) >= FEWEST_ROWS:
        first = max(0, len(times) - LAST_ROWS)
        steps, seconds = times.steps[-1] - times.steps[first], times.values[-1] - times.values[first]
        if steps > 0 and seconds > 0:
            return float(left * seconds / steps)
    if status.started is not None and status.heartbeat is not None and status.step > 0:
        return max(0.0, (status.heartbeat - status.started) * left / status.step)
    return None


def time_words(seconds: float, words: Words) -> str:
    """A time still to go, in two figures at most."""
    if seconds < 90:
        return words("runs.left_seconds", count=max(1, round(seconds)))
    if seconds < 90 * 60:
        return words("runs.left_minutes", count=round(seconds / 60))
    if seconds < 48 * 3600:
        return words("runs.left_hours", count=f"{seconds / 3600:.1f}")
    return words("runs.left_days", count=f"{seconds / 86400:.1f}")
