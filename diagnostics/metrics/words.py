"""The healthy range of a metric in words, for the methods' pages and the dashboard."""

from __future__ import annotations

from diagnostics.metrics.metric import Healthy, Lang

RANGES: dict[Lang, dict[str, str]] = {
    "en": {
        "free": "no fixed range: ",
        "below": "below {high:g}: ",
        "above": "above {low:g}: ",
        "between": "{low:g} to {high:g}: ",
    },
    "zh": {
        "free": "没有固定范围：",
        "below": "低于 {high:g}：",
        "above": "高于 {low:g}：",
        "between": "{low:g} 到 {high:g}：",
    },
}


def range_words(healthy: Healthy, lang: Lang) -> str:
    """How a metric looks in a healthy run: its range, and what to watch."""
    low, high = healthy.low, healthy.high
    kind = (
        "free" if low is None and high is None else "below" if low is None else "above" if high is None else "between"
    )
    return RANGES[lang][kind].format(low=low, high=high) + healthy.watch.of(lang)
