"""Pages are packed on their way: Gradio packs files by the ending of their name, and a page's address has none."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

CALLS = "/gradio_api/"
# Of 1 (quick) to 9 (small): beyond it little is won.
LEVEL, LEAST_BYTES = 5, 2000


class PagesPacked:
    """Packs whole pages with gzip where the browser takes it; calls, streams and files go through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.packed = GZipMiddleware(app, minimum_size=LEAST_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        path = str(scope.get("path", ""))
        page = scope["type"] == "http" and scope["method"] == "GET" and CALLS not in f"{path}/" and "." not in path
        await (self.packed if page else self.app)(scope, receive, send)
