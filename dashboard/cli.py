"""The command line of the dashboard."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from dashboard.sharing import options, tokens
from dashboard.sharing.asked import LOOPBACK, ShareRefused, refuse_unsafe
from dashboard.sharing.desk import Desk
from dashboard.sharing.keeper import Keeper
from dashboard.texts import LANGS

BAD_INPUT = 2
PORT = 7860
HEARTBEAT_SECONDS = "0.5"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the dashboard until interrupted. 2: the port is taken, or the folder cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description="Compare and diagnose training runs.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of runs (default: runs)")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--lang", choices=LANGS, default="en", help="the language at the short addresses")
    parser.add_argument("--demo", action="store_true", help="start training the demo at once")
    parser.add_argument("--open", action="store_true", help="open the page in a browser, where there is one")
    options.add_options(parser)
    parsed = parser.parse_args(arguments)
    if parsed.stop_sharing:
        return options.stop(parsed)
    if not 0 < parsed.port < 65536:
        print(f"--port {parsed.port}: a number from 1 to 65535 was expected.", file=sys.stderr)
        return BAD_INPUT
    if not port_free(parsed.port):
        print(f"port {parsed.port} is in use by another program; choose another with --port.", file=sys.stderr)
        return BAD_INPUT
    try:
        parsed.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"{parsed.runs}: cannot be used as the folder of runs ({error.strerror}).", file=sys.stderr)
        return BAD_INPUT

    try:
        password = options.password_of(parsed)
        refuse_unsafe(os.environ, parsed.host, password)
        asked = options.asked_of(parsed, password)
        token = tokens.wanted(parsed.token, os.environ) if password is None else ""
    except ShareRefused as error:
        print(error, file=sys.stderr)
        return BAD_INPUT

    # Before gradio is imported: it asks the network for its newest version otherwise.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # How soon a closed tab is noticed, and what is generated for it ended; Gradio's own interval is 15 seconds.
    os.environ.setdefault("GRADIO_HEARTBEAT_INTERVAL", HEARTBEAT_SECONDS)
    # Gradio's own place for uploads can be read by all users of the machine.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(tokens.uploads(parsed.runs.resolve())))
    from dashboard.app import launch
    from dashboard.clinic import Clinic

    clinic, keeper = Clinic(parsed.runs.resolve()), Keeper(parsed.runs.resolve())
    desk = Desk(clinic.root, keeper, shows_password=parsed.host in LOOPBACK)
    if parsed.demo:
        clinic.start_demo()
    try:
        given = {"host": parsed.host, "password": password, "token": token, "desk": desk}
        demo = launch(clinic, port=parsed.port, first=parsed.lang, block=False, **given)
        address, opened = f"http://{parsed.host}:{parsed.port}/", f"http://127.0.0.1:{parsed.port}/"
        if token:
            opened = options.keep_token(token, clinic.root, address)
        print(f"TRL Clinic: {tokens.opening(address, token)}  (runs: {clinic.root})", flush=True)
        if password is None:
            options.say_token(token, clinic.root, parsed.lang)
        if asked is not None:
            desk.took(asked)
            options.share(asked, parsed.runs, keeper)
        if parsed.open:
            webbrowser.open(opened)
        demo.block_thread()
    finally:
        try:
            desk.close()
            options.end(keeper, parsed.lang)
        finally:
            if token:
                tokens.forget(clinic.root)
            clinic.close()
    return 0


def port_free(port: int) -> bool:
    """Whether nothing listens on this port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
