"""What the Train page does to runs: the same commands that a person types, and what they say."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from dashboard.preflight.job import Form as Looked
from dashboard.preflight.job import FormUnusable, State, look
from dashboard.texts import Words
from dashboard.train.form import DATA, MODEL, Form, given, words_of_command
from dashboard.train.options import Option
from diagnostics.package import python_path
from diagnostics.run.refusal import LANG_VARIABLE, Sentence, said

SECONDS = 90.0  # a command of control answers within seconds; a busy machine takes longer to start Python


class Refused(Exception):
    """A command was refused. The message is its own sentence, in the language that it was asked in."""


def command_line(words: list[str]) -> str:
    """A command as it can be typed: one `--set` pair a line."""
    head, pairs = words, []
    if "--set" in words:
        at = words.index("--set") + 1
        head, pairs = words[:at], words[at:]
    lines = ["python -m training start " + shlex.join(head), *("    " + shlex.quote(one) for one in pairs)]
    return " \\\n".join(lines)


def start(form: Form, options: Mapping[str, Option], root: Path, words: Words) -> str:
    """Put a run into the queue; its name.

    Raises:
        FormUnusable: see `words_of_command`.
        Refused: the launcher refused it.
    """
    command = words_of_command(form, options, root, words)
    carried_out("start", *command, lang=words.lang)
    return Path(command[command.index("--run") + 1]).name


def stop(folder: Path, lang: str = "en") -> None:
    """Ask a run to end after its step.

    Raises:
        Refused: there is nothing to stop.
    """
    carried_out("stop", str(folder), "--wait", "0", lang=lang)


def resume(folder: Path, lang: str = "en") -> None:
    """Go on with a run from its last checkpoint, when its turn comes.

    Raises:
        Refused: it has no checkpoint, or is at work.
    """
    carried_out("resume", str(folder), "--queue", "--detach", lang=lang)


def carried_out(*command: str, lang: str = "en") -> str:
    """Run a command of the training workers to its end; what it printed. What it refuses is said in that language.

    Raises:
        Refused: it failed, or took too long.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "training", *command],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": python_path(os.environ), LANG_VARIABLE: lang},
        )
    except subprocess.TimeoutExpired as error:
        slow = Sentence(
            f"training {command[0]}: no answer in {SECONDS:.0f} s.",
            f"training {command[0]}：{SECONDS:.0f} 秒内没有答复。",
        )
        raise Refused(said(slow, lang)) from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        silent = Sentence(
            f"training {command[0]}: exit code {done.returncode}.", f"training {command[0]}：退出码 {done.returncode}。"
        )
        raise Refused(lines[-1] if lines else said(silent, lang))
    return done.stdout


def check(form: Form, options: Mapping[str, Option], root: Path, words: Words) -> Iterator[State]:
    """The pre-flight of what the form asks for; see `dashboard.preflight.job.look`.

    Raises:
        FormUnusable: see `words_of_command`.
    """
    words_of_command(form, options, root, words)
    pairs = given(form)
    rewards = str(form.fields.get("reward_funcs") or "") if "reward_funcs" in pairs else ""
    own = "\n".join(f"{name}={value}" for name, value in pairs.items() if name not in (MODEL, DATA, "reward_funcs"))
    settings = "\n".join(one for one in (own, form.settings) if one.strip())
    # A run of ours is answered in its own names: what is a mark there is no argument.
    lines = [one for one in settings.splitlines() if not one.startswith(("parent=", "fixes=", "method="))]
    yield from look(
        Looked(
            method=form.method,
            model=form.model,
            data_path=form.data,
            rewards=rewards,
            settings="\n".join(lines),
        ),
        words,
    )


__all__ = ["FormUnusable", "Refused", "check", "command_line", "resume", "start", "stop"]
