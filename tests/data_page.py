"""The pages on data in both languages, their tables from what the workers check. `python -m tests.data_page` writes them anew."""

from __future__ import annotations

from pathlib import Path

from diagnostics.preflight.columns import SHAPES, SYNONYMS, spoken
from diagnostics.preflight.files import FORMATS
from diagnostics.report.words import LANGS, Lang

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[Lang, Path] = {"en": DOCS / "data.md", "zh": DOCS / "zh" / "data.md"}
HEAD = """# Data

[中文](zh/data.md)

The tables are written from what the workers check, by `python -m tests.data_page`.

## Where from

`dataset_name` is a file (SUFFIXES), a folder whose files are named for their splits
(`train.jsonl`, `test.jsonl`), or a name on the Hub. `dataset_train_split` and `dataset_test_split` name the splits; the second
is read only if there is evaluation (`eval_strategy`). Several data sets at once are TRL's `datasets`, in a config file:

    datasets:
      - path: json
        data_files: support.jsonl
        columns: [messages]
      - path: trl-lib/Capybara
        columns: [messages]
    test_split_size: 0.05

The test rows are drawn by `seed`, so that every process and every resume has the same.

JSON may be an object a line, one list, a list under a name (`{"data": [...]}`), a list a split, or lists by column; CSV may be
parted by comma, semicolon, tab or bar; texts may be UTF-8 with or without a mark, UTF-16, GB18030 or Windows-1252. A line that
cannot be read is named.

## Columns

| method | reads |
|---|---|
"""
MIDDLE = """
Texts or conversations (lists of messages with `role` and `content`), all of one kind in a row; `prompt` may be left out
beside `chosen` and `rejected` if both begin with it. SFT's `text` is the column that `dataset_text_field` names. Labels are
true and false, or 1 and 0. Further columns are left alone; GRPO, RLOO and PPO pass them to the reward functions. Both splits
are checked before a model is loaded: a missing column, an empty value or one of the wrong kind is refused in one sentence.

Columns of other names are mapped, explicitly and in both splits; the names on the left are TRL's:

    python -m training start --method dpo --set model_name_or_path=MODEL dataset_name=pairs.csv \\
        'column_mapping={"prompt": "question", "chosen": "better", "rejected": "worse"}'

Where a refusal knows what was probably meant, it names the mapping. It knows:

| TRL's name | other names |
|---|---|
"""
TAIL = """
Other shapes are recognised by the pre-flight, which says what becomes of each column and writes the converted file: Alpaca,
ShareGPT, OpenAI's messages with tools, pairs under other names, two answers with a choice or scores, UltraFeedback's rated
completions, HH-RLHF's transcripts, single answers with thumbs or stars, questions, documents.

## From easy to hard

    curriculum=length            # tokens of a row, through the chat template
    curriculum=column:NAME       # a column of numbers, lowest first
    curriculum=loss              # mean loss of the answer, in nats a token, under the model at its start, or under
                                 # ref_model_name_or_path; not for prompts alone
    curriculum_stages=3

The rows are sorted and cut into stages of equally many steps (generations in GRPO and RLOO, rollouts in PPO), shuffled by
`seed` within a stage, and laid out as often as the run takes them: with `max_steps` too small for all rows each stage takes
a random part of its own, so that the hard rows are reached; a whole epoch holds each row once. All epochs are in the rows,
so the trainer counts one. TensorBoard shows `train/curriculum_stage` beside every log and a text at each boundary, the
console a line. Packing and streams are refused, as are rows that the trainer would drop for want of room (`max_length`).
With several processes the last step of an epoch that does not fill it is filled up from the first rows, as always with
Accelerate.
"""
HEAD_ZH = """# 数据

[English](../data.md)

表格由 `python -m tests.data_page` 根据训练进程所做的检查写出。

## 从哪里来

`dataset_name` 是一个文件（SUFFIXES）、一个按划分命名文件的文件夹（`train.jsonl`、`test.jsonl`），或 Hub 上的名称。`dataset_train_split` 和
`dataset_test_split` 指定划分；后者只在有评估（`eval_strategy`）时读取。同时使用多个数据集就用 TRL 的 `datasets`，写在配置文件里：

    datasets:
      - path: json
        data_files: support.jsonl
        columns: [messages]
      - path: trl-lib/Capybara
        columns: [messages]
    test_split_size: 0.05

测试行由 `seed` 抽取，因此每个进程、每次续训都得到相同的行。

JSON 可以是每行一个对象、一个列表、某个名称下的列表（`{"data": [...]}`）、每个划分一个列表，或按列存放的列表；CSV 可以用逗号、分号、制表符或竖线分隔；
文本可以是带或不带标记的 UTF-8、UTF-16、GB18030 或 Windows-1252。读不了的行会指明是哪一行。

## 列

| 方法 | 读取 |
|---|---|
"""
MIDDLE_ZH = """
文本或对话（带 `role` 和 `content` 的消息列表），同一行里须一致；`chosen` 和 `rejected` 都以提示开头时，可以省去 `prompt`。SFT 的 `text` 是
`dataset_text_field` 所指的列。标签是 true 和 false，或 1 和 0。其余各列不动；GRPO、RLOO 和 PPO 把它们交给奖励函数。加载模型之前两个划分都会检查：
缺列、空值或类型不对，用一句话拒绝。

其他名称的列可以映射，须明确写出，且两个划分都适用；左边是 TRL 的名称：

    python -m training start --method dpo --set model_name_or_path=MODEL dataset_name=pairs.csv \\
        'column_mapping={"prompt": "question", "chosen": "better", "rejected": "worse"}'

拒绝时如果猜得出原意，会写出映射。它认识：

| TRL 的名称 | 其他名称 |
|---|---|
"""
TAIL_ZH = """
其他格式由训练前检查识别，它会说明每一列的去向，并写出转换后的文件：Alpaca、ShareGPT、OpenAI 带工具的消息、列名不同的偏好对、带选择或评分的两个回答、
UltraFeedback 的带评分回答、HH-RLHF 的对话实录、带点赞或星级的单个回答、问题、文档。

## 由易到难

    curriculum=length            # 一行的词元数，经过对话模板
    curriculum=column:NAME       # 一个数字列，小的在前
    curriculum=loss              # 回答的平均损失，单位为奈特每词元，由起始模型或 ref_model_name_or_path
                                 # 计算；不适用于只有提示的数据
    curriculum_stages=3

各行排序后切成若干阶段，每阶段步数相同（GRPO 和 RLOO 为生成批次，PPO 为 rollout），阶段内按 `seed` 打乱，并按训练所需的次数排开：
`max_steps` 不够用完所有行时，每个阶段随机取自己的一部分，因此难的行也会用到；完整的一轮里每行恰好一次。所有轮次都已排在行里，所以训练器只计一轮。
TensorBoard 在每次记录旁显示 `train/curriculum_stage`，在每个边界显示一段文字，控制台显示一行。打包和流式数据不接受，训练器会因长度（`max_length`）
而丢弃的行也不接受。多进程时，一轮的最后一步若不满，会像 Accelerate 一贯的做法那样用最前面的行补满。
"""
PARTS: dict[Lang, tuple[str, str, str]] = {"en": (HEAD, MIDDLE, TAIL), "zh": (HEAD_ZH, MIDDLE_ZH, TAIL_ZH)}
AND_OR: dict[Lang, tuple[str, str]] = {"en": (" and ", ", or "), "zh": (" 和 ", "，或 ")}


def page(lang: Lang) -> str:
    """The whole page in one language."""
    head, middle, tail = PARTS[lang]
    comma = ", " if lang == "en" else "、"
    reads = [
        f"| {method} | {spoken([[f'`{name}`' for name in shape] for shape in shapes], *AND_OR[lang])} |"
        for method, shapes in SHAPES.items()
    ]
    others = [f"| `{name}` | {comma.join(f'`{one}`' for one in names)} |" for name, names in SYNONYMS.items()]
    head = head.replace("SUFFIXES", comma.join(f"`{suffix}`" for suffix in FORMATS))
    return head + "\n".join(reads) + "\n" + middle + "\n".join(others) + "\n" + tail


if __name__ == "__main__":
    for lang in LANGS:
        PAGES[lang].write_text(page(lang), encoding="utf-8")
