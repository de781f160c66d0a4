"""Where a report goes: to standard output, to a file, through a pipe that may break."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from diagnostics import output
from diagnostics.report.formats import FORMATS
from tests.diagnostics.test_folder import DIVERGED, HEALTHY, check, put, started


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, one of them with an error."""
    put(HEALTHY, tmp_path / "runs" / "run-1")
    put(DIVERGED, tmp_path / "runs" / "run-2")
    return tmp_path / "runs"


@pytest.mark.parametrize("name", FORMATS)
def test_out_writes_the_report_and_says_where(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    _, printed, _ = check(capsys, runs, "--format", name)
    target = tmp_path / "report.out"
    code, out, err = check(capsys, runs, "--format", name, "--out", target)
    assert (code, out) == (1, "")
    assert err == f"The report is in {target}.\n"
    assert target.read_text() == printed
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask
    assert [path.name for path in tmp_path.iterdir() if path != runs] == ["report.out"]


@pytest.mark.parametrize("target", ["nowhere/report.html", "runs", "file/report.html"])
def test_report_that_cannot_be_written_is_one_sentence_and_code_2(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = check(capsys, runs, "--out", tmp_path / target)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_failed_write_leaves_the_old_report_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.md"
    target.write_text("old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        output.to_file("new", target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_out_to_a_pipe_or_through_a_link_keeps_the_pipe_and_the_link(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    output.to_file("through", pipe)
    reader.join(10)
    assert got == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    output.to_file("new \udcff", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new \\udcff"


@pytest.mark.parametrize("path", ["", "run-2"])
@pytest.mark.parametrize("name", ["text", "html"])  # less and more than a pipe and a buffer hold
def test_reader_that_goes_away_is_no_error(runs: Path, path: str, name: str) -> None:
    done = started("-m", "diagnostics", "check", runs / path, "--format", name, stdout=subprocess.PIPE)
    assert done.stdout
    done.stdout.close()
    assert done.stderr
    assert done.stderr.read() == ""
    assert done.wait() == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_is_one_sentence_and_code_2(runs: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = started("-m", "diagnostics", "check", runs, stdout=full)
        _, err = done.communicate()
    assert done.returncode == 2
    assert err == "standard output: the report cannot be written (No space left on device).\n"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_what_the_terminal_cannot_show_is_written_as_an_escape(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / os.fsdecode(b"bad-\xff-name")
    put(DIVERGED, folder)
    for name in FORMATS:
        done = started(
            "-m", "diagnostics", "check", folder, "--lang", "zh", "--format", name,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": encoding},
        )  # fmt: skip
        out, err = done.communicate()
        assert (done.returncode, err) == (1, "")
        if name in ("json", "sarif"):
            json.loads(out)
