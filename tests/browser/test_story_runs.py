"""The Runs page as a user lives it, on runs that are written here row by row: curves, links, marks, restart, keyboard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Served, free_port, start, stop
from tests.conftest import event

pytestmark = pytest.mark.slow
MINUTE = 60_000
# What the plots of the page draw: the last place along x of a run's line, in each plot that is to be seen.
LAST = """run => [...document.querySelectorAll('.plots .js-plotly-plot')].filter(one => one.offsetParent)
  .flatMap(one => one._fullData).filter(one => one.name === run && one.mode === 'lines').map(one => one.x[one.x.length - 1])"""
RANGES = """() => [...document.querySelectorAll('.plots .js-plotly-plot')].filter(one => one.offsetParent)
  .map(one => one._fullLayout.xaxis.range.map(Math.round).join())"""


def log_rows(folder: Path, first: int, last: int) -> None:
    """Rows as a Trainer adds them to its event file, a spike and a NaN among them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.out.tfevents.1.h.1.0").open("ab") as file:
        for step in range(first, last + 1):
            loss = float("nan") if step == 33 else 9.0 if step == 21 else 2.0 / step
            for tag, value in {
                "loss": loss,
                "grad_norm": 1.0,
                "rewards/chosen": step / 9,
                "num_tokens": 50.0 * step,
            }.items():
                file.write(event(f"train/{tag}", step, value, 1000.0 + step))


def make_run(runs: Path, name: str, rows: int, rate: float) -> None:
    """A DPO run with some rows, a checkpoint and its config."""
    log_rows(runs / name, 1, rows)
    config = {"learning_rate": rate, "beta": 0.1}
    (runs / name / "run.json").write_text(json.dumps({"method": "dpo", "config": config}))
    (runs / name / "checkpoint-20").mkdir()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    runs = tmp_path_factory.mktemp("board") / "runs"
    for name, rows, rate in (("calm", 60, 1e-6), ("bold", 40, 5e-6), ("cold", 50, 1e-8)):
        make_run(runs, name, rows, rate)
    served = start(runs, free_port())
    yield served
    stop(served)


def opened(page: Page, board: Served, query: str = "") -> None:
    """Open the page and wait for its curves: they are drawn once they are near what is seen."""
    page.goto(f"{board.address}/{query}")
    expect(page.locator(".plots .plot").first).to_be_attached(timeout=MINUTE)
    page.evaluate("document.querySelector('.plots').scrollIntoView()")
    expect(page.locator(".plots .js-plotly-plot").first).to_be_visible(timeout=MINUTE)


def test_ticked_runs_lie_over_each_other_and_a_link_reopens_the_view(
    page: Page, board: Served, browser: Browser
) -> None:
    opened(page, board)
    expect(page.locator("table.runs svg.spark")).to_have_count(3)
    curve, value = (page.locator(f"table.runs .key-metric > {one}").first.bounding_box() for one in ("svg", "span"))
    assert curve is not None
    assert value is not None
    assert curve["x"] + curve["width"] <= value["x"], "the value is beside its curve, not below"
    assert value["y"] < curve["y"] + curve["height"]
    page.locator('table.runs [data-run="cold"]').click()
    page.locator('#run-legend [data-run="bold"]').click()
    expect(page.locator("#run-legend .chip i")).to_have_count(1)
    page.locator('table.runs [data-run="bold"]').click()
    expect(page).to_have_url(re.compile(r"\?run=calm&run=bold$"))
    page.locator("#curve-groups").get_by_role("button", name="rewards").click()
    page.locator("#curve-axis label", has_text="tokens").click()
    page.get_by_label("Logarithmic").check()
    expect(page).to_have_url(re.compile(r"run=calm&run=bold&group=rewards&x=tokens&log=1$"))
    page.wait_for_function(f"run => ({LAST})(run).join() === '3000'", arg="calm")
    second = browser.new_page()
    opened(second, board, page.url.split("/")[-1])
    expect(second.locator("#run-legend .chip i")).to_have_count(2, timeout=MINUTE)
    second.wait_for_function(f"run => ({LAST})(run).join() === '2000'", arg="bold")
    expect(second.get_by_label("Logarithmic")).to_be_checked()
    expect(second.locator(".tag-name:visible")).to_have_text(["train/rewards/chosen"])
    second.close()
    pages = page.locator(".clinic-header nav a.nav")
    pages.filter(has_text="Diagnose").click()
    expect(page).to_have_url(re.compile(r"/diagnose\?run=calm&run=bold$"))
    pages.filter(has_text="Runs").click()
    expect(page.locator("#run-legend .chip i")).to_have_count(2, timeout=MINUTE)


