"""The tabs that are open: each gives a sign of life now and then, and holds no connection for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from dashboard.sharing.http import App, Receive, Scope, Send

BEAT_SECONDS = 20
# Browsers let a hidden tab's timers run once a minute. Gradio keeps a closed session's state for another hour.
SILENT_SECONDS = 300.0
BEAT = re.compile(r"/gradio_api/heartbeat/([\w-]{1,64})", re.ASCII)
# Gradio holds one connection open for each tab, and over HTTP/1.1 a browser opens six to one address: the sixth tab got
# no answer at all. Here a tab asks every few seconds instead, and Gradio is given a stream that stays open.
HEARTBEAT = """<script>(() => {
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
})();</script>""".replace("MILLISECONDS", str(1000 * BEAT_SECONDS))


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


class Beats:
    """Answers the tabs' signs of life at once; everything else is handed on."""

    def __init__(self, app: App, sessions: Sessions) -> None:
        self.app = app
        self.sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        beat = BEAT.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if beat is None:
            await self.app(scope, receive, send)
            return
        self.sessions.beat(beat[1])
        await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"no-store")]})
        await send({"type": "http.response.body", "body": b""})
