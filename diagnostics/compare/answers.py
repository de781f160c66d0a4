"""What a comparison holds: the prompts, the answers of each source to each of them, and what was scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from diagnostics.compare.prompts import Prompt

# (source's name, prompt's number, seed)
Key = tuple[str, int, int]


@dataclass(frozen=True)
class Answer:
    """One source's answer to one prompt with one seed.

    `stop`: `end` (the model ended), `length` (the token budget did), `error`. `seconds`: wall time, of a batch its
    share; None if it was not measured. `special`: how many special tokens stand within the answer, which `text` leaves
    out. `scores`: by the name of what scored it; a score that failed is not in it.
    """

    source: str
    prompt: int
    seed: int
    text: str
    tokens: int
    stop: str
    seconds: float | None = None
    error: str | None = None
    special: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What the answer is to."""
        return (self.source, self.prompt, self.seed)

    def scored(self, name: str, value: float) -> Answer:
        """The same answer with one more score."""
        return replace(self, scores={**self.scores, name: value})


@dataclass(frozen=True)
class AnswerSet:
    """The answers of several sources to the same prompts and seeds; some may be missing (not yet, or failed)."""

    sources: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]
    answers: Mapping[Key, Answer] = field(default_factory=dict)

    def of(self, source: str) -> list[Answer]:
        """One source's whole answers (no errors), in the order of prompts, then seeds."""
        found = (self.answers.get((source, one.number, seed)) for one in self.prompts for seed in self.seeds)
        return [one for one in found if one is not None and one.stop != "error"]

    def score_names(self) -> list[str]:
        """What the answers were scored by, in the order of first use."""
        return list(dict.fromkeys(name for one in self.answers.values() for name in one.scores))

    def with_answers(self, more: Iterable[Answer]) -> AnswerSet:
        """The set with answers added or replaced."""
        return replace(self, answers={**self.answers, **{one.key: one for one in more}})
