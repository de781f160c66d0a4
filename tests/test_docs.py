"""The documents are true: the tree, the rules, the commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dashboard.command import MODULES
from diagnostics.measure import limits
from diagnostics.report.limit_words import SOURCES, UNITS
from diagnostics.rules import RULES
from tests import make_cases, record_cases
from tests.rule_pages import FAMILIES, PAGES, READMES, pages
from tests.rule_pages import written as with_rules
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
    named = [rule for rules in FAMILIES.values() for rule in rules]
    assert sorted(named) == sorted(rule.NAME for rule in RULES), "give the rule a family in tests/rule_pages.py"
    for lang, path in READMES.items():
        text = path.read_text(encoding="utf-8")
        assert with_rules(text, lang) == text, "run: python -m tests.rule_pages"


def test_pages_of_the_rules_come_from_their_files() -> None:
    for lang, folder in PAGES.items():
        kept = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
        assert kept == pages(lang), "run: python -m tests.rule_pages"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.NAME)
def test_every_threshold_has_its_unit_and_source_in_chinese(rule: ModuleType) -> None:
    for name, limit in limits(rule).items():
        assert limit.unit in UNITS, f"{name}: diagnostics/report/limit_words.py"
        assert limit.source in SOURCES, f"{name}: diagnostics/report/limit_words.py"


def test_no_word_of_a_threshold_is_left_over() -> None:
    there = [limit for rule in RULES for limit in limits(rule).values()]
    assert UNITS.keys() == {one.unit for one in there}
    assert SOURCES.keys() == {one.source for one in there}


@pytest.mark.parametrize(
    "document", ["README.md", "docs/commands.md", "docs/demo.md", "docs/compare.md", "docs/sharing.md"]
)
def test_commands_in_the_documents_parse(document: str) -> None:
    """Every `python -m training` or `-m diagnostics` line is understood by its parser."""
    import argparse

    from diagnostics import cli as diagnostics_cli
    from training import cli as training_cli
    from training.control.options import parse_options

    parsers = {}
    for name, module in (("training", training_cli), ("diagnostics", diagnostics_cli)):
        parsers[name] = argparse.ArgumentParser()
        module.add_commands(parsers[name].add_subparsers(required=True))
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^    python -m (training|diagnostics) ([^#\n]+)", text, re.MULTILINE)
    assert lines
    for module, words in lines:
        _, options = parsers[module].parse_known_args(shlex.split(words))
        if words.startswith("start "):
            parse_options(options)  # TRL's own arguments
        else:
            assert not options, words


def test_workflow_in_the_ci_page_runs_commands_that_exist() -> None:
    import argparse

    import yaml

    from diagnostics import cli

    page = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    steps = workflow["jobs"]["check"]["steps"]
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers(required=True))
    commands = re.findall(r"python -m diagnostics ([^>|\n]+)", "\n".join(step.get("run", "") for step in steps))
    formats = {parser.parse_args(shlex.split(one)).format for one in commands}
    assert formats == {"markdown", "sarif", "html", "text"}
    # All that `check` imports of others, in the versions that are pinned.
    [install] = [step["run"] for step in steps if "pip install" in step.get("run", "")]
    wanted = re.search(r"'(\^[^']+)'", install)
    assert wanted
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [one.split("==")[0] for one in pinned if re.match(wanted[1], one)] == [
        "google-crc32c",
        "numpy",
        "tensorboard",
    ]


def test_check_needs_no_more_than_the_ci_page_installs() -> None:
    code = (
        "import sys; from diagnostics.cli import main; main(['check', 'tests/cases/loss-diverged/bad-late.json'])\n"
        "print({'torch', 'trl', 'transformers', 'pandas', 'plotly', 'gradio', 'yaml', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_one_command_knows_every_command() -> None:
    assert set(MODULES) == {
        "start", "demo", "stop", "resume", "delete", "list", "queue", "doctor",
        "check", "preflight", "memory", "fix", "explain", "compare", "bisect", "convert", "export", "dashboard",
    }  # fmt: skip


def test_cases_on_disk_are_those_of_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_cases, "CASES", tmp_path)
    make_cases.main()
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = ROOT / "tests" / "cases"
    ours = [path for path in kept.rglob("*") if path.is_file() and not others(path.relative_to(kept).parts[1])]
    assert made == {path.relative_to(kept): path.read_bytes() for path in ours}


def others(name: str) -> bool:
    """Whether an entry of a rule's folder is not of make_cases.py: recorded, or what is expected."""
    return "-real-" in name or name == "expected"


def test_recorded_cases_on_disk_are_those_that_the_script_names() -> None:
    kept = ROOT / "tests" / "cases"
    recorded = {path.relative_to(kept).with_suffix("").as_posix() for path in kept.glob("*/*-real-*")}
    assert recorded == set(record_cases.RUNS)
