"""The comparison without its page: which checkpoints to offer, is the question sound, what do the kept scores say."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.panes_view import verdict
from dashboard.texts import Words
from diagnostics.compare.mailbox import Row, Sampling
from diagnostics.compare.paired import difference, kept_rewards
from diagnostics.compare.scores import reward_names
from diagnostics.compare.sources import Source, checkpoint


def choices(clinic: Clinic) -> list[str]:
    """The names of all checkpoints."""
    return [one.name for one in clinic.checkpoints()]


def first_choice(clinic: Clinic) -> list[str]:
    """What to compare before the user says: before and after. The last checkpoint of the first run and of the last."""
    last: dict[str, Source] = {}
    for one in clinic.checkpoints():
        last[one.run or one.name] = one
    ends = [one.name for one in last.values()]
    return [ends[0], ends[-1]] if len(ends) > 1 else ends


def named(clinic: Clinic, names: list[str]) -> list[Source]:
    """The checkpoints of these names, in their order; one that has gone keeps its place, and its pane will say so."""
    there = {one.name: one for one in clinic.checkpoints()}
    found = []
    for name in names:
        run, _, folder = name.partition("/")
        found.append(there.get(name) or checkpoint(run, 0, clinic.root / run / folder))
    return found


def rewards_of(clinic: Clinic) -> list[str]:
    """The rewards that any run's kept answers were judged by."""
    return list(dict.fromkeys(name for run in clinic.runs()[0] for name in reward_names(run)))


@dataclass(frozen=True)
class Question:
    """What the user asks of which checkpoints, as the page's fields hold it."""

    names: list[str]
    prompt: str | None
    system: str | None
    seed: float | None
    temperature: float
    top_p: float
    budget: float

    def problem(self, words: Words) -> str | None:
        """Why it cannot be asked, in a sentence; None if it can."""
        if not self.names:
            return words("compare.choose")
        if any(len(name.split("/")) != 2 or ".." in name for name in self.names):
            return words("compare.gone", name=", ".join(self.names))
        if not (self.prompt or "").strip():
            return words("compare.ask")
        try:
            self.sampling()
        except (ValueError, TypeError) as error:
            return str(error)
        return None

    def messages(self) -> list[dict[str, str]]:
        """The conversation that is sent."""
        system, prompt = self.system or "", self.prompt or ""
        return [
            *([{"role": "system", "content": system}] if system.strip() else []),
            {"role": "user", "content": prompt},
        ]

    def rows(self, sources: list[Source]) -> list[Row]:
        """What is asked of each source."""
        return [Row(one, tuple(self.messages()), self.sampling()) for one in sources]

    def sampling(self) -> Sampling:
        """How the answers are drawn.

        Raises:
            ValueError: a value is out of its range.
        """
        return Sampling(int(self.seed or 0), float(self.temperature), float(self.top_p), int(self.budget))


def verdict_html(clinic: Clinic, names: list[str], reward: str | None, words: Words) -> str:
    """What the kept scores say of the first against the last chosen checkpoint; a note where there are none."""
    if not names and not choices(clinic):
        return note(words("compare.none"))
    if reward is None:
        return note(words("compare.no_scores"))
    chosen = named(clinic, [names[0], names[-1]]) if len(names) > 1 else []
    kept = []
    for one in chosen:
        run = clinic.run(one.run) if one.run else None
        kept.append(kept_rewards(run, one.step or 0, reward) if run else {})
    found = difference(*kept) if len(kept) == 2 else None
    count = len(max(kept, key=len)) if kept else 0
    help_text = note(words("compare.scores_help", reward=reward, count=count)) if count else ""
    return (verdict(found, names[0], names[-1], words) if found else "") + help_text
