"""The top of every page: name, the pages, language, light or dark."""

from __future__ import annotations

import gradio as gr

from dashboard.addresses import PAGES, Addresses, Page
from dashboard.html import text
from dashboard.texts import LANGS, Words

# Kept first: what is kept is set again after whatever changes the page's theme.
TOGGLE_THEME = (
    "const theme = document.body.classList.contains('dark') ? 'light' : 'dark';"
    "localStorage.setItem('clinic-theme', theme); document.body.classList.toggle('dark', theme === 'dark')"
)
# The other language is chosen for good, also by a click that opens another tab, and for the same view.
CHOOSE_LANGUAGE = "localStorage.setItem('clinic-lang', this.hreflang); this.search = location.search"
# A link to another page takes the chosen runs along; before the click, so that one into a new tab does too.
CARRY = (
    "const runs = new URLSearchParams();"
    "for (const one of new URLSearchParams(location.search).getAll('run')) if (one) runs.append('run', one);"
    "this.search = runs"
)
GEAR = '<span class="gear" aria-hidden="true">⚙</span>'


def header(page: Page, words: Words, addresses: Addresses) -> None:
    """Lay out the header. Gradio's own navigation bar is hidden: it would list both languages' pages."""
    gr.Navbar(visible=False)
    other = next(lang for lang in LANGS if lang != words.lang)
    here = {page: ' here" aria-current="page'}

    def link(one: Page, shown: str, more: str = "") -> str:
        return (
            f'<a class="nav{here.get(one, "")}" href="{addresses.href(one, words.lang)}" onpointerdown="{CARRY}" '
            f'onclick="{CARRY}"{more}>{shown}</a>'
        )

    links = "".join(link(one, text(words(f"nav.{one}"))) for one in PAGES if one != "settings")
    named = f' title="{text(words("nav.settings"))}" aria-label="{text(words("nav.settings"))}"'
    gr.HTML(
        f'<header class="clinic-header" lang="{words.lang}"><h1 class="brand">{text(words("title"))}</h1>'
        f'<span class="tagline">{text(words("tagline"))}</span><nav>{links}</nav>'
        f'<a class="nav" href="{addresses.href(page, other)}" hreflang="{other}" '
        f'onpointerdown="{CHOOSE_LANGUAGE}" onclick="{CHOOSE_LANGUAGE}">{text(words("nav.other"))}</a>'
        f'<button class="nav theme" title="{text(words("nav.theme"))}" aria-label="{text(words("nav.theme"))}" '
        f'onclick="{text(TOGGLE_THEME)}">◐</button>'
        f"{link('settings', GEAR, named)}</header>"
    )
