"""Measures a training that has not begun: its data, what TRL makes of it, its rewards, its script. Not the model's weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from diagnostics.preflight.asking import ONLINE, AskedWrong
from diagnostics.preflight.material import Asked, Material

LIMIT = 10_000  # rows that are looked at token by token
# done, of how many, what: `data`, `prepared`, `rewards`, `script`.
Progress = Callable[[int, int, str], None]


def silent(done: int, of: int, what: str) -> None:
    """Nobody is told."""


def measure(
    asked: Asked, *, limit: int = LIMIT, progress: Progress = silent, rewards: bool = True, processes: int = 1
) -> Material:
    """All that the pre-flight rules judge.

    `limit`: of more rows a sample is looked at token by token; raw rows are all read. `rewards`: whether reward functions
    are called, which runs the user's code, in a process of its own. `processes`: that will train. What cannot be had is
    None, with the reason in `unseen`.

    Raises:
        AskedWrong: model or script cannot be opened at all.
        DataUnreadable: the data cannot be opened at all.
    """
    from diagnostics.probes.signatures import config_of, machine

    material = Material(asked, machine=machine(), processes=processes)
    if asked.method:
        defaults, usable = config_of(asked.method)
        material = replace(material, defaults=defaults, usable=usable)
    material = with_data(material, limit, progress)
    material = with_preparation(material, progress)
    if rewards:
        material = with_rewards(material, progress)
    return with_script(material, progress)


def unseen(material: Material, part: str, why: str) -> Material:
    """The material with the reason for which a part is not there."""
    return replace(material, unseen={**material.unseen, part: why})


def with_data(material: Material, limit: int, progress: Progress) -> Material:
    """The raw rows of the training split, and of the evaluation split where there is evaluation."""
    from diagnostics.probes.data import open_rows

    asked = material.asked
    if not asked.method or not (asked.config.get("dataset_name") or asked.config.get("datasets")):
        return unseen(material, "data", "no data was given")

    def read(what: str, done: int, of: int) -> None:
        progress(done, of, "data")

    train = open_rows(asked.method, asked.config, "train", limit=limit, progress=read)
    evaluated = material.value("eval_strategy") not in (None, "no")
    evaluation = open_rows(asked.method, asked.config, "test", limit=limit, progress=read) if evaluated else None
    held_out = None if evaluated else holds_test(asked)
    return replace(material, train=train, evaluation=evaluation, held_out=held_out)


def holds_test(asked: Asked) -> bool | None:
    """Whether data on this machine have a split to evaluate on; None for others, which would be fetched for the question."""
    from diagnostics.preflight.unreadable import DataUnreadable
    from diagnostics.probes.data import HUGE, open_rows

    path = Path(str(asked.config.get("dataset_name") or ""))
    if not asked.method or asked.config.get("datasets") or not path.exists():
        return None
    if path.is_file() and path.stat().st_size > HUGE:
        return None
    try:
        open_rows(asked.method, asked.config, "test", limit=1)
    except DataUnreadable as problem:
        return False if problem.kind == "no-split" else None
    return True


def with_preparation(material: Material, progress: Progress) -> Material:
    """What TRL's own preparation makes of the rows, with the model's tokenizer."""
    from diagnostics.probes.preparation import CannotPrepare, prepare

    if material.train is None:
        return unseen(material, "prepared", material.unseen.get("data", "no data was given"))
    if not material.asked.config.get("model_name_or_path"):
        return unseen(material, "prepared", "no model was given, whose tokenizer is needed")
    if material.train.dataset is None:
        return unseen(material, "prepared", "the columns do not fit: see wrong-columns")

    def made(done: int, of: int, what: str) -> None:
        progress(done, of, "prepared")

    try:
        return replace(material, prepared=prepare(material.asked, material.train, progress=made))
    except CannotPrepare as error:
        if not len(material.train.rows):
            return unseen(material, "prepared", error.sentence)
        raise AskedWrong(f"{error}.", f"{error.said('zh')}。") from error


def with_rewards(material: Material, progress: Progress) -> Material:
    """Each reward function tried on rows of the data."""
    named: Any = material.asked.config.get("reward_funcs")
    specs = [named] if isinstance(named, str) else list(named or ())
    if material.method not in ONLINE or not specs:
        return unseen(material, "rewards", "no reward function was named")
    if material.train is None:
        return unseen(material, "rewards", material.unseen.get("data", "no data was given"))
    from diagnostics.probes.reward_trials import trial_rewards

    # As the method gets them: under the names that a `column_mapping` gives.
    named_rows = material.train.rows if material.train.dataset is None else material.train.dataset
    rows = replace(material.train, rows=named_rows)
    return replace(material, rewards=trial_rewards(specs, rows, progress=progress))


def with_script(material: Material, progress: Progress) -> Material:
    """The script, read and never run."""
    if material.asked.script is None:
        return unseen(material, "script", "no script was given")
    from diagnostics.preflight.script import BadScript, checked, read_script
    from diagnostics.probes.signatures import signatures

    progress(0, 1, "script")
    try:
        checked(
            material.asked.script
        )  # a script that is none is said before the libraries are asked, which takes a while
        return replace(material, script=read_script(material.asked.script, signatures()))
    except BadScript as error:
        raise AskedWrong.of(error) from error
