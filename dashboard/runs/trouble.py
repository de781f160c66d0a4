"""What a page says where there are no runs: none yet, or the folder itself cannot be looked into."""

from __future__ import annotations

from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.texts import Words


def trouble_html(clinic: Clinic, words: Words) -> str:
    """Why the folder of runs cannot be listed, and what to do; nothing if it can."""
    trouble = clinic.store.trouble()
    if trouble is None:
        return ""
    if isinstance(trouble, FileNotFoundError):
        return note(words("runs.vanished", root=clinic.root), "error")
    if isinstance(trouble, NotADirectoryError):
        return note(words("runs.no_folder", root=clinic.root), "error")
    return note(words("runs.closed", root=clinic.root, reason=trouble.strerror or trouble), "error")


def no_runs_html(clinic: Clinic, words: Words) -> str:
    """What stands in the place of the table where there is no run."""
    return trouble_html(clinic, words) or note(words("runs.empty", root=clinic.root))
