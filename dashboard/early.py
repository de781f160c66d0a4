"""What must run before Gradio's own scripts, and a sign of life of each tab that holds no connection.

Gradio's `head` is inserted by a script once the page is built. That is too late for what the page's first requests do:
this part is put into the document on its way to the browser.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BEAT_SECONDS = 20
# Browsers let a hidden tab's timers run once a minute. Gradio keeps a closed session's state for another hour.
SILENT_SECONDS = 300.0
BEAT = re.compile(r"/gradio_api/heartbeat/([\w-]{1,64})", re.ASCII)
# Gradio holds one connection open for each tab, and over HTTP/1.1 a browser opens six to one address: the sixth tab got
# no answer at all. Here a tab asks every few seconds instead, and Gradio is given a stream that stays open.
HEARTBEAT = """(() => {
  const fetched = window.fetch;
  window.fetch = function (input, options) {
    const url = typeof input === 'string' ? input : input.href || input.url;
    return url.includes('/gradio_api/heartbeat/') ? Promise.resolve(alive(url)) : fetched.apply(this, arguments);
  };
  function alive(url) {
    const beat = () => fetched(url).then((answer) => answer.text()).catch(() => {});
    beat();
    const timer = setInterval(beat, MILLISECONDS);
    return new Response(new ReadableStream({cancel() { clearInterval(timer); }}), {
      headers: {'content-type': 'text/event-stream'}
    });
  }
})();""".replace("MILLISECONDS", str(1000 * BEAT_SECONDS))
PLACE = b"<head>"


class Sessions:
    """The tabs that are open, by their signs of life."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.kept: Mapping[str, Any] = {}
        self._clock = clock
        self._seen: dict[str, float] = {}

    def beat(self, session: str) -> None:
        """Note that a tab is there. The state of those that have been silent is left to Gradio to forget."""
        now = self._clock()
        self._seen[session] = now
        self._close(session, False)
        for other in [one for one, seen in self._seen.items() if now - seen > SILENT_SECONDS]:
            del self._seen[other]
            self._close(other, True)

    def _close(self, session: str, closed: bool) -> None:
        if session in self.kept:
            self.kept[session].is_closed = closed


class Early:
    """Puts the script at the beginning of each document's head, and answers the tabs' signs of life."""

    def __init__(self, app: App, sessions: Sessions) -> None:
        self.app = app
        self.sessions = sessions
        self.script = b"<script>" + HEARTBEAT.encode() + b"</script>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a sign of life, or hand the request on and its answer back: a document with the script in it."""
        beat = BEAT.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if beat:
            self.sessions.beat(beat[1])
            await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"no-store")]})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "http":
            await self.app(scope, receive, self._with_script(send))
        else:
            await self.app(scope, receive, send)

    def _with_script(self, send: Send) -> Send:
        begun: Message = {}
        parts: list[bytes] = []

        async def through(message: Message) -> None:
            if message["type"] == "http.response.start" and is_document(message):
                begun.update(message)
            elif not begun:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = b"".join(parts).replace(PLACE, PLACE + self.script, 1)
                    kept = [one for one in begun["headers"] if one[0].lower() != b"content-length"]
                    await send({**begun, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
                    await send({"type": "http.response.body", "body": body})

        return through


def is_document(message: Message) -> bool:
    """Whether an answer is a page: HTML that nothing has compressed yet."""
    headers = {name.lower(): value for name, value in message["headers"]}
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers
