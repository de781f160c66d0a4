"""What the Memory page offers to choose from: devices, models; and a model looked up once for many questions."""

from __future__ import annotations

import time

from dashboard.clinic import Clinic
from diagnostics.memory.devices import DEVICES, MPS_SHARE
from diagnostics.memory.families import MODELS
from diagnostics.memory.models import Model, NoModel, find_model

KEEP_SECONDS = 60.0  # for which a model that was looked up is not looked up again: a slider asks many times a second
MACS = (16, 32, 64, 128)  # GiB of an Apple machine's memory
_FOUND: dict[str, tuple[float, Model | NoModel]] = {}


def devices() -> list[tuple[str, str]]:
    """The known devices to choose from, small to large, with what CUDA reports of each, and Apple's machines."""
    known = sorted(DEVICES.items(), key=lambda one: (one[1], one[0]))
    macs = [(f"Apple {size} · {size * MPS_SHARE:g} GiB", f"mps-{size}") for size in MACS]
    return [*((f"{name} · {size:g} GiB", name) for name, size in known), *macs]


def models(clinic: Clinic) -> list[tuple[str, str]]:
    """Models to choose from: our own checkpoints by name, then the known families."""
    own = [(one.name, one.path) for one in clinic.checkpoints() if one.kind in ("model", "adapter")]
    return [*own, *((name, name) for name in MODELS)]


def found_model(name: str, argument: str) -> Model:
    """The config.json of a model by its name; for a minute what was found, or that nothing was, is remembered.

    Raises:
        NoModel: none has it.
    """
    known = _FOUND.get(name)
    if known is None or time.monotonic() - known[0] > KEEP_SECONDS:
        try:
            found: Model | NoModel = find_model(name, argument)
        except NoModel as error:
            found = error
        known = _FOUND[name] = (time.monotonic(), found)
    if isinstance(known[1], NoModel):
        raise NoModel.of(known[1])
    return known[1]
