"""Sharing from a Hugging Face Space: the shared server alone, without the dashboard, behind the Space's own address."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboard.sharing.asked import ALL, PASSWORD_VARIABLE, Asked, ShareRefused, password_from
from dashboard.sharing.doors import Mode
from dashboard.sharing.limits import HOURS_MOST
from dashboard.sharing.serve import serve
from dashboard.sharing.state import new_id, read_state

PORT = 7860  # where a Space expects its app


def order(
    runs: Path | str, mode: Mode = "view", names: Sequence[str] = (ALL,), environment: Mapping[str, str] = os.environ
) -> Asked:
    """What the Space shares, by the password in its secret.

    Raises:
        ShareRefused: there is no password, or it is too short, or a run is not there.
    """
    password = password_from(None, environment)
    if password is None:
        raise ShareRefused(
            f"add the secret {PASSWORD_VARIABLE} in the Space's settings: without a password nothing is shared."
        )
    port = environment.get("GRADIO_SERVER_PORT", "")
    return Asked(
        root=str(Path(runs).resolve()),
        mode=mode,
        runs=tuple(names),
        password=password,
        hours=float(HOURS_MOST),
        link="none",
        host="0.0.0.0",  # noqa: S104 - the Space's proxy comes from outside; the gate stands before everything
        port=int(port) if port.isdecimal() else PORT,
        generated=False,
    ).checked()


def share(runs: Path | str = "runs", mode: Mode = "view", names: Sequence[str] = (ALL,)) -> None:
    """Share until the Space is stopped; every `HOURS_MOST` hours all visitors have to log in again.

    Raises:
        SystemExit: nothing can be shared; the message says why.
    """
    try:
        asked = order(runs, mode, names)
    except ShareRefused as error:
        raise SystemExit(str(error)) from error
    while True:
        code = serve(asked, new_id())
        state = read_state(Path(asked.root))
        if state is None or state.reason != "expired":
            raise SystemExit(state.detail if state and state.detail else code)
