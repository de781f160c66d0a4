"""How a run ended, told apart: finished, stopped, crashed, killed, still running, or not known."""

from __future__ import annotations

from diagnostics.postmortem.causes import verdict_of
from diagnostics.run import Run
from diagnostics.run.status import Ending

# What a console says of an end from outside: by somebody's hand or wish, or by force.
STOPPED = ("interrupted", "terminated", "cancelled")
KILLED = ("time-limit", "preempted", "node")
KILLS = ("killed", "signal")


def ending_of(run: Run) -> Ending:
    """How a run ended: by its own status; of a foreign run by its console, else by the steps that it had planned."""
    told = run.status.ending
    if told not in ("unknown", "crashed"):
        return told
    verdict = verdict_of(run)
    first = verdict.first
    if first is not None and first.role != "warning":
        if first.rule == "run-died" and first.kind in STOPPED:
            return "stopped"
        forced = first.rule == "run-died" and first.kind in KILLED
        return "killed" if forced or (first.rule == "out-of-host-memory" and first.kind in KILLS) else "crashed"
    if verdict.unknown is not None or told == "crashed":
        return "crashed"
    reached = run.status.max_steps and max(run.status.step, run.last_step) >= run.status.max_steps
    return "finished" if reached else "unknown"
