"""`check` on a folder of many runs: one table, worst first, judged in parallel, whatever one run does."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from diagnostics import batch, cli
from diagnostics.batch import Job, Member, judge_folder, members
from diagnostics.cli import main
from diagnostics.engine import diagnose
from diagnostics.report import as_markdown
from diagnostics.report.as_text import columns_of
from diagnostics.report.folder import Row, Unreadable, natural, worst_first
from diagnostics.report.formats import FORMATS
from diagnostics.report.words import LANGS
from diagnostics.rules import RULES
from diagnostics.run import is_run
from tests.diagnostics.test_reports import EVIL, Page, keys_of, sarif_of, sound_markdown, sound_page

CASES = Path(__file__).parents[1] / "cases"
ROOT = Path(__file__).parents[2]
SENTENCE = r"\b[A-Za-z]{2,} [a-z]+ [a-z]+ [a-z]+"
# Elsewhere a process imports everything anew, and does not see what a test has put in its place.
FORKED = pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="processes are not forked here")
HEALTHY, DIVERGED, FLAT, DIED = (
    CASES / "not-learning" / "near-miss-slow-but-sure.json",
    CASES / "loss-diverged" / "bad-late.json",
    CASES / "not-learning" / "bad-flat.json",
    CASES / "run-died" / "bad-raised",
)


@pytest.fixture(autouse=True)
def _three_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found in these runs does not change with every rule that is added."""
    rules = [rule for rule in RULES if rule.NAME in ("run-died", "loss-diverged", "not-learning")]
    for module in (batch, cli):
        monkeypatch.setattr(module, "diagnose", lambda run: diagnose(run, rules))


