"""The comparison without its page: which sources to offer, is the question sound, what do the kept scores say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.compare.panes_view import verdict
from dashboard.html import note
from dashboard.texts import Words
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, checkpoint, named_apart, source_of
from diagnostics.compare.prompts import Message
from diagnostics.compare.statistics.paired import difference, kept_rewards
from diagnostics.compare.statistics.scores import reward_names
from diagnostics.run.folder import CHECKPOINT
from diagnostics.run.refusal import said

# Where nothing lies: what a name that is no checkpoint's stands for.
NOWHERE = Path(".workers") / "no-such-checkpoint"
# The turns so far of each source's own conversation, by the source's name.
Talk = Mapping[str, tuple[Message, ...]]


def choices(clinic: Clinic, added: Sequence[Source] = ()) -> list[str]:
    """The names of all checkpoints, then those of the models that the visitor has added."""
    return [one.name for one in (*clinic.checkpoints(), *added)]


def asked_for(there: Sequence[str], checkpoints: str, runs: Sequence[str]) -> list[str]:
    """What an address names, of what is there: checkpoints between commas, else the last one of each of its runs."""
    named = [one for one in checkpoints.split(",") if one in there]
    lasts = [own[-1] for run in runs if (own := [one for one in there if one.rpartition("/")[0] == run])]
    return named or lasts


def with_before(clinic: Clinic, wanted: list[str]) -> list[str]:
    """A checkpoint that was asked for alone comes with what it is measured against: what its run started from, before it.

    Where that is none of the checkpoints here, it is the first checkpoint of its own run.
    """
    if len(wanted) != 1:
        return wanted
    there = clinic.checkpoints()
    run = next((clinic.run(one.run) for one in there if one.name == wanted[0] and one.run), None)
    if run is None:
        return wanted
    origin = Path(str(run.asked.get("model_name_or_path") or run.config.get("model_name_or_path") or "")).absolute()
    parents = [one.name for one in there if origin in (one.folder.absolute(), one.folder.absolute().parent)]
    own = [one.name for one in there if one.run == run.name]
    before = parents[-1] if parents else own[0]
    return [before, *wanted] if before != wanted[0] else wanted


def first_choice(clinic: Clinic) -> list[str]:
    """What to compare before the user says: before and after.

    The last checkpoint of the first run and of the last; while the last belongs to the demo, of the two runs that the
    demo's plan names, because its last is not its best.
    """
    last: dict[str, Source] = {}
    for one in clinic.checkpoints():
        last[one.run or one.name] = one
    named_by_plan = clinic.demo_comparison()
    stages = {stage["name"] for stage in clinic.demo_plan()}
    if named_by_plan and last.keys() >= set(named_by_plan) and next(reversed(last)) in stages:
        return [last[name].name for name in named_by_plan]
    ends = [one.name for one in last.values()]
    return [ends[0], ends[-1]] if len(ends) > 1 else ends


def with_added(clinic: Clinic, added: Sequence[Source], spec: str) -> tuple[Source, ...]:
    """The visitor's models with one more, under a name that nothing else has.

    Raises:
        SourceUnusable: it is written in no known form, or is not there.
    """
    new = source_of(spec)
    if any(replace(one, name=new.name) == new for one in added):
        return tuple(added)
    return (*added, named_apart([*clinic.checkpoints(), *added, new])[-1])


def named(clinic: Clinic, names: Sequence[str], added: Sequence[Source] = ()) -> list[Source]:
    """The sources of these names, in their order; one that has gone keeps its place, and its pane will say so.

    The names come from a browser: only a checkpoint of a known run is looked for in the folder, no other path is.
    """
    there = {one.name: one for one in (*clinic.checkpoints(), *added)}
    runs = {run.name for run in clinic.runs()[0]}
    found = []
    for name in names:
        run, _, folder = name.partition("/")
        known = run in runs and CHECKPOINT.fullmatch(folder)
        gone = clinic.root / run / folder if known else clinic.root / NOWHERE
        found.append(there.get(name) or replace(checkpoint(run, 0, gone), name=name))
    return found


def base_choice(names: Sequence[str], now: str | None) -> str | None:
    """The pane that others are measured against: the chosen one while it is there, else the first."""
    return now if now in names else (names[0] if names else None)


def rewards_of(clinic: Clinic) -> list[str]:
    """The rewards that any run's kept answers were judged by."""
    return list(dict.fromkeys(name for run in clinic.runs()[0] for name in reward_names(run)))


