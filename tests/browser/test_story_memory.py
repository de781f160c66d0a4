"""The Memory page as a user lives it: the peak moves with a slider, is traced, Fit finds what fits, its config is taken."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from diagnostics.run.files import write_json
from tests.browser.conftest import Served, serving
from tests.dashboard.test_memory_page import died

pytestmark = pytest.mark.slow
MINUTE = 60_000
BASE = Path(__file__).parents[2] / "training" / "demo" / "kept_base"
PEAK = re.compile(r"([\d.]+) (MiB|GiB)")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard with a finished run and one that ran out of memory."""
    runs = tmp_path_factory.mktemp("memory") / "runs"
    shutil.copytree(BASE, runs / "base")
    died(runs)
    with serving(runs) as found:
        yield found


def choose(page: Page, field: str, text: str) -> None:
    box = page.locator(f"#mem-{field} input")
    box.click()
    box.fill(text)
    box.press("Enter")


def hold(page: Page, name: str, value: float) -> None:
    """Take a slider's knob, and move it near a value without letting go."""
    track = page.locator(f"#mem-{name} input[type=range]")
    box = track.bounding_box()
    assert box is not None
    least, most = float(track.get_attribute("min") or 0), float(track.get_attribute("max") or 1)

    def across(at: float) -> float:
        return box["x"] + 8 + (box["width"] - 16) * (at - least) / (most - least)

    height = box["y"] + box["height"] / 2
    page.mouse.move(across(float(track.input_value())), height)
    page.mouse.down()
    page.mouse.move(across(value), height, steps=6)


def peak(page: Page) -> float:
    """The peak of the verdict, in GiB."""
    found = PEAK.search(page.locator("#mem-head .note").inner_text())
    assert found is not None
    return float(found[1]) / (1024 if found[2] == "MiB" else 1)


def test_the_peak_moves_is_traced_and_is_made_to_fit(page: Page, clinic: Served, tmp_path: Path) -> None:
    page.goto(f"{clinic.address}/memory")
    head = page.locator("#mem-head")
    expect(head).to_contain_text("quick estimate", timeout=MINUTE)  # at once, while the predictor loads
    page.locator("#mem-gib input").fill("16")
    expect(head).to_contain_text("16.00 GiB", timeout=MINUTE)
    expect(head.locator(".note-error")).to_be_visible(timeout=MINUTE)  # 8 billion parameters
    page.locator("#mem-gib input").fill("1")
    choose(page, "model", "base/checkpoint-1900")
    expect(head.locator(".note-good")).to_be_visible(timeout=MINUTE)
    expect(page.locator("#mem-bill table.bill").first).to_contain_text("weights")
    expect(page.locator("#mem-bill path.curve")).to_be_visible(timeout=4 * MINUTE)
    before = peak(page)
    hold(page, "batch", 60)
    expect(head.locator(".note-error")).to_be_visible(timeout=MINUTE)  # the knob is still held
    expect(head).to_contain_text("quick estimate", timeout=MINUTE)
    assert peak(page) > before
    page.mouse.up()
    expect(head).to_contain_text("real trainer", timeout=2 * MINUTE)
    expect(page.locator("#mem-bill path.curve")).to_be_visible(timeout=2 * MINUTE)
    rows = int(page.locator("#mem-batch input[type=number]").input_value())
    page.locator("#mem-fit").click()
    expect(page.locator("#mem-progress .note")).to_be_visible(timeout=MINUTE)
    expect(page.locator("#mem-ways .option").first).to_be_visible(timeout=3 * MINUTE)
    page.locator("#mem-take-1").click()
    taken = page.locator("#mem-taken a[download], #mem-taken a[href]").first
    expect(taken).to_be_visible(timeout=MINUTE)
    with page.expect_download() as download:
        taken.click()
    config = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert config["method"] == "sft"
    assert Path(config["model_name_or_path"]).name == "checkpoint-1900"
    assert config["per_device_train_batch_size"] < rows
    assert config["per_device_train_batch_size"] * config["gradient_accumulation_steps"] == rows
    # taken back, it fits
    given = tmp_path / "child.json"
    write_json(given, config)
    page.locator("#mem-more button").first.click()
    page.locator("#mem-config input[type=file]").set_input_files(given)
    expect(page.locator("#mem-batch input[type=number]")).to_have_value(
        str(config["per_device_train_batch_size"]), timeout=MINUTE
    )
    expect(head.locator(".note-good")).to_be_visible(timeout=MINUTE)


