"""The blind vote: answers shuffled and without names, a choice, and what all choices say together."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.compare.panes_view import answer_html, grid, name_html
from dashboard.compare.prompt_sets import held_out
from dashboard.html import note, text
from dashboard.texts import Words
from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.prompts import Message, Prompt
from diagnostics.compare.scoring.scorers import Scorer, scorer_of
from diagnostics.compare.voting.agreement import Agreement, agreements
from diagnostics.compare.voting.preferences import preferences, write_preferences
from diagnostics.compare.voting.ratings import Rating, Ratings, ratings
from diagnostics.compare.voting.scored_votes import scored_votes
from diagnostics.compare.voting.votes import BOTH_BAD, TIE, KeptVotes, Vote, Voter, add_vote, read_votes

FOLDER, FILE = ".compare", "votes.jsonl"
# What a key or a button of the page means beside the numbers of the answers.
CHOICES = {"0": TIE, "t": TIE, "b": BOTH_BAD}
Shuffle = Callable[[list[str]], None]
RANDOM = secrets.SystemRandom()


def votes_path(clinic: Clinic) -> Path:
    """Where votes are kept: beside the runs, since they span runs, and a run is never changed."""
    return clinic.root / FOLDER / FILE


@dataclass(frozen=True)
class Ballot:
    """One vote to be cast. `shown`: the sources in the order of the page, which the page itself never learns."""

    messages: tuple[Message, ...]
    shown: tuple[str, ...]
    seed: int
    texts: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether all have answered, so that a choice can be made."""
        return len(self.texts) == len(self.shown)

    def answered(self, panes: Sequence[Pane]) -> Ballot:
        """The ballot once its answers are there; those that failed are left out of it."""
        whole = {one.source.name: one.text for one in panes if one.state == "done"}
        shown = tuple(name for name in self.shown if name in whole)
        return replace(self, shown=shown, texts=tuple(whole[name] for name in shown))

    def vote(self, key: str, by: str = "") -> Vote | None:
        """The vote that a key casts: `1` to the number of answers, `0` or `t` a tie, `b` both bad. None for any other."""
        chosen = CHOICES.get(key.lower())
        # Looked up and not read as a number: it comes from a browser, and may be thousands of digits.
        keys = {str(place): name for place, name in enumerate(self.shown, 1)}
        chosen = chosen or keys.get(key)
        if chosen is None or not self.open or len(self.shown) < 2:
            return None
        texts = dict(zip(self.shown, self.texts, strict=True))
        return Vote(self.messages, texts, self.shown, chosen, "person", time.time(), self.seed, by.strip())


def new_ballot(
    messages: Sequence[Message], names: Sequence[str], seed: int, shuffle: Shuffle = RANDOM.shuffle
) -> Ballot:
    """A ballot in an order that nobody can foresee."""
    order = list(names)
    shuffle(order)
    return Ballot(tuple(messages), tuple(order), seed)


def next_prompt(
    clinic: Clinic, run: str | None, asked: Sequence[str], choose: Callable[[Sequence[Prompt]], Prompt] = secrets.choice
) -> Prompt | None:
    """A held-out prompt of a run that was not asked yet; None when all were, or there is none."""
    found = clinic.run(run) if run else None
    left = [one for one in held_out(found) if one.text not in asked] if found else []
    return choose(left) if left else None


def waiting_html(panes: Sequence[Pane], prompt: str, words: Words) -> str:
    """The prompt while it is answered. Nothing is shown until all are done: speed would tell who is who."""
    done = sum(pane.over for pane in panes)
    told = words("vote.answering", done=done, count=len(panes))
    return f'<div class="asked">{text(prompt)}</div><div class="quiet">{text(told)}</div>'


def ballot_html(ballot: Ballot, words: Words) -> str:
    """The answers under their numbers, with a button each, and those for a tie and for both bad."""
    if len(ballot.shown) < 2:
        return note(words("vote.too_few"), "error")
    cards = "".join(
        f'<div class="pane"><div class="pane-name">{number}</div><div class="answer">{answer_html(answer, words)}</div>'
        f'<button class="choice" data-choice="{number}">{text(words("vote.choose", number=number))}</button></div>'
        for number, answer in enumerate(ballot.texts, 1)
    )
    others = "".join(
        f'<button class="choice" data-choice="{key}">{text(words(f"vote.{name}"))} <kbd>{key.upper()}</kbd></button>'
        for key, name in (("t", "tie"), ("b", "both_bad"), ("n", "next"))
    )
    same = note(words("vote.all_same")) if len(set(ballot.texts)) == 1 else ""
    before = "".join(
        f'<div class="turn turn-{text(one["role"])}">{text(one["content"])}</div>' for one in ballot.messages[:-1]
    )
    return (
        f'{before}<div class="asked">{text(ballot.messages[-1]["content"])}</div>{same}'
        f'{grid(cards, len(ballot.shown))}<div class="choices">{others}</div>'
        f'<div class="quiet">{text(words("vote.keys", count=len(ballot.shown)))}</div>'
    )


def keep(clinic: Clinic, vote: Vote) -> None:
    """Keep a vote.

    Raises:
        OSError: it cannot be written.
    """
    add_vote(votes_path(clinic), vote)


def kept(clinic: Clinic) -> KeptVotes:
    """All votes so far."""
    return read_votes(votes_path(clinic))


