"""Collecting the answers of several sources to a prompt set: resumable, cached, with progress."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.cache import AnswerCache, row_key
from diagnostics.compare.models.fingerprint import CacheUnwritable
from diagnostics.compare.models.hub import Fetch
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import BEAT_SECONDS, Writing
from diagnostics.compare.prompts import Prompt
from diagnostics.run.refusal import Sentence

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Plan:
    """What is to be answered. `sampling`: its seed is not used, `seeds` are. `system`: a system prompt for all."""

    sources: tuple[Source, ...]
    prompts: tuple[Prompt, ...]
    sampling: Sampling
    seeds: tuple[int, ...] = (0,)
    system: str | None = None

    def row(self, source: Source, prompt: Prompt, seed: int) -> Row:
        """One answer that is asked for. A prompt with a system turn of its own keeps that."""
        first = prompt.messages[0]["role"] == "system"
        system = ({"role": "system", "content": self.system},) if self.system and not first else ()
        return Row(source, (*system, *prompt.messages), replace(self.sampling, seed=seed))


@dataclass(frozen=True)
class Collected:
    """How far it is. `done` of `of` answers are there (failed ones count as done), `cached` of them cost nothing.

    `seconds_left`: an estimate from the pace so far, None until something was answered. `errors`: by the source's name,
    the first reason why answers of it are missing; `failed` counts them. `notes`: what happened on the way.
    """

    answers: AnswerSet
    done: int
    of: int
    cached: int
    seconds_left: float | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.done == self.of


def answer_of(pane: Pane, prompt: int, seed: int) -> Answer:
    """A finished pane as an answer."""
    name = pane.source.name
    if pane.state == "error":
        return Answer(name, prompt, seed, pane.text, pane.tokens, "error", error=pane.error)
    return Answer(
        name, prompt, seed, pane.text, pane.tokens, pane.stop or "error", seconds=pane.seconds, special=pane.special
    )


@dataclass
class Wanted:
    """A row that must be asked, its key in the cache, the (prompt, seed) pairs that its answer is for, its source's state."""

    row: Row
    key: str
    places: list[tuple[int, int]]
    state: str | None


def collect(pool: WorkerPool, cache: AnswerCache, plan: Plan) -> Iterator[Collected]:
    """Answer all prompts with all sources and seeds; yields how far it is whenever that changed, and twice a second.

    What the cache holds is not asked again. Each answer is kept as soon as it is whole, so that closing the iterator
    (a cancellation), a crash or a power cut costs only what was being written.

    Raises:
        OSError: the cache's folder cannot be written.
    """
    empty = AnswerSet(tuple(one.name for one in plan.sources), plan.prompts, plan.seeds)
    state = Collected(empty, 0, len(plan.sources) * len(plan.prompts) * len(plan.seeds), 0)
    finder = Finder(plan.sources)
    try:
        while not finder.over:
            yield replace(state, notes=tuple(finder.notes))
            finder.step()
    finally:
        finder.cancel()
    found, wanted = from_cache(cache, replace(plan, sources=tuple(finder.found)))
    lost = [
        Answer(name, prompt.number, seed, "", 0, "error", error=why)
        for name, why in finder.errors.items()
        for prompt in plan.prompts
        for seed in plan.seeds
    ]
    state = advanced(replace(state, cached=len(found)), [*found, *lost], 0.0)
    yield state
    if wanted:
        yield from ask(pool, cache, state, wanted)


