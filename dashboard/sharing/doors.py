"""Which requests a visitor who is logged in may make: a short list, everything else is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["view", "try"]
# What the page's own files and settings are read from. No path here leads to a file that is not Gradio's own.
STATIC = re.compile(r"/(?:assets|static)/[\w@.+-]+(?:/[\w@.+-]+)*", re.ASCII)
READ = frozenset(
    {"/theme.css", "/gradio_api/theme.css", "/favicon.ico", "/gradio_api/startup-events", "/gradio_api/app_id"}
)
HEARTBEAT = re.compile(r"/gradio_api/heartbeat/([\w-]{1,64})", re.ASCII)
JOIN, CANCEL, RESET, DATA = (f"/gradio_api/{one}" for one in ("queue/join", "cancel", "reset", "queue/data"))
SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
EVENT = re.compile(r"[\w-]{1,64}", re.ASCII)
# The fields of an event that Gradio's own page sends; all others are dropped before Gradio reads them.
JOIN_FIELDS = frozenset({"data", "event_data", "fn_index", "trigger_id", "session_hash"})
CANCEL_FIELDS = frozenset({"session_hash", "fn_index", "event_id"})


@dataclass(frozen=True)
class Doors:
    """What is open. `pages`: the paths of the pages; `events`: the numbers of the events that a visitor may send."""

    pages: Collection[str]
    events: Collection[int] = ()

    def reads(self, method: str, path: str) -> bool:
        """Whether this is a page, or a file that a page is made of."""
        if method not in ("GET", "HEAD"):
            return False
        return path in self.pages or path in READ or (STATIC.fullmatch(path) is not None and ".." not in path)

    def session_read(self, method: str, path: str, query: Mapping[str, str]) -> str | None:
        """The session that a request listens to, None if it listens to none that may be."""
        if method != "GET" or not self.events:
            return None
        if (found := HEARTBEAT.fullmatch(path)) is not None:
            return found[1]
        session = query.get("session_hash", "") if path == DATA else ""
        return session if SESSION.fullmatch(session) else None

    def sends(self, method: str, path: str) -> bool:
        """Whether this request carries an event, so that its body is to be looked at."""
        return bool(self.events) and method == "POST" and path in (JOIN, CANCEL)

    def event(self, path: str, body: bytes) -> dict[str, Any] | None:
        """The event in a body, with nothing in it but what Gradio's own page sends; None if it may not be sent."""
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(raw, dict):
            return None
        kept = {name: raw[name] for name in (JOIN_FIELDS if path == JOIN else CANCEL_FIELDS) if name in raw}
        session, number = kept.get("session_hash"), kept.get("fn_index")
        if not isinstance(session, str) or not SESSION.fullmatch(session):
            return None
        if not isinstance(number, int) or isinstance(number, bool) or number not in self.events:
            return None
        if path == CANCEL:
            event = kept.get("event_id")
            return kept if isinstance(event, str) and EVENT.fullmatch(event) else None
        if not isinstance(kept.get("data"), list) or not isinstance(kept.get("event_data"), dict | None):
            return None
        trigger = kept.get("trigger_id")
        return kept if trigger is None or (isinstance(trigger, int) and not isinstance(trigger, bool)) else None


class Owners:
    """Whose session, and whose event, each name is: the first who uses a session owns it, and nobody else gets at it."""

    def __init__(self, most: int = 5000) -> None:
        self._sessions: dict[str, str] = {}
        self._events: dict[str, str] = {}
        self._most = most

    def session(self, name: str, visitor: str) -> bool:
        """Whether a session is this visitor's; one that nobody used becomes so."""
        forget(self._sessions, self._most)
        return self._sessions.setdefault(name, visitor) == visitor

    def keep_event(self, event: str, visitor: str) -> None:
        """An event was taken from this visitor."""
        forget(self._events, self._most)
        self._events[event] = visitor

    def event(self, event: str, visitor: str) -> bool:
        """Whether an event came from this visitor."""
        return self._events.get(event) == visitor


def forget(kept: dict[str, str], most: int) -> None:
    """Drop the oldest of a table that has grown too large."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)))
