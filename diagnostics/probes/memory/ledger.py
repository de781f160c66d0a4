"""The book of a trace: which storages were made and freed when, in which phase, on which line of the bill; no torch."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from diagnostics.memory.allocator import Trace, rounded
from diagnostics.memory.records import BILL, Phase, Storage, Timeline, thinned

# At most so many of the biggest storages at the peak are named.
LARGEST = 25


class Ledger:
    """Counts live bytes while a program runs. Nothing is summed up before it has ended: noting has to be fast.

    `rounding`: whether sizes are those of the CUDA allocator (multiples of 512 B) or as they are.
    """

    def __init__(self, rounding: bool = True) -> None:
        self.trace = Trace()
        self.size_of = rounded if rounding else int
        self.live: dict[int, int] = {}  # a storage's address -> its number
        self.watchers: dict[int, Any] = {}  # number -> the weak reference that tells of its end
        self.made: list[tuple[int, str, tuple[int, ...], str, Any, str]] = []  # by number
        self.moved: list[tuple[int, int, str]] = []  # (events before, number, new line)
        self.marks: list[tuple[int, Phase, int]] = [(0, "load", 0)]  # (events before, phase, step)
        self.phase: Phase = "load"
        self.step = 0
        self.modules: list[str] = []  # the modules that are running, outermost first
        self.helping = 0  # depth of a reference or reward model's forward pass
        self.region = ""  # where in the stack of layers the program is, for what is extrapolated
        self.regions: list[tuple[int, Phase, str]] = [(0, "load", "")]  # (events before, phase, region)

    # Noting

    def add(self, storage: Any, line: str, shape: tuple[int, ...] = (), dtype: str = "", op: Any = "") -> None:
        """Note a storage that was made, unless it is known."""
        key = storage._cdata
        size = storage.nbytes()
        if key in self.live or size == 0:
            return
        number = self.begin(size, line, shape, dtype, op)
        self.live[key] = number
        self.watchers[number] = weakref.ref(storage, functools.partial(self.gone, key, number))

    def begin(self, size: int, line: str, shape: tuple[int, ...] = (), dtype: str = "", op: Any = "") -> int:
        """Note memory that no tensor shows, as a kernel's workspace; its number for `end`."""
        number, size = len(self.made), self.size_of(size)
        self.made.append((size, line, shape, dtype, op, self.modules[-1] if self.modules else ""))
        self.trace.allocate(size, number)
        return number

    def end(self, number: int) -> None:
        """Note that it is gone."""
        self.trace.free(number)

    def gone(self, key: int, number: int, _: Any = None) -> None:
        """A storage was freed."""
        if self.live.get(key) == number:
            del self.live[key]
            del self.watchers[number]
            self.trace.free(number)

    def move(self, storage: Any, line: str) -> None:
        """Put a storage on another line of the bill, from now on."""
        number = self.live.get(storage._cdata)
        if number is not None:
            self.moved.append((len(self.trace), number, line))

    def enter(self, phase: Phase, step: int | None = None) -> None:
        """Note that a phase begins."""
        self.phase = phase
        self.step = self.step if step is None else step
        self.marks.append((len(self.trace), phase, self.step))
        self.reach("")

    def reach(self, region: str) -> None:
        """Note that another part of the stack of layers is at work."""
        self.region = region
        self.regions.append((len(self.trace), self.phase, region))

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """A phase, and afterwards the one before it."""
        before = self.phase
        self.enter(phase)
        try:
            yield
        finally:
            self.enter(before)

    # Reading

    def curve(self) -> np.ndarray:
        """Live bytes after each event."""
        sizes = np.frombuffer(self.trace.sizes, dtype=np.int64) if len(self.trace) else np.zeros(0, dtype=np.int64)
        numbers = np.frombuffer(self.trace.numbers, dtype=np.int64) if len(self.trace) else sizes
        made = np.array([one[0] for one in self.made], dtype=np.int64)
        return np.cumsum(np.where(sizes >= 0, sizes, -made[numbers] if len(made) else 0))

    def peaks(self, curve: np.ndarray) -> dict[Phase, int]:
        """The event after which each phase that came had its greatest live bytes."""
        found: dict[Phase, int] = {}
        for (begin, phase, _), end in zip(self.marks, [*(one[0] for one in self.marks[1:]), len(curve)], strict=True):
            if end <= begin:
                continue
            place = begin + int(curve[begin:end].argmax())
            if phase not in found or curve[place] > curve[found[phase]]:
                found[phase] = place
        return found

    def peaks_by_region(self, curve: np.ndarray) -> dict[tuple[Phase, str], int]:
        """The same for each part of the stack of layers in each phase."""
        found: dict[tuple[Phase, str], int] = {}
        ends = [*(one[0] for one in self.regions[1:]), len(curve)]
        for (begin, phase, region), end in zip(self.regions, ends, strict=True):
            if end <= begin:
                continue
            place, key = begin + int(curve[begin:end].argmax()), (phase, region)
            if key not in found or curve[place] > curve[found[key]]:
                found[key] = place
        return found

    def alive(self, event: int) -> dict[int, str]:
        """The storages alive after an event: number -> line of the bill."""
        held: dict[int, str] = {}
        for size, number in zip(self.trace.sizes[: event + 1], self.trace.numbers[: event + 1], strict=True):
            if size >= 0:
                held[number] = self.made[number][1]
            else:
                held.pop(number, None)
        for place, number, line in self.moved:
            if place <= event + 1 and number in held:
                held[number] = line
        return held

    def bill(self, event: int) -> dict[str, int]:
        """The live bytes after an event by line."""
        bill = dict.fromkeys(BILL, 0)
        for number, line in self.alive(event).items():
            bill[line] += self.made[number][0]
        return bill

    def largest(self, event: int) -> tuple[Storage, ...]:
        """The biggest storages alive after an event."""
        held = self.alive(event)
        order = sorted(held, key=lambda number: -self.made[number][0])[:LARGEST]
        return tuple(self.storage(number, held[number]) for number in order)

    def storage(self, number: int, line: str) -> Storage:
        """One storage as it is shown."""
        size, _, shape, dtype, op, module = self.made[number]
        return Storage(size, shape, dtype, name_of(op), module, line)

    def place(self, event: int) -> tuple[Phase, int]:
        """Phase and step of an event."""
        found = self.marks[0]
        for mark in self.marks:
            if mark[0] > event:
                break
            found = mark
        return found[1], found[2]

    def operation(self, event: int) -> str:
        """What made the storage of an event, as `op in module`."""
        _, _, _, _, op, module = self.made[self.trace.numbers[event]]
        name = name_of(op)
        return f"{name} in {module}" if module else name

    def timeline(self, curve: np.ndarray) -> Timeline:
        """The curve, thinned, with its phases; marks that follow each other without an event between are one."""
        at, values = thinned(range(len(curve)), curve.tolist())
        marks: list[tuple[int, str]] = []
        for place, phase, _ in self.marks:
            if marks and marks[-1][0] == place:
                marks.pop()
            if not marks or marks[-1][1] != phase:
                marks.append((place, phase))
        return Timeline(tuple(at), tuple(values), tuple(marks))


def name_of(op: Any) -> str:
    """An operation's name without its overload: `aten.mm`."""
    text = str(op)
    return ".".join(text.split(".")[:2]) if text.startswith(("aten.", "trl", "prim")) else text
