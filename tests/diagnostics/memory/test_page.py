"""The pages on memory say what the code does, in both languages."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from diagnostics.memory import command
from diagnostics.memory.prices import PRICES
from diagnostics.report.words import LANGS
from tests.memory_page import PAGES, page, reason

TEXTS = {lang: PAGES[lang].read_text(encoding="utf-8") for lang in LANGS}
TEXT = "\n".join(TEXTS.values())


def test_the_prices_are_those_of_the_code() -> None:
    for lang, text in TEXTS.items():
        assert page(text, lang) == text, "run: python -m tests.memory_page"
        assert text.count("| ") > 60


@pytest.mark.parametrize("key", PRICES)
def test_a_reason_says_the_same_numbers_in_both_languages(key: str) -> None:
    english, chinese = (re.findall(r"\d[\d./]*", reason(key, PRICES[key], lang)) for lang in LANGS)
    assert english == chinese


@pytest.mark.parametrize(
    "line", [one.strip() for one in TEXT.splitlines() if one.startswith("    python -m diagnostics memory")]
)
def test_its_commands_are_understood(line: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_command(parser.add_subparsers())
    parser.parse_args(shlex.split(line)[3:])
