"""A file that several dashboards change: one after the other, so that none writes over what another has just kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none: there only the threads of one dashboard wait for each other
    fcntl = None  # type: ignore[assignment]

WAIT_SECONDS = 10.0  # a change takes milliseconds; who holds the lock for so long is stopped, or hangs
LOOK_SECONDS = 0.005


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is a file beside it, while it is read and written anew.

    Makes its folder, but none above it: where the runs' folder has gone, none is begun in its place.

    Raises:
        OSError: the folder or the lock cannot be made, or another process holds the lock for too long.
    """
    path.parent.mkdir(exist_ok=True)
    if fcntl is None:
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    # The lock lies with the open file: it ends with the process, however that ends.
    with lock.open("ab") as file:
        deadline = time.monotonic() + WAIT_SECONDS
        while not taken(file.fileno()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{lock} has been held by another process for {WAIT_SECONDS:.0f} seconds")
            time.sleep(LOOK_SECONDS)
        yield


def taken(file: int) -> bool:
    """Take the lock of an open file; whether that is done. A file system that knows no locks is as if it were."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
