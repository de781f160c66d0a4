"""The Share page over real HTTP: its events as a browser sends them, wrong values too, and what others get of it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from dashboard.clinic import Clinic
from dashboard.sharing.desk import Desk
from tests.browser.conftest import free_port
from tests.dashboard.sharing.shared_runs import EVIL, make
from tests.dashboard.sharing.test_abuse import outcome
from tests.dashboard.sharing.test_tunnel import gone, stand_in

PASSWORD = "correct horse battery"
# In the order of the form: mode, runs, checkpoints, hours, password, link, port, path.
PLAIN: list[Any] = ["view", ["plain"], [], 8.0, PASSWORD, "tunnel", 0, ""]


@dataclass
class Admin:
    """A dashboard that answers, and its desk."""

    demo: gr.Blocks
    desk: Desk
    address: str
    root: Path

    def number(self, name: str) -> int:
        """The number of an event of the English page."""
        return min(key for key, fn in self.demo.fns.items() if fn.name == name and "share" in str(fn.fn.__module__))

    def call(self, client: httpx.Client, name: str, data: list[Any], session: str, opened: bool = True) -> str:
        """Send an event of a page that was opened before; what came of it, as text."""
        if opened:
            self.call(client, "opened", [], session, opened=False)
        body = {
            "fn_index": self.number(name),
            "data": data,
            "session_hash": session,
            "event_data": None,
            "trigger_id": None,
        }
        answer = client.post("/gradio_api/queue/join", json=body)
        assert answer.status_code == 200, answer.text
        return json.dumps(outcome(client, session), ensure_ascii=False)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    from dashboard.app import launch

    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    folder = tmp_path_factory.mktemp("admin")
    root = folder / "runs"
    make(root)
    clinic = Clinic(root)
    desk = Desk(root, tunnel=stand_in(folder))
    port = free_port()
    demo = launch(clinic, port=port, block=False, desk=desk)
    yield Admin(demo, desk, f"http://127.0.0.1:{port}", root)
    desk.stop()
    demo.close()
    clinic.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (0, "admin", "Choose what visitors may do"),
        (1, ["not there"], "not there any more"),
        (1, [], "Choose the runs to share first"),
        (3, 1e308, "more than 0 and at most 72"),
        (3, None, "more than 0 and at most 72"),
        (4, "short", "has 5 characters"),
        (5, "internet", "how they reach it"),
    ],
)
def test_wrong_values_are_refused_on_the_server_and_nothing_is_shared(
    admin: Admin, place: int, value: Any, says: str
) -> None:
    data = [value if at == place else one for at, one in enumerate(PLAIN)]
    with httpx.Client(base_url=admin.address, timeout=60) as client:
        told = admin.call(client, "begin", data, f"wrong{place}{len(says)}")
    # Gradio itself looks at what a choice may be: then it is an error of its own, and nothing is carried out either.
    assert says in told or '"success": false' in told
    assert admin.desk.now().kind == "off"
    assert not (admin.root / ".share" / "status.json").exists()


@pytest.mark.slow
def test_a_link_from_its_start_to_its_end_by_events(admin: Admin) -> None:
    foreign = {"origin": "http://evil.example"}
    with httpx.Client(base_url=admin.address, timeout=120) as client:
        body = {"fn_index": admin.number("begin"), "data": PLAIN, "session_hash": "foreign"}
        assert client.post("/gradio_api/queue/join", json=body, headers=foreign).status_code == 403
        assert client.post("/gradio_api/queue/join", json=body, headers={"host": "evil.example"}).status_code == 403
        assert admin.desk.now().kind == "off"
        admin.call(client, "begin", PLAIN, "one")
        assert "is being made already" in admin.call(client, "begin", PLAIN, "two") or admin.desk.now().kind == "on"
        deadline = time.monotonic() + 240
        while admin.desk.now().kind != "on" and time.monotonic() < deadline:
            time.sleep(0.2)
        shown = admin.call(client, "now", [], "three")
        assert "https://abc123.fake.test" in shown
        assert PASSWORD in shown
        assert "<img" not in shown
        # A page that is only loaded has no password in it: it comes by an event, to who asks for it on this machine.
        assert PASSWORD not in client.get("/share").text + client.get("/config").text
        state = admin.desk.now().state
        assert state is not None
        admin.desk.shows_password = False
        hidden = admin.call(client, "now", [], "four")
        assert PASSWORD not in hidden
        assert "Not shown" in hidden
        admin.desk.shows_password = True
        told = admin.call(client, "stop_sharing", [], "five")
        assert "Sharing is stopped. The link is dead." in told
    assert gone(state.pid)
    assert gone(state.tunnel_pid)


@pytest.mark.slow
def test_a_file_by_an_event(admin: Admin) -> None:
    with httpx.Client(base_url=admin.address, timeout=120) as client:
        told = admin.call(client, "to_file", [["plain", EVIL]], "file")
        assert "Ready to download" in told
        (url,) = set(re.findall(r'"url": "([^"]+)"', told))
        page = client.get(url.replace(admin.address, "")).text
    assert "<!doctype html>" in page[:40].lower()
    assert "<img" not in page
    assert str(admin.root) not in page
