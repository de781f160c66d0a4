"""What a visitor may do with the shared checkpoints: ask and vote, within bounds that are looked at here, on the server."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dashboard.compare.ballot import RANDOM as RANDOM_ORDER
from dashboard.compare.ballot import Ballot, Shuffle, ballot_html, keep, new_ballot, next_prompt, waiting_html
from dashboard.compare.panes_view import panes_html
from dashboard.compare.prompt_sets import held_out
from dashboard.html import note
from dashboard.sharing.limits import (
    CHECKPOINTS,
    PROMPT_CHARACTERS,
    PROMPTS_A_MINUTE,
    PROMPTS_A_MINUTE_ALL,
    TOKENS,
    VOTES,
)
from dashboard.sharing.logins import Visitor
from dashboard.sharing.rates import Rates
from dashboard.sharing.shown import Shown
from dashboard.texts import Words
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import answer_rows

HOTTEST = 2.0
LONGEST_KEY = 2  # of a ballot: a number of answers, or a letter
EXAMPLES, LONGEST_EXAMPLE = 6, 120  # prompts, characters: two lines of them
MOST_OPEN = 500  # ballots that wait for a choice
Answering = Callable[[WorkerPool, Sequence[Row]], Iterator[list[Pane]]]


@dataclass(frozen=True)
class Caller:
    """Who calls: the visitor's key as the gate has told it, and the tab's session. Nothing else of a request is believed."""

    key: str
    session: str


class Beside(str):
    """A refusal as HTML that stands beside what was answered last, instead of in its place."""

    __slots__ = ()


class Trial:
    """One shared link's asking and voting. `known`: the visitor of a key, None once logged out."""

    def __init__(
        self,
        shown: Shown,
        known: Callable[[str], Visitor | None],
        answering: Answering = answer_rows,
        clock: Callable[[], float] = time.monotonic,
        shuffle: Shuffle = RANDOM_ORDER.shuffle,
    ) -> None:
        self.shown = shown
        self._known = known
        self._answering = answering
        self._shuffle = shuffle
        self._rates = Rates(PROMPTS_A_MINUTE, PROMPTS_A_MINUTE_ALL, clock)
        # Fixed when sharing begins: what is saved later is not shared until it is shared anew.
        self.offered: dict[str, Source] = {one.name: one for one in shown.offered(int(CHECKPOINTS))}
        self._ballots: dict[Caller, Ballot] = {}
        self._asked: dict[Caller, tuple[str, ...]] = {}
        self._votes: dict[str, int] = {}
        self._prompts = 0
        self._lock = threading.Lock()

    def counted(self) -> tuple[int, int]:
        """How many prompts were put to models so far, ballots included, and how many votes were kept."""
        with self._lock:
            return self._prompts, sum(self._votes.values())

    def ask(self, caller: Caller, prompt: object, names: object, temperature: object, words: Words) -> Iterator[str]:
        """The chosen checkpoints' answers as HTML, growing; or in one sentence why there are none."""
        sources = self.sources(names)
        told = self.refusal(caller, prompt, words) or ("" if sources else words("share.not_offered"))
        told = told or self.too_often(caller, words)
        if told:
            yield Beside(note(told, "warning"))
            return
        said = str(prompt).strip()
        rows = [row(one, said, heat(temperature)) for one in sources]
        for panes in self._answering(self.shown.pool, rows):
            if self._known(caller.key) is None:
                yield note(words("share.logged_out"), "warning")
                return
            yield panes_html(panes, said, words)

    def ballot(self, caller: Caller, prompt: object, words: Words) -> Iterator[str]:
        """The next ballot as HTML: the answers of all shared checkpoints, shuffled and without names."""
        said = str(prompt).strip() if isinstance(prompt, str) else ""
        with self._lock:
            asked = self._asked.get(caller, ())
        if not said:
            found = next((one for name in self.shown.names if (one := next_prompt(self.shown, name, asked))), None)
            said = found.text if found else ""
        told = self.refusal(caller, said, words, empty="share.no_prompts")
        if not told and len(self.offered) < 2:
            told = words("vote.too_few")
        if not told and self._votes.get(self.person(caller), 0) >= VOTES:
            told = words("share.enough_votes", most=int(VOTES))
        told = told or self.too_often(caller, words)
        if told:
            yield Beside(note(told, "warning"))
            return
        with self._lock:
            self._ballots.pop(caller, None)
        blank = new_ballot([{"role": "user", "content": said}], list(self.offered), 0, self._shuffle)
        panes: list[Pane] = []
        for panes in self._answering(self.shown.pool, [row(self.offered[name], said, 0.0) for name in blank.shown]):
            yield waiting_html(panes, said, words)
        ready = blank.answered(panes)
        with self._lock:
            while len(self._ballots) >= MOST_OPEN:
                self._ballots.pop(next(iter(self._ballots)))
            self._ballots[caller] = ready
            if len(self._asked) >= MOST_OPEN:
                self._asked.pop(next(iter(self._asked)))
            self._asked[caller] = (*asked, said)
        yield ballot_html(ready, words)

    def choose(self, caller: Caller, key: object, words: Words) -> str | None:
        """Keep the choice on the caller's own ballot, once, and say so; None where there is nothing to choose.

        What the browser sends is not to be trusted: the ballot lies here, and knows what may be chosen.
        """
        visitor = self._known(caller.key)
        if visitor is None:
            return note(words("share.logged_out"), "warning")
        pressed = key if isinstance(key, str) and len(key) <= LONGEST_KEY else ""
        with self._lock:
            open_ballot = self._ballots.get(caller)
            if open_ballot is None:
                return None
            if pressed == "n":
                del self._ballots[caller]
                return ""
            vote = open_ballot.vote(pressed, visitor.name)
            if vote is None:
                return None
            del self._ballots[caller]
            self._votes[visitor.name] = count = self._votes.get(visitor.name, 0) + 1
        try:
            keep(self.shown, vote)
        except OSError:
            return note(words("share.not_kept"), "error")
        return note(words("share.thanks", count=count), "good")

    def examples(self, most: int = EXAMPLES) -> list[str]:
        """Held-out prompts of the shared runs that visitors may start from, each once."""
        found: dict[str, None] = {}
        for run in self.shown.runs()[0]:
            found |= dict.fromkeys(one.text for one in held_out(run) if len(one.text) <= LONGEST_EXAMPLE)
            if len(found) >= most:
                break
        return list(found)[:most]

    def refusal(self, caller: Caller, prompt: object, words: Words, empty: str = "share.ask_something") -> str:
        """Why this prompt is not asked; empty if it may be."""
        if self._known(caller.key) is None:
            return words("share.logged_out")
        if not isinstance(prompt, str) or not prompt.strip():
            return words(empty)
        if len(prompt) > PROMPT_CHARACTERS:
            return words("share.too_long", count=len(prompt), most=int(PROMPT_CHARACTERS))
        return ""

    def too_often(self, caller: Caller, words: Words) -> str:
        """Why the visitor has to wait; empty if not, and then this prompt is counted."""
        wait = self._rates.take(self.person(caller))
        with self._lock:
            self._prompts += not wait
        return words("share.too_often", seconds=math.ceil(wait)) if wait else ""

    def person(self, caller: Caller) -> str:
        """Whom the caller's prompts and votes are counted for: the name, which stays when somebody logs in again."""
        visitor = self._known(caller.key)
        return visitor.name if visitor else ""

    def sources(self, names: object) -> list[Source]:
        """The shared checkpoints of these names, each once; none if one of them is not shared."""
        if not isinstance(names, list | tuple) or not all(
            isinstance(one, str) and one in self.offered for one in names
        ):
            return []
        return [self.offered[one] for one in dict.fromkeys(names)]


def row(source: Source, prompt: str, temperature: float) -> Row:
    """What is asked of one checkpoint."""
    return Row(source, ({"role": "user", "content": prompt},), Sampling(0, temperature, 1.0, int(TOKENS)))


def heat(temperature: object) -> float:
    """A temperature within its range; 0 for anything that is none."""
    if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not 0 <= temperature < math.inf:
        return 0.0
    return float(min(HOTTEST, temperature))
