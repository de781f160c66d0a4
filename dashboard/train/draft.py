"""The form of the Train page as a browser keeps it, so that a reload, another language or a restart of the dashboard loses nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dashboard.train.fields import FIELDS
from dashboard.train.form import Form
from diagnostics.preflight.asking import METHODS

MOST_CHARACTERS = 20_000  # of one field: more was not typed
TEXTS = ("model", "data", "name", "settings")


def draft_of(form: Form) -> dict[str, Any] | None:
    """What the browser is to keep; None of a form that nothing was written into yet, but for the model that it opens with."""
    nothing = not any((form.method, form.data, form.name, form.settings, *form.fields.values()))
    return None if nothing else asdict(form)


def form_of_draft(kept: object) -> Form | None:
    """The form that a browser has kept; None where it is none: whatever stands there came from a browser."""
    if not isinstance(kept, dict) or not isinstance(kept.get("fields"), dict):
        return None
    texts: dict[str, Any] = {name: kept.get(name) for name in TEXTS}
    fields = {name: kept["fields"].get(name, "") for name in FIELDS}
    if any(not isinstance(one, str) or len(one) > MOST_CHARACTERS for one in (*texts.values(), *fields.values())):
        return None
    method, processes, force = kept.get("method"), kept.get("processes"), kept.get("force")
    if (method is not None and method not in METHODS) or type(processes) is not int or not isinstance(force, bool):
        return None
    return Form(method, fields=fields, processes=min(max(1, processes), 64), force=force, **texts)
