"""`make bench`: what this machine measures. Ratios are against a named peer in the same run, measured in turn with it."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from diagnostics.compare.statistics.scores import scores_of
from diagnostics.run import open_run
from tests.bench.compare import bench_compare
from tests.bench.curves import bench_curves
from tests.bench.pages import bench_pages
from tests.bench.sharing import bench_sharing
from training.demo.recipes import SCORE, stages

ROOT = Path(__file__).parents[2]
ROUNDS = 5
EMPTY_APP = """
import sys, gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    pass
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), share=False, quiet=True)
"""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds_to_page(command: list[str], port: int) -> float:
    """Wall seconds from starting a command to the first whole answer of its page."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    answer.read()
                return time.perf_counter() - started
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"{command} ended with {process.returncode}") from None
                time.sleep(0.01)
    finally:
        process.kill()
        process.wait()


def seconds_to_run(code: str) -> float:
    """Wall seconds of `python -c CODE`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - started


def paired(name: str, ours: Callable[[], float], peer_name: str, peer: Callable[[], float]) -> float:
    """Measure ours and the peer in turn, once unmeasured to warm the disk; print both medians and their ratio."""
    ours(), peer()
    both = [(ours(), peer()) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(column) for column in zip(*both, strict=True))
    print(f"{name:<44} {mine:7.2f} s   {peer_name:<22} {theirs:7.2f} s   ratio {mine / theirs:.2f}", flush=True)
    return mine / theirs


def bench_page() -> None:
    """From `python -m dashboard` to an answering page, against an empty Gradio app."""
    with tempfile.TemporaryDirectory() as runs:

        def ours() -> float:
            port = free_port()
            return seconds_to_page(
                [sys.executable, "-m", "dashboard", "--runs", runs, "--port", str(port), "--no-token"], port
            )

        def peer() -> float:
            port = free_port()
            return seconds_to_page([sys.executable, "-c", EMPTY_APP, str(port)], port)

        paired("python -m dashboard to an answering page", ours, "empty Gradio app", peer)


def bench_import() -> None:
    """The import of the dashboard's modules, against that of gradio alone."""
    paired(
        "import of the dashboard process",
        lambda: seconds_to_run("import dashboard.app, dashboard.clinic"),
        "import gradio",
        lambda: seconds_to_run("import gradio"),
    )


def bench_demo() -> None:
    """The demo's stages from the kept base, and again with the base trained from random weights."""
    for title, flags in (("kept base", []), ("from scratch", ["--from-scratch"])):
        with tempfile.TemporaryDirectory() as folder:
            runs = Path(folder) / "runs"
            started = time.perf_counter()
            command = [sys.executable, "-m", "training", "demo", "--runs", str(runs), *flags]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            print(f"demo, {title}: {time.perf_counter() - started:.0f} s in all")
            for stage in stages(runs / ".demo"):
                run = open_run(runs / stage.name)
                scores = scores_of(run, SCORE)
                took = (run.status.ended or 0) - (run.status.started or 0)
                kept = " (kept)" if stage.name == "base" and not flags else ""
                print(
                    f"    {stage.name:<15} {took:5.0f} s{kept:<7}  {run.status.step:>5} steps"
                    + "".join(f"   score {one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in scores[-1:]),
                    flush=True,
                )


if __name__ == "__main__":
    bench_import()
    bench_page()
    bench_curves()
    bench_pages()
    bench_compare()
    bench_sharing()
    bench_demo()