def results_html(found: KeptVotes, words: Words) -> str:
    """What all votes say: ratings of people's votes, and how far people, judges and rewards agree."""
    of_people = [one for one in found.votes if one.voter == "person"]
    if not of_people:
        return note(words("vote.none_yet"))
    damaged = note(words("vote.unreadable", count=found.unreadable), "warning") if found.unreadable else ""
    return damaged + ratings_html(ratings(of_people), words) + agreement_html(agreements(found.votes), words)


def ratings_html(found: Ratings, words: Words) -> str:
    """The ratings with their intervals on one axis, the highest first."""
    ends = [end for one in found.rows for end in (one.rating, one.low, one.high) if end is not None]
    low, high = min(ends), max(ends)
    width = max(high - low, 1.0)
    rows = "".join(rating_row(one, low - 0.05 * width, 1.1 * width, words) for one in found.rows)
    heads = "".join(
        f'<th scope="col"{kind}>{text(words(f"vote.{one}"))}</th>'
        for one, kind in (("source", ""), ("rating", ' class="wide"'), ("number", ""), ("record", ""))
    )
    apart = "" if found.connected else note(words("vote.not_connected"), "warning")
    return (
        f'<div class="quiet">{text(words("vote.ratings_help", votes=found.votes))}</div>{apart}'
        f'<div class="scroll"><table class="forest"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def rating_row(one: Rating, start: float, width: float, words: Words) -> str:
    """One source's rating."""

    def at(value: float) -> float:
        """A rating's place on the axis, in percent."""
        return 100 * (value - start) / width

    line, limits = "", text(words("vote.few"))
    if one.low is not None and one.high is not None:
        line = f'<i class="line" style="left:{at(one.low):.2f}%;width:{at(one.high) - at(one.low):.2f}%"></i>'
        limits = f"[{one.low:.0f}, {one.high:.0f}]"
    return (
        f'<tr><th scope="row">{name_html(one.source)}</th><td class="wide"><div class="forest-line forest-info">'
        f'{line}<i class="dot" style="left:{at(one.rating):.2f}%"></i></div></td>'
        f"<td>{one.rating:.0f} <small>{limits}</small></td>"
        f"<td>{one.wins} / {one.ties} / {one.losses}</td></tr>"
    )


def agreement_html(found: Sequence[Agreement], words: Words) -> str:
    """How far each two kinds of voters agree, beyond chance."""
    rows = []
    for one in found:
        facts = {
            "first": words(f"vote.voter_{one.first}"),
            "second": words(f"vote.voter_{one.second}"),
            "items": one.items,
            "raw": 100 * (one.raw or 0.0),
        }
        told = words("vote.agree", **facts)
        if one.kappa is not None:
            limits = f" [{one.low:.2f}, {one.high:.2f}]" if one.low is not None and one.high is not None else ""
            told += f" Cohen κ = {one.kappa:.2f}{limits}."
        rows.append(note(told))
    return "".join(rows) or f'<div class="quiet">{text(words("vote.no_agreement"))}</div>'


def answers_voted(votes: Sequence[Vote]) -> AnswerSet:
    """The answers that people voted on as a set that can be scored: each vote is a prompt of its own."""
    people = [one for one in votes if one.voter == "person"]
    prompts = tuple(Prompt(number, one.prompt) for number, one in enumerate(people))
    sources = tuple(dict.fromkeys(name for one in people for name in one.shown))
    answers = {
        (name, number, 0): Answer(name, number, 0, answer, 0, "end")
        for number, one in enumerate(people)
        for name, answer in one.answers.items()
    }
    return AnswerSet(sources, prompts, (0,), answers)


def scorer_written(spec: str) -> Scorer:
    """The reward function or the judge that a field names.

    Raises:
        ScorerUnusable: it is neither.
    """
    spec = spec.strip()
    return scorer_of("judge" if spec.startswith(("http://", "https://")) else "function", spec)


def keep_scored(clinic: Clinic, scorer: Scorer, answers: AnswerSet) -> int:
    """Keep what a scorer prefers among the answers that people voted on; what it voted on before is not kept again.

    Returns how many votes were added.

    Raises:
        OSError: they cannot be written.
    """
    voter: Voter = "judge" if scorer.kind == "judge" else "reward"
    by = scorer.what
    known = {ballot_of(one) for one in kept(clinic).votes if one.voter == voter and one.by == by}
    added = 0
    for one in scored_votes(answers, scorer.name, voter, time=time.time()):
        if ballot_of(one) not in known:
            known.add(ballot_of(one))
            keep(clinic, replace(one, by=by))
            added += 1
    return added


def ballot_of(vote: Vote) -> str:
    """What was voted on, whoever did."""
    return json.dumps([vote.prompt, sorted(vote.answers.items())], ensure_ascii=False)


def preference_file(clinic: Clinic) -> tuple[Path, str, int] | None:
    """The votes as a preference data set in a file of its own, what was left out, and its rows; None without any."""
    found = preferences([one for one in kept(clinic).votes if one.voter == "person"])
    if not found.rows:
        return None
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / "preferences.jsonl"
    write_preferences(path, found)
    left_out = found.ties + found.both_bad + found.same_text + found.no_text
    return path, f"{left_out}", len(found.rows)
