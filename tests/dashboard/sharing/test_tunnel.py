"""The tunnel with a stand-in for its program: a link, no link, a lost link, expiry, stop and restart; nothing is left."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.sharing import binary, server, tunnel
from dashboard.sharing.asked import Asked, TunnelPlan
from dashboard.sharing.binary import Program, TunnelFailed, runnable, sound_bytes
from dashboard.sharing.doors import Doors
from dashboard.sharing.gate import Gate
from dashboard.sharing.keeper import server_environment, stop_sharing
from dashboard.sharing.limits import CONSOLE_BYTES
from dashboard.sharing.logins import Logins
from dashboard.sharing.serve import tunnel_maker
from dashboard.sharing.server import Serving, Sharing
from dashboard.sharing.state import FOLDER, State, read_state, share_folder, take_lock, write_state
from dashboard.sharing.tunnel import Server, Tunnel, address, command, public_server
from diagnostics.run.status import process_alive
from tests.dashboard.sharing.test_gate import Behind

STAND_IN = """#!/bin/sh
echo "$@" > "$(dirname "$0")/arguments"
{says}
"""
WORKS = STAND_IN.format(says='echo "[I] start proxy success: http://abc123.fake.test"; exec sleep 600')
SAYS = {
    "refused": STAND_IN.format(says='echo "login to server failed: EOF"; exec sleep 600'),
    "ends": STAND_IN.format(says='echo "dial tcp: no route to host" >&2; exit 1'),
    "silent": STAND_IN.format(says="exec sleep 600"),
    "evil": STAND_IN.format(says='echo "start proxy success: javascript:alert(1)"; exec sleep 600'),
}


def stand_in(folder: Path, script: str = WORKS) -> TunnelPlan:
    path = folder / "stand-in"
    path.write_text(script)
    return TunnelPlan(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), "127.0.0.1:9")


def sharing(root: Path, hours: float = 1.0, **more: Any) -> Sharing:
    gate = Gate(Behind(), Logins("correct horse battery"), Doors({"/"}))
    serving = Serving(gate, "127.0.0.1", 0)
    state = State("me", "starting", os.getpid(), port=serving.port, ends=time.time() + hours * 3600)
    return Sharing(root, gate, serving, state, **more)


def maker(root: Path, plan: TunnelPlan, port: int) -> Callable[[], Tunnel] | None:
    return tunnel_maker(Asked(str(root), "view", ("a",), "x" * 12, tunnel=plan), port)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 401
    except httpx.HTTPError:
        return False


def gone(pid: int | None) -> bool:
    """Whether a process has ended; one whose parent has not looked yet has."""
    assert pid is not None
    deadline = time.monotonic() + 10
    while process_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not process_alive(pid)


def test_a_link_and_its_end_by_stopping(tmp_path: Path) -> None:
    one = sharing(tmp_path)
    one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
    state = read_state(tmp_path)
    assert state is not None
    assert (state.phase, state.url) == ("on", "https://abc123.fake.test")
    assert answers(state.port)
    given = (tmp_path / FOLDER / "arguments").read_text().split()
    assert given[:2] == ["http", "-n"]
    assert given[3:7] == ["-l", str(state.port), "-i", "127.0.0.1"]
    watching = threading.Thread(target=one.watch)
    watching.start()
    stopped = stop_sharing(tmp_path)
    watching.join(20)
    assert stopped is not None
    assert (stopped.phase, stopped.reason, stopped.visitors) == ("ended", "stopped", ())
    assert gone(state.tunnel_pid)
    assert not answers(state.port)
    with socket.socket() as free:
        free.bind(("127.0.0.1", state.port))  # nothing holds it
    assert stop_sharing(tmp_path) is None


@pytest.mark.parametrize("damage", ["{", None])
def test_a_link_whose_status_is_damaged_is_stopped_all_the_same(tmp_path: Path, damage: str | None) -> None:
    lock = take_lock(tmp_path)  # as the process of a link holds it
    assert lock is not None
    one = sharing(tmp_path)
    one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
    status = tmp_path / FOLDER / "status.json"
    watching = threading.Thread(target=one.watch)
    watching.start()
    try:
        if damage is None:
            status.unlink()
        else:
            status.write_text(damage)
        stopped = stop_sharing(tmp_path)
        watching.join(20)
        assert stopped is not None
        assert (stopped.phase, stopped.reason) == ("ended", "stopped")
        assert not answers(one.state.port)
    finally:
        os.close(lock)


def test_a_link_whose_status_names_another_one_ends(tmp_path: Path) -> None:
    one = sharing(tmp_path)
    one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
    tunnel_pid = one.state.tunnel_pid
    other = State("another", "on", os.getpid())
    write_state(tmp_path, other)
    assert one.watch().phase == "ended"
    assert gone(tunnel_pid)
    assert read_state(tmp_path) == other


def test_a_full_disk_takes_the_link_away_from_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True

    def write(root: Path, state: State) -> None:
        if full:
            raise OSError(28, "No space left on device")
        write_state(root, state)

    monkeypatch.setattr(server, "write_state", write)
    one = sharing(tmp_path)
    one.open(None)
    watching = threading.Thread(target=one.watch)
    watching.start()
    one.gate.logins.enter("Ann", "correct horse battery")
    time.sleep(1)
    assert watching.is_alive()
    assert answers(one.state.port)
    full = False
    deadline = time.monotonic() + 10
    while read_state(tmp_path) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    state = read_state(tmp_path)
    assert state is not None
    assert state.visitors == ("Ann",)
    stop_sharing(tmp_path)
    watching.join(20)
    assert not watching.is_alive()


def test_a_watch_that_fails_leaves_no_tunnel(tmp_path: Path) -> None:
    one = sharing(tmp_path, interrupted=lambda: one.state.phase == "on" and 1 / 0 > 0)
    one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
    with pytest.raises(ZeroDivisionError):
        one.watch()
    assert gone(one.state.tunnel_pid)
    one.serving.close()


def test_the_console_does_not_fill_the_disk(tmp_path: Path) -> None:
    path = share_folder(tmp_path) / "console.log"
    with path.open("ab", buffering=0) as console:  # as the server's own output is
        for _ in range(3):
            console.write(b"x" * (int(CONSOLE_BYTES) + 1))
            server.cap_console(tmp_path)
            assert path.stat().st_size == 0
        console.write(b"last words")
    server.cap_console(tmp_path)
    assert path.read_bytes() == b"last words"


def test_started_again_it_is_another_link(tmp_path: Path) -> None:
    tokens = []
    for _ in range(2):
        one = sharing(tmp_path)
        one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
        tokens.append((tmp_path / FOLDER / "arguments").read_text().split()[2])
        entered = one.gate.logins.enter("Ann", "correct horse battery")
        assert one.gate.logins.visitor(entered.token)
        tokens.append(entered.token)
        one.close("stopped")
    assert len(set(tokens)) == 4  # neither the old link nor an old cookie opens anything
    fresh = sharing(tmp_path)
    assert fresh.gate.logins.visitor(tokens[1]) is None
    fresh.close("stopped")


def test_its_time_runs_out(tmp_path: Path) -> None:
    one = sharing(tmp_path, hours=1.5 / 3600)
    one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
    pid = one.state.tunnel_pid
    assert one.watch().reason == "expired"
    assert gone(pid)
    assert not answers(one.state.port)


def test_a_tunnel_that_dies_takes_the_server_with_it(tmp_path: Path) -> None:
    one = sharing(tmp_path)
    one.open(maker(tmp_path, stand_in(tmp_path), one.state.port))
    os.kill(one.state.tunnel_pid or 0, 9)
    assert one.watch().reason == "tunnel"
    assert not answers(one.state.port)


def test_nothing_outlives_the_dashboard(tmp_path: Path) -> None:
    one = sharing(tmp_path, orphaned=lambda: True)
    with pytest.raises(TunnelFailed, match="stopped before"):
        one.open(maker(tmp_path, stand_in(tmp_path, SAYS["silent"]), one.state.port))
    assert one.state.reason == "parent"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("refused", "has refused. Its last words: login to server failed"),
        ("ends", "has ended. Its last words: dial tcp: no route to host"),
        ("silent", "no link in 0.5 s: this network seems to block it"),
        ("evil", "told an address that is none"),
    ],
)
def test_no_link_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, says: str
) -> None:
    one = sharing(tmp_path)
    make = maker(tmp_path, stand_in(tmp_path, SAYS[kind]), one.state.port)
    assert make is not None
    made: list[Tunnel] = []

    def impatient() -> Tunnel:
        made.append(make())
        start = made[0].start
        monkeypatch.setattr(made[0], "start", lambda wanted: start(0.5 if kind == "silent" else 20, wanted))
        return made[0]

    with pytest.raises(TunnelFailed, match=says):
        one.open(impatient)
    state = read_state(tmp_path)
    assert state is not None
    assert (state.phase, state.reason) == ("ended", "failed")
    assert says in state.detail
    assert gone(made[0].pid)
    assert not answers(one.state.port)


def test_a_program_of_another_checksum_is_deleted_and_never_run(tmp_path: Path) -> None:
    plan = stand_in(tmp_path, SAYS["ends"])
    one = sharing(tmp_path)
    with pytest.raises(TunnelFailed, match=r"is not the tunnel's program: its SHA-256 is"):
        one.open(maker(tmp_path, TunnelPlan(plan.program, "0" * 64, plan.server), one.state.port))
    assert not Path(plan.program).exists()
    assert not (tmp_path / FOLDER / "arguments").exists()
    assert not answers(one.state.port)


def test_a_download_is_checked_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program("https://x.test/frpc", hashlib.sha256(b"right").hexdigest(), tmp_path / "kept" / "frpc")
    monkeypatch.setattr(binary, "fetched", lambda url: b"wrong")
    with pytest.raises(TunnelFailed, match="what was downloaded is not"):
        sound_bytes(program)
    assert not program.path.exists()
    monkeypatch.setattr(binary, "fetched", lambda url: b"right")
    assert sound_bytes(program) == b"right"
    assert program.path.stat().st_mode & 0o111 == 0  # what is run is the checked copy
    monkeypatch.setattr(binary, "fetched", lambda url: pytest.fail("it is there"))
    assert sound_bytes(program) == b"right"
    file = runnable(b"right", share_folder(tmp_path))
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_machine_without_a_checksum_gets_no_tunnel(tmp_path: Path) -> None:
    with pytest.raises(TunnelFailed, match="no checksum"):
        sound_bytes(Program("https://x.test/frpc", "", tmp_path / "frpc"))


def test_gradio_has_a_checksum_for_this_machine() -> None:
    from dashboard.sharing.app.frpc import directory, program

    found = program()
    assert len(found.sha256) == 64
    assert found.url.startswith("https://")
    assert directory().startswith("https://")


class Answer:
    def __init__(self, value: Any, content: bytes = b"") -> None:
        self.value, self.content = value, content

    def json(self) -> Any:
        return self.value

    def raise_for_status(self) -> None:
        if self.value == "403":
            raise httpx.HTTPStatusError(
                "403 Forbidden", request=httpx.Request("GET", "https://x"), response=httpx.Response(403)
            )


def test_a_blocked_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(*_: Any, **__: Any) -> Any:
        raise httpx.ConnectError("[Errno 101] Network is unreachable")

    monkeypatch.setattr(httpx, "get", blocked)
    with pytest.raises(TunnelFailed, match=r"cannot be downloaded .*unreachable.*seems to block it"):
        sound_bytes(Program("https://x.test/frpc", "0" * 64, tmp_path / "frpc"))
    with pytest.raises(TunnelFailed, match=r"cannot be reached .*unreachable.*seems to block it"):
        public_server("https://x.test", tmp_path)
    monkeypatch.setattr(httpx, "get", lambda *_, **__: Answer("403"))
    with pytest.raises(TunnelFailed, match="403 Forbidden"):
        public_server("https://x.test", tmp_path)


@pytest.mark.parametrize(
    "told",
    [
        [],
        {},
        "x",
        [{"host": "a.test"}],
        [{"host": "a.test", "port": "x", "root_ca": "BEGIN CERTIFICATE"}],
        [{"host": "a.test", "port": 0, "root_ca": "BEGIN CERTIFICATE"}],
        [{"host": "-x --evil", "port": 7000, "root_ca": "BEGIN CERTIFICATE"}],
        [{"host": "a.test", "port": 7000, "root_ca": ""}],
    ],
)
def test_a_directory_that_tells_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Any) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: Answer(told))
    with pytest.raises(TunnelFailed, match="did not name a server"):
        public_server("https://x.test", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_public_tunnel_is_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [{"host": "a.test", "port": 7000, "root_ca": "-----BEGIN CERTIFICATE-----"}]
    monkeypatch.setattr(httpx, "get", lambda *_, **__: Answer(told))
    server = public_server("https://x.test", tmp_path)
    given = command(Path("/x/tunnel"), server, 7, "token")
    assert given[-3:] == ["--tls_enable", "--tls_trusted_ca_file", str(tmp_path / "certificate.pem")]
    assert "--tls_enable" not in command(Path("/x"), Server("127.0.0.1", 9), 7, "token")


@pytest.mark.parametrize(
    "found", ["javascript:alert(1)", "ftp://x.test", "http://", "http://a b", "http://<x>", "file:///etc"]
)
def test_addresses_that_are_none(found: str) -> None:
    with pytest.raises(TunnelFailed):
        address(found)


def test_addresses_are_told_as_https_without_anything_behind() -> None:
    assert address("http://abc.gradio.live/x?y#z") == "https://abc.gradio.live"
    assert address("https://user:word@abc.gradio.live") == "https://abc.gradio.live"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_a_killed_server_leaves_no_tunnel(tmp_path: Path) -> None:
    path = tmp_path / "stand-in"
    path.write_text(WORKS)
    path.chmod(0o700)
    code = f"import os; from dashboard.sharing.tunnel import Tunnel; t = Tunnel([{str(path)!r}]); t.start(); print(t.pid, flush=True); os.kill(os.getpid(), 9)"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == -9
    assert gone(int(done.stdout))


def test_the_server_s_environment_holds_no_keys_and_none_of_gradio_s_switches() -> None:
    given = {
        "PATH": "/bin",
        "HF_TOKEN": "x",
        "WANDB_API_KEY": "x",
        "CLINIC_PASSWORD": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    made = server_environment({**given, "GRADIO_SHARE": "true", "GRADIO_VIBE_MODE": "1", "GRADIO_ALLOWED_PATHS": "/"})
    assert made["PATH"] == "/bin"
    assert not {*given, "GRADIO_SHARE", "GRADIO_VIBE_MODE", "GRADIO_ALLOWED_PATHS"} & made.keys() - {"PATH"}
    assert tunnel.DIES_WITH_PARENT == 1
