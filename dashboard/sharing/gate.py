"""The gate before a shared app: nobody passes without a login, and who has one passes only by the doors that are open."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qsl

from dashboard.sharing.doors import CANCEL, JOIN, Doors, Owners
from dashboard.sharing.http import (
    NOTHING,
    App,
    Receive,
    Scope,
    Send,
    answer,
    body_of,
    foreign,
    guarded,
    header_table,
    html,
    replay,
    reply,
    token_of,
    with_length,
)
from dashboard.sharing.limits import BODY_BYTES
from dashboard.sharing.login_page import language, login_html
from dashboard.sharing.logins import Logins, Visitor
from dashboard.sharing.turns import Line, Turns
from dashboard.texts import Lang, Words

COOKIE = "clinic_share"
# Told to the app behind, in place of whatever the visitor sent under that name.
VISITOR = b"x-clinic-visitor"
LOGIN, LOGOUT = "/login", "/logout"
LOGIN_BYTES = 16384
NO_HOMES: Mapping[Lang, str] = {}


class Gate:
    """An ASGI app around another. `public`: the public host, once there is a link; over it, cookies are for https only."""

    def __init__(
        self,
        app: App,
        logins: Logins,
        doors: Doors | None,
        root_path: str = "",
        free: Collection[str] = (),
        homes: Mapping[Lang, str] = NO_HOMES,
        cookie: str = COOKIE,
        line: Line | None = None,
    ) -> None:
        """Guard an app; without `doors` whoever is logged in reaches all of it, as the admin does. `free`: paths for anybody.

        `homes`: where a login leads to, by the language of its form; else to the root. `cookie`: its name; a browser does
        not tell apart the cookies of two ports. `line`: of which a visitor takes a part only.
        """
        self.homes = homes
        self.app = app
        self.logins = logins
        self.doors = doors
        self.free = free
        self.name = cookie
        self.root = root_path.rstrip("/")
        self.owners = Owners()
        self.turns = Turns(line or Line())
        self.public = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        path = self.path_of(scope)
        method, headers = scope["method"], header_table(scope)
        if path == "/robots.txt":
            await answer(send, 200, "User-agent: *\nDisallow: /\n")
        elif foreign(method, headers, self.public):
            await answer(send, 403, "This request came from another site.")
        elif path in self.free:
            await self.app(scope, receive, guarded(send, path, None))
        elif path == LOGIN:
            await self.log_in(method, headers, receive, send)
        else:
            token = token_of(headers, self.cookie_name(headers))
            visitor = self.logins.visitor(token)
            if visitor is None:
                await self.turn_away(method, path, headers, send)
            elif path == LOGOUT and method == "POST":
                self.logins.leave(token)
                await answer(
                    send, 303, "", [(b"location", self.address(LOGIN)), (b"set-cookie", self.cookie("", headers, 0))]
                )
            else:
                await self.let_through(scope, path, visitor, receive, send)

    def path_of(self, scope: Scope) -> str:
        """The path below the root: a proxy in front may or may not have taken the root away."""
        path = str(scope["path"])
        if self.root and (path == self.root or path.startswith(self.root + "/")):
            return path[len(self.root) :] or "/"
        return path

    def address(self, path: str) -> bytes:
        """A path as the browser sees it."""
        return (self.root + path).encode("latin-1")

    def secure(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the browser has come by https."""
        host = headers.get(b"host", b"").decode("latin-1")
        return (self.public != "" and host == self.public) or headers.get(b"x-forwarded-proto") == b"https"

    def cookie_name(self, headers: dict[bytes, bytes]) -> str:
        """By https, a name that a browser takes from this host alone: no sibling site sets the cookie in our place."""
        if not self.secure(headers):
            return self.name
        return f"__Secure-{self.name}" if self.root else f"__Host-{self.name}"

    def cookie(self, token: str, headers: dict[bytes, bytes], seconds: int | None = None) -> bytes:
        """The cookie's header. It is gone with the browser's window; over the public link it never goes without TLS.

        Lax, not Strict: a link in a mail leads whoever is logged in to its page, not to the form. Another site gets nothing by
        it: only a whole page may be opened from there, which changes nothing, and which that site cannot read.
        """
        secure = "; Secure" if self.secure(headers) else ""
        age = f"; Max-Age={seconds}" if seconds is not None else ""
        name = self.cookie_name(headers)
        return f"{name}={token}; Path={self.root or '/'}; HttpOnly; SameSite=Lax{secure}{age}".encode("latin-1")

    async def turn_away(self, method: str, path: str, headers: dict[bytes, bytes], send: Send) -> None:
        """Without a login: to the form from a page in a browser, a plain refusal from anything else. Both for any path."""
        if method == "GET" and b"text/html" in headers.get(b"accept", b""):
            await answer(send, 303, "", [(b"location", self.address(LOGIN))])
        else:
            await answer(send, 401, "Log in first.")

    async def log_in(self, method: str, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        """The form, and what is sent by it."""
        lang = language(headers.get(b"accept-language", b"").decode("latin-1"))
        action = (self.root + LOGIN) or LOGIN
        if method in ("GET", "HEAD"):
            await html(send, 200, login_html(action, lang))
            return
        if method != "POST":
            await answer(send, 405, "GET or POST.")
            return
        body = await body_of(receive, LOGIN_BYTES)
        if body is None:
            await answer(send, 413, "Too large.")
            return
        try:
            fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=8))
        except ValueError:
            await answer(send, 400, "No form.")
            return
        came = self.logins.enter(fields.get("name", ""), fields.get("password", ""))
        if came.refused:
            status = 429 if came.refused == "locked" else 503 if came.refused == "full" else 403
            await html(send, status, login_html(action, lang, came.refused, came.wait, fields.get("name", "")))
            return
        headers_out = [
            (b"location", self.address(self.homes.get(lang, "/"))),
            (b"set-cookie", self.cookie(came.token, headers)),
        ]
        await answer(send, 303, "", headers_out)

    async def let_through(self, scope: Scope, path: str, visitor: Visitor, receive: Receive, send: Send) -> None:
        """Hand a visitor's request on, if one of the doors is open for it."""
        doors = self.doors
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
        handed: Receive | None = None
        taken: AbstractContextManager[object] = nullcontext()
        if doors is None or (doors.reads(scope["method"], path) and "deep_link" not in query):
            handed = receive
        elif (session := doors.session_read(scope["method"], path, query)) is not None:
            with self.turns.stream(visitor) as room:
                if not room:
                    await self.too_much(scope, "streams", send)
                elif self.owners.session(session, visitor.key):
                    await self.hand_on(scope, path, visitor, receive, send)
                else:
                    await answer(send, 404, NOTHING)
            return
        elif doors.sends(scope["method"], path):
            body = await body_of(receive, int(BODY_BYTES))
            if body is None:
                await answer(send, 413, "Too large.")
                return
            event = doors.event(path, body)
            if event is not None and self.may_send(path, event, visitor):
                if path == JOIN:
                    if refused := self.turns.refusal(visitor, event["fn_index"]):
                        await self.too_much(scope, refused, send)
                        return
                    taken = self.turns.on_its_way(visitor, event["fn_index"])
                handed = replay(json.dumps(event).encode(), receive)
                scope = {**scope, "headers": with_length(scope["headers"], len(json.dumps(event).encode()))}
        if handed is None:
            await answer(send, 404, NOTHING)
            return
        with taken:
            await self.hand_on(scope, path, visitor, handed, send)

    async def too_much(self, scope: Scope, why: str, send: Send) -> None:
        """Refuse for now, in a sentence that the page shows."""
        accepted = header_table(scope).get(b"accept-language", b"").decode("latin-1")
        told = json.dumps({"detail": Words(language(accepted))(f"share.much_{why}")})
        await reply(send, 429, told, b"application/json", [])

    async def hand_on(self, scope: Scope, path: str, visitor: Visitor, handed: Receive, send: Send) -> None:
        """Hand a request to the app, with the visitor's key."""
        keep = self.event_keeper(scope["method"], path, visitor)
        # An answer that is read here must not come compressed.
        dropped = {VISITOR, b"accept-encoding"} if keep else {VISITOR}
        told = [one for one in scope["headers"] if one[0].lower() not in dropped]
        told.append((VISITOR, visitor.key.encode()))
        scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": "", "headers": told}
        await self.app(scope, handed, guarded(send, path, keep))

    def may_send(self, path: str, event: dict[str, Any], visitor: Visitor) -> bool:
        """Whether an event is within the visitor's own session, and one to be cancelled is the visitor's own."""
        if not self.owners.session(event["session_hash"], visitor.key):
            return False
        return path != CANCEL or self.owners.event(event["event_id"], visitor.key)

    def event_keeper(self, method: str, path: str, visitor: Visitor) -> Callable[[bytes], None] | None:
        """What reads the number of an event from the answer to its sending; None for any other request."""
        if self.doors is None or not self.doors.sends(method, path) or path == CANCEL:
            return None

        def keep(body: bytes) -> None:
            try:
                event = json.loads(body).get("event_id")
            except (ValueError, AttributeError):
                return
            if isinstance(event, str):
                self.owners.keep_event(event, visitor.key)

        return keep
