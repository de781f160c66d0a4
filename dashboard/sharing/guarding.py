"""What stands before the admin's dashboard: on this machine's own address a look at who calls and a token, else a password."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.middleware import Middleware

from dashboard.sharing.asked import LOOPBACK, refuse_unsafe
from dashboard.sharing.gate import Gate
from dashboard.sharing.http import App, Receive, Scope, Send, answer, closed, foreign, header_table
from dashboard.sharing.logins import Logins
from dashboard.sharing.tokens import TokenGate

# Gradio calls it itself while it starts; it starts nothing twice, and tells nothing.
FREE = frozenset({"/gradio_api/startup-events"})
ADMIN_COOKIE = "clinic_admin"


def guards(
    host: str, password: str | None, environment: Mapping[str, str] = os.environ, token: str = ""
) -> list[Middleware]:
    """The middleware for the admin's app. `token`: what is asked for where there is no password; empty: nothing.

    Raises:
        ShareRefused: the address needs a password, or Gradio would let visitors change files.
    """
    refuse_unsafe(environment, host, password)
    if password is not None:
        return [Middleware(Gate, logins=Logins(password), doors=None, free=FREE, cookie=ADMIN_COOKIE)]
    asking = [Middleware(TokenGate, token=token, free=FREE)] if token else []
    return [Middleware(LocalOnly), *asking]


class LocalOnly:
    """Takes requests that name this machine, from its own pages.

    A page of another site in the admin's browser could else reach the dashboard: by a name of its own that it points at
    127.0.0.1 (DNS rebinding), or by a request from where it is. Another port of this machine is another site too: whoever
    can run a program here, or has one run, could put a page there.
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
            if foreign(scope["method"], headers):
                await answer(send, 403, "This request came from another site.")
                return
        await self.app(scope, receive, unread(send))


def unread(send: Send) -> Send:
    """The app's answer, without what lets pages of other sites read it, and in no frame of theirs."""

    async def told(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            framed = (b"x-frame-options", b"SAMEORIGIN")
            message = {**message, "headers": [*closed(message.get("headers", [])), framed]}
        await send(message)

    return told


def guards_first(app: Any) -> None:
    """Put the guards before all else in an app that Gradio has made.

    Gradio puts its own middleware before any that it is given; one of them answers a foreign page's question whether it may
    send (CORS) without asking anybody, and allows it to any page of this machine.
    """
    ours = [one for one in app.user_middleware if one.cls in (LocalOnly, TokenGate, Gate)]
    others = [one for one in app.user_middleware if one not in ours and "CORS" not in one.cls.__name__]
    app.user_middleware = [*ours, *others]
    app.middleware_stack = app.build_middleware_stack()


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, with or without a port."""
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False
