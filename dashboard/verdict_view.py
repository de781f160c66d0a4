"""A verdict as HTML: its sentences first, then the numbers they follow from."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.html import note, pill, text
from dashboard.panes_view import name_html
from dashboard.texts import Words
from diagnostics.compare.verdict import PairVerdict, SliceVerdict, Verdict

KIND = {"better": "good", "worse": "error", "no-difference-shown": "plain", "too-few": "warning"}


def verdict_html(found: Verdict, words: Words) -> str:
    """The whole verdict by one score."""
    if not found.pairs:
        return note(words("verdict.one_source"))
    return "".join(
        (
            *(note(sentence(one, words), KIND[one.word]) for one in found.pairs),
            forest_html(found.pairs, words, found),
            noise_html(found, words),
            sources_html(found, words),
            slices_html(found.slices, words),
        )
    )


def sentence(pair: PairVerdict, words: Words) -> str:
    """What may be said of a pair, and how sure it is."""
    facts = {
        "source": pair.source,
        "against": pair.against,
        "difference": pair.difference,
        "low": pair.low if pair.low is not None else 0.0,
        "high": pair.high if pair.high is not None else 0.0,
        "prompts": pair.prompts,
        "p": p_text(pair.corrected),
    }
    if pair.word == "too-few":
        return words("verdict.too_few", **facts)
    if pair.word != "no-difference-shown":
        return words(f"verdict.{pair.word}", **facts)
    told = words("verdict.open", **facts)
    if pair.needed is not None and pair.needed > pair.prompts:
        told += " " + words("verdict.needed", needed=pair.needed)
    elif pair.detectable is not None:
        told += " " + words("verdict.detectable", detectable=pair.detectable)
    return told


def p_text(p: float) -> str:
    """A p-value as it is written: never 0."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def forest_html(pairs: Sequence[PairVerdict], words: Words, found: Verdict) -> str:
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
        f'<th scope="col" class="wide">{text(words("verdict.difference", score=found.score))}{axis}</th>'
        f'<th scope="col">{text(words("verdict.number"))}</th>'
        f'<th scope="col">{text(words("verdict.wins"))}</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def forest_row(pair: PairVerdict, reach: float, words: Words, found: Verdict) -> str:
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
    told = words(f"verdict.word_{pair.word.replace('-', '_')}")
    noisy = " " + pill(words("verdict.within_noise"), "warning") if found.within_noise(pair) else ""
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
        named = words(f"verdict.slice_{one.kind}")
        value = words(f"verdict.value_{one.value}") if one.kind != "tag" else one.value
        for place_in, pair in enumerate(one.pairs):
            head = f"{named}: {value}" if place_in == 0 else ""
            limits = "" if pair.low is None or pair.high is None else f" [{pair.low:+.3f}, {pair.high:+.3f}]"
            told = words(f"verdict.word_{pair.word.replace('-', '_')}")
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
