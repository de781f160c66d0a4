"""axe-core on a page that stands open in the browser: what it calls serious or critical."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")
# Gradio's own box in a plot that has not been drawn yet.
PASSING = ".empty"


def violations(page: Page) -> list[tuple[str, str, str]]:
    """Each grave violation as rule, place and what to mend; a page without a first heading is one too."""
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], str(node["target"]), node["failureSummary"])
        for one in found
        if one["impact"] in GRAVE or one["id"] == "page-has-heading-one"
        for node in one["nodes"]
        if not any(PASSING in str(place) for place in node["target"])
    ]
