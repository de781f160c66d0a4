"""What Gradio knows of its tunnel's program: where it comes from, what it must hash to, where it is kept."""

from __future__ import annotations

from pathlib import Path

from gradio import networking, tunneling

from dashboard.sharing.binary import Program


def program() -> Program:
    """The program for this machine. A machine that Gradio knows no checksum for gets none, and no tunnel."""
    url = tunneling.BINARY_URL
    return Program(url, tunneling.CHECKSUMS.get(url, ""), Path(tunneling.BINARY_PATH))


def directory() -> str:
    """Where Gradio's servers say which of them takes a tunnel."""
    return networking.GRADIO_API_SERVER
