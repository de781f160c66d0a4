"""The end of a worker whose starter is gone, however that one ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

EVERY_SECONDS = 0.5


def end_with(starter: int, folder: Path) -> None:
    """End this process once it is no longer the child of `starter`, also in mid-answer or while foreign code hangs.

    `starter` must be told by the starter itself: one that was killed while this process still imported would not be
    seen in `os.getppid()`. The folder goes too, and the one above it if nothing else is in it: nobody is left to do it.
    """
    threading.Thread(target=watch, args=(starter, folder), name="orphan", daemon=True).start()


def watch(starter: int, folder: Path) -> None:
    """Wait for the starter's end."""
    while os.getppid() == starter:
        time.sleep(EVERY_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()
    os._exit(1)
