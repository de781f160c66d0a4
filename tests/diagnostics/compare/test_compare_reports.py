"""Reports of a comparison: every format, both languages, whatever the answers hold."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.comparison import Comparison, comparison
from diagnostics.compare.models.mailbox import Sampling
from diagnostics.compare.models.sources import Source
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.report import as_html
from diagnostics.compare.report.as_csv import FORMULA, harmless
from diagnostics.compare.report.formats import FORMATS
from diagnostics.compare.report.intervals import WIDTH, picture
from diagnostics.compare.report.words import HEADINGS, PARTS, SENTENCES, WORDS, verdict_sentences
from diagnostics.compare.scoring.judge import Judged, JudgedPair

EVIL = (
    "<script>alert(1)</script>\x1b[31m=HYPERLINK(\"http://x\")|`*_[a](javascript:1)\u202e</details> & 'quoted' \ud800"
)
VOID = {"meta", "br", "path", "circle"}


def compared(count: int = 30, seeds: tuple[int, ...] = (0,), evil: str = "", shift: float = 0.5) -> Comparison:
    """Base, `up` that is better by `shift` and `down` that is worse by it, on prompts in two languages."""
    rng = np.random.default_rng(0)
    asked = ("Cancel order C53", "请取消订单 C53")
    prompts = tuple(
        Prompt(
            at,
            ({"role": "user", "content": f"{asked[at % 2]} {at} {evil}"},),
            tags=("vip",) if at % 3 else (),
            reference="ok",
        )
        for at in range(count)
    )
    names = ("base", f"up{evil}", f"down{evil}")
    made = []
    for source, by in zip(names, (0.0, shift, -shift), strict=True):
        for one in prompts:
            for seed in seeds:
                score = by + 0.1 * float(rng.standard_normal())
                text = f"It is done for {one.number}. {'Thank you.' if by > 0 else ''}{evil}"
                made.append(Answer(source, one.number, seed, text, 5, "end", scores={f"polite{evil}": score}))
    answers = AnswerSet(names, prompts, seeds).with_answers(made)
    sources = [Source(one, "model", f"/models/{one}") for one in names]
    judged = [
        Judged("base", names[1], tuple(JudgedPair(at, 0, (None, "left") if at < 3 else ("right", "left" if at < 8 else "right")) for at in range(count)), 60, 60)
    ]  # fmt: skip
    return comparison(
        sources, "base", answers, Sampling(max_new_tokens=32), f"Be kind.{evil}", judged, {"x": f"x: is lost{evil}."}
    )


FOUND = compared()
BAD = compared(evil=EVIL)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_the_same_in_both_languages(name: str, lang: str) -> None:
    told = FORMATS[name](FOUND, lang)  # type: ignore[arg-type]
    assert "up" in told
    if name in ("text", "markdown", "html"):
        for sentence in verdict_sentences(FOUND, lang):  # type: ignore[arg-type]
            start = sentence.split("（" if lang == "zh" else "(")[0].split(":")[0][:20]
            assert start in told.replace("\\", "")
        assert WORDS[lang]["better"] in told  # type: ignore[index]
        assert WORDS[lang]["worse"] in told  # type: ignore[index]


@pytest.mark.parametrize("name", FORMATS)
def test_evil_text_breaks_no_format(name: str) -> None:
    told = FORMATS[name](BAD, "en")
    told.encode("utf-8", "strict" if name not in ("csv", "jsonl", "json") else "surrogatepass")
    if name in ("text", "markdown", "html"):
        assert "\x1b" not in told
        assert "\u202e" not in told
    if name in ("markdown", "html"):
        assert "<script" not in told
    if name == "markdown":
        assert not re.search(r"[^\\]\]\(javascript", told)


def test_verdicts_follow_the_numbers() -> None:
    sentences = verdict_sentences(FOUND, "en")
    assert sentences[0].startswith("up is better than base by polite: +0.5")
    assert sentences[1].startswith("down is worse than base by polite: -0.")
    # 27 readable pairs: 5 chosen by the place, 22 won.
    assert "of 27 prompts 22 won, 5 tied, 0 lost" in sentences[2]
    assert "no readable verdict on 3 of 30 prompts" in " ".join(sentences)
    assert "by the place and not by the answer on 5 of 30 prompts" in " ".join(sentences)
    none = compared(shift=0.0)
    assert all("No difference shown" in one for one in verdict_sentences(none, "en")[:2])
    assert "Too few prompts" in verdict_sentences(compared(count=3), "en")[0]
    assert (FOUND.shown_worse("down"), FOUND.shown_worse("up"), none.shown_worse("down")) == (True, False, False)
    assert any("differs from itself" in one for one in verdict_sentences(compared(seeds=(0, 1)), "en"))


def test_no_score_is_said_and_is_no_verdict() -> None:
    bare = AnswerSet(("base", "up"), FOUND.answers.prompts, (0,)).with_answers(
        replace(one, scores={}) for one in FOUND.answers.answers.values() if one.source in ("base", "up")
    )
    found = comparison(FOUND.sources[:2], "base", bare, Sampling())
    assert "there is no verdict" in verdict_sentences(found, "en")[0]
    for name, report in FORMATS.items():
        assert report(found, "en"), name


def test_missing_answers_are_counted() -> None:
    answers = FOUND.answers.with_answers(Answer("down", at, 0, "", 0, "error", error="down: died.") for at in range(4))
    found = comparison(FOUND.sources, "base", answers, Sampling(), missing={"down": "down: died."})
    for name in ("text", "json", "html", "markdown"):
        told = FORMATS[name](found, "en")
        assert "down: 4 of 30 answers are missing." in told
        assert "down: died." in told


def test_json_is_one_object_without_nan() -> None:
    told = json.loads(FORMATS["json"](BAD, "en"), parse_constant=lambda name: pytest.fail(name))
    assert told["schema"] == 1
    assert [one["word"] for one in told["verdicts"][0]["pairs"]] == ["better", "worse"]
    assert told["answers"]["base"] == 30
    assert told["judge"][0]["unreadable"] == 3
    assert told["judge"][0]["pair"]["wins"] == 22


def test_jsonl_has_a_line_an_answer() -> None:
    rows = [json.loads(line) for line in FORMATS["jsonl"](compared(seeds=(0, 1)), "en").splitlines()]
    assert len(rows) == 3 * 30 * 2
    assert {(one["source"], one["prompt"], one["seed"]) for one in rows} == set(compared(seeds=(0, 1)).answers.answers)
    assert rows[0]["scores"].keys() == {"polite"}


def test_csv_opens_without_running_anything() -> None:
    made = [replace(one, text="=1+1") for one in FOUND.answers.answers.values()]
    found = comparison(FOUND.sources, "base", FOUND.answers.with_answers(made), Sampling())
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](found, "en"))))
    assert len(rows) == 90
    assert {one["answer"] for one in rows} == {"'=1+1"}
    assert float(rows[0]["score polite"]) == pytest.approx(found.answers.answers["base", 0, 0].scores["polite"])
    for start in FORMULA:
        assert harmless(f"{start}x").startswith("'")
        assert harmless(f"  {start}x").startswith("'")
    assert harmless("fine = good") == "fine = good"


class Parsed(HTMLParser):
    """Checks that tags close in order; collects what a page loads and shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.words = ""
        self.tags: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:  # type: ignore[type-arg]
        self.loads += [
            str(value) for name, value in attrs if name in ("src", "href", "action") or name.startswith("on")
        ]
        self.tags.append((tag, str(dict(attrs).get("class"))))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("found", [FOUND, BAD, compared(seeds=(0, 1))])
