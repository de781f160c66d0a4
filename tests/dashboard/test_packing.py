"""Pages are packed, and nothing else is."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.packing import PagesPacked

LONG = "<p>runs</p>" * 1000


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse("short" if request.url.path == "/short" else LONG)


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/{path:path}", page, methods=["GET", "POST"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(PagesPacked)]))


@pytest.mark.parametrize("path", ["/", "/zh-diagnose", "/learn?run=a.b"])
def test_a_page_is_packed(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(LONG) / 10
    assert answer.text == LONG


@pytest.mark.parametrize("path", ["/gradio_api/queue/data", "/gradio_api", "/assets/x.js", "/short"])
def test_other_answers_are_left_alone(client: TestClient, path: str) -> None:
    assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip"}).headers
    assert "content-encoding" not in client.post("/", headers={"Accept-Encoding": "gzip"}).headers
    assert "content-encoding" not in client.get("/", headers={"Accept-Encoding": "identity"}).headers
