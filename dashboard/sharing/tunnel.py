"""The tunnel: a program that gives a port of this machine a public address. Started, read, watched, and really ended."""

from __future__ import annotations

import ctypes
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dashboard.sharing.binary import TunnelFailed, said
from dashboard.sharing.limits import TUNNEL_SECONDS
from diagnostics.report.common import one_line

STARTED = re.compile(r"start proxy success: (\S+)")
REFUSED = ("login to server failed", "start error", "authorization failed")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
LOG_LINES = 50
END_SECONDS = 3.0
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl


@dataclass(frozen=True)
class Server:
    """The server at the tunnel's other end. `certificate`: the file of the authority that its certificate must be signed by."""

    host: str
    port: int
    certificate: Path | None = None


def public_server(directory: str, folder: Path) -> Server:
    """The server that Gradio's directory names for us, its certificate kept in `folder`.

    Raises:
        TunnelFailed: the directory cannot be reached, or answers something else.
    """
    import httpx

    try:
        answer = httpx.get(directory, timeout=float(TUNNEL_SECONDS))
        answer.raise_for_status()
        found = answer.json()[0]
        host, port, certificate = str(found["host"]), int(found["port"]), str(found["root_ca"])
    except (httpx.HTTPError, OSError) as error:
        raise TunnelFailed(
            f"{directory} cannot be reached ({said(error)}): this network seems to block it.", "blocked"
        ) from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise TunnelFailed(f"{directory} did not name a server ({type(error).__name__}).", "refused") from error
    if not HOST.fullmatch(host) or not 0 < port < 65536 or "BEGIN CERTIFICATE" not in certificate:
        raise TunnelFailed(f"{directory} did not name a server with a certificate, so that no link is made.", "refused")
    path = folder / "certificate.pem"
    path.write_text(certificate, encoding="utf-8")
    return Server(host, port, path)


def command(program: Path, server: Server, port: int, token: str) -> list[str]:
    """The program's arguments, as gradio/tunneling.py of 6.31 has them."""
    given = [str(program), "http", "-n", token, "-l", str(port), "-i", "127.0.0.1", "--uc", "--sd", "random", "--ue"]
    given += ["--server_addr", f"{server.host}:{server.port}", "--disable_log_color"]
    return given + (["--tls_enable", "--tls_trusted_ca_file", str(server.certificate)] if server.certificate else [])


class Tunnel:
    """One running tunnel."""

    def __init__(self, given: Sequence[str]) -> None:
        self._given = list(given)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: list[str] = []

    def start(self, seconds: float = float(TUNNEL_SECONDS), wanted: Callable[[], bool] = lambda: True) -> str:
        """Start it and wait for its address. `wanted` is asked meanwhile: sharing may be stopped before it has begun.

        Raises:
            TunnelFailed: it does not start, ends, says that it failed, or says nothing in time. It is ended then.
        """
        try:
            self._process = subprocess.Popen(
                self._given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={
                    name: value
                    for name, value in os.environ.items()
                    if name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
                },
                preexec_fn=dying_with_parent(),
            )
        except OSError as error:
            raise TunnelFailed(
                f"The tunnel's program does not start ({error.strerror or error}).", "program"
            ) from error
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(lines,), name="tunnel", daemon=True).start()
        deadline = time.monotonic() + seconds
        try:
            while True:
                url = self._look(lines, deadline, seconds)
                if url:
                    return url
                if not wanted():
                    raise TunnelFailed("Sharing was stopped before there was a link.")
        except TunnelFailed:
            self.kill()
            raise

    def _look(self, lines: queue.Queue[str | None], deadline: float, seconds: float) -> str | None:
        """The address, if the next line tells it."""
        try:
            line = lines.get(timeout=0.2)
        except queue.Empty:
            if time.monotonic() > deadline:
                raise TunnelFailed(
                    f"The tunnel's server has given no link in {seconds:g} s: this network seems to block it.{self.last_words()}",
                    "blocked",
                ) from None
            return None
        if line is None:
            raise TunnelFailed(f"The tunnel's program has ended.{self.last_words()}", "blocked")
        if any(one in line for one in REFUSED):
            raise TunnelFailed(f"The tunnel's server has refused.{self.last_words()}", "refused")
        found = STARTED.search(line)
        return address(found[1]) if found else None

    def _read(self, lines: queue.Queue[str | None]) -> None:
        """Read what it says to its end: a full pipe would stop it."""
        assert self._process is not None
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", errors="replace").strip()
            self._log = [*self._log[-LOG_LINES:], line]
            lines.put(line)
        lines.put(None)

    def last_words(self) -> str:
        """The last line it wrote, to be put behind a sentence."""
        return f" Its last words: {one_line(self._log[-1])[:300]}" if self._log else ""

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process."""
        return self._process.pid if self._process else None

    def kill(self) -> None:
        """End it, and be sure that it has ended when this returns."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def address(found: str) -> str:
    """A public address as the program tells it, of a host alone and by https: nobody's password goes in the clear.

    Raises:
        TunnelFailed: it is none.
    """
    parts = urlsplit(found if "://" in found else f"http://{found}")
    where = parts.netloc.rpartition("@")[2]
    host, _, port = where.partition(":")
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(host) or not (port or "0").isdecimal():
        raise TunnelFailed("The tunnel's program has told an address that is none.", "refused")
    return f"https://{where}"


def dying_with_parent() -> Callable[[], None] | None:
    """What a child does first, so that no end of its parent leaves it behind. Only Linux has it; elsewhere, None."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def first() -> None:
        prctl(DIES_WITH_PARENT, signal.SIGKILL)

    return first
