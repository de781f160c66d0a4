"""A shared link as the dashboard holds it: real processes and real HTTP, with a stand-in for the tunnel's program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import httpx
import pytest

from dashboard.cli import main
from dashboard.clinic import Clinic
from dashboard.sharing import keeper as keeper_module
from dashboard.sharing.asked import Asked, ShareRefused
from dashboard.sharing.export import exported, file_name
from dashboard.sharing.keeper import Keeper
from dashboard.sharing.options import follow
from dashboard.sharing.serve import refresher
from dashboard.sharing.shown import Shown
from dashboard.sharing.space import order
from dashboard.sharing.state import FOLDER, State, is_locked, read_state, take_lock, write_state
from dashboard.sharing.view import Content
from dashboard.texts import Words
from tests.browser.conftest import free_port
from tests.dashboard.sharing.shared_runs import EVIL, SECRET, make
from tests.dashboard.sharing.test_tunnel import SAYS, answers, gone, stand_in

PASSWORD = "correct horse battery"
ROOT = Path(__file__).parents[3]


def order_of(root: Path, script: str | None = None) -> Asked:
    tunnel = stand_in(root.parent, script) if script else stand_in(root.parent)
    return Asked(str(root), "try", ("plain",), PASSWORD, tunnel=tunnel)


@pytest.mark.slow
def test_a_visitor_from_the_link_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "runs"
    make(root)
    keeper = Keeper(root)
    state = keeper.start(order_of(root))
    try:
        assert state.url == "https://abc123.fake.test"
        with httpx.Client(base_url=state.local, timeout=30) as client:
            assert client.get("/").status_code == 401
            assert client.post("/login", data={"name": "Ann", "password": PASSWORD}).status_code == 303
            page = client.get("/").text
            assert "plain" in page
            assert SECRET not in page
            assert client.get("/config").status_code == 404
            deadline = time.monotonic() + 20
            while not (state := keeper.state() or state).visitors and time.monotonic() < deadline:
                time.sleep(0.1)
            assert state.visitors == ("Ann",)
        with pytest.raises(ShareRefused, match="is shared already"):
            Keeper(root).start(order_of(root))
        monkeypatch.setattr(keeper_module, "FREE_SECONDS", 0.1)
        monkeypatch.setattr(keeper_module, "read_state", lambda _: None)  # the moment before it is written again
        with pytest.raises(ShareRefused, match="shared already by another program"):
            Keeper(root).start(order_of(root))
        monkeypatch.undo()
        arguments = Path(f"/proc/{state.pid}/cmdline")
        if arguments.exists():
            assert PASSWORD.encode() not in arguments.read_bytes()
            assert PASSWORD.encode() not in Path(f"/proc/{state.pid}/environ").read_bytes()
    finally:
        ended = keeper.stop()
    assert ended is not None
    assert (ended.phase, ended.reason) == ("ended", "stopped")
    assert gone(state.pid)
    assert gone(state.tunnel_pid)
    assert not answers(state.port)
    for file in (root / FOLDER).iterdir():
        assert PASSWORD.encode() not in file.read_bytes()


@pytest.mark.slow
def test_a_killed_dashboard_leaves_no_link(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    make(root)
    code = (
        "import json, os, sys; from pathlib import Path\n"
        "from dashboard.sharing.asked import of_object; from dashboard.sharing.keeper import Keeper\n"
        "asked = of_object(json.loads(sys.stdin.readline()))\n"
        "Keeper(Path(asked.root)).start(asked); os.kill(os.getpid(), 9)"
    )
    asked = json.dumps(asdict(order_of(root)))
    done = subprocess.run([sys.executable, "-c", code], input=asked + "\n", text=True, cwd=ROOT, timeout=300)
    assert done.returncode == -9
    state = read_state(root)
    assert state is not None
    deadline = time.monotonic() + 60
    while state.phase != "ended" and time.monotonic() < deadline:
        time.sleep(0.2)
        state = read_state(root) or state
    assert (state.phase, state.reason) == ("ended", "parent")
    assert gone(state.pid)
    assert not answers(state.port)


@pytest.mark.slow
def test_no_link_leaves_no_server(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    make(root)
    keeper = Keeper(root)
    with pytest.raises(ShareRefused, match="no route to host"):
        keeper.start(order_of(root, SAYS["ends"]))
    state = read_state(root)
    assert state is not None
    assert (state.phase, state.reason) == ("ended", "failed")
    assert gone(state.pid)
    assert not answers(state.port)


def test_a_server_that_died_is_told_of_and_its_group_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keeper = Keeper(tmp_path)
    write_state(tmp_path, State("me", "on", visitors=("Ann",)))
    (tmp_path / FOLDER / "console.log").write_text("MemoryError: no more\n")
    keeper._id = "me"
    keeper._process = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; exit 1"], start_new_session=True, stdout=subprocess.PIPE
    )
    assert keeper._process.stdout is not None
    left = int(keeper._process.stdout.readline())
    keeper._process.wait()
    follow(keeper, Words("en"))
    assert "ended unexpectedly. MemoryError: no more" in capsys.readouterr().out
    assert gone(left)
    state = read_state(tmp_path)
    assert state is not None
    assert (state.phase, state.reason, state.visitors) == ("ended", "crashed", ())


def running(keeper: Keeper, script: str) -> int:
    """Give the keeper a process in place of a server; returns the number that it says first."""
    keeper._id = "me"
    keeper._process = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
    assert keeper._process.stdout is not None
    return int(keeper._process.stdout.readline())


def test_stopping_ends_the_server_s_whole_group(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    write_state(tmp_path, State("me", "on"))
    left = running(keeper, "trap 'exit 0' TERM; sleep 600 & echo $!; wait")
    keeper.stop()
    assert gone(left)


def test_a_full_disk_keeps_nobody_from_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    keeper = Keeper(tmp_path)
    write_state(tmp_path, State("me", "on"))
    left = running(keeper, "trap 'exit 0' TERM; sleep 600 & echo $!; wait")
    monkeypatch.setattr(keeper_module, "write_state", full)
    ended = keeper.stop()
    assert gone(left)
    assert ended is not None
    assert ended.phase == "ended"
    make(tmp_path / "runs")
    with pytest.raises(ShareRefused, match="No space left on device"):
        Keeper(tmp_path / "runs").start(Asked(str(tmp_path / "runs"), "view", ("plain",), PASSWORD, link="none"))


def test_whoever_else_fails_the_models_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dashboard.app

    closed = []

    def failing(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dashboard.app, "launch", failing)
    monkeypatch.setattr("dashboard.sharing.options.end", failing)
    monkeypatch.setattr(Clinic, "close", lambda _: closed.append(True))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(OSError, match="No space"):
        main(["--runs", str(tmp_path), "--port", str(free_port()), "--no-token"])
    assert closed == [True]


def test_no_second_server_beside_a_living_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    lock = take_lock(tmp_path)
    assert lock is not None
    try:
        monkeypatch.setattr(keeper_module, "FREE_SECONDS", 0.1)
        with pytest.raises(ShareRefused, match="shared already by another program"):
            Keeper(tmp_path).start(Asked(str(tmp_path), "view", ("plain",), PASSWORD, link="none"))
        assert read_state(tmp_path) is None
    finally:
        os.close(lock)
    assert not is_locked(tmp_path)


def test_only_the_owner_looks_into_the_folder_of_the_link(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(mode=0o755)
    write_state(tmp_path, State("me", "on"))
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


def test_pages_are_made_anew_when_a_run_has_changed(tmp_path: Path) -> None:
    made = []

    class App:
        def refresh(self, pages: dict[str, str]) -> None:
            made.append(pages)

    shown = Shown(tmp_path, make(tmp_path))
    refresh = refresher(Content(shown, (), time.time() + 60), App())
    refresh()
    assert made == []
    (tmp_path / "plain" / "status.json").write_text('{"state": "stopped", "step": 8, "reason": "it stands still"}')
    refresh()
    refresh()
    assert len(made) == 1
    assert "it stands still" in made[0]["run-2"]


def test_who_comes_and_goes_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on = State("me", "on")
    states = [
        replace(on, visitors=("Ann",)),
        replace(on, visitors=("Ann", "Bob"), failed=10),
        replace(on, visitors=("Bob",), failed=11),
        replace(on, phase="ended", reason="expired"),
    ]
    keeper = Keeper(tmp_path)
    monkeypatch.setattr(keeper, "state", lambda: states.pop(0))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    follow(keeper, Words("en"))
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "Ann has logged in.",
        "Bob has logged in.",
        "10 wrong passwords so far.",
        "Ann is gone.",
        "Sharing is over: its time has run out. The link is dead.",
    ]


def test_a_space_needs_its_secret(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ShareRefused, match="secret CLINIC_PASSWORD"):
        order(tmp_path, environment={})
    with pytest.raises(ShareRefused, match="at least 12"):
        order(tmp_path, environment={"CLINIC_PASSWORD": "short"})
    asked = order(tmp_path, names=["plain"], environment={"CLINIC_PASSWORD": PASSWORD})
    assert (asked.host, asked.port, asked.link, asked.runs) == ("0.0.0.0", 7860, "none", ("plain",))


def test_the_file_of_a_button(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    make(root)
    clinic = Clinic(root)
    path = exported(clinic, [EVIL, "plain", "gone"], Words("zh"))
    assert path is not None
    made = path.read_text()
    assert '<html lang="zh">' in made
    assert "<img" not in made
    assert str(root) not in made
    assert exported(clinic, ["gone"], Words("en")) is None
    assert file_name(["../../etc", "a b/c"]) == "etc-a-b-c.html"
    assert file_name(["<>"]) == "runs.html"
    assert len(file_name(["x" * 500])) < 70


@pytest.mark.slow
def test_the_dashboard_itself_on_its_own_machine_and_with_a_password(tmp_path: Path) -> None:
    from dashboard.app import launch

    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    clinic = Clinic(tmp_path)
    port = free_port()
    demo = launch(clinic, port=port, block=False)
    try:
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(address).status_code == 200
        assert PASSWORD not in httpx.get(f"{address}/config").text
        assert httpx.get(address, headers={"host": "evil.example"}).status_code == 403
        foreign = {"origin": "http://evil.example"}
        assert httpx.post(f"{address}/gradio_api/queue/join", json={}, headers=foreign).status_code == 403
        assert httpx.post(f"{address}/gradio_api/run/predict", json={"data": [], "fn_index": 0}).status_code == 404
        assert httpx.get(f"{address}/monitoring").status_code in (403, 404)
        page = httpx.get(f"{address}/settings").text
        assert page.index("clinic-lang") < page.index("gradio_config")  # before anything is drawn
    finally:
        demo.close()
    port = free_port()
    demo = launch(clinic, port=port, block=False, password=PASSWORD)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            for path in ("/", "/config", "/compare", "/gradio_api/info", "/gradio_api/file=/etc/passwd"):
                assert client.get(path).status_code == 401, path
            assert client.post("/login", data={"name": "me", "password": PASSWORD}).status_code == 303
            assert client.get("/").status_code == 200
            assert client.get("/config").status_code == 200
    finally:
        demo.close()
        clinic.close()
