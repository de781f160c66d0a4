"""The shared apps over real HTTP: every endpoint, without a login and with, wrong types, huge values, paths, other people."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.sharing.app.build import SharedApp
from dashboard.sharing.gate import Gate
from dashboard.sharing.logins import Logins
from dashboard.sharing.server import Serving
from dashboard.sharing.shown import Shown
from dashboard.sharing.trial import Trial
from dashboard.sharing.view import Content, all_pages
from diagnostics.report.as_html import POLICY
from tests.dashboard.sharing.shared_runs import EVIL, SCRIPT, SECRET, Answering, make

PASSWORD = "correct horse battery"
PROBES = ("x", "../../etc/passwd", "%2e%2e%2fetc%2fpasswd", "/etc/passwd", "1", "http://127.0.0.1:1/")


class Markup(HTMLParser):
    """What in a piece of HTML could run something, or lead elsewhere."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.feed(value)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("img", "script", "object", "embed", "base", "meta", "link", "style"):
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (
                name in ("href", "action", "src") and not (value or "").startswith(("./", "#"))
            ):
                self.bad.append(f"{tag} {name}={value}")
            if name == "srcdoc" and dict(attrs).get("sandbox") != "":
                self.bad.append("a frame with rights")


@dataclass
class Served:
    """One shared app that answers on a port."""

    app: SharedApp
    gate: Gate
    address: str
    root: Path
    answering: Answering

    @contextmanager
    def client(self, name: str = "Ann") -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.address, timeout=20) as client:
            assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
            yield client

    def endpoints(self) -> list[tuple[str, str]]:
        """Every method and path that Gradio serves, its parameters filled in with what a visitor should not get."""
        found = set()
        mounted = self.app.asgi.routes[-1].app.routes
        included = [
            one for route in mounted if hasattr(route, "original_router") for one in route.original_router.routes
        ]
        for route in (*mounted, *included):
            if not hasattr(route, "path"):
                continue
            for method in getattr(route, "methods", None) or ():
                for probe in PROBES:
                    found.add((method, re.sub(r"\{[^}]+\}", probe, route.path)))
        return sorted(found)


def serve(root: Path, kind: str, path: str = "") -> Served:
    names, answering, logins = make(root), Answering(), Logins(PASSWORD)
    shown = Shown(root, names)
    comparison = root / f"{NAMED}.html"
    comparison.write_text(f'<meta content="{POLICY}"><script>alert(3)</script> TRL Clinic "quoted" {root}')
    trial = Trial(shown, logins.by_key, answering) if kind == "try" else None
    app = SharedApp(Content(shown, (comparison,), time.time() + 60, "en", trial), path)
    gate = Gate(app.asgi, logins, app.doors(), path, line=app.line())
    serving = Serving(gate, "127.0.0.1", 0)
    serving.start()
    served = Served(app, gate, f"http://127.0.0.1:{serving.port}", root, answering)
    served.close = serving.close  # type: ignore[attr-defined]
    return served


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = serve(tmp_path_factory.mktemp("view") / "runs", "view")
    yield served
    served.close()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = serve(tmp_path_factory.mktemp("try") / "runs", "try")
    yield served
    served.close()  # type: ignore[attr-defined]


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Served:
    return request.getfixturevalue(request.param)


NAMED = SCRIPT.replace("/", "")  # of a comparison's file
BOTH = pytest.mark.parametrize("shared", ["view", "trying"], indirect=True)


def test_the_read_only_app_has_no_event_at_all(view: Served) -> None:
    assert view.app.blocks.fns == {}
    assert view.app.blocks.config["dependencies"] == []
    assert view.app.doors().events == frozenset()


def test_the_app_to_try_has_three_events_in_each_language(trying: Served) -> None:
    names = sorted(fn.name for key, fn in trying.app.blocks.fns.items() if key in trying.app.doors().events)
    assert names == ["asked", "asked", "choose", "choose", "next_ballot", "next_ballot"]


# What the admin's pages are called with: the Share page's controls, and those of the Settings page.
ADMINS = (
    "begin",
    "stop_sharing",
    "call_off",
    "to_file",
    "now",
    "tick",
    "opened",
    "keep_limits",
    "emptying",
    "sized",
    "queue",
    "start_demo",
)


