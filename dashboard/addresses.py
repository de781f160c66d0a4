"""The addresses of the pages. The dashboard's first language has the short ones, the other the same with a prefix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.texts import Lang

Page = Literal["runs", "train", "preflight", "memory", "compare", "diagnose", "learn", "share", "settings"]
PAGES: tuple[Page, ...] = (
    "runs", "train", "preflight", "memory", "compare", "diagnose", "learn", "share", "settings",
)  # fmt: skip


@dataclass(frozen=True)
class Addresses:
    """Where the pages are, given the language that is served at the root."""

    first: Lang

    def path(self, page: Page, lang: Lang) -> str:
        """The route of a page, without slashes; the root is an empty text."""
        if lang == self.first:
            return "" if page == "runs" else page
        return lang if page == "runs" else f"{lang}-{page}"

    def href(self, page: Page, lang: Lang) -> str:
        """The page's address relative to any other page: all lie in one level."""
        return "./" + self.path(page, lang)
