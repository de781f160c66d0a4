"""A story that fails is told with what its servers have printed, or nobody could say why it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.browser.conftest import LOG_LINES, ROOT, printed

STORY = """
from pathlib import Path
from tests.browser import conftest


def test_story(tmp_path):
    (tmp_path / "server.log").write_text("what the other server said")
    log = Path(__file__).parent / "dashboard.log"
    log.write_text("what the dashboard said")
    conftest.RUNNING.append(log)
    assert not "sound"
"""


def test_a_failing_story_shows_them(tmp_path: Path) -> None:
    story = tmp_path / "test_story.py"
    story.write_text(STORY)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.browser.conftest",
        "--rootdir",
        str(tmp_path),
        "-c",
        os.devnull,
    ]
    done = subprocess.run([*command, str(story)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "what the dashboard said" in done.stdout
    assert "what the other server said" in done.stdout


def test_of_a_long_log_its_end_is_shown(tmp_path: Path) -> None:
    (tmp_path / "long.log").write_text("\n".join(str(number) for number in range(1000)))
    (tmp_path / "empty.log").write_text("")
    ((title, text),) = printed([tmp_path / "long.log", tmp_path / "empty.log", tmp_path / "none.log"])
    assert title.endswith("long.log")
    assert text.splitlines() == [str(number) for number in range(1000 - LOG_LINES, 1000)]
