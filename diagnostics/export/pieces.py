"""The pieces of an exported file, which the shared pages show as well: a run, its curves, several runs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from diagnostics.against import against
from diagnostics.compare.statistics.paired import Difference, difference, kept_rewards
from diagnostics.compare.statistics.scores import last_score, reward_names, scores_of
from diagnostics.export.hiding import HIDDEN, is_secret
from diagnostics.export.words import WORDS
from diagnostics.finding import Diagnosis
from diagnostics.report.as_html import rule_pages, section, verdict_html
from diagnostics.report.beside import against_sentences, config_rows, config_sentence, parting_rows
from diagnostics.report.card import cells_html
from diagnostics.report.common import one_line, worst
from diagnostics.report.endings import state_in_words
from diagnostics.report.labels import LABELS, counted
from diagnostics.report.markup import block, note, pill, text
from diagnostics.report.overlay import MOST_LINES, legend, overlay
from diagnostics.report.words import Lang
from diagnostics.run import Run

POINTS = 400  # of each curve of a finding
MOST_PICTURES = 24  # of one run: a trainer logs up to 60 tags, and the last of them tell least
MOST_TOGETHER = 12
MOST_PAIRS = 6  # of runs whose parting is told
FIRST = (
    "train/loss",
    "eval/loss",
    "train/reward",
    "train/rewards/accuracies",
    "train/kl",
    "train/grad_norm",
    "train/learning_rate",
)
BOOKKEEPING = ("runtime", "per_second", "total_flos", "step_time", "num_tokens", "epoch", "input_tokens_seen")


def tags_of(runs: Sequence[Run], most: int) -> tuple[list[str], int]:
    """The tags worth a picture, the telling ones first, at most so many; and how many more there are."""
    found = {tag for run in runs for tag, series in run.series.items() if len(series) > 1}
    found = {tag for tag in found if not any(part in tag for part in BOOKKEEPING)}
    # Of two runs, what both logged says more than what one did.
    ordered = [tag for tag in FIRST if tag in found]
    ordered += sorted(found - set(FIRST), key=lambda tag: (-sum(tag in run.series for run in runs), tag))
    return ordered[:most], max(0, len(ordered) - most)


def curves_html(runs: Sequence[Run], lang: Lang, most: int) -> str:
    """The curves of the runs, those of one tag in one picture; nothing if nothing was logged twice."""
    tags, left = tags_of(runs, most)
    if not tags:
        return ""
    pictures = "".join(overlay(tag, runs, lang) for tag in tags)
    more = f'<p class="quiet">{text(WORDS[lang]["left-out"].format(n=left))}</p>' if left else ""
    return f'{legend(runs) if len(runs) > 1 else ""}<div class="curves">{pictures}</div>{more}'


def run_html(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """All that is said of one run below its name: state, verdict, curves, findings, what was not looked at."""
    curves = curves_html([run], lang, MOST_PICTURES)
    titled = f"<h3>{text(WORDS[lang]['curves'])}</h3>{curves}" if curves else ""
    found = f"<h3>{text(WORDS[lang]['findings'])}</h3>" if diagnosis.findings else ""
    said = section(run, diagnosis, lang, POINTS)
    pages = rule_pages((one.rule for one in diagnosis.findings), lang)
    return f"{facts_html(run, lang)}{verdict_html(diagnosis, lang)}{titled}{found}{said}{pages}"


def facts_html(run: Run, lang: Lang) -> str:
    """Method, state and how far it came; not where it lies, which is nobody else's business."""
    return (
        f'<div class="facts"><span>{text(run.method or "?")}</span>{pill(state_in_words(run, lang), run.status.state)}'
        f"<span>{text(counted(lang, 'points', run.points))}</span>"
        f"<span>{text(counted(lang, 'at_step', max(run.status.step, run.last_step)))}</span></div>"
    )


