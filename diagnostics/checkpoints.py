"""What several rules ask of a run's checkpoints: which may be judged, which is whole, how to go on from one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diagnostics.finding import CannotJudge, Fix
from diagnostics.fixing import edits
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint, checkpoints_of


def settled(run: Run) -> list[Checkpoint]:
    """The checkpoints of a run that nobody is still writing, newest first.

    Raises:
        CannotJudge: there is none.
    """
    found = checkpoints_of(run)
    if not found:
        raise CannotJudge("no-checkpoint")
    kept = [one for one in found if not one.young]
    if not kept:
        raise CannotJudge("not-yet", what="checkpoint")
    return kept


def label(run: Run, one: Checkpoint) -> str:
    """What a checkpoint is called in a table: its folder's name, of the run's own folder a point."""
    return "." if one.folder == run.path else one.folder.name


def place(run: Run, path: Path) -> str:
    """A file's path as a person in the run's folder would write it."""
    try:
        return str(path.relative_to(run.path))
    except ValueError:
        return str(path)


def resumable(found: Sequence[Checkpoint]) -> Checkpoint | None:
    """The newest whole checkpoint with the Trainer's state, from which a run can go on."""
    return next((one for one in found if one.whole and not one.final and "trainer_state.json" in one.names), None)


def go_on_from(run: Run, one: Checkpoint | None) -> tuple[Fix, ...]:
    """A child run that goes on from a checkpoint; no fix without one. The rule has a title for `earlier`."""
    if one is None:
        return ()
    made = edits(run, resume_from_checkpoint=str(one.folder))
    return (Fix("earlier", "ask" if made else "show", made, {"step": one.step}),)
