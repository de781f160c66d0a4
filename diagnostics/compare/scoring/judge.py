"""A model behind an endpoint as a judge: of pairs of answers in both orders, or of answers one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.endpoints.client import Limits
from diagnostics.compare.endpoints.writer import EndpointWriter
from diagnostics.compare.models.mailbox import Request, Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, SourceUnusable, source_of
from diagnostics.compare.prompts import Message
from diagnostics.compare.scoring.both_orders import Preference
from diagnostics.compare.scoring.judge_words import Choice, pair_messages, read_choice
from diagnostics.run.refusal import Sentence

POLL_SECONDS = 0.05
BEAT_SECONDS = 0.5  # an iterator can be closed only where it yields
MOST_TOKENS = 1024  # a reason and a verdict; models that think aloud need the most of it
Outcome = Literal["left", "right", "tie"]


@dataclass(frozen=True)
class JudgedPair:
    """What a judge says of two answers to one prompt with one seed, left and right.

    `orders`: its choice with left shown first, and with right shown first, as sides; None where it could not be read.
    `error`: why a verdict is missing.
    """

    prompt: int
    seed: int
    orders: tuple[Outcome | None, Outcome | None]
    error: str | None = None

    @property
    def outcome(self) -> Outcome | None:
        """The side that won in both orders, else `tie`; None if either order has no verdict: that is no tie.

        As in MT-Bench (Zheng et al. 2023, section 3.4).
        """
        if None in self.orders:
            return None
        return self.orders[0] if self.orders[0] == self.orders[1] else "tie"

    @property
    def flipped(self) -> bool:
        """Whether the judge chose the same place both times, not the same answer."""
        return set(self.orders) == {"left", "right"}


@dataclass(frozen=True)
class Judged:
    """How far a judge is with a pair of sources. `done` of `of` requests; two for each pair of answers."""

    left: str
    right: str
    verdicts: tuple[JudgedPair, ...]
    done: int
    of: int
    error: str | None = None

    @property
    def unreadable(self) -> int:
        """Pairs without a verdict: the judge could not be read, or did not answer."""
        return sum(one.outcome is None for one in self.verdicts)

    @property
    def flipped(self) -> int:
        """Pairs in which the judge chose by the place."""
        return sum(one.flipped for one in self.verdicts)

    def preferences(self, seed: int) -> dict[int, tuple[Preference, Preference]]:
        """By prompt, what was preferred when right stood first, and when it stood second; readable ones of one seed.

        The form that `diagnostics.compare.scoring.both_orders` takes, with right as the source and left as what it is held against.
        """
        leading: dict[Outcome, Preference] = {"right": "first", "left": "second", "tie": "tie"}
        trailing: dict[Outcome, Preference] = {"right": "second", "left": "first", "tie": "tie"}
        return {
            one.prompt: (leading[second], trailing[first])
            for one in self.verdicts
            if one.seed == seed and (first := one.orders[0]) is not None and (second := one.orders[1]) is not None
        }

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """Pairs by their outcome, from which unreadable ones are missing."""
        return {side: sum(one.outcome == side for one in self.verdicts) for side in ("left", "tie", "right")}


def judge_of(spec: str) -> Source:
    """A judge as it is written: `URL#MODEL`.

    Raises:
        SourceUnusable: it is none.
    """
    source = source_of(spec) if spec.startswith(("http://", "https://")) else None
    if source is None:
        raise SourceUnusable(
            f"{spec}: is no judge; expected the address of an endpoint, http://HOST:PORT/v1#MODEL.",
            f"{spec}：不是评审模型；应为端点的地址 http://HOST:PORT/v1#MODEL。",
        )
    return source


def ask_judge(
    judge: Source, asked: Sequence[tuple[Message, ...]], limits: Limits | None = None
) -> Iterator[list[Pane]]:
    """Ask a judge several things at once; yields the panes whenever more are over, and twice a second. Closing cancels."""
    sampling = Sampling(max_new_tokens=MOST_TOKENS)
    request = Request("answer", tuple(Row(judge, messages, sampling) for messages in asked))
    writer = EndpointWriter(request, range(len(asked)), [Pane(judge) for _ in asked], limits)
    over, told = -1, 0.0
    try:
        while over < len(asked):
            panes = writer.step()
            now = sum(pane.over for pane in panes)
            if now > over or time.monotonic() - told > BEAT_SECONDS:
                over, told = now, time.monotonic()
                yield panes
            else:
                time.sleep(POLL_SECONDS)
    finally:
        writer.cancel()


def judge_pairs(
    judge: Source, answers: AnswerSet, left: str, right: str, limits: Limits | None = None
) -> Iterator[Judged]:
    """Let a judge choose between the answers of two sources, each pair in both orders; yields how far it is.

    The same answer twice is a tie without asking. Closing the iterator cancels.
    """
    prompts = {one.number: one for one in answers.prompts}
    pairs = [pair for one in answers.of(left) if (pair := paired(answers, one, right)) is not None]
    differ = [(one, other) for one, other in pairs if one.text != other.text]
    asked = []
    for one, other in differ:
        prompt = prompts[one.prompt]
        asked += [
            pair_messages(prompt.messages, *order, prompt.reference)
            for order in ((one.text, other.text), (other.text, one.text))
        ]
    same = tuple(JudgedPair(one.prompt, one.seed, ("tie", "tie")) for one, other in pairs if one.text == other.text)
    state = Judged(left, right, same, 2 * len(same), 2 * len(pairs))
    yield state
    for panes in ask_judge(judge, asked, limits) if asked else ():
        found = [
            verdict(one, panes[2 * at], panes[2 * at + 1])
            for at, (one, _) in enumerate(differ)
            if panes[2 * at].over and panes[2 * at + 1].over
        ]
        state = replace(
            state,
            verdicts=(*same, *found),
            done=2 * len(same) + sum(pane.over for pane in panes),
            error=next((pane.error for pane in panes if pane.error), None),
        )
        yield state


def paired(answers: AnswerSet, one: Answer, other: str) -> tuple[Answer, Answer] | None:
    """An answer with the other source's to the same prompt and seed; None if that is missing."""
    found = answers.answers.get((other, one.prompt, one.seed))
    return (one, found) if found is not None and found.stop != "error" else None


def verdict(one: Answer, first: Pane, second: Pane) -> JudgedPair:
    """The verdict of a pair from the judge's two texts."""
    orders = (
        side(first, {"A": "left", "B": "right", "tie": "tie"}),
        side(second, {"A": "right", "B": "left", "tie": "tie"}),
    )
    error = first.error or second.error
    if None in orders and error is None:
        error = Sentence("the judge's text holds no verdict", "评审模型的文本里没有结论")
    return JudgedPair(one.prompt, one.seed, orders, error)


def side(pane: Pane, sides: Mapping[Choice, Outcome]) -> Outcome | None:
    """The side that a judge's text chose."""
    choice = read_choice(pane.text) if pane.state == "done" else None
    return sides[choice] if choice else None
