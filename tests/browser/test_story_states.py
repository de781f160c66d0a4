"""What changes behind an open page: marks kept in another tab, a run that was renamed, a folder of runs that goes and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.runs.marks import Mark, Marks
from tests.browser.conftest import Served, serving
from tests.dashboard.test_views import make_run

pytestmark = pytest.mark.slow
MINUTE = 60_000


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Served]:
    for name in ("plain", "other"):
        make_run(tmp_path / "runs", name, [0.1, 0.2])
    with serving(tmp_path / "runs") as served:
        yield served


def marks_opened(page: Page, board: Served) -> None:
    """Open the form for the marks of a run."""
    page.goto(f"{board.address}/?run=plain")
    page.locator("#runs-marks button").first.click(timeout=MINUTE)
    expect(page.locator("#runs-marks")).to_contain_text("For plain.", timeout=MINUTE)


def test_a_tab_that_was_opened_before_erases_no_mark(page: Page, board: Served, browser: Browser) -> None:
    second = browser.new_page()
    marks_opened(page, board)
    marks_opened(second, board)
    second.locator("#own-tags").get_by_role("textbox").fill("good")
    second.locator("#own-note").get_by_role("textbox").fill("best seed")
    second.get_by_role("button", name="Save").click()
    expect(page.locator("table.runs")).to_contain_text("best seed", timeout=MINUTE)
    page.locator("#own-tags").get_by_role("textbox").fill("mine")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("table.runs .own-tag")).to_have_text(["good", "mine"], timeout=MINUTE)
    expect(page.locator("#own-note").get_by_role("textbox")).to_have_value("best seed")
    assert Marks(board.runs).all()["plain"] == Mark(("good", "mine"), "best seed")
    second.close()


def test_a_renamed_run_and_a_folder_that_is_away_are_told_and_come_back(page: Page, board: Served) -> None:
    page.goto(f"{board.address}/diagnose?run=plain")
    expect(page.locator(".finding").first).to_be_visible(timeout=MINUTE)
    (board.runs / "plain").rename(board.runs / "renamed")
    expect(page.locator(".note")).to_contain_text("plain: there is no such run here", timeout=MINUTE)
    (board.runs / "renamed").rename(board.runs / "plain")
    expect(page.locator(".finding").first).to_be_visible(timeout=MINUTE)
    page.goto(f"{board.address}/")
    expect(page.locator("table.runs")).to_contain_text("other", timeout=MINUTE)
    away = board.runs.with_name("away")
    board.runs.rename(away)
    expect(page.locator("#runs-table")).to_contain_text("not there any more", timeout=MINUTE)
    expect(page.get_by_role("button", name="Start the demo")).to_be_hidden()
    away.rename(board.runs)
    expect(page.locator("table.runs")).to_contain_text("other", timeout=MINUTE)
