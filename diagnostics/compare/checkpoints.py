"""Which checkpoints can be opened, told from their files without loading a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diagnostics.run import Run
from diagnostics.run.tensors import layout_of

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


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

    Raises:
        CheckpointUnusable: it is cut off, or is no safetensors file.
    """
    try:
        layout = layout_of(path)
    except ValueError as error:
        raise CheckpointUnusable(str(error)) from error
    if layout.size != layout.expected:
        raise CheckpointUnusable(
            f"{path}: is {layout.size:,} bytes long, its header says {layout.expected:,}: the file is cut off."
        )
