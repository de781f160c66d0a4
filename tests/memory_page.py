"""Writes the table of prices into the pages on memory, in both languages, from the settings: `python -m tests.memory_page`."""

from __future__ import annotations

import re
from pathlib import Path

from diagnostics.memory.prices import PRICES, Price
from diagnostics.memory.words import LEVERS, PRICED_ZH
from diagnostics.report.words import LANGS, Lang

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[Lang, Path] = {"en": DOCS / "memory.md", "zh": DOCS / "zh" / "memory.md"}
MARKS = re.compile(r"(<!-- prices: [^>]*-->\n).*?(<!-- end of prices -->)", re.DOTALL)
HEADS: dict[Lang, str] = {"en": "| change | time | learned | why |", "zh": "| 改动 | 时间 | 所学 | 原因 |"}


def reason(key: str, price: Price, lang: Lang) -> str:
    """Why a change has its price."""
    return "; ".join(dict.fromkeys((price.time.source, price.quality.source))) if lang == "en" else PRICED_ZH[key]


def table(lang: Lang) -> str:
    """The prices as a table."""
    rows = [HEADS[lang], "|---|---|---|---|"]
    for key, price in PRICES.items():
        what = LEVERS[lang][key].replace("{new}", "N")
        rows.append(f"| {what} | {float(price.time):+.0%} | {float(price.quality):g} | {reason(key, price, lang)} |")
    return "\n".join(rows) + "\n"


def page(text: str, lang: Lang) -> str:
    """The page with the present table."""
    return MARKS.sub(lambda found: found[1] + table(lang) + found[2], text)


if __name__ == "__main__":
    for lang in LANGS:
        PAGES[lang].write_text(page(PAGES[lang].read_text(encoding="utf-8"), lang), encoding="utf-8")
