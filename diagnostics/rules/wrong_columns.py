"""wrong-columns: the data set lacks the columns that the method reads, or values in them are of another kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from diagnostics.finding import Words

NAME = "wrong-columns"
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ("run-died", "rows-dropped", "labels-all-masked", "dataset-too-small")


def sentence(facts: Mapping[str, Any], lang: Literal["en", "zh"] = "en") -> str:
    """What is wrong in one sentence, from the facts of a `WrongColumns`; a worker refuses with it too."""
    said = WORDS[lang].summary
    assert not isinstance(said, str)
    return said[facts["kind"]].format_map(facts)


WORDS = {
    "en": Words(
        title="The columns are not those that the method reads",
        summary={
            "mapping-none": "column_mapping: {given} is none; expected TRL's names with yours: {{\"prompt\": \"question\"}}.",
            "mapping-missing": "column_mapping: {wanted}: {where} has no column '{column}', only {columns}.",
            "mapping-missing-near": "column_mapping: {wanted}: {where} has no column '{column}', only {columns}; did you mean "
            "{near}?",
            "mapping-twice": "column_mapping: the column '{column}' is named twice; each can be only one of TRL's.",
            "mapping-taken": "column_mapping: {wanted}: {where} has a column of that name already; map that one to another "
            "name too.",
            "no-rows": "{where}: holds no rows.",
            "missing": "{where}: has the columns {columns}; {method} reads {shapes}.",
            "missing-mapping": "{where}: has the columns {columns}; {method} reads {shapes}. column_mapping={mapping} would do "
            "it.",
            "missing-alpaca": "{where}: has the columns {columns}; {method} reads {shapes}. column_mapping={mapping} would do "
            "it (Alpaca's shape; join its column input to the instruction first where it is not empty).",
            "missing-talk-prompts": "{where}: has the columns {columns}; {method} reads {shapes}. The column {talk} holds whole "
            "conversations: without their last answer they are prompts.",
            "missing-talk": "{where}: has the columns {columns}; {method} reads {shapes}. The column {talk} holds whole "
            "conversations, which SFT reads.",
            "question-beside": "{where}: has the column '{column}', which {method} would not read; column_mapping={mapping} "
            "makes it the prompt; if the answers begin with it already, remove the column.",
            "empty": "{where}: the column '{column}' is empty in {count} rows; expected a value in each.",
            "value-text": "{where}, row {row}: '{column}' is {value}; expected a text.",
            "value-either": "{where}, row {row}: '{column}' is {value}; expected a text, or a list of messages with role and "
            "content.",
            "value-talk": "{where}, row {row}: '{column}' is {value}; expected a list of messages with role and content.",
            "value-label": "{where}, row {row}: 'label' is {value}; expected true or false.",
            "kinds-differ": "{where}, row {row}: {kinds}; expected all of one kind.",
        },
        why="x",
        wrong_if="x",
        causes={},
        fixes={},
        about="x",
    ),
}
