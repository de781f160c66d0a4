"""The gate by itself, before an app that answers everything: who passes, by which doors, and what is sent along."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from dashboard.sharing.asked import ShareRefused, refuse_unsafe
from dashboard.sharing.doors import Doors
from dashboard.sharing.gate import COOKIE, Gate
from dashboard.sharing.guarding import LocalOnly, guards, is_local
from dashboard.sharing.limits import (
    BODY_BYTES,
    FAILURE_WINDOW,
    FAILURES,
    IDLE_SECONDS,
    LOCK_MOST,
    LOCK_SECONDS,
    REPLACE_SECONDS,
    VISITORS,
)
from dashboard.sharing.login_page import language, login_html
from dashboard.sharing.logins import Logins, shown_name
from dashboard.texts import Lang

PASSWORD = "correct horse battery staple"
HTML = {"accept": "text/html"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Behind:
    """An app that answers 200 to everything, and remembers what reached it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"") if scope["method"] == "POST" else b""
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.seen.append((scope["method"], scope["path"], headers, body))
        answer = json.dumps({"event_id": f"event{len(self.seen)}"}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"x")]})
        await send({"type": "http.response.body", "body": answer})


class Browser:
    """What a browser, or a program, sends to an ASGI app."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.cookie = ""

    def __call__(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, /, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        data = json.dumps(body).encode() if isinstance(body, dict) else body or b""
        given = {"host": "here:1", **({"cookie": self.cookie} if self.cookie else {})}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        sent: list[Any] = []
        parts = [data[at : at + 1000] for at in range(0, max(len(data), 1), 1000)]
        messages = [{"type": "http.request", "body": one, "more_body": True} for one in parts]
        messages[-1]["more_body"] = False

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        if "set-cookie" in found:
            self.cookie = found["set-cookie"].partition(";")[0]
        return sent[0]["status"], found, sent[1]["body"].decode()

    def log_in(self, name: str = "Ann", password: str = PASSWORD, **headers: str) -> int:
        form = urlencode({"name": name, "password": password}).encode()
        return self("POST", "/login", form, **headers)[0]


def gated(events: tuple[int, ...] = (), root: str = "", clock: Clock | None = None) -> tuple[Gate, Behind]:
    behind = Behind()
    return Gate(behind, Logins(PASSWORD, clock or Clock()), Doors({"/", "/run-1"}, events), root), behind


@pytest.mark.parametrize(
    "path", ["/", "/run-1", "/config", "/theme.css", "/assets/x.js", "/gradio_api/heartbeat/a", "/x", "//", "/login/"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_passes_without_a_login(method: str, path: str) -> None:
    gate, behind = gated((0,))
    for cookie in ("", f"{COOKIE}=x", f"{COOKIE}=", "a" * 5000, f'{COOKIE}="', "=;=;", "\xff"):
        status, headers, _ = Browser(gate)(method, path, b"{}", cookie=cookie, x_clinic_visitor="admin")
        assert status == 401
        assert headers["cache-control"] == "no-store"
    assert behind.seen == []


def test_a_page_leads_to_the_form_and_the_form_to_the_page() -> None:
    gate, behind = gated()
    browser = Browser(gate)
    status, headers, _ = browser("GET", "/run-1", **HTML)
    assert (status, headers["location"]) == (303, "/login")
    assert 'name="password"' in browser("GET", "/login")[2]
    assert browser.log_in() == 303
    assert browser("GET", "/run-1")[0] == 200
    assert [one.name for one in gate.logins.who()] == ["Ann"]
    assert browser("POST", "/logout")[0] == 303
    assert browser("GET", "/run-1")[0] == 401
    assert len(behind.seen) == 1


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_form_runs_nothing_and_tells_nothing(lang: Any) -> None:
    made = login_html("/login", lang, "locked", 61)
    assert "<script" not in made
    assert f'lang="{lang}"' in made
    assert "sft" not in made


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("de,en", "en"), ("", "en"), (",;;,", "en"), ("fr-FR,zh-TW", "zh")],
)
def test_the_form_speaks_the_browser_s_language(accepted: str, lang: str) -> None:
    assert language(accepted) == lang


def test_cookies_are_out_of_reach() -> None:
    gate, _ = gated()
    gate.public = "abc.gradio.live"
    form = urlencode({"name": "a", "password": PASSWORD}).encode()
    over_link = Browser(gate)("POST", "/login", form, host="abc.gradio.live")[1]["set-cookie"]
    at_home = Browser(gate)("POST", "/login", form)[1]["set-cookie"]
    assert "; HttpOnly; SameSite=Lax; Secure" in over_link
    assert "Secure" not in at_home
    # A browser takes a cookie of this name from this very host only, and keeps it from its siblings.
    assert over_link.startswith("__Host-clinic_share=")
    assert "Path=/;" in over_link
    assert "Domain" not in over_link
    token = over_link.partition(";")[0].partition("=")[2]
    assert Browser(gate)("GET", "/", host="abc.gradio.live", cookie=f"__Host-{COOKIE}={token}")[0] == 200
    assert Browser(gate)("GET", "/", host="abc.gradio.live", cookie=f"{COOKIE}={token}")[0] == 401


def test_wrong_passwords_lock_the_door_for_longer_and_longer() -> None:
    clock = Clock()
    gate, _ = gated(clock=clock)
    inside = Browser(gate)
    assert inside.log_in() == 303
    for _ in range(int(FAILURES) - 1):
        assert Browser(gate).log_in(password="guess") == 403
    assert Browser(gate).log_in(password="guess") == 429
    assert Browser(gate).log_in() == 429  # the right one too: a guess must not be told from a miss
    assert inside("GET", "/")[0] == 200
    clock.now += LOCK_SECONDS + 1
    assert Browser(gate).log_in() == 303
    waits = []
    for _ in range(6):
        found = [gate.logins.enter("x", "guess") for _ in range(int(FAILURES))][-1]
        waits.append(found.wait)
        clock.now += found.wait + 1
    assert waits == [min(LOCK_MOST, LOCK_SECONDS * 2**n) for n in range(1, 7)]


def test_a_generated_password_opens_in_spite_of_a_lock() -> None:
    logins = Logins(PASSWORD, Clock(), generated=True)
    for _ in range(int(FAILURES)):
        logins.enter("x", "guess")
    assert logins.enter("x", "guess").refused == "locked"
    assert logins.enter("Ann", PASSWORD).token


def test_a_new_login_takes_the_place_of_an_idle_one_where_all_are_taken() -> None:
    clock = Clock()
    logins = Logins(PASSWORD, clock)
    tokens = [logins.enter(f"v{n}", PASSWORD).token for n in range(int(VISITORS))]
    clock.now += REPLACE_SECONDS - 1
    assert logins.enter("late", PASSWORD).refused == "full"
    for n in (0, 1, 2):
        logins.visitor(tokens[n])
    clock.now += 1
    assert logins.enter("v7", PASSWORD).token  # of the same name first
    assert logins.visitor(tokens[7]) is None
    assert logins.enter("late", PASSWORD).token  # then the one unseen the longest
    assert logins.visitor(tokens[3]) is None
    assert logins.visitor(tokens[0]) is not None


def test_an_idle_login_is_over_by_itself() -> None:
    clock = Clock()
    logins = Logins(PASSWORD, clock)
    token = logins.enter("Ann", PASSWORD).token
    clock.now += IDLE_SECONDS
    assert logins.visitor(token) is None


def test_failures_far_apart_lock_nothing() -> None:
    clock = Clock()
    logins = Logins(PASSWORD, clock)
    for _ in range(5 * int(FAILURES)):
        assert logins.enter("x", "guess").refused == "wrong"
        clock.now += FAILURE_WINDOW / (FAILURES - 1) + 1
    assert logins.failed == 5 * FAILURES


def test_as_many_as_fit_and_the_idle_make_room() -> None:
    clock = Clock()
    logins = Logins(PASSWORD, clock)
    tokens = [logins.enter(f"v{n}", PASSWORD).token for n in range(int(VISITORS))]
    assert logins.enter("more", PASSWORD).refused == "full"
    clock.now += IDLE_SECONDS - 1
    assert logins.visitor(tokens[0]) is not None
    clock.now += 2
    assert logins.enter("more", PASSWORD).token
    assert [one.name for one in logins.who()] == ["v0", "more"]
    assert logins.visitor(tokens[1]) is None


@pytest.mark.parametrize(
    "password", ["", " ", PASSWORD[:-1], PASSWORD + " ", PASSWORD.upper(), "\ud800", "a" * 100_000]
)
def test_only_the_password_is_the_password(password: str) -> None:
    assert Logins(PASSWORD).enter("x", password).refused == "wrong"


def test_names_are_one_line_with_nothing_hidden() -> None:
    assert shown_name("a\nb\x1b[31m\u202e<b>") == "a b\\u202e<b>"
    assert shown_name("  ") == "?"
    assert len(shown_name("x" * 999)) == 40


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"", 403),
        (b"password=x", 403),
        (b"\xff\xfe", 400),
        (b"&" * 4000, 400),
        (b"name=" + b"x" * 17000, 413),
        (b"password=" + b"a&password=" * 20, 400),
        (b'{"name": "a", "password": {"$ne": 1}}', 403),
    ],
)
def test_forms_that_are_none(form: bytes, status: int) -> None:
    gate, _ = gated()
    assert Browser(gate)("POST", "/login", form)[0] == status
    assert gate.logins.who() == []


def test_only_what_is_listed_is_there() -> None:
    gate, behind = gated()
    browser = Browser(gate)
    browser.log_in()
    for path in (
        "/",
        "/run-1",
        "/theme.css",
        "/assets/index-a.b_c.js",
        "/static/fonts/x/y.woff2",
        "/gradio_api/startup-events",
    ):
        assert browser("GET", path)[0] == 200, path
    reached = len(behind.seen)
    closed = [
        *(
            "/config",
            "/gradio_api/info",
            "/gradio_api/openapi.json",
            "/gradio_api/file=/etc/passwd",
            "/file=/etc/passwd",
        ),
        *(
            "/gradio_api/file/etc/passwd",
            "/gradio_api/proxy=http://x",
            "/monitoring",
            "/monitoring/summary",
            "/gradio_api/runs",
        ),
        *(
            "/gradio_api/deep_link",
            "/?deep_link=abcdefghijk",
            "/gradio_api/vibe-code",
            "/gradio_api/call/x",
            "/dev/reload",
        ),
        *(
            "/gradio_api/queue/data?session_hash=a",
            "/gradio_api/heartbeat/a",
            "/gradio_api/upload_progress?upload_id=1",
        ),
        *(
            "/assets/../config",
            "/assets/..%2fx",
            "/static/a/../../x",
            "/run-2",
            "/run-1/",
            "//",
            "/gradio_api/mcp",
            "/svelte/x",
        ),
        *(
            "/gradio_api/stream/a/b/c/playlist.m3u8",
            "/gradio_api/custom_component/a/b/c/d",
            "/docs",
            "/openapi.json",
            "/token",
        ),
    ]
    for path in closed:
        assert browser("GET", path)[0] == 404, path
    for path in (
        "/",
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/gradio_api/run/x",
        "/gradio_api/api/x",
        "/gradio_api/reset",
    ):
        assert browser("POST", path, {"session_hash": "a", "fn_index": 0, "data": []})[0] == 404, path
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
        assert browser(method, "/")[0] == 404
    assert len(behind.seen) == reached


EVENT = {"session_hash": "mine", "fn_index": 3, "data": ["hello"], "event_data": None, "trigger_id": 7}


def test_an_event_goes_on_with_its_own_fields_only() -> None:
    gate, behind = gated((3,))
    browser = Browser(gate)
    browser.log_in()
    extra = {"request": {"headers": "x"}, "simple_format": True, "batched": True, "event_id": "other"}
    sent = browser("POST", "/gradio_api/queue/join", {**EVENT, **extra}, x_clinic_visitor="admin", accept_encoding="br")
    assert sent[0] == 200
    _, _, headers, body = behind.seen[-1]
    assert json.loads(body) == EVENT
    assert headers["content-length"] == str(len(body))
    assert headers["x-clinic-visitor"] == gate.logins.who()[0].key
    assert "accept-encoding" not in headers


@pytest.mark.parametrize(
    "change",
    [
        {"fn_index": 4},
        {"fn_index": -1},
        {"fn_index": True},
        {"fn_index": "3"},
        {"fn_index": None},
        {"fn_index": [3]},
        {"fn_index": 3.0},
        {"session_hash": None},
        {"session_hash": "../x"},
        {"session_hash": "a" * 65},
        {"session_hash": {"a": 1}},
        {"data": "x"},
        {"data": None},
        {"data": {"0": 1}},
        {"event_data": [1]},
        {"event_data": "x"},
        {"trigger_id": "7"},
        {"trigger_id": True},
    ],
)
def test_events_of_wrong_types_go_nowhere(change: dict[str, Any]) -> None:
    gate, behind = gated((3,))
    browser = Browser(gate)
    browser.log_in()
    assert browser("POST", "/gradio_api/queue/join", {**EVENT, **change})[0] == 404
    assert behind.seen == []


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"3", b"null", b"\xff", b"[" * 60000, b'{"a":' * 9000, b'{"fn_index": 1e999}']
)
def test_bodies_that_are_no_event_go_nowhere(body: bytes) -> None:
    gate, behind = gated((3,))
    browser = Browser(gate)
    browser.log_in()
    assert browser("POST", "/gradio_api/queue/join", body)[0] == 404
    assert behind.seen == []


def test_a_huge_body_is_not_read() -> None:
    gate, behind = gated((3,))
    browser = Browser(gate)
    browser.log_in()
    assert browser("POST", "/gradio_api/queue/join", b" " * (int(BODY_BYTES) + 1))[0] == 413
    assert behind.seen == []


def test_nobody_gets_at_another_s_session_or_event() -> None:
    gate, behind = gated((3,))
    ann, bob = Browser(gate), Browser(gate)
    ann.log_in("Ann")
    bob.log_in("Bob")
    event = json.loads(ann("POST", "/gradio_api/queue/join", EVENT)[2])["event_id"]
    reached = len(behind.seen)
    assert bob("POST", "/gradio_api/queue/join", EVENT)[0] == 404
    assert bob("GET", "/gradio_api/queue/data?session_hash=mine")[0] == 404
    assert bob("GET", "/gradio_api/heartbeat/mine")[0] == 404
    own = {"session_hash": "bobs", "fn_index": 3, "event_id": event}
    assert bob("POST", "/gradio_api/cancel", own)[0] == 404
    assert bob("POST", "/gradio_api/cancel", {**own, "session_hash": "mine"})[0] == 404
    assert len(behind.seen) == reached
    assert ann("GET", "/gradio_api/queue/data?session_hash=mine")[0] == 200
    assert ann("POST", "/gradio_api/cancel", {**own, "session_hash": "mine"})[0] == 200


OTHERS: list[dict[str, str]] = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://here:2"},
    {"origin": "http://[here"},
    {"origin": "http://here:1", "sec_fetch_site": "cross-site"},
    {"origin": "https://x.example", "x_forwarded_host": "x.example"},  # any page may send that header
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
    {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "document"},
]


@pytest.mark.parametrize("headers", OTHERS, ids=str)
def test_other_sites_send_nothing_and_read_nothing(headers: dict[str, str]) -> None:
    gate, behind = gated((3,))
    browser = Browser(gate)
    browser.log_in()
    assert browser("POST", "/gradio_api/queue/join", EVENT, **headers)[0] == 403
    assert browser("POST", "/logout", **headers)[0] == 403
    assert Browser(gate).log_in(**headers) == 403
    for path in ("/", "/run-1", "/theme.css", "/login"):
        assert browser("GET", path, **headers)[0] == 403
        assert browser("OPTIONS", path, **headers)[0] == 403
    assert behind.seen == []
    assert gate.logins.who() != []


def test_our_own_pages_send_and_a_link_from_elsewhere_leads_here() -> None:
    gate, _ = gated((3,))
    browser = Browser(gate)
    assert browser.log_in(origin="http://here:1", sec_fetch_site="same-origin") == 303
    assert browser("POST", "/gradio_api/queue/join", EVENT, origin="http://here:1")[0] == 200
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert browser("GET", "/", **link)[0] == 200
    assert browser("POST", "/logout", **link)[0] == 403
    gate.public = "me-clinic.hf.space"  # a Space's proxy tells another host than the browser's
    assert browser("GET", "/", origin="https://me-clinic.hf.space")[0] == 200


def test_no_other_site_may_read_what_the_app_would_let_it_read() -> None:
    async def open_to_all(scope: Any, receive: Any, send: Any) -> None:
        allowed = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-allow-credentials", b"true")]
        await send({"type": "http.response.start", "status": 200, "headers": allowed})
        await send({"type": "http.response.body", "body": b""})

    gate = Gate(open_to_all, Logins(PASSWORD), Doors({"/"}))
    browser = Browser(gate)
    browser.log_in()
    local = Browser(LocalOnly(open_to_all))
    for headers in (browser("GET", "/")[1], local("GET", "/", host="localhost:1")[1]):
        assert not [name for name in headers if name.lower().startswith("access-control-")]
    assert local("GET", "/", host="localhost:1")[1]["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("headers", OTHERS, ids=str)
def test_no_other_page_of_this_machine_reaches_the_local_dashboard(headers: dict[str, str]) -> None:
    behind = Behind()
    browser = Browser(LocalOnly(behind))
    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
        assert browser(method, "/gradio_api/upload", host="127.0.0.1:7860", **headers)[0] == 403
    assert behind.seen == []


@pytest.mark.parametrize(
    "other",
    ["a=1; ", 'prefs={"x":1}; ', "t=a b; ", "x; ", 'a="un; ', "b=\xe9; ", "cookie:colon=1; ", 'e=[1,"2"]; ', ";;=;"],
)
def test_other_apps_cookies_take_nobody_s_login(other: str) -> None:
    gate, _ = gated()
    browser = Browser(gate)
    browser.log_in()
    assert browser("GET", "/", cookie=other + browser.cookie)[0] == 200
    assert browser("GET", "/", cookie=f"{browser.cookie}; {other}")[0] == 200


def test_answers_carry_the_second_defence() -> None:
    gate, _ = gated()
    browser = Browser(gate)
    browser.log_in()
    page, asset = browser("GET", "/")[1], browser("GET", "/assets/a.js")[1]
    for headers in (page, asset, browser("GET", "/login")[1], browser("GET", "/nothing")[1]):
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert "connect-src 'self'" in page["content-security-policy"]
    assert page["cache-control"] == "no-store"
    assert "cache-control" not in asset
    assert Browser(gate)("GET", "/robots.txt")[2] == "User-agent: *\nDisallow: /\n"


@pytest.mark.parametrize("stripped", [True, False])
def test_behind_a_proxy_s_path(stripped: bool) -> None:
    gate, behind = gated(root="/clinic")
    before = "" if stripped else "/clinic"
    browser = Browser(gate)
    assert browser("GET", f"{before}/run-1", **HTML)[1]["location"] == "/clinic/login"
    form = urlencode({"name": "a", "password": PASSWORD}).encode()
    status, headers, _ = browser("POST", f"{before}/login", form)
    assert (status, headers["location"]) == (303, "/clinic/")
    assert "Path=/clinic;" in headers["set-cookie"]
    assert browser("GET", f"{before}/run-1")[0] == 200
    assert behind.seen[-1][1] == "/run-1"
    assert 'action="/clinic/login"' in browser("GET", f"{before}/login")[2]


def test_the_admin_s_own_gate_lets_all_through_after_a_login() -> None:
    behind = Behind()
    (middleware,) = guards("192.0.2.1", PASSWORD, {})
    gate = middleware.cls(behind, **middleware.kwargs)
    browser = Browser(gate)
    assert browser("GET", "/gradio_api/startup-events")[0] == 200
    assert browser("POST", "/gradio_api/queue/join", {})[0] == 401
    assert browser("GET", "/config")[0] == 401
    browser.log_in()
    assert browser("POST", "/gradio_api/queue/join", {})[0] == 200
    assert browser("GET", "/config")[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", ""])
def test_other_addresses_need_a_password(host: str) -> None:
    with pytest.raises(ShareRefused, match="give a password"):
        guards(host, None, {})
    with pytest.raises(ShareRefused, match="at least 12"):
        guards(host, "short", {})


@pytest.mark.parametrize("host", ["::1", "::", "fe80::1%eth0"])
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_ipv6_is_refused_in_a_sentence(host: str, password: str | None) -> None:
    with pytest.raises(ShareRefused, match="IPv6 is not served"):
        refuse_unsafe({}, host, password)


def test_nothing_starts_where_gradio_lets_visitors_edit_files() -> None:
    for host, password in (("127.0.0.1", None), ("0.0.0.0", PASSWORD)):
        with pytest.raises(ShareRefused, match="GRADIO_VIBE_MODE"):
            refuse_unsafe({"GRADIO_VIBE_MODE": "1"}, host, password)


def test_the_local_dashboard_answers_its_own_machine_only() -> None:
    behind = Behind()
    (middleware,) = guards("127.0.0.1", None, {})
    assert middleware.cls is LocalOnly
    browser = Browser(middleware.cls(behind))
    for host in ("127.0.0.1:7860", "localhost:7860", "127.0.0.1"):
        assert browser("GET", "/", host=host)[0] == 200
    for host in (
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "",
        "[",
        "[::1]:7860",
        "192.168.1.5:7860",
    ):
        assert not is_local(host)
        assert browser("GET", "/", host=host)[0] == 403
    reached = len(behind.seen)
    assert browser("POST", "/gradio_api/queue/join", {}, host="127.0.0.1:7860", origin="http://evil.example")[0] == 403
    assert len(behind.seen) == reached
    assert (
        browser("POST", "/gradio_api/queue/join", {}, host="127.0.0.1:7860", origin="http://127.0.0.1:7860")[0] == 200
    )


@pytest.mark.parametrize(
    ("accepted", "home"), [("zh-CN,en;q=0.5", "/clinic/zh"), ("en", "/clinic/"), ("de", "/clinic/")]
)
def test_a_login_leads_to_the_pages_in_its_own_language(accepted: str, home: str) -> None:
    homes: dict[Lang, str] = {"en": "/", "zh": "/zh"}
    gate = Gate(Behind(), Logins(PASSWORD, Clock()), Doors({"/", "/zh"}), "/clinic", homes=homes)
    form = urlencode({"name": "Ann", "password": PASSWORD}).encode()
    _, headers, _ = Browser(gate)("POST", "/login", form, accept_language=accepted)
    assert headers["location"] == home


def test_after_a_wrong_password_the_name_is_still_there() -> None:
    browser = Browser(gated()[0])
    form = urlencode({"name": '"><img src=x>' + "n" * 90, "password": "a wrong password"}).encode()
    _, _, page = browser("POST", "/login", form)
    assert "<img" not in page
    assert f'value="&quot;&gt;&lt;img src=x&gt;{"n" * 27}"' in page
    assert page.index("autofocus") > page.index('id="password"')
    _, _, fresh = browser("GET", "/login")
    assert fresh.index("autofocus") < fresh.index('id="password"')
