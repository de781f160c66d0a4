"""`make bench-pages`: page weight, first paint, time until a page is usable, and what an open page costs with 200 runs.

    python -m tests.bench.pages

Beside them in the same run an empty Gradio app of the same version, and TensorBoard on the same runs. Bytes are those over
the wire and after unpacking, from a browser without a cache; times are medians; CPU time is what the processes took.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from dashboard.addresses import PAGES, Addresses
from tests.bench.browsing import VIEW, Loaded, Site, Spent, chromium, load, site, spend
from tests.bench.tables import table
from tests.conftest import event

RUNS, ROWS, LOADS = 200, 100, 3
SETTLE_SECONDS, WATCH_SECONDS, LOG_SECONDS = 90.0, 20.0, 1.0
LIVE = "live"
TAGS = ("loss", "grad_norm", "learning_rate", "rewards/accuracies", "rewards/margins", "num_tokens")
# What a user comes to a page for, as a selector.
USABLE = {
    "runs": "table.runs tbody tr", "train": "#train-method input", "preflight": "#pre-method input",
    "memory": "#mem-model input", "compare": "#checkpoints input", "diagnose": ".finding-row", "learn": ".exercise",
}  # fmt: skip
# A page that has come since: its first control.
ANY_PAGE = "main input, main button:not(.nav)"
EMPTY_APP = """
import sys, gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    gr.Markdown("empty")
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), share=False, quiet=True)
"""
CHART = "line-chart line-chart-axis"
KIB = 1024


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def made_rows(run: int, first: int, last: int, began: float) -> bytes:
    """The rows of one run as records of an event file."""
    found = []
    for step in range(first, last + 1):
        for place, tag in enumerate(TAGS):
            value = 2 / math.sqrt(step) if tag == "loss" else abs(math.sin(step / (place + 3) + run))
            found.append(event(f"train/{tag}", step, value, began + step))
    return b"".join(found)


def make_runs(root: Path, count: int = RUNS, rows: int = ROWS) -> None:
    """A folder of finished runs, each with its request, its status, its event file and a checkpoint."""
    now = time.time()
    for run in range(count):
        folder, began = root / f"run-{run:03}", now - 1000.0 * (count - run)
        (folder / "checkpoint-50").mkdir(parents=True)
        config = {"learning_rate": 1e-6 * (run + 1), "beta": 0.1}
        (folder / "run.json").write_text(
            json.dumps({"schema": 1, "run": folder.name, "method": "dpo", "config": config})
        )
        status = {"state": "finished", "step": rows, "max_steps": rows, "started": began, "ended": began + rows}
        (folder / "status.json").write_text(json.dumps({**status, "exit_code": 0}))
        (folder / "events.out.tfevents.1.h.1.0").write_bytes(made_rows(run, 1, rows, began))


def log_live(root: Path, first: int, last: int, began: float) -> None:
    """Rows of the run that trains, with its heartbeat."""
    folder = root / LIVE
    folder.mkdir(exist_ok=True)
    with (folder / "events.out.tfevents.1.h.1.0").open("ab") as file:
        file.write(made_rows(0, first, last, began))
    status = {"state": "running", "step": last, "max_steps": 5000, "started": began, "heartbeat": time.time()}
    written = folder / "status.json.new"
    written.write_text(json.dumps({**status, "pid": os.getpid(), "host": socket.gethostname()}))
    written.replace(folder / "status.json")


@contextmanager
def training(root: Path, first: int, began: float) -> Iterator[None]:
    """A run that logs a row a second while the block lasts."""
    over = threading.Event()

    def work() -> None:
        step = first
        while not over.wait(LOG_SECONDS):
            log_live(root, step, step, began)
            step += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def in_the_middle(loads: Sequence[Loaded]) -> Loaded:
    """The medians of several loads."""
    names = ("wire", "plain", "paint", "usable")
    return Loaded(**{name: statistics.median(getattr(one, name) for one in loads) for name in names})  # type: ignore[arg-type]


def bench_loads(browser: Browser, ours: Site, empty: Site, peer: Site, loads: int) -> None:
    """Print the weight and the times of every page, in turn with the peers'."""
    wanted = [
        (f"ours: {page}", ours.address + Addresses("en").path(page, "en"), USABLE.get(page, ANY_PAGE)) for page in PAGES
    ]
    wanted += [("empty Gradio app", empty.address, "main"), ("TensorBoard", peer.address, CHART)]
    seen: dict[str, list[Loaded]] = {name: [] for name, _, _ in wanted}
    for _ in range(loads):
        for name, address, usable in wanted:
            seen[name].append(load(browser, address, usable))
    found = {name: in_the_middle(measured) for name, measured in seen.items()}
    first, last = found["empty Gradio app"], found["TensorBoard"]
    rows = [
        [
            name, f"{one.wire / KIB:,.0f}", f"{one.plain / KIB:,.0f}", f"{one.wire / first.wire:.2f}", f"{one.wire / last.wire:.2f}",
            f"{one.paint / 1000:.2f}", f"{one.usable / 1000:.2f}", f"{one.usable / first.usable:.2f}", f"{one.usable / last.usable:.2f}",
        ]
        for name, one in found.items()
    ]  # fmt: skip
    heads = ["page", "KiB, wire", "KiB, plain", "wire / empty", "wire / TB", "paint s", "usable s", "/ empty", "/ TB"]
    print(f"\nPages on {RUNS} runs, without a cache, median of {loads} loads (TB: TensorBoard):")
    print(table(heads, rows), flush=True)


