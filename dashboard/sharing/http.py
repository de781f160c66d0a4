"""Requests and answers as ASGI has them: whence a request comes, its body and token, an answer that lets nothing out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from dashboard.sharing.login_page import CSP as LOGIN_CSP

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

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
