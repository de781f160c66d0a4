"""The main job as a user lives it, in both languages. The stories share one dashboard and one demo, in this order."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from diagnostics.run.status import read_status
from tests.browser.conftest import ROOT, Served

pytestmark = pytest.mark.slow
MINUTE = 60_000


def choose(page: Page, names: list[str]) -> None:
    """Choose exactly these checkpoints."""
    box = page.locator("#checkpoints")
    box.get_by_role("button", name=re.compile("Clear|清", re.IGNORECASE)).click()
    for name in names:
        box.locator("input").fill(name)
        page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")


def stage(page: Page, name: str) -> Locator:
    """The card of one stage of the demo; other cards name it too, as what they go on from."""
    return page.locator(".stage", has=page.locator("b").get_by_text(name, exact=True))


def drawn(page: Page) -> None:
    """Look at the plots of the Runs page: one is drawn once it is near what is seen."""
    expect(page.locator(".plots .plot").first).to_be_attached(timeout=MINUTE)
    page.evaluate("document.querySelector('.plots').scrollIntoView()")
    expect(page.locator(".plots .js-plotly-plot").first).to_be_visible(timeout=MINUTE)


def last_checkpoint(served: Served, run: str) -> str:
    steps = sorted(int(path.name.split("-")[1]) for path in (served.runs / run).glob("checkpoint-*"))
    return f"{run}/checkpoint-{steps[-1]}"


def test_the_whole_demo_is_there(page: Page, served: Served) -> None:
    """Every stage is finished, and what was trained further scores higher."""
    page.goto(served.address)
    expect(page.locator(".strip .stage")).to_have_count(10, timeout=MINUTE)
    expect(page.locator(".strip .stage-finished")).to_have_count(10)
    scores = []
    for run in ("base", "sft", "dpo"):
        cell = page.locator("table.runs tr", has=page.get_by_role("link", name=run, exact=True)).locator("td").nth(5)
        scores.append(float(cell.inner_text().split()[0]))
    assert scores == sorted(scores)
    assert scores[2] > scores[0] + 0.3


def test_both_answers_are_one_click_away(page: Page, served: Served) -> None:
    """On the first page: which checkpoint is better, by how much; which run failed, since when. Each leads to its proof."""
    for path, better, failed, differs in (
        ("", "better", "The loss diverged", "better"),
        ("zh", "更好", "损失发散", "更好"),
    ):
        page.goto(f"{served.address}/{path}")
        gained, lost = page.locator(".first-answer").first, page.locator(".first-answer").nth(1)
        expect(gained).to_contain_text("base → dpo", timeout=MINUTE)
        expect(gained).to_contain_text(better)
        expect(gained).to_contain_text("192")
        expect(lost).to_contain_text("sft-too-hot")
        expect(lost).to_contain_text(failed)
        gained.locator("a").click()
        expect(page.locator("#verdict")).to_contain_text(differs, timeout=MINUTE)
        expect(page.locator("#verdict")).to_contain_text("base/checkpoint")
        page.go_back()
        page.locator(".first-answer").nth(1).locator("a").first.click()
        expect(page.locator(".finding").first).to_contain_text(failed, timeout=MINUTE)


def test_curves_are_drawn_again_only_on_change(page: Page, served: Served) -> None:
    """A finished folder draws its curves once: no plot is replaced while nothing changes."""
    page.goto(served.address)
    drawn(page)
    page.wait_for_timeout(2500)
    page.evaluate("document.querySelectorAll('.plots .js-plotly-plot').forEach(one => one.dataset.seen = 'yes')")
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url))
    page.wait_for_timeout(4000)
    assert page.locator(".plots .js-plotly-plot[data-seen=yes]").count() >= 2
    # Only the look at the folder's signature went to the server, by a call of its own: no event.
    assert any("component_server" in call for call in calls)
    assert not any("queue/join" in call for call in calls)


def test_compare_base_with_dpo(page: Page, served: Served) -> None:
    """Both answer the same prompt, side by side; the kept scores say which is better, with an interval."""
    page.goto(f"{served.address}/compare")
    expect(page.locator("#checkpoints")).to_contain_text("base/checkpoint")
    expect(page.locator("#checkpoints")).to_contain_text("dpo/checkpoint")
    page.locator("#prompt textarea").fill("Please cancel order C53.")
    page.locator("#go").click()
    panes = page.locator(".pane-done")
    expect(panes).to_have_count(2, timeout=MINUTE)
    expect(panes.nth(0)).to_contain_text("base")
    expect(panes.nth(1)).to_contain_text("dpo")
    expect(panes.nth(1)).to_contain_text("C53")
    expect(panes.nth(1)).to_contain_text("tokens/s")
    first = panes.nth(1).locator(".answer").inner_text()
    expect(page.locator("#verdict")).to_contain_text("better")
    page.locator("#go").click()
    expect(panes).to_have_count(2, timeout=MINUTE)
    assert panes.nth(1).locator(".answer").inner_text() == first


def test_read_the_finding(page: Page, served: Served) -> None:
    """From the failed run's row to its finding: the step is marked in the curve, the fix is there."""
    page.goto(served.address)
    page.locator("table.runs tr", has_text="sft-too-hot").get_by_role("link", name="loss-diverged").click()
    expect(page).to_have_url(re.compile(r"/diagnose\?run=sft-too-hot"))
    finding = page.locator(".finding").first
    expect(finding).to_contain_text("The loss diverged")
    expect(finding).to_contain_text("loss-diverged")
    expect(finding.locator(".edit").first).to_contain_text("learning_rate")
    plot = page.locator(".finding-row .js-plotly-plot").first
    expect(plot).to_contain_text("train/loss")
    expect(plot).to_contain_text("step 2")
    page.locator(".show-change").first.click()
    expect(page.locator(".change").first).to_contain_text("learning_rate: 0.05 →")
    written = list((served.runs / ".children").glob("*.json")) if (served.runs / ".children").exists() else []
    assert not written, "shown before it is written"
    page.locator(".write-child").first.click()
    expect(page.locator(".change").first).to_contain_text("python -m training start --config")
    assert list((served.runs / ".children").glob("sft-too-hot--loss-diverged-1.json"))
    page.get_by_label("Run").click()
    page.get_by_role("option", name="dpo", exact=True).click()
    expect(page.locator(".note-good")).to_contain_text("Nothing found")


