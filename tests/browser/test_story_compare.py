"""The Compare page's tabs as a user lives them: a story each, after those of `test_story.py`, with the same demo."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served
from tests.browser.test_story import MINUTE, last_checkpoint, workers_of

pytestmark = pytest.mark.slow


def opened(page: Page, served: Served, tab: str, *runs: str, lang: str = "", more: str = "") -> None:
    """Open the Compare page on a tab, with the last checkpoints of some runs."""
    names = ",".join(last_checkpoint(served, run) for run in runs)
    page.goto(f"{served.address}/{lang}compare?tab={tab}&checkpoints={names}{more}")
    expect(page.get_by_role("tab", selected=True)).to_be_visible()
    if runs:
        expect(page.locator("#checkpoints")).to_contain_text(f"{runs[-1]}/checkpoint")


def test_side_by_side_tells_what_changed_and_who_answered(page: Page, served: Served) -> None:
    """Three panes, the base marked; the diff, the heat map under another model, the proof; then a second turn."""
    opened(page, served, "side", "base", "sft", "dpo", more="&prompt=Please cancel order C53.")
    page.locator("#go").click()
    expect(page.locator(".pane-done")).to_have_count(3, timeout=MINUTE)
    expect(page.locator(".pane-done", has=page.locator(".pill-info"))).to_contain_text("base")
    expect(page.locator("#changes ins").first).to_be_visible()
    assert "prompt=Please" in page.url
    page.locator("#heat button").first.click()
    page.locator("#heat-go").click()
    expect(page.locator("#heat .answer span[title]").first).to_be_visible(timeout=MINUTE)
    expect(page.locator("#heat")).to_contain_text("perplexity")
    page.locator("#identity button").first.click()
    proof = page.locator("#identity .identity")
    expect(proof).to_have_count(3, timeout=MINUTE)
    expect(proof.nth(2)).to_contain_text("differs from the base's by up to")
    page.locator("#talking input").check()
    page.locator("#go").click()
    expect(page.locator(".pane-done")).to_have_count(3, timeout=MINUTE)
    page.locator("#prompt textarea").fill("And order B7?")
    page.locator("#go").click()
    expect(page.locator(".pane-done .turn-assistant")).to_have_count(3, timeout=MINUTE)
    page.locator("#grid button").first.click()
    page.locator("#grid-go").click()
    expect(page.locator("#panes table.answers td")).to_have_count(21, timeout=MINUTE)
    expect(page.locator("#panes")).to_contain_text("different of 7", timeout=MINUTE)


def test_a_copy_is_told_from_a_trained_model(page: Page, served: Served) -> None:
    """The same weights under two names: the page says so loudly. What is no model gets a sentence."""
    opened(page, served, "side", "base", "dpo")
    page.locator("#add button").first.click()
    page.locator("#spec textarea").fill("/nowhere/at-all")
    page.locator("#add-go").click()
    expect(page.locator("#add")).to_contain_text("there is no such folder")
    copy = served.runs.parent / "copy"
    if not copy.exists():
        copy.symlink_to(served.runs / last_checkpoint(served, "dpo"))
    page.locator("#spec textarea").fill(f"{copy}")
    page.locator("#add-go").click()
    expect(page.locator("#twins .note-error")).to_contain_text("the very same weights", timeout=MINUTE)


def test_prompt_set_ends_in_a_verdict(page: Page, served: Served) -> None:
    """Held-out prompts, the run's own reward: better with an interval, a list of what got worse, a file to take along."""
    opened(page, served, "set", "base", "dpo")
    expect(page.locator("#set-rewards textarea")).to_have_value(re.compile("training.demo.score"))
    page.locator("#set-go").click()
    verdict = page.locator("#set-verdict")
    expect(verdict.locator(".note-good").first).to_contain_text("is better than base", timeout=2 * MINUTE)
    expect(verdict.locator(".forest-good .dot")).to_be_visible()
    rows = page.locator("#set-rows details.row")
    expect(rows.first).to_be_visible()
    page.locator("#set-filter").get_by_text("different only").click()
    rows.first.locator("summary").click()
    expect(rows.first.locator(".pane")).to_have_count(2)
    page.locator("#set-html").click()
    with page.expect_download() as download:
        page.locator("#set-file a").first.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "is better than base" in text
    page.locator("#set-go").click()
    expect(page.locator("#set-progress")).to_contain_text("128 of them known from before", timeout=MINUTE)


def test_a_click_on_the_curve_moves_the_timeline(page: Page, served: Served) -> None:
    """The slider stands at the last step; a click near the left end of the curve shows the first one's answers."""
    page.goto(f"{served.address}/compare?tab=time&run=dpo")
    expect(page.locator("#time-slider")).to_contain_text("Step 60")
    drag = page.locator("#time-curve .nsewdrag").first
    expect(drag).to_be_visible()
    page.wait_for_timeout(800)
    box = drag.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] * 0.35, box["y"] + box["height"] / 2)
    expect(page.locator("#time-slider")).to_contain_text("Step 20")
    expect(page.locator("#time-kept")).to_contain_text("kept at step 20")
    page.locator("#time-forth").click()
    expect(page.locator("#time-slider")).to_contain_text("Step 40")
    page.locator("#time-prompt textarea").fill("Please cancel order C53.")
    page.locator("#time-go").click()
    expect(page.locator("#time-live tr")).to_have_count(3, timeout=MINUTE)
    expect(page.locator("#time-live tr.here")).to_contain_text("step 40", timeout=MINUTE)


