"""The tunnel's program: fetched, checked against its checksum before it may run, and run from a copy nobody can swap."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from dashboard.sharing.state import Cause

FETCH_SECONDS = 60
MOST_BYTES = 100_000_000  # the largest of Gradio's is 12 MB


class TunnelFailed(Exception):
    """There is no link. The message says why, in one sentence; `cause`: what kind of failure it is, if that is known."""

    def __init__(self, message: str, cause: Cause = "") -> None:
        super().__init__(message)
        self.cause: Cause = cause


@dataclass(frozen=True)
class Program:
    """A program of a known checksum: where it is fetched from, what it must hash to, where it is kept."""

    url: str
    sha256: str
    path: Path


def sound_bytes(program: Program) -> bytes:
    """The program's bytes, fetched if they are not kept yet. What does not hash right is deleted, and never run.

    Raises:
        TunnelFailed: there is no checksum for this machine, the download is blocked, or the checksum does not match.
    """
    if not program.sha256:
        raise TunnelFailed(
            "There is no checksum for a tunnel's program on this kind of machine, so none is run.", "program"
        )
    try:
        data = program.path.read_bytes()
    except FileNotFoundError:
        data = fetched(program.url)
        check(data, program, "what was downloaded")
        keep(data, program.path)
        return data
    except OSError as error:
        raise TunnelFailed(f"{program.path}: cannot be read ({error.strerror}).", "program") from error
    try:
        check(data, program, str(program.path))
    except TunnelFailed:
        program.path.unlink(missing_ok=True)  # or Gradio itself would run it the next time, unchecked
        raise
    return data


def check(data: bytes, program: Program, what: str) -> None:
    """Make sure that bytes are the program's.

    Raises:
        TunnelFailed: they are not.
    """
    found = hashlib.sha256(data).hexdigest()
    if not hmac.compare_digest(found, program.sha256):
        raise TunnelFailed(
            f"{what} is not the tunnel's program: its SHA-256 is {found[:16]}…, expected {program.sha256[:16]}…; it was deleted and not run.",
            "checksum",
        )


def fetched(url: str) -> bytes:
    """What lies at an address.

    Raises:
        TunnelFailed: it cannot be had.
    """
    import httpx

    try:
        answer = httpx.get(url, timeout=FETCH_SECONDS)
        answer.raise_for_status()
    except (httpx.HTTPError, OSError) as error:
        raise TunnelFailed(
            f"The tunnel's program cannot be downloaded from {url} ({said(error)}): this network seems to block it.",
            "blocked",
        ) from error
    if len(answer.content) > MOST_BYTES:
        raise TunnelFailed(
            f"{url}: is {len(answer.content):,} bytes long, far more than the tunnel's program.", "checksum"
        )
    return answer.content


def keep(data: bytes, path: Path) -> None:
    """Keep the bytes for the next time, under a temporary name first; where that cannot be, they are fetched again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        return


def runnable(data: bytes, folder: Path) -> Path:
    """The very bytes that were checked as a file to run, in a folder that nobody else can write to."""
    path = folder / "tunnel"
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(0o700)
    return path


def said(error: Exception) -> str:
    """An error in a few words, its kind where it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__
