"""The process of a shared link: `python -m dashboard.sharing.serve` reads its order from standard input, and serves."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.sharing.asked import Asked, ShareRefused, of_object, refuse_unsafe
from dashboard.sharing.binary import Program, TunnelFailed, runnable, sound_bytes
from dashboard.sharing.gate import Gate
from dashboard.sharing.logins import Logins
from dashboard.sharing.server import Serving, Sharing
from dashboard.sharing.shown import Shown
from dashboard.sharing.state import Cause, State, new_id, share_folder, write_state
from dashboard.sharing.trial import Trial
from dashboard.sharing.tunnel import Server, Tunnel, command, public_server
from dashboard.sharing.view import Content, all_pages

OK, FAILED, BAD_INPUT = 0, 1, 2
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - only ever compared with


def sharing_of(asked: Asked, own: str, orphaned: Callable[[], bool]) -> Sharing:
    """All parts of a shared link, put together; nothing is open yet.

    Raises:
        ShareRefused: it would not be safe.
        OSError: the port is taken.
    """
    refuse_unsafe(os.environ, asked.host, asked.password)
    from dashboard.sharing.app.build import SharedApp

    root, logins = Path(asked.root), Logins(asked.password, generated=asked.generated)
    shown = Shown(root, asked.runs, asked.checkpoints)
    ends = time.time() + asked.hours * 3600
    trial = Trial(shown, logins.by_key) if asked.mode == "try" else None
    content = Content(shown, tuple(Path(one) for one in asked.comparisons), ends, asked.lang, trial)
    app = SharedApp(content, asked.path)
    homes = {one.lang: f"/{one.path}" for one in content.places() if one.kind == "index"}
    gate = Gate(app.asgi, logins, app.doors(), asked.path, homes=homes, line=app.line())
    # A Space's proxy may hand on another host than the browser's; this is what the browser's is.
    gate.public = os.environ.get("SPACE_HOST", "")
    serving = Serving(gate, asked.host, asked.port)
    local = f"http://{'127.0.0.1' if asked.host == EVERY_ADDRESS else asked.host}:{serving.port}{asked.path}/"
    state = State(own, "starting", os.getpid(), "", local, serving.port, asked.mode, asked.runs, ends)
    return Sharing(
        root,
        gate,
        serving,
        state,
        orphaned=orphaned,
        refresh=refresher(content, app),
        release=shown.pool.close,
        counted=trial.counted if trial else lambda: (0, 0),
    )


def refresher(content: Content, app: Any) -> Callable[[], None]:
    """What makes the pages anew, when a shared run has changed and not before."""
    seen = content.shown.signature()

    def refresh() -> None:
        nonlocal seen
        now = content.shown.signature()
        if now != seen:
            seen = now
            app.refresh(all_pages(content, content.places()))

    return refresh


def tunnel_maker(asked: Asked, port: int) -> Callable[[], Tunnel] | None:
    """What makes the tunnel; None where none is wanted."""
    if asked.link == "none":
        return None

    def make() -> Tunnel:
        folder = share_folder(Path(asked.root))
        plan = asked.tunnel
        if plan.program:
            program = Program("", plan.sha256, Path(plan.program))
        else:
            from dashboard.sharing.app.frpc import program as gradios

            program = gradios()
        file = runnable(sound_bytes(program), folder)
        if plan.server:
            host, _, at = plan.server.rpartition(":")
            server = Server(host, int(at))
        else:
            from dashboard.sharing.app.frpc import directory

            server = public_server(directory(), folder)
        return Tunnel(command(file, server, port, new_id() + new_id()))

    return make


def serve(asked: Asked, own: str, orphaned: Callable[[], bool] = lambda: False) -> int:
    """Share until it is over. 0: it ended as it should; 1: there was no link, or it broke; 2: it may not be started."""
    root = Path(asked.root)
    write_state(root, State(own, "starting", os.getpid(), stage="pages"))
    try:
        sharing = sharing_of(asked, own, orphaned)
    except (ShareRefused, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        cause: Cause = "port" if getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES) else ""
        with contextlib.suppress(OSError):
            write_state(root, State(own, "ended", os.getpid(), reason="failed", detail=str(error), cause=cause))
        return BAD_INPUT
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(one, lambda *_: stop.set())
    sharing.interrupted = stop.is_set
    try:
        sharing.open(tunnel_maker(asked, sharing.serving.port))
    except (TunnelFailed, OSError):
        return FAILED
    ended = sharing.watch()
    return OK if ended.reason in ("expired", "stopped", "parent") else FAILED


def main() -> int:
    """Read the order, and carry it out. The password comes by standard input: arguments and variables can be looked at."""
    raw = json.loads(sys.stdin.readline())
    starter = int(raw["starter"])
    asked = of_object(raw["asked"])
    return serve(asked, str(raw["id"]), lambda: os.getppid() != starter)


if __name__ == "__main__":
    sys.exit(main())
