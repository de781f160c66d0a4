"""What the tabs of the Compare page share: the choice of sources and how answers are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.compare.comparison import base_choice, choices, first_choice, with_added
from dashboard.html import note
from dashboard.sharing.form import share_link
from dashboard.texts import Words
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.run.refusal import said

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Answers that stream at once over all visitors; a worker takes them one after the other.
STREAMS = 8


@dataclass(frozen=True)
class Shared:
    """The components above the tabs, and the pages' addresses. `signature` changes whenever a run did; `added`: the visitor's own models."""

    addresses: Addresses
    boxes: tuple[gr.Group, gr.Accordion]
    chosen: gr.Dropdown
    base: gr.Dropdown
    added: gr.State
    touched: gr.State
    signature: gr.State
    sampling: tuple[gr.Textbox, gr.Number, gr.Slider, gr.Slider, gr.Slider]


def chooser(clinic: Clinic, words: Words, addresses: Addresses) -> Shared:
    """Lay out the choice of sources and of sampling, and wire what belongs to them alone."""
    with gr.Group(elem_classes="chooser") as box, gr.Row(equal_height=True):
        chosen = gr.Dropdown(
            label=words("compare.checkpoints"),
            info=words("compare.checkpoints_help"),
            multiselect=True,
            elem_id="checkpoints",
            scale=5,
        )
        base = gr.Dropdown(label=words("compare.base"), elem_id="base", scale=2, min_width=200)
    sharing = gr.HTML(elem_classes="tight", elem_id="share-compared")
    with gr.Accordion(words("compare.add"), open=False, elem_id="add") as adding_box:
        with gr.Row(equal_height=True):
            spec = gr.Textbox(
                show_label=False, placeholder=words("compare.add_spec"), scale=6, elem_id="spec", container=False
            )
            add = gr.Button(words("compare.add_go"), scale=1, min_width=100, elem_id="add-go")
        told = gr.HTML()
    with gr.Accordion(words("compare.sampling"), open=False, elem_id="sampling"):
        system = gr.Textbox(label=words("compare.system"), lines=1)
        with gr.Row():
            seed = gr.Number(label=words("compare.seed"), value=0, precision=0, minimum=0, min_width=120)
            temperature = gr.Slider(
                0, 2, value=0, step=0.05, label=words("compare.temperature"), min_width=200, elem_id="temperature"
            )
            top_p = gr.Slider(0.05, 1, value=1, step=0.05, label=words("compare.top_p"), min_width=200)
            budget = gr.Slider(
                1, 1024, value=128, step=1, label=words("compare.max_new_tokens"), min_width=200, elem_id="budget"
            )
    shared = Shared(
        addresses,
        (box, adding_box),
        chosen,
        base,
        gr.State(()),
        gr.State(False),
        gr.State(""),
        (system, seed, temperature, top_p, budget),
    )

    def take(spec: str, names: list[str], added: tuple[Source, ...]) -> tuple[Any, ...]:
        """One more model on the visitor's list, and chosen; or why it cannot be."""
        try:
            more = with_added(clinic, added, spec)
        except SourceUnusable as error:
            return gr.skip(), gr.skip(), gr.skip(), note(said(error, words.lang), "error"), gr.skip()
        new = more[-1].name
        told = note(words("compare.added", name=new), "good")
        value = [*names, *([] if new in names else [new])]
        return gr.update(choices=choices(clinic, more), value=value), more, True, told, ""

    adding: dict[str, Any] = {"outputs": [chosen, shared.added, shared.touched, told, spec], **QUIET}
    gr.on([add.click, spec.submit], take, [spec, chosen, shared.added], **adding)
    chosen.input(lambda: True, outputs=shared.touched, **QUIET)
    share_page = addresses.href("share", words.lang)

    def follow(names: list[str], base: str | None) -> tuple[Any, str]:
        """What follows from another choice: the base is one of them, and the link that shares them."""
        return gr.update(choices=names, value=base_choice(names, base)), share_link(clinic, names, share_page, words)

    chosen.change(follow, [chosen, base], [base, sharing], **QUIET)

    def look(names: list[str], touched: bool, added: tuple[Source, ...]) -> Any:
        """The checkpoints that are there; new ones are chosen by themselves until the user has chosen.

        `names` is what the browser showed when it asked, `touched` what the server knows now: a choice may have been
        made in between, so it is only set again where something of it has gone.
        """
        there = choices(clinic, added)
        if not touched:
            return gr.update(choices=there, value=first_choice(clinic))
        left = [one for one in names if one in there]
        return gr.update(choices=there) if left == names else gr.update(choices=there, value=left)

    shared.signature.change(look, [chosen, shared.touched, shared.added], chosen, **QUIET)
    return shared
