"""The page docs/data.md, its tables from what the workers check. `python -m tests.data_page` writes it anew."""

from __future__ import annotations

from pathlib import Path

from diagnostics.preflight.columns import SHAPES, SYNONYMS, spoken
from diagnostics.preflight.files import FORMATS

PAGE = Path(__file__).parents[1] / "docs" / "data.md"
HEAD = """# Data

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

    curriculum=length            tokens of a row, through the chat template
    curriculum=column:NAME       a column of numbers, lowest first
    curriculum=loss              mean loss of the answer, in nats a token, under the model at its start, or under
                                 ref_model_name_or_path; not for prompts alone
    curriculum_stages=3

The rows are sorted and cut into stages of equally many steps (generations in GRPO and RLOO, rollouts in PPO), shuffled by
`seed` within a stage, and laid out as often as the run takes them: with `max_steps` too small for all rows each stage takes
a random part of its own, so that the hard rows are reached; a whole epoch holds each row once. All epochs are in the rows,
so the trainer counts one. TensorBoard shows `train/curriculum_stage` beside every log and a text at each boundary, the
console a line. Packing and streams are refused, as are rows that the trainer would drop for want of room (`max_length`).
With several processes the last step of an epoch that does not fill it is filled up from the first rows, as always with
Accelerate.
"""


def page() -> str:
    """The whole page."""
    reads = [
        f"| {method} | {spoken([[f'`{name}`' for name in shape] for shape in shapes])} |"
        for method, shapes in SHAPES.items()
    ]
    others = [f"| `{name}` | {', '.join(f'`{one}`' for one in names)} |" for name, names in SYNONYMS.items()]
    head = HEAD.replace("SUFFIXES", ", ".join(f"`{suffix}`" for suffix in FORMATS))
    return head + "\n".join(reads) + "\n" + MIDDLE + "\n".join(others) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
