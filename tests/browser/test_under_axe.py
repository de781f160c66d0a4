"""Every page under axe-core, after the stories: names for screen readers, contrast, structure; no serious violation in either theme."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from dashboard.addresses import PAGES, Addresses
from tests.browser.axe import violations
from tests.browser.conftest import Served

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation(page: Page, served: Served, name: str, lang: str) -> None:
    page.goto(f"{served.address}/{Addresses('en').path(name, lang)}")  # type: ignore[arg-type]
    expect(page.locator(".clinic-header")).to_be_visible()
    if lang == "zh":  # one theme for each language: all four are seen over the pages
        page.locator("button.theme").click()
        expect(page.locator("body")).to_have_class("dark")
    page.wait_for_timeout(4000)  # what a page shows is sent, then drawn; a page that polls is never idle
    assert violations(page) == []
