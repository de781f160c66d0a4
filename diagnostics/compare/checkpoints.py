"""Which checkpoints can be opened, told from their files without loading a model."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from diagnostics.run import Run

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
# A safetensors header is JSON of a few hundred bytes per tensor; the format itself allows no more than this.
LONGEST_HEADER = 100_000_000


class CheckpointUnusable(Exception):
    """A folder cannot be opened as a model. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint of a run. `name` is `<run>/checkpoint-<step>`, unique below one runs folder."""

    run: str
    step: int
    path: Path

    @property
    def name(self) -> str:
        """The checkpoint's name as the page shows it."""
        return f"{self.run}/{self.path.name}"


def checkpoints_of(runs: list[Run]) -> list[Checkpoint]:
    """All checkpoints of the runs, in the runs' order, by step."""
    return [Checkpoint(run.name, step, path) for run in runs for step, path in run.checkpoints.items()]


def check_usable(folder: Path) -> None:
    """Make sure that a folder holds a model whose weights are whole and a tokenizer.

    Raises:
        CheckpointUnusable: something is missing or broken off.
    """
    if not folder.is_dir():
        raise CheckpointUnusable(f"{folder}: there is no such checkpoint folder.")
    if not (folder / "config.json").is_file():
        raise CheckpointUnusable(f"{folder}: has no config.json; expected a model in Hugging Face format.")
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise CheckpointUnusable(f"{folder}: has no tokenizer; expected {TOKENIZER_FILES[0]} beside the weights.")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = [path.name for path in folder.glob("*.bin") if path.name.startswith("pytorch_model")]
        why = f"only pickled weights ({pickled[0]}), which could run code when opened" if pickled else "no weights"
        raise CheckpointUnusable(f"{folder}: holds {why}; expected safetensors.")
    for path in weights:
        check_whole(path)


def check_whole(path: Path) -> None:
    """Make sure that a safetensors file is as long as its header says.

    The format: header length (uint64, little-endian), header as JSON with each tensor's `data_offsets`, then the data.

    Raises:
        CheckpointUnusable: it is cut off, or is no safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else LONGEST_HEADER + 1
        if length > LONGEST_HEADER:
            raise CheckpointUnusable(f"{path}: is no safetensors file ({size} bytes without a header).")
        try:
            header = json.loads(file.read(length))
            end = max((one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise CheckpointUnusable(f"{path}: its header is broken off or damaged ({size} bytes in all).") from error
    expected = 8 + length + end
    if size != expected:
        raise CheckpointUnusable(f"{path}: is {size:,} bytes long, its header says {expected:,}: the file is cut off.")
