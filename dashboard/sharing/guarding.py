"""What stands before the admin's dashboard: on this machine's own address a look at who calls, on any other a password."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.middleware import Middleware

from dashboard.sharing.asked import LOOPBACK, refuse_unsafe
from dashboard.sharing.gate import App, Gate, Receive, Scope, Send, answer, header_table, same_origin
from dashboard.sharing.logins import Logins

# Gradio calls it itself while it starts; it starts nothing twice, and tells nothing.
FREE = frozenset({"/gradio_api/startup-events"})


def guards(host: str, password: str | None, environment: Mapping[str, str] = os.environ) -> list[Middleware]:
    """The middleware for the admin's app.

    Raises:
        ShareRefused: the address needs a password, or Gradio would let visitors change files.
    """
    refuse_unsafe(environment, host, password)
    if password is not None:
        return [Middleware(Gate, logins=Logins(password), doors=None, free=FREE)]
    return [Middleware(LocalOnly)]


class LocalOnly:
    """Takes requests that name this machine, from its own pages.

    A page of another site in the admin's browser could else reach the dashboard: by a name of its own that it points at
    127.0.0.1 (DNS rebinding), or by a POST from where it is.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] == "http":
            headers = header_table(scope)
            if not is_local(headers.get(b"host", b"").decode("latin-1")):
                await answer(
                    send, 403, "The dashboard answers to 127.0.0.1 and localhost only; --host with a password opens it."
                )
                return
            if scope["method"] not in ("GET", "HEAD", "OPTIONS") and not same_origin(headers):
                await answer(send, 403, "This request came from another site.")
                return
        await self.app(scope, receive, send)


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, with or without a port."""
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False
