"""The page on memory says what the code does."""

from __future__ import annotations

import argparse
import shlex

import pytest

from diagnostics.memory import command
from tests.memory_page import PAGE, page

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_prices_are_those_of_the_code() -> None:
    assert page(TEXT) == TEXT, "run: python -m tests.memory_page"
    assert TEXT.count("| ") > 60


@pytest.mark.parametrize(
    "line", [one.strip() for one in TEXT.splitlines() if one.startswith("    python -m diagnostics memory")]
)
def test_its_commands_are_understood(line: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_command(parser.add_subparsers())
    parser.parse_args(shlex.split(line)[3:])
