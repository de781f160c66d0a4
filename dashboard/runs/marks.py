"""The user's own marks on runs: tags, a note, archived. Kept in one file beside the runs; no run folder is touched."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dashboard.alone import alone
from diagnostics.run.files import read_json, whole, write_json
from diagnostics.run.refusal import Refusal

FOLDER = ".clinic"
FILE = "marks.json"
# What still reads well in a table; a longer text belongs into a file of its own.
LONGEST_TAG = 40  # characters
MOST_TAGS = 20
LONGEST_NOTE = 2000  # characters


class MarksUnreadable(Refusal):
    """The file of marks holds something else. The message is one sentence; the file is left as it is."""


@dataclass(frozen=True)
class Mark:
    """What the user said of one run."""

    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False


NOTHING = Mark()


class Marks:
    """The marks of one folder of runs. Read again whenever the file changed, also by another dashboard."""

    def __init__(self, root: Path) -> None:
        self.path = root / FOLDER / FILE
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], dict[str, Mark]] | None = None

    def stamp(self) -> tuple[int, int]:
        """Size and time of the file, which change with every change of a mark; zeros if there is none."""
        try:
            stat = self.path.stat()
        except OSError:
            return (0, 0)
        return (stat.st_size, stat.st_mtime_ns)

    def all(self) -> Mapping[str, Mark]:
        """The marks by the name of the run; a run without has none.

        Raises:
            MarksUnreadable: the file is there and is no file of marks.
        """
        stamp = self.stamp()
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, read_marks(self.path) if stamp != (0, 0) else {})
        return self._read[1]

    def change(self, names: Iterable[str], **changes: Any) -> None:
        """Set fields of `Mark` for some runs; the other runs' marks, and their other fields, stay.

        Raises:
            MarksUnreadable: the file is there and is no file of marks; it is left as it is.
            OSError: the file cannot be written.
        """
        self.update({name: lambda mark: replace(mark, **changes) for name in names})

    def retag(self, names: Iterable[str], before: Iterable[str], after: Iterable[str]) -> None:
        """Change the tags of some runs from what they were shown to share; each keeps those of its own.

        A tag that was shown and taken away since does not come back.

        Raises:
            MarksUnreadable: the file is there and is no file of marks; it is left as it is.
            OSError: the file cannot be written.
        """
        known, now = tuple(before), tuple(after)
        gone, new = set(known) - set(now), [tag for tag in now if tag not in known]

        def tagged(mark: Mark) -> Mark:
            return replace(mark, tags=tidy([*(tag for tag in mark.tags if tag not in gone), *new]))

        self.update(dict.fromkeys(names, tagged))

    def update(self, changes: Mapping[str, Any]) -> None:
        """Put each named run's mark through its function, and write the file under a temporary name, then rename it.

        Raises:
            MarksUnreadable: the file is there and is no file of marks; it is left as it is.
            OSError: the file cannot be written.
        """
        with self._lock, alone(self.path):
            marks = dict(read_marks(self.path)) if self.path.exists() else {}
            for name, changed in changes.items():
                marks[name] = changed(marks.get(name, NOTHING))
            kept = {name: as_json(mark) for name, mark in sorted(marks.items()) if mark != NOTHING}
            write_json(self.path, {"schema": 1, "runs": kept})
            self._read = None


def read_marks(path: Path) -> dict[str, Mark]:
    """The marks in a file.

    Raises:
        MarksUnreadable: it is no file of marks.
    """
    try:
        runs = read_json(path)["runs"]
        return {str(name): mark_of(one) for name, one in runs.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MarksUnreadable(
            f"{path} cannot be read as the marks of runs ({error}); mend or remove it. Until then no mark is changed.",
            f"{path} 无法作为训练的标记读取（{error}）；请修复或删除它。在此之前不会更改任何标记。",
        ) from error


def mark_of(value: Mapping[str, Any]) -> Mark:
    """One run's mark from the file."""
    tags = value.get("tags", [])
    if not isinstance(tags, list):
        raise TypeError("tags are a list")
    return Mark(
        tidy(str(tag) for tag in tags), str(value.get("note", ""))[:LONGEST_NOTE], value.get("archived") is True
    )


def as_json(mark: Mark) -> dict[str, Any]:
    """One run's mark for the file."""
    return {"tags": list(mark.tags), "note": mark.note, "archived": mark.archived}


def tidy(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags without blanks, doubles and what is too long or too many."""
    short = (" ".join(whole(tag).split())[:LONGEST_TAG].strip() for tag in tags)
    return tuple(dict.fromkeys(tag for tag in short if tag))[:MOST_TAGS]


def tags_of(written: str) -> tuple[str, ...]:
    """Tags as a user writes them: between commas, Chinese or not, or semicolons."""
    return tidy(written.translate(str.maketrans("，、;；\n", ",,,,,")).split(","))


def shared_tags(marks: Iterable[Mark]) -> tuple[str, ...]:
    """The tags that all of them have."""
    listed = list(marks)
    return tuple(tag for tag in (listed[0].tags if listed else ()) if all(tag in one.tags for one in listed))
