"""Python, the virtual environment, and each requirement's installed version against the pinned one."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from training.doctor.check import Check

DISTRIBUTION = "trl-clinic"
PYTHON = (3, 11)  # pyproject.toml: requires-python
PIN = re.compile(r"^\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*==\s*(?P<version>[^\s;#]+)")


@dataclass(frozen=True)
class Pin:
    """A requirement and its exact version."""

    name: str
    version: str


def read_pins(root: Path) -> tuple[list[Pin], str]:
    """The pinned requirements, and where they were found: beside the package, or in what pip installed.

    An empty list if they are in neither place.
    """
    path = root / "requirements.txt"
    try:
        return pins_of(path.read_text(encoding="utf-8").splitlines()), str(path)
    except OSError:
        pass
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return [], f"neither {path} nor an installed {DISTRIBUTION}"
    return pins_of(line for line in lines if "extra ==" not in line), f"the metadata of {DISTRIBUTION}"


def pins_of(lines: Iterable[str]) -> list[Pin]:
    """The lines that pin a version."""
    found = (PIN.match(line) for line in lines)
    return [Pin(match["name"], match["version"]) for match in found if match]


def installed_version(name: str) -> str | None:
    """The version of an installed distribution; None if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_packages(pins: Sequence[Pin], source: str, version_of: Callable[[str], str | None]) -> list[Check]:
    """Each requirement, installed against pinned. A local part (2.13.0+cpu) is another build of the same version."""
    if not pins:
        return [Check("requirements", False, f"no pinned requirements were found: {source}", hint="clone it again")]
    checks = []
    for pin in pins:
        version = version_of(pin.name)
        well = version is not None and (version == pin.version or version.partition("+")[0] == pin.version)
        found = f"{version} installed, {pin.version} pinned" if version else f"not installed, {pin.version} pinned"
        pip, uv = ((), ()) if well else install([f"{pin.name}=={pin.version}"])
        checks.append(Check(pin.name, well, version or "" if well else found, pip, uv))
    return checks


def install(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands that install into the environment of this Python: pip's and uv's."""
    python, what = shlex.quote(sys.executable), shlex.join(words)
    return (f"{python} -m pip install {what}",), (f"uv pip install --python {python} {what}",)


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Python's own version."""
    wanted = ".".join(map(str, PYTHON))
    found = ".".join(map(str, version))
    if version >= PYTHON:
        return Check("python", True, found)
    return Check(
        "python", False, f"{found}, {wanted} or newer is needed",
        pip=(f"python{wanted} -m venv --clear .venv", ". .venv/bin/activate", "python -m pip install -r requirements.txt"),
        uv=(f"uv venv --clear --python {wanted} .venv", ". .venv/bin/activate", "uv pip install -r requirements.txt"),
    )  # fmt: skip


def check_virtual_environment(prefix: str = sys.prefix, base: str = sys.base_prefix, conda: str | None = None) -> Check:
    """Whether this Python is that of a virtual environment (or of a conda environment)."""
    if prefix != base or (conda and conda == prefix):
        return Check("virtual environment", True, prefix)
    return Check(
        "virtual environment", False, f"none is active: {prefix} is the system's Python",
        pip=("python3 -m venv .venv", ". .venv/bin/activate", "python -m pip install -r requirements.txt"),
        uv=("uv venv .venv", ". .venv/bin/activate", "uv pip install -r requirements.txt"),
    )  # fmt: skip
