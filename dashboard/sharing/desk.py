"""The admin's desk for sharing: starts a link in the background, tells how it stands, ends it. One link at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dashboard.sharing.asked import Asked, ShareRefused, TunnelPlan
from dashboard.sharing.keeper import SERVER_VARIABLE, Keeper, stop_sharing
from dashboard.sharing.state import Cause, State, is_on, read_state

Kind = Literal["off", "starting", "on"]
OWN_TUNNEL = TunnelPlan()
CANCEL_SECONDS = 0.2


@dataclass(frozen=True)
class Failed:
    """Why there is no link: a sentence, and the kind of failure if it is known. `asked`: what was wanted."""

    detail: str
    cause: Cause
    asked: Asked


@dataclass(frozen=True)
class Standing:
    """How sharing stands.

    `state`: of the link that is on, that is being made, or that ended last here. `asked`: what was ordered; None where
    another program shares from the same folder, and its password is not known here. `since`: seconds a start takes by now.
    `refusal`: why the last start came to nothing. `cancelled`: the admin has called it off.
    """

    kind: Kind
    state: State | None = None
    asked: Asked | None = None
    since: float = 0.0
    refusal: Failed | None = None
    cancelled: bool = False


class Desk:
    """The hold on the shared link of one dashboard.

    `shows_password`: whether pages may show it: only where the dashboard answers to this machine alone. `tunnel`: the program
    that makes links, Gradio's own unless told otherwise.
    """

    def __init__(
        self,
        root: Path,
        keeper: Keeper | None = None,
        *,
        shows_password: bool = True,
        tunnel: TunnelPlan = OWN_TUNNEL,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Take hold of a folder's link.

        Raises:
            ShareRefused: this is a shared server, and no desk of an admin's.
        """
        if environment.get(SERVER_VARIABLE):
            raise ShareRefused("this is a shared server: only the dashboard that started it shares anything.")
        self.root = root
        self.keeper = keeper or Keeper(root)
        self.shows_password = shows_password
        self.tunnel = tunnel
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._asked: Asked | None = None
        self._refusal: Failed | None = None
        self._cancelled = False

    def start(self, asked: Asked) -> None:
        """Begin to share; `now` tells how far it is.

        Raises:
            ShareRefused: it cannot be carried out, or something is shared, or being shared, already.
        """
        order = asked.checked()
        with self._lock:
            if self._starting():
                raise ShareRefused("a link is being made already; wait for it, or cancel it.")
            before = read_state(self.root)
            if before is not None and is_on(self.root, before):
                raise ShareRefused(f"{self.root} is shared already; stop that first.")
            self._asked, self._refusal, self._cancelled = order, None, False
            self._began = time.monotonic()
            self._thread = threading.Thread(target=self._make, args=(order,), name="share", daemon=True)
            self._thread.start()

    def _make(self, order: Asked) -> None:
        try:
            self.keeper.start(order)
        except (ShareRefused, OSError) as error:
            state = read_state(self.root)
            ours = state is not None and state.phase == "ended"
            self._refusal = Failed(str(error), state.cause if state is not None and ours else "", order)

    def took(self, asked: Asked) -> None:
        """Take over what the command line has ordered with the same keeper."""
        self._asked = asked

    def _starting(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def now(self) -> Standing:
        """How sharing stands at this moment."""
        if self._starting():
            return Standing("starting", read_state(self.root), self._asked, time.monotonic() - self._began)
        own = self.keeper.state()
        if own is not None and own.phase == "on":
            return Standing("on", own, self._asked)
        found = read_state(self.root)
        if found is not None and is_on(self.root, found):
            return Standing("on" if found.phase == "on" else "starting", found, self._asked if own else None)
        if self._cancelled:
            return Standing("off", cancelled=True)
        if self._refusal is not None:
            return Standing("off", refusal=self._refusal)
        # What ended before this dashboard began is old news, but that it ended with the one before.
        told = found is not None and (self._asked is not None or found.reason == "parent")
        return Standing("off", found if told else None)

    def close(self) -> None:
        """Call off a start that is at work: the dashboard ends."""
        if self._starting():
            self.stop()

    def stop(self) -> Standing:
        """End the link, or the making of one. When this returns it is dead, or the standing says that it is not."""
        if self._starting():
            self._cancelled = True
            while self._thread is not None and self._thread.is_alive():
                self.keeper.stop()
                self._thread.join(CANCEL_SECONDS)
        own = self.keeper.state()
        if own is not None:
            self.keeper.stop()
        else:
            # Of another program: the terminal's, or another dashboard of the same folder.
            with contextlib.suppress(OSError):
                stop_sharing(self.root)
        return self.now()
