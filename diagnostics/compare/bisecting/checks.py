"""What a bisect looks for: a check that an answer passes or fails.

matches:REGEX               the answer must match
lacks:REGEX                 the answer must not match
reward:FILE:FUNCTION<0.5    the reward must not be below the number
judge:QUESTION              a judge must not answer the question with no
eye                         a person says
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.models.sources import Source
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.judge import ask_judge
from diagnostics.compare.scoring.judge_words import question_messages, read_yes_no
from diagnostics.compare.scoring.scorers import Scorer, ScorerUnusable, score, scorer_of
from diagnostics.run.refusal import Refusal, Sentence

CheckKind = Literal["matches", "lacks", "reward", "judge", "eye"]
REWARD = re.compile(r"(?P<function>.+?)\s*<\s*(?P<limit>[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)")
REGEX_SECONDS = 5.0
# Some expressions take ages on some texts, and Python's cannot be stopped from within: so they run in a process of their own.
SEARCH = "import json, re, sys; one = json.load(sys.stdin); print(int(bool(re.search(one[0], one[1]))))"


class CheckUnusable(Refusal):
    """A check cannot be made. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Check:
    """A check as it was written. `what`: the expression, the function or the question."""

    kind: CheckKind
    what: str = ""
    limit: float = 0.0

    def __str__(self) -> str:
        return {"eye": "eye", "reward": f"reward:{self.what}<{self.limit:g}"}.get(self.kind, f"{self.kind}:{self.what}")


@dataclass(frozen=True)
class Looked:
    """What a look at a checkpoint told: whether it is broken (None: that could not be told), its answer, and why."""

    broken: bool | None
    text: str = ""
    why: str = ""


def check_of(spec: str) -> Check:
    """A check as it is written; see the top of this file.

    Raises:
        CheckUnusable: it is none.
    """
    kind, _, what = spec.partition(":")
    kind, what = kind.strip(), what.strip()
    if kind == "eye":
        return Check("eye")
    if kind not in ("matches", "lacks", "reward", "judge") or not what:
        raise CheckUnusable(
            f"{spec!r}: is no check; expected matches:REGEX, lacks:REGEX, reward:FILE:FUNCTION<NUMBER, judge:QUESTION or eye.",
            f"{spec!r}：不是判据；应为 matches:正则表达式、lacks:正则表达式、reward:FILE:FUNCTION<NUMBER、judge:问题 或 eye。",
        )
    if kind == "judge":
        return Check("judge", what)
    if kind == "reward":
        found = REWARD.fullmatch(what)
        if found is None:
            raise CheckUnusable(
                f"{spec!r}: expected reward:FILE:FUNCTION<NUMBER.", f"{spec!r}：应为 reward:FILE:FUNCTION<NUMBER。"
            )
        try:
            scorer_of("function", found["function"])
        except ScorerUnusable as error:
            raise CheckUnusable.of(error) from error
        return Check("reward", found["function"], float(found["limit"]))
    try:
        re.compile(what)
    except re.error as error:
        raise CheckUnusable(
            f"{spec!r}: {what} is no regular expression ({error}).", f"{spec!r}：{what} 不是正则表达式（{error}）。"
        ) from error
    return Check("matches" if kind == "matches" else "lacks", what)


def look(check: Check, prompt: Prompt, answer: Answer, judge: Source | None = None) -> Looked:
    """Apply a check to an answer. Not for `eye`, which a person answers.

    Raises:
        CheckUnusable: it is the eye's, or there is no judge to ask.
    """
    if answer.stop == "error":
        return Looked(None, answer.text, answer.error or Sentence("no answer", "没有回答"))
    if check.kind in ("matches", "lacks"):
        return by_expression(check, answer)
    if check.kind == "reward":
        return by_reward(check, prompt, answer)
    if check.kind == "judge" and judge is not None:
        return by_question(check, prompt, answer, judge)
    if check.kind == "judge":
        raise CheckUnusable(f"{check}: no judge is named.", f"{check}：没有指定评审模型。")
    raise CheckUnusable(f"{check}: a person must say it.", f"{check}：须由人判断。")


