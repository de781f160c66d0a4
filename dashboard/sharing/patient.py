"""HTTP for strangers: a connection that keeps its request back is closed, so that idle ones take the place of nobody."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from dashboard.sharing.limits import BODY_SECONDS, CONNECTIONS, HEAD_SECONDS, SPARE

GRACE_SECONDS = 0.5  # of a connection that has just come: its request is on the way
# Of each server the connections whose request has not come whole, the oldest first.
WAITING: WeakKeyDictionary[ServerState, dict[Patient, None]] = WeakKeyDictionary()


class Patient(H11Protocol):
    """uvicorn's protocol, with a time for the head of a request and one for its body.

    When nearly all places are taken, those that have kept their request back the longest are closed at once: who sends one gets
    a place, however many only wait.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._seconds = 0.0
        self.since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; where it is crowded, in the place of those that have waited the longest."""
        super().connection_made(transport)
        others = WAITING.setdefault(self.server_state, {})
        crowd = max(0, len(self.connections) - int(CONNECTIONS - SPARE))
        for one in list(others)[:crowd]:
            if self.loop.time() - one.since > GRACE_SECONDS:
                one.give_up()
        self._wait(float(HEAD_SECONDS))

    def data_received(self, data: bytes) -> None:
        """Take what has come, and see what is still to come. A drop of a request gains no time."""
        super().data_received(data)
        theirs = self.conn.their_state
        if theirs is h11.IDLE:
            self._wait(float(HEAD_SECONDS))
        elif theirs is h11.SEND_BODY:
            self._wait(float(BODY_SECONDS))
        else:
            self._came()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._came()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close the connection."""
        self._came()
        if not self.transport.is_closing():
            self.transport.abort()

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            if self._seconds == seconds:
                return
            self._timer.cancel()
        self._seconds, self._timer = seconds, self.loop.call_later(seconds, self.give_up)
        WAITING.setdefault(self.server_state, {})[self] = None

    def _came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        WAITING.get(self.server_state, {}).pop(self, None)
