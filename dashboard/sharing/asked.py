"""What is to be shared, how and how long, looked through before anything is started."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dashboard.sharing.doors import Mode
from dashboard.sharing.limits import CHECKPOINTS, COMPARISON_BYTES, HOURS, HOURS_MOST, PASSWORD_LEAST, PASSWORD_MOST
from dashboard.texts import LANGS, Lang
from diagnostics.compare.models.sources import checkpoints_of
from diagnostics.report.as_html import POLICY
from diagnostics.run import RunUnreadable
from diagnostics.run.discover import RunStore

Link = Literal["tunnel", "none"]
MODES: tuple[Mode, ...] = ("view", "try")
LINKS: tuple[Link, ...] = ("tunnel", "none")
PASSWORD_BYTES = 24  # 192 bits: 32 characters
PASSWORD_VARIABLE = "CLINIC_PASSWORD"  # noqa: S105 - the name of a variable
ALL = "all"
LOOPBACK = ("127.0.0.1", "localhost")
VIBE = "GRADIO_VIBE_MODE"


class ShareRefused(Exception):
    """Nothing is shared. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class TunnelPlan:
    """The tunnel's program and server. Left empty, they are Gradio's own. `sha256`: what the program must hash to."""

    program: str = ""
    sha256: str = ""
    server: str = ""


@dataclass(frozen=True)
class Asked:
    """A whole order. `runs`: the names of runs below `root`; `comparisons`: HTML reports of `compare`.

    `checkpoints`: as RUN/checkpoint-N, what visitors may ask in `try`; none: the last of each run.
    """

    root: str
    mode: Mode
    runs: tuple[str, ...]
    password: str
    hours: float = float(HOURS)
    lang: Lang = "en"
    link: Link = "tunnel"
    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""
    comparisons: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    generated: bool = True
    tunnel: TunnelPlan = TunnelPlan()

    def checked(self) -> Asked:
        """The order, with the names of all runs where all were asked for.

        Raises:
            ShareRefused: some of it cannot be done, or should not be.
        """
        if self.mode not in MODES or self.link not in LINKS or self.lang not in LANGS:
            raise ShareRefused(f"--share {self.mode}: expected one of {', '.join(MODES)}.")
        if not 0 < self.hours <= HOURS_MOST:
            raise ShareRefused(f"--share-hours {self.hours:g}: expected more than 0 and at most {HOURS_MOST:g} hours.")
        if len(self.password) < PASSWORD_LEAST:
            raise ShareRefused(
                f"the password has {len(self.password)} characters; at least {int(PASSWORD_LEAST)} are needed."
            )
        if len(self.password) > PASSWORD_MOST:
            raise ShareRefused(
                f"the password has {len(self.password):,} characters; at most {int(PASSWORD_MOST):,} fit the form."
            )
        if self.path and (not self.path.startswith("/") or not set(self.path) <= PATH_LETTERS or ".." in self.path):
            raise ShareRefused(f"--share-path {self.path}: expected a path such as /clinic.")
        if not 0 <= self.port < 65536:
            raise ShareRefused(f"--share-port {self.port}: a number from 1 to 65535 was expected.")
        for one in self.comparisons:
            check_comparison(Path(one))
        runs = chosen(Path(self.root), self.runs)
        asked = tuple(dict.fromkeys(one.strip() for one in self.checkpoints if one.strip()))
        check_checkpoints(Path(self.root), runs, asked, self.mode)
        return replace(self, runs=runs, checkpoints=asked, path=self.path.rstrip("/"))


PATH_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.~")


