"""A process that holds one base model and answers for it: `python -m diagnostics.probes.model_worker STARTER FOLDER`.

It takes requests from its folder (see `diagnostics.compare.models.mailbox`), opens what a request names unless it holds it
already, and appends what comes of it as it comes. It ends when the process that started it is gone.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

from diagnostics.compare.models.mailbox import Request, read_request
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.probes.divergence import divergences
from diagnostics.probes.generation import Job, answer, job_of
from diagnostics.probes.loading import Holder, seconds_since
from diagnostics.probes.measuring import probe, token_scores
from diagnostics.probes.orphan import end_with
from diagnostics.run.refusal import told_with

IDLE_SECONDS = 0.02
# Modules that transformers imports only when they are used; what the Llama model imports, most models do. With an
# adapter comes peft.
ANSWERS = (
    "transformers.generation.utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
)
ADAPTS = ("peft",)


class Events:
    """The events of one request, appended to its file."""

    def __init__(self, file: IO[str], cancel: Path) -> None:
        self.file = file
        self.cancel = cancel

    def write(self, event: str, **fields: Any) -> None:
        """Append one event."""
        self.file.write(json.dumps({"event": event, **fields}) + "\n")
        self.file.flush()

    def cancelled(self) -> bool:
        """Whether the asker wants no more of it."""
        return self.cancel.exists()


def open_all(holder: Holder, request: Request, events: Events) -> set[Source]:
    """Open each source of a request, saying how long that took; those that cannot be opened end their rows' part."""
    opened = set()
    for source in dict.fromkeys(row.source for row in request.rows):
        rows = [place for place, row in enumerate(request.rows) if row.source == source]
        started = time.monotonic()
        try:
            holder.hold(source)
        except SourceUnusable as error:
            for place in rows:
                events.write("error", row=place, **told_with(error))
            continue
        opened.add(source)
        events.write("loaded", rows=rows, seconds=seconds_since(started))
    return opened


def carry_out(holder: Holder, request: Request, events: Events) -> None:
    """Do what a request asks; a row that cannot be done ends with an error of its own."""
    holder.let_go_of_changed()
    if request.do == "divergence":
        told = [(row.messages, text) for row, text in zip(request.rows, request.fields["texts"], strict=True)]
        other = Source(**request.fields["other"])
        try:
            found = divergences(holder, request.rows[0].source, other, told, request.fields["draws"])
            events.write("result", row=0, **found)
        except (SourceUnusable, ValueError) as error:
            events.write("error", row=None, **told_with(error))
        return
    opened = open_all(holder, request, events)
    jobs: list[Job] = []
    for place, row in enumerate(request.rows):
        if row.source not in opened:
            continue
        try:
            if request.do == "answer":
                jobs.append(job_of(holder, place, row))
            elif request.do == "logprobs":
                found = token_scores(holder, holder.hold(row.source), row.messages, request.fields["texts"][place])
                events.write("result", row=place, **found)
            elif request.do == "probe":
                events.write("result", row=place, **probe(holder, holder.hold(row.source), request.fields["ids"]))
        except (SourceUnusable, ValueError) as error:
            events.write("error", row=place, **told_with(error))
    if jobs:
        answer(holder, jobs, events.write, events.cancelled, request.stream)


def prepare(modules: tuple[str, ...]) -> None:
    """Import what a request will need while nobody waits for it.

    What is imported stays: taken out of the garbage collector's sight, the collection between two models takes
    milliseconds instead of 0.2 s.
    """
    missing = [module for module in modules if module not in sys.modules]
    if missing:
        for module in missing:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()


def serve(folder: Path) -> None:
    """Take requests until this process is ended."""
    import torch
    import transformers

    torch.set_num_threads(max(1, int(os.environ.get("CLINIC_THREADS", "1"))))
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    prepare(ANSWERS)
    (folder / "ready").touch()
    holder = Holder()
    while True:
        waiting = sorted((folder / "inbox").glob("*.json"))
        if not waiting:
            prepare(ADAPTS)
            time.sleep(IDLE_SECONDS)
            continue
        path = waiting[0]
        number = int(path.stem)
        with (folder / f"{number}.jsonl").open("a", encoding="utf-8") as file:
            events = Events(file, folder / f"{number}.cancel")
            try:
                request = read_request(path)
                path.unlink()
                carry_out(holder, request, events)
            except Exception as error:  # the worker lives on: one bad request must not cost the loaded model
                events.write("error", row=None, message=f"{type(error).__name__}: {error}")
            events.write("end")


if __name__ == "__main__":
    end_with(int(sys.argv[1]), Path(sys.argv[2]))
    serve(Path(sys.argv[2]))