def test_what_left_first_and_arrives_last_undoes_nothing(page: Page, board: Served) -> None:
    """Of two events in a row, the network may deliver the first one last: it knows nothing of the second."""
    opened(page, board, "?run=calm&run=bold")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/queue/join*", hold_the_first)
    page.locator("#curve-axis label", has_text="tokens").click()
    page.get_by_label("Logarithmic").check()
    expect(page).to_have_url(re.compile(r"log=1$"))
    assert len(held) == 1
    held[0].continue_()
    expect(page).to_have_url(re.compile(r"run=bold&x=tokens&log=1$"))


def test_what_is_pointed_at_and_zoomed_into_is_so_in_every_plot(page: Page, board: Served) -> None:
    opened(page, board, "?run=calm")
    page.wait_for_timeout(2000)
    page.evaluate("document.querySelector('.plots').scrollIntoView()")
    box = page.locator(".plots .js-plotly-plot:visible").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 150, box["y"] + 90)
    page.mouse.move(box["x"] + 155, box["y"] + 92)
    shown = "document.querySelectorAll('.plots .hoverlayer .legend').length"
    page.wait_for_function(f"{shown} >= 2")
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 93, steps=6)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"zoom=[\d.]+~[\d.]+$"))
    page.wait_for_function(f"() => new Set(({RANGES})()).size === 1")
    zoomed = page.evaluate(RANGES)
    assert len(zoomed) >= 2
    opened(page, board, page.url.split("/")[-1])
    page.wait_for_function(f"one => ({RANGES})().every(two => two === one)", arg=zoomed[0])


def test_an_idle_page_asks_for_nothing_but_a_look(page: Page, board: Served) -> None:
    opened(page, board)
    expect(page.locator("table.runs")).not_to_contain_text("being judged", timeout=MINUTE)
    page.wait_for_timeout(2500)
    calls: list[str] = []
    page.on("request", lambda one: calls.append(one.url.rstrip("/").rpartition("/")[2]))
    page.wait_for_timeout(4000)
    assert len(calls) >= 2
    assert set(calls) == {"component_server"}


def test_only_the_row_and_the_curves_of_a_live_run_are_touched(page: Page, board: Served) -> None:
    opened(page, board, "?run=bold")
    expect(page.locator("table.runs")).not_to_contain_text("being judged", timeout=MINUTE)
    page.wait_for_function(f"run => ({LAST})(run).length > 0", arg="bold")
    page.wait_for_timeout(2500)
    page.evaluate("""() => { window.rows = new Set();
      new MutationObserver(all => { for (const one of all) {
        const row = (one.target.closest ? one.target : one.target.parentElement).closest('tr');
        window.rows.add(row ? row.dataset.row : one.target.nodeName); } })
        .observe(document.querySelector('table.runs'), {subtree: true, childList: true, characterData: true}); }""")
    log_rows(board.runs / "bold", 61, 62)
    page.wait_for_function("window.rows.size > 0")
    page.wait_for_timeout(1500)
    assert page.evaluate("[...window.rows]") == ["bold"]


