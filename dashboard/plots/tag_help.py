"""What a tag means, in what unit, and how it looks in a healthy run: shown while one points at its name."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.html import text
from dashboard.texts import Words
from diagnostics.metrics import Metric, metric_of
from diagnostics.metrics.words import range_words
from diagnostics.run import Run


def metrics_by_method(runs: Sequence[Run], tag: str) -> dict[str, Metric]:
    """What is known of a tag, by the method of the runs that log it."""
    methods = dict.fromkeys(run.method for run in runs if run.method and run.get(tag) is not None)
    return {method: metric for method in methods if (metric := metric_of(method, tag)) is not None}


def one_metric(runs: Sequence[Run], tag: str) -> Metric | None:
    """The metric of a tag, if all the runs that log it mean the same by it."""
    found = list(metrics_by_method(runs, tag).values())
    return found[0] if found and all(one.healthy == found[0].healthy for one in found) else None


def tag_html(tag: str, runs: Sequence[Run], place: int, words: Words) -> str:
    """The name of a tag over its plot; pointed at or focused it tells what is known of it. `place` makes its id its own."""
    known = metrics_by_method(runs, tag)
    told = {method: metric_html(metric, words) for method, metric in known.items()}
    different = dict.fromkeys(told.values())
    if not different:
        body = f"<p>{text(words('runs.tag_unknown'))}</p>"
    elif len(different) == 1:
        body = next(iter(different))
    else:
        body = "".join(f"<b>{text(method)}</b>{html}" for method, html in told.items())
    return (
        f'<h4 class="tag"><button type="button" class="tag-name" aria-describedby="tag-tip-{place}">{text(tag)}</button>'
        f'<span role="tooltip" class="tip" id="tag-tip-{place}">{body}</span></h4>'
    )


def metric_html(metric: Metric, words: Words) -> str:
    """Meaning, unit and healthy range of a metric."""
    healthy = range_words(metric.healthy, words.lang)
    return (
        f"<p>{text(metric.meaning.of(words.lang))}</p>"
        f"<p><i>{text(words('runs.tag_unit'))}</i> {text(metric.unit.of(words.lang))}</p>"
        f"<p><i>{text(words('runs.tag_healthy'))}</i> {text(healthy)}</p>"
    )
