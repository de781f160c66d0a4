"""Reads a training script, never runs it: what the installed libraries no longer take, and the script mended."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import replace
from pathlib import Path

from diagnostics.preflight.asking import AskedWrong
from diagnostics.preflight.material import Script, ScriptChange
from diagnostics.preflight.script import history
from diagnostics.preflight.script.calls import read_calls
from diagnostics.preflight.script.imports import read_imports
from diagnostics.preflight.script.known import Signatures
from diagnostics.preflight.script.overrides import read_overrides
from diagnostics.preflight.script.survey import Survey, survey_of

MOST_BYTES = 2_000_000  # a script of a person is far smaller; more is data in a file of code
PASSES = 6  # what one mending lays open, the next sees to


class BadScript(AskedWrong):
    """A script cannot be read. The message is one sentence: what, where, what was expected."""


def read_script(path: Path, known: Signatures) -> Script:
    """What the installed libraries do not take of a script, and the script mended as far as its text allows.

    Raises:
        BadScript: it is not there, too large, no text, no Python, or a notebook.
    """
    text = text_of(path)
    first = survey(text, known, path)
    mended, last = text, first
    for _ in range(PASSES):
        new = rewritten(last)
        if new == mended or not parses(new):
            break
        mended, last = new, survey(new, known, path)
    left = {key(one) for one in last.changes}
    changes = tuple(replace(one, mended=key(one) not in left) for one in first.changes)
    diff = "".join(
        difflib.unified_diff(
            text.splitlines(keepends=True), mended.splitlines(keepends=True), f"a/{path.name}", f"b/{path.name}"
        )
    )
    methods = list(dict.fromkeys(first.methods))
    return Script(
        path=path,
        method=methods[0] if len(methods) == 1 else None,
        era=era_of(first),
        changes=tuple(sorted(changes, key=lambda one: one.line)),
        modern=(mended.replace("\n", "\r\n") if ends_in_crlf(path) else mended) if mended != text else None,
        diff=diff,
        unread=tuple(dict.fromkeys(first.unread)),
    )


def checked(path: Path) -> None:
    """Whether there is Python to be read at all.

    Raises:
        BadScript: see `read_script`.
    """
    text = text_of(path)
    try:
        compile(text, str(path), "exec", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise no_python(path, error) from error


def no_python(path: Path, error: Exception) -> BadScript:
    """What is said of a text that is no Python."""
    line, line_zh = "", ""
    if isinstance(error, SyntaxError) and error.lineno:
        line, line_zh = f", line {error.lineno}", f" 第 {error.lineno} 行"
    said = error.msg if isinstance(error, SyntaxError) else type(error).__name__
    return BadScript(
        f"{path}{line}: is no Python that can be read ({said}).", f"{path}{line_zh}：不是可以读取的 Python（{said}）。"
    )


def text_of(path: Path) -> str:
    """The text of a script.

    Raises:
        BadScript: see `read_script`.
    """
    if path.suffix == ".ipynb":
        raise BadScript(
            f"{path}: is a notebook; expected a script, as `jupyter nbconvert --to script` writes one.",
            f"{path}：是笔记本；应为脚本，可用 `jupyter nbconvert --to script` 转换。",
        )
    try:
        if path.exists() and not path.is_file():
            raise BadScript(f"{path}: is no file; expected a training script.", f"{path}：不是文件；应为训练脚本。")
        if path.stat().st_size > MOST_BYTES:
            raise BadScript(
                f"{path}: is larger than {MOST_BYTES // 1_000_000} MB; expected a training script.",
                f"{path}：大于 {MOST_BYTES // 1_000_000} MB；应为训练脚本。",
            )
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadScript(f"{path}: there is no such script.", f"{path}：没有这个脚本。") from error
    except (OSError, ValueError) as error:
        raise BadScript(
            f"{path}: cannot be read as text ({' '.join(str(error).split())[:120]}).",
            f"{path}：无法作为文本读取（{' '.join(str(error).split())[:120]}）。",
        ) from error


def ends_in_crlf(path: Path) -> bool:
    """Whether the lines of a file end as on Windows: the mended script's do too."""
    return b"\r\n" in path.read_bytes()


def survey(text: str, known: Signatures, path: Path) -> Survey:
    """One reading of a text.

    Raises:
        BadScript: the text is no Python.
    """
    try:
        found = survey_of(text, known)
        read_imports(found)
        read_calls(found)
        read_overrides(found)
        if found.patched:
            found.unread.append(
                "unsloth puts classes of its own in the place of TRL's; what those take was not looked at."
            )
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise no_python(path, error) from error
    return found


def rewritten(found: Survey) -> str:
    """The text with all edits of one reading, the imports that it needs, and its helpers."""
    edits, source = found.edits, found.source
    place = after_imports(found)
    rows = ""
    for module, name in found.wanted:
        statement = import_of(found, module)
        if statement is None:
            rows += f"from {module} import {name}\n"
            continue
        end = source.span(statement.names[-1])[1]
        edits.replace((end, end), f", {name}")
    named = found.names.functions
    helpers = "".join(text for name, text in found.helpers.items() if name not in named)
    if rows or helpers:
        edits.replace((place, place), rows + helpers)
    return edits.applied()


def import_of(found: Survey, module: str) -> ast.ImportFrom | None:
    """An import of a module on one line that a name can be added to; only one that is not itself rewritten."""
    touched = [span[:2] for span in found.edits.made]
    for node in found.source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == module and node.lineno == node.end_lineno:
            start, end = found.source.span(node)
            if node.names[0].name != "*" and not any(low < end and high > start for low, high in touched):
                return node
    return None


def after_imports(found: Survey) -> int:
    """Behind the last import that stands at the margin before any other statement; else behind the docstring."""
    place = 0
    for node in found.source.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or (docstring and not place):
            place = min(found.source.line_of(found.source.span(node)[1])[1] + 1, len(found.source.text))
    return place


def parses(text: str) -> bool:
    """Whether a text is Python."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def key(change: ScriptChange) -> tuple[str, str, str]:
    """What makes a change the same one in two readings; its line may have moved."""
    return change.kind, change.what, change.owner


def era_of(found: Survey) -> str | None:
    """The TRL versions that a script was written for, from its names, such as `0.9 to before 0.12`; None if they do not tell."""
    text = found.source.text
    gone = [version(one.since) for one in found.changes if re.match(r"\d", one.since) and one.owner != "reward_funcs"]
    words = set(re.findall(r"[A-Za-z_][\w.]*", text))
    if "PPOTrainer" in words and words & history.PPO_V1:
        gone.append((0, 12))
    born = [version(since) for name, since in history.BORN.items() if name in words]
    low, high = max(born, default=None), min(gone, default=None)
    if high is None and low is None:
        return None
    if high is None:
        return f"{spelled(low)} or later" if low else None
    return f"{spelled(low)} to before {spelled(high)}" if low and low < high else f"before {spelled(high)}"


def version(text: str) -> tuple[int, ...]:
    """A version as numbers."""
    return tuple(int(one) for one in re.findall(r"\d+", text))


def spelled(numbers: tuple[int, ...]) -> str:
    """A version as text."""
    return ".".join(map(str, numbers))