def test_bisect_by_expression_and_by_eye(page: Page, served: Served) -> None:
    """The first checkpoint that lost an answer is found, with the curves around it; one's own eye is asked each time."""
    page.goto(f"{served.address}/zh-compare?tab=bisect&run=sft-overtrained&prompt=Please cancel order C53.")
    expect(page.locator("#bisect-run input")).to_have_value("sft-overtrained")
    page.locator("#bisect-what textarea").fill("C53")
    page.locator("#bisect-go").click()
    expect(page.locator("#bisect-view .note-good")).to_contain_text("没有问题", timeout=MINUTE)
    expect(page.locator("#bisect-view .stop").first).to_be_visible()
    page.locator("#bisect-kind input").click()
    page.get_by_role("option", name="自己判断").click()
    page.locator("#bisect-go").click()
    fine, bad = page.locator("#bisect-fine"), page.locator("#bisect-bad")
    expect(fine).to_be_visible(timeout=MINUTE)
    fine.click()
    expect(page.locator("#bisect-view tr")).to_have_count(1)
    expect(bad).to_be_visible(timeout=MINUTE)
    bad.click()
    for looks in range(2, 8):
        expect(page.locator("#bisect-view tr")).to_have_count(looks, timeout=MINUTE)
        expect(page.locator("#bisect-fine:visible, #bisect-view .note-error").first).to_be_visible(timeout=MINUTE)
        if page.locator("#bisect-view .note-error").count():
            break
        bad.click()
    expect(page.locator("#bisect-view .note-error")).to_contain_text("第一个不通过的检查点", timeout=MINUTE)
    expect(page.locator("#bisect-found")).to_contain_text("步的训练记录")


def test_blind_vote_by_keys(page: Page, served: Served) -> None:
    """No name on the page before the vote; a key votes and brings the next; ratings and a data set at the end."""
    opened(page, served, "vote", "base", "dpo")
    page.locator("#vote-go").click()
    for _ in range(3):
        expect(page.locator("#ballot .choice").first).to_be_visible(timeout=MINUTE)
        asked = page.locator("#ballot .asked").inner_text()
        assert "checkpoint" not in page.locator("#ballot").inner_html()
        texts = page.locator("#ballot .answer").all_inner_texts()
        best = 1 + max(range(len(texts)), key=lambda place: len(texts[place]))
        page.keyboard.press(str(best))
        expect(page.locator("#ballot .asked")).not_to_have_text(asked, timeout=MINUTE)
    expect(page.locator("#voted")).to_contain_text("3 votes")
    votes = [json.loads(line) for line in (served.runs / ".compare" / "votes.jsonl").read_text().splitlines()]
    assert [one["voter"] for one in votes] == ["person"] * 3
    page.locator("#vote-results button").first.click()
    expect(page.locator("#vote-results table.forest tbody tr")).to_have_count(2)
    page.locator("#vote-export").click()
    expect(page.locator("#vote-file a").first).to_be_visible()


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the processes in /proc")
def test_a_closed_tab_ends_what_was_written_for_it(browser: Browser, served: Served) -> None:
    """The model workers are held, so that nothing ends by itself: within a second they are told to stop."""
    context = browser.new_context()
    page = context.new_page()
    opened(page, served, "side", "base", "dpo", more="&prompt=Hi.")
    page.locator("#go").click()
    expect(page.locator(".pane-done")).to_have_count(2, timeout=MINUTE)
    page.wait_for_timeout(500)
    workers = workers_of(served)
    told = set((served.runs / ".workers").glob("*/*.cancel"))
    for worker in workers.values():
        os.kill(worker, signal.SIGSTOP)
    try:
        page.locator("#go").click()
        expect(page.locator(".pane-loading")).to_have_count(2)
        closed = time.monotonic()
        context.close()
        while len(set((served.runs / ".workers").glob("*/*.cancel")) - told) < 2:
            assert time.monotonic() - closed < 10, "nobody told the workers to stop"
            time.sleep(0.02)
        seconds = time.monotonic() - closed
        print(f"told to stop {seconds:.2f} s after the tab was closed")
        # Half a second of Gradio's heartbeat and half a second of ours; another second for a machine that is busy.
        assert seconds < 2
    finally:
        for worker in workers.values():
            os.kill(worker, signal.SIGCONT)


def test_two_visitors_do_not_see_each_others_answers(browser: Browser, served: Served) -> None:
    """Two pages ask different things at once; each gets its own, and the choice of one does not move the other's."""
    contexts = [browser.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page, order, runs in zip(pages, ("C53", "B71"), (("base", "dpo"), ("sft", "dpo")), strict=True):
        opened(page, served, "side", *runs, more=f"&prompt=Please cancel order {order}.")
    for page in pages:
        page.locator("#go").click()
    for page, order, run in zip(pages, ("C53", "B71"), ("base", "sft"), strict=True):
        expect(page.locator(".pane-done")).to_have_count(2, timeout=MINUTE)
        expect(page.locator(".pane-done").nth(0)).to_contain_text(run)
        expect(page.locator(".pane-done").nth(1)).to_contain_text(order)
    for context in contexts:
        context.close()
