"""A comparison as one HTML file that needs nothing else: verdicts, intervals, then the answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diagnostics.compare.answers import Answer
from diagnostics.compare.comparison import Comparison
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.report.intervals import picture, reach
from diagnostics.compare.report.words import (
    HEADINGS,
    SENTENCES,
    WORDS,
    cells,
    columns,
    effect_sentences,
    missing_sentences,
    pair_sentence,
    part_name,
    settings_line,
    source_names,
    verdict_sentences,
)
from diagnostics.compare.statistics.verdict import PairVerdict
from diagnostics.compare.texts.differ import differ
from diagnostics.report.as_html import POLICY, STYLE
from diagnostics.report.common import one_line
from diagnostics.report.markup import note, pill, text
from diagnostics.report.words import Lang
from diagnostics.run.refusal import said
from diagnostics.version import version

OWN_STYLE = Path(__file__).parent / "compare.css"
# Beyond this many prompts a browser grows slow, and no reader gets that far.
MOST_PROMPTS = 300
SUMMARY = 120  # characters of a prompt that its line shows
TABLE_PICTURE = 3  # the column of the interval, drawn as a picture too


def report(found: Comparison, lang: Lang = "en") -> str:
    """The comparison as an HTML document."""
    heading = HEADINGS[lang]
    names = ", ".join(source_names(found, lang))
    style = STYLE.read_text(encoding="utf-8") + OWN_STYLE.read_text(encoding="utf-8")
    system = f'<p class="turn quiet">{text(heading["system"])}: {text(found.system)}</p>' if found.system else ""
    head = f"<h1>{text(names)}</h1><div class='facts'><span>{text(settings_line(found, lang))}</span></div>{system}"
    parts = [verdicts(found, lang), listed(heading["effects"], effect_sentences(found, lang))]
    parts.append(listed(heading["missing"], missing_sentences(found, lang)))
    parts += [pair_table(found, lang), slice_tables(found, lang), answer_groups(found, lang)]
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(heading['comparison'])} · {text(names)} · TRL Clinic</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<header>{head}</header>\n<main>\n"
        + "\n".join(one for one in parts if one)
        + f"\n</main>\n<footer>TRL Clinic {text(version())}</footer>\n</body>\n</html>\n"
    )


def listed(title: str, sentences: Sequence[str]) -> str:
    """Sentences under a heading; nothing if there are none."""
    rows = "".join(f"<li>{text(one)}</li>" for one in sentences)
    return f"<h2>{text(title)}</h2><ul>{rows}</ul>" if rows else ""


def verdicts(found: Comparison, lang: Lang) -> str:
    """The verdict's sentences, those that show a difference marked."""
    words = {pair_sentence(score, pair, lang): pair.word for score, pair in found.pairs()}
    rows = "".join(
        f'<li class="{text(words.get(one, "plain"))}">{text(one)}</li>' for one in verdict_sentences(found, lang)
    )
    return f'<h2>{text(HEADINGS[lang]["verdict"])}</h2><ul class="verdicts">{rows}</ul>'


def pair_table(found: Comparison, lang: Lang) -> str:
    """Every source against the base by every score."""
    pairs = found.pairs()
    if not pairs:
        return ""
    title = HEADINGS[lang]["pairs"].format(base=one_line(found.base))
    farthest = {score: reach([pair for name, pair in pairs if name == score]) for score, _ in pairs}
    rows = [pair_row(score, pair, farthest[score], lang) for score, pair in pairs]
    return f"<h2>{text(title)}</h2>{table(columns(lang), rows)}"


def slice_tables(found: Comparison, lang: Lang) -> str:
    """The same by part of the prompts, folded."""
    rows = []
    for one in found.verdicts:
        farthest = reach([pair for part in one.slices for pair in part.pairs])
        rows += [
            [text(part_name(part.kind, part.value, lang)), *pair_row(one.score, pair, farthest, lang)]
            for part in one.slices
            for pair in part.pairs
        ]
    if not rows:
        return ""
    heads = (HEADINGS[lang]["slice"], *columns(lang))
    return f"<details><summary>{text(HEADINGS[lang]['slices'])}</summary>{table(heads, rows)}</details>"


