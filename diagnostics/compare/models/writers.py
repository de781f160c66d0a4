"""Following requests from their start to their end, without ever waiting for one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from diagnostics.compare.endpoints.writer import EndpointWriter
from diagnostics.compare.models.hub import Fetch, located
from diagnostics.compare.models.mailbox import Do, EventTail, Request, Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, SourceUnusable, check_usable, weight_bytes
from diagnostics.compare.models.workers import Worker, WorkerPool
from diagnostics.run.refusal import Sentence, sentence_of

POLL_SECONDS = 0.04
BEAT_SECONDS = 0.5


def answer_rows(pool: WorkerPool, rows: Sequence[Row]) -> Iterator[list[Pane]]:
    """Write several answers at once, each with its own source, conversation and sampling.

    Yields all panes, in the order of the rows, whenever one of them changed, and twice a second: an iterator can only be
    closed where it yields, and closing it cancels what is still being written. Each pane has its own state and its own
    error: a worker that dies takes only its panes with it, and the next call starts a new one.
    """
    writing = Writing(pool, rows, stream=True)
    shown: list[Pane] | None = None
    told = 0.0
    try:
        while True:
            panes = writing.step()
            if panes != shown or time.monotonic() - told >= BEAT_SECONDS:
                shown, told = panes, time.monotonic()
                yield panes
            if all(pane.over for pane in panes):
                return
            time.sleep(POLL_SECONDS)
    finally:
        writing.cancel()


class Writing:
    """Several rows on their way at once. Rows whose sources share a base go to one worker, as one request."""

    def __init__(self, pool: WorkerPool, rows: Sequence[Row], stream: bool) -> None:
        self.pool = pool
        self.stream = stream
        self.panes = [Pane(row.source) for row in rows]
        self.rows = list(rows)
        self._fetches: dict[str, Fetch] = {}
        self._writers: list[Writer | EndpointWriter] = []
        self._waiting = set(range(len(rows)))

    def step(self) -> list[Pane]:
        """Look once at what came since. Returns all panes, in the order of the rows, as they now stand."""
        if self._waiting:
            self._begin()
        for writer in self._writers:
            writer.step()
            for place, pane in zip(writer.places, writer.panes, strict=True):
                self.panes[place] = pane
        return list(self.panes)

    def _begin(self) -> None:
        """Hand the rows whose sources are here to writers; those of the Hub wait for their download."""
        groups: dict[Any, list[int]] = {}
        for place in sorted(self._waiting):
            try:
                source = self._here(self.rows[place].source)
                if source is None:
                    self.panes[place] = replace(self.panes[place], state="loading")
                    continue
                self.rows[place] = replace(self.rows[place], source=source)
                groups.setdefault(source.holder, []).append(place)
            except (SourceUnusable, OSError) as error:
                self.panes[place] = self.panes[place].failed(sentence_of(error))
            self._waiting.discard(place)
        for places in groups.values():
            request = Request("answer", tuple(self.rows[place] for place in places), self.stream)
            panes = [self.panes[place] for place in places]
            if request.rows[0].source.kind == "endpoint":
                self._writers.append(EndpointWriter(request, places, panes))
            else:
                self._writers.append(Writer(self.pool, request, places, panes))

    def _here(self, source: Source) -> Source | None:
        """The source with all its files on this machine; None while they are being downloaded."""
        if not Fetch.needed(source):
            return source
        if source.name not in self._fetches:
            self._fetches[source.name] = Fetch(source)
        return self._fetches[source.name].result()

    def cancel(self) -> None:
        """Ask for an end of all that is still being written."""
        self._waiting.clear()
        for fetch in self._fetches.values():
            fetch.cancel()
        for writer in self._writers:
            writer.cancel()


class Writer:
    """Follows one request to one worker. `places`: where its panes stand among those of the whole."""

    def __init__(self, pool: WorkerPool, request: Request, places: Sequence[int], panes: Sequence[Pane]) -> None:
        self.pool = pool
        self.request = request
        self.places = list(places)
        self.panes = list(panes)
        self.results: list[Mapping[str, Any]] = []
        self.worker: Worker | None = None
        self.over = False
        self._number = 0
        self._reused = False
        self._sent: list[int] = []
        self._tail: EventTail | None = None

    def step(self) -> list[Pane]:
        """Look once at what came since; never blocks. Returns the panes as they now stand."""
        if self.over:
            return self.panes
        if self.worker is None:
            self._begin()
        else:
            # Asked before reading: what a worker wrote just before it died is then still read.
            alive = self.worker.alive
            self._read()
            if not alive and not self.over:
                self._worker_died()
        return self.panes

    def _begin(self) -> None:
        """Take a worker and send it the request; a source that is not whole ends its panes here."""
        refused: dict[Source, str] = {}
        for source in dict.fromkeys(row.source for row in self.request.rows):
            try:
                check_usable(source)
            except (SourceUnusable, OSError) as error:
                refused[source] = sentence_of(error)
        try:
            rows = [row for row in self.request.rows if row.source not in refused]
            size = max((weight_bytes(one) for one in dict.fromkeys(row.source for row in rows)), default=0)
            # The random changes need the weights a second time, to put them back.
            size *= 2 if self.request.do == "divergence" else 1
            worker, note = self.pool.take(rows[0].source, size) if rows else (None, None)
        except (SourceUnusable, OSError) as error:
            refused |= {row.source: refused.get(row.source, sentence_of(error)) for row in self.request.rows}
            rows, worker, note = [], None, None
        self.panes = [
            pane.failed(refused[row.source]) if row.source in refused and not pane.over else pane.noted(note)
            for pane, row in zip(self.panes, self.request.rows, strict=True)
        ]
        if not rows:
            self.over = True
        elif worker is not None:
            self._send(worker, refused)

    def _send(self, worker: Worker, refused: Mapping[Source, str]) -> None:
        self.worker = worker
        self._sent = [place for place, row in enumerate(self.request.rows) if row.source not in refused]
        fields = dict(self.request.fields)
        if "texts" in fields:
            fields["texts"] = [fields["texts"][place] for place in self._sent]
        rows = tuple(self.request.rows[place] for place in self._sent)
        self._reused = worker._asked > 0
        self._number = worker.ask(replace(self.request, rows=rows, fields=fields))
        self._tail = EventTail(worker.folder / f"{self._number}.jsonl")
        for place in self._sent:
            self.panes[place] = replace(self.panes[place], state="loading")

    def _worker_died(self) -> None:
        """A worker that was killed while it sat idle is replaced once, unseen; any other death is the panes' error."""
        assert self.worker is not None
        worker, reason = self.worker, self.worker.last_words()
        if self._reused and all(self.panes[place].state == "loading" for place in self._sent):
            self.worker = None
        else:
            self.panes = [pane if pane.over else pane.failed(reason) for pane in self.panes]
            self.over = True
        self.pool.give_back(worker)

    def _read(self) -> None:
        assert self._tail is not None
        for event in self._tail.read_new():
            if event["event"] == "end":
                self._end()
                return
            if event["event"] == "result":
                self.results.append({**event, "row": self._sent[event["row"]]})
            rows = event["rows"] if "rows" in event else [event["row"]]
            for place in self._sent if rows == [None] else [self._sent[row] for row in rows]:
                if not self.panes[place].over:
                    self.panes[place] = self.panes[place].after(event)

    def _end(self) -> None:
        """The worker is through with the request."""
        assert self.worker is not None
        self.over = True
        # A measure has results instead of a text: its panes are done with the request.
        self.panes = [pane if pane.over else replace(pane, state="done") for pane in self.panes]
        self.pool.give_back(self.worker)

    def cancel(self) -> None:
        """Ask the worker to stop, and let it go once it has."""
        worker = self.worker
        if worker is None:
            self.over = True
            return
        if self.over:
            return
        with contextlib.suppress(OSError):
            (worker.folder / f"{self._number}.cancel").touch()
        threading.Thread(target=self._finish, name="cancel", daemon=True).start()

    def _finish(self, seconds: float = 30.0) -> None:
        """Wait for a cancelled request's end; a worker that does not end it is killed."""
        deadline = time.monotonic() + seconds
        while not self.over:
            self.step()
            if time.monotonic() > deadline and self.worker is not None:
                self.worker.process.kill()
            time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Measured:
    """What a measure found for one row: its fields, or why there are none."""

    fields: Mapping[str, Any]
    error: str | None


