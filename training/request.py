"""What is asked of a worker: the config, from a file and from the command line, and the folder it is written to."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from diagnostics.preflight import asking
from diagnostics.run.files import read_json
from diagnostics.run.refusal import Refusal

METHODS = asking.METHODS
SCHEMA = 1
REFUSED = 2  # the exit code of a request that cannot be met
RUN_FILE = "run.json"


class BadRequest(Refusal):
    """What was asked cannot be done. The message is one sentence: what, where, what was expected."""


class RunFailed(Refusal):
    """A run that has begun cannot go on. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Request:
    """One run as it was asked for: method, whole config, folder."""

    method: str
    config: Mapping[str, Any]
    folder: Path

    @property
    def seed(self) -> int:
        """The seed asked for; TRL's default is 42."""
        seed = self.config.get("seed", 42)
        return seed if isinstance(seed, int) else 42


def told(text: str) -> dict[str, str]:
    """The metadata of an argument: its help, as TRL's own classes keep theirs."""
    return {"help": text}


@dataclass
class ClinicArguments:
    """The arguments that TRL does not have; each says in its help what it does."""

    sample_prompts: str | None = field(
        default=None,
        metadata=told(
            "A JSON Lines file of prompts that every checkpoint answers: a `prompt` per row (text, or a list of messages) "
            "and any further columns."
        ),
    )
    sample_rewards: list[str] = field(
        default_factory=list,
        metadata=told(
            "What scores those answers: functions with the signature of a TRL reward function, as `file.py:function` or "
            "`package.module:function`."
        ),
    )
    sample_max_new_tokens: int = field(default=64, metadata=told("Tokens of such an answer at most."))
    column_mapping: dict[str, str] | None = field(
        default=None,
        metadata=told('Columns of the data set by the names that TRL reads: `{"prompt": "question"}`.'),
    )
    curriculum: str | None = field(
        default=None,
        metadata=told(
            "Train from easy to hard by `length`, by `column:NAME`, or by the reference model's `loss`; in "
            "`curriculum_stages` stages."
        ),
    )
    curriculum_stages: int = field(default=3, metadata=told("Stages of the curriculum."))
    ref_model_name_or_path: str | None = field(
        default=None, metadata=told("Another reference model than the one that is trained (DPO, KTO, PPO).")
    )


def read_config(path: Path) -> dict[str, Any]:
    """The config of a YAML or JSON file.

    Raises:
        BadRequest: the file is not there, cannot be parsed, or holds no mapping of argument names.
    """
    try:
        return asking.read_config(path)
    except asking.AskedWrong as error:
        raise BadRequest.of(error) from error


@dataclass(frozen=True)
class Marks:
    """What a config file may say beside the trainer's arguments: its method, and of which run it mends what."""

    method: str | None
    parent: str | None
    fixes: tuple[str, ...]


def take_marks(config: dict[str, Any]) -> Marks:
    """Take `method`, `parent` and `fixes` out of a config, as `python -m diagnostics fix` writes them.

    Raises:
        BadRequest: one of them is not what it should be.
    """
    method, parent, fixes = config.pop("method", None), config.pop("parent", None), config.pop("fixes", ())
    if method is not None and method not in METHODS:
        raise BadRequest(
            f"method: {method!r} is none of ours; expected one of {', '.join(METHODS)}.",
            f"method：{method!r} 不是这里的方法；应为 {'、'.join(METHODS)} 之一。",
        )
    if parent is not None and not isinstance(parent, str):
        raise BadRequest(f"parent: {parent!r} is no name of a run.", f"parent：{parent!r} 不是训练的名称。")
    if not isinstance(fixes, list | tuple) or not all(isinstance(one, str) for one in fixes):
        raise BadRequest(
            "fixes: a list of names was expected, as `python -m diagnostics fix` writes it.",
            "fixes：应为名称的列表，如 `python -m diagnostics fix` 所写。",
        )
    return Marks(method, parent, tuple(fixes))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs as a config. A value is read as JSON if it is some, else it is taken as text.

    Raises:
        BadRequest: a pair has no `=`, or no name before it.
    """
    try:
        return asking.parse_settings(settings)
    except asking.AskedWrong as error:
        raise BadRequest.of(error) from error


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that decide what a run does."""
    found = {"python": platform.python_version()}
    for name in ("torch", "transformers", "trl", "accelerate", "datasets", "peft"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def read_request(folder: Path) -> Request:
    """The request of a run folder.

    Raises:
        BadRequest: its `run.json` is missing or is none of ours.
    """
    try:
        asked = read_json(folder / RUN_FILE)
        return Request(asked["method"], dict(asked["config"]), folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{folder / RUN_FILE}: is no record of a run ({error}).",
            f"{folder / RUN_FILE}：不是训练的记录（{error}）。",
        ) from error
