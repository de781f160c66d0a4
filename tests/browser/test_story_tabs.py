"""An expert's day: more tabs than a browser opens connections to one address, and all of them live."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import serving
from training.demo.pipeline import KEPT_BASE

pytestmark = pytest.mark.slow
TABS = 8
MINUTE = 60_000


def test_eight_tabs_are_drawn_and_follow_the_folder(browser: Browser, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(KEPT_BASE, runs / "first")
    with serving(runs) as served:
        context = browser.new_context()
        pages = [context.new_page() for _ in range(TABS)]
        for page in pages:
            page.goto(served.address, timeout=MINUTE)
            expect(page.locator("table.runs")).to_contain_text("first", timeout=MINUTE)
        shutil.copytree(KEPT_BASE, runs / "second")
        for page in pages:
            expect(page.locator("table.runs")).to_contain_text("second", timeout=MINUTE)
        context.close()
