"""When a page has come to rest: nothing is on its way from the server, and nothing of it was touched for a while."""

from __future__ import annotations

import time

from playwright.sync_api import Page, Request, expect

CALM_MS, MOST_SECONDS = 1_000, 120.0
WATCH = """() => { if (window.restless) return;
  window.restless = performance.now();
  new MutationObserver(() => { window.restless = performance.now(); }).observe(
    document.documentElement, {subtree: true, childList: true, characterData: true, attributes: true}); }"""
SINCE = "performance.now() - window.restless"


class Calm:
    """Follows a page's requests from now on: an event of Gradio's holds one open until its answer has come."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.on_their_way: set[Request] = set()
        page.on("request", lambda one: self.on_their_way.add(one))
        page.on("requestfinished", lambda one: self.on_their_way.discard(one))
        page.on("requestfailed", lambda one: self.on_their_way.discard(one))

    def opened(self, address: str) -> None:
        """Open an address and wait until it is at rest."""
        self.on_their_way.clear()
        self.page.goto(address)
        expect(self.page.locator(".clinic-header")).to_be_visible(timeout=1000 * MOST_SECONDS)
        self.wait()

    def wait(self) -> None:
        """Wait until the page is at rest.

        Raises:
            AssertionError: it never was.
        """
        self.page.evaluate(WATCH)
        deadline = time.monotonic() + MOST_SECONDS
        while self.on_their_way or self.page.evaluate(SINCE) < CALM_MS:
            assert time.monotonic() < deadline, [one.url for one in self.on_their_way]
            self.page.wait_for_timeout(100)
