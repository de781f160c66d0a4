"""The Runs page as it is now: what it shows, and that what did not change is not drawn again. Without Gradio."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addresses import Addresses
from dashboard.clinic import LOOK_SECONDS, Clinic
from dashboard.judging import Judge
from dashboard.runs.now import (
    demo_button,
    figure_of,
    filter_words,
    groups_html,
    legend_html,
    marks_broken,
    most_plots,
    plots_now,
    seen_now,
    strip_and_table,
    told_html,
)
from dashboard.runs.patch import drawn_plot, message, plots_changed, rows_changed
from dashboard.runs.selection import COLUMNS, FIRST_PLOTS, Look
from dashboard.runs.table import listing, runs_table, table_of
from dashboard.sent import Sent
from dashboard.settings.kept import PAGE_ROWS
from dashboard.texts import LANGS, Words
from diagnostics.engine import diagnose
from diagnostics.finding import Diagnosis
from diagnostics.run.discover import RunStore
from diagnostics.run.reader import RunReader
from diagnostics.run.status import read_status
from tests.conftest import event
from tests.dashboard.test_views import EVIL, make_run

EN, ZH = Words("en"), Words("zh")
ADDRESSES = Addresses("en")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    make_run(tmp_path, "before", [0.1, 0.2], (5, 10))
    make_run(tmp_path, "later", [0.9, 0.8])
    return Clinic(tmp_path)


def log_row(folder: Path, step: int, **values: float) -> None:
    """A row as a running Trainer adds it to its event file."""
    folder.mkdir(exist_ok=True)
    with (folder / "events.out.tfevents.1.h.1.0").open("ab") as file:
        for name, value in values.items():
            file.write(event(f"train/{name}", step, value, 100.0 + step))


def judged(clinic: Clinic) -> None:
    """Wait for the diagnoses that are made aside."""
    deadline = time.monotonic() + 60
    while any(clinic.latest_diagnosis(run) is None for run in clinic.runs()[0]):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_table_does_not_wait_for_a_diagnosis(clinic: Clinic) -> None:
    first = clinic.signature()
    may = threading.Event()
    clinic._judge = Judge(lambda run: diagnose(run) if may.wait(60) else pytest.fail("nobody said so"))
    assert "being judged" in runs_table(clinic, EN, ADDRESSES)
    may.set()
    judged(clinic)
    assert clinic.signature() != first
    table = runs_table(clinic, EN, ADDRESSES)
    assert "being judged" not in table
    assert "run-died" in table


def test_a_live_run_shows_its_last_diagnosis_until_there_is_a_newer_one(clinic: Clinic) -> None:
    calls: list[str] = []

    def slow(run: object) -> Diagnosis:
        calls.append("judged")
        time.sleep(0.05)
        return Diagnosis((), (), 0)

    judge = Judge(slow)
    run = clinic.runs()[0][0]
    live = replace(run, status=replace(run.status, state="running"))
    known = judge.now(live)
    assert judge.now(live) is known
    assert judge.latest(replace(live)) is known
    assert calls == ["judged"]  # it trains, and was judged just now
    assert judge.latest(replace(run)) is known  # it is over: judged at once
    deadline = time.monotonic() + 10
    while judge.count < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert calls == ["judged", "judged"]


def test_what_is_made_of_a_run_is_made_once_until_it_is_read_again(clinic: Clinic) -> None:
    made: list[str] = []
    for _ in range(2):
        for run in clinic.runs()[0]:
            clinic.kept(run, "x", lambda one: made.append(one.name))
    assert made == ["before", "later"]
    log_row(clinic.root / "later", 11, loss=1.0)
    for run in clinic.runs()[0]:
        clinic.kept(run, "x", lambda one: made.append(one.name))
    assert made == ["before", "later", "later"]


def test_an_idle_look_reads_no_file(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(clinic.root)
    first = store.signature()
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    monkeypatch.setattr(Path, "open", lambda path, *rest: pytest.fail(f"{path} was opened"))
    assert store.signature() == first


def test_a_live_worker_is_looked_after_though_its_file_is_as_it_was(tmp_path: Path) -> None:
    import json
    import socket

    make_run(tmp_path, "a", [0.1])
    status = {"state": "running", "pid": os.getpid(), "host": socket.gethostname(), "started": 1.0}
    path = tmp_path / "a" / "status.json"
    path.write_text(json.dumps(status))
    reader = RunReader(tmp_path / "a")
    alive = reader.signature()
    stat = path.stat()
    path.write_text(json.dumps({**status, "pid": 2**22 + 1}).ljust(stat.st_size)[: stat.st_size + 4])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert read_status(tmp_path / "a").state == "failed"
    assert reader.signature() != alive


def test_tabs_that_ask_together_are_one_look(clinic: Clinic) -> None:
    seen = clinic.signature()
    make_run(clinic.root, "new", [0.1])
    assert clinic.signature() == seen
    time.sleep(LOOK_SECONDS + 0.05)
    assert clinic.signature() != seen


def test_marks_of_another_tab_are_seen(clinic: Clinic) -> None:
    seen = clinic.signature()
    Clinic(clinic.root).marks.change(["before"], tags=("best", EVIL), note=EVIL)
    time.sleep(LOOK_SECONDS + 0.05)
    assert clinic.signature() != seen
    table = runs_table(clinic, EN, ADDRESSES)
    assert '<span class="own-tag">best</span>' in table
    assert "<img" not in table


def test_archived_runs_are_counted_not_listed(clinic: Clinic) -> None:
    clinic.marks.change(["before"], archived=True)
    table = runs_table(clinic, EN, ADDRESSES)
    assert 'data-run="before"' not in table
    assert "1 of 2 runs are listed. 1 archived." in table
    assert 'data-run="before"' in runs_table(clinic, EN, ADDRESSES, Look(filters=("archived:shown",)))
    assert seen_now(clinic, Look()).drawn == ("later",)
    assert seen_now(clinic, Look(("before",))).drawn == ("before",)  # a link to it still opens it
    assert "No run passes" in runs_table(clinic, EN, ADDRESSES, Look(search="nowhere"))


def test_broken_marks_are_said_and_hide_no_run(clinic: Clinic) -> None:
    clinic.marks.path.parent.mkdir()
    clinic.marks.path.write_text("{")
    _, table = strip_and_table(clinic, seen_now(clinic, Look()), Look(), EN, ADDRESSES)
    assert "marks.json cannot be read" in marks_broken(clinic, EN)
    assert 'data-run="before"' in table.html()


def many(root: Path, count: int) -> Clinic:
    """A folder of runs that each logged one loss, the later the lower."""
    for place in range(count):
        (root / f"r{place:03}").mkdir()
        log = {"log_history": [{"step": 1, "loss": float(count - place)}]}
        (root / f"r{place:03}" / "trainer_state.json").write_text(json.dumps(log))
    return Clinic(root)


def names_in(table: str) -> list[str]:
    return re.findall(r'<tr data-row="(r\d+)"', table)


def test_a_folder_of_many_runs_has_pages(tmp_path: Path) -> None:
    clinic = many(tmp_path, 2 * PAGE_ROWS + 3)
    pages = [names_in(runs_table(clinic, EN, ADDRESSES, Look(page=page))) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [PAGE_ROWS, PAGE_ROWS, 3]
    assert len({name for page in pages for name in page}) == 2 * PAGE_ROWS + 3
    table = runs_table(clinic, EN, ADDRESSES, Look(page=2))
    assert 'data-page="2" aria-label="Page 2" aria-current="page"' in table
    assert f"{PAGE_ROWS + 1} to {2 * PAGE_ROWS} of {2 * PAGE_ROWS + 3}" in table
    assert names_in(runs_table(clinic, EN, ADDRESSES, Look(page=999))) == pages[2]  # a link from when there were more
    assert 'data-page="2" aria-label="Page after" disabled' not in table
    assert f'data-page="4" aria-label="{ZH("runs.page_after")}" disabled' in runs_table(
        clinic, ZH, ADDRESSES, Look(page=3)
    )
    assert "<nav" not in runs_table(clinic, EN, ADDRESSES, Look(search="r00"))


def test_search_and_order_go_over_all_pages(tmp_path: Path) -> None:
    clinic = many(tmp_path, PAGE_ROWS + 5)
    last = f"r{PAGE_ROWS + 4:03}"
    assert last not in names_in(runs_table(clinic, EN, ADDRESSES, Look(page=2)))[1:]
    up = names_in(runs_table(clinic, EN, ADDRESSES, Look(sort="key")))
    down = names_in(runs_table(clinic, EN, ADDRESSES, Look(sort="-key")))
    assert (up[0], down[0]) == (last, "r000")
    assert names_in(runs_table(clinic, EN, ADDRESSES, Look(sort="run", page=2)))[0] == f"r{PAGE_ROWS:03}"
    assert names_in(runs_table(clinic, EN, ADDRESSES, Look(search="r000", page=7))) == ["r000"]
    head = runs_table(clinic, EN, ADDRESSES, Look(sort="-key"))
    assert head.count("aria-sort") == 1
    assert 'aria-sort="descending"><button type="button" class="sort" data-sort="key"' in head
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "run.json").write_text('{"method": "sft", "config": {}}')
    for sort in ("key", "-key"):  # a run without a value comes last whichever way
        assert listing(clinic, Look(sort=sort)).names[-1] == "none"
    for column in COLUMNS:
        assert set(listing(clinic, Look(sort=column)).names) == set(listing(clinic, Look()).names)


def test_five_hundred_runs_are_one_page_of_rows(tmp_path: Path) -> None:
    clinic = many(tmp_path, 500)
    table = table_of(clinic, listing(clinic, Look()), EN, ADDRESSES, Look(), {})
    assert len(table.rows) == PAGE_ROWS
    assert len(table.html()) < 60_000
    assert table.html().count('class="page"') == 6  # before, 1 to 3, the last, after


def test_only_the_plots_that_changed_are_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A finding that moves on with its run redraws every curve that it marks, whenever it is judged: none here.
    monkeypatch.setattr(Clinic, "latest_diagnosis", lambda *_: None)
    for step in (1, 2, 3):
        log_row(tmp_path / "live", step, loss=1.0 / step, reward=0.1 * step)
        log_row(tmp_path / "done", step, loss=2.0 / step)
    clinic = Clinic(tmp_path)

    def fingerprints() -> dict[str, object]:
        return {plot.tag: plot.fingerprint for plot in plots_now(clinic, seen_now(clinic, Look()), Look(), EN)}

    first = fingerprints()
    assert set(first) == {"train/loss", "train/reward"}
    assert fingerprints() == first
    log_row(tmp_path / "live", 4, reward=0.5)
    second = fingerprints()
    assert second["train/loss"] == first["train/loss"]
    assert second["train/reward"] != first["train/reward"]
    log_row(tmp_path / "done", 3, loss=9.0)  # the same steps, another value
    assert fingerprints()["train/loss"] != second["train/loss"]
    (tmp_path / "live" / "checkpoint-2").mkdir()
    assert fingerprints()["train/reward"] != second["train/reward"]


def sent_plots(sent: Sent, clinic: Clinic, look: Look) -> list[dict[str, Any]] | None:
    """The plots as a page gets them, through JSON."""
    now = seen_now(clinic, look)
    plots = plots_changed(sent, plots_now(clinic, now, look, EN), lambda plot: drawn_plot(clinic, now, look, EN, plot))
    found = json.loads(message(1, {}, plots))["plots"]
    assert found is None or isinstance(found, list)
    return found


def test_a_page_gets_only_the_curves_that_grew(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        log_row(tmp_path / "live", step, loss=1.0 / step, reward=0.1 * step)
        log_row(tmp_path / "done", step, loss=2.0 / step, reward=float("nan"))
    clinic, sent = Clinic(tmp_path), Sent()
    judged(clinic)
    first = sent_plots(sent, clinic, Look())
    assert first is not None
    assert [(one["tag"], set(one["curves"])) for one in first] == [
        ("train/loss", {"live", "done"}),
        ("train/reward", {"live", "done"}),
    ]
    assert sent_plots(sent, clinic, Look()) is None
    log_row(tmp_path / "live", 4, loss=0.25)
    second = sent_plots(sent, clinic, Look())
    assert second is not None
    loss, reward = second
    assert set(loss["curves"]) == {"live"}
    assert sorted(loss["order"]) == ["done", "live"]
    assert reward == {"tag": "train/reward"}
    line = loss["curves"]["live"]["lines"][0]["y"]
    assert line["dtype"] == "f4"
    assert np.frombuffer(base64.b64decode(line["bdata"]), "<f4").tolist() == pytest.approx([1, 0.5, 1 / 3, 0.25])
    third = sent_plots(sent, clinic, Look(smoothing=0.5))
    assert third is not None
    assert all(set(one["curves"]) == {"live", "done"} for one in third)
    sent.forget()
    whole = sent_plots(sent, clinic, Look(smoothing=0.5))
    assert whole is not None
    assert [(one["tag"], set(one["curves"])) for one in whole] == [(one["tag"], set(one["curves"])) for one in third]
    assert all("head" in one for one in whole)


def test_a_page_gets_only_the_rows_that_changed(clinic: Clinic) -> None:
    sent = Sent()

    def changed(look: Look) -> tuple[dict[str, str], bool]:
        _, table = strip_and_table(clinic, seen_now(clinic, look), look, EN, ADDRESSES)
        rows, whole = rows_changed(sent, table), sent.differs("table", table.frame)
        sent.changes({"table": table.frame}, {})
        return rows, whole

    judged(clinic)
    assert changed(Look()) == ({}, True)  # sent whole
    assert changed(Look()) == ({}, False)
    clinic.marks.change(["later"], tags=("best",))
    rows, whole = changed(Look())
    assert (list(rows), whole) == (["later"], False)
    assert "best" in rows["later"]
    assert changed(Look(search="later"))[1]  # another row fewer: the table is sent
    clinic.marks.change(["before"], archived=True)
    assert changed(Look())[1]


def test_every_way_of_looking_is_a_change_of_the_plot(clinic: Clinic) -> None:
    judged(clinic)
    looks = [Look(), Look(smoothing=0.5), Look(log=True), Look(zoom=(1, 2)), Look(("before",)), Look(x="time")]
    found = [plots_now(clinic, seen_now(clinic, look), look, EN)[0].fingerprint for look in looks]
    assert len(set(found)) == len(looks)
    figure = figure_of(clinic, seen_now(clinic, Look()), Look(), "train/loss", EN)
    assert {"before", "later"} <= {trace.name for trace in figure.data}


def test_the_boxes_of_the_drawn_runs_are_ticked(clinic: Clinic) -> None:
    table = runs_table(clinic, EN, ADDRESSES, Look(("later",)), seen_now(clinic, Look(("later",))).colours)
    assert table.count('aria-checked="true"') == 1
    assert table.count('aria-checked="false"') == 1


def test_empty_places_say_what_to_do(clinic: Clinic, tmp_path: Path) -> None:
    def told(look: Look) -> str:
        return told_html(seen_now(clinic, look), look, EN)

    assert told(Look()) == ""
    assert "Tick the box" in told(Look(()))
    assert "“no-such”" in told(Look(metric="no-such"))
    assert "before, later: no times are in the log" in told(Look(("before", "later"), x="time"))
    assert "num_tokens" in told(Look(x="tokens"))
    (tmp_path / "quiet").mkdir()
    (tmp_path / "quiet" / "run.json").write_text('{"method": "sft", "config": {}}')
    assert "no curve yet" in told(Look(("quiet",)))
    assert told_html(seen_now(Clinic(tmp_path / "none"), Look()), Look(), EN) == ""


def test_many_curves_and_many_runs_say_what_is_left_out(tmp_path: Path) -> None:
    for step in (1, 2):
        log_row(tmp_path / "a", step, **{f"x/{place:02}": 1.0 for place in range(20)})
    clinic = Clinic(tmp_path)
    look = Look(("a", *(f"gone{place}" for place in range(20))), group="x")
    told = told_html(seen_now(clinic, look), look, EN)
    assert f"{FIRST_PLOTS} of 20 curves are drawn" in told
    assert ">Draw 8 more</button>" in told
    assert len(plots_now(clinic, seen_now(clinic, look), look, EN)) == FIRST_PLOTS
    more = look.turned(more="1")
    assert len(plots_now(clinic, seen_now(clinic, more), more, EN)) == 20
    assert "data-more" not in told_html(seen_now(clinic, more), more, EN, most_plots(clinic, more))
    assert "first 16 chosen" in told
    assert groups_html(seen_now(clinic, look), look, EN) == ""  # there is no other
    log_row(tmp_path / "a", 1, loss=1.0)
    log_row(tmp_path / "a", 2, loss=1.0)
    groups = groups_html(seen_now(clinic, look), look, EN)
    assert 'data-group="x" aria-pressed="true">x <small>20</small>' in groups
    assert groups.count('aria-pressed="true"') == 1
    assert 'data-group="overview" aria-pressed="true"' in groups_html(seen_now(clinic, look), Look(("a",)), EN)
    assert 'aria-pressed="true"' not in groups_html(seen_now(clinic, look), Look(("a",), metric="loss"), EN)


@pytest.mark.parametrize("lang", LANGS)
def test_legend_and_filters_speak_the_pages_language(clinic: Clinic, lang: str) -> None:
    words = Words(lang)  # type: ignore[arg-type]
    make_run(clinic.root, "b<img src=x>", [0.1])
    seen = seen_now(clinic, Look())
    legend = legend_html(seen, Look(("before",)), words)
    assert legend.count('class="chip"') == len(seen.drawn) + 1
    assert "<img" not in legend
    assert legend_html(seen_now(clinic, Look(())), Look(()), words) == ""
    judged(clinic)
    for one in seen_now(clinic, Look()).filters:
        assert filter_words(one, words)
    told = {filter_words(one, words) for one in ("state:failed", "finding:none", "tag:x", "archived:shown")}
    assert told == (
        {"state: failed", "finding: none", "tag: x", "archived too"}
        if lang == "en"
        else {"状态：失败", "问题：无", "标签：x", "包括已归档"}
    )


def test_the_demo_can_be_started_only_while_there_is_something_to_train(clinic: Clinic) -> None:
    assert demo_button(clinic) == ("runs.start_demo", True)
    (clinic.root / ".demo").mkdir()
    (clinic.root / ".demo" / "plan.json").write_text('{"stages": [{"name": "before"}]}')
    assert demo_button(clinic) == ("runs.resume_demo", True)
