"""The state of a run in words: as its status has it, and how it ended where that says more."""

from __future__ import annotations

from diagnostics.postmortem.ending import ending_of
from diagnostics.report.labels import LABELS, STATES
from diagnostics.report.words import Lang
from diagnostics.run import Run

ENDINGS: dict[Lang, dict[str, str]] = {
    "en": {
        "finished": "finished",
        "stopped": "stopped",
        "crashed": "crashed",
        "killed": "killed",
        "running": "running",
    },
    "zh": {"finished": "已完成", "stopped": "已停止", "crashed": "崩溃", "killed": "被杀死", "running": "训练中"},
}


def state_in_words(run: Run, lang: Lang) -> str:
    """`failed (killed)`, `failed (crashed)`; of a run without a status what its console and its steps tell."""
    state = STATES[lang].get(run.status.state, run.status.state)
    ending = ENDINGS[lang].get(ending_of(run))
    if ending is None or run.status.state not in ("failed", "unknown"):
        return state
    return f"{state} {LABELS[lang]['brackets'].format(ending)}" if run.status.state == "failed" else ending