def chosen(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The runs of these names, each once; `all` stands for those that are there now.

    Raises:
        ShareRefused: none was named, or one is not there.
    """
    there = RunStore(root).names()
    wanted = tuple(dict.fromkeys(one.strip() for one in names if one.strip()))
    if not wanted:
        raise ShareRefused(
            f"which runs are to be shared? --share-runs NAME,NAME or --share-runs {ALL}; there are: {', '.join(there) or 'none'}."
        )
    if wanted == (ALL,) and ALL not in there:
        wanted = tuple(there)
    missing = [one for one in wanted if one not in there]
    if missing or not wanted:
        raise ShareRefused(
            f"--share-runs: there is no run {', '.join(missing) or 'yet'} in {root}; there are: {', '.join(there) or 'none'}."
        )
    return wanted


def check_checkpoints(root: Path, runs: Sequence[str], names: Sequence[str], mode: Mode) -> None:
    """Make sure that visitors may ask these checkpoints.

    Raises:
        ShareRefused: nobody may ask in `view`; one is not of the shared runs, or gives no text; or there are too many.
    """
    if not names:
        return
    if mode != "try":
        raise ShareRefused("--share-checkpoints needs --share try: in view nobody asks a checkpoint.")
    if len(names) > CHECKPOINTS:
        raise ShareRefused(f"--share-checkpoints: {len(names)} were named; at most {int(CHECKPOINTS)} may be asked.")
    store = RunStore(root)
    there = []
    for name in runs:
        try:
            run = store.get(name)
        except (RunUnreadable, OSError):
            continue
        there += [one.name for one in checkpoints_of([run])] if run.method != "reward" else []
    missing = [one for one in names if one not in there]
    if missing:
        raise ShareRefused(
            f"--share-checkpoints: {', '.join(missing)} is no checkpoint of the shared runs that answers; there are: {', '.join(there) or 'none'}."
        )


def check_comparison(path: Path) -> None:
    """Make sure that a file is a comparison's report of ours: it is shown whole.

    Raises:
        ShareRefused: it is not, or is too large.
    """
    try:
        size = path.stat().st_size
        content = path.read_text(encoding="utf-8") if size <= COMPARISON_BYTES else ""
    except (OSError, ValueError) as error:
        raise ShareRefused(
            f"--share-comparison {path}: cannot be read ({getattr(error, 'strerror', None) or error})."
        ) from error
    if size > COMPARISON_BYTES:
        raise ShareRefused(
            f"--share-comparison {path}: has {size:,} bytes; at most {int(COMPARISON_BYTES):,} are shown."
        )
    if POLICY not in content or "TRL Clinic" not in content:
        raise ShareRefused(f"--share-comparison {path}: expected a report that compare --format html has written.")


def new_password() -> str:
    """A password that nobody guesses."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def password_from(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The password in a file, its line end left out, else that in the environment; None if neither is given.

    Never an argument itself: every user of a machine sees those of all programs.

    Raises:
        ShareRefused: the file cannot be read, or is empty.
    """
    if file is None:
        return environment.get(PASSWORD_VARIABLE) or None
    try:
        found = file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        raise ShareRefused(
            f"--password {file}: cannot be read ({getattr(error, 'strerror', None) or error})."
        ) from error
    if not found:
        raise ShareRefused(f"--password {file}: is empty.")
    return found


def refuse_unsafe(environment: Mapping[str, str], host: str, password: str | None) -> None:
    """Make sure that a server may be started at all.

    Raises:
        ShareRefused: Gradio would let visitors edit files, the address is IPv6, or others reach it and there is no password.
    """
    if environment.get(VIBE):
        raise ShareRefused(f"{VIBE} is set: Gradio would let any visitor change files. Unset it.")
    if ":" in host:
        raise ShareRefused(f"--host {host}: IPv6 is not served; give an IPv4 address or a name, such as 127.0.0.1.")
    if host in LOOPBACK:
        return
    if password is None:
        raise ShareRefused(
            f"--host {host}: others reach this address; give a password with --password FILE or {PASSWORD_VARIABLE}."
        )
    if len(password) < PASSWORD_LEAST:
        raise ShareRefused(f"the password has {len(password)} characters; at least {int(PASSWORD_LEAST)} are needed.")


def as_object(asked: Asked) -> dict[str, Any]:
    """An order as JSON, to be handed to the process that carries it out."""
    return asdict(asked)


def of_object(raw: Mapping[str, Any]) -> Asked:
    """An order from JSON."""
    fields = {
        **raw,
        "runs": tuple(raw["runs"]),
        "comparisons": tuple(raw["comparisons"]),
        "checkpoints": tuple(raw["checkpoints"]),
        "tunnel": TunnelPlan(**raw["tunnel"]),
    }
    return Asked(**fields)
