"""Learn: the course of seven days, done in the other pages and checked by what they leave in the runs folder."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.learn.course import BY_KEY, DAYS, EXERCISES, Exercise
from dashboard.learn.progress import acted, answered, look_at_all, read
from dashboard.learn.view import choices, day_html, exercise_html, head_html, shown_html
from dashboard.pages.beat import beat, drawn
from dashboard.pages.header import header
from dashboard.texts import Words

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# An exercise takes minutes: nobody waits for its tick.
LOOK_SECONDS = 3.0


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    header("learn", words, addresses)
    gr.Markdown(words("course.intro"), elem_classes="tight")
    head = gr.HTML(elem_id="course-head", padding=False)
    told: dict[str, Any] = {}
    said: dict[str, Any] = {}
    pulse = beat(lambda of: clinic.signature(), lambda: LOOK_SECONDS)
    for day in DAYS:
        gr.HTML(day_html(day, words), elem_classes="tight", padding=False)
        for one in (each for each in EXERCISES if each.day == day):
            told[one.key] = gr.HTML(elem_id=f"exercise-{one.key}", padding=False)
            asking(one, clinic, words, said, head, told, addresses)
    shown = [head, *told.values(), *(said[one.key] for one in EXERCISES if one.look is not None), pulse]

    def all_of_it() -> list[Any]:
        """The whole course as it stands."""
        state = clinic.signature()
        progress, found = look_at_all(clinic)
        return [
            head_html(progress, words),
            *(exercise_html(BY_KEY[key], progress, words, addresses) for key in told),
            *(shown_html(one, found[one.key], words) for one in EXERCISES if one.look is not None),
            drawn(state),
        ]

    pulse.changed(all_of_it, outputs=shown, trigger_mode="once", **QUIET)
    return [(all_of_it, shown)]


def asking(
    one: Exercise,
    clinic: Clinic,
    words: Words,
    said: dict[str, Any],
    head: Any,
    told: dict[str, Any],
    addresses: Addresses,
) -> None:
    """The part of an exercise that answers: a question, a button that tries it, or what the runs show."""

    def after(shown: Any) -> tuple[str, str, str]:
        progress = read(clinic.root)
        return (
            shown_html(one, shown, words),
            head_html(progress, words),
            exercise_html(one, progress, words, addresses),
        )

    if one.question is not None:
        with gr.Row(elem_classes="course-question"):
            choice = gr.Radio(
                choices(one, words), label=words(f"course.{one.key}.question"), scale=4, elem_id=f"answer-{one.key}"
            )
            button = gr.Button(words("course.answer"), size="sm", scale=1, min_width=120, elem_id=f"check-{one.key}")
        said[one.key] = gr.HTML(elem_id=f"shown-{one.key}", padding=False)
        button.click(
            lambda value: after(answered(clinic, one, value)), choice, [said[one.key], head, told[one.key]], **QUIET
        )
    elif one.act is not None:
        button = gr.Button(words(f"course.{one.key}.act"), size="sm", elem_id=f"check-{one.key}")
        said[one.key] = gr.HTML(elem_id=f"shown-{one.key}", padding=False)
        working = (note(words("course.working")), gr.update(interactive=False))
        button.click(lambda: working, outputs=[said[one.key], button], trigger_mode="once", **QUIET).then(
            lambda: after(acted(clinic, one)), outputs=[said[one.key], head, told[one.key]], **QUIET
        ).then(lambda: gr.update(interactive=True), outputs=button, **QUIET)
    else:
        said[one.key] = gr.HTML(elem_id=f"shown-{one.key}", padding=False)
