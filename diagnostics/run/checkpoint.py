"""The checkpoints of a run by their files, without loading one: weights by their headers, configs, what is missing."""

from __future__ import annotations

import hashlib
import json
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json
from diagnostics.run.folder import ADAPTER_FILE, STATE_FILE, entries_of
from diagnostics.run.record import Run
from diagnostics.run.tensors import Tensor, Weights, weights_of

INDEX_FILE = "model.safetensors.index.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
# What a Trainer writes beside weights, and never a download of a model: with one of these the weights were there.
BESIDE = ("optimizer.pt", "scheduler.pt", "rng_state")
# Weights that other programs split in their own way: nothing can be said of what is missing.
SPLIT = ("pytorch_model_fsdp", "global_step", "distcp", "zero_pp_rank", "mp_rank")
NOT_WEIGHTS = ("optimizer", "scheduler", "training_args", "rng_state", "scaler")
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# A checkpoint whose youngest file is younger may still be being written, unless its run is known to be over.
SETTLED_SECONDS = 15.0
REMEMBERED_SECONDS = 1.0
# A run that kept more is looked at from its newest checkpoint back to this many.
MOST = 50
# Endings of the input embedding's name in the model families of transformers.
EMBEDDINGS = (
    "embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight", "embed_in.weight",
    "shared.weight",
)  # fmt: skip
LONGEST_TOKENIZER = 64 << 20


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint as it lies on disk.

    `step`: of its folder's name; of weights in the run's folder itself the run's last step, and `final` is true.
    `names`: what lies in it. `weights`: its safetensors. `missing`: files that its index or adapter asks for.
    `pickled`: weights that only unpickling could read. `adapter`: the adapter's config. `young`: it may still be being
    written.
    """

    step: int
    folder: Path
    names: frozenset[str]
    weights: tuple[Weights, ...]
    missing: tuple[str, ...] = ()
    pickled: tuple[str, ...] = ()
    adapter: Mapping[str, Any] | None = None
    young: bool = False
    final: bool = False

    @property
    def damaged(self) -> tuple[Weights, ...]:
        """Its weight files with something wrong."""
        return tuple(one for one in self.weights if one.wrong)

    @property
    def whole(self) -> bool:
        """Whether it has weights, all of them as their headers say."""
        return bool(self.weights) and not self.damaged and not self.missing

    def tensors(self) -> dict[str, tuple[Weights, Tensor]]:
        """All tensors by name, with the file of each."""
        return {one.name: (file, one) for file in self.weights if file.layout for one in file.layout.tensors}


def checkpoints_of(run: Run) -> tuple[Checkpoint, ...]:
    """The checkpoints of a run that hold any weights, or should; newest first, at most `MOST`.

    Remembered for a second for the run that was asked for last: several rules ask one after the other.
    """
    last = _LAST.get("run")
    if last is not None and last[0]() is run and time.monotonic() - last[1] < REMEMBERED_SECONDS:
        return last[2]
    found = _checkpoints(run)
    _LAST["run"] = (weakref.ref(run), time.monotonic(), found)
    return found


_LAST: dict[str, tuple[weakref.ref[Run], float, tuple[Checkpoint, ...]]] = {}


def _checkpoints(run: Run) -> tuple[Checkpoint, ...]:
    if not run.path.is_dir():
        return ()
    over = run.status.state in ("finished", "failed", "stopped")
    steps = sorted(run.checkpoints, reverse=True)[:MOST]
    found = [checkpoint_at(run.checkpoints[step], step, over) for step in steps]
    last = max(run.last_step, run.status.step, *run.checkpoints, 0)
    found.insert(0, checkpoint_at(run.path, last, over, final=True))
    return tuple(one for one in found if one.weights or one.missing or one.pickled)


def checkpoint_at(folder: Path, step: int, over: bool = True, final: bool = False) -> Checkpoint:
    """One folder as a checkpoint. A file that is gone while it is looked at is left out."""
    names, youngest, paths = set(), 0.0, []
    for entry in entries_of(folder):
        names.add(entry.name)
        try:
            if not entry.is_file():
                continue
            if entry.name.endswith(".safetensors") and not entry.name.startswith(NOT_WEIGHTS):
                paths.append(Path(entry.path))
            youngest = max(youngest, entry.stat().st_mtime)
        except OSError:
            continue
    weights = []
    for path in paths:
        try:
            weights.append(weights_of(path))
        except OSError:
            continue
    adapter = json_object(folder / ADAPTER_FILE) if ADAPTER_FILE in names else None
    pickled = tuple(sorted(name for name in names if is_pickled(name)))
    made = Checkpoint(step, folder, frozenset(names), tuple(weights), (), pickled, adapter, final=final)
    writing = not over and (time.time() - youngest < SETTLED_SECONDS or (not final and STATE_FILE not in names))
    return Checkpoint(
        step, folder, made.names, made.weights, missing_of(made), pickled, adapter, young=writing, final=final
    )


def is_pickled(name: str) -> bool:
    """Whether a name is that of weights in a form that can run code when it is opened."""
    return name.endswith(PICKLED) and not name.startswith(NOT_WEIGHTS) and not name.startswith(SPLIT)


def missing_of(one: Checkpoint) -> tuple[str, ...]:
    """The weight files that a checkpoint should hold and does not.

    A folder of small files alone may be a download without weights: only with the Trainer's own files, or some of the
    weights beside, is it certain that they were there.
    """
    if one.pickled or any(name.startswith(SPLIT) or name.endswith(SPLIT) for name in one.names):
        return ()
    trained = any(name.startswith(BESIDE) for name in one.names)
    if INDEX_FILE in one.names and (one.weights or trained):
        index = json_object(one.folder / INDEX_FILE)
        named = index.get("weight_map") if index else None
        if isinstance(named, Mapping):
            return tuple(sorted({str(name) for name in named.values()} - one.names))
    if one.weights or not trained:
        return ()
    if one.adapter is not None:
        return (ADAPTER_WEIGHTS,)
    return ("model.safetensors",) if "config.json" in one.names else ()


def json_object(path: Path) -> Mapping[str, Any] | None:
    """The object in a JSON file; None if there is none. Read once for each state of the file."""
    try:
        stat = path.stat()
        return _json_object(path, stat.st_size, stat.st_mtime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1024)
def _json_object(path: Path, size: int, changed: int) -> Mapping[str, Any] | None:
    value = read_json(path)
    return value if isinstance(value, dict) else None


def base_folder(name: Any, *beside: Path) -> Path | None:
    """The folder of a local base model, as it is named or relative to one of some folders; None if it is not here."""
    if not isinstance(name, str) or not name:
        return None
    for folder in (Path(name).expanduser(), *(place / name for place in beside)):
        try:
            if folder.is_dir():
                return folder
        except OSError:
            continue
    return None


def embedding_rows(one: Checkpoint) -> tuple[str, int] | None:
    """The name and the rows of a checkpoint's input embedding; None if it holds none."""
    for name, (_, tensor) in one.tensors().items():
        if name.endswith(EMBEDDINGS) and ".lora_" not in name and len(tensor.shape) == 2:
            return name, tensor.shape[0]
    return None


