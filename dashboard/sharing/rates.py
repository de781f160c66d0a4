"""How often something may be done: a window of a minute for each visitor, and one for all of them together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

MINUTE = 60.0


class Rates:
    """Counts what was done in the last minute, by a key and in all. Safe to be asked by several threads."""

    def __init__(self, each: float, together: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._each, self._together, self._clock = each, together, clock
        self._done: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Count one more and return 0; or count nothing and return the seconds until there is room again."""
        now = self._clock()
        with self._lock:
            for times in (self._all, *self._done.values()):
                while times and now - times[0] >= MINUTE:
                    times.popleft()
            self._done = {name: times for name, times in self._done.items() if times}
            own = self._done.get(key, deque())
            full = [times[0] for times, most in ((own, self._each), (self._all, self._together)) if len(times) >= most]
            if full:
                return max(1.0, MINUTE - (now - max(full)))
            self._done.setdefault(key, own).append(now)
            self._all.append(now)
            return 0.0
