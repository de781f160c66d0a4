"""What is taken out of a text before it leaves this machine: its folders, and what looks like a key."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

HIDDEN = "[…]"
# Keys as their issuers write them, and any value that is assigned to a name which says that it is one.
KEYS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,})"
)
NAMES = (
    r"(?:api[_-]?key|[a-z_]*access[_-]?key|auth[_-]?token|hub[_-]?token|hf[_-]?token|secret|passw(?:or)?d|credential)s?"
)
ASSIGNED = re.compile(
    rf"(?i)(\b\w*{NAMES}\b(?:&quot;|&#x27;|[\"'])?\s*[:=]\s*(?:&quot;|&#x27;|[\"'])?)([^\s\"'&<>,;]{{4,}})"
)
SECRET_NAME = re.compile(rf"(?i)(^|[._-])({NAMES}|token)$")
SHORTEST_FOLDER = 4  # "/" and "/x" would take half of a text with them


def hider(folders: Iterable[Path] = ()) -> Callable[[str], str]:
    """A function that takes these folders, the home, the working folder, and keys out of a text or of finished HTML.

    What a folder holds keeps its name: `/home/ann/runs/sft/checkpoint-4` reads `[…]/sft/checkpoint-4`.
    """
    there = {
        *(str(one) for one in folders),
        *(str(one.resolve()) for one in folders),
        str(Path.home()),
        str(Path.cwd()),
    }
    long = {one.rstrip("/\\") for one in there if len(one.rstrip("/\\")) >= SHORTEST_FOLDER}
    # As it stands, as HTML, and as JSON writes a backslash; the longest first, or a part of it would be left.
    forms = {form for one in long for form in (one, escape(one), one.replace("\\", "\\\\"))}
    ordered = sorted(forms, key=len, reverse=True)
    pattern = re.compile(
        f"(?:{'|'.join(re.escape(one) for one in ordered)})(?![\\w-])", re.IGNORECASE if os.name == "nt" else 0
    )

    def hide(text: str) -> str:
        text = pattern.sub(HIDDEN, text) if ordered else text
        return ASSIGNED.sub(rf"\1{HIDDEN}", KEYS.sub(HIDDEN, text))

    return hide


def is_secret(name: str) -> bool:
    """Whether an argument of this name holds a key, whatever its value looks like."""
    return SECRET_NAME.search(name) is not None
