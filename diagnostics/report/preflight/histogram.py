"""The lengths of a part's sequences as an inline SVG histogram, with `max_length` on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.report.markup import text
from diagnostics.report.preflight.labels import LABELS
from diagnostics.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, place, value_tick
from diagnostics.report.words import Lang


def histogram(one: Mapping[str, Any], limit: int | None, lang: Lang) -> str:
    """Bars of the lengths; those beyond the limit stand out, and the limit is a line with its number."""
    label = LABELS[lang]
    edges, counts = one["edges"], one["counts"]
    end = max(edges[-1], 1.05 * limit if limit is not None and limit <= 2 * edges[-1] else 0)
    across = Axis(0.0, float(end), LEFT, WIDTH - RIGHT)
    up = Axis(0.0, float(max(counts) or 1), HEIGHT - BOTTOM, TOP)
    title = f"{label['lengths']} · {label['part_' + one['part']]}"
    parts = [f'<text class="title" x="4" y="14">{text(title)}</text>']
    parts += [value_tick(up, *tick) for tick in up.ticks(4, whole=True)]
    parts += [
        f'<path class="tick" d="M{place(across(at))},{HEIGHT - BOTTOM}v4"/>'
        f'<text x="{place(across(at))}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{says}</text>'
        for at, says in across.ticks(6, whole=True)
    ]
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            left, right, y = across(low), across(high), up(count)
            beyond = " beyond" if limit is not None and low > limit else ""
            tip = f"{low:,.0f}-{high - 1:,.0f}: {count:,}"
            parts.append(
                f'<rect class="column{beyond}" x="{place(left)}" y="{place(y)}" width="{place(max(1.0, right - left - 1))}" '
                f'height="{place(HEIGHT - BOTTOM - y)}"><title>{text(tip)}</title></rect>'
            )
    parts.append(f'<path class="axis" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    named = title
    if limit is not None:
        says = label["limit"].format(n=limit)
        named = f"{title}, {says}"
        if limit <= end:
            x = across(float(limit))
            anchor = "end" if x > WIDTH * 0.6 else "start"
            parts.append(f'<path class="mark" d="M{place(x)},{TOP - 4}V{HEIGHT - BOTTOM}"/>')
            parts.append(f'<text class="warn" x="{place(x)}" y="{TOP - 8}" text-anchor="{anchor}">{text(says)}</text>')
        else:
            parts.append(f'<text x="{WIDTH - RIGHT}" y="{TOP - 8}" text-anchor="end">{text(says)} →</text>')
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(named)}">{"".join(parts)}</svg>'
    )
