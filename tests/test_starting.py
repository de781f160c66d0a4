"""Without the packages every command line ends in one sentence that says what to do, and with exit code 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

from diagnostics import starting
from tests.tree import ROOT


@pytest.mark.parametrize("words", [["dashboard"], ["training", "list"], ["diagnostics", "check", "runs"]])
def test_without_packages_one_sentence_says_what_to_do(words: list[str]) -> None:
    """-S leaves out the installed packages, as a Python has none that make did not set up."""
    done = subprocess.run([sys.executable, "-S", "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert ". .venv/bin/activate" in done.stderr
    assert "pip install ." in done.stderr


def test_what_is_missing_of_our_own_is_a_fault_to_be_seen() -> None:
    with pytest.raises(ModuleNotFoundError):
        starting.start("diagnostics.no_such_module")