def put(case: Path, folder: Path) -> None:
    """A case as a run folder of that name."""
    if case.is_dir():
        shutil.copytree(case, folder)
    else:
        folder.mkdir(parents=True)
        shutil.copy(case, folder / "trainer_state.json")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs of every kind, one that cannot be read, and what is none."""
    root = tmp_path / "runs"
    put(HEALTHY, root / "run-10")
    put(HEALTHY, root / "run-9")
    put(FLAT, root / "flat")
    put(DIVERGED, root / "sweep" / "lr-1")
    put(DIED, root / EVIL[0])
    put(DIED, root / ".hidden")
    put(DIED, root / "_hidden")
    put(DIED, root / "a" / "b" / "too-deep")
    put(DIED, root / "sweep" / ".hidden")
    (root / "broken").mkdir()
    (root / "broken" / "trainer_state.json").write_text("{")
    (root / "notes").mkdir()
    (root / "README.md").write_text("x")
    return root


ORDER = [EVIL[0], "sweep/lr-1", "flat", "run-9", "run-10"]


def check(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["check", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_members_are_runs_directly_below_or_one_level_deeper(runs: Path) -> None:
    assert [one.name for one in members(runs)] == [EVIL[0], "broken", "flat", "run-9", "run-10", "sweep/lr-1"]
    assert {one.path for one in members(runs)} == {runs / one.name for one in members(runs)}


def test_table_is_worst_first() -> None:
    def row(name: str, *severities: Any) -> Row:
        return Row(name, None, "finished", 1, tuple(("rule", one) for one in severities))

    rows = [
        row("run-10"),
        row("note", "info"),
        row("one", "error"),
        row("two", "error", "error"),
        row("run-9"),
        row("warned", "warning", "warning", "warning"),
        row("mixed", "warning", "error"),
    ]
    assert [one.name for one in sorted(rows, key=worst_first)] == [
        "two", "mixed", "one", "warned", "note", "run-9", "run-10",
    ]  # fmt: skip
    assert natural("a10b2") < natural("a10b10") < natural("b")


def test_json_of_a_folder_holds_the_reports_on_its_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capsys, runs, "--format", "json")
    report = json.loads(out)
    assert (code, err) == (1, "")
    assert list(report) == ["schema", "path", "runs", "unreadable"]
    assert (report["schema"], report["path"]) == (1, str(runs))
    assert [one["run"] for one in report["runs"]] == ORDER
    assert [one["path"] for one in report["unreadable"]] == [str(runs / "broken")]
    assert "trainer_state.json" in report["unreadable"][0]["reason"]
    for one in report["runs"]:
        _, alone, _ = check(capsys, one["path"], "--format", "json")
        assert json.loads(alone) | {"run": one["run"]} == one


def test_text_of_a_folder_is_a_table(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capsys, runs)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0].endswith("6 runs: 2 with errors, 1 with warnings, 2 without findings, 1 not readable")
    assert lines[2].split() == ["run", "method", "state", "rows", "worst", "findings"]
    assert [line[: lines[2].index("method")].strip() for line in lines[3:8]] == ORDER
    assert lines[4].split()[-2:] == ["error", "loss-diverged"]
    assert "! " + str(runs / "broken") in out
    assert columns_of("中文ab") == 6


@pytest.mark.parametrize("lang", LANGS)
def test_markdown_and_html_of_a_folder(runs: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    _, markdown, _ = check(capsys, runs, "--format", "markdown", "--lang", lang)
    page = sound_markdown(markdown)
    assert page.tags.count("tr") >= len(ORDER) + 1
    assert markdown.index("sweep/lr-1") < markdown.index("`run-9`")
    assert markdown.count("<summary>❌ <code>sweep/lr-1</code></summary>") == 1
    _, html, _ = check(capsys, runs, "--format", "html", "--lang", lang)
    page = sound_page(html, lang)
    assert [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")][: len(ORDER)] == [
        f"#run-{n}" for n in range(len(ORDER))
    ]
    assert sum(value == "run" for tag, name, value in page.attributes if (tag, name) == ("details", "class")) == 5
    assert not [one for one in page.attributes if one[1] == "open"]
    assert html.index("<table") < html.index("<details")
    assert EVIL[0] in page.text
    # Each rule's page once, however many runs it was found in.
    assert html.count('id="rule-run-died"') == 1


def test_html_and_markdown_of_a_folder_are_the_same_in_both_languages(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [Page(check(capsys, runs, "--format", "html", "--lang", lang)[1]) for lang in LANGS]
    assert pages[0].tags == pages[1].tags
    marked = [sound_markdown(check(capsys, runs, "--format", "markdown", "--lang", lang)[1]) for lang in LANGS]
    assert marked[0].tags == marked[1].tags
    sarif = [sarif_of(check(capsys, runs, "--format", "sarif", "--lang", lang)[1]) for lang in LANGS]
    assert keys_of(sarif[0]) == keys_of(sarif[1])


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_chinese_report_on_a_folder_has_no_english_sentence_of_ours(
    runs: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for own in (EVIL[0], "broken"):
        shutil.rmtree(runs / own)
    _, out, _ = check(capsys, runs, "--format", name, "--lang", "zh")
    said = Page(out).text if name == "html" else out
    assert not re.search(SENTENCE, said.replace("python -m diagnostics check", ""))
    _, english, _ = check(capsys, runs, "--format", name)
    assert name == "text" or re.search(SENTENCE, Page(english).text if name == "html" else english)


def test_member_that_may_not_be_looked_into_is_named(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(folder: Path) -> bool:
        if folder.name == "notes":
            raise PermissionError(13, "Permission denied", str(folder))
        return is_run(folder)

    monkeypatch.setattr(batch, "is_run", closed)
    assert "notes" in [one.name for one in members(runs)]
    code, out, _ = check(capsys, runs)
    assert code == 1
    assert f"! {runs / 'notes'}" in out


def test_markdown_of_a_folder_keeps_below_what_github_shows(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_markdown, "LIMIT_KB", 4)
    _, markdown, _ = check(capsys, runs, "--format", "markdown")
    assert len(markdown.encode()) < 5 * 1024
    sound_markdown(markdown)
    shown = markdown.count("<details><summary>❌ ")
    assert 0 < shown < 5
    assert "further sections are left out" in markdown


def test_sarif_of_a_folder_is_one_run_with_all_results(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, runs, "--format", "sarif")
    run = sarif_of(out)
    assert code == 1
    found = [(one["properties"]["run"], one["ruleId"]) for one in run["results"]]
    assert found == [(ORDER[0], "run-died"), ("sweep/lr-1", "loss-diverged"), ("flat", "not-learning")]
    assert len({one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]}) == 3
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [one["descriptor"]["id"] for one in notes].count("run-unreadable") == 1
    # Once a rule, with the number of runs that it could not judge.
    rules = [one["associatedRule"]["id"] for one in notes if one["descriptor"]["id"] == "not-checked"]
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize(
    ("kept", "arguments", "code"),
    [
        (["run-9", "run-10"], [], 0),
        (["run-9", "flat"], [], 0),
        (["run-9", "flat"], ["--fail-on", "warning"], 1),
        (["run-9", "sweep"], [], 1),
        (["run-9", "broken"], [], 0),
        (["broken"], [], 2),
        (["notes"], [], 2),
    ],
)
def test_exit_code_of_a_folder(
    runs: Path, capsys: pytest.CaptureFixture[str], kept: list[str], arguments: list[str], code: int
) -> None:
    for entry in list(runs.iterdir()):
        if entry.name not in kept and entry.is_dir():
            shutil.rmtree(entry)
    got, out, err = check(capsys, runs, *arguments)
    assert got == code
    assert (out == "", err.count("\n")) == ((True, 1) if code == 2 else (False, 0))


@FORKED
@pytest.mark.parametrize("name", FORMATS)
def test_in_processes_of_its_own_the_report_is_the_same(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    here = check(capsys, runs, "--format", name)
    monkeypatch.setattr(batch, "PARALLEL_FROM", 1)
    monkeypatch.setattr(batch, "LARGEST_CHUNK", 2)
    judges = set()
    in_pool = batch.in_pool
    monkeypatch.setattr(batch, "in_pool", lambda *given: (judges.add("apart"), in_pool(*given))[1])
    assert check(capsys, runs, "--format", name) == here
    assert judges


def judge_or_die(member: Member, job: Job) -> Row | Unreadable:
    """Judging, but one run kills the process that looks at it."""
    if member.name == "flat":
        os._exit(9)
    return REAL_JUDGE(member, job)


REAL_JUDGE = batch.judge


@FORKED
def test_run_that_kills_its_process_costs_no_other(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PARALLEL_FROM", 1)
    monkeypatch.setattr(batch, "judge", judge_or_die)
    told: list[tuple[int, int]] = []
    report = judge_folder(runs, members(runs), Job("text", "en"), lambda done, of: told.append((done, of)))
    assert [row.name for row in report.rows] == [name for name in ORDER if name != "flat"]
    assert [Path(one.path).name for one in report.unreadable] == ["broken", "flat"]
    assert "died" in report.unreadable[1].reason
    assert told[0] == (0, 6)
    assert told[-1] == (6, 6)


def test_fault_of_ours_in_one_run_costs_no_other(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = batch.open_run

    def broken(path: Path) -> Any:
        if path.name == "flat":
            raise ZeroDivisionError("oh")
        return real(path)

    monkeypatch.setattr(batch, "open_run", broken)
    code, out, _ = check(capsys, runs)
    assert code == 1
    assert f"! {runs / 'flat'}: ZeroDivisionError: oh" in out


def started(*arguments: object, **given: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace", **given
    )


SLOW = """
import sys, time
from diagnostics import batch
from diagnostics.cli import main

