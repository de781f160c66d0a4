"""Many, slow and greedy visitors over real HTTP: nobody takes the shared server away from the others."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.sharing import patient, server
from dashboard.sharing.doors import Doors
from dashboard.sharing.gate import Gate
from dashboard.sharing.limits import JOINS_A_MINUTE, QUEUE, STREAMS, WAITING
from dashboard.sharing.logins import Logins
from dashboard.sharing.server import Serving
from tests.dashboard.sharing.test_abuse import PASSWORD, Served, join, outcome, serve

MOST = 40


@pytest.fixture(scope="module")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = serve(tmp_path_factory.mktemp("crowd") / "runs", "try")
    yield served
    served.close()  # type: ignore[attr-defined]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server with places for few, behind whose gate every request of who is logged in lasts."""
    monkeypatch.setattr(server, "CONNECTIONS", MOST)
    monkeypatch.setattr(patient, "CONNECTIONS", MOST)
    monkeypatch.setattr(patient, "SPARE", 10)
    monkeypatch.setattr(patient, "HEAD_SECONDS", 0.6)
    monkeypatch.setattr(patient, "BODY_SECONDS", 0.6)

    async def lasting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(20)

    serving = Serving(Gate(lasting, Logins(PASSWORD), Doors({"/"})), "127.0.0.1", 0)
    serving.start()
    yield serving
    serving.close()


def connected(port: int) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", port))
    found.settimeout(10)
    return found


def test_idle_connections_take_nobody_s_place(small: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "HEAD_SECONDS", 30)
    with ExitStack() as stack:
        for _ in range(3 * MOST):
            stack.enter_context(connected(small.port))
        time.sleep(1)
        for _ in range(5):
            assert httpx.get(f"http://127.0.0.1:{small.port}/login", timeout=5).status_code == 200


def test_requests_beyond_the_bound_are_refused(small: Serving) -> None:
    entered = small.server.config.app.logins.enter("Ann", PASSWORD)  # type: ignore[union-attr]
    asks = f"GET / HTTP/1.1\r\nHost: x\r\nCookie: clinic_share={entered.token}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(MOST - 1):
            stack.enter_context(connected(small.port)).sendall(asks)
        deadline = time.monotonic() + 10
        while len(small.server.server_state.tasks) < MOST - 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert httpx.get(f"http://127.0.0.1:{small.port}/login", timeout=5).status_code == 503


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HT",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n",  # answered; then a second one that comes in drops
    ],
)
def test_a_request_in_drops_is_cut_off(small: Serving, start: bytes) -> None:
    began = time.monotonic()
    with connected(small.port) as drops:
        drops.sendall(start)
        time.sleep(0.2)
        with pytest.raises(OSError, match=r"reset|pipe"):
            drip(drops)
    assert time.monotonic() - began < 8


def drip(drops: socket.socket) -> None:
    """Send a letter now and then, for ten seconds."""
    for _ in range(100):
        drops.sendall(b"x")
        time.sleep(0.1)


def test_a_visitor_s_streams_are_bounded(trying: Served) -> None:
    with trying.client("Tabs") as client, trying.client("Other") as other, ExitStack() as stack:
        for n in range(int(STREAMS)):
            stream = stack.enter_context(client.stream("GET", f"/gradio_api/heartbeat/tab{n}"))
            assert stream.status_code == 200
        refused = client.get("/gradio_api/heartbeat/more")
        assert refused.status_code == 429
        assert refused.json()["detail"].startswith("You have too many tabs open")
        with other.stream("GET", "/gradio_api/heartbeat/others") as stream:
            assert stream.status_code == 200
        stack.close()
        deadline = time.monotonic() + 20
        while True:
            with client.stream("GET", "/gradio_api/heartbeat/again") as stream:
                if stream.status_code == 200:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.2)


ASKED = ["hello", ["plain/checkpoint-5"], 0.0]


