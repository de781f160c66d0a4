"""How the pages' events are wired, where a story in a browser would see it on a bad day only."""

from __future__ import annotations

import gradio as gr
import pytest

from dashboard.app import build
from dashboard.clinic import Clinic


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> gr.Blocks:
    return build(Clinic(tmp_path_factory.mktemp("wired")))


def test_the_command_is_made_by_one_event_of_the_whole_form(demo: gr.Blocks) -> None:
    """Of two events, the one that left first may arrive last, and it knows nothing of the other field."""
    for fn in (made := [fn for fn in demo.fns.values() if fn.name == "as_command"]):
        fields = {field._id for field in fn.inputs}
        assert {target for target, event in fn.targets if event == "change"} == fields
        assert fn.trigger_mode == "always_last"
    assert len(made) == 2, "one for each language"


def test_each_control_of_the_runs_page_is_an_event_of_its_own(demo: gr.Blocks) -> None:
    """An event that several controls share would take from one what another has not been told of yet."""
    used = [fn for fn in demo.fns.values() if fn.name in ("used", "turned")]
    assert len(used) == 2 * 5
    assert all(len(fn.targets) == 1 and fn.trigger_mode == "always_last" for fn in used)
