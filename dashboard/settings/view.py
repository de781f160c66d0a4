"""The folders on the Settings page as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.html import note, text
from dashboard.settings.folders import Place, free_bytes, places, size_words, writable
from dashboard.texts import Words


def folders_html(clinic: Clinic, sizes: Mapping[Path, int | None], words: Words) -> str:
    """Where everything lies, how big it is, and whether the runs folder can be written."""
    head = "".join(f'<th scope="col">{text(words(f"settings.{one}"))}</th>' for one in ("what", "where", "size"))
    rows = "".join(row_html(one, sizes.get(one.path), words) for one in places(clinic))
    return (
        f'<table class="folders"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"{written_html(clinic.root, words)}"
    )


def row_html(place: Place, size: int | None, words: Words) -> str:
    """One place."""
    if not place.path.exists():
        told = words("settings.nothing_yet")
    else:
        told = words("settings.counting") if size is None else size_words(size)
    return (
        f'<tr><th scope="row">{text(words(f"settings.place_{place.key}"))}</th><td><code>{text(place.path)}</code></td>'
        f'<td class="size">{text(told)}</td></tr>'
    )


def written_html(root: Path, words: Words) -> str:
    """Whether the runs folder can be written, and what to do if not."""
    reason = writable(root)
    if reason is not None:
        return note(words("settings.not_writable", reason=reason), "error")
    free = free_bytes(root)
    return (
        f'<p class="quiet">{text(words("settings.writable", free=size_words(free) if free is not None else "?"))}</p>'
    )
