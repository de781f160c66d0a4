"""A runs folder to share from: one run that is named and filled with injections, one plain, one that is not shared."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diagnostics.compare.models.pane import Pane

EVIL = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(2)<!--"
SECRET = "not-shared"


def make(root: Path) -> list[str]:
    """Write the runs; returns the names of those to share. `SECRET` lies beside them."""
    for name, loss in ((EVIL, 1.0), ("plain", 2.0), (SECRET, 3.0)):
        folder = root / name
        (folder / "checkpoint-5").mkdir(parents=True)
        rows = [{"step": n, "loss": loss / n, f"{EVIL}{SCRIPT}": float(n)} for n in range(1, 9)]
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": 8, "max_steps": 8, "log_history": rows}))
        config = {
            "method": "sft",
            "output_dir": str(folder),
            EVIL: SCRIPT,
            "hub_token": "hf_abcdefghijklmnopqrst",
            "lr": loss,
        }
        (folder / "run.json").write_text(json.dumps({"method": "sft", "config": config}))
        status = {
            "state": "failed",
            "step": 8,
            "max_steps": 8,
            "reason": f"{EVIL} in {folder}/x.py {SECRET if name == SECRET else ''}",
        }
        (folder / "status.json").write_text(json.dumps(status))
        samples = [
            {"step": 5, "prompt": f"{EVIL} {n}", "completion": SCRIPT, "rewards": {EVIL: loss + n}} for n in range(6)
        ]
        (folder / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in samples))
    return [EVIL, "plain"]


class Answering:
    """In place of the models: answers with an injection, and remembers what was asked."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.said = ""
        # Cleared, nothing is answered until it is set.
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, pool: Any, rows: Any) -> Iterator[list[Pane]]:
        self.rows += rows
        yield [Pane(one.source, state="writing", text=EVIL) for one in rows]
        self.go_on.wait(60)
        yield [
            Pane(one.source, state="done", text=f"{EVIL} {place} {SCRIPT} {self.said}", stop="end")
            for place, one in enumerate(rows)
        ]
