"""The columns of a data set: renamed as asked, and checked against what the method reads, before any model is loaded.

What is wrong, and the sentences for it, are the pre-flight's (`diagnostics/preflight/columns.py`, rule wrong-columns): the
worker refuses with the same words.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from diagnostics.preflight.columns import SHAPES, SYNONYMS, WrongColumns, check_rows, columns_read, renames, spoken
from diagnostics.rules.wrong_columns import sentence
from training.request import BadRequest

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["SHAPES", "SYNONYMS", "check_columns", "map_columns", "spoken"]

CHECKED_ROWS = 100  # values of as many rows are looked at; empty values are counted in all


@contextmanager
def refused() -> Iterator[None]:
    """Turns what is wrong with columns into the sentence that a worker ends with."""
    try:
        yield
    except WrongColumns as wrong:
        raise BadRequest(sentence(wrong.facts), sentence(wrong.facts, "zh")) from wrong


def map_columns(dataset: Dataset, mapping: Any, where: str) -> Dataset:
    """The data set with its columns renamed: `mapping` has TRL's names as keys and the data set's as values.

    Raises:
        BadRequest: the mapping is none, names a column that is not there or one twice, or would give two the same name.
    """
    if mapping is None:
        return dataset
    with refused():
        return dataset.rename_columns(renames(mapping, column_names(dataset), where))


def column_names(dataset: Dataset) -> list[str]:
    """The names of the columns; of a stream that does not know them, those of its first row."""
    return list(dataset.column_names or next(iter(dataset), {}))


def check_columns(method: str, dataset: Dataset, where: str, text_field: str = "text") -> Dataset:
    """The data set, if `method` can read it. Labels of 0 and 1 become false and true.

    `where` names it in messages; `text_field` is the column that SFT reads texts from (`dataset_text_field`).

    Raises:
        BadRequest: it has no rows, lacks columns, or a value is empty or of the wrong kind.
    """
    rows = list(itertools.islice(dataset, CHECKED_ROWS))
    with refused():
        if not rows:
            raise WrongColumns("no-rows", where=where)
        read = columns_read(method, column_names(dataset), rows[0], where, text_field)
        check_empty(dataset, rows, read, where)
        check_rows(enumerate(rows), read, where, text_field)
    if "label" in read and not isinstance(rows[0]["label"], bool):
        from datasets import Value

        return dataset.cast_column("label", Value("bool"))
    return dataset


def check_empty(dataset: Dataset, rows: list[dict[str, Any]], read: list[str], where: str) -> None:
    """Refuse empty values: of all rows where the data set is at hand, of the first ones of a stream.

    Raises:
        WrongColumns: a value is empty (null).
    """
    table = getattr(dataset, "data", None)
    for name in read:
        count = table.column(name).null_count if table is not None else sum(row[name] is None for row in rows)
        if count:
            raise WrongColumns("empty", where=where, column=name, count=count)
