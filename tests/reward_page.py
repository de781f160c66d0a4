"""The page docs/rewards.md, from the built-in rewards' own docstrings. `python -m tests.reward_page` writes it anew."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from training.rewards import BUILT_IN, OF_TRL

PAGE = Path(__file__).parents[1] / "docs" / "rewards.md"
HEAD = """# Rewards

Written from the rewards' own files by `python -m tests.reward_page`.

GRPO, RLOO and PPO learn from what their rewards say of an answer. Several may be named at once; each is logged on its
own as `rewards/NAME/mean`, and the sum, weighted, is what the model is trained on.

## Name and weigh them

    python -m training start --method grpo --set model_name_or_path=MODEL dataset_name=data.jsonl \\
        'reward_funcs=["helpfulness", "politeness", "repetition", "mine.py:has_order"]' 'reward_weights=[1.0, 0.5, 0.5, 1.0]'

| name | is |
|---|---|
| `relevance` and the others below | a built-in function |
| TRL_NAMES | TRL's own, by the names that `trl grpo` knows |
| `file.py:function`, `package.module:function`, `package.module.function` | a function of yours |

`reward_model_name_or_path` adds a trained reward model, in front of the functions: a folder, a run folder (its last
checkpoint is taken) or a name on the Hub. `reward_weights` has one number for each reward in that order, the model first;
without it each counts once. All built-in rewards lie between 0 and 1, so that weights compare; a reward model's scores
have a scale of their own.

The name in the curves is the last part of the name that was given (`has_order`); two of the same name are told apart
by their files (`mine.has_order`).

## Write one

A function as TRL calls it: `prompts` and `completions` are lists of texts, or of lists of messages if the data is
conversational; every further column of the data comes as a list too, and `**columns` takes the rest. It returns one
number for each completion.

    def has_order(prompts, completions, order, **columns):
        texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]
        return [1.0 if number in text else 0.0 for text, number in zip(texts, order)]

`completion_ids`, `trainer_state`, `log_extra` and `log_metric` are passed as well, as in TRL 1.16; the columns `prompt` and
`completion` are not. `None` for one completion means "not mine to judge" and is allowed where another reward judges it.
Before the first step each function is called once on a few rows of the data; what goes wrong then is refused in one
sentence. An exception, NaN, infinity, a wrong count or something that is no number ends the run as failed, with the
function and the row in `status.json`: TRL itself would take NaN for "no reward" and go on.

A built-in one with other numbers is a line in a file of yours:

    from training.rewards.length import length_within
    brief = length_within(words=(3, 20), characters=(5, 40))

It is then `mine.py:brief`.

"""


def page() -> str:
    """The whole page."""
    names = ", ".join(f"`{name}`" for name in OF_TRL)
    sections = [section(name, place.partition(":")[0]) for name, place in BUILT_IN.items()]
    return HEAD.replace("TRL_NAMES", names) + "\n".join(sections)


def section(name: str, module: str) -> str:
    """One reward: the docstring of its file, its labels in bold."""
    said = (inspect.getdoc(importlib.import_module(module)) or "").split(": ", 1)[1]
    marked = re.sub(r"^(Measures|How|Range|Columns|Can be gamed by):", r"\n**\1:**", said, flags=re.MULTILINE)
    first, rest = marked.split("\n", 1)
    return f"## {name}\n\n{first[0].upper()}{first[1:]}\n\n{rest.strip()}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
