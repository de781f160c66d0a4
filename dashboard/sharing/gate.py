"""The gate before a shared app: nobody passes without a login, and who has one passes only by the doors that are open."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dashboard.sharing.doors import CANCEL, JOIN, Doors, Owners
from dashboard.sharing.limits import BODY_BYTES
from dashboard.sharing.login_page import CSP as LOGIN_CSP
from dashboard.sharing.login_page import language, login_html
from dashboard.sharing.logins import Logins, Visitor
from dashboard.sharing.turns import Line, Turns
from dashboard.texts import Words

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

COOKIE = "clinic_share"
# Told to the app behind, in place of whatever the visitor sent under that name.
VISITOR = b"x-clinic-visitor"
LOGIN, LOGOUT = "/login", "/logout"
LOGIN_BYTES = 16384
NOTHING = "There is nothing here."
# Escaping is the defence; this keeps what might slip through it from sending anything anywhere else.
PAGE_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
OURS = {name for name, _ in SAFE} | {b"content-security-policy", b"server"}
# What lets pages of other sites read an answer. Gradio sends it to any site on an address that is not this machine's own.
CORS = b"access-control-"
OTHER_SITES = (b"cross-site", b"same-site")


class Gate:
    """An ASGI app around another. `public`: the public host, once there is a link; over it, cookies are for https only."""

    def __init__(
        self,
        app: App,
        logins: Logins,
        doors: Doors | None,
        root_path: str = "",
        free: Collection[str] = (),
        cookie: str = COOKIE,
        line: Line | None = None,
    ) -> None:
        """Guard an app; without `doors` whoever is logged in reaches all of it, as the admin does. `free`: paths for anybody.

        `cookie`: its name; a browser does not tell apart the cookies of two ports. `line`: of which a visitor takes a part only.
        """
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
            await html(send, status, login_html(action, lang, came.refused, came.wait))
            return
        headers_out = [(b"location", self.address("/")), (b"set-cookie", self.cookie(came.token, headers))]
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


def header_table(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by name; of one that comes twice the first, but of cookies all."""
    table: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        name = name.lower()
        table[name] = table[name] + b"; " + value if name == b"cookie" and name in table else table.get(name, value)
    return table


def token_of(headers: dict[bytes, bytes], name: str) -> str:
    """The token in the cookie of this name, empty if there is none. Whatever other cookies of the host look like."""
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def foreign(method: str, headers: dict[bytes, bytes], public: str = "") -> bool:
    """Whether a page of another site sends this. `public`: our host, where a proxy in front tells another one.

    A browser says where a request comes from: by Origin with all that could change something, and by Sec-Fetch-Site. A page can
    set neither, but any header else, such as X-Forwarded-Host: none of those is believed. Another port of this host is another
    site. What other sites may do is to open a page of ours, whole, in the window's own place: a link.
    """
    origin = headers.get(b"origin")
    if origin is not None:
        host = netloc(origin)
        if not host or host not in (headers.get(b"host", b"").decode("latin-1"), public):
            return True
    if headers.get(b"sec-fetch-site") not in OTHER_SITES:
        return False
    opens = headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
    return not (opens and method in ("GET", "HEAD"))


def netloc(origin: bytes) -> str:
    """The host and port of an origin, empty if it names none."""
    try:
        return urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        return ""


async def body_of(receive: Receive, most: int) -> bytes | None:
    """A request's body; None if it is larger, or its sender went away."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return body


def replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, to be read once more; then what really comes, such as the end of the connection."""
    sent = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def with_length(headers: Iterable[tuple[bytes, bytes]], length: int) -> Headers:
    """Headers with the length of a body that was written anew."""
    kept = [(name, value) for name, value in headers if name.lower() not in (b"content-length", b"transfer-encoding")]
    return [*kept, (b"content-length", str(length).encode())]


def closed(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """An answer's headers without those that let pages of other sites read it."""
    return [one for one in headers if not one[0].lower().startswith(CORS)]


def guarded(send: Send, path: str, keep: Callable[[bytes], None] | None) -> Send:
    """The app's answer with our headers; `keep` is given its body."""
    fresh = not path.startswith(("/assets/", "/static/"))

    async def guarded_send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            taken = OURS | ({b"cache-control"} if fresh else set())
            headers = [one for one in closed(message.get("headers", [])) if one[0].lower() not in taken]
            headers += [*SAFE, (b"content-security-policy", PAGE_CSP.encode())]
            message = {**message, "headers": headers + ([(b"cache-control", b"no-store")] if fresh else [])}
        elif keep is not None and message["type"] == "http.response.body":
            keep(message.get("body", b""))
        await send(message)

    return guarded_send


async def answer(send: Send, status: int, body: str, headers: Headers | None = None) -> None:
    """An answer of the gate's own, as plain text."""
    await reply(send, status, body, b"text/plain; charset=utf-8", headers or [])


async def html(send: Send, status: int, body: str) -> None:
    """A page of the gate's own."""
    await reply(send, status, body, b"text/html; charset=utf-8", [(b"content-security-policy", LOGIN_CSP.encode())])


async def reply(send: Send, status: int, body: str, kind: bytes, headers: Headers) -> None:
    """Any answer of the gate's own, which nothing may keep."""
    data = body.encode()
    own = [(b"content-type", kind), (b"content-length", str(len(data)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *SAFE, *headers]})
    await send({"type": "http.response.body", "body": data})
