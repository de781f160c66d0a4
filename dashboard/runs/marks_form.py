"""The form in which the user marks the chosen runs: what it shows, and what saving it does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.runs.marks import LONGEST_NOTE, NOTHING, MarksUnreadable, shared_tags, tags_of
from dashboard.runs.selection import Look
from dashboard.texts import Words
from diagnostics.run.files import whole
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

    def kept(self) -> str:
        """What the form shows, as a text that a page can keep until it is saved."""
        return json.dumps([self.tags, self.note, self.archived])

    def as_shown(self, kept: object) -> MarksForm:
        """The form with what a page has kept of it; as it is where that is nothing: it came back from a browser."""
        try:
            found = json.loads(kept) if isinstance(kept, str) else None
        except ValueError:
            return self
        if not isinstance(found, list) or [type(one) for one in found] != [str, str, bool]:
            return self
        tags, note, archived = found
        return replace(self, tags=tags, note=note, archived=archived)


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


def save(clinic: Clinic, look: Look, tags: str, written: str, words: Words, shown: object = "") -> str:
    """Keep the tags and the note of the form for the chosen runs; what is to be said then.

    `shown`: what the form showed before the user wrote in it, see `MarksForm.kept`. Only what differs from that is the
    user's: what another tab has kept since stays. The tags of the form are those the runs share: their other tags
    stay. A note left empty where the runs have different ones leaves them.
    """
    form = marks_form(clinic, look, words).as_shown(shown)
    if not form.names:
        return note(words("runs.marks_none"))
    try:
        if tags_of(tags) != tags_of(form.tags):
            clinic.marks.retag(form.names, tags_of(form.tags), tags_of(tags))
        if written.strip() != form.note:
            clinic.marks.change(form.names, note=whole(written).strip()[:LONGEST_NOTE])
    except (OSError, MarksUnreadable) as error:
        return note(words("runs.unsaved", reason=said(error, words.lang)), "error")
    return note(words("runs.saved", path=clinic.marks.path), "good")


def archive(clinic: Clinic, look: Look, words: Words, shown: object = "") -> str:
    """Archive the chosen runs, or take them out again where the form, as it was `shown`, says that they are archived."""
    form = marks_form(clinic, look, words).as_shown(shown)
    if not form.names:
        return note(words("runs.marks_none"))
    try:
        clinic.marks.change(form.names, archived=not form.archived)
    except (OSError, MarksUnreadable) as error:
        return note(words("runs.unsaved", reason=said(error, words.lang)), "error")
    return note(words("runs.saved", path=clinic.marks.path), "good")
