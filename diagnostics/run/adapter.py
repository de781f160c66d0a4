"""The arguments of a LoRA adapter, as `adapter_config.json` tells them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json
from diagnostics.run.folder import ADAPTER_FILE

# PEFT's name in the file, and that of TRL's argument.
LORA = {"r": "lora_r", "lora_alpha": "lora_alpha", "target_modules": "lora_target_modules"}


def adapter_arguments(folders: Iterable[Path]) -> dict[str, Any]:
    """The arguments under TRL's names, from the first folder that holds an adapter; {} if none does.

    A file that cannot be read is passed over: weights, not the run, are what is wrong with it.
    """
    for folder in folders:
        try:
            config = read_json(folder / ADAPTER_FILE)
        except (OSError, ValueError):
            continue
        if isinstance(config, dict):
            lora = {LORA[key]: value for key, value in config.items() if key in LORA and value is not None}
            return {"use_peft": True, **(lora if config.get("peft_type", "LORA") == "LORA" else {})}
    return {}
