"""The page on which visitors ask the shared checkpoints, and vote blindly. Three events, each looked at by the trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from dashboard.html import note
from dashboard.pages.compare.vote import CHOICE
from dashboard.sharing.limits import AT_ONCE, PROMPT_CHARACTERS, PROMPTS_A_MINUTE, TOKENS
from dashboard.sharing.trial import HOTTEST, Caller, Trial
from dashboard.texts import Words

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Both kinds of asking wait in one line.
LINE = "asking"
ASKING: dict[str, Any] = {
    "concurrency_limit": int(AT_ONCE),
    "concurrency_id": LINE,
    "trigger_mode": "once",
    **QUIET,
}


def build(trial: Trial, words: Words, hide: Callable[[str], str]) -> None:
    """Lay out the page and wire it."""
    told = words("share.try_help", characters=int(PROMPT_CHARACTERS), tokens=int(TOKENS), prompts=int(PROMPTS_A_MINUTE))
    gr.HTML(note(told))
    with gr.Row(equal_height=True):
        prompt = gr.Textbox(
            label=words("share.prompt"), max_length=int(PROMPT_CHARACTERS), scale=6, elem_id="ask-prompt"
        )
        temperature = gr.Slider(
            0, HOTTEST, value=0, step=0.05, label=words("share.temperature"), scale=2, min_width=180
        )
        ask = gr.Button(
            words("share.ask"), variant="primary", scale=1, min_width=100, elem_id="ask-go", elem_classes="low"
        )
    unchecked(prompt, temperature)
    names = list(trial.offered)
    chosen = gr.CheckboxGroup(names, value=names[:2], label=words("share.checkpoints"), elem_id="ask-checkpoints")
    unchecked(chosen)
    answers = gr.HTML(elem_id="answers")
    gr.HTML(f"<h2>{words('share.vote_title')}</h2><p>{words('share.vote_help')}</p>")
    with gr.Row(equal_height=True):
        own = gr.Textbox(label=words("share.vote_own"), max_length=int(PROMPT_CHARACTERS), scale=6, elem_id="vote-own")
        go = gr.Button(words("share.vote_next"), scale=1, min_width=140, elem_id="vote-go", elem_classes="low")
    unchecked(own)
    ballot = gr.HTML(js_on_load=CHOICE, elem_id="ballot")
    thanks = gr.HTML(elem_id="thanks", elem_classes="tight")

    def asked(prompt: Any, names: Any, temperature: Any, request: gr.Request) -> Iterator[str]:
        """The answers as they are written."""
        for made in trial.ask(caller(request), prompt, names, temperature, words):
            yield hide(made)

    def next_ballot(prompt: Any, request: gr.Request) -> Iterator[tuple[str, str]]:
        """The next ballot."""
        for made in trial.ballot(caller(request), prompt, words):
            yield hide(made), ""

    def choose(request: gr.Request, event: gr.EventData) -> tuple[Any, Any]:
        """Keep a choice."""
        said = trial.choose(caller(request), getattr(event, "choice", None), words)
        return (gr.skip(), gr.skip()) if said is None else ("", said)

    gr.on([ask.click, prompt.submit], asked, [prompt, chosen, temperature], answers, **ASKING)
    gr.on([go.click, own.submit], next_ballot, own, [ballot, own], **ASKING)
    ballot.click(choose, None, [ballot, thanks], trigger_mode="once", **QUIET)


def unchecked(*components: gr.components.Component) -> None:
    """Leave the looking at values to the trial, which says in a sentence what is wrong.

    Gradio's own look writes the value and a page of a program's places to the console, as often as a visitor likes.
    """
    for one in components:
        one.preprocess = lambda payload: payload  # type: ignore[method-assign]


def caller(request: gr.Request) -> Caller:
    """Who calls: the gate's own word for it."""
    return Caller(str(request.headers.get("x-clinic-visitor", "")), str(request.session_hash or ""))
