"""A process that scores answers by a reward function or a reward model: `python -m diagnostics.probes.score_worker STARTER FOLDER`.

<folder>/job.json       kind (`function` or `model`), what (its name or folder), rows (messages, text, finished, columns)
<folder>/events.jsonl   appended: `scores` (rows, values; null where a function gave None), `lost` (row, reason), `error`,
                        and `end` as the last one
The code of a reward function is the user's: it runs here, so that whatever it does costs this process only.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from diagnostics.compare.models.sources import SourceUnusable
from diagnostics.probes.orphan import end_with
from diagnostics.probes.reward_functions import Reward, RewardUnusable, load_reward
from diagnostics.run.refusal import Refusal, Sentence, said, told_with

FUNCTION_BATCH = 64


class FunctionFailed(Refusal):
    """A reward function raised, or gave something else than one number for each answer. The message is one sentence."""


class Events:
    """The events of the job, appended to its file."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")

    def write(self, event: str, **fields: Any) -> None:
        """Append one event."""
        self.file.write(json.dumps({"event": event, **fields}) + "\n")
        self.file.flush()

    def scores(self, places: Sequence[int], values: Sequence[float | str | None]) -> None:
        """Append the scores of some rows; what is not a finite number is lost, with the reason."""
        good: list[tuple[int, float | None]] = []
        for place, value in zip(places, values, strict=True):
            if isinstance(value, str):
                self.write("lost", row=place, reason=value, reason_zh=said(value, "zh"))
            elif value is not None and not math.isfinite(value):
                self.write("lost", row=place, reason=f"gave {value}", reason_zh=f"给出了 {value}")
            else:
                good.append((place, value))
        if good:
            self.write("scores", rows=[place for place, _ in good], values=[value for _, value in good])


def by_function(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[list[int], list[float | None]]]:
    """Score rows by a function in batches.

    Raises:
        RewardUnusable: there is no such function.
        FunctionFailed: it raised, or gave something else than one number for each answer.
    """
    reward = load_reward(name)
    for start in range(0, len(rows), FUNCTION_BATCH):
        batch = rows[start : start + FUNCTION_BATCH]
        yield list(range(start, start + len(batch))), values_of(name, reward, batch)


def values_of(name: str, reward: Reward, rows: Sequence[dict[str, Any]]) -> list[float | None]:
    """What a function says of a batch.

    Raises:
        FunctionFailed: see `by_function`.
    """
    try:
        given = reward(**arguments_of(reward, rows))
        if inspect.isawaitable(given):
            given = asyncio.run(awaited(given))
        given = list(given)
    except (Exception, SystemExit) as error:  # whatever the user's function raises
        raise FunctionFailed(
            f"{name} raised {described(error)}.", f"{name} 抛出了异常 {described(error).chinese}。"
        ) from error
    if len(given) != len(rows):
        raise FunctionFailed(
            f"{name} gave {len(given)} scores for {len(rows)} answers; expected one for each.",
            f"{name} 为 {len(rows)} 条回答给出了 {len(given)} 个分数；每条应有一个。",
        )
    try:
        return [None if value is None else float(value) for value in given]
    except (TypeError, ValueError) as error:
        wrong = next(one for one in given if one is not None and not is_number(one))
        raise FunctionFailed(
            f"{name} gave {wrong!r:.60} as a score; expected a number.",
            f"{name} 给出的分数是 {wrong!r:.60}；应为数字。",
        ) from error


def arguments_of(reward: Reward, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What TRL's GRPOTrainer passes (trl 1.16, trainer/grpo_trainer.py, `_calculate_rewards`), as far as it is known here.

    Conversational prompts come with conversational completions, texts with texts. `finished` is this project's own.
    """
    columns = dict.fromkeys(name for row in rows for name in row["columns"])
    arguments: dict[str, Any] = {
        "prompts": [row["messages"] if row["conversational"] else row["messages"][-1]["content"] for row in rows],
        "completions": [
            [{"role": "assistant", "content": row["text"]}] if row["conversational"] else row["text"] for row in rows
        ],
        **{name: [row["columns"].get(name) for row in rows] for name in columns if name not in ("completion",)},
    }
    extra = {
        "finished": [row["finished"] for row in rows],
        "trainer_state": None,
        "log_extra": nothing,
        "log_metric": nothing,
    }
    taken = inspect.signature(reward).parameters
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
    return arguments | {name: value for name, value in extra.items() if takes_all or name in taken}


def nothing(*_: Any, **__: Any) -> None:
    """Stands for TRL's logging, which a comparison has no use for."""


async def awaited(value: Any) -> Any:
    """What an asynchronous function gives."""
    return await value


def is_number(value: Any) -> bool:
    """Whether a value can be read as a number."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def described(error: BaseException) -> Sentence:
    """An exception and the place of the user's code that raised it."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename != __file__]
    words = " ".join(str(error).split()).rstrip(".")
    what = f"{type(error).__name__}{f': {words}' if words else ''}"
    if not frames:
        return Sentence(what, what)
    file, line = Path(frames[-1].filename).name, frames[-1].lineno
    return Sentence(f"{what} ({file}, line {line})", f"{what}（{file} 第 {line} 行）")


def by_model(folder: str, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[list[int], list[float | str]]]:
    """Score rows by a reward model.

    Raises:
        SourceUnusable: it is none.
    """
    import torch
    import transformers

    from diagnostics.probes.reward_model import RewardModel

    torch.set_num_threads(max(1, int(os.environ.get("CLINIC_THREADS", "1"))))
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    yield from RewardModel(folder).scores(rows)


KINDS: dict[str, Callable[..., Iterator[tuple[list[int], Sequence[Any]]]]] = {
    "function": by_function,
    "model": by_model,
}


def run(folder: Path) -> None:
    """Do the job in a folder."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    events = Events(folder / "events.jsonl")
    try:
        for places, values in KINDS[job["kind"]](job["what"], job["rows"]):
            events.scores(places, values)
    except (RewardUnusable, FunctionFailed, SourceUnusable) as error:
        events.write("error", **told_with(error))
    except Exception as error:  # one sentence, whatever it was
        what = described(error)
        events.write("error", message=f"{job['what']}: {what}.", message_zh=f"{job['what']}：{what.chinese}。")
    events.write("end")


if __name__ == "__main__":
    end_with(int(sys.argv[1]), Path(sys.argv[2]))
    run(Path(sys.argv[2]))
