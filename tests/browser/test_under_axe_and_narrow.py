"""Every page, after the stories: on a telephone nothing lies beside the screen; no serious violation of axe-core in either theme."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from dashboard.addresses import PAGES, Addresses
from tests.browser.axe import violations
from tests.browser.calm import Calm
from tests.browser.conftest import Served

pytestmark = pytest.mark.slow
WIDTH = 390
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
def test_every_page_fits_a_telephone_and_has_no_serious_violation(
    page: Page, served: Served, name: str, lang: str
) -> None:
    page.set_viewport_size({"width": WIDTH, "height": 844})
    calm = Calm(page)
    calm.opened(f"{served.address}/{Addresses('en').path(name, lang)}")  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH + 1, page.evaluate(WIDE, WIDTH)
    assert all(height >= 100 for height in page.evaluate(ROOM)), page.evaluate(ROOM)
    page.set_viewport_size({"width": 1300, "height": 1000})
    if lang == "zh":  # one theme for each language: all four are seen over the pages
        page.locator("button.theme").click()
        expect(page.locator("body")).to_have_class("dark")
    calm.wait()
    assert violations(page) == []
