"""Diagnose: what went wrong in one run, with the curves that show it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.children import change_html, written_html
from dashboard.clinic import Clinic
from dashboard.diagnose.choosing import first_run, nothing_to_diagnose, runs_to_choose
from dashboard.diagnose.findings_view import finding_html, findings_in_words, not_checked_html, summary_html
from dashboard.html import link, text
from dashboard.memory.crash import died_of_memory
from dashboard.pages.beat import beat, drawn
from dashboard.pages.header import header
from dashboard.plots.curves import evidence_figure
from dashboard.sharing.form import address, share_this
from dashboard.texts import Words
from diagnostics.finding import SeriesEvidence
from diagnostics.report.words import FixInWords
from diagnostics.run import Run


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what it fills."""
    header("diagnose", words, addresses)
    chosen = gr.Dropdown(label=words("diagnose.run"), elem_id="run")
    pulse = beat(lambda of: clinic.signature(), clinic.pace)
    shown = gr.State("")

    def names_and_state(name: str | None) -> tuple[Any, str, str]:
        """The runs to choose from, a text that changes whenever the chosen one does, and what was seen of all."""
        seen = clinic.signature()
        name = name or first_run(clinic)
        run = clinic.run(name) if name else None
        state = f"{name} {id(run)} {run.status.state if run else ''}"
        return gr.update(choices=runs_to_choose(clinic, name, words), value=name), state, drawn(seen)

    def from_address(request: gr.Request) -> tuple[Any, ...]:
        """The run that the address names."""
        return names_and_state(request.query_params.get("run"))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def child_button(run: Run, rule: str, number: int, fix: FixInWords) -> None:
        """A button that shows a fix's change, and one below it that then writes the child config."""
        show = gr.Button(words("diagnose.show_change", title=fix.title), size="sm", elem_classes="show-change")
        change = gr.HTML(visible=False, elem_classes="change")
        write = gr.Button(
            words("diagnose.write"), variant="primary", size="sm", visible=False, elem_classes="write-child"
        )
        show.click(
            lambda: (
                gr.update(value=change_html(clinic, run, rule, number, words), visible=True),
                gr.update(visible=True),
            ),
            outputs=[change, write],
            **quiet,
        )
        write.click(
            lambda: (
                gr.update(value=written_html(clinic, run, rule, number, words, addresses.href("train", words.lang))),
                gr.update(visible=False),
            ),
            outputs=[change, write],
            **quiet,
        )

    @gr.render(inputs=[chosen, shown], triggers=[shown.change], show_progress="hidden")
    def findings(name: str | None, state: str) -> None:
        """The diagnosis of the chosen run."""
        run = clinic.run(name) if name else None
        if run is None:
            gr.HTML(nothing_to_diagnose(clinic, name, words))
            return
        diagnosis = clinic.diagnosis(run)
        sharing = share_this(address(addresses.href("share", words.lang), [run.name]), words)
        gr.HTML(f'<div class="with-share"><div>{summary_html(run, diagnosis, words)}</div>{sharing}</div>')
        for finding in findings_in_words(diagnosis, words):
            with gr.Row(elem_classes="finding-row"):
                with gr.Column(scale=5, min_width=340):
                    gr.HTML(finding_html(run, finding, words))
                    for number, fix in enumerate((one for one in finding.fixes if one.edits), start=1):
                        child_button(run, finding.rule, number, fix)
                with gr.Column(scale=4, min_width=340):
                    for one in finding.evidence:
                        figure = evidence_figure(run, one, words) if isinstance(one, SeriesEvidence) else None
                        if figure is not None:
                            gr.Plot(figure, show_label=False)
        gr.HTML(not_checked_html(diagnosis, run, words))
        if run.asked:
            again = text(words("diagnose.preflight"))
            gr.HTML(link(addresses.href("preflight", words.lang), again, run=run.name), elem_classes="tight")
            if died_of_memory(run):
                fitting = text(words("diagnose.memory"))
                gr.HTML(link(addresses.href("memory", words.lang), fitting, run=run.name), elem_classes="tight")

    chosen.input(names_and_state, chosen, [chosen, shown, pulse], **quiet)
    pulse.changed(names_and_state, chosen, [chosen, shown, pulse], trigger_mode="once", **quiet)
    return [(from_address, [chosen, shown, pulse])]