def test_one_visitor_waits_with_two_prompts_and_the_others_get_theirs(trying: Served) -> None:
    trying.answering.go_on.clear()
    try:
        with trying.client("Flood") as flood, trying.client("Bob") as bob:
            codes = [join(flood, trying, "asked", ASKED, f"flood{n}").status_code for n in range(6)]
            assert codes == [200] * int(WAITING) + [429] * (6 - int(WAITING))
            refused = join(flood, trying, "next_ballot", ["which?"], "flood")
            assert refused.status_code == 429
            assert refused.json()["detail"].startswith("Two prompts of yours")
            flood.headers["accept-language"] = "zh-CN"
            assert "提问" in join(flood, trying, "asked", ASKED, "flood").json()["detail"]
            assert join(flood, trying, "choose", [], "flood", {"choice": "1"}).status_code == 200
            assert join(bob, trying, "asked", ASKED, "bob").status_code == 200
            trying.answering.go_on.set()
            assert outcome(bob, "bob")["success"]
            outcome(flood, "flood0")
            outcome(flood, "flood1")
            assert join(flood, trying, "asked", ASKED, "flood9").status_code == 200
            outcome(flood, "flood9")
    finally:
        trying.answering.go_on.set()


def test_prompts_sent_at_once_are_counted_before_they_are_in_the_line(trying: Served) -> None:
    trying.answering.go_on.clear()
    codes: list[int] = []
    try:
        with trying.client("Burst") as client:
            threads = [
                threading.Thread(
                    target=lambda n=n: codes.append(join(client, trying, "asked", ASKED, f"burst{n}").status_code)
                )
                for n in range(12)
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join(30)
            assert codes.count(200) == WAITING
            trying.answering.go_on.set()
            for n in range(12):
                if trying.app.line().keys() == []:
                    break
                time.sleep(0.2 * n)
    finally:
        trying.answering.go_on.set()


def test_a_full_line_is_told_in_our_own_words(trying: Served) -> None:
    trying.answering.go_on.clear()
    try:
        with ExitStack() as stack:
            clients = [stack.enter_context(trying.client(f"Full{n}")) for n in range(11)]
            codes = [join(clients[n // 2], trying, "asked", ASKED, f"full{n}").status_code for n in range(int(QUEUE))]
            assert codes == [200] * int(QUEUE)
            refused = join(clients[-1], trying, "asked", ASKED, "full")
            assert (refused.status_code, refused.json()["detail"]) == (
                429,
                "Too many prompts wait; try again in a minute.",
            )
            trying.answering.go_on.set()
            for n in range(int(QUEUE)):
                outcome(clients[n // 2], f"full{n}")
    finally:
        trying.answering.go_on.set()


def test_events_are_counted_when_they_come(trying: Served) -> None:
    codes = []
    for session in ("joiner", "once-more"):  # a new login under the same name gains nothing
        with trying.client("Joiner") as client:
            codes += [
                join(client, trying, "choose", [], session, {"choice": "1"}).status_code
                for _ in range(int(JOINS_A_MINUTE) // 2 + 2)
            ]
    assert codes.count(200) == JOINS_A_MINUTE, Counter(codes)
    assert codes[-1] == 429


def test_what_is_refused_fills_no_console(trying: Served, capfd: pytest.CaptureFixture[str]) -> None:
    with trying.client("Filler") as client:
        for n, data in enumerate((["a", ["x" * 30000], 0.0], ["a", ["plain/checkpoint-5"], 1e308], ["a", 7, "hot"])):
            assert join(client, trying, "asked", data, f"fill{n}").status_code == 200
            assert json.dumps(outcome(client, f"fill{n}")).count("note-warning") <= 1
    console = "".join(capfd.readouterr())
    assert "Traceback" not in console
    assert "x" * 100 not in console


def test_answers_and_ballots_show_no_folder_of_this_machine(trying: Served) -> None:
    trying.answering.said = f"{trying.root}/plain and {Path.home()}/x hf_abcdefghijklmnopqrst"
    try:
        with trying.client("Curious") as client:
            for event, data in (("asked", ASKED), ("next_ballot", ["which?"])):
                assert join(client, trying, event, data, f"curious-{event}").status_code == 200
                told = json.dumps(outcome(client, f"curious-{event}"))
                assert "alert(1)" in told
                for secret in (str(trying.root), "hf_abcdef", f"{Path.home()}/x"):
                    assert secret not in told
    finally:
        trying.answering.said = ""


def test_a_cookie_is_worth_nothing_after_its_logout(trying: Served) -> None:
    with trying.client("Leaving") as client:
        kept = {"cookie": f"clinic_share={client.cookies['clinic_share']}"}
        assert client.get("/", headers=kept).status_code == 200
        assert client.post("/logout").status_code == 303
        client.cookies.clear()
        assert client.get("/", headers=kept).status_code == 401
