"""The form in which the user marks the chosen runs: what it shows, and what saving it does."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.runs.marks import LONGEST_NOTE, NOTHING, MarksUnreadable, shared_tags, tags_of
from dashboard.runs.selection import Look
from dashboard.texts import Words
from diagnostics.run.refusal import said


@dataclass(frozen=True)
class MarksForm:
    """What the form for marks shows: the runs it is for, the tags and the note that they share."""

    names: tuple[str, ...]
    told: str
    tags: str
    note: str
    note_hint: str
    archived: bool


def marks_form(clinic: Clinic, look: Look, words: Words) -> MarksForm:
    """The form for the chosen runs. Runs that are drawn because they are the newest were not chosen."""
    marks, broken = clinic.marks_now()
    there = {run.name for run in clinic.runs()[0]}
    names = tuple(name for name in look.runs or () if name in there)
    own = [marks.get(name, NOTHING) for name in names]
    notes = {one.note for one in own}
    return MarksForm(
        names,
        said(broken, words.lang)
        if broken
        else (words("runs.marks_of", names=", ".join(names)) if names else words("runs.marks_none")),
        ", ".join(shared_tags(own)),
        notes.pop() if len(notes) == 1 else "",
        words("runs.note_several") if len(notes) > 1 else "",
        bool(own) and all(one.archived for one in own),
    )


def save(clinic: Clinic, look: Look, tags: str, written: str, words: Words) -> str:
    """Keep the tags and the note of the form for the chosen runs; what is to be said then.

    The tags of the form are those the runs share: their other tags stay. A note left empty where the runs have
    different ones leaves them.
    """
    form = marks_form(clinic, look, words)
    if not form.names:
        return note(words("runs.marks_none"))
    try:
        clinic.marks.retag(form.names, tags_of(form.tags), tags_of(tags))
        if written.strip() != form.note:
            clinic.marks.change(form.names, note=written.strip()[:LONGEST_NOTE])
    except (OSError, MarksUnreadable) as error:
        return note(words("runs.unsaved", reason=said(error, words.lang)), "error")
    return note(words("runs.saved", path=clinic.marks.path), "good")


def archive(clinic: Clinic, look: Look, words: Words) -> str:
    """Archive the chosen runs, or take them out again where all of them are archived; what is to be said then."""
    form = marks_form(clinic, look, words)
    if not form.names:
        return note(words("runs.marks_none"))
    try:
        clinic.marks.change(form.names, archived=not form.archived)
    except (OSError, MarksUnreadable) as error:
        return note(words("runs.unsaved", reason=said(error, words.lang)), "error")
    return note(words("runs.saved", path=clinic.marks.path), "good")
