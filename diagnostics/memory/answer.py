"""The answer to a question about memory: the estimate, the verdict, the shares of several devices, the host, what Fit found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnostics.memory.crash import Crash
from diagnostics.memory.host import Host
from diagnostics.memory.plan import Plan
from diagnostics.memory.records import Estimate
from diagnostics.memory.resolve import Note, Question
from diagnostics.memory.verdict import Verdict, verdict


@dataclass(frozen=True)
class Answer:
    """All that is said to one question.

    `formula`: the closed form beside a traced estimate. `shares`: the closed form for each way to share among several
    devices, empty for one. `device_name`: as it was asked for. `fallback`: why the formula had to stand in for the trace, None if
    it did not. `path`: the config file or run that was asked about.
    """

    question: Question
    estimate: Estimate
    formula: Estimate
    host: Host
    shares: Mapping[str, Estimate] = field(default_factory=dict)
    plan: Plan | None = None
    crash: Crash | None = None
    device_name: str = ""
    fallback: str | None = None
    path: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether it fits the device."""
        return verdict(self.estimate, self.question.asked.device)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was assumed."""
        device = self.question.asked.device
        weights = self.estimate.bill.get("weights", 0)
        alone = [Note("weights-alone", {"weights": weights, "device": device})] if device and weights > device else []
        return (*alone, *self.question.notes)
