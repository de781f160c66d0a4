"""Progress on a terminal, and silence elsewhere."""

from __future__ import annotations

import sys

import pytest

from diagnostics.compare.commands import progress
from diagnostics.compare.commands.progress import Progress, duration, left


def test_a_terminal_sees_one_line_that_is_wiped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    one = Progress()
    one.say("1 of 9")
    one.say("2 of 9")  # too soon
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    one.say("3 of 9")
    one.wipe()
    assert capsys.readouterr().err == "\r\x1b[K1 of 9\r\x1b[K3 of 9\r\x1b[K"


def test_a_log_file_sees_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    one = Progress()
    one.say("1 of 9")
    one.wipe()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (40.4, "40 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_is_left() -> None:
    assert (left(None), left(0.1), left(60)) == ("", "", ", about 60 s left")
