"""Bisect: the first checkpoint of a run at which an answer fails a check, in log2(N) looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from dashboard.clinic import Clinic
from dashboard.compare.bisecting import (
    CURVES,
    KINDS,
    Search,
    around_figures,
    around_html,
    new_search,
    search_html,
    source_at,
    stretch,
)
from dashboard.compare.comparison import Question
from dashboard.compare.timeline import runs_with_checkpoints
from dashboard.html import note
from dashboard.pages.compare.shared import QUIET, STREAMS, Shared
from dashboard.texts import Words
from diagnostics.compare.bisecting.checks import CheckUnusable, Looked
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.writers import answer_rows
from diagnostics.run.refusal import said


def build(clinic: Clinic, words: Words, shared: Shared) -> list[Any]:
    """Lay out the tab and wire it. Returns what is to happen when the page is opened, and what it fills."""
    with gr.Row(equal_height=True):
        run = gr.Dropdown(label=words("time.run"), elem_id="bisect-run", scale=2)
        prompt = gr.Textbox(label=words("compare.prompt"), lines=1, scale=5, elem_id="bisect-prompt")
    with gr.Row(equal_height=True):
        kind = gr.Dropdown(
            [(words(f"bisect.kind_{one}"), one) for one in KINDS],
            value="matches",
            label=words("bisect.kind"),
            elem_id="bisect-kind",
            scale=2,
        )
        what = gr.Textbox(
            label=words("bisect.what_matches"), lines=1, scale=4, elem_id="bisect-what", placeholder="order [A-Z][0-9]+"
        )
        judge = gr.Textbox(
            label=words("bisect.judge"), placeholder="http://127.0.0.1:8000/v1#model", lines=1, scale=3, visible=False
        )
        go = gr.Button(
            words("bisect.go"), variant="primary", min_width=120, scale=1, elem_id="bisect-go", elem_classes="low"
        )
        stop = gr.Button(words("compare.stop"), min_width=90, scale=1, elem_classes="low")
    view = gr.HTML(note(words("bisect.help")), elem_id="bisect-view")
    with gr.Row(visible=False, elem_id="bisect-eye") as eye:
        fine = gr.Button(words("bisect.say_fine"), elem_id="bisect-fine")
        bad = gr.Button(words("bisect.say_bad"), elem_id="bisect-bad")
        untold = gr.Button(words("bisect.say_untold"))
    found = gr.HTML(elem_id="bisect-found")
    with gr.Row(elem_classes="plots"):
        plots = [gr.Plot(show_label=False, visible=False, min_width=380) for _ in range(CURVES)]
    search = gr.State(None)
    pending = gr.State(None)
    clear: tuple[Any, ...] = ("", *([gr.update(visible=False)] * CURVES))
    same: tuple[Any, ...] = tuple(gr.skip() for _ in range(CURVES + 1))

    def begin(
        name: str | None,
        prompt: str,
        kind: str,
        what: str,
        judge: str,
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
    ) -> Iterator[tuple[Any, ...]]:
        """A new search, as far as it goes without a person."""
        question = Question([], prompt, system, seed, temperature, top_p, budget)
        try:
            made = new_search(clinic, name, kind, what, judge, question, words)
        except CheckUnusable as error:
            yield note(said(error, words.lang), "error"), gr.update(visible=False), None, None, *clear
            return
        yield from go_on(made)

    def go_on(search: Search) -> Iterator[tuple[Any, ...]]:
        """Look at one checkpoint after the other; with one's own eye, up to the next answer."""
        hidden = gr.update(visible=False)
        yield search_html(search, words), hidden, search, None, *clear
        while (place := search.state.next()) is not None:
            source = source_at(clinic, search, place)
            pane: Pane | None = None
            if source is not None:
                for (pane,) in answer_rows(clinic.pool, search.question.rows([source])):
                    yield search_html(search, words, place, pane), hidden, search, None, *same
            if pane is None:
                looked = Looked(None, "", words("compare.gone", name=search.state.names[place]))
            elif search.check.kind == "eye" and pane.state == "done":
                yield search_html(search, words, place, pane), gr.update(visible=True), search, pane, *same
                return
            else:
                try:
                    looked = Looked(None, "", pane.error) if pane.error else search.judged(pane)
                except CheckUnusable as error:
                    yield note(said(error, words.lang), "error"), hidden, None, None, *clear
                    return
            search = replace(search, state=search.state.told(looked))
            yield search_html(search, words), hidden, search, None, *same
        yield search_html(search, words), hidden, search, None, *at_the_end(search)

    def at_the_end(search: Search) -> tuple[Any, ...]:
        """The findings and curves around the step that was found."""
        lies = stretch(clinic, search)
        if lies is None:
            return clear
        figures = [gr.update(value=one, visible=True) for one in around_figures(*lies, words)]
        diagnose = shared.addresses.href("diagnose", words.lang)
        return around_html(*lies, words, diagnose), *figures, *[gr.update(visible=False)] * (CURVES - len(figures))

    def say(search: Search | None, pane: Pane | None, broken: bool | None) -> Iterator[tuple[Any, ...]]:
        """What a person says of the answer, then on to the next."""
        if search is None or pane is None or search.state.next() is None:
            return
        looked = Looked(broken, pane.text, words("bisect.by_eye"))
        yield from go_on(replace(search, state=search.state.told(looked)))

    def said_fine(search: Search | None, pane: Pane | None) -> Iterator[tuple[Any, ...]]:
        yield from say(search, pane, False)

    def said_bad(search: Search | None, pane: Pane | None) -> Iterator[tuple[Any, ...]]:
        yield from say(search, pane, True)

    def said_untold(search: Search | None, pane: Pane | None) -> Iterator[tuple[Any, ...]]:
        yield from say(search, pane, None)

    filled: dict[str, Any] = {
        "outputs": [view, eye, search, pending, found, *plots],
        "concurrency_limit": STREAMS,
        **QUIET,
    }
    searching = gr.on(
        [go.click, prompt.submit, what.submit],
        begin,
        [run, prompt, kind, what, judge, *shared.sampling],
        trigger_mode="once",
        **filled,
    )
    sayings = [
        button.click(said, [search, pending], trigger_mode="once", **filled)
        for button, said in ((fine, said_fine), (bad, said_bad), (untold, said_untold))
    ]
    stop.click(lambda: gr.update(visible=False), outputs=eye, cancels=[searching, *sayings], **QUIET)

    def fields(kind: str) -> tuple[Any, ...]:
        """The fields that a kind of check needs."""
        return (
            gr.update(
                visible=kind != "eye", label=words(f"bisect.what_{kind}" if kind != "eye" else "bisect.kind_eye")
            ),
            gr.update(visible=kind == "judge"),
        )

    kind.change(fields, kind, [what, judge], **QUIET)

    def look(now: str | None) -> Any:
        names = runs_with_checkpoints(clinic)
        return gr.update(choices=names, value=now if now in names else (names[-1] if names else None))

    shared.signature.change(look, run, run, **QUIET)

    def from_address(request: gr.Request) -> tuple[Any, ...]:
        """The run and the prompt that the address names."""
        query = request.query_params
        return look(query.get("run")), query["prompt"] if "prompt" in query else gr.skip()

    return [(from_address, [run, prompt])]
