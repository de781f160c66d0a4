"""Every document starts with the script, and the tabs give signs of life that hold no connection."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.clocks import QUEUE_SECONDS, unhurried
from dashboard.early import Early
from dashboard.tabs import HEARTBEAT, SILENT_SECONDS, Beats, Sessions

PAGE = "<!doctype html><html><head><title>x</title></head><body><p>&lt;head></p></body></html>"


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def client(sessions: Sessions) -> TestClient:
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def data(_: Request) -> Response:
        return JSONResponse({"html": PAGE})

    async def packed(_: Request) -> Response:
        return Response(b"<head>", media_type="text/html", headers={"content-encoding": "zstd"})

    routes = [Route("/", page), Route("/data", data), Route("/packed", packed)]
    return TestClient(
        Starlette(routes=routes, middleware=[Middleware(Beats, sessions=sessions), Middleware(Early, script=HEARTBEAT)])
    )


def test_the_script_is_the_first_thing_in_a_documents_head(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.text.startswith("<!doctype html><html><head><script>")
    assert answer.text.count("<script>") == 1
    assert answer.text.endswith(PAGE.partition("<head>")[2])
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_nothing_else_is_touched(client: TestClient) -> None:
    assert client.get("/data").json() == {"html": PAGE}
    with client.stream("GET", "/packed") as answer:
        assert b"".join(answer.iter_raw()) == b"<head>"


def test_a_sign_of_life_ends_at_once(client: TestClient, sessions: Sessions) -> None:
    kept = {"abc": SimpleNamespace(is_closed=True)}
    sessions.kept = kept
    assert client.get("/gradio_api/heartbeat/abc").status_code == 204
    assert kept["abc"].is_closed is False
    assert client.get("/gradio_api/heartbeat/a.b").status_code == 404


def test_a_document_in_parts_is_sent_whole() -> None:
    sent: list[dict[str, object]] = []

    async def app(scope: object, receive: object, send: object) -> None:
        headers = [(b"Content-Type", b"text/html; charset=utf-8"), (b"Content-Length", b"12")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
        for part, more in ((b"<he", True), (b"ad>", True), (b"rest..", False)):
            await send({"type": "http.response.body", "body": part, "more_body": more})  # type: ignore[operator]

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(Early(app, HEARTBEAT)({"type": "http", "path": "/", "method": "GET"}, None, send))  # type: ignore[arg-type]
    start, body = sent
    assert body["body"].startswith(b"<head><script>")  # type: ignore[union-attr]
    assert body["body"].endswith(b"</script>rest..")  # type: ignore[union-attr]
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()  # type: ignore


def test_a_silent_tab_is_closed_and_one_that_comes_back_is_not() -> None:
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    kept = {name: SimpleNamespace(is_closed=False) for name in ("gone", "here")}
    sessions.kept = kept
    sessions.beat("gone")
    now[0] = SILENT_SECONDS
    sessions.beat("here")
    assert not kept["gone"].is_closed
    now[0] += 1
    sessions.beat("here")
    assert kept["gone"].is_closed
    assert not kept["here"].is_closed
    sessions.beat("gone")
    assert not kept["gone"].is_closed


def test_the_queue_of_gradio_looks_rarely_and_answers_all_the_same() -> None:
    """The attribute is Gradio's own: a version without it is to be seen here."""
    with gr.Blocks() as demo:
        told = gr.Textbox()
        gr.Button().click(lambda: "answered", outputs=told, api_name="ask")
    demo.queue()
    assert demo._queue.sleep_when_free < QUEUE_SECONDS, "Gradio looks rarely by itself now"
    unhurried(demo)
    demo.launch(prevent_thread_lock=True, quiet=True)
    try:
        assert demo._queue.sleep_when_free == QUEUE_SECONDS
        body = {"fn_index": 0, "data": [], "session_hash": "one"}
        assert httpx.post(f"{demo.local_url}gradio_api/queue/join", json=body).status_code == 200
        answers = httpx.get(f"{demo.local_url}gradio_api/queue/data", params={"session_hash": "one"}, timeout=10).text
        assert '"answered"' in answers
    finally:
        demo.close()
