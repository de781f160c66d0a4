"""An exercise of the course in HTML: its aim, its steps, where it is done, what its check saw."""

from __future__ import annotations

import re

from dashboard.addresses import Addresses
from dashboard.html import bar, link, note, text
from dashboard.learn.course import DAYS, EXERCISES, Exercise, Shown
from dashboard.learn.progress import Progress
from dashboard.texts import TEXTS, Words

COMMON = ("right", "wrong", "too_early", "choose")


def head_html(progress: Progress, words: Words) -> str:
    """How far the course is, and the days with what is done of each."""
    days = []
    for day in DAYS:
        own = [one for one in EXERCISES if one.day == day]
        ticked = sum(one.key in progress.done for one in own)
        mark = "✓" if ticked == len(own) else f"{ticked}/{len(own)}"
        days.append(f'<li><a href="#day-{day}">{text(words("course.day", day=day))}</a> <small>{mark}</small></li>')
    share = progress.count / len(EXERCISES)
    count = words("course.count", done=progress.count, all=len(EXERCISES))
    head = f'<div class="course-head">{bar(share)} {text(count)}<ol class="course-days">{"".join(days)}</ol></div>'
    return head + unkept_html(progress.unkept, words)


def unkept_html(reason: object, words: Words) -> str:
    """That a tick could not be written, and why; nothing if it could."""
    return note(words("course.unkept", reason=reason), "error") if reason else ""


def day_html(day: int, words: Words) -> str:
    """The heading of a day."""
    return f'<h2 id="day-{day}">{text(words("course.day", day=day))}: {text(words(f"course.day{day}"))}</h2>'


def exercise_html(one: Exercise, progress: Progress, words: Words, addresses: Addresses) -> str:
    """One exercise: ticked or not, its aim, the steps, the links to the pages."""
    done = one.key in progress.done
    mark = f'<span class="tick" role="img" aria-label="{text(words("course.done" if done else "course.open"))}">{"✓" if done else "○"}</span>'
    steps = words(f"course.{one.key}.steps").splitlines()
    told = "".join(f"<li>{with_code(step)}</li>" for step in steps)
    goes = " · ".join(
        link(addresses.href(page, words.lang), text(words(f"nav.{page}")), **query) for page, query in one.goes
    )
    where = f'<p class="quiet">{text(words("course.where"))} {goes}</p>' if goes else ""
    return (
        f'<div class="exercise{" exercise-done" if done else ""}"><h3>{mark} {text(words(f"course.{one.key}"))}</h3>'
        f"<p><b>{text(words('course.aim'))}</b> {text(words(f'course.{one.key}.aim'))}</p><ol>{told}</ol>{where}</div>"
    )


def with_code(step: str) -> str:
    """A step in HTML: what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(step))


def shown_html(one: Exercise, shown: Shown | None, words: Words) -> str:
    """What the check saw, in a sentence."""
    if shown is None:
        return ""
    key = f"course.shown.{shown.key}" if shown.key in COMMON else f"course.{one.key}.{shown.key}"
    if key not in TEXTS:
        key = "course.shown.state"
    said = words(key, **{"state": words_of_state(shown.key, words), **shown.facts})
    more = f" {words(f'course.{one.key}.why')}" if shown.done and f"course.{one.key}.why" in TEXTS else ""
    return note(said + more, "good" if shown.done else "plain") + unkept_html(shown.facts.get("unkept"), words)


def words_of_state(key: str, words: Words) -> str:
    """A run's state in words; the key itself where it is none."""
    return words(f"state.{key}") if f"state.{key}" in TEXTS else key


def choices(one: Exercise, words: Words) -> list[tuple[str, str]]:
    """The answers to choose from; a run's or a rule's own name is its own words."""
    keys = one.question.choices if one.question is not None else ()
    return [(words(key) if (key := f"course.{one.key}.{each}") in TEXTS else each, each) for each in keys]
