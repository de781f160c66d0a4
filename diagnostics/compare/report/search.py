"""A bisect in words, English and Chinese, as text or as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from diagnostics.compare.bisecting.around import Around
from diagnostics.compare.bisecting.checks import Check
from diagnostics.compare.bisecting.search import BisectState, Look, Outcome
from diagnostics.compare.report.as_json import plain
from diagnostics.compare.report.as_text import table
from diagnostics.report.common import one_line
from diagnostics.report.words import Lang, in_words
from diagnostics.run.refusal import said as in_lang

SCHEMA = 1
SAID: dict[Lang, dict[str, str]] = {
    "en": {
        "found": "{broken} is the first checkpoint that fails {check}; {fine} is the last one before it that passes.",
        "broken-from-start": "{broken} fails {check} already, and there is no earlier checkpoint that passes.",
        "not-broken": "{fine}, the last checkpoint, passes {check}: nothing is broken at the end.",
        "nothing-told": "Nothing could be told of any checkpoint by {check}.",
        "between": "Nothing could be told of {places} in between: the first to fail may be among them.",
        "before": "Nothing could be told of {places} before it: the first to fail may be among them.",
        "behind": "Nothing could be told of {places} after it.",
        "odd": "The answers go back and forth: {places} contradicts this, so this is one of several places where they turn.",
        "fine": "passes", "broken": "fails", "untold": "not told", "looks": "Looked at {n} of {of} checkpoints",
        "moved": "What moved most in the log from step {after} to {until}", "curve": "curve", "score": "noise widths",
        "step": "step", "level": "level before", "value": "value", "findings": "Findings there",
        "no-findings": "No finding of the diagnosis lies there.", "no-run": "There is no run folder to read curves from.",
        "still": "No curve of the log moved there.",
    },
    "zh": {
        "found": "{broken} 是第一个未通过 {check} 的检查点；在它之前最后一个通过的是 {fine}。",
        "broken-from-start": "{broken} 已经未通过 {check}，没有更早的检查点通过。",
        "not-broken": "最后一个检查点 {fine} 通过 {check}：最终没有损坏。",
        "nothing-told": "用 {check} 无法判断任何检查点。",
        "between": "中间的 {places} 无法判断：第一个未通过的可能在其中。",
        "before": "之前的 {places} 无法判断：第一个未通过的可能在其中。",
        "behind": "之后的 {places} 无法判断。",
        "odd": "回答来回变化：{places} 与此矛盾，因此这只是若干转折点之一。",
        "fine": "通过", "broken": "未通过", "untold": "无法判断", "looks": "查看了 {of} 个检查点中的 {n} 个",
        "moved": "日志中第 {after} 步到第 {until} 步变化最大的曲线", "curve": "曲线", "score": "噪声宽度",
        "step": "步", "level": "之前的水平", "value": "值", "findings": "该处的诊断结果",
        "no-findings": "该处没有诊断结果。", "no-run": "没有可读取曲线的运行文件夹。", "still": "日志中没有曲线在该处变化。",
    },
}  # fmt: skip


def sentences(state: BisectState, outcome: Outcome, check: Check, lang: Lang) -> list[str]:
    """What was found, and what makes it less certain."""
    said = SAID[lang]

    def names(places: Sequence[int]) -> str:
        return ("、" if lang == "zh" else ", ").join(one_line(state.names[place]) for place in places)

    broken, fine = ([] if one is None else [one] for one in (outcome.broken, outcome.fine))
    told = [said[outcome.kind].format(broken=names(broken), fine=names(fine), check=one_line(check))]
    where = {"found": "between", "broken-from-start": "before", "not-broken": "behind"}.get(outcome.kind)
    if outcome.between and where:
        told.append(said[where].format(places=names(outcome.between)))
    if outcome.odd:
        told.append(said["odd"].format(places=names(outcome.odd)))
    return told


def word(look: Look, lang: Lang) -> str:
    """A look's verdict."""
    return SAID[lang]["untold" if look.looked.broken is None else "broken" if look.looked.broken else "fine"]


def as_text(state: BisectState, outcome: Outcome, check: Check, there: Around | None, lang: Lang) -> str:
    """The search as text."""
    said = SAID[lang]
    parts = [*sentences(state, outcome, check, lang), "", said["looks"].format(n=len(state.looks), of=len(state.names))]
    parts += table(
        [
            [one_line(state.names[one.place]), word(one, lang), one_line(in_lang(one.looked.why, lang)), one_line(one.looked.text)[:80]]
            for one in sorted(state.looks, key=lambda one: one.place)
        ]
    ) if state.looks else []  # fmt: skip
    if there is None:
        return "\n".join([*parts, "", said["no-run"]] if outcome.kind == "found" else parts) + "\n"
    parts += ["", said["moved"].format(after=there.after, until=there.until)]
    rows = [
        [one_line(one.tag), f"{one.score:.1f}", str(one.step), f"{one.level:.4g}", f"{one.value:.4g}"]
        for one in there.moved
    ]
    heads = [said[name] for name in ("curve", "score", "step", "level", "value")]
    parts += table([heads, *rows]) if rows else [f"  {said['still']}"]
    parts += ["", said["findings"]] if there.findings else ["", said["no-findings"]]
    parts += [f"  {one.rule}: {one_line(in_words(one, lang).summary)}" for one in there.findings]
    return "\n".join(parts) + "\n"


def as_json(state: BisectState, outcome: Outcome, check: Check, there: Around | None, lang: Lang) -> str:
    """The search as one JSON object; places are told by the checkpoints' names."""

    def name(place: int | None) -> str | None:
        return None if place is None else state.names[place]

    told: dict[str, Any] = {
        "schema": SCHEMA,
        "check": str(check),
        "outcome": outcome.kind,
        "broken": name(outcome.broken),
        "fine": name(outcome.fine),
        "between": [name(one) for one in outcome.between],
        "contradicting": [name(one) for one in outcome.odd],
        "said": sentences(state, outcome, check, lang),
        "checkpoints": list(state.names),
        "looks": [
            {
                "checkpoint": name(one.place),
                "broken": one.looked.broken,
                "why": in_lang(one.looked.why, lang),
                "text": one.looked.text,
            }
            for one in state.looks
        ],
        "around": None
        if there is None
        else {
            "after": there.after,
            "until": there.until,
            "moved": [asdict(one) for one in there.moved],
            "findings": [
                {"rule": one.rule, "severity": one.severity, "first_step": one.first_step, "last_step": one.last_step}
                for one in there.findings
            ],
            "unjudged": there.unjudged,
        },
    }
    return json.dumps(plain(told), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


FORMATS = {"text": as_text, "json": as_json}
