"""The limits on the Settings page: read, looked through on the server, kept, and in force at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.settings.folders import size_words
from dashboard.settings.kept import RANGES, Range, SettingsDamaged
from dashboard.texts import Words
from dashboard.train.job import Refused, carried_out
from diagnostics.compare.models.memory import GIB, VARIABLE

# More trainings at once than this no machine carries; the command itself takes any number.
AT_ONCE = Range(1, 64, 1)
SAID = re.compile(r"at most (\d+) at a time")


class LimitRefused(Exception):
    """A limit cannot be what was asked for. The message is in the page's language."""


def at_once() -> int:
    """How many workers train at once on this machine, as the command that keeps it says.

    Raises:
        Refused: the command failed.
    """
    found = SAID.search(carried_out("queue"))
    if found is None:
        raise Refused("training queue: did not say how many may run.")
    return int(found[1])


def automatic_gib(clinic: Clinic) -> float:
    """What the models may take while nothing is set, in GiB."""
    return clinic.free_budget / GIB


def fixed_by_variable(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the memory was set for this start by the environment, which then holds."""
    return VARIABLE in environment


def checked(values: Mapping[str, Any], words: Words, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The limits that a form gives; an empty field is a default.

    Raises:
        LimitRefused: one is out of its range, or cannot be changed here.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        allowed = AT_ONCE if name == "at_once" else RANGES[name]
        if value in (None, ""):
            found[name] = None
            continue
        if not allowed.holds(value):
            said = "settings.refused_whole" if allowed.whole else "settings.refused_number"
            bounds = {"least": f"{allowed.least:g}", "most": f"{allowed.most:g}"}
            raise LimitRefused(words(said, what=words(f"settings.{name}"), value=value, **bounds))
        found[name] = value
    if found.get("model_memory_gib") is not None and fixed_by_variable(environment):
        raise LimitRefused(words("settings.refused_variable", variable=VARIABLE))
    return found


def save(clinic: Clinic, values: Mapping[str, Any], was_at_once: int | None, words: Words) -> tuple[str, int | None]:
    """Keep the limits of a form; what came of it as HTML, and how many train at once now.

    `was_at_once`: how many did when the form was filled: the command is run only where that changes.
    """
    try:
        wanted = checked(values, words)
        at_most = wanted.pop("at_once") or int(AT_ONCE.default or 1)
        if was_at_once is not None and at_most != was_at_once:
            carried_out("queue", "--at-most", str(int(at_most)))
            was_at_once = int(at_most)
        if fixed_by_variable():
            wanted.pop("model_memory_gib")  # its field is closed, and says nothing of what is kept
        clinic.settings.change(wanted)
    except LimitRefused as error:
        return note(str(error), "error"), was_at_once
    except SettingsDamaged as error:
        return note(words("settings.damaged_kept", path=clinic.settings.path, reason=error), "error"), was_at_once
    except Refused as error:
        return note(words("settings.unsaved", reason=error), "error"), was_at_once
    except OSError as error:
        return note(words("settings.unsaved", reason=error.strerror or error), "error"), was_at_once
    clinic.take_settings()
    return note(words("settings.saved", path=clinic.settings.path), "good"), was_at_once


def told(clinic: Clinic, words: Words) -> str:
    """What is wrong with the kept file, as HTML; empty if nothing is."""
    now = clinic.settings.now()
    if now.damage:
        return note(words("settings.damaged", path=clinic.settings.path, reason=now.damage), "error")
    if now.odd:
        names = ", ".join(now.odd)
        return note(words("settings.odd", path=clinic.settings.path, names=names), "warning")
    return ""


def empty_cache(clinic: Clinic, words: Words) -> str:
    """Delete all kept answers; what came of it as HTML."""
    try:
        count, size = clinic.cache.empty()
    except OSError as error:
        return note(words("settings.cache_stays", reason=error.strerror or error), "error")
    return note(words("settings.cache_gone", count=count, size=size_words(size)), "good")
