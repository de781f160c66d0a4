"""The Settings page: what is kept and what holds when it is damaged, limits in force at once, sizes, language and theme."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from dashboard.addresses import PAGES, Addresses
from dashboard.clinic import Clinic
from dashboard.early import Early
from dashboard.runs.now import plots_now, seen_now, told_html
from dashboard.runs.selection import Look
from dashboard.runs.table import runs_table
from dashboard.settings import limits
from dashboard.settings.browser import choices_html, script
from dashboard.settings.folders import Sizes, places, size_of, size_words, writable
from dashboard.settings.kept import RANGES, Settings, SettingsDamaged
from dashboard.settings.limits import LimitRefused, at_once, checked, empty_cache, save, told
from dashboard.settings.view import folders_html
from dashboard.texts import LANGS, Words
from dashboard.train.job import Refused
from diagnostics.compare.models.memory import GIB, VARIABLE
from tests.dashboard.test_views import EVIL, make_run

EN, ZH = Words("en"), Words("zh")
ALL: dict[str, Any] = {"at_once": 1, "model_memory_gib": 2.5, "max_new_tokens": 64, "rows": 20, "plots": 3}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path)


def test_without_a_file_the_defaults_hold(settings: Settings) -> None:
    now = settings.now()
    assert now.memory_gib is None
    assert [now.whole(name) for name in ("max_new_tokens", "rows", "plots")] == [128, 25, 12]
    assert (now.damage, now.odd) == ("", ())


def test_what_is_kept_holds_for_every_dashboard_of_the_folder(settings: Settings, tmp_path: Path) -> None:
    other = Settings(tmp_path)
    assert other.now().whole("rows") == 25
    settings.change({"rows": 50, "model_memory_gib": 1.5})
    assert other.now().whole("rows") == 50
    assert other.now().memory_gib == 1.5
    settings.change({"rows": None})
    assert other.now().whole("rows") == 25
    assert other.now().memory_gib == 1.5
    assert json.loads(settings.path.read_text()) == {"model_memory_gib": 1.5}
    left = {path.name for path in settings.path.parent.iterdir()}
    assert left == {"settings.json", ".settings.json.lock"}  # nothing half-written


def test_keys_that_are_not_known_stay(settings: Settings) -> None:
    settings.path.parent.mkdir()
    settings.path.write_text(json.dumps({"of_a_later_version": {"a": [1]}, "rows": 30}))
    settings.change({"rows": 40})
    assert json.loads(settings.path.read_text()) == {"of_a_later_version": {"a": [1]}, "rows": 40}


@pytest.mark.parametrize("content", ["{", "[]", "3", "\x00", '{"rows": 20'])
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    clinic = Clinic(tmp_path)
    clinic.settings.path.parent.mkdir()
    clinic.settings.path.write_text(content)
    assert clinic.settings.now().whole("rows") == 25
    for words in (EN, ZH):
        assert str(clinic.settings.path) in told(clinic, words)
    with pytest.raises(SettingsDamaged):
        clinic.settings.change({"rows": 20})
    said, _ = save(clinic, ALL, None, EN)
    assert "Mend or remove it first" in said
    assert clinic.settings.path.read_text() == content


def test_what_is_out_of_range_in_the_file_is_named_and_its_default_holds(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path)
    clinic.settings.path.parent.mkdir()
    clinic.settings.path.write_text('{"rows": 1, "plots": 5, "max_new_tokens": "many", "model_memory_gib": NaN}')
    now = clinic.settings.now()
    assert now.odd == ("model_memory_gib", "max_new_tokens", "rows")
    assert [now.whole(name) for name in ("max_new_tokens", "rows", "plots")] == [128, 25, 5]
    assert now.memory_gib is None
    assert "rows" in told(clinic, EN)


@pytest.mark.parametrize(
    "value", [None, True, -1, 0, 0.5, 5, 20.0, 1e300, float("inf"), float("nan"), "20", "", [], {}]
)
def test_whatever_stands_in_the_file_the_settings_are_within_their_ranges(settings: Settings, value: Any) -> None:
    settings.path.parent.mkdir()
    settings.path.write_text(json.dumps(dict.fromkeys([*RANGES, "other"], value)))
    now = settings.now()
    for name, found in now.values.items():
        assert (found == RANGES[name].default) if name in now.odd else RANGES[name].holds(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at_once", 0), ("at_once", 65), ("at_once", 1.5), ("model_memory_gib", 0.1), ("model_memory_gib", float("nan")),
        ("max_new_tokens", 0), ("max_new_tokens", 1025), ("rows", 9), ("rows", "20"), ("rows", True), ("plots", 13),
        ("plots", [1]), ("plots", {"a": EVIL}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("words", [EN, ZH], ids=LANGS)
def test_a_limit_out_of_range_is_refused_in_a_sentence_and_nothing_is_saved(
    tmp_path: Path, name: str, value: Any, words: Words
) -> None:
    clinic = Clinic(tmp_path)
    said, _ = save(clinic, {**ALL, name: value}, 1, words)
    assert "note-error" in said
    assert words(f"settings.{name}") in said
    assert "<img" not in said
    assert not clinic.settings.path.exists()


def test_the_memory_of_the_models_changes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    clinic, other = Clinic(tmp_path), Clinic(tmp_path)
    free = clinic.pool.memory
    said, _ = save(clinic, ALL, None, EN)
    assert "note-good" in said
    assert clinic.pool.memory == int(2.5 * GIB)
    other.signature()
    assert other.pool.memory == int(2.5 * GIB)
    assert Clinic(tmp_path).pool.memory == int(2.5 * GIB)
    save(clinic, {**ALL, "model_memory_gib": None}, None, EN)
    assert clinic.pool.memory == free


def test_what_the_environment_sets_for_this_start_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Settings(tmp_path).change({"model_memory_gib": 7})
    monkeypatch.setenv(VARIABLE, "3")
    clinic = Clinic(tmp_path)
    assert clinic.pool.memory == 3 * GIB
    with pytest.raises(LimitRefused, match=f"set by {VARIABLE}"):
        checked({"model_memory_gib": 4}, EN)
    assert checked({"model_memory_gib": None}, EN) == {"model_memory_gib": None}
    save(clinic, {**ALL, "model_memory_gib": None}, None, EN)
    assert clinic.settings.now().memory_gib == 7  # the field was closed, so it says nothing of what is kept


def test_trainings_at_once_are_set_by_the_command_that_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRL_CLINIC_QUEUE", str(tmp_path / "queue"))
    (tmp_path / "runs").mkdir()
    clinic = Clinic(tmp_path / "runs")
    assert at_once() == 1
    said, now = save(clinic, {**ALL, "at_once": 3}, 1, EN)
    assert "note-good" in said
    assert now == 3
    assert at_once() == 3
    called: list[Any] = []
    monkeypatch.setattr(limits, "carried_out", lambda *command: called.append(command))
    save(clinic, {**ALL, "at_once": 3}, 3, EN)
    save(clinic, {**ALL, "at_once": 5}, None, EN)  # before the command has said how many, nothing is changed by it
    assert called == []


def test_a_queue_that_cannot_be_set_is_told_and_nothing_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*command: str) -> str:
        raise Refused(f"{EVIL}: the queue's folder cannot be made.")

    monkeypatch.setattr(limits, "carried_out", refused)
    clinic = Clinic(tmp_path)
    said, now = save(clinic, {**ALL, "at_once": 2}, 1, EN)
    assert "cannot be made" in said
    assert "<img" not in said
    assert now == 1
    assert not clinic.settings.path.exists()


def test_rows_and_plots_of_the_runs_page_follow_and_open_pages_are_told(tmp_path: Path) -> None:
    for place in range(14):
        make_run(tmp_path, f"run-{place}", [0.1])
        log = [{"step": step, **{f"tag{n}": float(step) for n in range(6)}} for step in range(1, 5)]
        (tmp_path / f"run-{place}" / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    clinic = Clinic(tmp_path)
    look = Look(("run-1",), metric="tag")
    assert runs_table(clinic, EN, Addresses("en")).count("<tr") == 15
    assert len(plots_now(clinic, seen_now(clinic, look), look, EN)) == 6
    before = clinic.signature()
    clinic.settings.change({"rows": 10, "plots": 2})
    time.sleep(0.5)
    assert clinic.signature() != before
    table = runs_table(clinic, EN, Addresses("en"))
    assert table.count("<tr") == 11
    assert "1 to 10 of 14" in table
    assert len(plots_now(clinic, seen_now(clinic, look), look, EN)) == 2
    assert ">Draw 4 more</button>" in told_html(seen_now(clinic, look), look, EN, 2)


# Folders


def test_sizes_count_each_file_once_and_follow_no_link(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 5000)
    (inside / "deep" / "a").write_bytes(b"x" * 100)
    os.link(inside / "deep" / "a", inside / "same")
    (inside / "b").write_bytes(b"x" * 23)
    (inside / "away").symlink_to(outside)
    (inside / "round").symlink_to(inside)
    links = sum((inside / name).lstat().st_size for name in ("away", "round"))
    assert size_of(inside) == 123 + links
    assert size_of(inside / "b") == 23
    assert size_of(tmp_path / "gone") == 0


def test_sizes_are_counted_in_the_background_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 10)
    sizes = Sizes()
    assert sizes.of([file]) == {file: None}
    deadline = time.monotonic() + 10
    while sizes.of([file])[file] is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sizes.of([file]) == {file: 10}
    file.write_bytes(b"x" * 20)
    time.sleep(0.05)
    assert sizes.of([file]) == {file: 10}  # fresh enough
    sizes.forget(file)
    deadline = time.monotonic() + 10
    while sizes.of([file])[file] != 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sizes.of([file]) == {file: 20}


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_950, "100 kB"), (999_600, "1.0 MB"), (9_600_000, "9.6 MB"),
     (72_800_000_000, "72.8 GB"), (5_000_000_000_000_000, "5000 TB")],
)  # fmt: skip
def test_sizes_in_words(size: int, told: str) -> None:
    assert size_words(size) == told


def test_the_folders_are_named_and_one_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    root = tmp_path / f"runs {EVIL.replace('/', '')}"
    root.mkdir()
    clinic = Clinic(root)
    clinic.settings.change({"rows": 20})
    for words in (EN, ZH):
        shown = folders_html(clinic, {root: 1500}, words)
        assert "1.5 kB" in shown
        assert words("settings.counting") in shown  # the file of settings is there, and not counted yet
        assert words("settings.nothing_yet") in shown
        assert "<img" not in shown
    assert {one.key for one in places(clinic)} >= {"runs", "marks", "votes", "course", "cache", "workers"}
    assert writable(root) is None
    assert writable(tmp_path / "gone") == "No such file or directory"
    assert not list(root.glob("tmp*"))
    clinic.root = tmp_path / "gone"
    assert "cannot be written (No such file or directory)" in folders_html(clinic, {}, EN)


def test_emptying_the_cache_takes_kept_answers_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clinic = Clinic(tmp_path / "runs")
    folder = clinic.cache.folder
    assert "answers of 0 checkpoints" in empty_cache(clinic, EN)
    folder.mkdir(parents=True)
    (folder / f"{'a1' * 32}.jsonl").write_bytes(b"x" * 2000)
    (folder / "my-own.jsonl").write_text("mine")
    (folder / "hashes.json").write_text("{}")
    said = empty_cache(clinic, EN)
    assert "answers of 1 checkpoints are gone, 2.0 kB" in said
    assert sorted(path.name for path in folder.iterdir()) == ["hashes.json", "my-own.jsonl"]


# Language and theme


@pytest.mark.parametrize(("first", "other"), [("en", "zh"), ("zh", "en")])
def test_the_script_knows_the_same_page_in_the_other_language(first: Any, other: Any) -> None:
    addresses = Addresses(first)
    text = script(first, addresses)
    others = json.loads(text.partition("others = ")[2].partition(";")[0])
    assert others == {addresses.path(page, first): addresses.path(page, other) for page in PAGES}
    assert others["compare"] == f"{other}-compare"
    assert "clinic-lang" not in script(first)
    assert f'spoken = ["{first}", "{other}"]' in script(first)
    assert text.count("<script>") == text.count("</script>") == 1


def test_the_choices_name_each_language_in_itself() -> None:
    shown = choices_html(ZH, Addresses("en"))
    assert '<label lang="en">' in shown
    assert "English" in shown
    assert "中文" in shown
    assert shown.count('type="radio"') == 6


def answered(kind: bytes, parts: list[bytes], extra: tuple[tuple[bytes, bytes], ...] = (), status: int = 200) -> Any:
    """What a browser gets through the middleware of an app that answers so."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        length = (b"content-length", str(sum(map(len, parts))).encode())
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), length, *extra]}
        )
        for place, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": place < len(parts) - 1})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Early(app, "<script>1</script>")({"type": "http", "method": "GET"}, receive, send))
    return dict(sent[0]["headers"]), b"".join(one.get("body", b"") for one in sent[1:]), len(sent)


def test_a_page_gets_the_script_first_in_its_head() -> None:
    headers, body, _ = answered(b"text/html; charset=utf-8", [b"<html><he", b"ad><title>a</title><head>"])
    assert body == b"<html><head><script>1</script><title>a</title><head>"
    assert headers[b"content-length"] == str(len(body)).encode()


@pytest.mark.parametrize(
    ("kind", "extra", "status"),
    [(b"application/json", (), 200), (b"text/html", ((b"content-encoding", b"br"),), 200), (b"text/html", (), 404)],
)
def test_anything_else_is_handed_on_as_it_comes(kind: bytes, extra: Any, status: int) -> None:
    headers, body, count = answered(kind, [b"<head>", b"x"], extra, status)
    assert body == b"<head>x"
    assert headers[b"content-length"] == b"7"
    assert count == 3