def look_at_all(
    check: Check, prompts: Sequence[Prompt], answers: Sequence[Answer], judge: Source | None = None
) -> Looked:
    """Apply a check to the answers to several prompts, in their order: by the mean reward, else by most of them.

    The text is that of the first answer that fails, of the first one if none does.

    Raises:
        CheckUnusable: see `look`.
    """
    if len(prompts) == 1:
        return look(check, prompts[0], answers[0], judge)
    if check.kind == "reward":
        return by_mean_reward(check, prompts, answers)
    looks = [look(check, prompt, answer, judge) for prompt, answer in zip(prompts, answers, strict=True)]
    told = [one for one in looks if one.broken is not None]
    if not told:
        return looks[0]
    fails = [one for one in told if one.broken]
    why = Sentence(f"fails on {len(fails)} of {len(told)} prompts", f"{len(told)} 个提示中有 {len(fails)} 个不合格")
    return Looked(2 * len(fails) > len(told), (fails or told)[0].text, why)


def by_expression(check: Check, answer: Answer) -> Looked:
    """A regular expression, searched anywhere in the answer."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", SEARCH],
            input=json.dumps([check.what, answer.text]),
            capture_output=True,
            text=True,
            timeout=REGEX_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return Looked(
            None,
            answer.text,
            Sentence(
                f"{check.what}: was not through with the answer in {REGEX_SECONDS:g} s",
                f"{check.what}：{REGEX_SECONDS:g} 秒内没有查完这条回答",
            ),
        )
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or ["failed"])[-1]
        return Looked(None, answer.text, Sentence(f"{check.what}: {why}", f"{check.what}：{why}"))
    found = done.stdout.strip() == "1"
    return Looked(
        found == (check.kind == "lacks"),
        answer.text,
        Sentence(
            f"{'matches' if found else 'does not match'} {check.what}", f"{'匹配' if found else '不匹配'} {check.what}"
        ),
    )


def by_reward(check: Check, prompt: Prompt, answer: Answer) -> Looked:
    """A reward function against a number."""
    return by_mean_reward(check, [prompt], [answer])


def by_mean_reward(check: Check, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> Looked:
    """A reward function's mean against a number."""
    one = AnswerSet((answers[0].source,), tuple(prompts), (answers[0].seed,)).with_answers(answers)
    *_, last = score(one, [Scorer("reward", "function", check.what)])
    values = {key: found.scores["reward"] for key, found in last.answers.answers.items() if "reward" in found.scores}
    if not values:
        failed = next((found.error for found in answers if found.error), None)
        return Looked(
            None,
            answers[0].text,
            failed
            or last.errors.get("reward", Sentence(f"{check.what} gave no score.", f"{check.what} 没有给出分数。")),
        )
    mean = sum(values.values()) / len(values)
    name, many = check.what.rpartition(":")[2], len(prompts) > 1
    of, of_zh = (f" on average over {len(values)} answers", f"（{len(values)} 条回答的平均）") if many else ("", "")
    text = last.answers.answers[min(values, key=lambda key: values[key])].text
    return Looked(mean < check.limit, text, Sentence(f"{name} = {mean:.4g}{of}", f"{name} = {mean:.4g}{of_zh}"))


def by_question(check: Check, prompt: Prompt, answer: Answer, judge: Source) -> Looked:
    """A judge's yes or no."""
    *_, panes = ask_judge(judge, [question_messages(prompt.messages, answer.text, check.what)])
    if panes[0].error is not None:
        return Looked(None, answer.text, panes[0].error)
    yes = read_yes_no(panes[0].text)
    if yes is None:
        return Looked(
            None, answer.text, Sentence("the judge's text holds neither yes nor no", "评审模型的文本里既没有是也没有否")
        )
    return Looked(
        not yes, answer.text, Sentence(f"the judge says {'yes' if yes else 'no'}", f"评审模型说{'是' if yes else '否'}")
    )
