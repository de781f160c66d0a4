"""A process in which a reward function is tried: `python -m diagnostics.probes.reward_trial_worker STARTER FOLDER`.

<folder>/job.json       spec, short_names (null: those of `training`), rows, calls (by name the answers, null: no such row)
<folder>/events.jsonl   appended: `begin` (call), `done` (call, seconds, values; null where None was given), `failed` (call,
                        kind, message, further facts), `note` (facts), and `end` as the last one
The code of a reward function is the user's: it runs here, so that whatever it does costs this process only.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import math
import os
import random
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from diagnostics.probes.orphan import end_with
from diagnostics.probes.reward_calls import arguments, columns_of, is_async
from diagnostics.probes.reward_functions import Reward, RewardUnusable, load_reward
from diagnostics.run.refusal import Refusal

# The answers that the data or a model would give: a function that fails on these ends every run.
GOOD = ("reference", "ordinary")
SHOWN = 60
FRAMES = 6
SLOW = 0.1  # seconds an answer, beyond which junk is tried on every fourth row only, and one order less
SPARED = 4
SAME = 1e-6  # of the reward's size: float32 has seven digits


class Broken(Refusal):
    """A call gave something else than one finite number for each answer. `kind`: what; `facts`: more about it."""

    def __init__(self, english: str, chinese: str, kind: str, **facts: Any) -> None:
        super().__init__(english, chinese)
        self.kind = kind
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Broken, **self.facts), (*self.args, self.kind)

    def told(self) -> dict[str, Any]:
        """The fields of a `failed` event."""
        return {"kind": self.kind, "message": str(self), "message_zh": self.said("zh"), **self.facts}


class Events:
    """The events of the job, appended to its file. A child that the user's code forked and never ended writes none."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")
        self.owner = os.getpid()

    def write(self, event: str, **fields: Any) -> None:
        """Append one event."""
        if os.getpid() != self.owner:
            os._exit(0)
        self.file.write(json.dumps({"event": event, **fields}, default=str) + "\n")
        self.file.flush()


class LazyState:
    """TRL's `trainer_state` at step 0; transformers is only imported for it where the function looks at it."""

    def __getattr__(self, name: str) -> Any:
        from transformers import TrainerState

        return getattr(TrainerState(), name)


class Trial:
    """One function on some rows."""

    def __init__(self, name: str, reward: Reward, rows: Sequence[Mapping[str, Any]]) -> None:
        self.name = name
        self.reward = reward
        self.rows = rows

    def given(self, places: Sequence[int], texts: Sequence[str], flipped: bool = False) -> list[float | None]:
        """The rewards of answers to the rows at some places. `flipped`: texts instead of messages, or the other way round.

        Raises:
            Broken: the function raised, or gave something else than one number for each.
        """
        rows = [self.rows[place] for place in places]
        made = arguments([row["prompt"] for row in rows], texts, columns_of(rows), LazyState())
        if flipped:
            made["completions"] = [
                text if isinstance(one, list) else [{"role": "assistant", "content": text}]
                for one, text in zip(made["completions"], texts, strict=True)
            ]
        try:
            found = self.reward(**made)
            if is_async(self.reward):
                found = asyncio.run(awaited(found))
            elif inspect.iscoroutine(found):
                found.close()
                raise Broken(
                    f"{self.name}: returned a coroutine; TRL awaits only functions made by async def",
                    f"{self.name}：返回了协程；TRL 只等待用 async def 定义的函数",
                    "raises",
                )
        except Broken:
            raise
        except BaseException as error:
            raise self.raised(error, made) from error
        return values_of(self.name, found, len(rows))

    def raised(self, error: BaseException, made: Mapping[str, Any]) -> Broken:
        """What was raised, with the place in the user's code, and what of the signature does not fit."""
        said = " ".join(str(error).split()).rstrip(".")
        frames = traceback.extract_tb(error.__traceback__)
        users = [one for one in frames if one.filename != __file__ and "site-packages" not in one.filename]
        where = users[-1] if users else None
        facts: dict[str, Any] = {
            "traceback": [line for one in traceback.format_list(users[-FRAMES:]) for line in one.rstrip().splitlines()],
            "error": f"{type(error).__name__}{': ' if said else ''}{said}",
        }
        if where is not None:
            facts["frame"] = [where.filename, where.lineno, where.name]
        facts |= unfitting(self.reward, made)
        place = f" ({Path(where.filename).name}, line {where.lineno})" if where is not None else ""
        place_zh = f"（{Path(where.filename).name} 第 {where.lineno} 行）" if where is not None else ""
        return Broken(
            f"{self.name} raised {facts['error']}{place}",
            f"{self.name} 抛出了异常 {facts['error']}{place_zh}",
            "raises",
            **facts,
        )

    def first_row(self, places: Sequence[int], texts: Sequence[str]) -> int | None:
        """The first row on which a call with it alone fails."""
        for place, text in zip(places, texts, strict=True):
            try:
                self.given([place], [text])
            except Broken:
                return place
        return None


