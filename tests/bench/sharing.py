"""`make bench`, the shared app: 20 visitors vote for a minute; answer times beside one visitor alone, and no lost vote."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from dashboard.sharing.asked import Asked
from dashboard.sharing.keeper import Keeper
from training.demo.pipeline import KEPT_BASE

VISITORS, SECONDS = 20, 60.0
WARM_SECONDS, ALONE_SECONDS = 5.0, 45.0
# All visitors together may ask 60 times a minute: each of the 20 votes every 20 s, and reads a page every 2 s between.
BETWEEN_VOTES, BETWEEN_PAGES = 21.0, 2.0
PASSWORD = "a password for the bench"


@dataclass
class Tally:
    """What visitors saw: seconds of each kind of answer, votes they were thanked for, what went wrong."""

    pages: list[float] = field(default_factory=list)
    ballots: list[float] = field(default_factory=list)
    votes: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def event(client: httpx.Client, number: int, session: str, data: list[Any], event_data: Any = None) -> str:
    """Send an event and wait for its end; its last message."""
    body = {"fn_index": number, "data": data, "session_hash": session, "event_data": event_data, "trigger_id": None}
    client.post("/gradio_api/queue/join", json=body).raise_for_status()
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed":
                return line
    raise RuntimeError("the stream ended")


def events_of(page: str) -> dict[str, int]:
    """The numbers of the page's events by their names."""
    start = page.index("window.gradio_config = ") + 23
    config, _ = json.JSONDecoder().raw_decode(page[start:])
    return {one["api_name"]: one["id"] for one in config["dependencies"]}


def visit(address: str, name: str, offset: float, until: float, tally: Tally, lock: threading.Lock) -> None:
    """One visitor: logs in, reads pages, votes now and then."""
    try:
        with httpx.Client(base_url=address, timeout=120) as client:
            client.post("/login", data={"name": name, "password": PASSWORD})
            numbers = events_of(client.get("/try").text)
            session, next_vote = f"bench{name}", time.monotonic() + offset
            while time.monotonic() < until:
                started = time.monotonic()
                client.get("/run-1").raise_for_status()
                with lock:
                    tally.pages.append(time.monotonic() - started)
                if time.monotonic() >= next_vote:
                    next_vote += BETWEEN_VOTES
                    vote(client, numbers, session, name, tally, lock)
                time.sleep(BETWEEN_PAGES)
    except (httpx.HTTPError, RuntimeError, ValueError, KeyError) as error:
        with lock:
            tally.wrong.append(f"{name}: {error!r}")


def vote(
    client: httpx.Client, numbers: dict[str, int], session: str, name: str, tally: Tally, lock: threading.Lock
) -> None:
    """One ballot and one choice on it."""
    started = time.monotonic()
    shown = event(client, numbers["next_ballot"], session, [f"Where is order {name}{int(started) % 100}?"])
    if "data-choice" not in shown:
        with lock:
            tally.refused += 1
        return
    with lock:
        tally.ballots.append(time.monotonic() - started)
    thanked = event(client, numbers["choose"], session, [], {"choice": "1"})
    with lock:
        tally.votes += "note-good" in thanked


def load(address: str, kind: str, visitors: int, seconds: float) -> Tally:
    """So many visitors for so long; `kind` begins their names, since a session belongs to the login that began it."""
    tally, lock = Tally(), threading.Lock()
    until = time.monotonic() + seconds
    spread = BETWEEN_VOTES / max(1, visitors)
    threads = [
        threading.Thread(target=visit, args=(address, f"{kind}{n}", n * spread, until, tally, lock))
        for n in range(visitors)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return tally


def line(what: str, values: list[float], alone: list[float]) -> str:
    """Median and 95th percentile, and the median beside that of one visitor alone."""
    if not values or not alone:
        return f"  {what}: none"
    high = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    median, peer = statistics.median(values), statistics.median(alone)
    return f"  {what}: median {median:.2f} s, 95 % below {high:.2f} s ({len(values)}); one visitor alone {peer:.2f} s: {median / peer:.1f} x"


def bench_sharing() -> None:
    """Print what 20 visitors see. Exits if a vote that was thanked for is not in the file, or the other way round."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        for name in ("one", "two"):
            shutil.copytree(KEPT_BASE, root / name)
        keeper = Keeper(root)
        state = keeper.start(Asked(str(root), "try", ("one", "two"), PASSWORD, link="none"))
        try:
            warm = load(state.local, "warm", 1, WARM_SECONDS)  # loads the models
            alone = load(state.local, "alone", 1, ALONE_SECONDS)
            many = load(state.local, "many", VISITORS, SECONDS)
        finally:
            keeper.stop()
        kept = len((root / ".compare" / "votes.jsonl").read_text(encoding="utf-8").splitlines())
    wrong = [*warm.wrong, *alone.wrong, *many.wrong]
    thanked = warm.votes + alone.votes + many.votes
    print(f"\nShared app, {VISITORS} visitors for {SECONDS:g} s, two checkpoints of the demo's base model:")
    print(line("a page", many.pages, alone.pages))
    print(line("a ballot, both answers written", many.ballots, alone.ballots))
    print(f"  votes: {thanked} thanked for, {kept} kept, {many.refused} asked to wait; {len(wrong)} errors")
    for one in wrong[:5]:
        print(f"    {one}")
    if kept != thanked:
        sys.exit("a vote was lost")


if __name__ == "__main__":
    bench_sharing()