@BOTH
def test_no_handler_of_the_admin_s_pages_is_in_it(shared: Served) -> None:
    """Neither by name nor by where it was written; and who asks for one by name or number finds nothing."""
    functions = list(shared.app.blocks.fns.values())
    assert not {fn.name for fn in functions} & set(ADMINS)
    assert {getattr(fn.fn, "__module__", "dashboard.sharing") for fn in functions} <= {
        "dashboard.sharing",
        "dashboard.sharing.app.trying",
    }
    with shared.client("Mallory") as client:
        for name in ADMINS:
            body = {"data": [], "session_hash": "admins"}
            assert client.post(f"/gradio_api/call/{name}", json=body).status_code == 404
            assert client.post(f"/gradio_api/run/{name}", json=body).status_code == 404
        known = shared.app.doors().events
        for number in range(-2, 600):
            if number not in known:
                body = {
                    "fn_index": number,
                    "data": [],
                    "session_hash": "admins",
                    "event_data": None,
                    "trigger_id": None,
                }
                assert client.post("/gradio_api/queue/join", json=body).status_code == 404, number
        for page in ("share", "settings", "zh-share", "zh-settings", "runs", "train"):
            assert client.get(f"/{page}").status_code == 404


@BOTH
def test_no_endpoint_answers_without_a_login(shared: Served) -> None:
    endpoints = shared.endpoints()
    assert len(endpoints) > 150
    with httpx.Client(base_url=shared.address, timeout=20) as client:
        for method, path in endpoints:
            if path.rstrip("/") in ("/login", "/robots.txt"):
                continue
            answer = client.request(method, path, headers={"x-clinic-visitor": "x", "x-forwarded-for": "127.0.0.1"})
            assert answer.status_code == 401, (method, path)
            assert answer.text in ("Log in first.", ""), (method, path)


@BOTH
def test_after_a_login_only_pages_and_their_files_answer(shared: Served) -> None:
    pages = {f"/{place.path}" for place in shared.app.content.places()}
    ours = {
        "/theme.css",
        "/gradio_api/theme.css",
        "/favicon.ico",
        "/gradio_api/startup-events",
        "/gradio_api/app_id",
        "/robots.txt",
    }
    answered = set()
    with shared.client() as client:
        for method, path in shared.endpoints():
            if path in ("/login", "/logout", "/login/") or "/heartbeat/" in path:
                continue
            answer = client.request(method, path, content=b"{}" if method == "POST" else None)
            assert answer.status_code in (200, 404), (method, path, answer.status_code)
            if answer.status_code == 200:
                answered.add(path)
            assert "root:x:0:0" not in answer.text
            assert SECRET not in answer.text
    assert answered - {"/assets/x", "/static/x"} <= pages | ours
    assert pages <= answered


@BOTH
def test_pages_run_nothing_and_tell_nothing_else(shared: Served) -> None:
    everything = ""
    with shared.client() as client:
        for place in shared.app.content.places():
            page = client.get(f"/{place.path}").text
            config, _ = json.JSONDecoder().raw_decode(page[page.index("window.gradio_config = ") + 23 :])
            everything += json.dumps(config, ensure_ascii=False)
            for told in (str(shared.root), str(Path.home()) + "/", SECRET, "hf_abcdef", PASSWORD):
                assert told not in page, (place, told)
            for one in config["components"]:
                value = one["props"].get("value")
                if one["type"] == "html" and isinstance(value, str):
                    assert Markup(value).bad == [], place
            # The script in the page that carries the config must not end before it should.
            assert SCRIPT not in page
            assert NAMED not in page
    # They were there to be escaped; a file's name holds no slash.
    assert html.escape(EVIL) in everything
    assert html.escape(NAMED) in everything


