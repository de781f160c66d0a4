"""The user's marks: kept beside the runs, never in them; nothing written is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard import alone as alone_module
from dashboard.alone import alone
from dashboard.clinic import Clinic
from dashboard.runs.marks import LONGEST_TAG, MOST_TAGS, Mark, Marks, MarksUnreadable, shared_tags, tags_of
from dashboard.runs.marks_form import archive, marks_form, save
from dashboard.runs.selection import Look, look_of
from dashboard.texts import Words
from diagnostics.compare.voting.votes import read_votes
from tests.dashboard.test_views import EVIL, make_run

EN = Words("en")
ROOT = Path(__file__).parents[2]


def at_once(code: str, root: Path) -> None:
    """Run a program in two processes that begin together. It is told the folder and a letter."""
    start = "import sys, time; from pathlib import Path; root, mine, at = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])\n"
    lines = start + code
    at = str(time.time() + 2.0)
    both = [subprocess.Popen([sys.executable, "-c", lines, str(root), one, at], cwd=ROOT) for one in "ab"]
    assert [one.wait(60) for one in both] == [0, 0]


BOTH_MARK = """
from dashboard.runs.marks import Marks
marks = Marks(root)
time.sleep(max(0, at - time.time()))
for n in range(60): marks.change([f"{mine}{n}"], archived=True)
"""
BOTH_LEARN = """
from dashboard.learn.course import EXERCISES
from dashboard.learn.progress import tick
time.sleep(max(0, at - time.time()))
for one in EXERCISES[mine == "b" :: 2]: tick(root, one.key)
"""
BOTH_VOTE = """
from diagnostics.compare.voting.votes import Vote, add_vote
time.sleep(max(0, at - time.time()))
for n in range(60):
    add_vote(root / "votes.jsonl", Vote(({"role": "user", "content": f"{mine}{n}"},), {"x": "1" * 3000, "y": "2"}, ("x", "y"), "x", "person", 1.0))
