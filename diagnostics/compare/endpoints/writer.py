"""Follows answers of an endpoint, with the steps of `diagnostics.compare.models.writers.Writer`: `step`, `cancel`, `panes`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import httpx

from diagnostics.compare.endpoints.client import Completion, Limits, client, stream
from diagnostics.compare.endpoints.errors import EndpointFailed, first_line
from diagnostics.compare.models.mailbox import Request, Row
from diagnostics.compare.models.pane import Pane

# Hosted services answer so many at once without turning requests away; vLLM batches them.
AT_ONCE = 8


class EndpointWriter:
    """Follows the rows of one request, all to one endpoint. `places`: where its panes stand among those of the whole.

    The answers are read in a thread with an event loop of its own, so that any wait can be broken off at once.
    """

    def __init__(
        self, request: Request, places: Sequence[int], panes: Sequence[Pane], limits: Limits | None = None
    ) -> None:
        self.request = request
        self.places = list(places)
        self.panes = list(panes)
        self.limits = limits or Limits()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return all(pane.over for pane in self.panes)

    def step(self) -> list[Pane]:
        """Look once at what came since; never blocks. Returns the panes as they now stand."""
        if self._thread is None and not self._cancelled.is_set() and not self.over:
            self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)
            self._thread.start()
        return list(self.panes)

    def cancel(self) -> None:
        """Stop: connections are closed, which ends the writing on the other side; the panes end as cancelled."""
        self._cancelled.set()
        loop, task = self._loop, self._task
        if loop is None or task is None:
            self._end_open_panes()
            return
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:  # the loop has just ended by itself
            self._end_open_panes()

    def _run(self) -> None:
        try:
            asyncio.run(self._write_all())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # a thread's exception would be lost, and the panes would wait for ever
            reason = f"{type(error).__name__}: {first_line(error)}."
            self.panes = [pane if pane.over else pane.failed(reason) for pane in self.panes]
        finally:
            self._end_open_panes()

    def _end_open_panes(self) -> None:
        self.panes = [pane if pane.over else replace(pane, state="done", stop="cancelled") for pane in self.panes]

    async def _write_all(self) -> None:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        if self._cancelled.is_set():
            return
        turns = asyncio.Semaphore(AT_ONCE)
        async with client(self.request.rows[0].source.path, self.limits) as http:

            async def write(number: int, row: Row) -> None:
                async with turns:
                    await self._write(number, row, http)

            await asyncio.gather(*(write(number, row) for number, row in enumerate(self.request.rows)))

    async def _write(self, number: int, row: Row, http: httpx.AsyncClient) -> None:
        def tell(state: Completion) -> None:
            if self.request.stream:
                self.panes[number] = replace(
                    self.panes[number], state="writing", text=state.text, tokens=state.tokens,
                    first_token_seconds=state.first_token_seconds,
                )  # fmt: skip

        self.panes[number] = replace(self.panes[number], state="loading")
        source = row.source
        try:
            done = await stream(
                http, source.path, source.model or "", row.messages, row.sampling, tell, self.limits
            )  # fmt: skip
        except EndpointFailed as error:
            self.panes[number] = replace(self.panes[number], text=error.text).failed(error.sentence)
            return
        pane = replace(
            self.panes[number],
            state="done",
            text=done.text,
            tokens=done.tokens,
            prompt_tokens=done.prompt_tokens,
            seconds=done.seconds,
            first_token_seconds=done.first_token_seconds,
            load_seconds=None,
            stop=done.stop,
        )
        for note in done.notes:
            pane = pane.noted(note)
        self.panes[number] = pane
