"""The first minutes: the page is up while the demo trains, and says what it knows as soon as it does."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.test_story import MINUTE, drawn, stage

pytestmark = pytest.mark.slow


def test_watch_the_demo_train(page: Page, demo: Served) -> None:
    """Stages move; the failed run is diagnosed in its row; a run that goes on is seen to; both answers come by themselves."""
    opened = time.monotonic()
    page.goto(demo.address)
    expect(page.locator(".stage")).to_have_count(10, timeout=MINUTE)
    expect(stage(page, "base")).to_contain_text("finished")
    expect(page.locator(".stage-running").first).to_be_visible(timeout=MINUTE)
    row = page.locator("table.runs tr", has_text="sft-too-hot")
    expect(row).to_contain_text("loss-diverged", timeout=MINUTE)
    diagnosed = time.monotonic() - opened
    expect(page.locator(".first-answer", has_text="sft-too-hot")).to_contain_text("The loss diverged", timeout=MINUTE)
    # A checkpoint appears while its run goes on.
    expect(page.locator("table.runs tr", has=page.get_by_role("link", name="sft", exact=True))).to_contain_text(
        "running", timeout=MINUTE
    )
    expect(page.locator(".first-answer", has_text="base → sft")).to_contain_text("better", timeout=2 * MINUTE)
    answered = time.monotonic() - opened
    expect(stage(page, "sft")).to_contain_text("finished", timeout=4 * MINUTE)
    drawn(page)
    print(f"diagnosed after {diagnosed:.0f} s, sft is told to be better after {answered:.0f} s")
