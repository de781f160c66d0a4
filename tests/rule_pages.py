"""The rules' pages below docs/rules, each from its rule's own file. `python -m tests.rule_pages` writes them anew."""

from __future__ import annotations

from pathlib import Path

from diagnostics.report.page import markdown, methods_of
from diagnostics.report.words import words_of
from diagnostics.rules import RULES

PAGES = Path(__file__).parents[1] / "docs" / "rules"


def pages() -> dict[str, str]:
    """Every page by its file name, the index among them."""
    found = {f"{rule.NAME}.md": markdown(rule.NAME) for rule in RULES}
    rows = [
        f"| [`{rule.NAME}`]({rule.NAME}.md) | {words_of(rule.NAME, 'en').title} | {words_of(rule.NAME, 'zh').title} "
        f"| {methods_of(rule, 'en')} |"
        for rule in sorted(RULES, key=lambda one: one.NAME)
    ]
    head = "# The rules\n\nWritten from the rules' own files by `python -m tests.rule_pages`.\n"
    found["README.md"] = "\n".join([head, "| rule | fault | 故障 | judges |", "|---|---|---|---|", *rows, ""])
    return found


if __name__ == "__main__":
    PAGES.mkdir(parents=True, exist_ok=True)
    for old in PAGES.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
