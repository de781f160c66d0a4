"""The top of every page: name, the pages, language, light or dark."""

from __future__ import annotations

import gradio as gr

from dashboard.addresses import PAGES, Addresses, Page
from dashboard.html import text
from dashboard.texts import LANGS, Words

TOGGLE_THEME = (
    "document.body.classList.toggle('dark');"
    "localStorage.setItem('clinic-theme', document.body.classList.contains('dark') ? 'dark' : 'light')"
)
# A link to another page takes the chosen runs along; before the click, so that one into a new tab does too.
CARRY = (
    "const runs = new URLSearchParams();"
    "for (const one of new URLSearchParams(location.search).getAll('run')) if (one) runs.append('run', one);"
    "this.search = runs"
)


def header(page: Page, words: Words, addresses: Addresses) -> None:
    """Lay out the header. Gradio's own navigation bar is hidden: it would list both languages' pages."""
    gr.Navbar(visible=False)
    other = next(lang for lang in LANGS if lang != words.lang)
    here = {page: ' here" aria-current="page'}
    links = "".join(
        f'<a class="nav{here.get(one, "")}" href="{addresses.href(one, words.lang)}" onpointerdown="{CARRY}" '
        f'onclick="{CARRY}">{text(words(f"nav.{one}"))}</a>'
        for one in PAGES
    )
    gr.HTML(
        f'<header class="clinic-header" lang="{words.lang}"><h1 class="brand">{text(words("title"))}</h1>'
        f'<span class="tagline">{text(words("tagline"))}</span><nav>{links}</nav>'
        f'<a class="nav" href="{addresses.href(page, other)}" hreflang="{other}" '
        f'onclick="this.search=location.search">{text(words("nav.other"))}</a>'
        f'<button class="nav theme" title="{text(words("nav.theme"))}" aria-label="{text(words("nav.theme"))}" '
        f'onclick="{text(TOGGLE_THEME)}">◐</button></header>'
    )
