"""The pages on rewards in both languages, from the built-in rewards' own files. `python -m tests.reward_page` writes them anew."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from diagnostics.report.words import LANGS, Lang
from training.rewards import BUILT_IN, OF_TRL

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[Lang, Path] = {"en": DOCS / "rewards.md", "zh": DOCS / "zh" / "rewards.md"}
LABELS: dict[Lang, tuple[str, ...]] = {
    "en": ("Measures:", "How:", "Range:", "Columns:", "Can be gamed by:"),
    "zh": ("衡量：", "做法：", "取值：", "列：", "如何被钻空子："),
}
HEAD = """# Rewards

[中文](zh/rewards.md)

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
HEAD_ZH = """# 奖励

[English](../rewards.md)

本页由 `python -m tests.reward_page` 根据各奖励自己的文件写出。

GRPO、RLOO 和 PPO 从奖励对回答的评价中学习。可以同时指定多个；每个都单独记为 `rewards/NAME/mean`，模型按加权之和训练。

## 指定与加权

    python -m training start --method grpo --set model_name_or_path=MODEL dataset_name=data.jsonl \\
        'reward_funcs=["helpfulness", "politeness", "repetition", "mine.py:has_order"]' 'reward_weights=[1.0, 0.5, 0.5, 1.0]'

| 名称 | 是什么 |
|---|---|
| `relevance` 及下文其他名称 | 内置函数 |
| TRL_NAMES | TRL 自己的，即 `trl grpo` 认识的名称 |
| `file.py:function`、`package.module:function`、`package.module.function` | 您自己的函数 |

`reward_model_name_or_path` 在各函数之前加入一个训练好的奖励模型：文件夹、训练目录（取最后一个检查点）或 Hub 上的名称。`reward_weights`
按此顺序为每个奖励给一个数，模型在最前；不写则各计一份。所有内置奖励都在 0 到 1 之间，因此权重可以相比；奖励模型的分数有自己的尺度。

曲线里的名称是所写名称的最后一段（`has_order`）；同名的两个以所在文件区分（`mine.has_order`）。

## 自己写一个

函数按 TRL 的方式调用：`prompts` 和 `completions` 是文本的列表，数据为对话时是消息列表的列表；数据的其余各列也以列表传入，`**columns`
接收剩下的。每个回答返回一个数。

    def has_order(prompts, completions, order, **columns):
        texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]
        return [1.0 if number in text else 0.0 for text, number in zip(texts, order)]

与 TRL 1.16 一样，还会传入 `completion_ids`、`trainer_state`、`log_extra` 和 `log_metric`；`prompt` 与 `completion` 两列不传。某个回答返回
`None` 表示“不归我评”，只要另有奖励评它就可以。第一步之前，每个函数会在数据的几行上试调用一次；那时出错就用一句话拒绝启动。训练中出现异常、
NaN、无穷、数量不对或不是数的东西，训练以失败结束，`status.json` 里写明函数和行：TRL 自己会把 NaN 当作“没有奖励”而继续。

换一组数字的内置奖励，在您的文件里写一行即可：

    from training.rewards.length import length_within
    brief = length_within(words=(3, 20), characters=(5, 40))

它就是 `mine.py:brief`。

"""
HEADS: dict[Lang, str] = {"en": HEAD, "zh": HEAD_ZH}


def page(lang: Lang) -> str:
    """The whole page in one language."""
    names = (", " if lang == "en" else "、").join(f"`{name}`" for name in OF_TRL)
    sections = [section(name, place.partition(":")[0], lang) for name, place in BUILT_IN.items()]
    return HEADS[lang].replace("TRL_NAMES", names) + "\n".join(sections)


def section(name: str, module: str, lang: Lang) -> str:
    """One reward: the docstring of its file, or what the file says in Chinese, its labels in bold."""
    file = importlib.import_module(module)
    said = (inspect.getdoc(file) or "").split(": ", 1)[1] if lang == "en" else file.CHINESE
    labels = "|".join(LABELS[lang])
    marked = re.sub(rf"^({labels}) ?", r"\n**\1** ", said, flags=re.MULTILINE)
    first, rest = marked.split("\n", 1)
    return f"## {name}\n\n{first[0].upper()}{first[1:]}\n\n{rest.strip()}\n"


if __name__ == "__main__":
    for lang in LANGS:
        PAGES[lang].write_text(page(lang), encoding="utf-8")
