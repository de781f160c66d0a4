"""The exported file: whole by itself, nothing of a run becomes markup, nothing of the machine is in it."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from diagnostics.cli import main
from diagnostics.engine import diagnose
from diagnostics.export.document import document
from diagnostics.export.hiding import HIDDEN, hider, is_secret
from diagnostics.export.pieces import MOST_PAIRS, score_sentences, tags_of
from diagnostics.export.words import WORDS
from diagnostics.report.overlay import MOST_LINES, overlay
from diagnostics.report.words import LANGS
from diagnostics.run import Run, Sample, Series, open_run

CASES = Path(__file__).parents[2] / "cases"
EVIL = "<img src=x onerror=alert(1)></details><script>alert(2)</script>"
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "svg",
    "path",
    "g",
    "circle",
    "text",
}
ALLOWED |= {"div", "span", "p", "b", "i", "a", "code", "pre", "small", "h1", "h2", "h3", "ul", "ol", "li", "del", "ins"}
ALLOWED |= {"table", "thead", "tbody", "tr", "th", "td", "details", "summary", "article"}


class Tags(HTMLParser):
    """The tags of a document, and its attributes that could run something or reach out."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.bad: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.bad += [f"{tag} {name}={value}" for name, value in attrs if name.startswith("on")]
        self.bad += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name in ("href", "src") and not (value or "").startswith("#")
        ]


def evil(run: Run) -> Run:
    """A run in which everything that a file may say is an injection."""
    series = {f"train/{EVIL}": Series(f"train/{EVIL}", np.arange(5), np.array([1.0, np.nan, 2.0, np.inf, 1.0]))}
    status = replace(run.status, reason=EVIL, state="failed")
    samples = tuple(Sample(4, f"{EVIL}{n}", EVIL, {EVIL: 0.1 * n}, {}) for n in range(4))
    return replace(
        run,
        name=EVIL,
        method=EVIL,
        series={**run.series, **series},
        status=status,
        problems=(EVIL,),
        samples=samples,
        config={**run.config, EVIL: EVIL, "hub_token": "hf_abcdefghijklmnopqrstu"},
    )


@pytest.mark.parametrize("lang", LANGS)
def test_nothing_of_a_run_becomes_markup(lang: str) -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-real-poisoned-sft.json")
    runs = [evil(run), replace(evil(run), name="b", config={"learning_rate": EVIL})]
    for chosen in (runs[:1], runs):
        made = document(chosen, [diagnose(run)] * len(chosen), lang)
        tags = Tags(made)
        assert tags.seen <= ALLOWED
        assert tags.bad == []
        assert unescape(made).count("onerror=alert(1)") >= 3  # it is shown, as text
        assert "hf_abcdef" not in made


def test_nothing_of_the_machine_is_in_the_file(tmp_path: Path) -> None:
    source = next(one for one in sorted(CASES.glob("run-died/bad-*")) if one.is_dir())
    folder = tmp_path / "secret-place" / "sft"
    folder.mkdir(parents=True)
    for one in source.iterdir():
        if one.is_file():
            (folder / one.name).write_bytes(one.read_bytes())
    with (folder / "console.log").open("a") as console:
        console.write(f'  File "{folder}/train.py", line 1\nHF_TOKEN=hf_abcdefghijklmnopqrstuv\nKeyError: 1\n')
    out = tmp_path / "one.html"
    assert main(["export", str(folder), "--out", str(out)]) == 0
    made = out.read_text()
    assert "secret-place" not in made
    assert "hf_abcdef" not in made
    assert str(tmp_path) not in made


def test_hider_takes_folders_and_keys() -> None:
    hide = hider([Path("/data/runs")])
    assert hide("/data/runs/sft/x.py") == f"{HIDDEN}/sft/x.py"
    assert hide(str(Path.home() / "a")) == f"{HIDDEN}/a"
    for key in ("hf_" + "a" * 30, "sk-" + "b" * 30, "ghp_" + "c" * 36, "AKIA" + "D" * 16):
        assert hide(f"x {key} y") == f"x {HIDDEN} y"
    assert hide("api_key=abcdef12") == f"api_key={HIDDEN}"
    assert hide("WANDB_API_KEY: &quot;abcdef12&quot;") == f"WANDB_API_KEY: &quot;{HIDDEN}&quot;"
    harmless = "tokens: 512, pad_token=<pad>, max_new_tokens=64, num_input_tokens_seen: 12345"
    assert hide(harmless) == harmless
    assert is_secret("hub_token")
    assert is_secret("push_to_hub_token")
    assert not is_secret("max_new_tokens")
    assert not is_secret("pad_token_id")


def test_a_key_that_differs_is_told_as_differing_but_not_shown() -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-real-poisoned-sft.json")
    left = replace(run, name="a", config={"hub_token": "plainword1", "lr": 1.0})
    made = document([left, replace(left, name="b", config={"hub_token": "plainword2", "lr": 2.0})], [diagnose(run)] * 2)
    assert "plainword" not in made
    assert "hub_token" in made


def test_command_says_what_it_cannot_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "none"), "--out", str(tmp_path / "x.html")]) == 2
    assert (
        main(
            [
                "export",
                str(CASES / "loss-not-finite" / "bad-real-poisoned-sft.json"),
                "--out",
                str(tmp_path / "no" / "x.html"),
            ]
        )
        == 2
    )
    assert capsys.readouterr().err.count("\n") == 2
    assert list(tmp_path.iterdir()) == []


def test_several_runs_stand_beside_each_other() -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-real-poisoned-sft.json")
    runs = [replace(run, name=f"run-{n}") for n in range(MOST_LINES + 2)]
    made = document(runs, [diagnose(run)] * len(runs))
    assert made.count('<details class="run"') == len(runs)
    assert made.count('class="curve curve-7"') >= 2  # in the legend, and in a picture
    assert "curve-8" not in made
    assert WORDS["en"]["most-lines"].format(n=MOST_LINES, of=len(runs)) in made
    assert WORDS["en"]["most-pairs"].format(n=MOST_PAIRS, of=len(runs) - 1) in made


def test_scores_are_compared_on_the_same_prompts() -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-real-poisoned-sft.json")

    def scored(name: str, by: float) -> Run:
        values = [Sample(5, f"p{n}", "x", {"polite": by + 0.01 * (n % 3)}, {}) for n in range(40)]
        return replace(run, name=name, samples=tuple(values))

    (better, kind), (open_, plain) = score_sentences([scored("a", 0.2), scored("b", 0.9), scored("c", 0.2)], "en")
    assert (kind, plain) == ("good", "plain")
    assert "b scores +0.700 by polite against a: better" in better
    assert "no difference shown" in open_


def test_a_picture_of_what_is_not_finite() -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-real-poisoned-sft.json")
    steps, gone = np.arange(3), np.array([np.nan] * 3)
    runs = [replace(run, name="a", series={"x": Series("x", steps, gone)})]
    made = overlay("x", runs, "en")
    assert 'class="not-finite"' in made
    assert 'class="curve' not in made
    assert overlay("y", runs, "en") == ""
    assert tags_of(runs, 5) == (["x"], 0)


@pytest.mark.parametrize("key", WORDS["en"])
def test_words_have_both_languages_with_the_same_fields(key: str) -> None:
    def fields(said: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(said) if name}

    assert fields(WORDS["en"][key].split("|")[0]) == fields(WORDS["zh"][key])
    assert re.search(r"[\u4e00-\u9fff]", WORDS["zh"][key]) or key == "pair"
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    json.dumps(WORDS)
