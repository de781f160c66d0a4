"""The version of TRL Clinic: of the source tree that runs, else of the installed package."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

NAME = "trl-clinic"


def version() -> str:
    """The version, `0` where neither a pyproject.toml of ours nor an installed package tells it."""
    try:
        # A clone is run without being installed, and beside an older installed one it is the clone that runs.
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if project["name"] == NAME:
            return str(project["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        pass
    try:
        return importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:
        return "0"
