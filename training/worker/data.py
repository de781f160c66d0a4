"""Loading the data of a run: a local file, a folder of splits, a Hub name, or a mixture of several data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.request import BadRequest, ClinicArguments
from training.worker.columns import check_columns, map_columns

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import ScriptArguments

FORMATS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}


def load_splits(
    method: str, script: ScriptArguments, clinic: ClinicArguments, evaluate: bool
) -> tuple[Dataset, Dataset | None]:
    """The training split and, if there is evaluation, the test split, with the columns that `method` reads.

    Raises:
        BadRequest: the data cannot be found or read, a split is missing, or its columns are not the method's.
    """
    mixture = getattr(script, "mixture", None)
    name = "datasets" if mixture else script.dataset_name or ""
    try:
        found = load_mixture(mixture, script.seed) if mixture else load(script, name)
    except BadRequest:
        raise
    except Exception as error:  # the library raises many kinds; each means that the data cannot be used
        raise BadRequest(f"{name}: cannot be read as a data set: {first_line(error)}") from error

    def prepared(wanted: str) -> Dataset:
        where = f"{name} ({wanted})"
        rows = map_columns(split(found, name, wanted), clinic.column_mapping, where)
        return check_columns(method, rows, where, getattr(script, "text_field", "text"))

    return prepared(script.dataset_train_split), prepared(script.dataset_test_split) if evaluate else None


def load(script: ScriptArguments, name: str) -> Any:
    """The splits of a file, a folder or a Hub name.

    Raises:
        BadRequest: there is no such file or folder, or the file is of another format.
    """
    import datasets

    path = Path(name)
    if path.is_file():
        if path.suffix not in FORMATS:
            raise BadRequest(f"{path}: a file of {', '.join(sorted(FORMATS))} was expected.")
        return datasets.load_dataset(FORMATS[path.suffix], data_files=str(path), streaming=script.dataset_streaming)
    if not path.exists() and (path.is_absolute() or name.startswith(".") or name.count("/") > 1):
        raise BadRequest(f"{name}: there is no such file or folder of data.")
    return datasets.load_dataset(name, name=script.dataset_config, streaming=script.dataset_streaming)


def load_mixture(mixture: Any, seed: int) -> Any:
    """The splits of TRL's `datasets` argument.

    TRL's `get_dataset` draws the test rows from the global random state, which differs between processes; here the
    run's seed decides.
    """
    from dataclasses import replace

    import trl

    whole = trl.get_dataset(replace(mixture, test_split_size=None))
    size = mixture.test_split_size
    return whole if size is None else whole["train"].train_test_split(test_size=size, seed=seed)


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
