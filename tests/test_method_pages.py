"""The methods' pages are current and true: tables, arguments and their defaults, example rows, links, commands."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnostics.metrics import METHODS
from diagnostics.metrics.units import PER_TOKEN
from tests.method_pages import FOLDERS, PAGES, pages
from training import cli
from training.request import ClinicArguments

PAGE_NAMES = [f"{folder}{method}.md" for folder in ("", "zh/") for method in METHODS]
COLUMNS = {
    "sft": [{"text"}, {"messages"}, {"prompt", "completion"}],
    "reward": [{"prompt", "chosen", "rejected"}],
    "dpo": [{"prompt", "chosen", "rejected"}],
    "kto": [{"prompt", "completion", "label"}],
    "grpo": [{"prompt", "order"}],
    "rloo": [{"prompt", "order"}],
    "ppo": [{"prompt"}],
}


def read(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def method_of_page(name: str) -> str:
    return Path(name).stem


def known_arguments(method: str) -> dict[str, Any]:
    """Every argument a method knows, with its default (a factory where it has none)."""
    import trl
    from trl.scripts.grpo import GRPOScriptArguments

    from training.ppo_config import PPOConfig

    config = PPOConfig if method == "ppo" else getattr(trl, config_of(method))
    classes = (GRPOScriptArguments, config, trl.ModelConfig, ClinicArguments)
    return {field.name: field.default for one in classes for field in dataclasses.fields(one) if field.init}


def config_of(method: str) -> str:
    return {"reward": "RewardConfig"}.get(method, f"{method.upper()}Config")


def arguments_on(name: str) -> Iterator[tuple[str, str]]:
    """The arguments of a page's table with the default that it names, as text; empty where it names none."""
    hand_written = read(name).partition("<!-- metrics")[0]
    yield from re.findall(r"^\| `(\w+)` \| (?:`([^`]+)`)? ?\|", hand_written, re.MULTILINE)


def test_pages_are_current() -> None:
    kept = {path: path.read_text(encoding="utf-8") for folder in FOLDERS.values() for path in folder.glob("*.md")}
    assert kept == pages(), "run: python -m tests.method_pages"


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_arguments_exist_with_these_defaults(name: str) -> None:
    method = method_of_page(name)
    known = known_arguments(method)
    found = dict(arguments_on(name))
    assert len(found) >= 5
    for argument, default in found.items():
        assert argument in known, argument
        if default:
            wanted = known[argument]
            value = default if isinstance(wanted, str) else ast.literal_eval(default)
            assert value == wanted, f"{argument}: the page says {default}, it is {wanted}"


@pytest.mark.parametrize("method", METHODS)
def test_both_languages_name_the_same_arguments_and_commands(method: str) -> None:
    english, chinese = f"{method}.md", f"zh/{method}.md"
    assert list(arguments_on(english)) == list(arguments_on(chinese))
    commands = [re.findall(r"^    python .*$", read(name), re.MULTILINE) for name in (english, chinese)]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_example_rows_have_the_columns_in_text_and_conversational_form(name: str) -> None:
    method = method_of_page(name)
    rows = [json.loads(line) for line in re.findall(r"^    (\{.*\})$", read(name), re.MULTILINE)]
    assert [set(row) for row in rows if set(row) not in COLUMNS[method]] == []
    kinds = {isinstance(row.get("prompt", row.get("messages", row.get("text"))), str) for row in rows}
    assert kinds == {True, False}


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_commands_parse(name: str) -> None:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers(required=True))
    commands = re.findall(r"^    python -m training (.*)$", read(name), re.MULTILINE)
    parsed = [parser.parse_args(shlex.split(one)) for one in commands]
    assert [one.method for one in parsed if hasattr(one, "method")] == [method_of_page(name)]


@pytest.mark.parametrize("name", [*PAGE_NAMES, "README.md", "zh/README.md"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", read(name))
    assert links
    for target in links:
        assert ((PAGES / name).parent / target).exists(), target


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_page_says_what_is_asked_of_it(name: str) -> None:
    page = read(name)
    assert len(re.findall(r"^## ", page, re.MULTILINE)) == 6
    assert "—" not in page
    unit = PER_TOKEN.zh if name.startswith("zh/") else PER_TOKEN.en
    assert (unit in page) == (method_of_page(name) != "reward")
