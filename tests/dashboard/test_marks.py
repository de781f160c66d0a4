"""The user's marks: kept beside the runs, never in them; nothing written is lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from dashboard.clinic import Clinic
from dashboard.runs.marks import LONGEST_TAG, MOST_TAGS, Mark, Marks, MarksUnreadable, shared_tags, tags_of
from dashboard.runs.marks_form import archive, marks_form, save
from dashboard.runs.selection import Look
from dashboard.texts import Words
from tests.dashboard.test_views import EVIL, make_run

EN = Words("en")


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
    assert [path.name for path in (tmp_path / ".clinic").iterdir()] == ["marks.json"]
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