def test_many_runs_have_pages_that_keys_turn_and_a_link_keeps(page: Page, tmp_path: Path, browser: Browser) -> None:
    runs = tmp_path / "runs"
    for place in range(60):
        folder = runs / f"r{place:02}"
        folder.mkdir(parents=True)
        log = {"log_history": [{"step": step, "loss": (60.0 - place) / step} for step in (1, 2)]}
        (folder / "trainer_state.json").write_text(json.dumps(log))
    served = start(runs, free_port())
    try:
        page.goto(served.address)
        rows = page.locator("table.runs tbody tr")
        expect(rows).to_have_count(25, timeout=MINUTE)
        page.get_by_role("button", name="Page after").focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"\?p=2$"), timeout=MINUTE)
        expect(page.locator("nav.pages")).to_contain_text("26 to 50 of 60", timeout=MINUTE)
        page.locator("nav.pages").get_by_role("button", name="Page 3", exact=True).press("Space")
        expect(rows).to_have_count(10, timeout=MINUTE)
        page.get_by_role("button", name="key metric").press("Enter")
        expect(page).to_have_url(re.compile(r"\?sort=key$"), timeout=MINUTE)
        expect(rows.first).to_contain_text("r59", timeout=MINUTE)
        page.get_by_role("button", name="key metric").press("Enter")
        expect(rows.first).to_contain_text("r00", timeout=MINUTE)
        page.get_by_role("button", name="Page after").press("Enter")
        expect(page).to_have_url(re.compile(r"\?sort=-key&p=2$"), timeout=MINUTE)
        second = browser.new_page()
        second.goto(served.address + "/zh" + page.url[page.url.index("?") :])
        expect(second.locator("nav.pages")).to_contain_text("第 26 至 50 次，共 60 次", timeout=MINUTE)
        expect(second.locator("table.runs tbody tr").first).to_contain_text("r25", timeout=MINUTE)
        second.close()
        page.get_by_label("Search").fill("r0")  # as what is pasted: no key tells of it
        expect(rows).to_have_count(10, timeout=MINUTE)
        expect(page).to_have_url(re.compile(r"\?q=r0&sort=-key$"), timeout=MINUTE)
        page.get_by_label("Search").press("Backspace")
        expect(page.locator("nav.pages")).to_contain_text("1 to 25 of 60", timeout=MINUTE)
        expect(page).to_have_url(re.compile(r"\?q=r&sort=-key$"), timeout=MINUTE)
        page.get_by_role("button", name="Page after").press("Enter")
        expect(page).to_have_url(re.compile(r"\?q=r&sort=-key&p=2$"), timeout=MINUTE)
        page.reload()
        expect(page.locator("nav.pages")).to_contain_text("26 to 50 of 60", timeout=MINUTE)
        page.wait_for_timeout(2000)  # the search box, filled from the address, is no new search
        expect(page.locator("nav.pages")).to_contain_text("26 to 50 of 60")
    finally:
        stop(served)


