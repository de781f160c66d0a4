"""Data that cannot be read at all: what is the matter, in one sentence, in English and Chinese."""

from __future__ import annotations

from functools import partial
from typing import Any

from diagnostics.run.refusal import Refusal, Sentence, said

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "no-name": "dataset_name is missing; expected a file, a folder or a Hub name.",
        "no-file": "{path}: there is no such file or folder of data.",
        "suffix": "{path}: a file of {suffixes} was expected.",
        "empty-file": "{path}: is empty.",
        "no-data": "{path}: is no data, it begins like {what}.",
        "lfs": "{path}: is only a pointer to the file (Git LFS); fetch it with git lfs pull.",
        "line": "{path}, line {line}: is no JSON ({error}).",
        "line-kind": "{path}, line {line}: is {value}; expected an object with the columns of a row.",
        "json": "{path}: is no JSON ({error}).",
        "json-kind": "{path}: holds {value}; expected rows: an object a line, a list of objects, or a list under one name.",
        "encoding": "{path}, line {line}: is not {encoding} ({error}).",
        "csv-line": "{path}, line {line}: has {found} fields where the head has {wanted}.",
        "csv-head": "{path}: has no head that names its columns, or names one twice ({head}).",
        "parquet": "{path}: is no Parquet file that can be read ({error}).",
        "no-split": "{name}: has no split '{split}', only {splits}; name one of them (dataset_train_split, dataset_test_split).",
        "columns-differ": "{name}: its files have not the same columns: {one} has {columns}, {other} has {others}.",
        "refused": "{name}: cannot be read as a data set: {error}",
        "mixture": "datasets: was refused ({error}).",
    },
    "zh": {
        "no-name": "缺少 dataset_name；应为文件、文件夹或 Hub 上的名称。",
        "no-file": "{path}：没有这个数据文件或文件夹。",
        "suffix": "{path}：应为 {suffixes} 文件。",
        "empty-file": "{path}：是空文件。",
        "no-data": "{path}：不是数据，开头像是{what_zh}。",
        "lfs": "{path}：只是指向文件的指针（Git LFS）；请用 git lfs pull 取回。",
        "line": "{path} 第 {line} 行：不是 JSON（{error}）。",
        "line-kind": "{path} 第 {line} 行：是 {value}；应为一个对象，即一行数据的各列。",
        "json": "{path}：不是 JSON（{error}）。",
        "json-kind": "{path}：内容是 {value}；应为数据行：每行一个对象、对象的列表，或某个名字下的列表。",
        "encoding": "{path} 第 {line} 行：不是 {encoding} 编码（{error}）。",
        "csv-line": "{path} 第 {line} 行：有 {found} 个字段，而表头有 {wanted} 个。",
        "csv-head": "{path}：没有写明列名的表头，或列名重复（{head}）。",
        "parquet": "{path}：不是可以读取的 Parquet 文件（{error}）。",
        "no-split": "{name}：没有名为 '{split}' 的划分，只有 {splits}；请写其中之一（dataset_train_split、dataset_test_split）。",
        "columns-differ": "{name}：各文件的列不同：{one} 有 {columns}，{other} 有 {others}。",
        "refused": "{name}：无法作为数据集读取：{error}",
        "mixture": "datasets：无法使用（{error}）。",
    },
}


class DataUnreadable(Refusal):
    """The data cannot be read. `kind` and `facts` name a sentence; as a text it is the English one."""

    def __init__(self, kind: str, **facts: Any) -> None:
        self.kind = kind
        self.facts = facts
        chinese = {name: said(one, "zh") if isinstance(one, Sentence) else one for name, one in facts.items()}
        super().__init__(WORDS["en"][kind].format_map(facts), WORDS["zh"][kind].format_map(chinese))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(DataUnreadable, **self.facts), (self.kind,)
