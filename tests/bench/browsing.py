"""What a page costs, seen from a real browser: bytes, first paint, when it is usable, CPU time of its two sides."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.browser.chromium import FLAGS, installed

ROOT = Path(__file__).parents[2]
VIEW = {"width": 1300, "height": 1000}
START_SECONDS, USABLE_MS = 180.0, 180_000.0
# The moment at which what a user came for is there, in milliseconds since the page was asked for.
USABLE = """(() => { const look = () => {
  if (document.querySelector(%r)) window.benchUsable = performance.now(); else requestAnimationFrame(look); };
  requestAnimationFrame(look); })()"""


@dataclass(frozen=True)
class Site:
    """A server that is measured: its name, its address, its process."""

    name: str
    address: str
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of CPU time that it and its children have taken."""
        found = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            try:
                times = one.cpu_times()
            except psutil.Error:
                continue
            found += times.user + times.system
        return found


@dataclass
class Loaded:
    """One load of a page: bytes before and after they are unpacked, and milliseconds."""

    wire: int = 0
    plain: int = 0
    paint: float = 0.0
    usable: float = 0.0


@dataclass
class Spent:
    """What passed in a while: seconds, CPU seconds of server and browser, bytes after unpacking, requests by their last part."""

    seconds: float
    server: float
    browser: float
    plain: int
    requests: list[str] = field(default_factory=list)


@contextmanager
def site(name: str, command: Sequence[str], port: int) -> Iterator[Site]:
    """Start a server and wait until it answers; end it afterwards.

    Raises:
        RuntimeError: it ended, or did not answer.
    """
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not answer") from None
                time.sleep(0.2)
        yield Site(name, address, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=FLAGS)
        yield browser
        browser.close()


def counted(page: Page) -> tuple[CDPSession, Loaded]:
    """Count the bytes of a page from now on."""
    session, found = page.context.new_cdp_session(page), Loaded()
    session.send("Network.enable")

    def data(event: dict[str, int]) -> None:
        found.plain += event["dataLength"]

    def finished(event: dict[str, int]) -> None:
        found.wire += int(event["encodedDataLength"])

    session.on("Network.dataReceived", data)
    session.on("Network.loadingFinished", finished)
    return session, found


def load(browser: Browser, address: str, usable: str) -> Loaded:
    """Open an address in a browser without a cache. `usable`: the selector of what a user came for."""
    context = browser.new_context(viewport=VIEW)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.add_init_script(USABLE % usable)
        _, found = counted(page)
        page.goto(address)
        page.wait_for_function("window.benchUsable > 0", timeout=USABLE_MS)
        page.wait_for_timeout(2_000)
        found.usable = page.evaluate("window.benchUsable")
        found.paint = page.evaluate(
            "(performance.getEntriesByName('first-contentful-paint')[0] || {startTime: NaN}).startTime"
        )
        return found
    finally:
        context.close()


def browser_cpu(browser: Browser) -> float:
    """Seconds of CPU time that all processes of a browser have taken."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return float(sum(one["cpuTime"] for one in found))


def spend(browser: Browser, page: Page, served: Site, seconds: float) -> Spent:
    """What an open page and its server cost for a while in which nobody touches it."""
    session, bytes_ = counted(page)
    requests: list[str] = []
    page.on("request", lambda one: requests.append(one.url.rstrip("/").rpartition("/")[2].partition("?")[0]))
    before = (served.cpu(), browser_cpu(browser), time.monotonic())
    page.wait_for_timeout(seconds * 1000)
    after = (served.cpu(), browser_cpu(browser), time.monotonic())
    session.detach()
    return Spent(after[2] - before[2], after[0] - before[0], after[1] - before[1], bytes_.plain, requests)
