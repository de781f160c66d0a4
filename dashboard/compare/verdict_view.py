"""A verdict as HTML: its sentences first, then the numbers they follow from."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.compare.panes_view import name_html
from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.compare.comparison import Comparison
from diagnostics.compare.report.words import SENTENCES, WORDS, pair_sentence, part_name
from diagnostics.compare.statistics.verdict import PairVerdict, SliceVerdict, Verdict

KIND = {"better": "good", "worse": "error", "no-difference-shown": "plain", "too-few": "warning"}


def verdict_html(found: Comparison, score: str, words: Words) -> str:
    """What one score, or the judge, says of each source against the base."""
    pairs = [pair for name, pair in found.pairs() if name == score]
    if not pairs:
        return note(words("verdict.one_source"))
    by_score = next((one for one in found.verdicts if one.score == score), None)
    parts = [note(sentence(score, one, words), KIND[one.word]) for one in pairs]
    parts.append(forest_html(score, pairs, words, by_score))
    if by_score is None:
        parts += judge_notes(found, words)
    else:
        parts += [noise_html(by_score, words), sources_html(by_score, words), slices_html(by_score.slices, words)]
    return "".join(parts)


def sentence(score: str, pair: PairVerdict, words: Words) -> str:
    """What may be said of a pair; where no difference is shown, also how large a one would have been."""
    told = pair_sentence(score, pair, words.lang)
    if pair.word == "no-difference-shown" and pair.needed is None and pair.detectable is not None:
        told += " " + words("verdict.detectable", detectable=pair.detectable)
    return told


def judge_notes(found: Comparison, words: Words) -> list[str]:
    """What the judge could not say, or said of the place and not of the answer."""
    said = SENTENCES[words.lang]
    notes = []
    for judged, orders in zip(found.judged, found.orders, strict=True):
        facts = {"of": len(judged.verdicts), "source": judged.right}
        if judged.unreadable:
            notes.append(note(said["unreadable"].format(n=judged.unreadable, **facts), "warning"))
        if orders.by_place:
            notes.append(note(said["place"].format(n=orders.by_place, **facts), "warning"))
    return notes


def p_text(p: float) -> str:
    """A p-value as it is written: never 0."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def forest_html(score: str, pairs: Sequence[PairVerdict], words: Words, found: Verdict | None) -> str:
    """A row a pair: the difference with its interval on one axis about 0, and wins, ties and losses as a bar."""
    reach = max(
        [abs(edge) for one in pairs for edge in (one.low, one.high, one.difference) if edge is not None] + [1e-9]
    )
    reach *= 1.08
    rows = "".join(forest_row(one, reach, words, found) for one in pairs)
    axis = f'<div class="forest-axis"><span>{-reach:.2g}</span><span>0</span><span>{reach:+.2g}</span></div>'
    return (
        '<div class="scroll"><table class="forest"><thead><tr>'
        f'<th scope="col">{text(words("verdict.pair"))}</th>'
        f'<th scope="col" class="wide">{text(words("verdict.difference", score=score))}{axis}</th>'
        f'<th scope="col">{text(words("verdict.number"))}</th>'
        f'<th scope="col">{text(words("verdict.wins"))}</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def forest_row(pair: PairVerdict, reach: float, words: Words, found: Verdict | None) -> str:
    """One pair."""
    if pair.low is None or pair.high is None:
        numbers, line = f"{pair.difference:+.3f}", ""
    else:
        numbers = f"{pair.difference:+.3f} <small>[{pair.low:+.3f}, {pair.high:+.3f}]</small>"
        line = (
            f'<i class="line" style="left:{place(pair.low, reach):.2f}%;'
            f'width:{place(pair.high, reach) - place(pair.low, reach):.2f}%"></i>'
        )
    dot = f'<i class="dot" style="left:{place(pair.difference, reach):.2f}%"></i>'
    told = WORDS[words.lang][pair.word]
    noisy = (
        " " + pill(words("verdict.within_noise"), "warning") if found is not None and found.within_noise(pair) else ""
    )
    title = words("verdict.test", test=pair.test, p=p_text(pair.p), corrected=p_text(pair.corrected))
    return (
        f'<tr><th scope="row">{name_html(pair.source)} <small>{text(words("verdict.against"))}</small> '
        f"{name_html(pair.against)}</th>"
        f'<td class="wide"><div class="forest-line forest-{KIND[pair.word]}"><i class="zero"></i>{line}{dot}</div></td>'
        f'<td title="{text(title)}">{numbers}<br>{pill(told, KIND[pair.word])}{noisy}</td>'
        f"<td>{wins_html(pair, words)}</td></tr>"
    )


def place(value: float, reach: float) -> float:
    """Where a value stands on the axis, in percent from the left."""
    return 50 + 50 * max(-1.0, min(1.0, value / reach))


def wins_html(pair: PairVerdict, words: Words) -> str:
    """Wins, ties and losses as a bar of three parts, each with its number."""
    parts = (("win", pair.wins), ("tie", pair.ties), ("loss", pair.losses))
    shown = "".join(
        f'<span class="{kind}" style="flex:{count} 1 1.6em" title="{text(words(f"verdict.{kind}", count=count))}">'
        f"{count}</span>"
        for kind, count in parts
        if count
    )
    return f'<div class="wins">{shown}</div>'


def noise_html(found: Verdict, words: Words) -> str:
    """How far a source differs from itself, or how to find out."""
    if found.noise is None:
        return note(words("verdict.no_noise"))
    floor = found.noise
    return note(
        words(
            "verdict.noise",
            source=floor.source,
            difference=floor.difference,
            prompts=floor.prompts,
            seeds=floor.seeds,
        )
    )


def sources_html(found: Verdict, words: Words) -> str:
    """Each source's mean score."""
    rows = []
    for one in found.by_source:
        mean = "–" if one.mean is None else f"{one.mean:.3f}"
        limits = "" if one.low is None or one.high is None else f" <small>[{one.low:.3f}, {one.high:.3f}]</small>"
        spread = "–" if one.seed_spread is None else f"{one.seed_spread:.3f}"
        rows.append(
            f'<tr><th scope="row">{name_html(one.source)}</th><td>{mean}{limits}</td><td>{one.prompts}</td>'
            f"<td>{one.missing or '–'}</td><td>{spread}</td></tr>"
        )
    heads = "".join(
        f'<th scope="col">{text(one)}</th>'
        for one in (
            "",
            words("verdict.mean", score=found.score),
            words("verdict.prompts"),
            words("verdict.missing"),
            words("verdict.spread"),
        )
    )
    return (
        f'<div class="scroll"><table class="facts numbers"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def slices_html(slices: Sequence[SliceVerdict], words: Words) -> str:
    """The pairs on parts of the set, folded: by language, by length, by tag."""
    if not slices:
        return ""
    rows = []
    for one in slices:
        for place_in, pair in enumerate(one.pairs):
            head = part_name(one.kind, one.value, words.lang) if place_in == 0 else ""
            limits = "" if pair.low is None or pair.high is None else f" [{pair.low:+.3f}, {pair.high:+.3f}]"
            told = WORDS[words.lang][pair.word]
            rows.append(
                f'<tr><th scope="row">{text(head)}</th><td>{name_html(pair.source)} '
                f"<small>{text(words('verdict.against'))}</small> {name_html(pair.against)}</td>"
                f"<td>{pair.difference:+.3f}<small>{limits}</small></td><td>{pair.prompts}</td>"
                f"<td>{pill(told, KIND[pair.word])}</td></tr>"
            )
    return (
        f"<details><summary>{text(words('verdict.slices', count=len(slices)))}</summary>"
        f'<div class="scroll"><table class="facts numbers">{"".join(rows)}</table></div></details>'
    )
