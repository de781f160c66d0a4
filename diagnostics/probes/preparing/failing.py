"""Finds the row at which a preparation breaks, by preparing fewer and fewer rows."""

from __future__ import annotations

from collections.abc import Callable

from diagnostics.preflight.material import Rows

Attempt = Callable[[int, int], None]
ENOUGH = 1000  # rows looked at first: most faults are in one of them


def sentence(error: BaseException) -> str:
    """An exception as one line with its kind."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def failing_row(error: BaseException, rows: Rows, attempt: Attempt, behind: int = 0) -> int | None:
    """The first row whose preparation raises the same; None where every row does, so that no one row is at fault.

    `behind`: rows that the preparation had behind it when it broke.
    """
    count, wanted = len(rows.numbers), kind_of(error)
    if count < 2 or (fails(attempt, 0, 1, wanted) and fails(attempt, count - 1, count, wanted)):
        return None
    low = behind if behind < count else 0
    high = min(low + ENOUGH, count)
    while not fails(attempt, low, high, wanted):
        if high == count:
            return None  # it breaks on all rows together, and on no part of them
        low, high = high, min(high + 10 * ENOUGH, count)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(attempt, low, middle, wanted) else (middle, high)
    return int(rows.numbers[low])


def kind_of(error: BaseException) -> str:
    """What of an error stays the same whichever rows raise it."""
    return type(error).__name__


def fails(attempt: Attempt, first: int, last: int, wanted: str) -> bool:
    """Whether preparing some rows raises an error of the same kind."""
    try:
        attempt(first, last)
    except Exception as error:
        return kind_of(error) == wanted
    return False
