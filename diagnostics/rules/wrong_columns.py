"""wrong-columns: the data have other columns, or other values in them, than the trainer asks for."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "wrong-columns"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "key": ("names", "removed"),
    "keys": ("names",),
    "absent": ("names",),
    "no-match": ("names", "removed"),
    "no-labels": ("collator", "names"),
    "batch": ("removed", "names"),
    "type": ("values", "names"),
    "ragged": ("values", "collator"),
    "files": ("mixed",),
    "kind": ("names",),
    "split": ("names",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "key":
        return (Fix("rename", "show"),)
    if kind == "no-match":
        return (
            Fix("rename", "show"),
            Fix("keep", "ask", edits(run, remove_unused_columns=False)),
        )
    if kind == "no-labels":
        return (
            Fix("collator", "show"),
            Fix("rename", "show"),
        )
    if kind == "batch":
        return (
            Fix("keep", "ask", edits(run, remove_unused_columns=False)),
            Fix("rename", "show"),
        )
    if kind == "type":
        return (Fix("clean", "show"),)
    if kind == "ragged":
        return (
            Fix("clean", "show"),
            Fix("collator", "show"),
        )
    if kind == "kind":
        return (
            Fix("options", "ask", edits(run, assistant_only_loss=False)),
            Fix("rename", "show"),
        )
    if kind == "split":
        return (Fix("split", "show"),)
    return (Fix("rename", "show"),)


WORDS = {
    "en": Words(
        title="The data's columns are not those of the method",
        summary={
            "key": "The rows have no column {what}{where}. {line}",
            "keys": "The rows have none of the sets of columns that the trainer knows{where}. {line}",
            "absent": "A column that is not there was asked for{where}. {line}",
            "no-match": "No column of the data is an argument of the model{where}. {line}",
            "no-labels": "The model was given no labels, so it returned no loss{where}. {line}",
            "batch": "The batch held nothing that the model or the tokenizer takes{where}. {line}",
            "type": "A column holds values of another type than texts{where}. {line}",
            "ragged": ("Rows of different length, or columns that are no numbers, came into one batch{where}. {line}"),
            "files": "The data files have different columns{where}. {line}",
            "kind": "The rows are of another kind than the options ask for{where}. {line}",
            "split": "The data set has no such split{where}. {line}",
        },
        why="The run ends before its first step, or would train on nothing.",
        wrong_if="the key is of a dictionary that has nothing to do with the data",
        causes={
            "names": (
                "The columns have other names: SFT reads text, messages or prompt and completion; "
                "DPO and reward chosen and rejected; KTO prompt, completion and label; GRPO and RLOO "
                "prompt."
            ),
            "removed": "Columns were removed on the way (remove_unused_columns, a map with remove_columns).",
            "collator": (
                "A data collator that makes no labels, such as DataCollatorForSeq2Seq on rows without labels."
            ),
            "values": "Empty or missing values, numbers, or lists where a text is expected.",
            "mixed": "Files of different kinds were loaded as one data set.",
        },
        fixes={
            "rename": "Name the columns as the method asks (column_mapping, or dataset.rename_columns)",
            "keep": "Keep all columns of the data",
            "collator": "Leave out the data collator of your own: the trainer's makes the labels",
            "clean": "Filter rows whose value is empty or no text",
            "options": "Turn off the option that needs another kind of rows",
            "split": "Name a split that the data set has",
        },
        about="""After a crash, reads the console for the errors of TRL, transformers and datasets about columns: a KeyError whose key is a
column's name or that was raised while rows were read, `The model did not return a loss`, `No columns in the dataset match`.

Sources: huggingface/trl#1267, unslothai/unsloth#1102.""",
    ),
    "zh": Words(
        title="数据列与训练方法不符",
        summary={
            "key": "数据行里没有 {what} 列{where}。{line}",
            "keys": "数据行的列不属于训练器认识的任何一种组合{where}。{line}",
            "absent": "要求的列不存在{where}。{line}",
            "no-match": "数据里没有任何一列是模型的输入{where}。{line}",
            "no-labels": "没有给模型标签，因此没有损失{where}。{line}",
            "batch": "批次里没有模型或分词器可用的内容{where}。{line}",
            "type": "某列的值不是文本{where}。{line}",
            "ragged": "不同长度的行或非数值的列进入了同一批{where}。{line}",
            "files": "各数据文件的列不同{where}。{line}",
            "kind": "数据行的类型与选项要求的不同{where}。{line}",
            "split": "数据集没有这个划分{where}。{line}",
        },
        why="训练在第一步之前就结束，否则也是白训。",
        wrong_if="这个键属于与数据无关的字典",
        causes={
            "names": (
                "列名不同：SFT 读取 text、messages 或 prompt 与 completion；DPO 与奖励模型读取 chosen 与 rejected；KTO 读取"
                " prompt、completion 与 label；GRPO 与 RLOO 读取 prompt。"
            ),
            "removed": "列在途中被删除（remove_unused_columns，或带 remove_columns 的 map）。",
            "collator": "数据整理器没有生成标签，例如对没有标签的数据用 DataCollatorForSeq2Seq。",
            "values": "应为文本之处是空值、数字或列表。",
            "mixed": "不同类型的文件被当作一个数据集载入。",
        },
        fixes={
            "rename": "按方法要求命名列（column_mapping 或 dataset.rename_columns）",
            "keep": "保留数据的所有列",
            "collator": "去掉自定义的数据整理器：训练器自带的会生成标签",
            "clean": "过滤值为空或不是文本的行",
            "options": "关闭需要另一种数据的选项",
            "split": "指定数据集实有的划分",
        },
        about="""崩溃之后，在控制台里查找 TRL、transformers 与 datasets 关于列的报错：键为列名、或在读取数据行时抛出的 KeyError，
`The model did not return a loss`，`No columns in the dataset match`。

来源：huggingface/trl#1267、unslothai/unsloth#1102。""",
    ),
}
