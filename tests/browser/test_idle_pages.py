"""No page touches itself while nothing happens: mutations of the whole document counted, attributes too, on every page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from dashboard.addresses import PAGES, Addresses
from tests.browser.conftest import Served, free_port, start, stop
from tests.browser.test_story_runs import log_rows, make_run

pytestmark = pytest.mark.slow
QUIET_MS, IDLE_MS, MOST_MS = 4_000, 8_000, 300_000
# Each tab's sign of life, every 20 seconds: it touches nothing.
LIFE = "/gradio_api/heartbeat/"
# What must be there before a page can be idle: on a loaded machine it is long in coming.
READY = {
    "runs": ".plots .plot",
    "diagnose": ".finding-row .js-plotly-plot",
    "memory": "#mem-bill svg",
    "learn": ".exercise",
}
# A browser draws for whoever asks for a frame: a page that asks for each keeps it awake.
COUNT = """const frame = window.requestAnimationFrame.bind(window); window.frames_wanted = 0;
window.requestAnimationFrame = callback => { window.frames_wanted++; return frame(callback); };"""
WATCH = """() => {
  window.last = performance.now(); window.touched = [];
  new MutationObserver(all => { window.last = performance.now();
    for (const one of all) window.touched.push(
      `${one.type} ${one.target.nodeName} in ${one.target.parentElement?.closest('[id]')?.id} ${one.attributeName || ''}`);
  }).observe(document.documentElement, {subtree: true, childList: true, characterData: true, attributes: true}); }"""


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard of two runs that are over."""
    runs = tmp_path_factory.mktemp("still") / "runs"
    for name in ("one", "two"):
        make_run(runs, name, 40, 1e-6)
    served = start(runs, free_port())
    yield served
    stop(served)


def settled(page: Page, address: str, ready: str = "main h1") -> None:
    """Open a page and wait until it has been left alone for a while; from then on what is touched is counted anew."""
    page.goto(address)
    page.wait_for_selector(ready, timeout=MOST_MS)
    page.evaluate(WATCH)
    page.wait_for_function(f"performance.now() - window.last > {QUIET_MS}", timeout=MOST_MS)
    page.evaluate("window.touched = []")


@dataclass
class Seen:
    """Of an idle page what was touched in it, the last part of each address that it asked, and how many frames a second it wanted."""

    touched: list[str]
    asked: set[str]
    frames: float


@pytest.fixture(scope="module")
def idle(browser: Browser, still: Served) -> dict[str, Seen]:
    """Every page, each of a visitor of its own, left alone side by side."""
    pages: dict[str, Page] = {}
    for name in PAGES:
        pages[name] = page = browser.new_context(viewport={"width": 1300, "height": 1000}).new_page()
        page.set_default_timeout(MOST_MS)
        page.add_init_script(COUNT)
        page.goto(f"{still.address}/{Addresses('en').path(name, 'en')}")
    for name, page in pages.items():
        page.wait_for_selector(READY.get(name, "main h1"))
        page.evaluate(WATCH)
    calls: dict[str, list[str]] = {name: [] for name in PAGES}
    for name, page in pages.items():
        page.wait_for_function(f"performance.now() - window.last > {QUIET_MS}")
        page.evaluate("window.touched = []; window.frames_wanted = 0; window.began = performance.now()")
        page.on("request", lambda one, called=calls[name]: called.append(one.url.rstrip("/")))
    pages[PAGES[0]].wait_for_timeout(IDLE_MS)
    found = {}
    for name, page in pages.items():
        asked = {one.partition("?")[0].rpartition("/")[2] for one in calls[name] if LIFE not in one}
        frames = page.evaluate("1000 * window.frames_wanted / (performance.now() - window.began)")
        found[name] = Seen(page.evaluate("window.touched.slice(0, 20)"), asked, frames)
        page.context.close()
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_which_nothing_happens_touches_nothing(idle: dict[str, Seen], name: str) -> None:
    assert idle[name].touched == []
    assert idle[name].asked <= {"component_server"}
    assert idle[name].frames <= 2


def test_the_pages_that_show_what_changes_do_look(idle: dict[str, Seen]) -> None:
    assert all(idle[name].asked == {"component_server"} for name in ("runs", "compare", "diagnose", "learn", "share"))


@pytest.mark.parametrize("name", ["", "diagnose?run=two", "compare"])
def test_the_same_pages_are_touched_when_something_happens(page: Page, still: Served, name: str) -> None:
    settled(page, f"{still.address}/{name}")
    first = 41 + 2 * ["", "diagnose?run=two", "compare"].index(name)
    log_rows(Path(still.runs) / "two", first, first + 1)
    if name == "compare":
        (still.runs / "two" / "checkpoint-40").mkdir()
    page.wait_for_function("window.touched.length > 0", timeout=MOST_MS)


def test_a_page_that_nobody_sees_asks_for_nothing(page: Page, still: Served) -> None:
    settled(page, still.address)
    page.evaluate("""() => { window.hid = true;
      Object.defineProperty(document, 'hidden', {configurable: true, get: () => window.hid}); }""")
    page.wait_for_timeout(2_000)
    calls: list[str] = []
    page.on("request", lambda one: calls.append(one.url) if LIFE not in one.url else None)
    page.wait_for_timeout(6_000)
    assert calls == []
    with page.expect_request(lambda one: "component_server" in one.url, timeout=1_500):
        page.evaluate("() => { window.hid = false; document.dispatchEvent(new Event('visibilitychange')); }")
