"""Scoring answers: by reward functions, reward models, reference answers or a judge, one scorer after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, SourceUnusable, check_model, short_name
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.judge import BEAT_SECONDS, ask_judge, judge_of
from diagnostics.compare.scoring.judge_words import read_score, single_messages
from diagnostics.compare.scoring.references import METRICS
from diagnostics.compare.scoring.score_process import ScoreProcess
from diagnostics.run.refusal import Refusal, Sentence, said, told_in

POLL_SECONDS = 0.05
Kind = Literal["function", "model", "reference", "judge"]


class ScorerUnusable(Refusal):
    """A scorer cannot score. The message is one sentence: what, where, what was expected."""


@dataclass(frozen=True)
class Scorer:
    """What scores answers. `what`: the function's name, the reward model's folder, the metric, or the judge's address."""

    name: str
    kind: Kind
    what: str
    rubric: str = ""


@dataclass(frozen=True)
class Part:
    """What a scorer has found since last time: scores by place, and places without one with the reason."""

    scores: Mapping[int, float] = field(default_factory=dict)
    lost: Mapping[int, str] = field(default_factory=dict)
    skipped: int = 0


@dataclass(frozen=True)
class Scored:
    """How far the scoring is. `done` of `of` scores were tried, `now` is the scorer at work.

    `errors`: by the scorer's name, a sentence on why scores of it are missing; `lost` counts them. A function's None is
    no score and no error, as in TRL.
    """

    answers: AnswerSet
    done: int
    of: int
    now: str | None = None
    seconds_left: float | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)


def scorer_of(kind: Kind, what: str, rubric: str = "") -> Scorer:
    """A scorer as it is written. Nothing of the user's is run yet.

    Raises:
        ScorerUnusable: it is none; a reward function is only looked into when it is run.
    """
    if kind == "function":
        place, _, function = what.rpartition(":")
        if not place or not function:
            raise ScorerUnusable(
                f"{what}: expected file.py:function or package.module:function.",
                f"{what}：应为 file.py:function 或 package.module:function。",
            )
        if place.endswith(".py") and not Path(place).is_file():
            raise ScorerUnusable(
                f"{place}: there is no such file of reward functions.", f"{place}：没有这个奖励函数文件。"
            )
        return Scorer(function, kind, what)
    if kind == "reference":
        if what not in METRICS:
            raise ScorerUnusable(
                f"{what}: is no measure against a reference; expected one of {', '.join(METRICS)}.",
                f"{what}：不是与参考回答比较的指标；应为 {'、'.join(METRICS)} 之一。",
            )
        return Scorer(what, kind, what)
    try:
        if kind == "judge":
            judge_of(what)
            return Scorer("judge", kind, what, rubric)
        check_model(Path(what))
    except SourceUnusable as error:
        raise ScorerUnusable.of(error) from error
    return Scorer(short_name(Path(what)), kind, what)


def named_apart(scorers: Sequence[Scorer]) -> list[Scorer]:
    """The same scorers under names of which no two are alike."""
    seen: dict[str, int] = {}
    apart = []
    for one in scorers:
        seen[one.name] = count = seen.get(one.name, 0) + 1
        apart.append(one if count == 1 else replace(one, name=f"{one.name} ({count})"))
    return apart


def score(answers: AnswerSet, scorers: Sequence[Scorer]) -> Iterator[Scored]:
    """Score all whole answers; yields how far it is whenever that changed. Closing the iterator cancels.

    A scorer that fails costs its own scores only.
    """
    scorers = named_apart(scorers)
    whole = [one for source in answers.sources for one in answers.of(source)]
    prompts = {one.number: one for one in answers.prompts}
    state = Scored(answers, 0, len(scorers) * len(whole))
    started = time.monotonic()
    for number, scorer in enumerate(scorers):
        state = replace(state, now=scorer.name)
        yield state
        parts = RUNS[scorer.kind](scorer, [(prompts[one.prompt], one) for one in whole]) if whole else iter(())
        try:
            while True:
                try:
                    part = next(parts)
                except StopIteration:
                    break
                state = after(state, scorer, whole, part, time.monotonic() - started)
                yield state
        except ScorerUnusable as error:
            state = failed(state, scorer, error.sentence, whole)
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()
        state = replace(state, done=(number + 1) * len(whole))
    yield replace(state, now=None, seconds_left=0.0)


