"""A colleague with a link: in by the password, a prompt, a blind vote, while the host's machine trains; and a link made from the pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import violations
from tests.browser.conftest import ROOT, free_port
from training.demo.pipeline import KEPT_BASE

pytestmark = pytest.mark.slow
MINUTE = 60_000
PASSWORD = "correct horse battery"


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "XDG_CACHE_HOME": str(log.parent / "cache"), "CLINIC_PASSWORD": PASSWORD},
        )


def waited(log: Path, pattern: str, process: subprocess.Popen[bytes], seconds: float = 180) -> str:
    """What a process has printed, once it has."""
    deadline = time.monotonic() + seconds
    while True:
        found = re.search(pattern, log.read_text())
        if found:
            return found[1]
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def test_a_visitor_votes_while_the_host_trains(browser: Browser, tmp_path: Path) -> None:
    runs, log, console = tmp_path / "runs", tmp_path / "dashboard.log", tmp_path / "training.log"
    for name in ("one", "two", "private"):
        shutil.copytree(KEPT_BASE, runs / name)
    data = tmp_path / "data.jsonl"
    rows = [{"prompt": f"Where is order B{n}?", "completion": f"Order B{n} is on its way."} for n in range(64)]
    data.write_text("".join(json.dumps(one) + "\n" for one in rows))
    model = next(path for path in KEPT_BASE.glob("checkpoint-*"))
    settings = [
        f"model_name_or_path={model}",
        f"dataset_name={data}",
        "max_steps=150",
        "learning_rate=1e-4",
        "logging_steps=5",
    ]
    given = [
        "--runs",
        str(runs),
        "--port",
        str(free_port()),
        "--share",
        "try",
        "--share-runs",
        "one,two",
        "--share-link",
        "none",
    ]
    dashboard = start(["dashboard", *given], log)
    training = None
    try:
        address = waited(log, r"here +(http://\S+)", dashboard)
        assert PASSWORD not in log.read_text()
        training = start(
            ["training", "start", "--method", "sft", "--run", str(runs / "live"), "--set", *settings], console
        )
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        page = context.new_page()
        page.set_default_timeout(MINUTE)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda told: errors.append(told.text) if "Content Security Policy" in told.text else None)
        page.goto(f"{address}try")
        expect(page).to_have_url(f"{address}login")
        assert violations(page) == []
        page.get_by_label("Your name").fill("Ann")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("alert")).to_contain_text("not the password")
        expect(page.get_by_label("Your name")).to_have_value("Ann")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Open").click()
        expect(page.locator("table.runs")).to_contain_text("one")
        expect(page.locator("body")).not_to_contain_text("private")
        assert violations(page) == []
        page.get_by_role("link", name="one", exact=True).first.click()
        expect(page.get_by_role("heading", name="Curves")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("link", name="Try").click()
        example = page.locator("#ask-examples [data-prompt]").first
        example.click()
        expect(page.locator("#ask-prompt").get_by_role("textbox")).to_have_value(example.inner_text())
        page.locator("#ask-prompt").get_by_role("textbox").fill("Where is order <b>B7</b>?")
        page.locator("#ask-go").click()
        expect(page.locator("#answers .pane-done")).to_have_count(2, timeout=2 * MINUTE)
        expect(page.locator("#answers .asked")).to_have_text("Where is order <b>B7</b>?")
        expect(page.locator("#answers .asked b")).to_have_count(0)
        page.locator("#ask-prompt").get_by_role("textbox").fill(" ")
        page.locator("#ask-go").click()
        expect(page.locator("#ask-told")).to_contain_text("Write a prompt first")
        expect(page.locator("#answers .pane-done")).to_have_count(2)  # what was answered stays
        page.locator("#vote-go").click()
        expect(page.locator("#ballot [data-choice='1']")).to_be_visible(timeout=2 * MINUTE)
        expect(page.locator("#ballot")).not_to_contain_text("checkpoint")
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.locator("#ballot [data-choice='1']").click()
        expect(page.locator("#thanks")).to_contain_text("Votes of yours so far: 1")
        (vote,) = (runs / ".compare" / "votes.jsonl").read_text().splitlines()
        assert json.loads(vote)["by"] == "Ann"
        waited(log, r"(Ann has logged in)", dashboard)
        page.get_by_role("link", name="中文").click()
        expect(page.locator("#ask-go")).to_have_text("提问")
        page.emulate_media(color_scheme="dark")
        page.reload()
        expect(page.locator("#ask-go")).to_have_text("提问")
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        assert violations(page) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 391
        assert training.wait(300) == 0, console.read_text()[-3000:]
        assert json.loads((runs / "live" / "status.json").read_text())["state"] == "finished"
        done = subprocess.run(
            [sys.executable, "-m", "dashboard", "--runs", str(runs), "--stop-sharing"], cwd=ROOT, check=True
        )
        assert done.returncode == 0
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=5)
        assert errors == []
        context.close()
    except BaseException:
        print(log.read_text()[-5000:])
        print((runs / ".share" / "console.log").read_text()[-5000:])
        raise
    finally:
        for one in (training, dashboard):
            if one is not None and one.poll() is None:
                one.send_signal(signal.SIGINT)
                try:
                    one.wait(30)
                except subprocess.TimeoutExpired:
                    one.kill()


def test_the_admin_shares_two_runs_from_the_runs_page(browser: Browser, tmp_path: Path) -> None:
    """Chosen on Runs, shared on Share by the stand-in tunnel; a visitor logs in and is seen; stopped, the link is dead."""
    runs, log, port = tmp_path / "runs", tmp_path / "dashboard.log", free_port()
    for name in ("one", "two", "private"):
        shutil.copytree(KEPT_BASE, runs / name)
    dashboard = start(["tests.browser.admin_with_stand_in", str(runs), str(port), str(tmp_path)], log)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(address, timeout=2).close()
                break
            except OSError:
                assert dashboard.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        context = browser.new_context(viewport={"width": 1300, "height": 1000})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(MINUTE)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#run-legend .chip[data-run=private]")).to_be_visible(timeout=MINUTE)
        page.locator("button.pick[data-run=private]").click()
        expect(page.locator("#run-legend .chip[data-run=private]")).to_have_count(0, timeout=MINUTE)
        page.get_by_role("link", name="Share…").click()
        expect(page).to_have_url(re.compile(r"/share\?run=\w+&run=\w+$"), timeout=MINUTE)
        expect(page.locator("#share-runs")).to_contain_text("one", timeout=MINUTE)
        expect(page.locator("#share-runs")).to_contain_text("two", timeout=MINUTE)
        expect(page.locator("#share-runs")).not_to_contain_text("private", timeout=MINUTE)
        expect(page.locator("#share-panel")).to_contain_text("Nothing is shared now", timeout=MINUTE)
        page.get_by_label("Look, ask the checkpoints, vote blindly").check()
        expect(page.locator("#share-checkpoints")).to_be_visible(timeout=MINUTE)
        page.locator("#share-password input").fill("short")
        page.locator("#share-go").click()
        expect(page.locator("#share-told")).to_contain_text("has 5 characters", timeout=MINUTE)
        page.locator("#share-password input").fill("")
        page.locator("#share-go").click()
        expect(page.locator("#share-panel")).to_contain_text("Making the link", timeout=MINUTE)
        expect(page.locator("#share-cancel")).to_be_visible(timeout=MINUTE)
        panel = page.locator(".share-on")
        expect(panel).to_be_visible(timeout=4 * MINUTE)
        expect(panel).to_contain_text("nobody yet", timeout=MINUTE)
        expect(page.locator("#share-go")).not_to_be_visible(timeout=MINUTE)
        link, local, password = panel.locator("code").all_inner_texts()
        assert link == "https://abc123.fake.test"
        assert len(password) == 32
        panel.locator("[data-copy]").nth(2).click()
        expect(panel.locator("[data-copy]").nth(2)).to_have_text("Copied", timeout=MINUTE)
        assert page.evaluate("navigator.clipboard.readText()") == password
        # Another tab of the admin's, and one after a reload, show the same link.
        page.reload()
        expect(panel.locator("code").first).to_have_text(link, timeout=MINUTE)

        colleague = browser.new_context(locale="zh-CN")
        visitor = colleague.new_page()
        visitor.set_default_timeout(MINUTE)
        visitor.goto(local)
        visitor.get_by_label("您的名字").fill("Ann")
        visitor.get_by_label("密码").fill("a wrong password")
        visitor.get_by_role("button", name="打开").click()
        visitor.get_by_label("密码").fill(password)  # the name is still there
        visitor.get_by_role("button", name="打开").click()
        expect(visitor).to_have_url(f"{local}zh", timeout=MINUTE)  # the pages come in the language of the login
        expect(visitor.locator(".clinic-header h1")).to_have_text("TRL 诊所", timeout=MINUTE)
        expect(visitor.locator("html")).to_have_attribute("lang", "zh", timeout=MINUTE)
        expect(visitor.locator("table.runs")).to_contain_text("one", timeout=MINUTE)
        expect(visitor.locator("body")).not_to_contain_text("private", timeout=MINUTE)
        assert visitor.goto(f"{local}share").status == 404  # type: ignore[union-attr]

        expect(panel).to_contain_text("1 on: Ann", timeout=MINUTE)
        expect(panel.locator(".share-facts div", has_text="Wrong passwords")).to_contain_text("1", timeout=MINUTE)
        page.locator("#share-stop").click()
        expect(page.locator("#share-panel")).to_contain_text("Sharing is stopped. The link is dead.", timeout=MINUTE)
        expect(page.locator("#share-go")).to_be_visible(timeout=MINUTE)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(local, timeout=5)
        with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
            visitor.goto(local)
        assert errors == []
        colleague.close()
        context.close()
    except BaseException:
        print(log.read_text()[-5000:])
        raise
    finally:
        dashboard.send_signal(signal.SIGINT)
        try:
            dashboard.wait(30)
        except subprocess.TimeoutExpired:
            dashboard.kill()
