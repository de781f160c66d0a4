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
# What is denied is not told: `no NaN found`, `loss is not nan`.
DENIED = re.compile(
    r"(?i)\b(?:no|not|never|isn't|without|neither)\b[^.\n]{0,12}\bnan\b|(?:没有|不是|无)[^。\n]{0,6}nan"
)
MEMORY = re.compile(
    r"\bOOM(?:s|ed|ing)?\b|\bout of (?:gpu |cuda |video )?memory\b|显存(?:不足|不够|溢出|爆|耗尽)|爆显存|[Vv]RAM[^.\n]{0,30}(?:full|exceed)"
)
HANGS = re.compile(
    r"(?i)\bNCCL\b[^.\n]{0,30}\b(?:time(?:d)? ?-?out|hang|stuck)|\b(?:hang|stuck)\w*\b[^.\n]{0,60}\bNCCL\b|NCCL[^。\n]{0,20}(?:超时|卡住)"
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

    `lines`: "" where a log row stood. A mean over no labels at all is 0 in some versions and NaN in others: a loss of both is one of masked labels. A loss of 0
    is normal in GRPO.
    """
    if len(lines) > MOST_LINES:
        return None

    def first(pattern: re.Pattern[str]) -> int | None:
        return next((at for at, line in enumerate(lines) if pattern.search(line) and not DENIED.search(line)), None)

    memory, hangs = first(MEMORY), first(HANGS)
    gradient, zero, nan, online = first(NAN_GRADIENT), first(ZERO_LOSS), first(NAN_LOSS), first(ONLINE)
    if gradient is not None:
        return Told("loss-not-finite", 0.7, gradient)
    if zero is not None and online is None:
        return Told("labels-all-masked", 0.6 if first(MASKING) is not None else 0.5, zero)
    if nan is not None:
        return Told("loss-not-finite", 0.5, nan)
    if not all(lines):
        return None  # a run that logged rows and speaks of memory may have been spared
    if memory is not None:
        return Told("out-of-memory", 0.5, memory)
    if hangs is not None:
        return Told("collective-timeout", 0.5, hangs)
    return None
