"""The worker's and the launcher's side of `status.json`: who wrote last, how far it is, how it ended."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json, write_json
from diagnostics.run.refusal import told_with
from diagnostics.run.status import HEARTBEAT_SECONDS, STATUS_FILE


class StatusFile:
    """Keeps `status.json` of one run true. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATUS_FILE
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        try:
            raw = read_json(self.path)
        except (OSError, ValueError):
            raw = {}
        self._content: dict[str, Any] = raw if isinstance(raw, dict) else {}

    def write(self, **changes: Any) -> None:
        """Change some fields and write the file, stamped with this process and the time."""
        with self._lock:
            self._content.update(changes, pid=os.getpid(), host=socket.gethostname(), heartbeat=time.time())
            write_json(self.path, self._content)

    def note(self, **changes: Any) -> None:
        """Change some fields; the next heartbeat writes them."""
        with self._lock:
            self._content.update(changes)

    def end(self, state: str, **changes: Any) -> None:
        """Write how the run ended, and stop the heartbeat. `reason`: a `Sentence`, or what is said so in each language."""
        self._stopped.set()
        if "reason" in changes:
            reason = changes["reason"]
            changes |= told_with(reason, "reason") if reason is not None else {"reason_zh": None}
        self.write(state=state, ended=time.time(), activity=None, **changes)

    def start_heartbeat(self) -> None:
        """Write the file every few seconds from a thread of its own, so that long steps do not look like death."""
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            try:
                self.write()
            except OSError:
                continue  # a full disk must not end the run; the next beat tries again
