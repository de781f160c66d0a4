"""A pre-flight's work: what the form asks for as a command, how far it is, what it found; in a process of its own."""

from __future__ import annotations

import ast
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.clinic import Clinic
from dashboard.preflight.process import end, last_sentence, last_told, named, started
from dashboard.texts import Words

LOOK_SECONDS = 0.25  # between two looks at a running process
BAD_INPUT = 2
STEPS = {"data": "pre.data", "prepared": "pre.prepared", "rewards": "pre.rewards_tried", "script": "pre.script_read"}


class FormUnusable(Exception):
    """The form asks for something that cannot be done. The message is said in the page's language."""


@dataclass(frozen=True)
class Form:
    """The page's fields, as they are filled. Paths of files that were dropped are where Gradio keeps them.

    A text may be None: that of a field which was never on the screen.
    """

    method: str | None = None
    model: str | None = None
    data_file: str | None = None
    data_path: str | None = ""
    rewards: str | None = ""
    reward_file: str | None = None
    script: str | None = None
    config_file: str | None = None
    settings: str | None = ""

    @property
    def dropped(self) -> list[str]:
        """The files that were dropped."""
        files = (self.data_file, self.reward_file, self.script, self.config_file)
        return [one for one in files if one]

    @property
    def data(self) -> str | None:
        """The data: what was dropped, else what was named."""
        return self.data_file or (self.data_path or "").strip() or None


@dataclass(frozen=True)
class State:
    """How far a pre-flight is: what is being done, how much of it, and at the end the report's object or why there is none."""

    what: str = "starting"
    done: int = 0
    of: int = 0
    seconds: float = 0.0
    report: dict[str, Any] | None = None
    error: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.report is not None or self.error is not None


def words_of_command(form: Form, words: Words) -> list[str]:
    """The form as the words of `python -m diagnostics preflight`.

    Raises:
        FormUnusable: nothing to look at is given, or a field cannot be read.
    """
    if not form.data and not form.script and not form.config_file:
        raise FormUnusable(words("pre.nothing"))
    if form.data and not form.method and not form.config_file:
        raise FormUnusable(words("pre.no_method"))
    command = ["preflight"]
    pairs = (
        ("--config", form.config_file),
        ("--method", form.method),
        ("--data", form.data),
        ("--model", (form.model or "").strip()),
        ("--script", form.script),
    )
    for option, value in pairs:
        command += [option, value] if value else []
    for spec in reward_specs(form, words):
        command += ["--reward", spec]
    if settings := setting_words(form.settings, words):
        command += ["--set", *settings]
    return command


def reward_specs(form: Form, words: Words) -> list[str]:
    """The reward functions that the form names; of a dropped file all that could be one.

    Raises:
        FormUnusable: the file holds none.
    """
    named = [one.strip() for one in (form.rewards or "").split(",") if one.strip()]
    if form.reward_file is None:
        return named
    path = Path(form.reward_file)
    functions = reward_names(path)
    if not functions:
        raise FormUnusable(words("pre.no_functions", file=path.name))
    return [*named, *(f"{path}:{one}" for one in functions)]


def reward_names(path: Path) -> list[str]:
    """The functions of a file that take completions: read from its text, which is not run."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    return [
        one.name
        for one in tree.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and not one.name.startswith("_")
        and "completions" in [argument.arg for argument in (*one.args.args, *one.args.kwonlyargs)]
    ]


def setting_words(text: str | None, words: Words) -> list[str]:
    """The lines `key=value` of a text.

    Raises:
        FormUnusable: a line is none.
    """
    lines = setting_lines(text)
    for line in lines:
        if "=" not in line[1:]:
            raise FormUnusable(words("pre.no_settings", line=line))
    return lines


def setting_lines(text: str | None) -> list[str]:
    """The lines of a text that say something."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def look(form: Form, words: Words) -> Iterator[State]:
    """Look at what the form names: states as they come, the last with the report or with the reason why there is none.

    Whoever stops iterating ends the process with all that it started.

    Raises:
        FormUnusable: see `words_of_command`.
    """
    command = words_of_command(form, words)
    with tempfile.TemporaryDirectory(prefix="trl-clinic-preflight-") as name:
        folder = Path(name)
        out, progress = folder / "report.json", folder / "progress.jsonl"
        more = ["--format", "json", "--lang", words.lang, "--out", str(out), "--progress", str(progress)]
        begun = time.monotonic()
        process = started([*command, *more], folder)
        try:
            while process.poll() is None:
                yield State(**last_told(progress), seconds=time.monotonic() - begun)
                time.sleep(LOOK_SECONDS)
        finally:
            end(process)
        yield outcome(process, folder, out, form.dropped, time.monotonic() - begun)


def outcome(process: subprocess.Popen[bytes], folder: Path, out: Path, dropped: list[str], seconds: float) -> State:
    """What a process that has ended leaves: the report, or the sentence on its console; dropped files by their names."""
    try:
        report = json.loads(named(out.read_text(encoding="utf-8"), dropped))
    except (OSError, ValueError):
        return State(error=named(last_sentence(folder, process.returncode), dropped), seconds=seconds)
    return State(report=report, seconds=seconds)


def form_of_run(clinic: Clinic, name: str) -> Form | None:
    """A run's own request as a form; None if the run is not there or tells no config."""
    run = clinic.run(name)
    if run is None or not run.asked:
        return None
    config = dict(run.asked)
    rewards = config.pop("reward_funcs", None) or []
    model = config.pop("model_name_or_path", None)
    data = config.pop("dataset_name", None)
    named = [rewards] if isinstance(rewards, str) else rewards
    lines = "\n".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in config.items()
    )
    return Form(
        method=run.method,
        model=str(model) if model else None,
        data_path=str(data or ""),
        rewards=", ".join(map(str, named)),
        settings=lines,
    )


def models(clinic: Clinic) -> list[tuple[str, str]]:
    """Checkpoints whose tokenizer could be used, by name, with their folders."""
    return [(one.name, one.path) for one in clinic.checkpoints() if one.kind in ("model", "adapter")]
