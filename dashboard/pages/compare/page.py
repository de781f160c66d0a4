"""Compare: the choice of sources above, and below it a tab for each way of looking at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.compare.comparison import asked_for, base_choice, choices, with_before
from dashboard.pages.beat import beat, drawn
from dashboard.pages.compare import bisect, prompt_set, side_by_side, timeline, vote
from dashboard.pages.compare.shared import QUIET, Shared, chooser
from dashboard.pages.header import header
from dashboard.texts import Words

# By the name that the address gives a tab. The choice of sources is hidden where a tab works on one run.
TABS: dict[str, Callable[[Clinic, Words, Shared], Any]] = {
    "side": side_by_side.build,
    "set": prompt_set.build,
    "time": timeline.build,
    "bisect": bisect.build,
    "vote": vote.build,
}
OF_ONE_RUN = ("time", "bisect")
# The address follows the tab that the user chose, so that it can be sent to somebody. The first tab is also selected
# while the page is built, before anybody has touched it: then the address still names the one that is wanted.
FOLLOW = """() => {
  if (!window.clinicTouched) return [];
  const address = new URL(location);
  address.searchParams.set('tab', '%s');
  history.replaceState(history.state, '', address);
  return [];
}"""


def boxes_for(tab: str) -> tuple[Any, Any]:
    """Whether the choice of sources is to be seen with a tab."""
    shown = gr.update(visible=tab not in OF_ONE_RUN)
    return shown, shown


def build(clinic: Clinic, words: Words, addresses: Addresses) -> list[Any]:
    """Lay out the page and wire it. Returns what is to happen when the page is opened, and what each of it fills."""
    header("compare", words, addresses)
    shared = chooser(clinic, words, addresses)
    opened: list[Any] = []
    with gr.Tabs(elem_id="compare-tabs") as tabs:
        for name, build_tab in TABS.items():
            with gr.Tab(words(f"compare.tab_{name}"), id=name, elem_id=name) as tab:
                opened += build_tab(clinic, words, shared) or ()
                tab.select(partial(boxes_for, name), outputs=[*shared.boxes], js=FOLLOW % name, **QUIET)

    def looked() -> tuple[str, str]:
        """What is there now: the tabs follow its change."""
        seen = clinic.signature()
        return drawn(seen), seen

    def from_address(request: gr.Request) -> tuple[Any, ...]:
        """The sources and the tab that the address names; the workers are started while the user reads."""
        clinic.pool.warm_up(2)
        query = request.query_params
        there = choices(clinic)
        wanted = with_before(clinic, asked_for(there, query.get("checkpoints", ""), query.getlist("run")))
        filled = gr.update(choices=there, value=wanted) if wanted else gr.skip()
        base = gr.update(choices=wanted, value=base_choice(wanted, query.get("base"))) if wanted else gr.skip()
        tab = query.get("tab", "")
        return (
            filled,
            base,
            bool(wanted),
            clinic.settings.now().whole("max_new_tokens"),
            gr.Tabs(selected=tab) if tab in TABS else gr.skip(),
            *boxes_for(tab),
            *looked(),
        )

    pulse = beat(lambda of: clinic.signature(), clinic.pace)
    pulse.changed(looked, outputs=[pulse, shared.signature], trigger_mode="once", **QUIET)
    filled = [
        shared.chosen,
        shared.base,
        shared.touched,
        shared.sampling[-1],
        tabs,
        *shared.boxes,
        pulse,
        shared.signature,
    ]
    return [(from_address, filled), *opened]
