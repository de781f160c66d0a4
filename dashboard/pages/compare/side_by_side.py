"""Side by side: all chosen sources answer the same prompt at once, and what differs between their answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dashboard.clinic import Clinic
from dashboard.compare.comparison import Question, Talk, base_choice, named, rewards_of, verdict_html
from dashboard.compare.diff_view import changes_html
from dashboard.compare.heat_view import heat_html
from dashboard.compare.identity_view import identities_html, twins, twins_html
from dashboard.compare.pane_scores import answers_asked, prompt_asked, scorers_asked, scores_html
from dashboard.compare.panes_view import panes_html
from dashboard.compare.prompt_sets import reward_of
from dashboard.compare.sampling_grid import grid_html, read_grid
from dashboard.html import note
from dashboard.pages.compare.shared import QUIET, STREAMS, Shared
from dashboard.plots.curves import score_figure
from dashboard.texts import Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.proof import prove
from diagnostics.compare.models.sources import Source
from diagnostics.compare.models.writers import answer_rows, token_scores
from diagnostics.compare.scoring.scorers import ScorerUnusable, score
from diagnostics.run.refusal import said

# What is kept of the last answers for the views below them: the panes, and the question they answer.
Last = tuple[tuple[Pane, ...], Question] | None
# The address follows the question, so that it can be sent to somebody.
FOLLOW = """(prompt, names, base, ...rest) => {
  const address = new URL(location);
  address.searchParams.set('checkpoints', names.join(','));
  address.searchParams.set('prompt', prompt);
  base ? address.searchParams.set('base', base) : address.searchParams.delete('base');
  history.replaceState(history.state, '', address);
  return [prompt, names, base, ...rest];
}"""


def build(clinic: Clinic, words: Words, shared: Shared) -> list[Any]:
    """Lay out the tab and wire it. Returns what is to happen when the page is opened, and what it fills."""
    # The answer to the page's question stands first, before anything is asked.
    verdict = gr.HTML(elem_id="verdict")
    with gr.Row(equal_height=True):
        prompt = gr.Textbox(
            label=words("compare.prompt"),
            placeholder=words("compare.prompt_hint"),
            lines=2,
            scale=6,
            min_width=220,
            elem_id="prompt",
        )
        with gr.Column(scale=1, min_width=140):
            go = gr.Button(words("compare.go"), variant="primary", elem_id="go")
            stop = gr.Button(words("compare.stop"), elem_id="stop")
    with gr.Row(equal_height=True, elem_classes="tight"):
        talking = gr.Checkbox(label=words("compare.keep_talking"), container=False, scale=6, elem_id="talking")
        fresh = gr.Button(words("compare.new_talk"), size="sm", visible=False, scale=1, min_width=140)
    examples = gr.Dataset(
        components=[prompt], samples=[], label=words("compare.examples"), type="values", visible=False
    )
    with gr.Accordion(words("compare.grid"), open=False, elem_id="grid"), gr.Row(equal_height=True):
        temperatures = gr.Textbox("0, 0.7, 1", label=words("compare.grid_temperatures"), min_width=120)
        seeds = gr.Textbox("0, 1, 2", label=words("compare.grid_seeds"), min_width=120)
        draw_grid = gr.Button(words("compare.grid_go"), min_width=140, elem_id="grid-go")
    twins_note = gr.HTML(elem_id="twins", elem_classes="tight")
    panes = gr.HTML(elem_id="panes")
    with gr.Accordion(words("diff.title"), open=True, visible=False, elem_id="changes") as changes_box:
        changes = gr.HTML()
    with gr.Accordion(words("heat.title"), open=False, visible=False, elem_id="heat") as heat_box:
        with gr.Row(equal_height=True):
            answered = gr.Dropdown(label=words("heat.answer"), elem_id="heat-answer")
            judge = gr.Dropdown(label=words("heat.judge"), elem_id="heat-judge")
            show = gr.Button(words("heat.go"), min_width=100, scale=0, elem_id="heat-go", elem_classes="low")
        heat = gr.HTML()
    with gr.Accordion(words("scores.title"), open=False, visible=False, elem_id="pane-scores") as scores_box:
        with gr.Row(equal_height=True):
            rewards = gr.Textbox(
                label=words("scores.by"), placeholder="rewards.py:polite", lines=1, scale=3, elem_id="score-by"
            )
            reference = gr.Textbox(label=words("scores.reference"), lines=1, scale=3)
            judge_them = gr.Button(words("scores.go"), min_width=100, scale=1, elem_classes="low", elem_id="score-go")
        pane_scores = gr.HTML()
    with gr.Accordion(words("identity.title"), open=False, elem_id="identity") as proof_box:
        proof = gr.HTML(note(words("identity.help")))
    gr.HTML(f"<h3>{words('compare.scores')}</h3>")
    reward = gr.Dropdown(label=words("compare.reward"), visible=False)
    scores = gr.Plot(show_label=False, visible=False)
    talk = gr.State({})
    last = gr.State(None)

    def judged(names: list[str], base: str | None, reward: str | None) -> str:
        """The verdict by the kept scores.

        The browser may ask before it was told which rewards there are: then the first one counts.
        """
        return verdict_html(clinic, names, base, reward or next(iter(rewards_of(clinic)), None), words)

    def look(names: list[str], base: str | None, reward: str | None) -> tuple[Any, ...]:
        """The prompts to try, the scores so far."""
        prompts = clinic.example_prompts()
        rewards = rewards_of(clinic)
        reward = reward if reward in rewards else (rewards[0] if rewards else None)
        figure = score_figure(clinic.runs()[0], reward, words) if reward else None
        return (
            gr.update(samples=[[one] for one in prompts], visible=bool(prompts)),
            judged(names, base, reward) if names else gr.skip(),
            gr.update(choices=rewards, value=reward, visible=len(rewards) > 1),
            gr.update(value=figure, visible=figure is not None),
        )

    def answer(
        prompt: str,
        names: list[str],
        base: str | None,
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
        added: tuple[Source, ...],
        talking: bool,
        talk: Talk,
    ) -> Iterator[tuple[Any, ...]]:
        """The panes as they are written; at the end what the views below them and the next turn need."""
        question = Question(names, prompt, system, seed, temperature, top_p, budget, added, talk if talking else {})
        problem = question.problem(words)
        if problem:
            yield note(problem, "error"), gr.skip(), gr.skip()
            return
        state: list[Pane] = []
        for state in answer_rows(clinic.pool, question.rows(named(clinic, names, added))):
            yield panes_html(state, prompt, words, base, question.talk), gr.skip(), gr.skip()
        yield gr.skip(), (tuple(state), question), question.continued(state) if talking else {}

    def draw(
        prompt: str,
        names: list[str],
        base: str | None,
        system: str,
        seed: float,
        temperature: float,
        top_p: float,
        budget: float,
        added: tuple[Source, ...],
        temperatures: str,
        seeds: str,
    ) -> Iterator[str]:
        """The sampling grid as it is written."""
        question = Question(names, prompt, system, seed, temperature, top_p, budget, added)
        problem = question.problem(words)
        try:
            grid = read_grid(temperatures, seeds, len(names), words)
        except ValueError as error:
            problem = problem or str(error)
        if problem:
            yield note(problem, "error")
            return
        for state in answer_rows(clinic.pool, grid.rows(question, named(clinic, names, added))):
            yield grid_html(state, grid, prompt, words, base)

    def after(last: Last, base: str | None) -> tuple[Any, ...]:
        """The views below the panes, once there are answers."""
        if last is None:
            return (gr.skip(),) * 7
        names = [one.source.name for one in last[0] if one.state == "done"]
        return (
            changes_html(last[0], base, words),
            gr.update(visible=len(last[0]) > 1),
            gr.update(visible=bool(names)),
            gr.update(visible=bool(names)),
            "",
            gr.update(choices=names, value=names[-1] if names else None),
            gr.update(choices=names, value=base_choice(names, base)),
        )

    def same_weights(names: list[str], added: tuple[Source, ...]) -> str:
        """The warning that panes answer from the same weights."""
        return twins_html(twins(clinic.cache.hashes, named(clinic, names, added)), words)

    def look_at_files(names: list[str], base: str | None, added: tuple[Source, ...]) -> str:
        """The cards that prove that each source is itself."""
        if not names:
            return note(words("compare.choose"))
        sources = named(clinic, names, added)
        against = next((one for one in sources if one.name == base), None)
        return identities_html(prove(clinic.pool, clinic.cache.hashes, sources, against), words)

    def look_at_tokens(last: Last, answered: str | None, judge: str | None) -> str:
        """The heat map of one answer under another's model."""
        if last is None:
            return note(words("heat.ask_first"))
        panes, question = last
        of = next((one for one in panes if one.source.name == answered), None)
        under = next((one for one in panes if one.source.name == judge), None)
        if of is None or under is None:
            return note(words("heat.ask_first"))
        scores = token_scores(clinic.pool, under.source, question.messages(of.source.name), of.text)
        return heat_html(scores, of.source.name, under.source.name, words)

    def score_panes(last: Last, specs: str, reference: str) -> Iterator[str]:
        """The scores of the last answers, as they come."""
        if last is None:
            yield note(words("heat.ask_first"))
            return
        panes, question = last
        asked = prompt_asked(clinic, question, reference)
        try:
            scorers = scorers_asked(specs, asked)
        except ScorerUnusable as error:
            yield note(said(error, words.lang), "error")
            return
        for state in score(answers_asked(panes, asked, question.sampling().seed), scorers):
            yield scores_html(state, words)

    asked = [prompt, shared.chosen, shared.base, *shared.sampling, shared.added]
    answers: dict[str, Any] = {"outputs": [panes, last, talk], "concurrency_limit": STREAMS, **QUIET}
    below: dict[str, Any] = {
        "fn": after,
        "inputs": [last, shared.base],
        "outputs": [changes, changes_box, heat_box, scores_box, pane_scores, answered, judge],
        **QUIET,
    }
    free: dict[str, Any] = {"fn": lambda: (gr.update(interactive=True),) * 2, "outputs": [go, draw_grid], **QUIET}
    hold: dict[str, Any] = {"fn": lambda: (gr.update(interactive=False),) * 2, "outputs": [go, draw_grid], **QUIET}
    gr.on([go.click, prompt.submit], **hold)
    asked_for = gr.on([go.click, prompt.submit], answer, [*asked, talking, talk], js=FOLLOW, **answers)
    asked_for.then(**free).then(**below)
    taken = examples.click(lambda sample: sample[0], examples, prompt, **QUIET).then(**hold)
    tried = taken.then(answer, [*asked, talking, talk], js=FOLLOW, **answers)
    tried.then(**free).then(**below)
    gr.on([draw_grid.click], **hold)
    drawn = draw_grid.click(draw, [*asked, temperatures, seeds], panes, concurrency_limit=STREAMS, **QUIET)
    drawn.then(**free)
    stop.click(cancels=[asked_for, tried, drawn], **free)
    shared.base.change(**below)
    show.click(look_at_tokens, [last, answered, judge], heat, concurrency_limit=STREAMS, api_visibility="private")
    gr.on(
        [judge_them.click, rewards.submit, reference.submit],
        score_panes,
        [last, rewards, reference],
        pane_scores,
        trigger_mode="once",
        concurrency_limit=STREAMS,
        **QUIET,
    )
    scores_box.expand(
        lambda now: now or next(filter(None, (reward_of(run) for run in reversed(clinic.runs()[0]))), ""),
        rewards,
        rewards,
        **QUIET,
    )
    proof_box.expand(
        look_at_files,
        [shared.chosen, shared.base, shared.added],
        proof,
        concurrency_limit=STREAMS,
        api_visibility="private",
    )
    shared.chosen.change(same_weights, [shared.chosen, shared.added], twins_note, **QUIET)
    talking.change(lambda on: (gr.update(visible=on), {}), talking, [fresh, talk], **QUIET)
    fresh.click(lambda: ({}, ""), outputs=[talk, panes], **QUIET)

    gr.on([shared.chosen.change, shared.base.change], judged, [shared.chosen, shared.base, reward], verdict, **QUIET)
    reward.input(lambda one: score_figure(clinic.runs()[0], one, words), reward, scores, **QUIET).then(
        judged, [shared.chosen, shared.base, reward], verdict, **QUIET
    )
    shared.signature.change(look, [shared.chosen, shared.base, reward], [examples, verdict, reward, scores], **QUIET)

    def from_address(request: gr.Request) -> Any:
        """The prompt that the address names; what the user has begun to type is left alone."""
        return request.query_params.get("prompt", gr.skip())

    return [(from_address, [prompt])]
