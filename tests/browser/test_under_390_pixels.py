"""Every page on a telephone, after the stories: nothing of it lies beside the screen, and a plot keeps room for its curves."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from dashboard.addresses import PAGES, Addresses
from tests.browser.conftest import Served

pytestmark = pytest.mark.slow
WIDTH = 390
MINUTE = 60_000
# What reaches beyond the screen, outermost first, for the one who is to mend it; what scrolls or is cut in itself does not.
WIDE = """width => {
  const cut = one => one && (getComputedStyle(one).overflowX !== 'visible' || cut(one.parentElement));
  return [...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > width + 1 && !cut(one.parentElement))
    .slice(0, 5).map(one => `${one.tagName} #${one.id} .${one.className} to ${Math.round(one.getBoundingClientRect().right)}`);
}"""
# The heights, in pixels, of the parts of the plots in which curves are drawn.
ROOM = """() => [...document.querySelectorAll('.js-plotly-plot')].filter(one => one.offsetParent && one._fullLayout)
  .map(one => Math.round(one._fullLayout._size.h))"""


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_the_screen(browser: Browser, served: Served, name: str, lang: str) -> None:
    context = browser.new_context(viewport={"width": WIDTH, "height": 844})
    page = context.new_page()
    try:
        page.goto(f"{served.address}/{Addresses('en').path(name, lang)}")  # type: ignore[arg-type]
        expect(page.locator(".clinic-header")).to_be_visible(timeout=MINUTE)
        page.wait_for_timeout(4000)  # what a page shows is sent, then drawn; a page that polls is never idle
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH + 1, page.evaluate(WIDE, WIDTH)
        assert all(height >= 100 for height in page.evaluate(ROOM)), page.evaluate(ROOM)
    finally:
        context.close()
