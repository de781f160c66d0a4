"""The form of the Share page: what it offers, and the order that its fields make, each refusal in the page's language."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from dashboard.clinic import Clinic
from dashboard.html import text
from dashboard.sharing.asked import LINKS, MODES, PATH_LETTERS, Asked, Link, ShareRefused, TunnelPlan, new_password
from dashboard.sharing.doors import Mode
from dashboard.sharing.limits import CHECKPOINTS, HOURS, HOURS_MOST, PASSWORD_LEAST, PASSWORD_MOST
from dashboard.texts import Words
from diagnostics.compare.models.sources import checkpoints_of

# How long a link may live, in hours; the server takes any number up to the most.
SPANS = (1.0, 4.0, float(HOURS), 24.0, float(HOURS_MOST))
MOST_PORT = 65535


class FormRefused(Exception):
    """The form makes no order. The message is in the page's language."""


@dataclass(frozen=True)
class Form:
    """What stands in the form, as a browser sends it: any of it may be anything."""

    mode: Any
    runs: Any
    checkpoints: Any
    hours: Any
    password: Any
    link: Any
    port: Any
    path: Any


def wanted(pairs: Iterable[tuple[str, str]], clinic: Clinic) -> tuple[list[str], list[str]]:
    """The runs and the checkpoints that the page's address names and that are there."""
    listed = list(pairs)
    there = runs_offered(clinic)
    named = dict.fromkeys(value for key, value in listed if key == "checkpoint")
    runs = [value for key, value in listed if key == "run"] + [one.rpartition("/")[0] for one in named]
    chosen = [name for name in dict.fromkeys(runs) if name in there]
    known = checkpoints_offered(clinic, chosen)
    return chosen, [one for one in named if one in known][: int(CHECKPOINTS)]


def address(page: str, runs: Iterable[str], checkpoints: Iterable[str] = ()) -> str:
    """The address of the Share page with a choice in it."""
    pairs = [("run", one) for one in runs] + [("checkpoint", one) for one in checkpoints]
    return page + ("?" + urlencode(pairs) if pairs else "")


def share_link(clinic: Clinic, names: Sequence[str], page: str, words: Words) -> str:
    """The link that shares what is compared, as HTML: the checkpoints among these names, and their runs; else nothing."""
    of_runs = [one for one in names if clinic.run(one.rpartition("/")[0]) is not None]
    runs = dict.fromkeys(one.rpartition("/")[0] for one in of_runs)
    if not runs:
        return ""
    return share_this(address(page, runs, of_runs), words)


def share_this(where: str, words: Words) -> str:
    """The link to the Share page, as every page has it."""
    return f'<div class="share-this"><a href="{text(where)}">{text(words("share.these"))}</a></div>'


def runs_offered(clinic: Clinic) -> list[str]:
    """The runs that can be shared: those that can be read, in the order of the Runs page."""
    return [run.name for run in clinic.runs()[0]]


def checkpoints_offered(clinic: Clinic, names: Sequence[str]) -> list[str]:
    """The checkpoints of some runs that answer a prompt."""
    runs = [run for name in names if (run := clinic.run(name)) is not None and run.method != "reward"]
    return [one.name for one in checkpoints_of(runs)]


def order_of(form: Form, clinic: Clinic, words: Words, tunnel: TunnelPlan) -> Asked:
    """The order that a form makes.

    Raises:
        FormRefused: it makes none.
    """
    if form.mode not in MODES or form.link not in LINKS:
        raise FormRefused(words("share.form_incomplete"))
    runs = texts_in(form.runs)
    if not runs:
        raise FormRefused(words("share.form_no_runs"))
    gone = [name for name in runs if clinic.run(name) is None]
    if gone:
        raise FormRefused(words("share.form_gone", names=", ".join(gone)))
    checkpoints = texts_in(form.checkpoints) if form.mode == "try" else []
    offered = checkpoints_offered(clinic, runs)
    foreign = [one for one in checkpoints if one not in offered]
    if foreign:
        raise FormRefused(words("share.form_foreign", names=", ".join(foreign)))
    if len(checkpoints) > CHECKPOINTS:
        raise FormRefused(words("share.form_many", count=len(checkpoints), most=int(CHECKPOINTS)))
    if form.mode == "try" and not offered:
        raise FormRefused(words("share.form_mute"))
    password = form.password if isinstance(form.password, str) else ""
    if password and not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        bounds = {"least": int(PASSWORD_LEAST), "most": int(PASSWORD_MOST)}
        raise FormRefused(words("share.form_password", count=len(password), **bounds))
    asked = Asked(
        root=str(clinic.root),
        mode=cast("Mode", form.mode),
        runs=tuple(runs),
        password=password or new_password(),
        hours=hours_in(form.hours, words),
        lang=words.lang,
        link=cast("Link", form.link),
        port=port_in(form.port, words) if form.link == "none" else 0,
        path=path_in(form.path, words) if form.link == "none" else "",
        checkpoints=tuple(checkpoints),
        generated=not password,
        tunnel=tunnel,
    )
    try:
        return asked.checked()
    except ShareRefused as error:
        raise FormRefused(words("share.ended_failed", detail=error)) from error


def texts_in(value: Any) -> list[str]:
    """The texts in a list, each once."""
    return list(dict.fromkeys(one for one in value if isinstance(one, str))) if isinstance(value, list | tuple) else []


def number_in(value: Any) -> float | None:
    """A finite number, else None."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


def hours_in(value: Any, words: Words) -> float:
    """A span of hours within its range.

    Raises:
        FormRefused: it is none.
    """
    hours = number_in(value)
    if hours is None or not 0 < hours <= HOURS_MOST:
        raise FormRefused(words("share.form_hours", most=int(HOURS_MOST)))
    return hours


def port_in(value: Any, words: Words) -> int:
    """A port, 0 for any that is free.

    Raises:
        FormRefused: it is none.
    """
    port = 0.0 if value is None else number_in(value)
    if port is None or port != int(port) or not 0 <= port <= MOST_PORT:
        raise FormRefused(words("share.form_port", most=MOST_PORT))
    return int(port)


def path_in(value: Any, words: Words) -> str:
    """A path behind a reverse proxy, empty for none.

    Raises:
        FormRefused: it is none.
    """
    path = value.strip() if isinstance(value, str) else ""
    if path and (not path.startswith("/") or not set(path) <= PATH_LETTERS or ".." in path):
        raise FormRefused(words("share.form_path"))
    return path
