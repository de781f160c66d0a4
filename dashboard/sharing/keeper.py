"""The dashboard's hold on a shared link: a process of its own, started, asked after, and stopped for good.

A process of its own, because then the end of sharing is the end of a process: no thread, no open stream and no page of it
is left; and because whatever a visitor might find to do, the admin's handlers are not in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dashboard.sharing.asked import Asked, ShareRefused, as_object, refuse_unsafe
from dashboard.sharing.state import (
    CONSOLE,
    FOLDER,
    State,
    ask_to_stop,
    is_locked,
    is_on,
    new_id,
    read_state,
    share_folder,
    take_lock,
    write_state,
)
from diagnostics.package import python_path
from diagnostics.report.common import one_line
from diagnostics.run.files import tail

READY_SECONDS = 240.0  # importing, building the pages and the tunnel, on a machine that is busy training
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1
# Set in the shared server, so that nothing in it can share anything.
SERVER_VARIABLE = "CLINIC_SHARED_SERVER"
FREE_SECONDS = 5.0  # a server that says it has ended still lets go of its lock
REWRITE_SECONDS = 2.0  # a living server writes its status again in a fraction of it


class Keeper:
    """One shared link of this dashboard, or none."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._id = ""

    def start(self, asked: Asked, environment: Mapping[str, str] = os.environ) -> State:
        """Start sharing. Waits until there is a link, or none.

        Raises:
            ShareRefused: it cannot be done, or something is shared already.
        """
        refuse_unsafe(environment, asked.host, asked.password)
        if environment.get(SERVER_VARIABLE):
            raise ShareRefused("this is a shared server: only the dashboard that started it shares anything.")
        order = asked.checked()
        before = read_state(self.root)
        if before is not None and is_on(self.root, before):
            raise ShareRefused(f"{self.root} is shared already ({before.url or before.local}); stop that first.")
        try:
            lock = self._lock()
            try:
                self._id = new_id()
                write_state(self.root, State(self._id, "starting"))
                self._process = self._server(environment, lock)
            finally:
                if lock >= 0:
                    os.close(lock)  # the server holds it from here on
        except OSError as error:
            raise ShareRefused(f"{self.root / FOLDER}: cannot be used ({error.strerror or error}).") from error
        assert self._process.stdin is not None
        told = {"starter": os.getpid(), "id": self._id, "asked": as_object(order)}
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.close()
        return self._ready()

    def _lock(self) -> int:
        """The folder's lock: no second server is started beside a living one, whatever the status says."""
        deadline = time.monotonic() + FREE_SECONDS
        while (lock := take_lock(self.root)) is None:
            if time.monotonic() > deadline:
                raise ShareRefused(f"{self.root} is shared already by another program; stop that first.")
            time.sleep(POLL_SECONDS)
        return lock

    def _server(self, environment: Mapping[str, str], lock: int) -> subprocess.Popen[bytes]:
        """The server's process, which waits for its order."""
        console = share_folder(self.root) / CONSOLE
        console.write_bytes(b"")
        # Appending, so that a console that was cut short grows from its new end.
        with console.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "dashboard.sharing.serve"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=server_environment(environment),
                start_new_session=True,
                pass_fds=(lock,) if lock >= 0 else (),
            )

    def _ready(self) -> State:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            state = self.state()
            if state is None or state.phase != "starting":
                break
            time.sleep(POLL_SECONDS)
        state = self.state()
        if state is None or state.phase != "on":
            detail = state.detail if state else "the server said nothing."
            self.stop()
            raise ShareRefused(detail or f"the shared server was not ready within {READY_SECONDS:g} s.")
        return state

    def state(self) -> State | None:
        """How this link stands; None if none was started. A server that died is told of as crashed, and its tunnel ended."""
        process = self._process
        if process is None:
            return None
        found = read_state(self.root)
        if found is None or found.id != self._id:
            return None
        if found.phase != "ended" and process.poll() is not None:
            self._kill_group()
            lines = tail(self.root / FOLDER / CONSOLE, 1)
            found = replace(
                found, phase="ended", reason="crashed", detail=one_line(lines[-1]) if lines else "", visitors=()
            )
            with contextlib.suppress(OSError):  # a full disk keeps nobody from stopping
                write_state(self.root, found)
        return found

    def stop(self) -> State | None:
        """End the link and the server behind it. When this returns, both are gone."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        self._kill_group()
        found = read_state(self.root)
        if found is not None and found.id == self._id and found.phase != "ended":
            # It was ended before it could say so.
            found = replace(found, phase="ended", reason="stopped", stage="", visitors=())
            with contextlib.suppress(OSError):  # a full disk keeps nobody from stopping
                write_state(self.root, found)
        state = self.state()
        self._process = None
        return state

    def _kill_group(self) -> None:
        """Kill whatever is left of the server's process group: it, and the tunnel that it started."""
        process = self._process
        if process is None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
        process.wait()

    def events(self) -> Iterator[tuple[str, dict[str, object]]]:
        """What is to be told to the admin, as a text's key and its fields; ends with the link."""
        seen: tuple[str, ...] = ()
        failed = 0
        while True:
            state = self.state()
            if state is None:
                return
            for name in state.visitors:
                if name not in seen:
                    yield "share.came", {"name": name}
            for name in seen:
                if name not in state.visitors and state.phase == "on":
                    yield "share.left", {"name": name}
            seen = state.visitors
            if state.failed // 10 > failed // 10:
                yield "share.locked", {"count": state.failed}
            failed = state.failed
            if state.phase == "ended":
                yield f"share.ended_{state.reason or 'crashed'}", {"detail": state.detail}
                return
            time.sleep(1.0)


def stop_sharing(root: Path, seconds: float = STOP_SECONDS) -> State | None:
    """Stop what another process shares from this folder. None if nothing is shared; else its state after at most so long."""
    state = read_state(root)
    deadline = time.monotonic() + REWRITE_SECONDS
    while (state is None or not is_on(root, state)) and is_locked(root) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        state = read_state(root)
    if state is None or not is_on(root, state):
        return None
    ask_to_stop(root, state)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = read_state(root)
        if now is None or not is_on(root, now):
            return now
        time.sleep(POLL_SECONDS)
    return state


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the shared server: none of Gradio's own switches, and no key of anybody's."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("GRADIO_")
        and not any(one in name.upper() for one in ("TOKEN", "SECRET", "PASSWORD", "API_KEY"))
    }
    return {
        **kept,
        "PYTHONPATH": python_path(environment),
        "PYTHONUNBUFFERED": "1",
        SERVER_VARIABLE: "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_HEARTBEAT_INTERVAL": "2",
    }
