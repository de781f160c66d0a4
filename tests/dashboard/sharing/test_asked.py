"""What may be shared: the order looked through, the password, the options of the command line."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.cli import main
from dashboard.sharing.asked import (
    Asked,
    ShareRefused,
    TunnelPlan,
    as_object,
    check_comparison,
    chosen,
    new_password,
    of_object,
    password_from,
)
from dashboard.sharing.keeper import stop_sharing
from dashboard.sharing.options import announcement, refusal
from dashboard.sharing.state import STALE_SECONDS, State, is_on, read_state, touch_state, write_state
from dashboard.texts import LANGS, Words
from tests.dashboard.sharing.shared_runs import EVIL, SECRET, make

PASSWORD = "correct horse battery"


def order(root: Path, **more: Any) -> Asked:
    return Asked(**{"root": str(root), "mode": "view", "runs": ("plain",), "password": PASSWORD, **more})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mode": "admin"}, "expected one of view, try"),
        ({"hours": 0}, "at most 72"),
        ({"hours": 73}, "at most 72"),
        ({"hours": float("nan")}, "at most 72"),
        ({"password": "short"}, "at least 12"),
        ({"password": "x" * 1001}, "at most 1,000"),
        ({"path": "clinic"}, "such as /clinic"),
        ({"path": "/a/../b"}, "such as /clinic"),
        ({"path": "/a b"}, "such as /clinic"),
        ({"path": "/a\r\nx: y"}, "such as /clinic"),
        ({"port": 70000}, "from 1 to 65535"),
        ({"runs": ()}, "which runs are to be shared"),
        ({"runs": ("gone",)}, "there is no run gone"),
        ({"runs": ("../plain",)}, "there is no run ../plain"),
        ({"comparisons": ("/etc/passwd",)}, "expected a report that compare"),
        ({"comparisons": ("/nowhere",)}, "cannot be read"),
    ],
)
def test_orders_that_are_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    make(tmp_path)
    with pytest.raises(ShareRefused, match=says):
        order(tmp_path, **change).checked()


def test_an_order_goes_to_its_process_and_back(tmp_path: Path) -> None:
    make(tmp_path)
    asked = order(tmp_path, path="/clinic/", tunnel=TunnelPlan("a", "b", "c")).checked()
    assert asked.path == "/clinic"
    assert of_object(json.loads(json.dumps(as_object(asked)))) == asked


def test_all_means_those_that_are_there(tmp_path: Path) -> None:
    make(tmp_path)
    assert set(chosen(tmp_path, ["all"])) == {EVIL, "plain", SECRET}
    assert chosen(tmp_path, ["plain", "plain", " "]) == ("plain",)
    with pytest.raises(ShareRefused, match="no run yet"):
        chosen(tmp_path / "none", ["all"])


def test_a_comparison_must_be_ours_and_not_huge(tmp_path: Path) -> None:
    from diagnostics.report.as_html import POLICY

    path = tmp_path / "c.html"
    path.write_text(f"<meta content={POLICY}> TRL Clinic")
    check_comparison(path)
    path.write_text(f"{POLICY} TRL Clinic" + "x" * 5_000_001)
    with pytest.raises(ShareRefused, match="at most 5,000,000"):
        check_comparison(path)


def test_passwords_are_long_random_or_from_a_file_never_an_argument(tmp_path: Path) -> None:
    made = {new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(one) == 32 for one in made)
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    assert password_from(file, {"CLINIC_PASSWORD": "x"}) == PASSWORD
    assert password_from(None, {"CLINIC_PASSWORD": "x"}) == "x"
    assert password_from(None, {}) is None
    file.write_text("\n")
    for path in (file, tmp_path / "gone", tmp_path):
        with pytest.raises(ShareRefused, match=str(path)):
            password_from(path, {})


@pytest.mark.parametrize("lang", LANGS)
def test_what_is_said_of_a_link(tmp_path: Path, lang: Any) -> None:
    make(tmp_path)
    asked = replace(order(tmp_path, lang=lang, runs=(EVIL, "plain")), generated=True)
    state = State("x", "on", url="https://abc.gradio.live", local="http://127.0.0.1:9/", port=9, ends=0.0)
    said = "\n".join(announcement(asked, state, tmp_path, Words(lang)))
    assert PASSWORD in said
    assert "https://abc.gradio.live" in said
    assert "--stop-sharing" in said
    own = "\n".join(announcement(replace(asked, generated=False), state, tmp_path, Words(lang)))
    assert PASSWORD not in own
    told = refusal("blocked", asked, Words(lang))
    assert all(one in told for one in ("blocked", "ssh -R", "--share-path", "app.py", "diagnostics export"))
    assert "ssh -R" in "\n".join(
        announcement(replace(asked, link="none"), replace(state, url=""), tmp_path, Words(lang))
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--share", "view"], "which runs are to be shared"),
        (["--share", "view", "--share-runs", "gone"], "there is no run gone"),
        (["--share-runs", "plain"], "need --share view"),
        (["--host", "0.0.0.0"], "give a password"),
        (["--host", "0.0.0.0", "--password", "/nowhere"], "cannot be read"),
        (["--stop-sharing"], "Nothing is shared"),
    ],
)
def test_the_command_line_refuses_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: list[str], says: str
) -> None:
    monkeypatch.delenv("CLINIC_PASSWORD", raising=False)
    make(tmp_path)
    assert main(["--runs", str(tmp_path), "--port", "47391", *given]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_the_command_line_refuses_under_vibe_mode(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_VIBE_MODE", "1")
    assert main(["--runs", str(tmp_path), "--port", "47391"]) == 2
    assert "GRADIO_VIBE_MODE" in capsys.readouterr().err


def test_a_state_that_nobody_keeps_is_not_taken_for_a_link(tmp_path: Path) -> None:
    running = State("x", "on", pid=os.getpid())
    write_state(tmp_path, running)
    assert is_on(tmp_path, running)
    old = time.time() - STALE_SECONDS - 1
    os.utime(tmp_path / ".share" / "status.json", (old, old))
    assert not is_on(tmp_path, running)  # the machine went down, and the number is another program's now
    assert stop_sharing(tmp_path) is None
    touch_state(tmp_path)
    assert is_on(tmp_path, running)
    assert not is_on(tmp_path, replace(running, phase="ended"))
    assert not is_on(tmp_path, replace(running, pid=0))


def test_the_state_is_its_owner_s_alone_and_holds_no_password(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    write_state(tmp_path, State("x", "on", runs=("a",), visitors=("Ann",)))
    assert read_state(tmp_path) == State("x", "on", runs=("a",), visitors=("Ann",))
    assert (tmp_path / ".share").stat().st_mode & 0o777 == 0o700
    assert "password" not in (tmp_path / ".share" / "status.json").read_text()
    for broken in ("", "[]", "{}", '{"id": 1, "phase": "on", "runs": 3, "visitors": []}'):
        (tmp_path / ".share" / "status.json").write_text(broken)
        assert read_state(tmp_path) is None