def slow(member, job):
    print("at work", file=sys.stderr, flush=True)
    time.sleep(0.3 if sys.argv[1] == "main" else 60)

batch.PARALLEL_FROM = int(sys.argv[2])
batch.LARGEST_CHUNK = 1
batch.judge = slow
sys.exit(main(["check", sys.argv[3]]))
"""


@FORKED
@pytest.mark.parametrize(("to", "parallel_from"), [("main", 1), ("group", 1), ("group", 1000)])
def test_ctrl_c_ends_a_long_check_without_a_traceback(runs: Path, to: str, parallel_from: int) -> None:
    """As a terminal sends it, to every process of the group; and as `kill -INT` does, to the first alone."""
    done = started("-c", SLOW, to, parallel_from, runs, stdout=subprocess.DEVNULL, start_new_session=True)
    assert done.stderr
    assert "at work" in done.stderr.readline()
    begun = time.monotonic()
    (os.killpg if to == "group" else os.kill)(done.pid, signal.SIGINT)
    rest = done.stderr.read()
    assert done.wait(20) == 130
    assert time.monotonic() - begun < 10
    assert "Traceback" not in rest
    assert rest.endswith("Interrupted: there is no report.\n")
    with pytest.raises(ProcessLookupError):  # nobody of the group is left
        os.killpg(done.pid, 0)


def test_progress_is_told_to_a_terminal_only(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys, runs)[2] == ""
    primary, secondary = os.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "diagnostics", "check", str(runs)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=secondary,
    )  # fmt: skip
    done.wait(60)
    os.close(secondary)
    said = os.read(primary, 10_000).decode()
    os.close(primary)
    assert re.search(r"\r\d of 6 runs judged", said)
    assert said.endswith("\r\x1b[K")