def test_the_same_in_chinese(page: Page, served: Served) -> None:
    """The Chinese pages: no English sentence is left, the comparison and the finding work."""
    page.goto(served.address)
    page.get_by_role("link", name="中文").click()
    expect(page).to_have_url(re.compile(r"/zh$"))
    expect(stage(page, "dpo")).to_contain_text("已完成")
    expect(page.locator("table.runs")).to_contain_text("留出集得分")
    page.locator(".clinic-header nav a.nav", has_text="对比").click()
    expect(page.locator("#checkpoints")).to_contain_text("dpo/checkpoint")
    page.locator("#prompt textarea").fill("请取消订单B28。")
    page.locator("#go").click()
    panes = page.locator(".pane-done")
    expect(panes).to_have_count(2, timeout=MINUTE)
    expect(panes.nth(1)).to_contain_text("B28")
    expect(panes.nth(1)).to_contain_text("词元/秒")
    expect(page.locator("#verdict")).to_contain_text("更好")
    page.locator(".clinic-header nav a.nav", has_text="诊断").click()
    finding = page.locator(".finding").first
    expect(finding).to_contain_text("损失发散")
    expect(finding).to_contain_text("学习率")
    shown = finding.inner_text()
    assert not re.search(r"[A-Za-z]+ [a-z]+ [a-z]+ [a-z]+", shown), "an English sentence on the Chinese page"


def workers_of(served: Served) -> dict[str, int]:
    """The model workers' processes by the folder that each serves."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"diagnostics.probes.model_worker" in words and str(served.runs).encode() in words[-2]:
            found[words[-2].decode()] = int(path.parent.name)
    return found


def waiting(worker: Path) -> bool:
    """Whether a request lies in a model worker's inbox."""
    return any((worker / "inbox").glob("*.json"))


