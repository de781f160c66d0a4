"""The page on which visitors ask the shared checkpoints, and vote blindly. Three events, each looked at by the trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from dashboard.html import note, text
from dashboard.pages.compare.vote import CHOICE
from dashboard.sharing.limits import AT_ONCE, PROMPT_CHARACTERS, PROMPTS_A_MINUTE, TOKENS
from dashboard.sharing.trial import HOTTEST, Beside, Caller, Trial
from dashboard.texts import Words

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Writes the prompt that was clicked into the field, as if it had been typed.
TAKE = """
element.addEventListener('click', event => {
  const button = event.target.closest('[data-prompt]'), field = document.querySelector('#ask-prompt textarea, #ask-prompt input');
  if (!button || !field) return;
  const kind = field.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(field, button.textContent);
  field.dispatchEvent(new Event('input', {bubbles: true}));
  field.focus();
});
"""
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
        stop = gr.Button(words("share.halt"), scale=1, min_width=100, elem_id="ask-stop", elem_classes="low")
    # Filled in by the browser: it needs no event of the server.
    gr.HTML(hide(examples_html(trial.examples(), words)), js_on_load=TAKE, elem_id="ask-examples")
    names = list(trial.offered)
    chosen = gr.CheckboxGroup(names, value=names[:2], label=words("share.checkpoints"), elem_id="ask-checkpoints")
    unchecked(prompt, temperature, chosen)
    refused = gr.HTML(elem_id="ask-told", elem_classes="tight")
    answers = gr.HTML(elem_id="answers")
    gr.HTML(f"<h2>{words('share.vote_title')}</h2><p>{words('share.vote_help')}</p>")
    with gr.Row(equal_height=True):
        own = gr.Textbox(label=words("share.vote_own"), max_length=int(PROMPT_CHARACTERS), scale=6, elem_id="vote-own")
        go = gr.Button(words("share.vote_next"), scale=1, min_width=140, elem_id="vote-go", elem_classes="low")
    unchecked(own)
    ballot = gr.HTML(js_on_load=CHOICE, elem_id="ballot")
    thanks = gr.HTML(elem_id="thanks", elem_classes="tight")

    def asked(prompt: Any, names: Any, temperature: Any, request: gr.Request) -> Iterator[tuple[Any, str]]:
        """The answers as they are written; a refusal leaves the last ones."""
        for made in trial.ask(caller(request), prompt, names, temperature, words):
            yield (gr.skip(), hide(made)) if isinstance(made, Beside) else (hide(made), "")

    def next_ballot(prompt: Any, request: gr.Request) -> Iterator[tuple[Any, Any, str]]:
        """The next ballot; a refusal leaves the one that is open, and what was written."""
        for made in trial.ballot(caller(request), prompt, words):
            yield (gr.skip(), gr.skip(), hide(made)) if isinstance(made, Beside) else (hide(made), "", "")

    def choose(request: gr.Request, event: gr.EventData) -> tuple[Any, Any]:
        """Keep a choice."""
        said = trial.choose(caller(request), getattr(event, "choice", None), words)
        return (gr.skip(), gr.skip()) if said is None else ("", said)

    asking = gr.on([ask.click, prompt.submit], asked, [prompt, chosen, temperature], [answers, refused], **ASKING)
    stop.click(None, cancels=[asking])
    gr.on([go.click, own.submit], next_ballot, own, [ballot, own, thanks], **ASKING)
    ballot.click(choose, None, [ballot, thanks], trigger_mode="once", **QUIET)


def examples_html(prompts: Sequence[str], words: Words) -> str:
    """The prompts to start from, a button each; nothing if there is none."""
    if not prompts:
        return ""
    each = "".join(f'<button type="button" class="choice" data-prompt>{text(one)}</button>' for one in prompts)
    return f'<p class="quiet">{text(words("share.examples"))}</p><div class="choices">{each}</div>'


def unchecked(*components: gr.components.Component) -> None:
    """Leave the looking at values to the trial, which says in a sentence what is wrong.

    Gradio's own look writes the value and a page of a program's places to the console, as often as a visitor likes.
    """
    for one in components:
        one.preprocess = lambda payload: payload  # type: ignore[method-assign]


def caller(request: gr.Request) -> Caller:
    """Who calls: the gate's own word for it."""
    return Caller(str(request.headers.get("x-clinic-visitor", "")), str(request.session_hash or ""))
