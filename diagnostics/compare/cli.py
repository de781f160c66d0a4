"""The command lines of a comparison: `compare` and `bisect`."""

from __future__ import annotations

import argparse

from diagnostics.compare import bisect_command, compare_command


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add them to a command line."""
    compare_command.add_command(commands)
    bisect_command.add_command(commands)