def after(state: Scored, scorer: Scorer, whole: Sequence[Answer], part: Part, seconds: float) -> Scored:
    """The state with more of a scorer's results in it."""
    keys = [one.key for one in whole]
    scored = [state.answers.answers[keys[place]].scored(scorer.name, value) for place, value in part.scores.items()]
    errors, lost = dict(state.errors), dict(state.lost)
    if part.lost:
        place, reason = next(iter(part.lost.items()))
        source, prompt, reason_zh = keys[place][0], keys[place][1] + 1, said(reason, "zh")
        lacks = Sentence(
            f"{scorer.name}: {reason} ({source}, prompt {prompt}).",
            f"{scorer.name}：{reason_zh}（{source}，第 {prompt} 个提示）。",
        )
        errors.setdefault(scorer.name, lacks)
        lost[scorer.name] = lost.get(scorer.name, 0) + len(part.lost)
    done = state.done + len(part.scores) + len(part.lost) + part.skipped
    left = (state.of - done) * seconds / done if done else None
    return replace(
        state, answers=state.answers.with_answers(scored), done=done, seconds_left=left, errors=errors, lost=lost
    )


def failed(state: Scored, scorer: Scorer, reason: str, whole: Sequence[Answer]) -> Scored:
    """The state after a scorer gave up: what it has not scored is lost."""
    missing = sum(scorer.name not in state.answers.answers[one.key].scores for one in whole)
    return replace(state, errors={**state.errors, scorer.name: reason}, lost={**state.lost, scorer.name: missing})


Rows = Sequence[tuple[Prompt, Answer]]


def by_process(scorer: Scorer, rows: Rows) -> Iterator[Part]:
    """Score by a reward function or a reward model, in a process of its own.

    Raises:
        ScorerUnusable: it failed.
    """
    process = ScoreProcess(scorer.kind, scorer.what, [row_of(*one) for one in rows])
    told = time.monotonic()
    try:
        while not process.over:
            events = process.read_new()
            for event in events:
                if event["event"] == "error":
                    raise ScorerUnusable.of(told_in(event))
                if event["event"] == "scores":
                    found = dict(zip(event["rows"], event["values"], strict=True))
                    some = {place: value for place, value in found.items() if value is not None}
                    yield Part(some, skipped=len(found) - len(some))
                if event["event"] == "lost":
                    yield Part(lost={event["row"]: told_in(event, "reason")})
            if not events:
                time.sleep(POLL_SECONDS)
                if time.monotonic() - told > BEAT_SECONDS:
                    told = time.monotonic()
                    yield Part()
    finally:
        process.end()


def row_of(prompt: Prompt, answer: Answer) -> dict[str, Any]:
    """An answer as the scoring process gets it."""
    return {
        "messages": list(prompt.messages),
        "conversational": prompt.conversational,
        "text": answer.text,
        "finished": answer.stop == "end",
        "columns": dict(prompt.columns),
    }


def by_reference(scorer: Scorer, rows: Rows) -> Iterator[Part]:
    """Score by the nearness to the reference answers."""
    measure: Callable[[str, str], float] = METRICS[scorer.what]
    scores, lost = {}, {}
    for place, (prompt, answer) in enumerate(rows):
        if prompt.reference is None:
            lost[place] = Sentence("the prompt has no reference answer", "这个提示没有参考回答")
        else:
            scores[place] = measure(answer.text, prompt.reference)
    yield Part(scores, lost)


def by_judge(scorer: Scorer, rows: Rows) -> Iterator[Part]:
    """Score by a judge's grades, 0 to 10.

    Raises:
        ScorerUnusable: it is no judge.
    """
    asked = [single_messages(prompt.messages, answer.text, prompt.reference, scorer.rubric) for prompt, answer in rows]
    try:
        judge: Source = judge_of(scorer.what)
    except SourceUnusable as error:
        raise ScorerUnusable.of(error) from error
    taken: set[int] = set()
    for panes in ask_judge(judge, asked):
        fresh = [place for place, pane in enumerate(panes) if pane.over and place not in taken]
        taken |= set(fresh)
        grades = {place: grade_of(panes[place]) for place in fresh}
        yield Part(
            {place: one for place, one in grades.items() if isinstance(one, float)},
            {place: one for place, one in grades.items() if isinstance(one, str)},
        )


def grade_of(pane: Pane) -> float | str:
    """A judge's grade, or why there is none."""
    if pane.error is not None:
        return Sentence(said(pane.error).rstrip("."), said(pane.error, "zh").rstrip("。"))
    grade = read_score(pane.text)
    return (
        grade
        if grade is not None
        else Sentence("the judge's text holds no score from 0 to 10", "评审模型的文本里没有 0 到 10 的分数")
    )


RUNS: dict[Kind, Callable[[Scorer, Rows], Iterator[Part]]] = {
    "function": by_process,
    "model": by_process,
    "reference": by_reference,
    "judge": by_judge,
}