def measure(pool: WorkerPool, do: Do, rows: Sequence[Row], fields: Mapping[str, Any]) -> list[Measured]:
    """Measure rows that share one base, and wait for it. Results in the order of the rows."""
    writer = Writer(pool, Request(do, tuple(rows), fields=fields), range(len(rows)), [Pane(row.source) for row in rows])
    try:
        while not writer.over:
            writer.step()
            time.sleep(POLL_SECONDS)
    finally:
        writer.cancel()
    found = {result["row"]: result for result in writer.results}
    return [
        Measured(
            found.get(place, {}),
            None if place in found else pane.error or Sentence("The worker gave no result.", "模型进程没有给出结果。"),
        )
        for place, pane in enumerate(writer.panes)
    ]


@dataclass(frozen=True)
class TokenScores:
    """How likely each token of an answer is to a model: its text, its log-probability in nats, its rank (1: likeliest).

    The last token is the answer's end. `error`: why there are none.
    """

    tokens: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    ranks: tuple[int, ...] = ()
    error: str | None = None


def token_scores(pool: WorkerPool, source: Source, messages: Sequence[dict[str, str]], text: str) -> TokenScores:
    """The log-probabilities of an answer's tokens, whoever wrote it, under a source's model. Waits for them."""
    if source.kind == "endpoint":
        return TokenScores(
            error=Sentence(
                f"{source.name}: an endpoint does not tell the probabilities of a given answer.",
                f"{source.name}：端点不会给出指定回答的概率。",
            )
        )
    try:
        source = located(source)
    except SourceUnusable as error:
        return TokenScores(error=sentence_of(error))
    (found,) = measure(pool, "logprobs", [Row(source, tuple(messages), Sampling())], {"texts": [text]})
    if found.error is not None:
        return TokenScores(error=found.error)
    told = found.fields
    return TokenScores(tuple(told["tokens"]), tuple(told["logprobs"]), tuple(told["ranks"]))


