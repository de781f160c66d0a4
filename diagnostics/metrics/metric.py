"""What is to be known of one tag: its unit, what it means, how it looks in a healthy run, which rules judge it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from diagnostics.finding import Limit

Lang = Literal["en", "zh"]


@dataclass(frozen=True)
class Text:
    """The same in English and in Chinese."""

    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        """The text in one language."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Healthy:
    """How a metric looks in a healthy run.

    `low` and `high` are thresholds of the rules that judge the metric, the very objects, so that no number stands in two
    places; None where no rule has one. `watch` says what to look at; where there is no number, it is all there is.
    """

    watch: Text
    low: Limit | None = None
    high: Limit | None = None

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Its numbers, the upper first."""
        return tuple(one for one in (self.high, self.low) if one is not None)


@dataclass(frozen=True)
class Metric:
    """One tag as a trainer logs it, without its `train/` or `eval/`. `NAME` in it stands for any name.

    `source`: the file that logs it. `rules`: the names of the rules whose verdict rests on it.
    """

    tag: str
    unit: Text
    meaning: Text
    healthy: Healthy
    source: str
    rules: tuple[str, ...] = ()

    def matches(self, name: str) -> bool:
        """Whether a tag without its prefix is this metric's."""
        pattern = re.escape(self.tag).replace("NAME", ".+")
        return re.fullmatch(pattern, name) is not None


def watch(en: str, zh: str) -> Healthy:
    """No fixed range: only what to watch."""
    return Healthy(Text(en, zh))


def within(low: Limit | None, high: Limit | None, en: str, zh: str) -> Healthy:
    """A range between thresholds of rules, and what to watch beside it."""
    return Healthy(Text(en, zh), low, high)
