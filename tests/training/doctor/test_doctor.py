"""The doctor: what is missing or of another version is named, with the commands that repair it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from training.doctor import machine, packages
from training.doctor.command import ROOT, examine, lines_of, main
from training.doctor.packages import Pin, check_packages, check_python, check_virtual_environment, read_pins

PINS = [Pin("trl", "1.16.0"), Pin("torch", "2.13.0"), Pin("peft", "0.21.2")]
INSTALLED = {"trl": "1.12.0", "torch": "2.13.0+cpu"}


def test_installed_against_pinned() -> None:
    trl, torch, peft = check_packages(PINS, "requirements.txt", INSTALLED.get)
    assert not trl.well
    assert trl.found == "1.12.0 installed, 1.16.0 pinned"
    assert torch.well
    assert not peft.well
    assert peft.found == "not installed, 0.21.2 pinned"
    python = shlex.quote(sys.executable)
    assert trl.pip == (f"{python} -m pip install trl==1.16.0",)
    assert trl.uv == (f"uv pip install --python {python} trl==1.16.0",)
    assert [line.split()[0] for line in lines_of(trl)] == ["MEND", "pip:", "uv:"]
    assert lines_of(torch) == ["ok    torch                2.13.0+cpu"]


def test_pins_beside_the_package_are_all_read() -> None:
    pins, source = read_pins(ROOT)
    assert source == str(ROOT / "requirements.txt")
    lines = [line for line in Path(source).read_text().splitlines() if line and not line.startswith("#")]
    assert [f"{pin.name}=={pin.version}" for pin in pins] == lines


def test_pins_of_an_installed_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["trl==1.16.0", "pytest==9.0; extra == 'test'"])
    assert read_pins(tmp_path) == ([Pin("trl", "1.16.0")], "the metadata of trl-clinic")

    def missing(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    pins, source = read_pins(tmp_path)
    assert not check_packages(pins, source, INSTALLED.get)[0].well


def test_old_python_and_no_environment() -> None:
    assert check_python((3, 11, 0)).well
    assert "3.11 or newer is needed" in check_python((3, 10, 4)).found
    assert check_virtual_environment("/x/.venv", "/usr").well
    assert check_virtual_environment("/conda", "/conda", conda="/conda").well
    bare = check_virtual_environment("/usr", "/usr", conda=None)
    assert not bare.well
    assert "uv venv .venv" in bare.uv
    assert "python3 -m venv .venv" in bare.pip


def test_little_space_is_to_mend(tmp_path: Path) -> None:
    assert not machine.check_disk(tmp_path / "not" / "yet", free=10**9).well
    assert machine.check_disk(tmp_path, free=10**11).well
    assert not machine.check_memory(10**9).well
    assert not machine.check_shared_memory(size=64 << 20).well
    assert machine.check_shared_memory(Path("/nowhere")).well


def test_exit_codes_and_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "installed_version", INSTALLED.get)
    monkeypatch.setattr("training.doctor.command.machine.check_accelerator", lambda pins: machine.check_memory(None))
    assert main(["--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["well"]) == (1, False)
    trl = next(check for check in report["checks"] if check["name"] == "trl")
    assert (trl["well"], trl["found"]) == (False, "1.12.0 installed, 1.16.0 pinned")
    with pytest.raises(SystemExit) as left:
        main(["--format", "xml"])
    assert left.value.code == 2


def test_all_well_where_everything_is_as_pinned(tmp_path: Path) -> None:
    pins = {pin.name: pin.version for pin in read_pins(ROOT)[0]}
    named = [check for check in examine(tmp_path, ROOT, pins.get) if check.name in pins]
    assert len(named) == len(pins)
    assert all(check.well for check in named)


def test_works_where_nothing_is_installed() -> None:
    """-S: no site-packages, so that neither torch nor numpy can be imported."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "training", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "not installed, 2.13.0 pinned" in done.stdout
    assert "not looked at: torch is not installed" in done.stdout
    assert not done.stderr
