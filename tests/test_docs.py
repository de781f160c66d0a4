"""The documents are true: the tree, the rules, the commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from dashboard.command import MODULES
from diagnostics.rules import RULES
from tests import make_cases, record_cases
from tests.tree import OTHERS, README, ROOT, role_of, written

READ = README.read_text(encoding="utf-8")


def test_tree_in_the_readme_is_that_of_the_files() -> None:
    assert written(READ) == READ, "run: python -m tests.tree"


@pytest.mark.parametrize("name", OTHERS)
def test_named_files_exist(name: str) -> None:
    assert (ROOT / name).exists()


def test_every_module_says_its_role() -> None:
    for room in ("dashboard", "training", "diagnostics"):
        for path in (ROOT / room).rglob("*.py"):
            assert 10 < len(role_of(path)) < 130, path


def test_readme_names_every_rule() -> None:
    for rule in RULES:
        assert f"`{rule.NAME}`" in READ


def test_linked_files_exist() -> None:
    for document in (README, ROOT / "CONTRIBUTING.md", ROOT / "runs/README.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), target


def test_commands_in_the_readme_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `python -m training` or `-m diagnostics` line is understood by its parser."""
    import argparse

    from diagnostics import cli as diagnostics_cli
    from training import cli as training_cli

    parsers = {}
    for name, module in (("training", training_cli), ("diagnostics", diagnostics_cli)):
        parsers[name] = argparse.ArgumentParser()
        module.add_commands(parsers[name].add_subparsers(required=True))
    lines = re.findall(r"^    python -m (training|diagnostics) ([^#\n]+)", READ, re.MULTILINE)
    assert len(lines) >= 4
    for module, words in lines:
        parsers[module].parse_args(shlex.split(words))


def test_one_command_knows_every_command() -> None:
    assert set(MODULES) == {"start", "demo", "check", "explain", "dashboard"}


def test_cases_on_disk_are_those_of_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_cases, "CASES", tmp_path)
    make_cases.main()
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = ROOT / "tests" / "cases"
    ours = [path for path in kept.rglob("*") if path.is_file() and "-real-" not in path.relative_to(kept).parts[1]]
    assert made == {path.relative_to(kept): path.read_bytes() for path in ours}


def test_recorded_cases_on_disk_are_those_that_the_script_names() -> None:
    kept = ROOT / "tests" / "cases"
    recorded = {path.relative_to(kept).with_suffix("").as_posix() for path in kept.glob("*/*-real-*")}
    assert recorded == set(record_cases.RUNS)
