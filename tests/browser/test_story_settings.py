"""Settings in a real browser: its language at first and the chosen one after, the theme, limits, the cache."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, serving
from training.demo.pipeline import KEPT_BASE

pytestmark = pytest.mark.slow
MINUTE = 60_000


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("settings")
    shutil.copytree(KEPT_BASE, folder / "runs" / "base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRL_CLINIC_QUEUE", str(folder / "queue"))
        with serving(folder / "runs") as found:
            yield found


def visits(page: Page) -> list[str]:
    """Every address that the page's own window goes to, in order."""
    found: list[str] = []
    page.on("framenavigated", lambda frame: found.append(frame.url) if frame == page.main_frame else None)
    return found


@pytest.fixture
def chinese(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def test_a_browser_s_language_is_followed_until_one_is_chosen(chinese: Page, clinic: Served) -> None:
    been = visits(chinese)
    chinese.goto(f"{clinic.address}/diagnose?run=base#here")
    expect(chinese).to_have_url(f"{clinic.address}/zh-diagnose?run=base#here", timeout=MINUTE)
    expect(chinese.locator(".clinic-header h1")).to_have_text("TRL 诊所", timeout=MINUTE)
    expect(chinese.locator("html")).to_have_attribute("lang", "zh", timeout=MINUTE)
    assert len([one for one in been if "zh-diagnose" in one]) == 1  # once, and no loop
    assert chinese.evaluate("localStorage.getItem('clinic-lang')") is None
    chinese.get_by_role("link", name="English").click()
    expect(chinese).to_have_url(re.compile(r"/diagnose\?run=base$"), timeout=MINUTE)
    expect(chinese.locator(".clinic-header h1")).to_have_text("TRL Clinic", timeout=MINUTE)
    chinese.goto(f"{clinic.address}/memory")  # the choice holds for every page
    expect(chinese.locator(".clinic-header h1")).to_have_text("TRL Clinic", timeout=MINUTE)
    expect(chinese).to_have_url(f"{clinic.address}/memory", timeout=MINUTE)
    chinese.wait_for_timeout(1000)  # Gradio tells the browser's own language for the page's
    expect(chinese.locator("html")).to_have_attribute("lang", "en", timeout=MINUTE)
    chinese.goto(f"{clinic.address}/zh-learn")  # an address that names its language stays as it was sent
    expect(chinese.locator(".clinic-header h1")).to_have_text("TRL 诊所", timeout=MINUTE)
    expect(chinese).to_have_url(f"{clinic.address}/zh-learn", timeout=MINUTE)


def test_an_english_browser_that_chose_chinese_lands_there(page: Page, clinic: Served) -> None:
    page.goto(f"{clinic.address}/settings")
    expect(page.get_by_role("radio", name="as the browser is set", exact=True)).to_be_checked(timeout=MINUTE)
    page.get_by_role("radio", name="中文", exact=True).click()
    expect(page).to_have_url(f"{clinic.address}/zh-settings", timeout=MINUTE)
    expect(page.get_by_role("radio", name="中文", exact=True)).to_be_checked(timeout=MINUTE)
    page.goto(f"{clinic.address}/?run=base")
    expect(page).to_have_url(re.compile(r"/zh\?run=base$"), timeout=MINUTE)
    page.goto(f"{clinic.address}/settings")
    page.get_by_role("radio", name="跟随浏览器", exact=True).click()
    expect(page).to_have_url(f"{clinic.address}/settings", timeout=MINUTE)
    page.goto(clinic.address)
    expect(page.locator(".clinic-header h1")).to_have_text("TRL Clinic", timeout=MINUTE)


def test_the_theme_is_kept_and_given_back_to_the_system(page: Page, clinic: Served) -> None:
    page.goto(f"{clinic.address}/settings")
    page.get_by_role("radio", name="dark", exact=True).click()
    expect(page.locator("body")).to_have_class(re.compile("dark"), timeout=MINUTE)
    page.goto(f"{clinic.address}/train")
    expect(page.locator(".clinic-header")).to_be_visible(timeout=MINUTE)
    expect(page.locator("body")).to_have_class(re.compile("dark"), timeout=MINUTE)
    page.locator("button.theme").click()
    expect(page.locator("body")).not_to_have_class(re.compile("dark"), timeout=MINUTE)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("radio", name="light", exact=True)).to_be_checked(timeout=MINUTE)
    page.emulate_media(color_scheme="dark")
    page.get_by_role("radio", name="as the system is set", exact=True).click()
    expect(page.locator("body")).to_have_class(re.compile("dark"), timeout=MINUTE)
    page.reload()
    expect(page.get_by_role("radio", name="as the system is set", exact=True)).to_be_checked(timeout=MINUTE)
    expect(page.locator("body")).to_have_class(re.compile("dark"), timeout=MINUTE)