def table_html(runs: Sequence[Run], diagnoses: Sequence[Diagnosis], links: Sequence[str], lang: Lang) -> str:
    """The runs as a table; `links`: the address of each one's own place."""
    label = LABELS[lang]
    titles = (label["run"], label["method"], label["state"], label["step"], WORDS[lang]["score"], label["findings"])
    head = "".join(f"<th>{text(one)}</th>" for one in titles)
    rows = []
    for run, diagnosis, link in zip(runs, diagnoses, links, strict=True):
        found = " ".join(pill(one.rule, one.severity) for one in diagnosis.findings)
        gravest = worst(one.severity for one in diagnosis.findings)
        cells = (
            f'<a href="{text(link)}"><b>{text(one_line(run.name))}</b></a>',
            text(run.method or "–"),
            pill(state_in_words(run, lang), run.status.state),
            str(max(run.status.step, run.last_step)),
            score_html(run),
            found if gravest else f'<span class="quiet">{text(label["none"])}</span>',
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def score_html(run: Run) -> str:
    """The mean of the run's first reward at its last answers, with its 95 % interval; a dash where there is none."""
    last = last_score(run)
    if last is None:
        return "–"
    return f"{last.mean:.3f} <small>[{last.low:.3f}, {last.high:.3f}]</small>"


def together_html(runs: Sequence[Run], lang: Lang) -> str:
    """What several runs show side by side: curves, scores on the same prompts, where they parted, what differs in them."""
    words = WORDS[lang]
    parts = [f"<h2>{text(words['curves'])}</h2>{curves}" if (curves := curves_html(runs, lang, MOST_TOGETHER)) else ""]
    if len(runs) > MOST_LINES:
        parts.append(note(words["most-lines"].format(n=MOST_LINES, of=len(runs))))
    sentences = score_sentences(runs, lang)
    if sentences:
        parts.append(f"<h2>{text(words['scores'])}</h2>" + "".join(note(said, kind) for said, kind in sentences))
    pairs = list(pairwise(runs))
    told = "".join(parting_html(left, right, lang) for left, right in pairs[:MOST_PAIRS])
    if told:
        parts.append(f"<h2>{text(words['differences'])}</h2>{told}")
    if len(pairs) > MOST_PAIRS:
        parts.append(note(words["most-pairs"].format(n=MOST_PAIRS, of=len(pairs))))
    return "".join(parts)


def parting_html(left: Run, right: Run, lang: Lang) -> str:
    """Where two runs parted, and what differs in their configs, folded under their names."""
    both = against(left, right)
    masked = tuple((name, HIDDEN, HIDDEN) if is_secret(name) else (name, a, b) for name, a, b in both.config)
    both = replace(both, config=masked)
    title = WORDS[lang]["pair"].format(left=one_line(left.name), right=one_line(right.name))
    inside = (
        block("", against_sentences(both, lang)).replace('<div class="label"></div>', "")
        + cells_html(parting_rows(both, lang))
        + f'<div class="label">{text(config_sentence(both, lang))}</div>'
        + cells_html(config_rows(both, lang))
    )
    return f"<details><summary>{text(title)}</summary>{inside}</details>"


def score_sentences(runs: Sequence[Run], lang: Lang) -> list[tuple[str, str]]:
    """What the kept scores say of each run against the first, a sentence and its kind each, by the rewards they share."""
    said = []
    first = runs[0]
    for other in runs[1:]:
        for reward in reward_names(first):
            before, after = scores_of(first, reward), scores_of(other, reward)
            if not before or not after:
                continue
            found = difference(
                kept_rewards(first, before[-1].step, reward), kept_rewards(other, after[-1].step, reward)
            )
            if found is not None:
                said.append(score_sentence(first.name, other.name, reward, found, lang))
    return said


def score_sentence(left: str, right: str, reward: str, found: Difference, lang: Lang) -> tuple[str, str]:
    """One verdict, with the kind of note that it is."""
    kind = "better" if found.low > 0 else "worse" if found.high < 0 else "open"
    sentence = WORDS[lang][kind].format(
        left=one_line(left),
        right=one_line(right),
        reward=one_line(reward),
        mean=found.mean,
        low=found.low,
        high=found.high,
        n=found.count,
    )
    return sentence, {"better": "good", "worse": "error", "open": "plain"}[kind]
