"""Writes the table of prices into docs/memory.md, from the settings themselves: `python -m tests.memory_page`."""

from __future__ import annotations

import re
from pathlib import Path

from diagnostics.memory.prices import PRICES
from diagnostics.memory.words import LEVERS

PAGE = Path(__file__).parents[1] / "docs/memory.md"
MARKS = re.compile(r"(<!-- prices: [^>]*-->\n).*?(<!-- end of prices -->)", re.DOTALL)


def table() -> str:
    """The prices as a table."""
    rows = ["| change | time | learned | why |", "|---|---|---|---|"]
    for key, price in PRICES.items():
        reasons = "; ".join(dict.fromkeys((price.time.source, price.quality.source)))
        what = LEVERS["en"][key].replace("{new}", "N")
        rows.append(f"| {what} | {float(price.time):+.0%} | {float(price.quality):g} | {reasons} |")
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """The page with the present table."""
    return MARKS.sub(lambda found: found[1] + table() + found[2], text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