def advance_to_text(worker: Path, pid: int) -> Path:
    """Let a held model worker run in slices until it has written some of its answer; the file of that answer."""
    before = set(worker.glob("*.jsonl"))
    for _ in range(3000):
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(pid, signal.SIGSTOP)
        for path in set(worker.glob("*.jsonl")) - before:
            if '"text"' in path.read_text(encoding="utf-8"):
                return path
    raise AssertionError("the worker wrote nothing")


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the processes in /proc")
def test_killed_model_worker_costs_one_pane(page: Page, served: Served) -> None:
    """A model worker dies in mid-answer: its pane says so, the other goes on, the next click works."""
    page.goto(f"{served.address}/compare")
    expect(page.locator("#checkpoints")).to_contain_text("dpo/checkpoint")
    page.locator("#sampling button").first.click()
    page.locator("#temperature input[type=number]").fill("2")
    page.locator("#budget input[type=number]").fill("240")
    page.locator("#prompt textarea").fill("Hi.")
    page.locator("#go").click()
    expect(page.locator(".pane-done")).to_have_count(2, timeout=MINUTE)
    workers = workers_of(served)
    assert len(workers) >= 2
    # Held before the click and let go in short slices, so that the kill comes in mid-answer on a machine of any speed.
    for worker in workers.values():
        os.kill(worker, signal.SIGSTOP)
    page.locator("#go").click()
    expect(page.locator(".pane-loading")).to_have_count(2)
    folder, doomed = next(
        (Path(one), pid) for one, pid in workers.items() if (Path(one) / "inbox").exists() and waiting(Path(one))
    )
    answer = advance_to_text(folder, doomed)
    expect(page.locator(".pane-writing")).to_have_count(1)
    assert '"done"' not in answer.read_text(encoding="utf-8")
    os.kill(doomed, signal.SIGKILL)
    for worker in workers.values():
        if worker != doomed:
            os.kill(worker, signal.SIGCONT)
    expect(page.locator(".pane-error")).to_contain_text("SIGKILL")
    expect(page.locator(".pane-done")).to_have_count(1, timeout=MINUTE)
    page.locator("#go").click()
    expect(page.locator(".pane-done")).to_have_count(2, timeout=MINUTE)


def test_killed_training_worker_shows_as_failed(page: Page, served: Served) -> None:
    """A training worker is killed: the page, which is open, says so within 30 seconds, and its diagnosis too."""
    base = served.runs / last_checkpoint(served, "base")
    config = {
        "model_name_or_path": str(base),
        "dataset_name": str(served.runs / ".demo" / "sft"),
        "max_steps": 90000,
        "per_device_train_batch_size": 2,
        "max_length": 128,
        "logging_steps": 1,
        "save_strategy": "no",
    }
    settings = [f"{key}={json.dumps(value)}" for key, value in config.items()]
    command = [sys.executable, "-m", "training", "start", "--method", "sft", "--quiet"]
    command += ["--run", str(served.runs / "doomed"), "--set", *settings]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    page.goto(served.address)
    row = page.locator("table.runs tr", has_text="doomed")
    expect(row).to_contain_text("running", timeout=2 * MINUTE)
    worker = read_status(served.runs / "doomed").pid
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    expect(row).to_contain_text("failed", timeout=30_000)
    expect(row).to_contain_text("out-of-host-memory", timeout=30_000)  # what signal 9 without a word most often is
    process.wait(30)
    page.goto(f"{served.address}/diagnose?run=doomed")
    expect(page.locator(".finding").first).to_contain_text("run-died")  # folded under it
    expect(page.get_by_text("SIGKILL").first).to_be_visible()


def test_bad_input_is_said_in_the_page(page: Page, served: Served) -> None:
    """A prompt too long, no prompt, a broken checkpoint: a visible sentence, and nothing is lost."""
    page.goto(f"{served.address}/compare?checkpoints={last_checkpoint(served, 'dpo')}")
    expect(page.locator("#checkpoints")).to_contain_text("dpo/checkpoint")
    page.locator("#go").click()
    expect(page.locator("#panes")).to_contain_text("Write a prompt first")
    page.locator("#prompt textarea").fill("order " * 400)
    page.locator("#go").click()
    expect(page.locator(".pane-error")).to_contain_text("context holds 256", timeout=MINUTE)
    half = served.runs / "sft" / "checkpoint-60" / "model.safetensors"
    half.write_bytes(half.read_bytes()[:5000])
    page.goto(f"{served.address}/compare?checkpoints=sft/checkpoint-60,{last_checkpoint(served, 'dpo')}&prompt=Hello.")
    expect(page.locator("#prompt textarea")).to_have_value("Hello.")
    expect(page.locator("#checkpoints")).to_contain_text("sft/checkpoint-60")
    page.locator("#go").click()
    expect(page.locator(".pane-error")).to_have_count(1, timeout=MINUTE)
    expect(page.locator(".pane-error")).to_contain_text("the file is cut off")
    expect(page.locator(".pane-done")).to_have_count(1, timeout=MINUTE)
    empty = served.runs / "empty"
    empty.mkdir()
    (empty / "events.out.tfevents.1.h.1.0").write_bytes(b"")
    page.goto(served.address)
    expect(page.locator("table.runs tr", has_text="empty")).to_contain_text("cannot be read")