@dataclass(frozen=True)
class Question:
    """What the user asks of which sources, as the page's fields hold it. `talk`: what was said before, by source."""

    names: list[str]
    prompt: str | None
    system: str | None
    seed: float | None
    temperature: float
    top_p: float
    budget: float
    added: Sequence[Source] = ()
    talk: Talk = field(default_factory=dict)

    def problem(self, words: Words) -> str | None:
        """Why it cannot be asked, in a sentence; None if it can."""
        if not self.names:
            return words("compare.choose")
        own = {one.name for one in self.added}
        if any(name not in own and (len(name.split("/")) != 2 or ".." in name) for name in self.names):
            return words("compare.gone", name=", ".join(self.names))
        if not (self.prompt or "").strip():
            return words("compare.ask")
        try:
            self.sampling()
        except (ValueError, TypeError) as error:
            return said(error, words.lang)
        return None

    def messages(self, name: str | None = None) -> list[Message]:
        """The conversation that is sent; with a source's name, after what was said with it before."""
        system, prompt = self.system or "", self.prompt or ""
        return [
            *([{"role": "system", "content": system}] if system.strip() else []),
            *(self.talk.get(name, ()) if name else ()),
            {"role": "user", "content": prompt},
        ]

    def rows(self, sources: Sequence[Source]) -> list[Row]:
        """What is asked of each source."""
        return [Row(one, tuple(self.messages(one.name)), self.sampling()) for one in sources]

    def sampling(self) -> Sampling:
        """How the answers are drawn.

        Raises:
            ValueError: a value is out of its range.
        """
        return Sampling(int(self.seed or 0), float(self.temperature), float(self.top_p), int(self.budget))

    def continued(self, panes: Sequence[Pane]) -> Talk:
        """The conversations after these answers; a source that failed is left where it was, to be asked again."""
        more = {
            one.source.name: (
                *self.talk.get(one.source.name, ()),
                {"role": "user", "content": self.prompt or ""},
                {"role": "assistant", "content": one.text},
            )
            for one in panes
            if one.state == "done"
        }
        return {**self.talk, **more}


def verdict_html(clinic: Clinic, names: Sequence[str], base: str | None, reward: str | None, words: Words) -> str:
    """What the kept scores say of each chosen checkpoint against the base; a note where they say nothing, and why."""
    if not names and not choices(clinic):
        return note(words("compare.none"))
    if reward is None:
        return note(words("compare.no_scores"))
    if len(names) < 2:
        return note(words("compare.choose_second")) if names else ""
    kept = {one.name: kept_of(clinic, one, reward) for one in named(clinic, names)}
    left = base_choice(names, base) or names[0]
    pairs = {right: difference(kept[left], kept[right]) for right in names if right != left}
    sentences = [verdict(found, left, right, words) for right, found in pairs.items() if found]
    unsaid = [right for right, found in pairs.items() if not found]
    if unsaid:
        sentences.append(note(words("compare.unscored", names=", ".join(unsaid), base=left)))
    count = max(map(len, kept.values()))
    help_text = note(words("compare.scores_help", reward=reward, count=count)) if count else ""
    return "".join(sentences) + help_text


def kept_of(clinic: Clinic, source: Source, reward: str) -> dict[str, float]:
    """The rewards that a run kept of a checkpoint's answers, by prompt; none for a source that is no run's."""
    run = clinic.run(source.run) if source.run else None
    return kept_rewards(run, source.step or 0, reward) if run else {}
