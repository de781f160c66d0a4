"""Loading the data of a run: a local file, a folder of splits, or a Hub name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.request import BadRequest, ClinicArguments

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import ScriptArguments

FORMATS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}


def load_splits(
    method: str, script: ScriptArguments, clinic: ClinicArguments, evaluate: bool
) -> tuple[Dataset, Dataset | None]:
    """The training split and, if there is evaluation, the test split, with the columns that `method` reads.

    Raises:
        BadRequest: the data cannot be found or read, or a split is missing.
    """
    import datasets

    name = script.dataset_name or ""
    path = Path(name)
    try:
        if path.is_file():
            if path.suffix not in FORMATS:
                raise BadRequest(f"{path}: a file of {', '.join(sorted(FORMATS))} was expected.")
            found = datasets.load_dataset(FORMATS[path.suffix], data_files=str(path))
        else:
            if not path.exists() and (path.is_absolute() or name.startswith(".") or name.count("/") > 1):
                raise BadRequest(f"{name}: there is no such file or folder of data.")
            found = datasets.load_dataset(name, name=script.dataset_config, streaming=script.dataset_streaming)
    except BadRequest:
        raise
    except Exception as error:  # the library raises many kinds; each means that the data cannot be used
        raise BadRequest(f"{name}: cannot be read as a data set: {first_line(error)}") from error
    train = split(found, name, script.dataset_train_split)
    return train, split(found, name, script.dataset_test_split) if evaluate else None


def split(found: Any, name: str, wanted: str) -> Dataset:
    """One split by name.

    Raises:
        BadRequest: the data set has no such split.
    """
    if wanted not in found:
        raise BadRequest(f"{name}: has no split {wanted!r}, only {', '.join(map(str, found))}.")
    return found[wanted]


def first_line(error: BaseException) -> str:
    """An exception as one short line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"
