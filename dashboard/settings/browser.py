"""What a browser keeps by itself, language and theme: looked at before a page is drawn, so that nothing flashes."""

from __future__ import annotations

import json

from dashboard.addresses import PAGES, Addresses
from dashboard.html import text
from dashboard.texts import LANGS, Lang, Words

LANG_KEY, THEME_KEY = "clinic-lang", "clinic-theme"
THEMES = ("system", "light", "dark")
NAMES = {"en": "English", "zh": "中文"}
# Gradio sets the theme of the system while it starts; the chosen one is set again after whatever sets another.
THEME = """
  const theme = () => {
    const chosen = kept('clinic-theme');
    if (chosen && document.body) document.body.classList.toggle('dark', chosen === 'dark');
  };
  const watch = () => {
    theme();
    new MutationObserver(theme).observe(document.body, {attributes: true, attributeFilter: ['class']});
  };
  document.readyState === 'loading' ? addEventListener('DOMContentLoaded', watch) : watch();
"""
# Told to screen readers; Gradio's page says English of itself, whatever it shows.
SPOKEN = """
  const spoken = %s, name = location.pathname.split('/').pop();
  const other = spoken.find((one, place) => place && (name === one || name.startsWith(`${one}-`)));
  const speak = () => {
    const lang = other || spoken[0];
    if (document.documentElement.lang !== lang) document.documentElement.lang = lang;
  };
  speak();
  new MutationObserver(speak).observe(document.documentElement, {attributes: true, attributeFilter: ['lang']});
"""
# An address without a language is whoever's opens it: the chosen one, else the browser's. One with a language stays.
LANGUAGE = """
  const first = %s, langs = %s, others = %s;
  if (Object.hasOwn(others, name)) {
    const own = (navigator.languages || []).map(one => one.slice(0, 2).toLowerCase()).find(one => langs.includes(one));
    const chosen = kept('clinic-lang');
    const wanted = langs.includes(chosen) ? chosen : own || first;
    if (wanted !== first) {
      document.documentElement.style.display = 'none';
      location.replace('./' + others[name] + location.search + location.hash);
    }
  }
"""
FRAME = """<script>(() => {
  const kept = name => { try { return localStorage.getItem(name); } catch { return null; } };%s})();</script>"""
# The choices on the Settings page, and what follows from them at once.
CHOOSE = """
const kept = name => { try { return localStorage.getItem(name); } catch { return null; } };
const keep = (name, value) => { try { value ? localStorage.setItem(name, value) : localStorage.removeItem(name); } catch {} };
const show = () => {
  for (const [name, other] of [['clinic-theme', 'system'], ['clinic-lang', 'auto']])
    for (const one of element.querySelectorAll(`input[name=${name}]`)) one.checked = one.value === (kept(name) || other);
};
show();
element.addEventListener('change', event => {
  const {name, value} = event.target;
  if (name === 'clinic-theme') {
    keep(name, value === 'system' ? '' : value);
    const dark = value === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : value === 'dark';
    document.body.classList.toggle('dark', dark);
  }
  if (name === 'clinic-lang') {
    keep(name, value === 'auto' ? '' : value);
    const told = element.querySelector('[data-pages]').dataset, pages = JSON.parse(told.pages);
    const own = (navigator.languages || []).map(one => one.slice(0, 2).toLowerCase()).find(one => Object.hasOwn(pages, one));
    const wanted = value === 'auto' ? own || told.first : value;
    location.assign(pages[wanted] + location.search);
  }
});
"""


def script(first: Lang, addresses: Addresses | None = None) -> str:
    """What runs in the head of a page before anything is drawn; with addresses it also leads to the language that is wanted.

    `first`: the language of the addresses that name none.
    """
    spoken = SPOKEN % json.dumps(sorted(LANGS, key=lambda lang: lang != first))
    language = ""
    if addresses is not None:
        other = next(lang for lang in LANGS if lang != addresses.first)
        others = {addresses.path(page, addresses.first): addresses.path(page, other) for page in PAGES}
        language = LANGUAGE % (json.dumps(addresses.first), json.dumps(list(LANGS)), json.dumps(others))
    return FRAME % (THEME + spoken + language)


def choices_html(words: Words, addresses: Addresses) -> str:
    """The choice of language and of theme, which the browser keeps."""
    languages = [("auto", words("settings.language_auto"), words.lang), *((one, NAMES[one], one) for one in LANGS)]
    themes = [(one, words(f"settings.theme_{one}"), words.lang) for one in THEMES]
    pages = json.dumps({lang: addresses.href("settings", lang) for lang in LANGS})
    return (
        f'<div class="settings-browser" data-pages="{text(pages)}" data-first="{addresses.first}">'
        f"{radios(LANG_KEY, words('settings.language'), languages)}{radios(THEME_KEY, words('settings.theme'), themes)}</div>"
    )


def radios(name: str, label: str, choices: list[tuple[str, str, Lang]]) -> str:
    """A group of choices of which one holds; each with the language that its label is in."""
    each = "".join(
        f'<label lang="{lang}"><input type="radio" name="{name}" value="{value}"><span>{text(told)}</span></label>'
        for value, told, lang in choices
    )
    return f'<fieldset class="settings-choice"><legend>{text(label)}</legend>{each}</fieldset>'
