"""Opening the data of a training: a file, a folder of splits, a Hub name or a mixture, as a worker and a pre-flight read it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diagnostics.preflight.columns import WrongColumns, is_label, renames
from diagnostics.preflight.files import FORMATS, Layout, layout_of, rows_in
from diagnostics.preflight.files import said as short
from diagnostics.preflight.material import Rows
from diagnostics.preflight.unreadable import DataUnreadable

if TYPE_CHECKING:
    from datasets import Dataset

LIMIT = 10_000  # rows that are tokenized
EVERY = 200_000  # rows that are compared as texts: 50,000 take some 20 s and a few hundred MB
HUGE = 1 << 30  # bytes of a JSON Lines file from which on only sampled lines are parsed
BLOCK = 1 << 24

Progress = Callable[[str, int, int], None]


def open_rows(
    method: str,
    config: Mapping[str, Any],
    split: Literal["train", "test"] = "train",
    *,
    limit: int = LIMIT,
    seed: int = 0,
    progress: Progress | None = None,
) -> Rows:
    """The rows of one split that a config names; of more than `limit` a seeded sample, spread over the whole split.

    A `column_mapping` that does not fit leaves `dataset` None and is said by the rule wrong-columns; so is a file whose
    rows can be read and whose columns no table takes. `progress` is told (`reading`, bytes or rows done, of).

    Raises:
        DataUnreadable: the data cannot be found or read, or has no such split.
    """
    wanted = str(config.get(f"dataset_{split}_split") or split)
    name = name_of(config)
    where = f"{Path(name).name if Path(name).exists() else name} ({wanted})"
    if progress:
        progress("reading", 0, 1)
    path = Path(name)
    if path.is_file() and path.stat().st_size > HUGE and layout_of(path).kind == "lines" and wanted == "train":
        rows = sampled_lines(path, where, limit, seed, progress)
    else:
        rows = of_split(config, name, wanted, where, limit, seed)
    if progress:
        progress("reading", 1, 1)
    return prepared(rows, config.get("column_mapping"))


def name_of(config: Mapping[str, Any]) -> str:
    """What the data are called in messages.

    Raises:
        DataUnreadable: the config names none.
    """
    if config.get("datasets"):
        return "datasets"
    name = config.get("dataset_name")
    if not name:
        raise DataUnreadable("no-name")
    return str(name)


def of_split(config: Mapping[str, Any], name: str, wanted: str, where: str, limit: int, seed: int) -> Rows:
    """The rows of a split through the datasets library; if it refuses a file whose rows can be read, those as they are."""
    with without_bars():
        try:
            if config.get("datasets"):
                found = load_mixture(mixture_of(config), int(config.get("seed") or 42))
            else:
                local = Path(name).exists()
                streaming = bool(config.get("dataset_streaming")) and not local
                found = load(name, config.get("dataset_config"), streaming=streaming)
            whole = split_of(found, name, wanted)
        except DataUnreadable as problem:
            files = files_of(Path(name), wanted)
            if problem.kind == "refused" and files:
                inside = (
                    "train" if Path(name).is_dir() else wanted
                )  # a file of a folder is one split, without a name of its own
                held = [row for file in files for row in every_row(file, inside, problem)]
                return of_list(held, where, limit, seed)
            raise
        if not hasattr(whole, "num_rows"):  # a stream
            return of_stream(whole, where, limit)
        return of_dataset(whole, where, limit, seed)


def files_of(path: Path, wanted: str) -> list[Path]:
    """The file itself; of a folder the files that are named by the split, as `train.jsonl` or `train-00000-of-00002.parquet`."""
    if path.is_file():
        return [path]
    named = re.compile(rf"{re.escape(wanted)}(?![a-z])", re.IGNORECASE)
    found = (
        [one for one in path.glob("*") if one.suffix.lower() in FORMATS and named.match(one.stem)]
        if path.is_dir()
        else []
    )
    return sorted(found)


def every_row(path: Path, wanted: str, problem: DataUnreadable) -> Iterator[dict[str, Any]]:
    """The rows of a file, read without the datasets library."""
    layout = layout_of(path)
    if layout.kind == "parquet":
        raise problem
    splits = rows_in(path, layout)
    if wanted not in splits:
        raise DataUnreadable("no-split", name=path, split=wanted, splits=", ".join(splits))
    yield from splits[wanted]


def spread_over(total: int, limit: int, seed: int) -> np.ndarray:
    """The numbers of some rows of many: one at random from each of `limit` equal parts; all of them if they are no more."""
    if total <= limit:
        return np.arange(total)
    edges = np.linspace(0, total, limit + 1).astype(np.int64)
    rng = np.random.default_rng(seed)
    return rng.integers(edges[:-1], edges[1:])


def of_dataset(whole: Dataset, where: str, limit: int, seed: int) -> Rows:
    """Rows from a data set."""
    numbers = spread_over(whole.num_rows, limit, seed)
    looked = whole if len(numbers) == whole.num_rows else whole.select(numbers)
    wide = spread_over(whole.num_rows, EVERY, seed)
    every = whole if len(wide) == whole.num_rows else whole.select(wide)
    columns = tuple(map(str, whole.column_names))
    return Rows(where, whole.num_rows, columns, looked, numbers, looked, every, wide)


def of_list(held: Sequence[Mapping[str, Any]], where: str, limit: int, seed: int) -> Rows:
    """Rows that no table takes: values of a column are of several kinds."""
    numbers = spread_over(len(held), limit, seed)
    columns = tuple(dict.fromkeys(name for row in held for name in row))
    full = [{name: row.get(name) for name in columns} for row in held]
    return Rows(where, len(held), columns, [full[at] for at in numbers], numbers, None, full, np.arange(len(full)))


def of_stream(stream: Any, where: str, limit: int) -> Rows:
    """The first rows of a stream: it has no others at hand."""
    from datasets import Dataset

    held = list(stream.take(limit))
    split = getattr(getattr(stream, "info", None), "splits", None) or {}
    told = getattr(split.get(str(getattr(stream, "split", ""))), "num_examples", None)
    columns = tuple(dict.fromkeys(name for row in held for name in row))
    dataset = Dataset.from_list(held) if held else None
    return Rows(where, max(told or 0, len(held)), columns, held, np.arange(len(held)), dataset)


def sampled_lines(path: Path, where: str, limit: int, seed: int, progress: Progress | None) -> Rows:
    """Some rows of a JSON Lines file too large to be read whole: its lines are counted, those drawn are parsed."""
    import json

    from datasets import Dataset

    size, total = path.stat().st_size, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            total += block.count(b"\n")
            if progress:
                progress("reading", file.tell() // 2, size)
    wanted = spread_over(total, limit, seed)
    held: list[dict[str, Any]] = []
    numbers: list[int] = []
    draw = iter(wanted.tolist())
    at = next(draw, None)
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if at is None:
                break
            if number == at:
                at = next(draw, None)
                if line.strip():
                    try:
                        row = json.loads(line)
                    except ValueError as error:
                        raise DataUnreadable("line", path=path, line=number + 1, error=short(error)) from error
                    if not isinstance(row, dict):
                        raise DataUnreadable(
                            "line-kind", path=path, line=number + 1, value=line[:60].decode(errors="replace")
                        )
                    held.append(row)
                    numbers.append(number)
    columns = tuple(dict.fromkeys(name for row in held for name in row))
    full = [{name: row.get(name) for name in columns} for row in held]
    try:
        dataset = Dataset.from_list(full)
    except Exception:  # values of several kinds: wrong-columns says so
        dataset = None
    return Rows(where, total, columns, full, np.array(numbers, np.int64), dataset)


def prepared(rows: Rows, mapping: Any) -> Rows:
    """The rows with their data set renamed as asked, and labels of 0 and 1 as false and true, as a worker has them."""
    from dataclasses import replace

    if rows.dataset is None:
        return rows
    try:
        named = renames(mapping, rows.columns, rows.where)
    except WrongColumns:
        return replace(rows, dataset=None)
    dataset = rows.dataset.rename_columns(named) if named else rows.dataset
    if "label" in dataset.column_names and len(dataset):
        labels = dataset["label"][:]
        if all(map(is_label, labels)) and not isinstance(labels[0], bool):
            from datasets import Value

            dataset = dataset.cast_column("label", Value("bool"))
    return replace(rows, dataset=dataset)


def load(name: str, config: str | None = None, *, streaming: bool = False) -> Any:
    """The splits of a file, a folder or a Hub name.

    Raises:
        DataUnreadable: there is no such file or folder, the file is of another format, or it cannot be read.
    """
    path = Path(name)
    if path.is_file():
        with quiet_datasets():
            return load_file(path, streaming)
    if not path.exists() and (
        path.is_absolute() or name.startswith(".") or name.count("/") > 1 or path.suffix in FORMATS
    ):
        raise DataUnreadable("no-file", path=name)
    import datasets

    try:
        with quiet_datasets():
            return datasets.load_dataset(name, name=config, streaming=streaming)
    except Exception as error:  # the library raises many kinds; each means that the data cannot be used
        if path.is_dir():
            look_through_folder(path)
        raise DataUnreadable("refused", name=name, error=first_line(error)) from error


@contextlib.contextmanager
def quiet_datasets() -> Iterator[None]:
    """Keep the library from printing its own words beside the one sentence in which a fault is told here."""
    import datasets

    before = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(before)


def load_file(path: Path, streaming: bool = False) -> Any:
    """The splits of one file.

    Raises:
        DataUnreadable: it is no data, or a line of it cannot be read.
    """
    import datasets

    layout = layout_of(path)
    try:
        if layout.kind == "csv":
            return datasets.load_dataset(
                "csv", data_files=str(path), streaming=streaming, sep=layout.delimiter, encoding=layout.encoding
            )
        if layout.plain:
            return datasets.load_dataset(FORMATS[path.suffix.lower()], data_files=str(path), streaming=streaming)
        made = {name: datasets.Dataset.from_list(list(rows)) for name, rows in rows_in(path, layout).items()}
        return (
            {name: one.to_iterable_dataset() for name, one in made.items()} if streaming else datasets.DatasetDict(made)
        )
    except DataUnreadable:
        raise
    except Exception as error:  # the library raises many kinds, few of which name the line
        if layout.kind == "parquet":
            raise DataUnreadable("parquet", path=path, error=first_line(error)) from error
        look_through(path, layout)
        raise DataUnreadable("refused", name=path, error=first_line(error)) from error


def look_through(path: Path, layout: Layout) -> None:
    """Read a file line by line for the one that cannot be read.

    Raises:
        DataUnreadable: there is one.
    """
    if layout.kind != "parquet":
        for rows in rows_in(path, layout).values():
            for _ in rows:
                pass


def look_through_folder(folder: Path) -> None:
    """Read the files of a folder for a line that cannot be read, and for columns that differ between them.

    Raises:
        DataUnreadable: there is one.
    """
    heads: dict[Path, tuple[str, ...]] = {}
    for file in sorted(one for one in folder.rglob("*") if one.suffix in FORMATS):
        layout = layout_of(file)
        look_through(file, layout)
        if layout.kind != "parquet":
            heads[file] = tuple(next(iter(next(iter(rows_in(file, layout).values()))), {}))
    for file, head in heads.items():
        first = next(iter(heads))
        if set(head) != set(heads[first]):
            raise DataUnreadable(
                "columns-differ", name=folder, one=first.name, columns=", ".join(heads[first]), other=file.name,
                others=", ".join(head),
            )  # fmt: skip


def mixture_of(config: Mapping[str, Any]) -> Any:
    """TRL's `datasets` argument from a config.

    Raises:
        DataUnreadable: TRL refuses it.
    """
    from trl.scripts.utils import DatasetConfig, DatasetMixtureConfig

    try:
        parts = [DatasetConfig(**one) for one in config["datasets"]]
        return DatasetMixtureConfig(datasets=parts, test_split_size=config.get("test_split_size"))
    except (TypeError, ValueError) as error:
        raise DataUnreadable("mixture", error=short(error)) from error


def load_mixture(mixture: Any, seed: int) -> Any:
    """The splits of TRL's `datasets` argument.

    TRL's `get_dataset` draws the test rows from the global random state, which differs between processes; here the
    run's seed decides.

    Raises:
        DataUnreadable: one of the data sets cannot be read.
    """
    from dataclasses import replace

    import trl

    try:
        whole = trl.get_dataset(replace(mixture, test_split_size=None))
        size = mixture.test_split_size
        return whole if size is None else whole["train"].train_test_split(test_size=size, seed=seed)
    except Exception as error:  # the library raises many kinds; each means that the data cannot be used
        raise DataUnreadable("refused", name="datasets", error=first_line(error)) from error


def split_of(found: Any, name: str, wanted: str) -> Any:
    """One split by name.

    Raises:
        DataUnreadable: the data set has no such split.
    """
    if wanted not in found:
        raise DataUnreadable("no-split", name=name, split=wanted, splits=", ".join(map(str, found)))
    return found[wanted]


def first_line(error: BaseException) -> str:
    """An exception as one short line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Without the library's progress bars: a pre-flight has its own."""
    import datasets

    were_on = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()
