"""The options of the command line that are about sharing, and what is printed of it."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

from dashboard.sharing import tokens
from dashboard.sharing.asked import LINKS, MODES, Asked, ShareRefused, new_password, password_from
from dashboard.sharing.keeper import STOP_SECONDS, Keeper, stop_sharing
from dashboard.sharing.limits import HOURS
from dashboard.sharing.state import State, is_on
from dashboard.sharing.view import clock
from dashboard.texts import Lang, Words
from diagnostics.report.common import one_line

OK, BAD_INPUT = 0, 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group(
        "sharing", "show chosen runs to others by a link with a password; docs/sharing.md"
    )
    group.add_argument("--share", choices=MODES, help="view: read-only pages; try: prompting and blind voting besides")
    group.add_argument("--share-runs", default="", metavar="NAME,NAME", help="the runs to share; all: those there now")
    group.add_argument(
        "--share-checkpoints",
        default="",
        metavar="RUN/checkpoint-N,...",
        help="what visitors may ask in try (default: the last checkpoint of each run)",
    )
    group.add_argument(
        "--share-comparison",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a report of compare --format html",
    )
    group.add_argument(
        "--share-hours", type=float, default=float(HOURS), metavar="N", help=f"how long (default: {HOURS:g})"
    )
    group.add_argument(
        "--share-link", choices=LINKS, default="tunnel", help="none: serve on this machine, without a tunnel"
    )
    group.add_argument(
        "--share-port", type=int, default=0, metavar="N", help="its port on this machine (default: a free one)"
    )
    group.add_argument("--share-path", default="", metavar="/PATH", help="its path behind a reverse proxy")
    group.add_argument(
        "--stop-sharing", action="store_true", help="end what is shared from --runs, and do nothing else"
    )
    group.add_argument(
        "--password",
        type=Path,
        metavar="FILE",
        help="a file with the password of the link and of the dashboard itself (or CLINIC_PASSWORD; default: a random one for the link)",
    )
    group.add_argument(
        "--token",
        action=argparse.BooleanOptionalAction,
        help="ask for a token in the dashboard's own address (CLINIC_TOKEN; default: where other people can log in here)",
    )
    group.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address of the dashboard itself; any but this machine's own needs a password",
    )


def keep_token(token: str, root: Path, address: str) -> str:
    """Keep the token in its file; returns what a browser is to open. Without the file it goes by the address alone."""
    try:
        return tokens.keep(root, token, address).as_uri()
    except OSError:
        return tokens.opening(address, token)


def say_token(token: str, root: Path, lang: Lang) -> None:
    """Say whether a token is asked for, and how to have it otherwise."""
    print(
        Words(lang)("share.token_kept", file=root / tokens.FOLDER / tokens.FILE)
        if token
        else Words(lang)("share.token_off"),
        flush=True,
    )


def stop(parsed: argparse.Namespace) -> int:
    """Carry out --stop-sharing. 0: nothing is shared any more; 2: nothing was, or it did not end."""
    words = Words(parsed.lang)
    state = stop_sharing(parsed.runs.resolve())
    if state is None:
        print(words("share.not_on", runs=parsed.runs), file=sys.stderr)
        return BAD_INPUT
    if is_on(parsed.runs.resolve(), state):
        print(words("share.no_end", seconds=STOP_SECONDS, pid=state.pid), file=sys.stderr)
        return BAD_INPUT
    print(words("share.ended_stopped"))
    return OK


def asked_of(parsed: argparse.Namespace, password: str | None) -> Asked | None:
    """The order that the options give; None if nothing is to be shared.

    Raises:
        ShareRefused: it cannot be carried out.
    """
    if parsed.share is None:
        if parsed.share_runs or parsed.share_comparison or parsed.share_checkpoints:
            raise ShareRefused(
                "--share-runs, --share-checkpoints and --share-comparison need --share view or --share try."
            )
        return None
    return Asked(
        root=str(parsed.runs.resolve()),
        mode=parsed.share,
        runs=tuple(parsed.share_runs.split(",")),
        password=password or new_password(),
        hours=parsed.share_hours,
        lang=parsed.lang,
        link=parsed.share_link,
        port=parsed.share_port,
        path=parsed.share_path,
        checkpoints=tuple(parsed.share_checkpoints.split(",")),
        comparisons=tuple(str(one.resolve()) for one in parsed.share_comparison),
        generated=password is None,
    ).checked()


def password_of(parsed: argparse.Namespace) -> str | None:
    """The password that was given.

    Raises:
        ShareRefused: its file cannot be used.
    """
    return password_from(parsed.password, os.environ)


def share(asked: Asked, root: Path, keeper: Keeper) -> bool:
    """Start sharing and say what came of it; then what happens there, as long as it goes on. Whether there is a link."""
    words = Words(asked.lang)
    try:
        state = keeper.start(asked)
    except ShareRefused as error:
        print(refusal(str(error), asked, words), file=sys.stderr, flush=True)
        return False
    print("\n".join(announcement(asked, state, root, words)), flush=True)
    threading.Thread(target=follow, args=(keeper, words), name="sharing", daemon=True).start()
    return True


def announcement(asked: Asked, state: State, root: Path, words: Words) -> list[str]:
    """What is shared, where, with which password, and how to end it."""
    names = ", ".join(one_line(name) for name in asked.runs)
    lines = [words("share.on", hours=asked.hours, ends=clock(state.ends), names=names)]
    if state.url:
        lines.append(words("share.link", url=state.url))
    lines.append(words("share.link_local", url=state.local))
    lines.append(
        words("share.said_password", password=asked.password) if asked.generated else words("share.own_password")
    )
    if asked.link == "none":
        lines.append(alternatives(asked, state.port, words))
    return [*lines, words("share.how_to_stop", runs=root)]


def refusal(reason: str, asked: Asked, words: Words) -> str:
    """Why nothing is shared, and what else would do."""
    told = words("share.ended_failed", detail=reason)
    return f"{told}\n{alternatives(asked, asked.port, words)}" if asked.link == "tunnel" else told


def alternatives(asked: Asked, port: int, words: Words) -> str:
    """The ways without Gradio's tunnel."""
    return words("share.alternatives", port=port or "PORT", first=Path(asked.root) / asked.runs[0])


def end(keeper: Keeper, lang: Lang) -> None:
    """Stop sharing, if something is shared, and say so."""
    shared = keeper.state()
    keeper.stop()
    if shared is not None and shared.phase == "on":
        print(Words(lang)("share.ended_stopped"), flush=True)


def follow(keeper: Keeper, words: Words) -> None:
    """Tell who comes and goes, and the end."""
    for key, fields in keeper.events():
        print(words(key, **fields), flush=True)
