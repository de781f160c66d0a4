"""The pages' plain functions: what is shown of runs, panes and findings, without Gradio."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.addresses import PAGES, Addresses
from dashboard.clinic import Clinic
from dashboard.compare.comparison import Question, asked_for, choices, first_choice, named, verdict_html, with_before
from dashboard.compare.panes_view import panes_html, verdict
from dashboard.diagnose.choosing import first_run, nothing_to_diagnose, runs_to_choose
from dashboard.diagnose.findings_view import child_command, finding_html, findings_in_words, summary_html
from dashboard.html import link
from dashboard.plots.curves import evidence_figure, metric_figure, metrics_of, score_figure
from dashboard.runs.now import demo_button
from dashboard.runs.selection import COLUMNS
from dashboard.runs.table import runs_table
from dashboard.runs.view import demo_strip, score_cell
from dashboard.texts import LANGS, TEXTS, Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source
from diagnostics.compare.statistics.paired import Difference, difference
from diagnostics.compare.statistics.scores import score_of
from diagnostics.engine import diagnose
from diagnostics.finding import SeriesEvidence
from diagnostics.run import open_run
from diagnostics.run.files import whole

CASES = Path(__file__).parents[1] / "cases"
EVIL = "<img src=x onerror=alert(1)>"
EN, ZH = Words("en"), Words("zh")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_texts_have_both_languages_with_the_same_fields(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english
    assert chinese
    assert fields(english) == fields(chinese)
    names = {"title", "compare.top_p", "nav.other"}
    assert key in names or re.search(r"[\u4e00-\u9fff]", chinese), key


def test_every_text_is_used_and_every_use_has_a_text() -> None:
    folder = Path(__file__).parents[2] / "dashboard"
    source = "".join(path.read_text() for path in folder.rglob("*.py") if not path.name.endswith("texts.py"))
    written = set(re.findall(r"""words\(["']([a-z_.]+)["']""", source))
    assert not written - TEXTS.keys()
    named = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", source))
    begun = tuple(set(re.findall(r"""f["']([a-z_]+(?:\.[a-z_]*)+)\{""", source)))
    assert not {key for key in TEXTS.keys() - named - written if not key.startswith(begun)}
    assert {f"runs.{one}" for one in COLUMNS} <= TEXTS.keys()


@pytest.mark.parametrize("first", LANGS)
def test_addresses_are_all_different_and_valid(first: str) -> None:
    addresses = Addresses(first)
    paths = [addresses.path(page, lang) for lang in LANGS for page in PAGES]
    assert len(set(paths)) == len(paths)
    assert addresses.path("runs", first) == ""
    assert all(re.fullmatch(r"[a-z-]*", path) for path in paths)


def make_run(root: Path, name: str, rewards: list[float], steps: tuple[int, ...] = (10,), prompt: str = "p") -> None:
    folder = root / name
    folder.mkdir(parents=True)
    config = {"learning_rate": 0.5, "note": EVIL}
    (folder / "run.json").write_text(json.dumps({"schema": 1, "run": name, "method": "sft", "config": config}))
    (folder / "status.json").write_text(
        json.dumps({"state": "failed", "reason": EVIL, "exit_code": 1, "step": 10, "max_steps": 20, "started": 1.0})
    )
    (folder / "console.log").write_text(EVIL + "\n")
    log = [{"step": step, "loss": 1.0 + 0.001 * step} for step in range(1, 11)]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    lines = [
        {"step": step, "prompt": f"{prompt}{place}", "completion": EVIL, "rewards": {"score": value}}
        for step in steps
        for place, value in enumerate(rewards)
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for step in steps:
        (folder / f"checkpoint-{step}").mkdir()


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    make_run(tmp_path, "before", [0.1, 0.2, 0.3, 0.2, 0.1, 0.2], (5, 10))
    make_run(tmp_path, "later", [0.9, 0.8, 0.9, 1.0, 0.7, 0.9])
    clinic = Clinic(tmp_path)
    for run in clinic.runs()[0]:
        clinic.diagnosis(run)
    return clinic


@pytest.mark.parametrize("words", [EN, ZH], ids=LANGS)
def test_nothing_of_a_run_reaches_the_page_as_markup(clinic: Clinic, words: Words) -> None:
    run = clinic.run("before")
    assert run is not None
    diagnosis = clinic.diagnosis(run)
    pane = Pane(Source(EVIL, "model", EVIL), "done", text=EVIL, tokens=3, seconds=1.0, stop="end")
    failed = Pane(Source("a", "model", "b"), "error", error=EVIL)
    shown = [
        runs_table(clinic, words, Addresses("en")),
        summary_html(run, diagnosis, words),
        *(finding_html(run, one, words) for one in findings_in_words(diagnosis, words)),
        panes_html([pane, failed], EVIL, words),
        verdict(Difference(0.1, 0.05, 0.2, 9), EVIL, EVIL, words),
    ]
    assert diagnosis.findings
    for html in shown:
        assert "<img" not in html
    assert "&lt;img" in "".join(shown)


def test_table_links_to_diagnosis_and_comparison(clinic: Clinic) -> None:
    table = runs_table(clinic, EN, Addresses("en"))
    assert 'href="./diagnose?run=before"' in table
    assert "./compare?checkpoints=before%2Fcheckpoint-5%2Cbefore%2Fcheckpoint-10" in table
    assert "run-died" in table
    chinese = runs_table(clinic, ZH, Addresses("en"))
    assert "./zh-diagnose?run=before" in chinese
    assert "失败" in chinese


def test_unreadable_run_keeps_its_row_and_says_why(clinic: Clinic) -> None:
    (clinic.root / "broken").mkdir()
    (clinic.root / "broken" / "trainer_state.json").write_text("{")
    (clinic.root / EVIL).mkdir()
    (clinic.root / EVIL / "trainer_state.json").write_text("{")
    table = runs_table(clinic, EN, Addresses("en"))
    assert "cannot be read" in table
    assert "trainer_state.json" in table
    assert "before" in table
    assert "<img" not in table
    assert "<b>&lt;img src=x" in table


def test_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    assert "Start the demo" in runs_table(Clinic(tmp_path), EN, Addresses("en"))
    assert demo_button(Clinic(tmp_path)) == ("runs.start_demo", True)
    assert demo_strip(Clinic(tmp_path), EN, Addresses("en")) == ""
    assert Clinic(tmp_path / "nowhere").demo_state() == "none"


@pytest.mark.parametrize(
    ("words", "said"), [(EN, ("not there any more", "is a file")), (ZH, ("已不存在", "是一个文件"))]
)
def test_a_folder_that_is_away_is_not_an_empty_one_and_comes_back(
    clinic: Clinic, words: Words, said: tuple[str, str]
) -> None:
    seen = [clinic.store.signature()]

    def changed() -> bool:
        seen.append(clinic.store.signature())
        return seen[-1] != seen[-2]

    away = clinic.root.with_name(f"{clinic.root.name}-away")
    clinic.root.rename(away)
    assert changed()
    for page in (runs_table(clinic, words, Addresses("en")), nothing_to_diagnose(clinic, "before", words)):
        assert said[0] in page
        assert str(clinic.root) in page
    assert demo_button(clinic)[1] is False
    assert not clinic.root.exists()
    clinic.root.write_text("a file")
    assert changed()
    assert said[1] in runs_table(clinic, words, Addresses("en"))
    assert said[1] in nothing_to_diagnose(clinic, None, words)
    clinic.root.unlink()
    clinic.root.mkdir()
    assert changed()
    clinic.root.rmdir()
    away.rename(clinic.root)
    assert changed()
    assert "before" in runs_table(clinic, words, Addresses("en"))


def test_a_folder_that_cannot_be_listed_says_so(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object = None) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("diagnostics.run.discover.os.scandir", refused)
    assert "cannot be listed (Permission denied)" in runs_table(clinic, EN, Addresses("en"))


def test_a_name_that_is_not_utf8_breaks_no_page(clinic: Clinic) -> None:
    bad = os.fsencode(clinic.root) + b"/bad\xff\xfe"
    try:
        shutil.copytree(os.fsencode(clinic.root) + b"/before", bad)
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    table = runs_table(clinic, EN, Addresses("en"))
    assert "<b>bad\\xff\\xfe</b>" in table
    assert "rename the folder" in table
    assert 'data-run="before"' in table
    table.encode()
    clinic.signature().encode()
    assert clinic.store.names() == ["before", "later"]
    seen = clinic.store.signature()
    shutil.rmtree(bad)
    assert clinic.store.signature() != seen


def test_half_a_sign_in_a_run_reaches_no_page(clinic: Clinic) -> None:
    folder = clinic.root / "before"
    half = "cut \ud83d"
    for name in ("run.json", "status.json"):
        content = json.loads((folder / name).read_text())
        content |= {"reason": half, "config": {"system_prompt": half, half: [half]}}
        (folder / name).write_text(json.dumps(content))
    (folder / "trainer_state.json").write_text(
        json.dumps({"log_history": [{"step": step, half: 1.0, "loss": 1.0} for step in (1, 2)]})
    )
    (folder / "samples.jsonl").write_text(json.dumps({"step": 1, "prompt": half, "completion": half, "rewards": {}}))
    run = clinic.run("before")
    assert run is not None
    assert run.config["system_prompt"] == "cut \ufffd"
    assert run.samples[0].completion == "cut \ufffd"
    everything = json.dumps([run.config, run.asked, run.status.reason, list(run.series)], ensure_ascii=False)
    (everything + runs_table(clinic, EN, Addresses("en")) + "".join(clinic.example_prompts())).encode()
    assert whole({"a": ["\U0001f600", half]}) == {"a": ["\U0001f600", "cut \ufffd"]}


def test_diagnose_keeps_the_run_that_was_asked_for(clinic: Clinic) -> None:
    there = [(one, one) for one in ("before", "later")]
    assert runs_to_choose(clinic, "before", EN) == runs_to_choose(clinic, None, EN) == there
    assert runs_to_choose(clinic, "typo", EN) == [("typo (not there)", "typo"), *there]
    gone = nothing_to_diagnose(clinic, EVIL, EN)
    assert "there is no such run here" in gone
    assert "<img" not in gone
    assert "No run to diagnose yet" in nothing_to_diagnose(clinic, None, EN)
    (clinic.root / "later" / "trainer_state.json").write_text("{")
    broken = Clinic(clinic.root)
    (clinic.root / "hurt").mkdir()
    (clinic.root / "hurt" / "trainer_state.json").write_text("{")
    assert "trainer_state.json" in nothing_to_diagnose(broken, "hurt", EN)


def test_diagnose_judges_no_run_to_find_the_one_to_show(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Clinic(clinic.root)
    monkeypatch.setattr(fresh._judge, "judge", lambda run: pytest.fail(f"{run.name} was judged"))
    for name, state, started in (("before", "failed", 1.0), ("later", "finished", 2.0)):
        status = json.loads((clinic.root / name / "status.json").read_text())
        (clinic.root / name / "status.json").write_text(json.dumps({**status, "state": state, "started": started}))
    assert first_run(fresh) == "before"  # it failed
    status["state"], status["started"] = "finished", 1.0
    (clinic.root / "before" / "status.json").write_text(json.dumps(status))
    assert first_run(fresh) == "later"  # the newest
    found = clinic.diagnosis(next(run for run in clinic.runs()[0]))
    for severity, first in (("warning", "before"), ("info", "later"), ("error", "before")):
        kept = replace(found, findings=tuple(replace(one, severity=severity) for one in found.findings[:1]))
        assert kept.findings
        monkeypatch.setattr(fresh, "known_diagnosis", lambda run, kept=kept: kept if run.name == "before" else None)
        assert first_run(fresh) == first
    assert first_run(Clinic(clinic.root / "nowhere")) is None


def test_demo_strip_shows_waiting_stages(clinic: Clinic) -> None:
    folder = clinic.root / ".demo"
    folder.mkdir()
    plan = {
        "stages": [
            {"name": "before", "steps": 20},
            {"name": "coming", "steps": 7, "needs": ["before", "<b>"]},
            {"name": EVIL},
            "junk",
        ]
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    strip = demo_strip(clinic, EN, Addresses("en"))
    assert "failed" in strip
    assert "waiting" in strip
    assert "0 / 7" in strip
    assert "from before, &lt;b&gt;" in strip
    assert strip.count(">from ") == 1
    assert "<img" not in strip
    assert "&lt;img" in strip
    assert 'href="./diagnose?run=before"' in strip
    assert "run=coming" not in strip  # nothing to look at yet
    assert "<details" not in strip


def test_stages_fold_away_once_all_have_finished(clinic: Clinic) -> None:
    folder = clinic.root / ".demo"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"stages": [{"name": "before"}]}))
    assert "<details" not in demo_strip(clinic, EN, Addresses("en"))  # it failed
    status = clinic.root / "before" / "status.json"
    status.write_text(json.dumps({"state": "finished", "exit_code": 0, "step": 20, "max_steps": 20, "started": 1.0}))
    assert '<details class="strip">' in demo_strip(Clinic(clinic.root), EN, Addresses("en"))


def test_a_link_names_several_runs() -> None:
    assert link("./compare", "x", run=("a", "b&c")) == '<a href="./compare?run=a&amp;run=b%26c">x</a>'


def test_comparison_offers_before_and_after(clinic: Clinic) -> None:
    assert choices(clinic) == ["before/checkpoint-5", "before/checkpoint-10", "later/checkpoint-10"]
    assert first_choice(clinic) == ["before/checkpoint-10", "later/checkpoint-10"]
    plan = {"stages": [{"name": "before"}, {"name": "later"}, {"name": "latest"}], "compare": ["before", "later"]}
    make_run(clinic.root, "latest", [0.1] * 6)
    assert first_choice(clinic)[-1] == "latest/checkpoint-10"
    (clinic.root / ".demo").mkdir()
    (clinic.root / ".demo" / "plan.json").write_text(json.dumps(plan))
    assert first_choice(clinic) == ["before/checkpoint-10", "later/checkpoint-10"]
    make_run(clinic.root, "of-the-user", [0.1] * 6)
    assert first_choice(clinic) == ["before/checkpoint-10", "of-the-user/checkpoint-10"]
    gone = named(clinic, ["before/checkpoint-99"])[0]
    assert gone.name == "before/checkpoint-99"


def test_a_score_says_its_step_where_the_run_has_gone_on(clinic: Clinic) -> None:
    run = clinic.run("later")
    assert run is not None
    assert run.last_step == 10
    assert "step" not in score_cell(run, EN)
    gone_on = replace(run, status=replace(run.status, step=48))
    assert "at step 10" in score_cell(gone_on, EN)
    assert "第 10 步" in score_cell(gone_on, ZH)
    assert score_cell(replace(gone_on, samples=()), EN) == "–"


def test_an_address_names_checkpoints_or_runs() -> None:
    there = ["a/checkpoint-5", "a/checkpoint-10", "b/checkpoint-1", "hub:x"]
    assert asked_for(there, "a/checkpoint-5,gone/checkpoint-1", ["b"]) == ["a/checkpoint-5"]
    assert asked_for(there, "", ["b", "gone", "a"]) == ["b/checkpoint-1", "a/checkpoint-10"]
    assert asked_for(there, "", []) == []


def test_verdict_is_paired_and_knows_its_limits(clinic: Clinic) -> None:
    better = verdict_html(clinic, ["before/checkpoint-10", "later/checkpoint-10"], None, "score", EN)
    assert "better" in better
    assert "worse" in verdict_html(clinic, ["later/checkpoint-10", "before/checkpoint-10"], None, "score", EN)
    same = verdict_html(clinic, ["before/checkpoint-5", "before/checkpoint-10"], None, "score", EN)
    assert "holds 0" in same
    make_run(clinic.root, "other-prompts", [0.9, 0.9], prompt="q")
    unpaired = verdict_html(clinic, ["before/checkpoint-10", "other-prompts/checkpoint-10"], None, "score", EN)
    assert "better" not in unpaired


def test_verdict_judges_every_pane_against_the_base_and_names_those_it_cannot_judge(clinic: Clinic) -> None:
    make_run(clinic.root, "other-prompts", [0.9, 0.9], prompt="q")
    names = ["before/checkpoint-10", "later/checkpoint-10", "other-prompts/checkpoint-10"]
    shown = verdict_html(clinic, names, None, "score", EN)
    assert shown.count("on the same") == 1
    assert "other-prompts/checkpoint-10: no scored answers" in shown
    assert "worse" in verdict_html(clinic, names, "later/checkpoint-10", "score", EN)
    assert "second checkpoint" in verdict_html(clinic, names[:1], None, "score", EN)


def test_a_checkpoint_alone_comes_with_what_it_started_from(clinic: Clinic) -> None:
    assert with_before(clinic, ["before/checkpoint-10"]) == ["before/checkpoint-5", "before/checkpoint-10"]
    assert with_before(clinic, ["before/checkpoint-5"]) == ["before/checkpoint-5"]
    assert with_before(clinic, ["later/checkpoint-10"]) == ["later/checkpoint-10"]
    assert with_before(clinic, ["gone/checkpoint-1"]) == ["gone/checkpoint-1"]
    assert with_before(clinic, []) == []
    for start in (clinic.root / "before", clinic.root / "before" / "checkpoint-5"):
        request = json.loads((clinic.root / "later" / "run.json").read_text())
        request["config"]["model_name_or_path"] = str(start)
        (clinic.root / "later" / "run.json").write_text(json.dumps(request))
        before = with_before(Clinic(clinic.root), ["later/checkpoint-10"])[0]
        assert before == ("before/checkpoint-10" if start.name == "before" else "before/checkpoint-5")


def test_the_curve_of_kept_scores_is_drawn_too(tmp_path: Path) -> None:
    run = open_run(CASES / "held-out-score-falls" / "bad-back")
    finding = diagnose(run).findings[0]
    (shown, *_) = [one for one in finding.evidence if isinstance(one, SeriesEvidence)]
    assert shown.tag == "samples/score"
    figure = evidence_figure(run, shown, EN)
    assert figure is not None
    assert list(figure.data[0].x) == [0, 20, 40, 60, 80]


def test_question_names_its_problem() -> None:
    whole = Question(["a/checkpoint-1"], "Hello", None, 0, 0.0, 1.0, 10)
    assert whole.problem(EN) is None
    assert whole.messages() == [{"role": "user", "content": "Hello"}]
    assert Question(["a/b"], "x", "be brief", 0, 0, 1, 10).messages()[0] == {"role": "system", "content": "be brief"}
    assert "Choose" in (Question([], "x", "", 0, 0, 1, 10).problem(EN) or "")
    assert "Write a prompt" in (Question(["a/b"], "  ", "", 0, 0, 1, 10).problem(EN) or "")
    assert "seed" in (Question(["a/b"], "x", "", -1, 0, 1, 10).problem(EN) or "")
    assert "not there" in (Question(["../x/y"], "x", "", 0, 0, 1, 10).problem(EN) or "")


def test_figures_mark_the_step_and_the_values_that_are_none() -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-hidden-as-zero.json")
    finding = Clinic(Path()).diagnosis(run).findings[0]
    figures = [evidence_figure(run, one, EN) for one in finding.evidence]
    texts = [note.text for figure in figures if figure for note in figure.layout.annotations]
    assert "step 40" in texts
    gradient = next(figure for figure in figures if figure and "grad_norm" in figure.layout.title.text)
    assert None in gradient.data[0].y
    assert gradient.data[1].x[0] == 40
    assert not any(isinstance(value, float) and math.isnan(value) for value in gradient.data[0].y if value is not None)


def test_curves_of_several_runs(clinic: Clinic) -> None:
    runs, _ = clinic.runs()
    assert metrics_of(runs)[0] == "train/loss"
    figure = metric_figure(runs, "train/loss", EN, log_scale=True)
    assert [trace.name for trace in figure.data] == ["before", "later"]
    assert figure.layout.yaxis.type == "log"
    scores = score_figure(runs, "score", EN)
    assert scores is not None
    assert list(scores.data[0].x) == ["before 5", "before 10"]
    assert score_figure(runs, "no-such-reward", EN) is None


def test_child_command_carries_the_whole_config(clinic: Clinic) -> None:
    from diagnostics.finding import Edit

    run = clinic.run("before")
    assert run is not None
    command = child_command(run, (Edit("learning_rate", 0.5, 0.05),)) or ""
    assert "--method sft --parent before" in command
    assert "learning_rate=0.05" in command
    assert "note=" in command
    assert child_command(run, ()) is None


def test_bootstrap_against_known_answers() -> None:
    constant = score_of(3, np.full(50, 0.25))
    assert (constant.mean, constant.low, constant.high, constant.count) == (0.25, 0.25, 0.25, 50)
    values = np.random.default_rng(1).normal(0.5, 0.2, 400)
    score = score_of(1, values)
    # The normal interval of a mean: 1.96 * 0.2 / sqrt(400) = 0.0196 to each side.
    assert score.high - score.mean == pytest.approx(0.0196, rel=0.15)
    assert score.mean - score.low == pytest.approx(0.0196, rel=0.15)
    left = {f"p{place}": value for place, value in enumerate(values.tolist())}
    right = {key: value + 0.05 for key, value in left.items()}
    shifted = difference(left, right)
    assert shifted is not None
    # Paired: a constant shift has no spread, however noisy the prompts are; the next prompt may yet differ.
    assert shifted.mean == pytest.approx(0.05)
    assert 0.049 < shifted.low < 0.05 < shifted.high < 0.0505
    assert difference({"a": 1.0}, {"a": 2.0}) is None
