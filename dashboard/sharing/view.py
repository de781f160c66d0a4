"""The shared pages as HTML: what is shared, each run by itself, each comparison. No Gradio here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.compare.ballot import kept, ratings_html
from dashboard.html import note, text
from dashboard.sharing.shown import Shown, votes_between
from dashboard.sharing.trial import Trial
from dashboard.texts import LANGS, Lang, Words
from diagnostics.compare.voting.ratings import ratings
from diagnostics.export.hiding import hider
from diagnostics.export.pieces import run_html, table_html, together_html
from diagnostics.report.common import one_line
from diagnostics.run import Run


@dataclass(frozen=True)
class Place:
    """One page: its path without slashes, its language, and what it is of: `index`, `try`, or a run or comparison by number."""

    path: str
    lang: Lang
    kind: str
    number: int = 0


@dataclass(frozen=True)
class Content:
    """All that is shared. `ends`: when the link ends, seconds since 1970."""

    shown: Shown
    comparisons: tuple[Path, ...]
    ends: float
    first: Lang = "en"
    trial: Trial | None = None

    @property
    def trying(self) -> bool:
        """Whether visitors may ask and vote."""
        return self.trial is not None

    def places(self) -> list[Place]:
        """Every page in both languages. Paths hold numbers, never a name: a run may be called anything."""
        found = []
        for lang in sorted(LANGS, key=lambda one: one != self.first):
            before = "" if lang == self.first else f"{lang}-"
            found.append(Place("" if lang == self.first else lang, lang, "index"))
            if self.trying:
                found.append(Place(f"{before}try", lang, "try"))
            found += [Place(f"{before}run-{n}", lang, "run", n) for n in range(1, len(self.shown.names) + 1)]
            found += [
                Place(f"{before}comparison-{n}", lang, "comparison", n) for n in range(1, len(self.comparisons) + 1)
            ]
        return found

    def href(self, lang: Lang, kind: str, number: int = 0) -> str:
        """A page's address relative to any other: all lie in one level."""
        return "./" + next(
            one.path for one in self.places() if (one.lang, one.kind, one.number) == (lang, kind, number)
        )

    def hide(self) -> Callable[[str], str]:
        """What takes this machine's folders and keys out of a page."""
        return hider([self.shown.root])


def page_html(content: Content, place: Place, now: float | None = None) -> str:
    """A whole page below Gradio's own frame."""
    words = Words(place.lang)
    body = {"index": index_html, "run": one_run_html, "comparison": comparison_html, "try": lambda *_: ""}[place.kind]
    made = time.time() if now is None else now
    told = words("share.shared", ends=clock(content.ends), made=clock(made))
    return content.hide()(f'{head_html(content, place)}<p class="quiet">{text(told)}</p>{body(content, place)}')


def clock(seconds: float) -> str:
    """A time that a reader elsewhere understands."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def head_html(content: Content, place: Place) -> str:
    """The top of every page: its name, the way to the others, the other language, the way out."""
    words = Words(place.lang)
    other: Lang = next(lang for lang in LANGS if lang != place.lang)
    here, there = 'class="nav here" aria-current="page"', 'class="nav"'
    ways = [(words("share.overview"), "index")] + ([(words("share.try"), "try")] if content.trying else [])
    links = "".join(
        f'<a {here if kind == place.kind else there} href="{text(content.href(place.lang, kind))}">{text(label)}</a>'
        for label, kind in ways
    )
    across = content.href(other, place.kind, place.number)
    # A page has one heading of the first order: a run's name, else ours.
    brand = "h1" if place.kind in ("index", "try") else "span"
    return (
        f'<header class="clinic-header" lang="{place.lang}"><{brand} class="brand">{text(words("title"))}</{brand}>'
        f'<span class="tagline"></span><nav>{links}</nav>'
        f'<a class="nav" href="{text(across)}" hreflang="{other}">{text(words("nav.other"))}</a>'
        f'<form method="post" action="./logout"><button class="nav">{text(words("share.leave"))}</button></form></header>'
    )


def index_html(content: Content, place: Place) -> str:
    """What is shared: the runs, side by side, the comparisons, what people have chosen."""
    words, lang, shown = Words(place.lang), place.lang, content.shown
    runs, broken = shown.runs()
    links = [content.href(lang, "run", shown.names.index(run.name) + 1) for run in runs]
    parts = [table_html(runs, [shown.diagnosis(run) for run in runs], links, lang)]
    parts += [note(words("share.gone", name=name), "warning") for name in broken]
    for number, path in enumerate(content.comparisons, start=1):
        label = text(words("share.comparison", name=one_line(path.stem)))
        parts.append(f'<p><a href="{text(content.href(lang, "comparison", number))}">{label}</a></p>')
    parts.append(together_html(runs, lang) if runs else "")
    parts.append(votes_html(shown, words))
    return "".join(parts)


def votes_html(shown: Shown, words: Words) -> str:
    """The ratings by people's blind votes on the shared runs; nothing without votes."""
    mine = [one for one in votes_between(kept(shown), shown.names).votes if one.voter == "person"]
    return f"<h2>{text(words('share.votes'))}</h2>{ratings_html(ratings(mine), words)}" if mine else ""


def one_run_html(content: Content, place: Place) -> str:
    """One run: state, curves, findings."""
    name = content.shown.names[place.number - 1]
    run: Run | None = content.shown.run(name)
    if run is None:
        return note(Words(place.lang)("share.gone", name=name), "warning")
    # The folder a run lies in is nobody's business; its name is.
    diagnosis = content.shown.diagnosis(run)
    return f"<h1>{text(one_line(run.name))}</h1>{run_html(run, replace(diagnosis, against=None), place.lang)}"


def comparison_html(content: Content, place: Place) -> str:
    """A comparison's report as it is, in a frame without any rights: no script, no forms, no way out."""
    path = content.comparisons[place.number - 1]
    try:
        report = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return note(Words(place.lang)("share.gone", name=path.name), "warning")
    title = text(Words(place.lang)("share.comparison", name=one_line(path.stem)))
    return f'<h1>{title}</h1><iframe class="report" sandbox="" title="{title}" srcdoc="{text_of(report)}"></iframe>'


def text_of(document: str) -> str:
    """A document as the value of an attribute."""
    return document.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def all_pages(content: Content, places: Sequence[Place]) -> dict[str, str]:
    """Every page by its path."""
    return {one.path: page_html(content, one) for one in places}