def pair_row(score: str, pair: PairVerdict, farthest: float, lang: Lang) -> list[str]:
    """A pair's cells as HTML: the interval drawn, the verdict as a label."""
    row = [text(one) for one in cells(score, pair, lang)]
    row[TABLE_PICTURE] += picture(pair, farthest, pair_sentence(score, pair, lang))
    row[-1] = pill(WORDS[lang][pair.word], pair.word)
    return row


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of HTML cells under their titles."""
    head = "".join(f"<th>{text(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{one}</td>" for one in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="pairs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def answer_groups(found: Comparison, lang: Lang) -> str:
    """The answers, in groups that open at a click: what got worse first, the worst of it on top."""
    heading = HEADINGS[lang]
    groups: dict[str, list[Prompt]] = {"worse": [], "better": [], "same": [], "none": []}
    ordered = found.worst_first()
    shown = sorted(ordered, key=lambda one: -abs(found.change(one) or 0.0))[:MOST_PROMPTS]
    kept = {one.number for one in shown}
    for one in ordered:
        if one.number in kept:
            change = found.change(one)
            groups["none" if change is None else "worse" if change < 0 else "better" if change > 0 else "same"].append(
                one
            )
    groups["better"].reverse()
    parts = [f"<h2>{text(heading['answers'])}</h2>"]
    if len(ordered) > len(shown):
        parts.append(note(SENTENCES[lang]["too-many"].format(n=len(shown), of=len(ordered))))
    first = True
    for name, prompts in groups.items():
        if prompts:
            inside = "".join(prompt_row(found, one, lang) for one in prompts)
            opened, first = " open" if first else "", False
            by = f" · {one_line(found.verdicts[0].score)}" if found.verdicts else ""
            title = text(f"{heading[name]}{by} ({len(prompts)})")
            parts.append(f'<details class="group {name}"{opened}><summary>{title}</summary>{inside}</details>')
    return "\n".join(parts)


def prompt_row(found: Comparison, prompt: Prompt, lang: Lang) -> str:
    """A prompt with the answers of all sources."""
    heading = HEADINGS[lang]
    line = one_line(prompt.text)
    line = line if len(line) <= SUMMARY else line[: SUMMARY - 1] + "…"
    change = found.change(prompt)
    label = f" <span class='quiet'>{change:+.3g}</span>" if change is not None else ""
    turns = "".join(
        f'<div class="turn"><span class="quiet">{text(one["role"])}:</span> {text(one["content"])}</div>'
        for one in prompt.messages
        if len(prompt.messages) > 1 or line != prompt.text
    )
    if prompt.reference is not None:
        turns += (
            f'<div class="turn"><span class="quiet">{text(heading["reference"])}:</span> {text(prompt.reference)}</div>'
        )
    tags = " ".join(pill(one, "none") for one in prompt.tags)
    panes = "".join(
        pane(found, prompt, answer, lang)
        for seed in found.answers.seeds
        for source in (found.base, *found.others)
        if (answer := found.answers.answers.get((source, prompt.number, seed))) is not None
    )
    return (
        f'<details class="prompt"><summary>{prompt.number + 1}. {text(line)}{label}</summary>'
        f'{turns}{tags}<div class="panes">{panes}</div></details>'
    )


def pane(found: Comparison, prompt: Prompt, answer: Answer, lang: Lang) -> str:
    """One answer; of a source other than the base with what differs from the base's answer marked."""
    heading = HEADINGS[lang]
    base = found.answers.answers.get((found.base, prompt.number, answer.seed))
    name = one_line(answer.source)
    labels = [pill(heading["base"], "info")] if answer.source == found.base else []
    labels += [pill(f"{one_line(score)} {value:.3g}", "plain") for score, value in answer.scores.items()]
    stop = {"end": "end", "length": "cut", "error": "error"}.get(answer.stop, answer.stop)
    facts = [heading["tokens"].format(n=answer.tokens), heading.get(stop, stop)]
    if len(found.answers.seeds) > 1:
        facts.append(heading["seed"].format(n=answer.seed))
    if answer.error is not None:
        words = note(said(answer.error, lang), "error") + text(answer.text)
    elif base is None or base.error is not None or answer.source == found.base:
        words = text(answer.text)
    elif base.text == answer.text:
        words = f'<span class="quiet">{text(heading["identical"].format(base=one_line(found.base)))}</span>'
    else:
        tag = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
        words = "".join(tag[one.kind].format(text(one.text)) for one in differ(base.text, answer.text))
    words = words or f'<span class="quiet">{text(heading["nothing"])}</span>'
    return (
        f'<div class="pane"><div><b>{text(name)}</b> {" ".join(labels)}</div><div class="words">{words}</div>'
        f'<div class="quiet">{text(" · ".join(facts))}</div></div>'
    )