@dataclass(frozen=True)
class Divergences:
    """Mean KL divergences per token, in nats: of the trained change for each answer, and of random changes of its size.

    `random`: shape (draws, answers). `moved`: how many tensors differ. `error`: why there are none.
    """

    trained: tuple[float, ...] = ()
    random: tuple[tuple[float, ...], ...] = ()
    moved: int = 0
    error: str | None = None


def divergences(
    pool: WorkerPool,
    source: Source,
    other: Source,
    told: Sequence[tuple[Sequence[dict[str, str]], str]],
    draws: int = 19,
) -> Divergences:
    """How far a source's next-token distributions are from another's, against random changes of the same size.

    `told`: conversations with answers, over whose tokens the divergence is averaged. Waits for it.
    """
    for one in (source, other):
        if one.kind == "endpoint":
            return Divergences(
                error=Sentence(
                    f"{one.name}: the weights behind an endpoint are not known.", f"{one.name}：端点背后的权重不可知。"
                )
            )
    try:
        check_usable(other)
        source, other = located(source), located(other)
    except (SourceUnusable, OSError) as error:
        return Divergences(error=sentence_of(error))
    rows = [Row(source, tuple(messages), Sampling()) for messages, _ in told]
    fields = {"texts": [text for _, text in told], "other": asdict(other), "draws": draws}
    found = measure(pool, "divergence", rows, fields)[0]
    if found.error is not None:
        return Divergences(error=found.error)
    return Divergences(
        tuple(found.fields["trained"]), tuple(tuple(row) for row in found.fields["random"]), found.fields["moved"]
    )