def opened(browser: Browser, address: str, usable: str) -> Page:
    """A page that is open and has what it shows, for a while."""
    page = browser.new_page(viewport=VIEW)  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_selector(usable, timeout=SETTLE_SECONDS * 1000)
    return page


def spent_row(name: str, spent: Spent, ticks: int, per: str) -> list[str]:
    """A row of the table of costs. `ticks`: how often it looked or reloaded in that time."""
    ticks = max(1, ticks)
    return [
        name, f"{spent.server / spent.seconds:.1%}", f"{spent.browser / spent.seconds:.1%}", str(ticks), per,
        f"{1000 * spent.server / ticks:.0f}", f"{1000 * spent.browser / ticks:.0f}", f"{spent.plain / ticks / KIB:.1f}",
    ]  # fmt: skip


def bench_refresh(browser: Browser, ours: Site, peer: Site, root: Path, began: float, step: int) -> None:
    """Print what an open page costs: nothing happens, a run logs a row a second; beside TensorBoard's reload."""
    page = opened(browser, ours.address, USABLE["runs"])
    page.evaluate("document.querySelector('.plots').scrollIntoView()")
    page.wait_for_selector(".plots .js-plotly-plot", timeout=SETTLE_SECONDS * 1000)
    deadline = time.monotonic() + SETTLE_SECONDS
    while "being judged" in page.inner_text("table.runs") and time.monotonic() < deadline:
        page.wait_for_timeout(1_000)
    page.wait_for_timeout(5_000)
    rows, looks = [], "component_server"
    for name, live in (("ours, nothing happens", False), ("ours, a run logs", True)):
        with ExitStack() as stack:
            if live:
                stack.enter_context(training(root, step, began))
                page.wait_for_timeout(2_000)
            spent = spend(browser, page, ours, WATCH_SECONDS)
        rows.append(spent_row(name, spent, spent.requests.count("join") if live else spent.requests.count(looks),
                              "draw" if live else "look"))  # fmt: skip
        step += int(WATCH_SECONDS) + 30
    took = []
    for place in range(5):
        page.wait_for_timeout(700)
        log_live(root, step + place, step + place, began)
        logged = time.monotonic()
        page.wait_for_function(
            "step => [...document.querySelectorAll('.plots .js-plotly-plot')].some(one =>"
            " one._fullData.some(line => line.x[line.x.length - 1] === step))", arg=step + place, polling=20, timeout=60_000,
        )  # fmt: skip
        took.append(time.monotonic() - logged)
    page.close()
    page = opened(browser, peer.address, CHART)
    page.wait_for_timeout(5_000)
    # Its server reads the files every 5 seconds whether a page is open or not; its page asks anew when it is told to.
    rows.append(
        spent_row(
            "TensorBoard, nothing happens", spend(browser, page, peer, WATCH_SECONDS), int(WATCH_SECONDS / 5), "read"
        )
    )
    with training(root, step + 10, began):
        rows.append(
            spent_row(
                "TensorBoard, a run logs", spend(browser, page, peer, WATCH_SECONDS), int(WATCH_SECONDS / 5), "read"
            )
        )
    page.evaluate("""() => { let count = 0; const again = () => { document.querySelector('app-header-reload button').click();
      if (++count < 4) setTimeout(again, 5000); }; setTimeout(again, 1000); }""")
    rows.append(spent_row("TensorBoard, page reloads", spend(browser, page, peer, WATCH_SECONDS), 4, "reload"))
    page.close()
    heads = ["with 200 runs", "server", "browser", "count", "of", "server ms", "browser ms", "KiB"]
    print(
        f"\nAn open page for {WATCH_SECONDS:g} s, CPU time as a share of one core, and for each look, draw or reload:"
    )
    print(table(heads, rows))
    print(
        f"From a logged row to its curve: median {statistics.median(took):.2f} s, longest {max(took):.2f} s", flush=True
    )


def bench_pages(loads: int = LOADS) -> None:
    """Print both tables. `loads`: of each page."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        make_runs(root)
        began = time.time() - 300
        (root / LIVE).mkdir()
        (root / LIVE / "run.json").write_text(json.dumps({"method": "dpo", "config": {"learning_rate": 1e-6}}))
        log_live(root, 1, 300, began)
        first, second, third = free_port(), free_port(), free_port()
        board = ["-m", "tensorboard.main", "--logdir", str(root), "--port", str(third)]
        print(f"load of this machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        with (
            chromium() as browser,
            site("ours", ["-m", "dashboard", "--runs", str(root), "--port", str(first)], first) as ours,
            site("empty Gradio app", ["-c", EMPTY_APP, str(second)], second) as empty,
            site("TensorBoard", board, third) as peer,
        ):
            bench_loads(browser, ours, empty, peer, loads)
            bench_refresh(browser, ours, peer, root, began, 301)
        print(f"load of this machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages")
    parser.add_argument("--loads", type=int, default=LOADS, help=f"how often each page is loaded (default: {LOADS})")
    bench_pages(parser.parse_args().loads)
