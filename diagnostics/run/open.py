"""Open a path as a run: a folder or a single file, whatever program wrote it."""

from __future__ import annotations

from pathlib import Path

from diagnostics.run.adapter import adapter_arguments
from diagnostics.run.folder import EXPECTED, EXPECTED_ZH, is_run
from diagnostics.run.log import status_of
from diagnostics.run.method import era_of, method_of
from diagnostics.run.reader import RunReader
from diagnostics.run.record import Run, RunUnreadable
from diagnostics.run.sources import log_of_file, run_name


def open_run(path: Path) -> Run:
    """Read a path as a run.

    Raises:
        RunUnreadable: it is none; the message says what was expected.
    """
    try:
        if path.is_file():
            return open_file(path)
        if not path.is_dir():
            there, there_zh = "there is no such file or folder", "没有这个文件或文件夹"
            if path.exists():
                there, there_zh = "is neither a file nor a folder", "既不是文件也不是文件夹"
            raise RunUnreadable(f"{path}: {there}; expected {EXPECTED}.", f"{path}：{there_zh}；应为{EXPECTED_ZH}。")
        if is_run(path):
            return RunReader(path).read()
        inside = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and is_run(entry))
    except OSError as error:
        raise RunUnreadable(
            f"{path}: cannot be opened ({error.strerror}); expected {EXPECTED}.",
            f"{path}：无法打开（{error.strerror}）；应为{EXPECTED_ZH}。",
        ) from error
    if inside:
        raise RunUnreadable(
            f"{path}: holds {len(inside)} runs, name one of them: {', '.join(inside[:8])}.",
            f"{path}：里面有 {len(inside)} 次运行，请指定其中之一：{'、'.join(inside[:8])}。",
        )
    raise RunUnreadable(f"{path}: is no run; expected {EXPECTED}.", f"{path}：不是运行；应为{EXPECTED_ZH}。")


def open_file(path: Path) -> Run:
    """Read one file as a run, of which nothing else is known but the adapter that may lie beside it."""
    log = log_of_file(path)
    config = {**adapter_arguments([path.parent]), **log.config}
    method = method_of(log.series, config)
    return Run(
        path=path,
        name=run_name(path),
        method=method,
        status=status_of(log),
        config=config,
        series=log.series,
        restarts=log.restarts,
        missing=("all-but-log",),
        problems=log.problems,
        era=era_of(log.series, method),
    )
