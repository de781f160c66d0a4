"""Whether training did more than move the weights: each source against random changes of the base of the same size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.models.sources import Source
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import divergences
from diagnostics.compare.statistics.change import Change, change

# So many of the base's answers the divergences are averaged over: spread evenly over the prompt set. Ours.
ANSWERS = 32


@dataclass(frozen=True)
class Changed:
    """A source's change from a base against chance, or why it is not known."""

    source: str
    base: str
    change: Change | None
    error: str | None = None


def null_baseline(pool: WorkerPool, base: Source, sources: Sequence[Source], answers: AnswerSet) -> Iterator[Changed]:
    """Measure every source but the base, one after the other, over the base's own answers."""
    own = [one for one in answers.of(base.name) if one.text.strip()]
    chosen = own[:: max(1, len(own) // ANSWERS)][:ANSWERS]
    messages = {one.number: one.messages for one in answers.prompts}
    told = [(messages[one.prompt], one.text) for one in chosen]
    for source in sources:
        if source.name == base.name:
            continue
        if not told:
            yield Changed(source.name, base.name, None, f"{base.name}: gave no answer to measure over.")
            continue
        found = divergences(pool, base, source, told)
        if found.error is not None:
            yield Changed(source.name, base.name, None, found.error)
        else:
            yield Changed(source.name, base.name, change(found.trained, found.random))
