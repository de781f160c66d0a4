"""The report on memory in every format and language: complete, escaped, drawn."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest

from diagnostics.memory.answer import Answer
from diagnostics.memory.crash import Said, explain, explain_host
from diagnostics.memory.predict import after_crash, answer
from diagnostics.memory.records import BILL, PHASES, NotTraceable, Storage, Timeline
from diagnostics.memory.words import CRASHES, NOTES
from diagnostics.report.memory.contents import SCHEMA, contents, sized
from diagnostics.report.memory.formats import FORMATS
from diagnostics.report.memory.labels import LABELS
from diagnostics.report.memory.pictures import bill_bar, timeline
from tests.diagnostics.memory.asked import GIB, exact, question

EVIL = "<script>alert(1)</script>\x1b[31m`|*[x](y)\"'& \u202e{0}%s"


def rich(**options: Any) -> Answer:
    """An answer with all that one can hold, evil text where text comes from outside."""
    one = question("dpo", "qwen3-1.7b", 24, processes=2)
    found = answer(one, exact, **options)
    marks = tuple((10 * place, phase) for place, phase in enumerate(PHASES))
    line = Timeline(tuple(range(0, 100, 10)), tuple(int((3 + place % 4) * GIB) for place in range(10)), marks)
    blocks = (
        Storage(3 * GIB, (3, 7), "int8", EVIL, EVIL, "logits"),
        Storage(GIB, (), "bool", "aten.mm", "", "weights"),
    )
    estimate = replace(found.estimate, timeline=line, largest=blocks, operation=EVIL, notes=(EVIL,))
    crash = explain(one, Said(asked=2 * GIB, total=24 * GIB, allocated=23 * GIB), estimate)
    model = replace(one.model, name=EVIL)
    return replace(
        found,
        question=replace(one, model=model),
        estimate=estimate,
        crash=crash,
        device_name=EVIL,
        fallback=EVIL,
        path=EVIL,
    )


ANSWERS = {
    "too large": answer(question("dpo", "qwen3-1.7b", 24), exact),
    "fits": answer(question(device=80), exact),
    "no device": answer(question(), exact),
    "several": answer(question(device=8, processes=4), exact),
    "generation": answer(question("grpo", device=24), exact),
    "nothing fits": answer(question("sft", "gpt2", 0.2), exact),
    "everything": rich(),
}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", ANSWERS)
def test_every_answer_in_every_format(case: str, name: str, lang: Any) -> None:
    report = FORMATS[name].report(ANSWERS[case], lang)
    assert report.endswith("\n")
    assert "\x1b" not in report
    if name != "json":  # JSON holds what it was given; who shows it escapes it
        assert "\u202e" not in report
    outside = (
        re.sub(r"(`+).*?\1", "", report) if name == "markdown" else report
    )  # a code span shows markup and runs none
    assert "<script>alert" not in outside or name in ("text", "json")
    assert "None" not in report
    assert sized(ANSWERS[case].estimate.total) in report.replace("\\.", ".") or name == "json"


@pytest.mark.parametrize("case", ANSWERS)
def test_the_object_is_strict_json_and_adds_up(case: str) -> None:
    report = json.loads(FORMATS["json"].report(ANSWERS[case]))
    assert report["schema"] == SCHEMA == 1
    assert sum(row["bytes"] for row in report["bill"]) == report["peak"]["total"]
    assert [row["line"] for row in report["bill"]] == [
        one for one in (*BILL, "unused") if one in {row["line"] for row in report["bill"]}
    ]
    assert report["verdict"] in ("fits", "tight", "too-large", "unknown")
    assert report["peak"]["low"] <= report["peak"]["total"] <= report["peak"]["high"]
    for option in (report["fit"] or {"options": []})["options"]:
        for step in option["steps"]:
            assert step["title"]
            assert "{" not in step["title"]
            assert step["edits"]


def test_every_html_is_one_document_with_its_pictures() -> None:
    report = FORMATS["html"].report(rich())
    pictures = re.findall(r"<svg.*?</svg>", report, re.DOTALL)
    assert len(pictures) >= 3  # the crash's bill, the bill, the timeline
    for picture in pictures:
        ElementTree.fromstring(picture)
    assert "http://" not in report
    assert "<script" not in report


def test_the_bar_has_a_piece_a_line_and_marks_the_device() -> None:
    rows = contents(ANSWERS["too large"])["bill"]
    bar = bill_bar(rows, 24 * GIB, "en")
    assert bar.count("<rect") == len(rows)
    widths = [float(one) for one in re.findall(r'width="([\d.]+)"', bar)]
    assert widths == sorted(widths, reverse=True) or sum(widths) > 400
    assert "24.00 GiB" in bar
    mark = float(re.search(r'class="mark" d="M([\d.]+)', bar)[1])  # type: ignore[index]
    end = max(float(x) + float(width) for x, width in re.findall(r'x="([\d.]+)" y="8" width="([\d.]+)"', bar))
    assert mark < end  # it does not fit: the bar runs past the mark
    assert "mark" not in bill_bar(rows, None, "en")


def test_the_timeline_marks_its_phases_and_is_left_out_without_a_trace() -> None:
    whole = contents(rich())
    picture = timeline(whole, "en")
    assert picture.count('class="phase"') == len(PHASES)
    assert "backward pass" in picture
    assert timeline(contents(ANSWERS["fits"]), "en") == ""


def test_what_cannot_be_traced_has_the_formulas_answer_marked_so() -> None:
    def never(asked: Any, **options: Any) -> Any:
        raise NotTraceable("This model cannot be traced.", "这个模型无法追踪。")

    found = answer(question(device=24), never)
    whole = contents(found)
    assert whole["source"] == "formula"
    assert whole["fallback"] == "This model cannot be traced."
    assert "cannot be traced" in FORMATS["text"].report(found)


def test_an_evaluation_that_cannot_be_traced_is_left_out_and_said_so() -> None:
    def training_only(asked: Any, **options: Any) -> Any:
        if asked.phases:
            raise NotTraceable("No evaluation today.", "今天不评估。")
        return exact(asked)

    found = answer(question(device=80, eval_strategy="steps"), training_only)
    assert found.estimate.source == "traced"
    assert "No evaluation today" in FORMATS["text"].report(found)


def test_after_a_crash_fit_answers_for_the_device_that_there_was() -> None:
    one = question("dpo", "qwen3-1.7b")
    found = answer(one, exact)
    crash = explain(one, Said(asked=2 * GIB, total=24 * GIB, allocated=23 * GIB), found.estimate, phase="forward")
    after = after_crash(found, crash, exact)
    assert found.plan is None
    assert after.plan is not None
    assert after.plan.options[0].question.asked.device == 24 * GIB
    text = FORMATS["text"].report(after)
    assert "What happened" in text
    assert "forward pass" in text
    leaking = explain(one, Said(total=24 * GIB), found.estimate, recorded=[GIB * (1 + place) for place in range(20)])
    assert after_crash(found, leaking, exact).plan is None


@pytest.mark.parametrize("shm", [True, False])
def test_a_crash_of_the_host_is_told(shm: bool) -> None:
    one = question("sft", "gpt2", accelerator=False, dataloader_num_workers=2)
    found = answer(one, exact)
    crash = explain_host(one, found.estimate, 2 * GIB, shm=shm)
    for name in FORMATS:
        assert FORMATS[name].report(replace(found, crash=crash), "en")


def test_both_languages_say_the_same_things() -> None:
    for words in (LABELS, NOTES, CRASHES):
        assert set(words["en"]) == set(words["zh"])
        for key in words["en"]:
            assert set(re.findall(r"{(\w+)", words["en"][key])) == set(re.findall(r"{(\w+)", words["zh"][key])), key


@pytest.mark.parametrize(
    ("size", "says"),
    [(0, "0 B"), (512, "512 B"), (2048, "2.00 KiB"), (3 << 20, "3.00 MiB"), (5 << 30, "5.00 GiB"), (None, "?")],
)
def test_sizes_as_a_person_reads_them(size: int | None, says: str) -> None:
    assert sized(size) == says
