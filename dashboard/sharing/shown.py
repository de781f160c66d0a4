"""What a shared server sees of a runs folder: the chosen runs, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dashboard.clinic import Clinic
from diagnostics.compare.models.sources import Source
from diagnostics.compare.voting.votes import KeptVotes
from diagnostics.run import Run, RunUnreadable
from diagnostics.run.refusal import sentence_of


class Shown(Clinic):
    """A clinic that knows the chosen runs only. Pages that are given it cannot show, or ask, another one."""

    def __init__(self, root: Path, names: Sequence[str], asked: Sequence[str] = ()) -> None:
        """See the runs of these names. `asked`: the names of the checkpoints that visitors may ask; none: the last ones."""
        super().__init__(root)
        self.names = tuple(names)
        self.asked = tuple(asked)

    def runs(self) -> tuple[list[Run], dict[str, str]]:
        """The chosen runs in the order of their choice, and why some cannot be read."""
        found: list[Run] = []
        broken: dict[str, str] = {}
        for name in self.names:
            try:
                found.append(self.store.get(name))
            except (RunUnreadable, OSError) as error:
                broken[name] = sentence_of(error)
        return found, broken

    def run(self, name: str) -> Run | None:
        """A chosen run; None for any other, whether it is there or not."""
        return super().run(name) if name in self.names else None

    def signature(self) -> str:
        """Changes whenever a chosen run has."""
        return " ".join(f"{run.name} {id(run)}" for run in self.runs()[0])

    def offered(self, most: int) -> list[Source]:
        """The checkpoints that may be asked: those that were chosen, else the last of each chosen run that answers prompts."""
        if self.asked:
            return [one for one in self.checkpoints() if one.name in self.asked][:most]
        last: dict[str, Source] = {}
        for one in self.checkpoints():
            last[str(one.run)] = one
        return list(last.values())[:most]

    def start_demo(self, lang: str = "en") -> None:
        """A shared server starts nothing.

        Raises:
            PermissionError: always.
        """
        raise PermissionError("A shared server starts no training.")


def votes_between(found: KeptVotes, names: Sequence[str]) -> KeptVotes:
    """The votes in which all answers are of these runs: others would tell of runs that are not shared."""
    mine = [one for one in found.votes if all(name.partition("/")[0] in names for name in one.shown)]
    return replace(found, votes=tuple(mine), unreadable=0)