@pytest.mark.parametrize(("system", "chosen"), [("dark", "light"), ("light", "dark")])
def test_the_header_s_choice_lives_through_a_reload_and_a_link(
    page: Page, clinic: Served, system: Any, chosen: str
) -> None:
    """Looked at a second after the page is up: Gradio sets the system's theme while it starts."""
    page.emulate_media(color_scheme=system)
    is_dark = "document.body.classList.contains('dark')"
    page.goto(f"{clinic.address}/train")
    expect(page.locator(".clinic-header")).to_be_visible(timeout=MINUTE)
    page.locator("button.theme").click()
    for act in (
        page.reload,
        page.get_by_role("link", name="Memory", exact=True).click,
        lambda: page.goto(clinic.address),
    ):
        act()
        expect(page.locator(".clinic-header")).to_be_visible(timeout=MINUTE)
        page.wait_for_timeout(1500)
        assert page.evaluate(is_dark) is (chosen == "dark")


def test_limits_are_refused_in_a_sentence_or_kept_and_in_force(page: Page, clinic: Served, tmp_path: Path) -> None:
    page.goto(f"{clinic.address}/settings")
    expect(page.locator("#settings-folders")).to_contain_text(str(clinic.runs), timeout=MINUTE)
    expect(page.locator("#settings-folders tr").nth(1)).to_contain_text(re.compile("[0-9.]+ MB"), timeout=MINUTE)
    at_once, tokens = page.locator("#limit-at-once input"), page.locator("#limit-max_new_tokens input")
    expect(at_once).to_have_value("1", timeout=60_000)
    tokens.fill("9999")
    page.locator("#limits-save").click()
    expect(page.locator("#limits-told")).to_contain_text(
        "9999 cannot be; a whole number from 1 to 1024", timeout=MINUTE
    )
    tokens.fill("33")
    at_once.fill("2")
    page.locator("#limits-save").click()
    expect(page.locator("#limits-told")).to_contain_text("in force now", timeout=60_000)
    page.goto(f"{clinic.address}/compare")
    page.locator("#sampling").get_by_role("button").first.click()
    expect(page.locator("#budget input[type=number]")).to_have_value("33", timeout=MINUTE)
    page.goto(f"{clinic.address}/settings")
    expect(page.locator("#limit-at-once input")).to_have_value("2", timeout=60_000)
    expect(page.locator("#limit-max_new_tokens input")).to_have_value("33", timeout=MINUTE)


def test_the_answer_cache_is_emptied_after_a_question(page: Page, clinic: Served) -> None:
    cache = clinic.runs.parent / "cache" / "trl-clinic" / "answers"
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{'0a' * 32}.jsonl"
    kept.write_text("x" * 1500)
    page.goto(f"{clinic.address}/settings")
    page.locator("#cache-empty").click()
    page.locator("#cache-no").click()
    expect(page.locator("#cache-asked")).not_to_be_visible(timeout=MINUTE)
    assert kept.exists()
    page.locator("#cache-empty").click()
    page.locator("#cache-yes").click()
    expect(page.locator("#cache-told")).to_contain_text("answers of 1 checkpoints are gone, 1.5 kB", timeout=MINUTE)
    assert not kept.exists()