def unfitting(reward: Reward, made: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a function asks for and TRL has not, and those that TRL passes and it does not take."""
    try:
        parameters = inspect.signature(reward).parameters
    except (TypeError, ValueError):
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_ONLY)
    missing = [
        name
        for name, one in parameters.items()
        if one.kind in named and one.default is inspect.Parameter.empty and name not in made
    ]
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    extra = [] if takes_all else [name for name in made if name not in parameters]
    return {"missing": missing, "extra": extra} if missing or extra else {}


async def awaited(value: Any) -> Any:
    """What an asynchronous function gives."""
    return await value


def values_of(name: str, given: Any, count: int) -> list[float | None]:
    """What a function gave as one float for each answer, as TRL makes a tensor of it; None where it gave None.

    Raises:
        Broken: it gave no list, a wrong count, or something else than a number.
    """
    if given is None:
        raise Broken(
            f"{name} returned None; expected a list of {count} numbers",
            f"{name} 返回了 None；应为 {count} 个数的列表",
            "none",
        )
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
        raise Broken(
            f"{name} returned {kind(given)} ({str(given)[:SHOWN]}); expected a list of {count} numbers",
            f"{name} 返回了 {type(given).__name__}（{str(given)[:SHOWN]}）；应为 {count} 个数的列表",
            "wrong-count",
            got=1,
            wanted=count,
        )
    values = list(given)
    if len(values) != count:
        raise Broken(
            f"{name} returned {len(values)} rewards for {count} answers",
            f"{name} 为 {count} 条回答返回了 {len(values)} 个奖励",
            "wrong-count",
            got=len(values),
            wanted=count,
        )
    return [value_of(name, value) for value in values]


def value_of(name: str, value: Any) -> float | None:
    """One value as a float.

    Raises:
        Broken: it is no number.
    """
    if value is None:
        return None
    try:
        return float("text" if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise Broken(
            f"{name} gave {kind(value)} ({str(value)[:SHOWN]}) where a number was expected",
            f"{name} 给出了 {type(value).__name__}（{str(value)[:SHOWN]}），应为数字",
            "not-a-number",
        ) from None


def kind(value: Any) -> str:
    """The type of a value with its article."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def apart(one: Sequence[float | None], other: Sequence[float | None]) -> float:
    """The largest difference between two lists of rewards; infinite where only one of the two is a number."""
    found = 0.0
    for left, right in zip(one, other, strict=True):
        if left is None or right is None:
            found = max(found, 0.0 if left is right else math.inf)
        elif not (left == right or (math.isnan(left) and math.isnan(right))):
            found = max(found, abs(left - right) if math.isfinite(left - right) else math.inf)
    return found


def run(folder: Path) -> None:
    """Do the job in a folder."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    events = Events(folder / "events.jsonl")
    spec = job["spec"]
    events.write("begin", call="import")
    try:
        reward = load_reward(spec, short_names(job))
    except RewardUnusable as error:
        message, message_zh = str(error).rstrip("."), error.said("zh").rstrip("。")
        events.write("failed", call="import", kind="import", message=message, message_zh=message_zh)
        events.write("end")
        return
    except BaseException as error:
        message, message_zh = f"{spec}: {type(error).__name__}: {error}", f"{spec}：{type(error).__name__}: {error}"
        events.write("failed", call="import", kind="import", message=message, message_zh=message_zh)
        events.write("end")
        return
    trial = Trial(job["name"], reward, job["rows"])
    told = answered(trial, job["calls"], events)
    if told is not None:
        values, seconds = told
        # A judge behind a network, or a model: what each of its answers costs is worth saving.
        every = SPARED if seconds > SLOW else 1
        orders(trial, job["calls"], values, every, events)
        junk(trial, job["calls"], every, events)
    events.write("end")


def short_names(job: Mapping[str, Any]) -> Mapping[str, str]:
    """The short names of reward functions: those given, else, for a name that can be nothing else, the built-in ones."""
    if job["short_names"] is not None or ":" in job["spec"] or "." in job["spec"]:
        return job["short_names"] or {}
    try:
        known: Mapping[str, str] = importlib.import_module("training.rewards").SHORT_NAMES
    except (ImportError, AttributeError):
        return {}
    return known


def part(texts: Sequence[str | None]) -> tuple[list[int], list[str]]:
    """The places of the rows for which there is an answer, and the answers."""
    return [n for n, text in enumerate(texts) if text is not None], [text for text in texts if text is not None]


def spread(places: Sequence[int], values: Sequence[float | None], count: int) -> list[float | None]:
    """Values at their places among all rows, None elsewhere."""
    found: list[float | None] = [None] * count
    for place, value in zip(places, values, strict=True):
        found[place] = value
    return found


def answered(trial: Trial, calls: Mapping[str, Any], events: Events) -> tuple[list[float | None], float] | None:
    """Call with the reference answers and with ordinary ones. The rewards of the first by row, and the seconds an answer.

    None once a call failed.
    """
    seen: list[float | None] = []
    first: list[float | None] = []
    each = 0.0
    for call in GOOD:
        if call not in calls:
            continue
        places, texts = part(calls[call])
        events.write("begin", call=call)
        begun = time.perf_counter()
        try:
            values = trial.given(places, texts)
        except Broken as broken:
            events.write("failed", call=call, **broken.told())
            if broken.kind == "raises":
                tell_more(trial, places, texts, events)
            return None
        seconds = time.perf_counter() - begun
        events.write(
            "done", call=call, seconds=seconds, values=spread(places, values, len(trial.rows)), answers=len(texts)
        )
        if any(one is not None and not math.isfinite(one) for one in values):
            at = next(n for n, one in enumerate(values) if one is not None and not math.isfinite(one))
            gave = Broken(
                f"{trial.name} gave {values[at]} for an answer",
                f"{trial.name} 对一条回答给出了 {values[at]}",
                "not-finite",
            )
            events.write("failed", call=call, place=places[at], **gave.told())
            return None
        seen += values
        each = max(each, seconds / max(1, len(texts)))
        first = first or spread(places, values, len(trial.rows))
    if all(one is None for one in seen):
        gave = Broken(f"{trial.name} gave None for every answer", f"{trial.name} 对每条回答都给出了 None", "none")
        events.write("failed", call=GOOD[1], **gave.told())
        return None
    if len({one for one in seen if one is not None}) == 1:
        other_form(trial, *part(calls[GOOD[1]]), events, next(one for one in seen if one is not None))
    return first, each


def tell_more(trial: Trial, places: Sequence[int], texts: Sequence[str], events: Events) -> None:
    """The row on which a function raises, and whether it takes messages for texts or the other way round."""
    events.write("begin", call="row")
    row = trial.first_row(places, texts)
    if row is not None:
        events.write("note", place=row)
    other_form(trial, places, texts, events, None)


def other_form(
    trial: Trial, places: Sequence[int], texts: Sequence[str], events: Events, constant: float | None
) -> None:
    """Whether the function works, or tells answers apart, once it is given texts instead of messages, or messages for texts."""
    events.write("begin", call="other-form")
    try:
        values = trial.given(places, texts, flipped=True)
    except Broken:
        return
    if constant is None or any(one is not None and one != constant for one in values):
        events.write("note", other_form=True)


def orders(trial: Trial, calls: Mapping[str, Any], first: Sequence[float | None], every: int, events: Events) -> None:
    """The same call again, then in other orders: a reward belongs to its answer, wherever that stands."""
    places, texts = part(calls[GOOD[0] if GOOD[0] in calls else GOOD[1]])
    if len(places) < 2:
        return
    whole = list(range(len(places)))
    shuffled = list(whole)
    random.Random(0).shuffle(shuffled)
    # The same call again is the same call, rows that a slow function is spared included: a group may be judged together.
    turns = [whole, shuffled, whole[::-1]] if every == 1 else [whole, whole[::-1]]
    found: list[list[float | None]] = [[first[place] for place in places]]
    for number, turn in enumerate(turns):
        events.write("begin", call=f"order {number}")
        begun = time.perf_counter()
        try:
            values = trial.given([places[n] for n in turn], [texts[n] for n in turn])
        except Broken as broken:
            events.write("note", order_failed=str(broken))
            return
        seconds = time.perf_counter() - begun
        home: list[float | None] = [None] * len(turn)
        for at, value in zip(turn, values, strict=True):
            home[at] = value
        found.append(home)
        events.write("done", call=f"order {number}", seconds=seconds, answers=len(turn))
    moved = max(apart(found[0], one) for one in found[2:])
    size = max((abs(one) for one in found[0] if one is not None), default=0.0)
    rows = [
        places[n]
        for n in range(len(places))
        if any(apart([found[0][n]], [one[n]]) > SAME * max(1.0, size) for one in found[2:])
    ]
    table = [[places[n], found[0][n], found[1][n], *(one[n] for one in found[2:])] for n in range(len(places))]
    events.write("note", repeat=apart(found[0], found[1]), shuffled=moved, size=size, apart=rows, orders=table)


def junk(trial: Trial, calls: Mapping[str, Any], every: int, events: Events) -> None:
    """Call with the answers that should earn little. What fails here fails in training once a model answers so."""
    for call, all_texts in calls.items():
        places, texts = part([text if place % every == 0 else None for place, text in enumerate(all_texts)])
        if call in GOOD or not places:
            continue
        events.write("begin", call=call)
        begun = time.perf_counter()
        try:
            values = trial.given(places, texts)
        except Broken as broken:
            events.write("failed", call=call, **broken.told())
            continue
        seconds = time.perf_counter() - begun
        events.write(
            "done", call=call, seconds=seconds, values=spread(places, values, len(trial.rows)), answers=len(texts)
        )
        if any(one is not None and not math.isfinite(one) for one in values):
            gave = Broken(
                f"{trial.name} gave a number that is not finite", f"{trial.name} 给出了非有限数", "not-finite"
            )
            events.write("failed", call=call, **gave.told())


if __name__ == "__main__":
    end_with(int(sys.argv[1]), Path(sys.argv[2]))
    run(Path(sys.argv[2]))