def test_more_curves_than_twelve_are_drawn_when_asked_for(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "wide"
    folder.mkdir(parents=True)
    for step in (1, 2):
        with (folder / "events.out.tfevents.1.h.1.0").open("ab") as file:
            for place in range(20):
                file.write(event(f"train/own/{place:02}", step, 1.0 * place + step, 1000.0 + step))
    served = start(tmp_path / "runs", free_port())
    try:
        page.goto(f"{served.address}/?group=own")
        expect(page.locator(".plots .plot")).to_have_count(12, timeout=MINUTE)
        page.get_by_role("button", name="Draw 8 more").press("Enter")
        expect(page.locator(".plots .plot")).to_have_count(20, timeout=MINUTE)
        expect(page).to_have_url(re.compile("group=own&plots=24$"), timeout=MINUTE)
        page.locator(".plots .plot").last.scroll_into_view_if_needed()
        expect(page.locator(".plots .plot").last.locator(".js-plotly-plot")).to_be_visible(timeout=MINUTE)
    finally:
        stop(served)


def test_a_row_that_is_logged_moves_the_curves(page: Page, board: Served) -> None:
    opened(page, board, "?run=bold")
    page.wait_for_function(f"run => ({LAST})(run).length > 0", arg="bold")
    last = int(max(page.evaluate(f"run => ({LAST})(run)", "bold")))  # other stories log rows of it too
    took = []
    for step in range(last + 1, last + 5):
        page.wait_for_timeout(600)
        log_rows(board.runs / "bold", step, step)
        logged = time.monotonic()
        page.wait_for_function(f"([run, step]) => ({LAST})(run).includes(step)", arg=["bold", step], polling=20)
        took.append(time.monotonic() - logged)
    print("seconds from the log to the curve:", ", ".join(f"{one:.2f}" for one in took))


def test_tags_and_notes_are_seen_in_another_tab_and_archived_runs_leave(
    page: Page, board: Served, browser: Browser
) -> None:
    files = {path: path.read_bytes() for path in (board.runs / "cold").rglob("*") if path.is_file()}
    second = browser.new_page()
    opened(second, board)
    opened(page, board)
    page.locator("#runs-marks button").first.click()
    expect(page.locator("#runs-marks")).to_contain_text("Choose runs in the table first")
    page.goto(f"{board.address}/?run=cold")
    page.locator("#runs-marks button").first.click()
    expect(page.locator("#runs-marks")).to_contain_text("For cold.")
    page.locator("#own-tags").get_by_role("textbox").fill("baseline, <b>odd</b>")
    page.locator("#own-note").get_by_role("textbox").fill("too cold to learn")
    page.get_by_role("button", name="Save").click()
    for one in (page, second):
        row = one.locator("table.runs tr", has_text="cold")
        expect(row.locator(".own-tag")).to_have_text(["baseline", "<b>odd</b>"], timeout=MINUTE)
        expect(row).to_contain_text("too cold to learn")
    second.get_by_label("Search").fill("baseline")
    expect(second.locator("table.runs tbody tr")).to_have_count(1)
    second.get_by_label("Search").fill("")
    expect(second.locator("table.runs tbody tr")).to_have_count(3)
    page.locator("#archive").click()
    expect(second.locator("table.runs tbody tr")).to_have_count(2, timeout=MINUTE)
    expect(second.locator("#runs-table")).to_contain_text("1 archived")
    expect(page.locator("#archive")).to_have_text("Take out of the archive")
    page.locator("#archive").click()
    expect(second.locator("table.runs tbody tr")).to_have_count(3, timeout=MINUTE)
    second.close()
    assert {path: path.read_bytes() for path in (board.runs / "cold").rglob("*") if path.is_file()} == files


def test_the_configs_show_what_differs(page: Page, board: Served) -> None:
    opened(page, board, "?run=calm&run=bold")
    page.locator("#runs-config button").first.click()
    rows = page.locator("table.config tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("learning_rate")
    page.get_by_label("Differences only").uncheck()
    expect(rows).to_have_count(3)


def test_keys_choose_runs_and_tell_what_a_tag_means(page: Page, board: Served) -> None:
    opened(page, board, "?run=calm")
    box = page.get_by_role("checkbox", name="Draw the curves of bold")
    expect(box).to_have_attribute("aria-checked", "false")
    box.focus()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("run=calm&run=bold"))
    expect(box).to_be_focused()  # still, after the table was drawn again
    expect(box).to_have_attribute("aria-checked", "true")
    name = (
        page.locator(".tag-name", has_text="train/rewards/chosen")
        .or_(page.locator(".tag-name", has_text="train/loss"))
        .first
    )
    name.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(name).to_be_focused()
    tip = page.locator(f"#{name.get_attribute('aria-describedby')}")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("In a healthy run:")


@pytest.mark.parametrize("width", [400, 800])
def test_a_narrow_chinese_page_fits_and_speaks_chinese(page: Page, board: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, board, "zh?run=calm&run=bold")
    expect(page.locator("table.runs")).to_contain_text("最严重" if width == 800 else "关键指标")
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    text = page.locator("#find-runs, #curve-controls, #run-legend, #runs-marks, #runs-config").all_inner_texts()
    assert not re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", " | ".join(text)), text


def test_no_control_of_a_narrow_page_is_cut_off(page: Page, board: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    opened(page, board)
    cut_off = """() => [...document.querySelectorAll('#find-runs .form > *, #curve-controls .form > *')]
      .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
    assert page.evaluate(cut_off) == []


def test_a_restart_of_the_dashboard_loses_nothing(page: Page, board: Served) -> None:
    opened(page, board, "?run=calm&run=cold&smooth=0.5")
    expect(page.locator("#run-legend .chip i")).to_have_count(2)
    stop(board)
    again = start(board.runs, int(board.address.rpartition(":")[2]))
    try:
        page.wait_for_timeout(4000)
        log_rows(board.runs / "cold", 51, 52)
        page.wait_for_function(f"run => ({LAST})(run).includes(52)", arg="cold", timeout=MINUTE)
        expect(page.locator("#run-legend .chip i")).to_have_count(2)
        expect(page).to_have_url(re.compile(r"\?run=calm&run=cold&smooth=0.5$"))
    finally:
        stop(again)
