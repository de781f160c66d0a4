"""The Train page as a user lives it: a form, its command, a run from the queue to its end, and a fix that becomes a child."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from training.demo.data import write_post_training_data
from training.demo.pipeline import KEPT_BASE, last_checkpoint

pytestmark = pytest.mark.slow
MINUTE = 60_000


def pick(page: Page, place: str, label: str) -> None:
    page.locator(f"{place} input").click()
    page.get_by_role("option", name=label, exact=True).click()


def fill(page: Page, place: str, value: str) -> None:
    page.locator(f"{place} textarea, {place} input").first.fill(value)


def test_from_an_empty_form_to_a_trained_run(page: Page, served: Served, tmp_path: Path) -> None:
    write_post_training_data(tmp_path)
    page.goto(f"{served.address}/train")
    expect(page.locator("#train-command")).to_contain_text("Choose the method", timeout=MINUTE)
    pick(page, "#train-method", "SFT")
    beta, packing = page.locator("#train-field-beta"), page.locator("#train-field-packing")
    expect(packing).to_be_visible(timeout=2 * MINUTE)  # TRL's arguments are read once
    expect(beta).not_to_be_visible()
    expect(page.locator("#train-field-max_length textarea, #train-field-max_length input").first).to_have_attribute(
        "placeholder", "default: 1024"
    )
    pick(page, "#train-from", "template: twenty steps, to see that it runs")
    page.locator("#train-model input").fill(str(last_checkpoint(KEPT_BASE)))
    page.locator("#train-model input").press("Enter")
    fill(page, "#train-data", str(tmp_path / "sft"))
    fill(page, "#train-name", "by-form")
    fill(page, "#train-field-max_steps", "many")
    expect(page.locator("#train-command")).to_contain_text("max_steps: many is no number")
    fill(page, "#train-field-max_steps", "6")
    fill(page, "#train-field-learning_rate", "2e-3")
    command = page.locator("#train-command")
    expect(command).to_contain_text("python -m training start --method sft --run")
    expect(command).to_contain_text("learning_rate=2e-3")
    # A reload, and the other language, have the form as it was left.
    page.goto(f"{served.address}/zh-train")
    expect(command).to_contain_text("learning_rate=2e-3", timeout=MINUTE)
    page.goto(f"{served.address}/train")
    expect(command).to_contain_text("learning_rate=2e-3", timeout=MINUTE)
    expect(command).to_contain_text("by-form")
    expect(page.locator("#train-name textarea, #train-name input").first).to_have_value("by-form")
    # A check can be called off.
    expect(page.locator("#train-halt")).not_to_be_visible()
    page.locator("#train-check").click()
    page.locator("#train-halt").click()
    expect(page.locator("#train-said")).to_contain_text("Stopped")
    expect(page.locator("#train-halt")).not_to_be_visible()
    page.locator("#train-start").click()
    expect(page.locator("#train-said")).to_contain_text("by-form has its place in the queue", timeout=2 * MINUTE)
    status = page.locator("#live-status")
    expect(status).to_contain_text("by-form")
    expect(status).to_contain_text("finished", timeout=15 * MINUTE)  # it waits for its turn behind the demo
    expect(page.locator("#live-console")).to_contain_text("loss")
    expect(page.locator("#live-curve-0 .js-plotly-plot")).to_be_visible()
    asked = json.loads((served.runs / "by-form" / "run.json").read_text())
    assert asked["config"]["learning_rate"] == 2e-3
    assert asked["config"]["max_steps"] == 6
    # The same again is refused by name before anything is started; the form can be filled from the run.
    page.locator("#train-start").click()
    expect(page.locator("#train-said")).to_contain_text("there is a run of this name already")
    page.locator("#live-duplicate").click()
    expect(page.locator("#train-name textarea, #train-name input").first).to_have_value("")
    expect(command).to_contain_text("max_steps=6")


def test_from_a_failed_run_to_its_cured_child(page: Page, served: Served) -> None:
    """The demo's run that diverged: its finding, the change, the child's config, its training, and nothing found in it."""
    page.goto(f"{served.address}/diagnose?run=sft-too-hot")
    finding = page.locator(".finding").filter(has_text="loss-diverged").first
    expect(finding).to_be_visible(timeout=5 * MINUTE)
    page.locator(".show-change").first.click()
    page.locator(".write-child").first.click()
    page.locator(".change").first.get_by_role("link", name=re.compile("start it on the Train page")).click()
    command = page.locator("#train-command")
    expect(command).to_contain_text("parent=sft-too-hot", timeout=2 * MINUTE)
    fill(page, "#train-name", "cured")
    expect(command).to_contain_text("cured")
    page.locator("#train-start").click()
    expect(page.locator("#train-said")).to_contain_text("cured has its place in the queue", timeout=2 * MINUTE)
    status = page.locator("#live-status")
    expect(status).to_contain_text("cured")
    expect(status).to_contain_text("finished", timeout=15 * MINUTE)
    page.goto(f"{served.address}/diagnose?run=cured")
    shown = page.locator("body")
    expect(shown).to_contain_text("cured", timeout=MINUTE)
    expect(page.locator(".finding").or_(page.get_by_text(re.compile("Nothing found"))).first).to_be_visible(
        timeout=MINUTE
    )
    expect(page.locator(".finding").filter(has_text="loss-diverged")).to_have_count(0)
    asked = json.loads((served.runs / "cured" / "run.json").read_text())["config"]
    assert (
        asked["learning_rate"]
        < json.loads((served.runs / "sft-too-hot" / "run.json").read_text())["config"]["learning_rate"]
    )


def test_a_fix_fills_the_form_in_the_language_of_the_page(page: Page, served: Served) -> None:
    folder = served.runs / ".children"
    folder.mkdir(exist_ok=True)
    config = {"method": "dpo", "parent": "hot", "fixes": ["loss-diverged/rate"], "model_name_or_path": "m", "beta": 0.3}
    (folder / "hot--loss-diverged-1.json").write_text(
        json.dumps({**config, "dataset_name": "d", "learning_rate": 5e-7})
    )
    page.goto(f"{served.address}/zh-train?child=hot--loss-diverged-1")
    command = page.locator("#train-command")
    expect(command).to_contain_text("beta=0.3", timeout=2 * MINUTE)
    expect(command).to_contain_text("parent=hot")
    expect(command).to_contain_text("命令")
    page.locator("#train-all").get_by_text("其余全部参数").click()
    pick(page, "#train-find", "max_grad_norm")
    expect(page.locator("#train-help")).to_contain_text("Maximum gradient norm")
    page.locator("#train-add").click()
    expect(command).to_contain_text("max_grad_norm=1.0")