@dataclass(frozen=True)
class Vocabulary:
    """The highest id of a tokenizer and its token, and how many of its tokens were added to the model's own."""

    highest: int
    token: str
    added: int


def vocabulary_of(folder: Path) -> Vocabulary | None:
    """The vocabulary of the `tokenizer.json` in a folder; None if there is none, or it cannot be read.

    Remembered by content: the runs of one model share a tokenizer, which takes a tenth of a second to read.
    """
    path = folder / TOKENIZER_FILE
    try:
        stat = path.stat()
        if not 0 < stat.st_size <= LONGEST_TOKENIZER:
            return None
        return _vocabulary_at(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _vocabulary_at(path: Path, size: int, changed: int) -> Vocabulary | None:
    data = path.read_bytes()
    key = hashlib.sha256(data).digest()
    if key not in _VOCABULARIES:
        if len(_VOCABULARIES) >= 64:
            _VOCABULARIES.clear()
        _VOCABULARIES[key] = vocabulary_in(data)
    return _VOCABULARIES[key]


_VOCABULARIES: dict[bytes, Vocabulary | None] = {}


def vocabulary_in(data: bytes) -> Vocabulary | None:
    """The vocabulary in the bytes of a `tokenizer.json`."""
    try:
        told = json.loads(data)
        vocabulary = told["model"]["vocab"]
        if isinstance(vocabulary, dict):
            ids = {int(number): str(token) for token, number in vocabulary.items()}
        else:
            ids = {number: str(entry[0]) for number, entry in enumerate(vocabulary)}
        own = len(ids)
        ids |= {int(token["id"]): str(token["content"]) for token in told.get("added_tokens") or ()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
    if not ids:
        return None
    highest = max(ids)
    return Vocabulary(highest, ids[highest], len(ids) - own)
