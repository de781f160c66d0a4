"""A pre-flight's work: what the form asks for as a command, how far it is, what it found; in a process of its own."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.clinic import Clinic
from dashboard.texts import Words
from diagnostics.finding import Edit
from diagnostics.fixing import applied
from diagnostics.package import python_path
from diagnostics.run.files import write_json

LOOK_SECONDS = 0.25  # between two looks at a running process
BAD_INPUT = 2
STEPS = {"data": "pre.data", "prepared": "pre.prepared", "rewards": "pre.rewards_tried", "script": "pre.script_read"}


class FormUnusable(Exception):
    """The form asks for something that cannot be done. The message is one sentence."""


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


def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """A command of the diagnostics in a session of its own, its words in `console.log`."""
    with (folder / "console.log").open("wb") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "diagnostics", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": python_path(os.environ)},
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started, if it is still running."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_told(progress: Path) -> dict[str, Any]:
    """What the process told last: what, done, of."""
    try:
        lines = progress.read_text(encoding="utf-8").splitlines()
        told = json.loads(lines[-1])
        return {"what": str(told["what"]), "done": int(told["done"]), "of": int(told["of"])}
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return {}


def outcome(process: subprocess.Popen[bytes], folder: Path, out: Path, dropped: list[str], seconds: float) -> State:
    """What a process that has ended leaves: the report, or the sentence on its console; dropped files by their names."""
    try:
        report = json.loads(named(out.read_text(encoding="utf-8"), dropped))
    except (OSError, ValueError):
        return State(error=named(last_sentence(folder, process.returncode), dropped), seconds=seconds)
    return State(report=report, seconds=seconds)


def named(text: str, dropped: list[str]) -> str:
    """A text with the dropped files called as they were, not by the places where they are kept."""
    for one in dropped:
        text = text.replace(one, Path(one).name)
    return text


def last_sentence(folder: Path, code: int) -> str:
    """The last line of a console, which says why a command failed; the exit code where it says nothing."""
    lines = (folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else f"exit code {code}"


def converted(form: Form, words: Words) -> Path:
    """The data in the method's own shape, as a file in a folder of its own.

    Raises:
        FormUnusable: it cannot be converted; the message says why.
    """
    if not form.data or not form.method:
        raise FormUnusable(words("pre.nothing") if not form.data else words("pre.no_method"))
    folder = Path(tempfile.mkdtemp(prefix="trl-clinic-"))
    target = folder / f"{Path(form.data).stem or 'data'}.{form.method}.jsonl"
    command = ["preflight", "--method", form.method, "--data", form.data, "--rows", "1", "--convert", str(target)]
    if settings := setting_words(form.settings, words):
        command += ["--set", *settings]
    process = started([*command, "--format", "json", "--out", str(folder / "report.json")], folder)
    process.wait()
    if not target.is_file():
        raise FormUnusable(last_sentence(folder, process.returncode))
    return target


def modern_script(report: dict[str, Any]) -> Path | None:
    """The script for the installed TRL, as a file in a folder of its own; None where nothing has to change."""
    script = report.get("script")
    if not script or not script["modern"]:
        return None
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / Path(script["path"]).name
    path.write_text(script["modern"], encoding="utf-8")
    return path


def mended_config(form: Form, report: dict[str, Any]) -> Path | None:
    """The config with the first fix of each finding that edits it, as a file; None where no fix does."""
    from diagnostics.preflight.asking import AskedWrong, parse_settings, read_config

    edits = [
        edit for one in report["findings"] for edit in next((fix["edits"] for fix in one["fixes"] if fix["edits"]), [])
    ]
    if not edits:
        return None
    config: dict[str, Any] = {"method": report["method"]}
    with suppress(AskedWrong):
        config.update(read_config(Path(form.config_file)) if form.config_file else {})
        config.update(parse_settings(setting_lines(form.settings)))
    config.update({"model_name_or_path": report["model"]} if report["model"] else {})
    config.update({"dataset_name": form.data} if form.data else {})
    config = applied(config, (Edit(one["path"], one["from"], one["to"], one.get("removed", False)) for one in edits))
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / "config.json"
    write_json(path, config)
    return path


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