@BOTH
def test_injections_are_shown_as_text(shared: Served) -> None:
    pages = all_pages(shared.app.content, shared.app.content.places())
    assert html.escape(EVIL) in pages[""]  # a run's name
    assert html.escape(EVIL) in pages["run-1"]  # a tag, a reason
    assert "alert(2)" in pages["comparison-1"]  # a file's name
    assert pages["comparison-1"].count("<script>") == 0
    assert 'sandbox=""' in pages["comparison-1"]
    assert "&lt;script&gt;alert(3)" in pages["comparison-1"]


@BOTH
def test_headers_lie_and_change_nothing(shared: Served) -> None:
    lies = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "127.0.0.1",
        "x-clinic-visitor": "admin",
        "x-gradio-user": "app",
    }
    with shared.client() as client:
        assert client.get("/", headers=lies).status_code == 200
        assert client.get("/config", headers=lies).status_code == 404
    with httpx.Client(base_url=shared.address) as client:
        assert client.get("/", headers={**lies, "authorization": "Bearer x"}).status_code == 401


def join(
    client: httpx.Client, served: Served, name: str, data: Any, session: str, event_data: Any = None
) -> httpx.Response:
    number = min(key for key, fn in served.app.blocks.fns.items() if fn.name == name)
    body = {"fn_index": number, "data": data, "session_hash": session, "event_data": event_data, "trigger_id": None}
    return client.post("/gradio_api/queue/join", json=body)


def outcome(client: httpx.Client, session: str) -> dict[str, Any]:
    """The last message of a session's event."""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                message = json.loads(line[5:])
                if message["msg"] in ("process_completed", "unexpected_error"):
                    return message
    raise AssertionError("the stream ended")


def test_a_prompt_is_answered_and_its_injection_shown_as_text(trying: Served) -> None:
    with trying.client() as client:
        assert join(client, trying, "asked", [EVIL, ["plain/checkpoint-5"], 0.0], "s1").status_code == 200
        told = json.dumps(outcome(client, "s1"))
    assert "&lt;img src=x" in told
    assert "<img" not in told


@pytest.mark.parametrize(
    "data",
    [
        [],
        ["a"],
        ["a", ["plain/checkpoint-5"], 0.0, "more"],
        ["a", [f"{SECRET}/checkpoint-5"], 0.0],
        ["a", ["../x"], 0.0],
        ["a", "plain/checkpoint-5", 0.0],
        ["a", 3, 0.0],
        ["a", [["plain/checkpoint-5"]], 0.0],
        ["x" * 5000, ["plain/checkpoint-5"], 0.0],
        [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, ["plain/checkpoint-5"], 0.0],
        [{"path": "/etc/passwd"}, ["plain/checkpoint-5"], 0.0],
        ["a", ["plain/checkpoint-5"], 1e308],
        ["a", ["plain/checkpoint-5"], "hot"],
        ["a", ["plain/checkpoint-5"], None],
        ["", ["plain/checkpoint-5"], 0.0],
        [None, None, None],
    ],
    ids=lambda data: json.dumps(data)[:50],
)
def test_wrong_values_reach_no_other_run_and_tell_nothing(trying: Served, data: list[Any]) -> None:
    before = len(trying.answering.rows)
    session = f"w{abs(hash(json.dumps(data)))}"
    with trying.client("Wrong") as client:
        answer = join(client, trying, "asked", data, session)
        told = json.dumps(outcome(client, session)) if answer.status_code == 200 else answer.text
    for secret in ("root:x:0:0", "Traceback", str(trying.root), SECRET + "/checkpoint-5 ", "site-packages"):
        assert secret not in told
    for row in trying.answering.rows[before:]:
        assert row.source.name in trying.app.content.trial.offered  # type: ignore[union-attr]
        assert row.sampling.max_new_tokens <= 256
        assert 0 <= row.sampling.temperature <= 2
        assert len(row.messages[-1]["content"]) <= 4000


