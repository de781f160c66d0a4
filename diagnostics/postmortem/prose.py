"""What people write around a log ("the loss is zero at every step"), where the log itself says nothing more."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAN_GRADIENT = re.compile(
    r"(?:grad(?:ient)?s?[_ ]?(?:norm)?|梯度)['\"]?[^.。\n]{0,30}(?<![a-z])nan(?![a-z])"
    r"|\bnan\b[ -]?(?:in )?(?:the )?grad(?:ient)?s?\b",
    re.IGNORECASE,
)
ZERO_LOSS = re.compile(
    r"\bzero (?:training )?loss\b|\bloss\b['\"]?\s*(?:is|was|of|[:=])?\s*(?:always|constantly|stuck at|exactly)?\s*"
    r"(?:0|zero)(?:\.0+)?(?![\d.]*[1-9])\b|\b(?:0|zero) for the (?:training )?loss\b|\blosses? (?:will be|are) all 0\b"
    r"|(?:loss|损失)\S{0,6}(?:为|是|变为|变成|等于|一直)\S{0,3} ?(?:0|零)(?![\d.]*[1-9])",
    re.IGNORECASE,
)
NAN_LOSS = re.compile(
    r"(?:\bloss|损失)['\"]?[^.。\n]{0,25}(?<![a-z])nan(?![a-z])|\bnan\b[^.\n]{0,25}\bloss\b", re.IGNORECASE
)
MASKING = re.compile(r"response_template|CompletionOnly|train_on_responses_only|-100|completion_only", re.IGNORECASE)
ONLINE = re.compile(r"\bGRPO|\bRLOO|\bPPO", re.IGNORECASE)
# Longer texts are logs, whose sentences are no report.
MOST_LINES = 200


@dataclass(frozen=True)
class Told:
    """What a text tells: the rule, how sure, and the line that says it."""

    rule: str
    confidence: float
    place: int


def prose_cause(lines: tuple[str, ...]) -> Told | None:
    """The fault that a text tells of, None if it tells of none.

    A mean over no labels at all is 0 in some versions and NaN in others: a loss of both is one of masked labels. A loss of 0
    is normal in GRPO.
    """
    if len(lines) > MOST_LINES:
        return None

    def first(pattern: re.Pattern[str]) -> int | None:
        return next((place for place, line in enumerate(lines) if pattern.search(line)), None)

    gradient, zero, nan, online = first(NAN_GRADIENT), first(ZERO_LOSS), first(NAN_LOSS), first(ONLINE)
    if gradient is not None:
        return Told("loss-not-finite", 0.7, gradient)
    if zero is not None and online is None:
        return Told("labels-all-masked", 0.6 if first(MASKING) is not None else 0.5, zero)
    if nan is not None:
        return Told("loss-not-finite", 0.5, nan)
    return None
