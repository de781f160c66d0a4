"""The Share page without Gradio: its form, the desk that starts and ends a link, and what the panel shows of it."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.clinic import Clinic
from dashboard.runs.now import legend_html, seen_now
from dashboard.runs.selection import Look
from dashboard.sharing.asked import Asked, ShareRefused, TunnelPlan, of_object
from dashboard.sharing.desk import Desk, Failed, Standing
from dashboard.sharing.export import FileRefused, file_of
from dashboard.sharing.form import Form, FormRefused, address, order_of, share_link, wanted
from dashboard.sharing.keeper import SERVER_VARIABLE, Keeper, server_environment
from dashboard.sharing.panel import INSTEAD, WHY, fingerprint, panel_html
from dashboard.sharing.shown import Shown
from dashboard.sharing.state import State, read_state, write_state
from dashboard.texts import LANGS, Words
from diagnostics.report.markup import text
from tests.dashboard.sharing.shared_runs import EVIL, SECRET, make
from tests.dashboard.sharing.test_tunnel import SAYS, answers, gone, stand_in

PASSWORD = "correct horse battery"
EN, ZH = Words("en"), Words("zh")
BOTH = pytest.mark.parametrize("words", [EN, ZH], ids=LANGS)
PLAIN = Form("view", ["plain"], [], 8.0, "", "tunnel", 0, "")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    root = tmp_path / "runs"
    make(root)
    return Clinic(root)


def order(clinic: Clinic, **more: Any) -> Asked:
    return Asked(**{"root": str(clinic.root), "mode": "view", "runs": ("plain",), "password": PASSWORD, **more})


# The form


def test_a_form_makes_an_order(clinic: Clinic) -> None:
    asked = order_of(PLAIN, clinic, ZH, TunnelPlan("own"))
    assert (asked.mode, asked.runs, asked.hours, asked.link, asked.lang) == ("view", ("plain",), 8.0, "tunnel", "zh")
    assert len(asked.password) == 32
    assert asked.generated
    assert asked.tunnel == TunnelPlan("own")
    own = replace(PLAIN, password=PASSWORD, link="none", port=7939, path="/clinic/", mode="try", hours=0.5)
    asked = order_of(replace(own, checkpoints=["plain/checkpoint-5"]), clinic, EN, TunnelPlan())
    assert (asked.password, asked.generated, asked.port, asked.path) == (PASSWORD, False, 7939, "/clinic")
    assert asked.checkpoints == ("plain/checkpoint-5",)
    # What belongs to another choice than the one that is made is left out.
    left = order_of(
        replace(own, mode="view", link="tunnel", checkpoints=["gone"], path="no path"), clinic, EN, TunnelPlan()
    )
    assert (left.checkpoints, left.port, left.path) == ((), 0, "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mode": "admin"}, "Choose what visitors may do"),
        ({"mode": ["view"]}, "Choose what visitors may do"),
        ({"link": None}, "how they reach it"),
        ({"runs": []}, "Choose the runs to share first"),
        ({"runs": None}, "Choose the runs to share first"),
        ({"runs": "plain"}, "Choose the runs to share first"),
        ({"runs": [{"a": 1}, 3]}, "Choose the runs to share first"),
        ({"runs": ["plain", EVIL + "gone"]}, "not there any more"),
        ({"runs": ["../runs/plain"]}, "not there any more"),
        ({"mode": "try", "checkpoints": [f"{SECRET}/checkpoint-5"]}, "no checkpoint of the chosen runs"),
        ({"mode": "try", "checkpoints": ["plain/../x"]}, "no checkpoint of the chosen runs"),
        ({"hours": 0}, "more than 0 and at most 72 hours"),
        ({"hours": 73}, "more than 0 and at most 72 hours"),
        ({"hours": float("nan")}, "more than 0 and at most 72 hours"),
        ({"hours": "8"}, "more than 0 and at most 72 hours"),
        ({"password": "short"}, "has 5 characters; 12 to 1000"),
        ({"password": "x" * 1001}, "has 1001 characters"),
        ({"link": "none", "port": -1}, "whole number from 0 to 65535"),
        ({"link": "none", "port": 1.5}, "whole number from 0 to 65535"),
        ({"link": "none", "port": "22"}, "whole number from 0 to 65535"),
        ({"link": "none", "path": "clinic"}, "such as /clinic"),
        ({"link": "none", "path": "/a/../b"}, "such as /clinic"),
        ({"link": "none", "path": "/a\r\nx: y"}, "such as /clinic"),
    ],
)
def test_a_form_that_makes_none_is_refused_in_both_languages(clinic: Clinic, change: dict[str, Any], says: str) -> None:
    with pytest.raises(FormRefused, match=says):
        order_of(replace(PLAIN, **change), clinic, EN, TunnelPlan())
    with pytest.raises(FormRefused, match=r"[\u4e00-\u9fff]"):
        order_of(replace(PLAIN, **change), clinic, ZH, TunnelPlan())


def test_runs_without_a_checkpoint_cannot_be_tried(clinic: Clinic) -> None:
    for path in (clinic.root / "plain").glob("checkpoint-*"):
        path.rmdir()
    with pytest.raises(FormRefused, match="None of these runs has a checkpoint"):
        order_of(replace(PLAIN, mode="try"), clinic, EN, TunnelPlan())


def test_a_choice_goes_along_in_the_address(clinic: Clinic) -> None:
    from urllib.parse import parse_qsl

    names = [EVIL, "plain"]
    query = address("./share", names, ["plain/checkpoint-5"]).partition("?")[2]
    assert wanted(parse_qsl(query), clinic) == (names, ["plain/checkpoint-5"])
    named = [("checkpoint", "plain/checkpoint-5"), ("run", "gone"), ("checkpoint", f"{SECRET}/x"), ("checkpoint", "x")]
    assert wanted(named, clinic) == (["plain", SECRET], ["plain/checkpoint-5"])
    assert wanted([], clinic) == ([], [])


@BOTH
def test_the_pages_lead_to_it_with_what_they_show(clinic: Clinic, words: Words) -> None:
    look = Look((EVIL, "plain"))
    shown = legend_html(seen_now(clinic, look), look, words, "./share")
    assert text(address("./share", [EVIL, "plain"])) in shown
    assert words("share.these") in shown
    compared = share_link(clinic, ["plain/checkpoint-5", "hub:org/model", "http://host/v1#m"], "./share", words)
    assert 'href="./share?run=plain&amp;checkpoint=plain%2Fcheckpoint-5"' in compared
    assert share_link(clinic, ["hub:org/model"], "./share", words) == ""
    assert "<img" not in shown + compared


# Checkpoints that are named


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"checkpoints": ("plain/checkpoint-5",)}, "needs --share try"),
        ({"mode": "try", "checkpoints": (f"{SECRET}/checkpoint-5",)}, "is no checkpoint of the shared runs"),
        ({"mode": "try", "checkpoints": ("plain/checkpoint-6",)}, "there are: plain/checkpoint-5"),
        ({"mode": "try", "checkpoints": tuple(f"plain/checkpoint-{n}" for n in range(7))}, "at most 6"),
    ],
)
def test_checkpoints_that_cannot_be_asked(clinic: Clinic, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ShareRefused, match=says):
        order(clinic, **change).checked()


def test_the_checkpoints_that_were_named_are_offered_and_no_others(clinic: Clinic) -> None:
    (clinic.root / "plain" / "checkpoint-8").mkdir()
    names = (EVIL, "plain")
    assert [one.name for one in Shown(clinic.root, names).offered(6)] == [f"{EVIL}/checkpoint-5", "plain/checkpoint-8"]
    asked = order(clinic, mode="try", runs=names, checkpoints=("plain/checkpoint-5",)).checked()
    again = of_object({**asked.__dict__, "tunnel": asked.tunnel.__dict__})
    assert [one.name for one in Shown(clinic.root, again.runs, again.checkpoints).offered(6)] == ["plain/checkpoint-5"]


# The desk


class Held(Keeper):
    """A keeper that makes a link, or none, when it is told to."""

    def __init__(self, root: Path, fails: str = "") -> None:
        super().__init__(root)
        self.fails = fails
        self.go, self.ended = threading.Event(), threading.Event()
        self.link: State | None = None

    def start(self, asked: Asked, environment: Any = os.environ) -> State:
        write_state(self.root, State("me", "starting", stage="tunnel"))
        while not self.go.wait(0.01):
            if self.ended.is_set():
                write_state(self.root, State("me", "ended", reason="stopped"))
                raise ShareRefused("Sharing was stopped before there was a link.")
        if self.fails:
            write_state(self.root, State("me", "ended", reason="failed", detail=self.fails, cause="blocked"))
            raise ShareRefused(self.fails)
        self.link = State("me", "on", os.getpid(), "https://a.test", "http://127.0.0.1:1/", 1, "view", asked.runs, 9e9)
        write_state(self.root, self.link)
        return self.link

    def state(self) -> State | None:
        return self.link

    def stop(self) -> State | None:
        self.ended.set()
        if self.link is not None:
            self.link = replace(self.link, phase="ended", reason="stopped")
            write_state(self.root, self.link)
        return self.link


def waited(desk: Desk, kind: str) -> Standing:
    deadline = time.monotonic() + 20
    while (standing := desk.now()).kind != kind and time.monotonic() < deadline:
        time.sleep(0.01)
    assert standing.kind == kind
    return standing


def test_a_link_is_made_in_the_background_and_ended_for_good(clinic: Clinic) -> None:
    keeper = Held(clinic.root)
    desk = Desk(clinic.root, keeper)
    assert desk.now() == Standing("off")
    desk.start(order(clinic))
    standing = waited(desk, "starting")
    with pytest.raises(ShareRefused, match="being made already"):
        desk.start(order(clinic))
    keeper.go.set()
    standing = waited(desk, "on")
    assert standing.asked is not None
    assert standing.asked.password == PASSWORD
    with pytest.raises(ShareRefused, match="shared already"):
        desk.start(order(clinic))
    standing = desk.stop()
    assert (standing.kind, standing.state.reason if standing.state else "") == ("off", "stopped")


def test_a_start_that_is_called_off_leaves_nothing(clinic: Clinic) -> None:
    desk = Desk(clinic.root, Held(clinic.root))
    desk.start(order(clinic))
    standing = desk.stop()
    assert (standing.kind, standing.cancelled) == ("off", True)
    assert "nothing is shared" in panel_html(standing, EN, True)


def test_a_start_that_fails_says_why_and_what_else_would_do(clinic: Clinic) -> None:
    keeper = Held(clinic.root, fails=f"{EVIL} cannot be reached")
    desk = Desk(clinic.root, keeper)
    desk.start(order(clinic))
    keeper.go.set()
    standing = waited(desk, "off")
    assert standing.refusal is not None
    assert standing.refusal.cause == "blocked"
    for words in (EN, ZH):
        shown = panel_html(standing, words, True)
        assert words("share.why_blocked") in shown
        assert text(keeper.fails) in shown
        assert shown.count("<li>") == len(INSTEAD)
        assert PASSWORD not in shown
        assert "<img" not in shown
    keeper.fails = ""
    desk.start(order(clinic))
    assert waited(desk, "on").refusal is None
    desk.stop()


def test_a_link_of_another_program_is_shown_without_its_password_and_can_be_ended(clinic: Clinic) -> None:
    other = State("other", "on", os.getpid(), "https://b.test", "http://127.0.0.1:2/", 2, "try", ("plain",), 9e9)
    write_state(clinic.root, other)
    desk = Desk(clinic.root)
    standing = desk.now()
    assert (standing.kind, standing.asked) == ("on", None)
    shown = panel_html(standing, EN, True)
    assert "https://b.test" in shown
    assert "another dashboard" in shown
    with pytest.raises(ShareRefused, match="shared already"):
        desk.start(order(clinic))

    def obey() -> None:
        while not (clinic.root / ".share" / "stop").exists():
            time.sleep(0.01)
        write_state(clinic.root, replace(other, phase="ended", reason="stopped"))

    threading.Thread(target=obey, daemon=True).start()
    assert desk.stop().kind == "off"


def test_after_a_restart_it_is_told_that_the_link_ended_with_the_dashboard(clinic: Clinic) -> None:
    write_state(clinic.root, State("old", "ended", 1, reason="parent"))
    assert "the dashboard has ended" in panel_html(Desk(clinic.root).now(), EN, True)
    write_state(clinic.root, State("old", "ended", 1, reason="stopped"))
    assert "Nothing is shared now" in panel_html(Desk(clinic.root).now(), EN, True)


def test_a_shared_server_has_no_desk_and_shares_nothing(clinic: Clinic) -> None:
    inside = server_environment(os.environ)
    assert inside[SERVER_VARIABLE]
    with pytest.raises(ShareRefused, match="only the dashboard"):
        Desk(clinic.root, environment=inside)
    with pytest.raises(ShareRefused, match="only the dashboard"):
        Keeper(clinic.root).start(order(clinic), inside)
    assert read_state(clinic.root) is None


# The panel


def on(**more: Any) -> State:
    return State("me", "on", 1, "https://a.test", "http://127.0.0.1:9/", 9, "try", (EVIL,), 10_000.0, **more)


@BOTH
def test_the_panel_of_a_link(clinic: Clinic, words: Words) -> None:
    state = on(visitors=("Ann", EVIL), failed=7, prompts=1234, votes=56)
    standing = Standing("on", state, order(clinic))
    shown = panel_html(standing, words, True, now=10_000 - 3 * 3600)
    for told in (PASSWORD, "https://a.test", "Ann", "1,234", "56", "7", "3.0", "1970-01-01 02:46 UTC"):
        assert told in shown
    assert words("share.now_some", count=2) in shown
    assert "<img" not in shown
    assert PASSWORD not in panel_html(standing, words, False, now=0)
    looking = panel_html(Standing("on", replace(state, mode="view"), order(clinic)), words, True, now=0)
    assert words("share.fact_votes") not in looking


def test_without_a_tunnel_the_panel_says_how_others_get_there(clinic: Clinic) -> None:
    state = replace(on(), url="")
    shown = panel_html(Standing("on", state, order(clinic, link="none")), EN, True, now=0)
    assert "ssh -R 8080:127.0.0.1:9 you@a-machine-they-reach" in shown
    assert "proxy_pass http://127.0.0.1:9/" in shown


@BOTH
def test_how_far_a_start_is(clinic: Clinic, words: Words) -> None:
    starting = Standing("starting", State("me", "starting", stage="program"), order(clinic), 3.7)
    shown = panel_html(starting, words, True)
    assert shown.count("<li") == 3
    assert f'<li class="now" aria-current="step">{text(words("share.stage_program"))}' in shown
    assert words("share.taking", seconds=3, most=4) in shown
    assert panel_html(replace(starting, asked=order(clinic, link="none")), words, True).count("<li") == 1


@BOTH
def test_every_end_and_every_failure_has_its_sentence(clinic: Clinic, words: Words) -> None:
    for reason in ("expired", "stopped", "tunnel", "crashed", "parent", "failed"):
        shown = panel_html(Standing("off", replace(on(), phase="ended", reason=reason, detail=EVIL)), words, True)
        assert 'class="note' in shown
        assert "<img" not in shown
    for cause, key in WHY.items():
        refusal = Failed(EVIL, cause, order(clinic, link="none" if cause == "port" else "tunnel"))
        shown = panel_html(Standing("off", refusal=refusal), words, True)
        assert text(words(key)) in shown
        assert "<img" not in shown
    unknown = panel_html(Standing("off", refusal=Failed("odd", "", order(clinic))), words, True)
    assert words("share.ended_failed", detail="odd") in unknown


def test_an_open_page_is_drawn_again_only_when_something_changed() -> None:
    standing = Standing("on", on())
    assert fingerprint(standing, 30) == fingerprint(standing, 31)
    assert fingerprint(standing, 30) != fingerprint(standing, 100)
    assert fingerprint(standing, 30) != fingerprint(Standing("on", on(votes=1)), 30)
    assert fingerprint(Standing("starting", since=1.2)) != fingerprint(Standing("starting", since=2.2))


# As a file


@BOTH
def test_a_file_of_what_is_chosen(clinic: Clinic, words: Words) -> None:
    path, size = file_of(clinic, [EVIL, "plain"], words)
    assert path.read_text().startswith("<!")
    assert size.endswith("kB")
    for wrong in (None, [], ["gone"], "plain", [3]):
        with pytest.raises(FileRefused):
            file_of(clinic, wrong, words)
    with pytest.raises(FileRefused, match="51"):
        file_of(clinic, [f"run-{n}" for n in range(51)], words)


# Real processes


@pytest.mark.slow
def test_the_desk_with_a_real_server(clinic: Clinic) -> None:
    """A link and its end; a network that blocks it; a tunnel that says nothing, called off; a port that is taken."""
    folder = clinic.root.parent
    desk = Desk(clinic.root, tunnel=stand_in(folder))
    desk.start(order(clinic, tunnel=desk.tunnel))
    stages: set[str] = set()
    deadline = time.monotonic() + 240
    while (standing := desk.now()).kind == "starting" and time.monotonic() < deadline:
        stages.add(standing.state.stage if standing.state else "")
        time.sleep(0.005)
    assert standing.kind == "on"
    assert "pages" in stages
    state = standing.state
    assert state is not None
    assert answers(state.port)
    ended = desk.stop()
    assert (ended.kind, ended.state.reason if ended.state else "") == ("off", "stopped")
    assert gone(state.pid)
    assert gone(state.tunnel_pid)
    assert not answers(state.port)

    desk.start(order(clinic, tunnel=stand_in(folder, SAYS["ends"])))
    refused = waited_long(desk, "off").refusal
    assert refused is not None
    assert refused.cause == "blocked"
    assert "no route to host" in refused.detail

    desk.start(order(clinic, tunnel=replace(stand_in(folder), sha256="0" * 64)))
    refused = waited_long(desk, "off").refusal
    assert refused is not None
    assert refused.cause == "checksum"

    desk.start(order(clinic, tunnel=stand_in(folder, SAYS["silent"])))
    deadline = time.monotonic() + 240
    while (now := desk.now().state) is None or now.stage != "tunnel":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert desk.stop().cancelled
    left = read_state(clinic.root)
    assert left is not None
    assert (left.phase, left.reason) == ("ended", "stopped")
    assert gone(left.pid)

    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        desk.start(order(clinic, link="none", port=taken.getsockname()[1]))
        refused = waited_long(desk, "off").refusal
    assert refused is not None
    assert refused.cause == "port"


def waited_long(desk: Desk, kind: str) -> Standing:
    deadline = time.monotonic() + 240
    while (standing := desk.now()).kind != kind and time.monotonic() < deadline:
        time.sleep(0.1)
    assert standing.kind == kind
    return standing
