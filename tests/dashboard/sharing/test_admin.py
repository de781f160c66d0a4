"""The admin's own app over real HTTP, with all of Gradio's middleware: what other pages and other people of the machine get."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.clinic import Clinic
from dashboard.sharing.asked import ShareRefused
from dashboard.sharing.guarding import LocalOnly, guards
from dashboard.sharing.tokens import LEAST, TokenGate, others_among, others_log_in, wanted
from tests.browser.conftest import ROOT, free_port
from tests.dashboard.sharing.test_gate import Behind, Browser

PASSWORD = "correct horse battery"


@contextmanager
def launched(root: Path, **more: Any) -> Iterator[str]:
    """The real app, and its address."""
    from dashboard.app import launch

    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    clinic, port = Clinic(root), free_port()
    demo = launch(clinic, port=port, block=False, **more)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        demo.close()
        clinic.close()


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with launched(tmp_path_factory.mktemp("admin")) as address:
        yield address


FOREIGN = [
    {"origin": "http://localhost:9996", "x-forwarded-host": "localhost:9996"},
    {"origin": "http://127.0.0.1:9996", "x-forwarded-host": "127.0.0.1:9996"},
    {"origin": "http://localhost:9996"},
    {"origin": "null"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_port_neither_asks_nor_reads_nor_sends(admin: str, headers: dict[str, str]) -> None:
    asks = {
        **headers,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-forwarded-host,content-type",
    }
    answers = [
        httpx.options(f"{admin}/gradio_api/queue/join", headers=asks),
        httpx.get(f"{admin}/config", headers=headers),
        httpx.get(f"{admin}/gradio_api/startup-events", headers=headers),
        httpx.post(f"{admin}/gradio_api/upload", files={"files": ("r.py", b"x = 1")}, headers=headers),
        httpx.post(f"{admin}/gradio_api/queue/join", json={"fn_index": 0, "data": []}, headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_its_own_page_is_served_and_sends(admin: str) -> None:
    own = {"origin": admin, "sec-fetch-site": "same-origin"}
    answer = httpx.get(f"{admin}/config", headers=own)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert httpx.post(f"{admin}/gradio_api/upload", files={"files": ("a.txt", b"x")}, headers=own).status_code == 200


@contextmanager
def started(root: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, Path]]:
    """The dashboard as the command line starts it: its address, and what it has printed."""
    port, log = free_port(), root.parent / "dashboard.log"
    command = [sys.executable, "-m", "dashboard", "--runs", str(root), "--port", str(port), *arguments]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("CLINIC_", "GRADIO_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env={**known, **environment})
    try:
        deadline = time.monotonic() + 90
        while "TRL Clinic: " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        time.sleep(0.3)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_a_token_is_asked_of_other_people_of_the_machine(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with started(root, "--token") as (address, log):
        (token,) = re.findall(rf"{address}/\?token=(\S+)", log.read_text())
        kept = root / ".clinic" / "token"
        assert kept.read_text() == token + "\n"
        for path in (kept, root / ".clinic" / "open.html"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        with httpx.Client(base_url=address, timeout=30) as other:
            for path in ("/", "/config", "/gradio_api/info", "/?token=", f"/?token={token}x", "/compare"):
                assert other.get(path).status_code == 401, path
            assert other.post("/gradio_api/upload", files={"files": ("r.py", b"x")}).status_code == 401
            assert other.post(f"/gradio_api/upload?token={token}", files={"files": ("r.py", b"x")}).status_code == 401
            page = other.get("/", headers={"accept": "text/html", "accept-language": "zh-CN"}).text
            assert "--no-token" in page
            assert ".clinic/token" in page
            assert '<html lang="zh">' in page
            assert token not in page
        with httpx.Client(base_url=address, timeout=30) as own:
            came = own.get("/compare", params={"token": token, "run": "a b"})
            assert (came.status_code, came.headers["location"]) == (303, "/compare?run=a+b")
            cookie = came.headers["set-cookie"]
            assert "; HttpOnly; SameSite=Strict" in cookie
            assert token not in cookie
            assert own.get("/").status_code == 200
            (path,) = own.post("/gradio_api/upload", files={"files": ("r.txt", b"mine")}).json()
            assert own.get(f"/gradio_api/file={path}").content == b"mine"
        uploads = next(one for one in Path(path).parents if one.name == "files")
        assert uploads.parent == kept.parent
        assert stat.S_IMODE(uploads.stat().st_mode) == 0o700
    assert not kept.exists()


def test_a_password_stands_before_the_dashboard_on_its_own_machine_too(tmp_path: Path) -> None:
    with started(tmp_path / "runs", CLINIC_PASSWORD=PASSWORD) as (address, log):
        assert httpx.get(f"{address}/config").status_code == 401
        with httpx.Client(base_url=address, timeout=30) as client:
            assert client.post("/login", data={"name": "me", "password": PASSWORD}).status_code == 303
            assert client.get("/config").status_code == 200
        assert PASSWORD not in log.read_text()


def test_what_is_asked_where_nothing_is_said() -> None:
    assert wanted(None, {}, others=False) == ""
    assert len(wanted(None, {}, others=True)) == 32
    assert wanted(False, {"CLINIC_TOKEN": "x" * LEAST}, others=True) == ""
    assert len(wanted(True, {}, others=False)) == 32
    assert wanted(True, {}) != wanted(True, {})
    assert wanted(None, {"CLINIC_TOKEN": "x" * LEAST}, others=False) == "x" * LEAST
    with pytest.raises(ShareRefused, match="at least 16"):
        wanted(None, {"CLINIC_TOKEN": "short"})


@pytest.mark.parametrize(
    ("accounts", "found"),
    [
        ([(0, "/bin/bash"), (1000, "/bin/bash")], False),  # one's own laptop
        ([(1000, "/bin/bash"), (1001, "/bin/zsh")], True),
        ([(1000, "/bin/bash"), (1001, "/usr/sbin/nologin"), (1002, "/bin/false"), (101, "/bin/bash")], False),
        ([(1000, "/bin/bash"), (65534, "/bin/sh")], False),  # nobody
        ([(1000, "/bin/bash"), (1001, "")], True),  # an empty shell is /bin/sh
    ],
)
def test_other_people_are_told_by_their_accounts(accounts: list[tuple[int, str]], found: bool) -> None:
    assert others_among(accounts, 1000) is found


@pytest.mark.parametrize(
    ("environment", "there", "found"),
    [
        ({"SLURM_JOB_ID": "7"}, "dockerenv", True),
        ({}, "dockerenv", False),
        ({"CI": "true"}, "nothing", False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "nothing", False),
    ],
)
def test_containers_are_one_s_own_and_clusters_are_not(
    environment: Mapping[str, str], there: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dockerenv").touch()
    monkeypatch.setattr("dashboard.sharing.tokens.ALONE", (tmp_path / there,))
    assert others_log_in(environment) is found


def test_the_token_leads_to_no_other_site_and_through_a_page_of_another() -> None:
    behind = Behind()
    local, asking = guards("127.0.0.1", None, {}, "x" * LEAST)
    assert (local.cls, asking.cls) == (LocalOnly, TokenGate)
    browser = Browser(asking.cls(behind, **asking.kwargs))
    assert browser("GET", f"//evil.example/?token={'x' * LEAST}")[1]["location"] == "/evil.example/"
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    status, headers, said = Browser(asking.cls(behind, **asking.kwargs))("GET", f"/?token={'x' * LEAST}", **link)
    assert status == 200
    assert 'content="0;url=/"' in said
    assert headers["set-cookie"].startswith("clinic_token_1=")
    assert behind.seen == []
    assert browser("GET", "/")[0] == 200
    assert browser("GET", "/", cookie=browser.cookie[:-1])[0] == 401
    assert browser("GET", "/", cookie="clinic_token_1=\xff")[0] == 401
    assert browser("GET", "/gradio_api/startup-events", cookie="")[0] == 200
