"""Who may come in: one password, a limit of failures, who is on. Kept in memory only: it ends with the server."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from dashboard.sharing.limits import (
    FAILURE_WINDOW,
    FAILURES,
    IDLE_SECONDS,
    LOCK_MOST,
    LOCK_SECONDS,
    NAME_MOST,
    REPLACE_SECONDS,
    VISITORS,
)
from diagnostics.report.common import one_line

Refusal = Literal["wrong", "locked", "full"]
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Visitor:
    """One login. `key`: names it in the server, and tells nothing of its cookie. Times are in seconds of the clock."""

    key: str
    name: str
    since: float
    seen: float


@dataclass(frozen=True)
class Entered:
    """What came of a login: the cookie's token, or why there is none and how many seconds to wait."""

    token: str = ""
    refused: Refusal | None = None
    wait: float = 0.0


class Logins:
    """The logins of one shared link.

    The limit of failures is one for all: behind a tunnel every visitor has the same address, and what a header says of it
    is the visitor's own word. So who guesses locks the door for others too, but not for those who are in. Nobody guesses a
    password that was `generated`: it opens the door in spite of a lock, which would only serve whoever wants to keep others out.
    """

    def __init__(self, password: str, clock: Callable[[], float] = time.monotonic, *, generated: bool = False) -> None:
        self._generated = generated
        self._password = digest(password)
        self._clock = clock
        self._visitors: dict[str, Visitor] = {}
        self._failures: list[float] = []
        self._locks = 0
        self._locked_until = float("-inf")
        self._lock = threading.Lock()
        self.failed = 0

    def enter(self, name: str, password: str) -> Entered:
        """Log in under a name that the visitor chooses."""
        now = self._clock()
        # Both are hashed to one length first: comparing takes the same time whatever was typed.
        right = hmac.compare_digest(digest(password), self._password)
        with self._lock:
            if now < self._locked_until and not (right and self._generated):
                return Entered(refused="locked", wait=self._locked_until - now)
            if not right:
                return self._fail(now)
            self._drop_idle(now)
            if len(self._visitors) >= VISITORS and not self._make_room(shown_name(name), now):
                return Entered(refused="full")
            token = secrets.token_urlsafe(TOKEN_BYTES)
            visitor = Visitor(secrets.token_hex(8), shown_name(name), now, now)
            self._visitors[digest_key(token)] = visitor
            return Entered(token)

    def _make_room(self, name: str, now: float) -> bool:
        """Let a login go that was not seen for a while: one of this name, else the one unseen the longest. Whether there was one."""
        idle = [(key, one) for key, one in self._visitors.items() if now - one.seen >= REPLACE_SECONDS]
        if not idle:
            return False
        key, _ = min(idle, key=lambda found: (found[1].name != name, found[1].seen))
        del self._visitors[key]
        return True

    def _fail(self, now: float) -> Entered:
        self.failed += 1
        self._failures = [one for one in self._failures if now - one < FAILURE_WINDOW] + [now]
        if len(self._failures) < FAILURES:
            return Entered(refused="wrong")
        self._failures = []
        wait = min(LOCK_MOST, LOCK_SECONDS * 2**self._locks)
        self._locks += 1
        self._locked_until = now + wait
        return Entered(refused="locked", wait=wait)

    def visitor(self, token: str) -> Visitor | None:
        """Whose cookie this is, None if nobody's; that one is on now."""
        now = self._clock()
        with self._lock:
            self._drop_idle(now)
            found = self._visitors.get(digest_key(token))
            if found is None:
                return None
            self._visitors[digest_key(token)] = found = replace(found, seen=now)
            return found

    def by_key(self, key: str) -> Visitor | None:
        """The visitor of a key, None once logged out."""
        with self._lock:
            return next((one for one in self._visitors.values() if one.key == key), None)

    def leave(self, token: str) -> None:
        """Log out."""
        with self._lock:
            self._visitors.pop(digest_key(token), None)

    def who(self) -> list[Visitor]:
        """Who is on, the longest first."""
        with self._lock:
            self._drop_idle(self._clock())
            return sorted(self._visitors.values(), key=lambda one: one.since)

    def _drop_idle(self, now: float) -> None:
        self._visitors = {key: one for key, one in self._visitors.items() if now - one.seen < IDLE_SECONDS}


def digest(text: str) -> bytes:
    """A text as 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def digest_key(token: str) -> str:
    """What a token is kept under: a look-up by hash tells nothing of the token by its time."""
    return digest(token).hex()


def shown_name(name: str) -> str:
    """A visitor's name as it is shown to the admin: one line, nothing hidden in it, not long."""
    return one_line(name)[: int(NAME_MOST)] or "?"