def test_a_crashed_run_is_explained_and_has_a_child(page: Page, clinic: Served) -> None:
    page.goto(f"{clinic.address}/diagnose?run=oom-1")
    page.locator("a[href*='memory?run=oom-1']").click()
    expect(page.locator("#mem-crash .crash")).to_contain_text("39.39 GiB", timeout=MINUTE)
    expect(page.locator("#mem-gib input")).to_have_value("39.39", timeout=MINUTE)
    page.locator("#mem-fit").click()
    expect(page.locator("#mem-ways .option").first).to_be_visible(timeout=4 * MINUTE)
    page.locator("#mem-take-1").click()
    expect(page.locator("#mem-took .note-good")).to_contain_text("child of oom-1", timeout=MINUTE)
    child = json.loads((clinic.runs / ".children" / "oom-1--memory-1.json").read_text())
    assert (child["parent"], child["dataset_name"]) == ("oom-1", "rows.jsonl")


def test_wrong_input_is_one_sentence_in_chinese_too_and_work_is_stopped(page: Page, clinic: Served) -> None:
    page.goto(f"{clinic.address}/zh-memory")
    head = page.locator("#mem-head")
    expect(head).to_contain_text("快速估计", timeout=MINUTE)
    choose(page, "model", "nobody/nothing")
    expect(head.locator(".note-error")).to_contain_text("nobody/nothing", timeout=MINUTE)
    expect(page.locator("#mem-bill svg")).to_have_count(0)
    choose(page, "model", "Qwen/Qwen2.5-7B")
    expect(head).to_contain_text("放", timeout=MINUTE)
    expect(page.locator("#mem-progress .note")).to_contain_text("秒", timeout=MINUTE)
    page.locator("#mem-stop").click()
    expect(page.locator("#mem-progress")).to_contain_text("已停止", timeout=MINUTE)
    hold(page, "rank", 64)
    expect(head).to_contain_text("放得下", timeout=MINUTE)
    page.mouse.up()


def test_settings_that_are_pasted_and_erased_count(page: Page, clinic: Served) -> None:
    page.goto(f"{clinic.address}/memory")
    head = page.locator("#mem-head")
    expect(head).to_contain_text("rows at once: 8", timeout=MINUTE)
    page.locator("#mem-more button").first.click()
    box = page.locator("#mem-settings textarea")
    box.fill("per_device_train_batch_sice=4")  # as a paste does: without a key
    expect(head.locator(".note-error")).to_contain_text("per_device_train_batch_sice", timeout=MINUTE)
    box.press("Control+a")
    box.press("Delete")
    expect(head).to_contain_text("rows at once: 8", timeout=MINUTE)


def test_a_search_right_after_another_size_is_not_undone_by_it(page: Page, clinic: Served) -> None:
    for _ in range(5):  # the first time it is searched for, then it is known
        page.goto(f"{clinic.address}/memory")
        expect(page.locator("#mem-head")).to_contain_text("rows at once: 8", timeout=MINUTE)
        page.locator("#mem-gib input").fill("24")
        page.locator("#mem-fit").click()
        expect(page.locator("#mem-ways .option").first).to_be_visible(timeout=3 * MINUTE)
        page.wait_for_timeout(700)  # whatever was under way has come
        expect(page.locator("#mem-ways .option").first).to_be_visible()
