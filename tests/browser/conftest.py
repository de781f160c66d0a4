"""A browser, and a dashboard that trains the demo in the background, once for all stories."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from diagnostics.run.status import read_status
from tests.browser.chromium import FLAGS, installed

ROOT = Path(__file__).parents[2]
BEFORE = ("test_idle_pages", "test_story_of_the_demo", "test_story_hostile", "test_story_settings")
LOG_LINES = 60
RUNNING: list[Path] = []  # the logs of dashboards that run
DEMO_SECONDS = 900  # until it is trained
START_SECONDS = 240  # on a machine that others load as well


@dataclass(frozen=True)
class Served:
    """A dashboard that is running: its address and its runs folder."""

    address: str
    runs: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(runs: Path, port: int, *arguments: str, patience: float = START_SECONDS) -> Served:
    """Start a dashboard and wait until it answers, `patience` seconds at most."""
    log = runs.parent / "dashboard.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard", "--runs", str(runs), "--port", str(port), "--no-token", *arguments],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Answers are kept below the user's cache folder: here of these stories only.
            env={**os.environ, "XDG_CACHE_HOME": str(runs.parent / "cache")},
        )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + patience
    while True:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            if time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"no answer after {patience:.0f} s: {log.read_text()}") from None
            time.sleep(0.2)
    RUNNING.append(log)
    return Served(address, runs, process)


def stop(served: Served) -> None:
    """End a dashboard as Ctrl-C does."""
    log = served.runs.parent / "dashboard.log"
    if log in RUNNING:
        RUNNING.remove(log)
    served.process.send_signal(signal.SIGINT)
    try:
        served.process.wait(30)
    except subprocess.TimeoutExpired:
        served.process.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A story that fails shows what its servers have printed."""
    report = yield
    if report.failed:
        folder = item.funcargs.get("tmp_path") if isinstance(item, pytest.Function) else None
        report.sections += printed([*RUNNING, *(sorted(folder.rglob("*.log")) if folder else [])])
    return report


def printed(logs: Iterable[Path]) -> list[tuple[str, str]]:
    """The end of each log that holds anything, titled by its path."""
    found = {log: log.read_text(errors="replace").splitlines()[-LOG_LINES:] for log in logs if log.is_file()}
    return [(f"printed by the server, {log}", "\n".join(lines)) for log, lines in found.items() if lines]


@contextmanager
def serving(runs: Path, *more: str, patience: float = START_SECONDS) -> Iterator[Served]:
    """A dashboard of a runs folder, until the block ends."""
    served = start(runs, free_port(), *more, patience=patience)
    try:
        yield served
    finally:
        stop(served)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs no demo goes first where the machine is to be quiet, and else while the demo trains."""
    place = {name: number for number, name in enumerate(BEFORE)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard that has just begun to train the demo."""
    with serving(tmp_path_factory.mktemp("clinic") / "runs", "--demo") as found:
        yield found


@pytest.fixture(scope="session")
def served(demo: Served) -> Served:
    """The same once the whole demo is trained."""
    deadline = time.monotonic() + DEMO_SECONDS
    while not all(state == "finished" for state in states_of_the_demo(demo)):
        assert time.monotonic() < deadline, states_of_the_demo(demo)
        time.sleep(0.5)
    return demo


def states_of_the_demo(demo: Served) -> list[str]:
    """The state of each stage of the demo, in their order; empty before it has a plan."""
    plan = demo.runs / ".demo" / "plan.json"
    stages = json.loads(plan.read_text())["stages"] if plan.exists() else []
    return [read_status(demo.runs / stage["name"]).state for stage in stages] or ["waiting"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if a script on it failed."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