"""


def test_marks_survive_a_restart_and_leave_the_runs_alone(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [0.1])
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    Marks(tmp_path).change(["a", "b"], tags=("best",), note="looks right")
    Marks(tmp_path).change(["b"], archived=True)
    assert Marks(tmp_path).all() == {
        "a": Mark(("best",), "looks right"),
        "b": Mark(("best",), "looks right", archived=True),
    }
    assert {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in (tmp_path / ".clinic").iterdir()) == [".marks.json.lock", "marks.json"]
    assert Clinic(tmp_path).store.names() == ["a"]


def test_a_second_dashboard_sees_a_change_and_loses_none(tmp_path: Path) -> None:
    one, two = Marks(tmp_path), Marks(tmp_path)
    assert one.all() == two.all() == {}
    one.change(["a"], note="mine")
    two.change(["b"], note="yours")
    assert one.all() == two.all() == {"a": Mark(note="mine"), "b": Mark(note="yours")}
    one.change(["a", "b"], note="")
    assert json.loads(one.path.read_text())["runs"] == {}


def test_threads_do_not_overwrite_each_other(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    threads = [
        threading.Thread(target=marks.change, args=([f"r{place}"],), kwargs={"note": "x"}) for place in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(marks.all()) == 24


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"runs": [1]}', '{"runs": {"a": {"tags": "x"}}}', '{"runs": {"a": 1}}']
)
def test_a_file_that_is_none_of_ours_is_never_overwritten(tmp_path: Path, content: str) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    clinic.marks.path.parent.mkdir()
    clinic.marks.path.write_text(content)
    with pytest.raises(MarksUnreadable, match=r"marks\.json cannot be read"):
        clinic.marks.all()
    assert "mend or remove it" in save(clinic, Look(("a",)), "tag", "", EN)
    assert "mend or remove it" in archive(clinic, Look(("a",)), EN)
    assert clinic.marks.path.read_text() == content
    assert clinic.marks_now()[0] == {}


def test_tags_are_tidied() -> None:
    assert tags_of(" best ,, best， keep   this ；x") == ("best", "keep this", "x")
    assert tags_of("y" * 99) == ("y" * LONGEST_TAG,)
    assert len(tags_of(",".join(map(str, range(99))))) == MOST_TAGS
    assert shared_tags([Mark(("a", "b")), Mark(("b", "c"))]) == ("b",)
    assert shared_tags([]) == ()


def test_saving_for_several_runs_keeps_what_each_has_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        make_run(tmp_path, name, [0.1])
    clinic = Clinic(tmp_path)
    clinic.marks.change(["a"], tags=("own", "both"), note="of a")
    clinic.marks.change(["b"], tags=("both",), note="of b")
    look = Look(("a", "b"))
    form = marks_form(clinic, look, EN)
    assert (form.names, form.tags, form.note) == (("a", "b"), "both", "")
    assert "different notes" in form.note_hint
    assert "untouched" in save(clinic, look, "new", "", EN)
    assert clinic.marks.all() == {"a": Mark(("own", "new"), "of a"), "b": Mark(("new",), "of b")}
    save(clinic, look, "new", "the same", EN)
    assert {one.note for one in clinic.marks.all().values()} == {"the same"}
    archive(clinic, look, EN)
    assert marks_form(clinic, look, EN).archived
    archive(clinic, look, EN)
    assert not any(one.archived for one in clinic.marks.all().values())


def test_runs_that_nobody_chose_are_not_marked(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    for look in (Look(), Look(()), Look(("gone",))):
        assert not marks_form(clinic, look, EN).names
        assert "Choose runs" in save(clinic, look, "x", "y", EN)
        assert "Choose runs" in archive(clinic, look, EN)
    assert not clinic.marks.path.exists()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    (tmp_path / ".clinic").write_text("a file where the folder belongs")
    assert "Not kept" in save(clinic, Look(("a",)), EVIL, "", EN)


def test_what_two_dashboards_keep_at_the_same_time_is_kept(tmp_path: Path) -> None:
    at_once(BOTH_MARK, tmp_path)
    assert len(Marks(tmp_path).all()) == 120


def test_exercises_ticked_in_two_dashboards_at_the_same_time_are_kept(tmp_path: Path) -> None:
    from dashboard.learn.course import EXERCISES
    from dashboard.learn.progress import read

    at_once(BOTH_LEARN, tmp_path)
    assert read(tmp_path).count == len(EXERCISES)


def test_votes_of_two_processes_are_kept(tmp_path: Path) -> None:
    at_once(BOTH_VOTE, tmp_path)
    found = read_votes(tmp_path / "votes.jsonl")
    assert (len({one.prompt[0]["content"] for one in found.votes}), found.unreadable) == (120, 0)


def test_a_dashboard_that_hangs_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    monkeypatch.setattr(alone_module, "WAIT_SECONDS", 0.05)
    with alone(clinic.marks.path):
        assert "held by another process" in save(clinic, Look(("a",)), "x", "", EN)
    assert "untouched" in save(clinic, Look(("a",)), "x", "", EN)


def test_a_tab_that_was_opened_before_erases_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    look = look_of([("run", "a")])
    old = marks_form(clinic, look, EN)
    save(clinic, look, "good", "best seed", EN, old.kept())
    second = marks_form(clinic, look, EN)
    archive(clinic, look, EN, old.kept())
    save(clinic, look, "mine", old.note, EN, old.kept())
    assert clinic.marks.all()["a"] == Mark(("good", "mine"), "best seed", archived=True)
    archive(clinic, look, EN, old.kept())  # its button says "Archive"
    assert clinic.marks.all()["a"].archived
    now = marks_form(clinic, look, EN)
    save(clinic, look, "mine", "", EN, now.kept())
    save(clinic, look, "good, third", second.note, EN, second.kept())  # "good" was taken away meanwhile
    save(clinic, look, "", "", EN, replace(now, tags="third").kept())
    archive(clinic, look, EN, now.kept())
    assert clinic.marks.all()["a"] == Mark(("mine",))


@pytest.mark.parametrize("junk", ["", None, "{", "[]", "[1, 2, 3]", '["a", "b"]', "3", {}, '{"a": 1, "b": 2, "c": 3}'])
def test_what_a_form_showed_may_come_back_as_anything(tmp_path: Path, junk: object) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    clinic.marks.change(["a"], tags=("old",), note="said")
    save(clinic, Look(("a",)), "new", "said", EN, junk)
    assert clinic.marks.all()["a"] == Mark(("new",), "said")


def test_half_a_sign_in_a_note_or_tag_is_kept_as_what_it_is(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [0.1])
    clinic = Clinic(tmp_path)
    assert "untouched" in save(clinic, Look(("a",)), "cut \ud83d", "note \ud83d", EN)
    assert clinic.marks.all()["a"] == Mark(("cut \ufffd",), "note \ufffd")


def test_marks_changed_to_the_same_length_are_seen(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.change(["a"], note="one")
    stat = marks.path.stat()
    os.utime(marks.path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**9))
    first = marks.stamp()
    assert marks.all()["a"].note == "one"
    other = marks.path.read_text().replace("one", "two")
    marks.path.write_text(other)
    assert marks.stamp() != first
    assert marks.all()["a"].note == "two"
