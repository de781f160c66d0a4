"""The data of a run as its trainer gets them; opened as the pre-flight opens them (`diagnostics/probes/data.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnostics.preflight.files import FORMATS
from diagnostics.preflight.unreadable import DataUnreadable
from diagnostics.probes.data import first_line, load, load_mixture, split_of
from training.request import BadRequest, ClinicArguments
from training.worker.columns import check_columns, map_columns

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import ScriptArguments

__all__ = ["FORMATS", "first_line", "load_splits"]


def load_splits(
    method: str, script: ScriptArguments, clinic: ClinicArguments, evaluate: bool
) -> tuple[Dataset, Dataset | None]:
    """The training split and, if there is evaluation, the test split, with the columns that `method` reads.

    Raises:
        BadRequest: the data cannot be found or read, a split is missing, or its columns are not the method's.
    """
    mixture = getattr(script, "mixture", None)
    name = "datasets" if mixture else script.dataset_name or ""

    def prepared(wanted: str) -> Dataset:
        where = f"{name} ({wanted})"
        rows = map_columns(split_of(found, name, wanted), clinic.column_mapping, where)
        return check_columns(method, rows, where, getattr(script, "text_field", "text"))

    try:
        if mixture:
            found = load_mixture(mixture, script.seed)
        else:
            found = load(name, script.dataset_config, streaming=script.dataset_streaming)
        return prepared(script.dataset_train_split), prepared(script.dataset_test_split) if evaluate else None
    except DataUnreadable as problem:
        raise BadRequest.of(problem) from problem
