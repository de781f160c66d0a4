"""Puts a script at the top of every page that is served: Gradio runs its own `head` only after its bundle has loaded."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from dashboard.sharing.http import App, Receive, Scope, Send, with_length

HEAD = b"<head>"


class Early:
    """An ASGI app around another; whole HTML documents get the script, everything else is handed on as it comes."""

    def __init__(self, app: App, script: str) -> None:
        self.app = app
        self.script = script.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: MutableMapping[str, Any] | None = None
        body = b""

        async def with_script(message: MutableMapping[str, Any]) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and is_page(message):
                start = message
            elif start is None:
                await send(message)
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    whole = body.replace(HEAD, HEAD + self.script, 1)
                    await send({**start, "headers": with_length(start.get("headers", []), len(whole))})
                    await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, with_script)


def is_page(message: MutableMapping[str, Any]) -> bool:
    """Whether an answer is a page that can be read as it is."""
    headers = {name.lower(): value for name, value in message.get("headers", [])}
    html = headers.get(b"content-type", b"").startswith(b"text/html")
    return message["status"] == 200 and html and b"content-encoding" not in headers
