"""The page before the password: one form, no script, nothing that tells what is shared."""

from __future__ import annotations

from dashboard.html import text
from dashboard.sharing.limits import NAME_MOST
from dashboard.texts import LANGS, Lang, Words

STYLE = """:root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
sans-serif; max-width: 22rem; margin: 14vh auto 0; padding: 0 1rem; } label { display: block; margin: 0.9rem 0 0.2rem; }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: 0.5rem 0.6rem; border-radius: 6px; border: 1px solid #7a828c; }
button { margin-top: 1.2rem; background: #0b5cad; color: #fff; border-color: #0b5cad; font-weight: 600; cursor: pointer; }
.refused { border-left: 3px solid #c5221f; padding: 0.4rem 0.7rem; } .quiet { opacity: 0.8; font-size: 0.88rem; }"""
CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def language(accepted: str) -> Lang:
    """The first of our languages that a browser's Accept-Language names; English if it names none."""
    for part in accepted.lower().split(",")[:20]:
        name = part.partition(";")[0].strip().partition("-")[0]
        if name in LANGS:
            return "zh" if name == "zh" else "en"
    return "en"


def login_html(action: str, lang: Lang, refused: str | None = None, wait: float = 0.0, name: str = "") -> str:
    """The page. `refused`: why the login before was not taken, with the seconds to wait; `name`: what it had for a name."""
    words = Words(lang)
    told = ""
    if refused:
        said = words(f"share.refused_{refused}", minutes=max(1, round(wait / 60)))
        told = f'<p class="refused" role="alert">{text(said)}</p>'
    title = text(words("share.login"))
    typed = text(name[: int(NAME_MOST)])
    here, there = ("", " autofocus") if typed else (" autofocus", "")
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><meta name="robots" content="noindex"><link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} · TRL Clinic</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>{told}"
        f'<form method="post" action="{text(action)}"><label for="name">{text(words("share.name"))}</label>'
        f'<input id="name" name="name" maxlength="{int(NAME_MOST)}" autocomplete="nickname" value="{typed}" required{here}>'
        f'<label for="password">{text(words("share.password"))}</label>'
        f'<input id="password" name="password" type="password" autocomplete="current-password" required{there}>'
        f"<button>{text(words('share.enter'))}</button></form>"
        f'<p class="quiet">{text(words("share.name_help"))}</p></main></body></html>\n'
    )
