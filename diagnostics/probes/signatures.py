"""Asks the installed TRL and transformers what they take: names, arguments, defaults; and the machine what it computes in."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diagnostics.preflight.material import Machine
from diagnostics.preflight.own_arguments import OWN_DEFAULTS, PPO_DEFAULTS, PPO_OTHER_NAMES
from diagnostics.preflight.script.history import OVERRIDES
from diagnostics.preflight.script.known import Signatures

CONFIGS = {"sft": "SFTConfig", "reward": "RewardConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "grpo": "GRPOConfig",
           "rloo": "RLOOConfig"}  # fmt: skip
EXPERIMENTAL = ("orpo", "cpo", "gkd", "online_dpo")
# Modules of transformers whose names scripts import from.
LISTED = ("trainer_utils", "training_args", "trainer", "trainer_callback", "trainer_pt_utils", "optimization")
GIB = 1 << 30


@cache
def signatures() -> Signatures:
    """What the installed TRL, transformers and peft offer. TRL's own files are read, not imported, but for its classes."""
    import peft
    import transformers
    import trl

    modules: dict[str, frozenset[str]] = {}
    defined: dict[str, frozenset[str]] = {}
    for module, path in files("trl"):
        modules[module], defined[module] = names_of(path)
    modules["trl"] |= frozenset(dir(trl))
    modules["transformers"] = frozenset(dir(transformers)) | {"__version__"}
    modules["peft"] = frozenset(dir(peft))
    places = {module: path for module, path in files("transformers", depth=1) if module.count(".") == 1}
    for name in LISTED:
        if f"transformers.{name}" in places:
            module = f"transformers.{name}"
            modules[module], defined[module] = names_of(places[module])
    unlisted = set(places) - set(modules) | {module for module, _ in files("peft", depth=1)} - {"peft"}
    versions = {name: metadata.version(name) for name in ("trl", "transformers", "peft")}
    return Signatures(versions, modules, classes(), defined, frozenset(unlisted))


def files(library: str, depth: int = 9) -> Iterator[tuple[str, Path]]:
    """The modules of a library that is installed, with their files."""
    spec = find_spec(library)
    if spec is None or not spec.origin:
        return
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*.py") if depth > 1 else [*root.glob("*.py"), *root.glob("*/__init__.py")]):
        parts = path.relative_to(root.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def names_of(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The names at the top level of a file, imported ones too; and those of them that are written there."""
    found: set[str] = set()
    own: set[str] = set()

    def visit(body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.update((one.asname or one.name).partition(".")[0] for one in node.names)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update(one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                visit(node.body)
                visit(getattr(node, "orelse", []))
                for handler in getattr(node, "handlers", []):
                    visit(handler.body)

    visit(ast.parse(path.read_text(encoding="utf-8")).body)
    return frozenset(found | own), frozenset(own)


def classes() -> dict[str, frozenset[str]]:
    """By class of TRL and transformers that scripts call, the arguments of its `__init__`."""
    import transformers
    import trl

    found: dict[str, frozenset[str]] = {}
    rooms: list[Any] = [trl]
    for name in EXPERIMENTAL:
        try:
            rooms.append(importlib.import_module(f"trl.experimental.{name}"))
        except ImportError:  # an experiment that this version has not, or that needs a package that is not there
            continue
    for room in rooms:
        for name in dir(room):
            if name.endswith(("Trainer", "Config", "Arguments")) and isinstance(getattr(room, name, None), type):
                found[name] = arguments(getattr(room, name))
    for name in ("TrainingArguments", "Seq2SeqTrainingArguments", "Trainer", "Seq2SeqTrainer"):
        found[name] = arguments(getattr(transformers, name))
    for name in OVERRIDES:
        if hasattr(transformers.Trainer, name):
            method = getattr(transformers.Trainer, name)
            found[f"Trainer.{name}"] = frozenset(inspect.signature(method).parameters) - {"self"}
    return found


def arguments(one: type) -> frozenset[str]:
    """The arguments that a class takes by name."""
    return frozenset(inspect.signature(one.__init__).parameters) - {"self"}  # type: ignore[misc]


@cache
def config_of(method: str) -> tuple[dict[str, Any], frozenset[str]]:
    """The defaults of a method's config class, its model's and its script's; and all names that its worker takes of TRL.

    PPO's are this project's own.
    """
    import trl
    from trl.scripts.grpo import GRPOScriptArguments

    rooms: list[Any] = [trl.ModelConfig, trl.ScriptArguments, trl.DatasetMixtureConfig]
    if method in ("grpo", "rloo", "ppo"):
        rooms.append(GRPOScriptArguments)
    defaults: dict[str, Any] = {}
    for one in [*rooms, getattr(trl, CONFIGS[method]) if method in CONFIGS else base_config()]:
        defaults |= defaults_of(one)
    defaults |= OWN_DEFAULTS | (PPO_DEFAULTS if method == "ppo" else {})
    other_names = PPO_OTHER_NAMES.keys() if method == "ppo" else set()
    return defaults, frozenset(defaults) | other_names


def base_config() -> type:
    """What all of TRL's config classes share."""
    from trl.trainer.base_config import _BaseConfig

    return _BaseConfig


def defaults_of(one: Any) -> dict[str, Any]:
    """The fields of a dataclass with their defaults, before anything is derived from them."""
    found = {}
    for field in dataclasses.fields(one):
        if not field.init:
            continue
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        else:
            found[field.name] = None
    return {name: getattr(value, "value", value) for name, value in found.items()}


def machine() -> Machine:
    """The device that torch would train on, and the precisions that it computes in."""
    import torch
    from transformers.utils import is_torch_bf16_gpu_available

    if not torch.accelerator.is_available():
        return Machine("cpu", 1, bf16=True, fp16=False)
    kind = str(torch.accelerator.current_accelerator().type)  # type: ignore[union-attr]
    count = int(torch.accelerator.device_count())
    if not torch.cuda.is_available():
        return Machine(kind, count, bf16=bool(is_torch_bf16_gpu_available()), fp16=kind != "cpu")
    try:
        memory = torch.cuda.get_device_properties(0).total_memory / GIB
        bf16 = bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return Machine("cuda", count, bf16, True, torch.cuda.get_device_name(0), memory)
    except RuntimeError:  # a GPU that cannot be asked, such as one that is full: nothing is held against it
        return Machine("cuda", count, True, True)