def test_nobody_votes_on_another_s_ballot(trying: Served) -> None:
    votes = trying.root / ".compare" / "votes.jsonl"
    with trying.client("Ann") as ann, trying.client("Bob") as bob:
        assert join(ann, trying, "next_ballot", ["which?"], "anns").status_code == 200
        told = json.dumps(outcome(ann, "anns"))
        assert "checkpoint-5" not in told  # blind in every message
        assert join(bob, trying, "choose", [], "anns", {"choice": "1"}).status_code == 404
        assert bob.get("/gradio_api/queue/data", params={"session_hash": "anns"}).status_code == 404
        assert join(bob, trying, "choose", [], "bobs", {"choice": "1"}).status_code == 200
        outcome(bob, "bobs")
        assert not votes.exists()
        for wrong in (
            {"choice": "9"},
            {"choice": None},
            {},
            None,
            {"choice": {"a": 1}},
            {"_data": {"choice": "1"}, "target": 3},
        ):
            assert join(ann, trying, "choose", [], "anns", wrong).status_code == 200
            outcome(ann, "anns")
        assert not votes.exists()
        assert join(ann, trying, "choose", [], "anns", {"choice": "1"}).status_code == 200
        outcome(ann, "anns")
        assert join(ann, trying, "choose", [], "anns", {"choice": "2"}).status_code == 200
        outcome(ann, "anns")
    (line,) = votes.read_text().splitlines()
    assert json.loads(line)["by"] == "Ann"


def test_a_visitor_s_prompts_are_counted_over_http(trying: Served) -> None:
    with trying.client("Quick") as client:
        told = []
        for n in range(8):
            assert join(client, trying, "asked", ["hello", ["plain/checkpoint-5"], 0.0], f"q{n}").status_code == 200
            told.append(json.dumps(outcome(client, f"q{n}")))
    assert sum("Try again in" in one for one in told) == 2


def test_many_votes_at_once_lose_none(trying: Served) -> None:
    votes = trying.root / ".compare" / "votes.jsonl"
    before = len(votes.read_text().splitlines()) if votes.exists() else 0
    failures: list[str] = []

    def visit(number: int) -> None:
        try:
            with trying.client(f"V{number}") as client:
                session = f"many{number}"
                assert join(client, trying, "next_ballot", [f"which {number}?"], session).status_code == 200
                outcome(client, session)
                assert join(client, trying, "choose", [], session, {"choice": "1"}).status_code == 200
                outcome(client, session)
        except Exception as error:
            failures.append(repr(error))

    visitors = [threading.Thread(target=visit, args=(n,)) for n in range(12)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join(60)
    assert failures == []
    assert len(votes.read_text().splitlines()) == before + 12


def test_newer_numbers_come_with_a_reload(view: Served) -> None:
    status = view.root / "plain" / "status.json"
    with view.client() as client:
        assert "now it stands still" not in client.get("/run-2").text
        status.write_text(json.dumps({"state": "stopped", "step": 8, "reason": "now it stands still"}))
        view.app.refresh(all_pages(view.app.content, view.app.content.places()))
        assert "now it stands still" in client.get("/run-2").text
    assert view.app.blocks.config["dependencies"] == []


def test_behind_a_reverse_proxy(tmp_path: Path) -> None:
    """A proxy that ends TLS at https://lab.example/clinic/, once with the path handed on and once without."""
    served = serve(tmp_path / "runs", "view", "/clinic")
    try:
        for before in ("", "/clinic"):
            proxied = {"host": "lab.example", "x-forwarded-proto": "https", "origin": "https://lab.example"}
            with httpx.Client(base_url=served.address, headers=proxied) as client:
                entered = client.post(f"{before}/login", data={"name": "Ann", "password": PASSWORD})
                assert entered.headers["location"] == "/clinic/"
                assert "Path=/clinic; HttpOnly; SameSite=Lax; Secure" in entered.headers["set-cookie"]
                cookie = {"cookie": entered.headers["set-cookie"].partition(";")[0]}
                page = client.get(f"{before}/run-2", headers=cookie).text
                config, _ = json.JSONDecoder().raw_decode(page[page.index("window.gradio_config = ") + 23 :])
                assert config["root"] == "https://lab.example/clinic"
                # Whatever the page loads lies below the path; its manifest, for phones to install it, is not served at all.
                assert not re.findall(r'(?:src|href)="/(?!/|manifest)', page)
                assert client.get(f"{before}/theme.css", headers=cookie).status_code == 200
    finally:
        served.close()  # type: ignore[attr-defined]
