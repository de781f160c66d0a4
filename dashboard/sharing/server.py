"""The shared server: an app behind its gate on one port, the tunnel to it, and the watch that ends both."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from dashboard.sharing.binary import TunnelFailed
from dashboard.sharing.gate import Gate
from dashboard.sharing.limits import CONNECTIONS, CONSOLE_BYTES, HEADER_BYTES
from dashboard.sharing.patient import Patient
from dashboard.sharing.state import (
    CONSOLE,
    FOLDER,
    Cause,
    Reason,
    State,
    asked_to_stop,
    forget_stop,
    read_state,
    touch_state,
    write_state,
)
from dashboard.sharing.tunnel import Tunnel
from diagnostics.report.common import one_line

WATCH_SECONDS = 0.3
REFRESH_SECONDS = 5.0
START_SECONDS = 30.0
END_SECONDS = 3.0


class Serving:
    """A port that answers. It listens before anything else is told, and after `close` nothing listens there."""

    def __init__(self, gate: Gate, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port is taken, or the address is not this machine's.
        """
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.port = int(self.socket.getsockname()[1])
        config = uvicorn.Config(
            gate,
            log_level="warning",
            access_log=False,
            limit_concurrency=int(CONNECTIONS),
            h11_max_incomplete_event_size=int(HEADER_BYTES),
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            server_header=False,
            proxy_headers=False,
            http=Patient,
            ws="none",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)

    def start(self) -> None:
        """Answer from now on.

        Raises:
            OSError: the app does not start.
        """
        self.thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self.server.started:
            if not self.thread.is_alive() or time.monotonic() > deadline:
                raise OSError("the shared app did not start")
            time.sleep(0.02)

    def close(self) -> None:
        """Answer no more: streams that are open are cut off."""
        self.server.should_exit = True
        if self.thread.ident is not None:
            self.thread.join(END_SECONDS)
            self.server.force_exit = True
            self.thread.join(END_SECONDS)
        self.socket.close()


@dataclass
class Sharing:
    """One time of sharing, from its start to its end."""

    root: Path
    gate: Gate
    serving: Serving
    state: State
    tunnel: Tunnel | None = None
    # Whether something ended that this must not outlive.
    orphaned: Callable[[], bool] = lambda: False
    # Whether this process was told to end.
    interrupted: Callable[[], bool] = lambda: False
    # Looks whether what is shown has changed, and shows it.
    refresh: Callable[[], None] = lambda: None
    # Ends what was started for visitors.
    release: Callable[[], None] = lambda: None
    # How many prompts and votes there were.
    counted: Callable[[], tuple[int, int]] = lambda: (0, 0)
    # Whether the file of the state is this server's to write.
    named: bool = True

    def __post_init__(self) -> None:
        """Set the end by a clock that nobody can set back, beside the one of the wall."""
        self.until = time.monotonic() + self.state.ends - time.time()

    def open(self, make_tunnel: Callable[[], Tunnel] | None) -> None:
        """Serve, then make the link: nobody is led to a port that does not answer.

        Raises:
            TunnelFailed: there is no link. Nothing is served then.
            OSError: the server does not start.
        """
        self.tell(self.state)
        try:
            self.serving.start()
            url = ""
            if make_tunnel is not None:
                self.tell(replace(self.state, stage="program"))
                self.tunnel = make_tunnel()
                self.tell(replace(self.state, stage="tunnel"))
                url = self.tunnel.start(wanted=lambda: self.over() == "")
                self.gate.public = urlsplit(url).netloc
            told = self.tunnel.pid if self.tunnel else None
            self.tell(replace(self.state, phase="on", stage="", url=url, tunnel_pid=told))
        except (TunnelFailed, OSError) as error:
            self.close(self.over() or "failed", str(error), error.cause if isinstance(error, TunnelFailed) else "")
            raise

    def over(self) -> Reason:
        """Why it is to end now; empty while it goes on."""
        if time.time() >= self.state.ends or time.monotonic() >= self.until:
            return "expired"
        if self.interrupted() or asked_to_stop(self.root, self.state.id):
            return "stopped"
        return "parent" if self.orphaned() else ""

    def watch(self) -> State:
        """Go on until it is to end, then end it. However this ends, the link has ended."""
        try:
            return self._watch()
        finally:
            if self.tunnel is not None:
                self.tunnel.kill()

    def _watch(self) -> State:
        refreshed = time.monotonic()
        while True:
            reason = self.over()
            detail = ""
            if not reason and self.tunnel is not None and not self.tunnel.alive:
                reason, detail = "tunnel", self.tunnel.last_words()
            if not reason and not self.serving.thread.is_alive():
                reason = "crashed"
            if not reason and not self.told():
                reason, self.named = "stopped", False
            if reason:
                return self.close(reason, detail)
            visitors = tuple(one.name for one in self.gate.logins.who())
            prompts, votes = self.counted()
            now = replace(self.state, visitors=visitors, failed=self.gate.logins.failed, prompts=prompts, votes=votes)
            self.tell(now)
            if time.monotonic() - refreshed > REFRESH_SECONDS:
                self.refresh()
                refreshed = time.monotonic()
            touch_state(self.root)
            cap_console(self.root)
            time.sleep(WATCH_SECONDS)

    def close(self, reason: Reason, detail: str = "", cause: Cause = "") -> State:
        """End the link first, then the server behind it, and tell so once both are gone."""
        if self.tunnel is not None:
            self.tunnel.kill()
        self.serving.close()
        self.release()
        over = replace(self.state, phase="ended", reason=reason, detail=one_line(detail), visitors=(), tunnel_pid=None)
        self.tell(replace(over, cause=cause, stage=""))
        forget_stop(self.root)
        return self.state

    def told(self) -> bool:
        """Whether the file tells of this server. One that is gone, damaged or behind is written again: it is how it is stopped."""
        found = read_state(self.root)
        if found is not None and found.id != self.state.id:
            return False
        if found != self.state:
            self._write()
        return True

    def tell(self, state: State) -> None:
        """Write down how it stands, if that is new."""
        if state != self.state or state.phase == "starting":
            self.state = state
            self._write()

    def _write(self) -> None:
        # A disk that is full takes the link away from nobody; `told` tries again.
        if self.named:
            with contextlib.suppress(OSError):
                write_state(self.root, self.state)


def cap_console(root: Path) -> None:
    """Begin the console anew once it is too long: what visitors send may be written there, and is not to fill the disk."""
    path = root / FOLDER / CONSOLE
    with contextlib.suppress(OSError):
        if path.stat().st_size > CONSOLE_BYTES:
            os.truncate(path, 0)
