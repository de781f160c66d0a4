"""Reward functions under watch: what is no reward ends the run in one sentence, before the first step where it can.

TRL 1.16 takes NaN for "no reward": it leaves the row out of the mean and gives it no advantage, so that the curves of a
broken reward look healthy. Infinity it takes as it is. Neither goes through here.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from diagnostics.probes.reward_calls import arguments, columns_of, is_async, ordinary_of, reference_of, text_of
from training.request import BadRequest, RunFailed

if TYPE_CHECKING:
    from datasets import Dataset

TRIAL_ROWS = 4
SHOWN = 60  # characters of a prompt in a message


def watched(name: str, function: Callable[..., Any], alone: bool) -> Callable[..., Any]:
    """The function with its results checked, under the name by which TRL logs it. Asynchronous ones stay so.

    `alone`: it is the only reward, so that None ("not mine to judge") for an answer leaves that answer without any.

    Raises:
        RunFailed: from the call: the function raised, or gave something else than one finite number for each answer.
    """

    def call(prompts: list[Any], completions: list[Any], **columns: Any) -> Any:
        try:
            return function(prompts=prompts, completions=completions, **columns)
        except (Exception, SystemExit) as error:  # whatever the user's function raises
            raise raised(name, error, prompts) from error

    async def waiting(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float | None]:
        given = call(prompts, completions, **columns)
        return values_of(name, await awaited(name, given, prompts), prompts, alone)

    def direct(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float | None]:
        return values_of(name, call(prompts, completions, **columns), prompts, alone)

    wrapper = waiting if is_async(function) else direct
    wrapper.__name__ = wrapper.__qualname__ = name
    wrapper.__doc__ = inspect.getdoc(function)
    return wrapper


async def awaited(name: str, given: Awaitable[Any], prompts: Sequence[Any]) -> Any:
    """What an asynchronous function gives in the end.

    Raises:
        RunFailed: it raised.
    """
    try:
        return await given
    except (Exception, SystemExit) as error:  # whatever the user's function raises
        raise raised(name, error, prompts) from error


def raised(name: str, error: BaseException, prompts: Sequence[Any]) -> RunFailed:
    """That a function raised, in one sentence."""
    said = " ".join(str(error).split()).rstrip(".")
    called, called_zh = "called on no row", "调用时没有数据行"
    if prompts:
        called = f"called on {len(prompts)} rows from {shown(prompts[0])}"
        called_zh = f"调用时有 {len(prompts)} 行，第一行是 {shown(prompts[0])}"
    return RunFailed(
        f"reward {name}: raised {type(error).__name__}{': ' if said else ''}{said}; {called}.",
        f"奖励函数 {name}：抛出了异常 {type(error).__name__}{': ' if said else ''}{said}；{called_zh}。",
    )


def values_of(name: str, given: Any, prompts: Sequence[Any], alone: bool) -> list[float | None]:
    """What a function gave, as one float for each answer; None where it judges an answer not.

    Raises:
        RunFailed: it gave no list, a wrong count, or something else than a finite number.
    """
    rows = f", the first to {shown(prompts[0])}" if prompts else ""
    rows_zh = f"，第一条回答的提示是 {shown(prompts[0])}" if prompts else ""
    wanted = f"expected a list of {len(prompts)} numbers, one for each completion{rows}"
    wanted_zh = f"应为 {len(prompts)} 个数的列表，每条回答一个{rows_zh}"
    if hasattr(given, "tolist"):  # an array or a tensor
        given = given.tolist()
    if given is None or isinstance(given, str | bytes | dict) or not hasattr(given, "__iter__"):
        what = "None" if given is None else f"{kind(given)} ({str(given)[:SHOWN]})"
        what_zh = "None" if given is None else f"{type(given).__name__}（{str(given)[:SHOWN]}）"
        raise RunFailed(
            f"reward {name}: returned {what}; {wanted}.", f"奖励函数 {name}：返回了 {what_zh}；{wanted_zh}。"
        )
    values = list(given)
    if len(values) != len(prompts):
        raise RunFailed(
            f"reward {name}: returned {len(values)} values for {len(prompts)} completions; {wanted}.",
            f"奖励函数 {name}：为 {len(prompts)} 条回答返回了 {len(values)} 个值；{wanted_zh}。",
        )
    return [
        value_of(name, value, row, prompt, alone)
        for row, (value, prompt) in enumerate(zip(values, prompts, strict=True))
    ]


def value_of(name: str, value: Any, row: int, prompt: Any, alone: bool) -> float | None:
    """One value as a float.

    Raises:
        RunFailed: it is no finite number; or None where no other reward judges the answer.
    """
    where, where_zh = f"for row {row} of the batch, {shown(prompt)}", f"对这一批的第 {row} 行 {shown(prompt)} "
    if value is None:
        if alone:
            raise RunFailed(
                f"reward {name}: gave None {where}; it is the only reward, so a number was expected.",
                f"奖励函数 {name}：{where_zh}给出了 None；它是唯一的奖励，所以应为数字。",
            )
        return None
    try:
        number = float("text" if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise RunFailed(
            f"reward {name}: gave {kind(value)} ({str(value)[:SHOWN]}) {where}; a number was expected.",
            f"奖励函数 {name}：{where_zh}给出了 {type(value).__name__}（{str(value)[:SHOWN]}）；应为数字。",
        ) from None
    if not math.isfinite(number):
        raise RunFailed(
            f"reward {name}: gave {number} {where}; a finite number was expected.",
            f"奖励函数 {name}：{where_zh}给出了 {number}；应为有限的数。",
        )
    return number


def kind(value: Any) -> str:
    """The type of a value with its article."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def shown(prompt: Any) -> str:
    """A prompt, shortened, in quotes."""
    text = " ".join(text_of(prompt[-1:] if isinstance(prompt, list) else prompt).split())
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")


def try_out(functions: Sequence[Callable[..., Any]], dataset: Dataset) -> None:
    """Call each watched function as TRL will, on the first rows of the data: with reference answers, and ordinary ones.

    Raises:
        BadRequest: what `watched` would end the run with.
    """
    import asyncio

    rows = list(itertools.islice(dataset, TRIAL_ROWS))
    for given in trials(rows):
        for function in functions:
            try:
                found = function(**given)
                if inspect.iscoroutine(found):
                    asyncio.run(found)
            except RunFailed as error:
                raise BadRequest(
                    f"reward_funcs: tried before the first step: {error}",
                    f"reward_funcs：在第一步之前试运行：{error.said('zh')}",
                ) from error


def trials(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The arguments of the calls on some rows: with their reference answers, and with ordinary ones."""
    from transformers import TrainerState

    prompts = [row["prompt"] for row in rows]
    ordinary = [ordinary_of(prompt) for prompt in prompts]
    references = [reference_of(row) or text for row, text in zip(rows, ordinary, strict=True)]
    return [arguments(prompts, texts, columns_of(rows), TrainerState()) for texts in (references, ordinary)]