def test_page_is_whole_loads_nothing_and_runs_nothing(found: Comparison) -> None:
    page = Parsed(FORMATS["html"](found, "en"))
    assert page.open == []
    assert page.loads == []
    assert "script" not in [tag for tag, _ in page.tags]


def test_page_shows_the_worst_first_with_what_changed() -> None:
    page = FORMATS["html"](FOUND, "en")
    parsed = Parsed(page)
    groups = [kind for tag, kind in parsed.tags if tag == "details" and kind.startswith("group")]
    assert groups[0] == "group worse"
    worst = min(FOUND.answers.prompts, key=lambda one: FOUND.change(one) or 0.0)
    inside = page[page.index('class="group worse"') :]
    assert inside.index(f"{worst.number + 1}. ") == inside.index('<details class="prompt"><summary>') + len(
        '<details class="prompt"><summary>'
    )
    assert "<ins>" in page
    assert "the same as base" in page
    assert page.count('class="interval better"') >= 1


def test_long_prompt_sets_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_html, "MOST_PROMPTS", 5)
    page = FORMATS["html"](FOUND, "en")
    assert page.count('<details class="prompt">') == 5
    assert "The 5 prompts that changed most are shown; --format jsonl has all 30." in page


def test_interval_is_drawn_to_scale() -> None:
    pair = replace(FOUND.pairs()[0][1], low=-1.0, difference=0.0, high=1.0)
    drawn = picture(pair, 1.0, "x")
    assert f'cx="{WIDTH / 2}"' in drawn
    assert "M8.0 9.0H152.0" in drawn


def test_words_are_there_in_both_languages() -> None:
    for table in (SENTENCES, HEADINGS, WORDS, PARTS):
        assert table["en"].keys() == table["zh"].keys()


def test_side_effects_are_told_with_their_interval() -> None:
    made = [replace(one, text="" if one.source == "down" else one.text) for one in FOUND.answers.answers.values()]
    found = comparison(FOUND.sources, "base", FOUND.answers.with_answers(made), Sampling())
    for name in ("text", "html", "markdown", "json"):
        told = FORMATS[name](found, "en").replace("\\", "")
        assert "100% of the answers of down are empty; at base 0%." in told
        assert "95 % interval" in told
    assert "No side effect shown" in FORMATS["text"](FOUND, "en") or FOUND.effects


def test_same_weights_are_said() -> None:
    found = comparison(FOUND.sources, "base", FOUND.answers, Sampling(), same={"up": "base"})
    assert "up: Answers from the very same weights as base" in FORMATS["text"](found, "en")
