"""The pictures of the memory report as inline SVG: the bill as a stacked bar, the timeline with its phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnostics.report.markup import text
from diagnostics.report.memory.contents import GIB, sized
from diagnostics.report.memory.labels import LABELS, phase_name
from diagnostics.report.svg import BOTTOM, LEFT, RIGHT, WIDTH, Axis, place, value_tick
from diagnostics.report.words import Lang

BAR_TOP, BAR_HEIGHT = 8, 34
LEAST_LETTERS = 64  # width of a piece in which its name can stand
MOST_MARKS = 14
CLOSE = 12  # a phase's name nearer than this to the one before would cover it
TALL, HEAD = 280, 112  # height of the timeline, and its part above the picture, where the phases' names stand


def bill_bar(rows: Sequence[Mapping[str, Any]], device: int | None, lang: Lang) -> str:
    """The bill as one bar, a piece a line; the device's memory is a mark, and the bar runs past it where it does not fit."""
    label = LABELS[lang]
    total = sum(row["bytes"] for row in rows)
    end = max(total, device or 0) * 1.02 or 1
    across = Axis(0.0, float(end), 2.0, WIDTH - 2.0)
    parts, at = [], 0
    for row in rows:
        left, right = across(at), across(at + row["bytes"])
        at += row["bytes"]
        name, size = label[row["line"]], sized(row["bytes"])
        parts.append(
            f'<rect class="bill bill-{text(row["line"])}" x="{place(left)}" y="{BAR_TOP}" '
            f'width="{place(max(0.5, right - left))}" height="{BAR_HEIGHT}"><title>{text(name)} {text(size)}</title></rect>'
        )
        if right - left > LEAST_LETTERS and len(name) * 6.5 < right - left:
            parts.append(f'<text class="on-bill" x="{place(left + 4)}" y="{BAR_TOP + 21}">{text(name)}</text>')
    if device is not None:
        x = across(float(device))
        anchor = "end" if x > WIDTH / 2 else "start"
        bottom = BAR_TOP + BAR_HEIGHT
        parts.append(f'<path class="mark" d="M{place(x)},{BAR_TOP - 6}V{bottom + 6}"/>')
        parts.append(
            f'<text class="warn" x="{place(x)}" y="{bottom + 18}" text-anchor="{anchor}">'
            f"{text(label['device'])} {text(sized(device))}</text>"
        )
    named = f"{label['bill']}: {sized(total)}"
    return f'<svg class="plot" viewBox="0 0 {WIDTH} 66" role="img" aria-label="{text(named)}">{"".join(parts)}</svg>'


def timeline(whole: Mapping[str, Any], lang: Lang) -> str:
    """Allocated memory over the trace, with the phases' beginnings and the device's memory as lines; "" without a trace."""
    line, device = whole["timeline"], whole["device"]
    if len(line["at"]) < 2:
        return ""
    label = LABELS[lang]
    most = max(line["allocated"]) / GIB
    limit = (device["bytes"] - whole["peak"]["context"]) / GIB if device else None
    top = max(most, limit if limit is not None and limit < 2 * most else 0) * 1.05 or 1
    across = Axis(float(line["at"][0]), float(max(line["at"][-1], line["at"][0] + 1)), LEFT, WIDTH - RIGHT)
    up = Axis(0.0, top, TALL - BOTTOM, HEAD)
    parts = [f'<text class="title" x="4" y="14">{text(label["timeline"])} (GiB)</text>']
    parts += [value_tick(up, *tick) for tick in up.ticks(5)]
    points = [
        f"{place(across(at))},{place(up(size / GIB))}" for at, size in zip(line["at"], line["allocated"], strict=True)
    ]
    floor = place(up(0.0))
    parts.append(
        f'<path class="area" d="M{place(across(line["at"][0]))},{floor}L{"L".join(points)}'
        f'L{place(across(line["at"][-1]))},{floor}Z"/><path class="curve" d="M{"L".join(points)}"/>'
    )
    last = -float(CLOSE)
    for at, phase in line["marks"][:MOST_MARKS]:
        x = across(float(at))
        parts.append(f'<path class="phase" d="M{place(x)},{HEAD}V{TALL - BOTTOM}"/>')
        if x - last >= CLOSE:  # upright above the picture: a name lies on no other, and on no curve
            last = x
            turned = f'transform="rotate(-90 {place(x + 4)} {HEAD - 5})"'
            parts.append(f'<text x="{place(x + 4)}" y="{HEAD - 5}" {turned}>{text(phase_name(lang, phase))}</text>')
    if limit is not None and 0 < limit <= top:
        y = place(up(limit))
        parts.append(f'<path class="mark" d="M{LEFT},{y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="warn" x="{WIDTH - RIGHT}" y="14" text-anchor="end">{text(label["device"])}</text>')
    parts.append(f'<path class="axis" d="M{LEFT},{HEAD}V{TALL - BOTTOM}H{WIDTH - RIGHT}"/>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{TALL - 8}" text-anchor="end">{text(label["timeline_axis"])}</text>')
    named = f"{label['timeline']}, {label['peak']} {sized(max(line['allocated']))}"
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {TALL}" role="img" aria-label="{text(named)}">{"".join(parts)}</svg>'
    )