class Finder:
    """Brings the sources of the Hub here, so that their files tell which answers are known already."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.fetches = [Fetch(one) if Fetch.needed(one) else None for one in sources]
        self.places: list[Source | None] = [
            None if fetch else one for one, fetch in zip(sources, self.fetches, strict=True)
        ]
        self.errors: dict[str, str] = {}
        self.notes = [
            Sentence(f"{one.source.name}: being downloaded from the Hub", f"{one.source.name}：正在从 Hub 下载")
            for one in self.fetches
            if one
        ]

    @property
    def over(self) -> bool:
        """Whether each source is here, or is known not to come."""
        return all(one is not None or fetch is None for one, fetch in zip(self.places, self.fetches, strict=True))

    @property
    def found(self) -> list[Source]:
        """The sources that are here, in their order."""
        return [one for one in self.places if one is not None]

    def step(self) -> None:
        """Look once at every download that goes on."""
        for place, fetch in enumerate(self.fetches):
            if fetch is not None and self.places[place] is None:
                try:
                    self.places[place] = fetch.result()
                except SourceUnusable as error:
                    self.errors[fetch.source.name] = error.sentence
                    self.fetches[place] = None
        if not self.over:
            time.sleep(POLL_SECONDS)

    def cancel(self) -> None:
        """End the downloads that go on."""
        for fetch in self.fetches:
            if fetch is not None:
                fetch.cancel()


def from_cache(cache: AnswerCache, plan: Plan) -> tuple[list[Answer], list[Wanted]]:
    """The answers that are known already, and what must be asked.

    Equal rows are asked once: without temperature all seeds draw the same.
    """
    found: list[Answer] = []
    wanted: list[Wanted] = []
    for source in plan.sources:
        try:
            state = cache.state(source)
        except CacheUnwritable:
            raise
        except OSError:  # a file of the source went away or cannot be read: its worker says so, the others go on
            state = None
        kept = cache.read_state(state)
        asked: dict[str, Wanted] = {}
        for prompt in plan.prompts:
            for seed in plan.seeds:
                row = plan.row(source, prompt, seed)
                key = row_key(row)
                if key in kept:
                    found.append(Answer(source.name, prompt.number, seed, **kept[key]))
                else:
                    asked.setdefault(key, Wanted(row, key, [], state)).places.append((prompt.number, seed))
        wanted += asked.values()
    return found, wanted


def ask(pool: WorkerPool, cache: AnswerCache, state: Collected, wanted: Sequence[Wanted]) -> Iterator[Collected]:
    """Ask the workers for what is wanted."""
    writing = Writing(pool, [one.row for one in wanted], stream=False)
    taken = [False] * len(wanted)
    started = told = time.monotonic()
    try:
        while not state.over:
            panes = writing.step()
            fresh = [place for place, pane in enumerate(panes) if pane.over and not taken[place]]
            notes = tuple(dict.fromkeys((*state.notes, *(note for pane in panes for note in pane.notes))))
            if not fresh and notes == state.notes:
                time.sleep(POLL_SECONDS)
                if time.monotonic() - told >= BEAT_SECONDS:
                    told = time.monotonic()
                    yield state
                continue
            keep(cache, [wanted[place] for place in fresh], [panes[place] for place in fresh])
            new = []
            for place in fresh:
                taken[place] = True
                new += [answer_of(panes[place], *one) for one in wanted[place].places]
            state = replace(advanced(state, new, time.monotonic() - started), notes=notes)
            yield state
    finally:
        writing.cancel()


def keep(cache: AnswerCache, wanted: Sequence[Wanted], panes: Sequence[Pane]) -> None:
    """Put new answers into the cache, by source."""
    by_source: dict[tuple[Source, str], dict[str, Answer]] = {}
    for one, pane in zip(wanted, panes, strict=True):
        if one.state is not None:
            by_source.setdefault((one.row.source, one.state), {})[one.key] = answer_of(pane, *one.places[0])
    for (source, state), rows in by_source.items():
        cache.keep(source, rows, state)


def advanced(state: Collected, new: Sequence[Answer], seconds: float) -> Collected:
    """The state with new answers in it, some `seconds` after the asking began."""
    errors, failed = dict(state.errors), dict(state.failed)
    for one in new:
        if one.error is not None:
            errors.setdefault(one.source, one.error)
            failed[one.source] = failed.get(one.source, 0) + 1
    done = state.done + len(new)
    asked = done - state.cached
    return replace(
        state,
        answers=state.answers.with_answers(new),
        done=done,
        seconds_left=(state.of - done) * seconds / asked if asked > 0 and seconds > 0 else None,
        errors=errors,
        failed=failed,
    )
