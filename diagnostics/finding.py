"""What a rule found: built as a value first, put into words last.

A finding carries numbers and keys. The words, English and Chinese, stand in the rule's file beside the check, and
`report/words.py` joins the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from diagnostics.against import Against
    from diagnostics.keep import Keep

Severity = Literal["error", "warning", "info"]
Safety = Literal["safe", "ask", "show"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Limit(float):
    """A threshold of a rule: a number that carries its unit and where it comes from, for the rule's page.

    `source`: the work, the code or the runs it was taken from; "ours" where it was chosen here, and why.
    """

    unit: str
    source: str

    def __new__(cls, value: float, unit: str, source: str) -> Limit:
        """Make the number with its unit and source."""
        made = super().__new__(cls, value)
        made.unit = unit
        made.source = source
        return made

    def __reduce__(self) -> tuple[type[Limit], tuple[float, str, str]]:
        """Pickled and copied whole: the attributes are arguments of `__new__`."""
        return (Limit, (float(self), self.unit, self.source))


@dataclass(frozen=True)
class Edit:
    """One change to a run's config: the argument's name, its value in the run (None: not set), its new value.

    `removed`: the argument is taken out, because it has another name today or says nothing; then `new` is None.
    """

    path: str
    old: Any
    new: Any
    removed: bool = False


@dataclass(frozen=True)
class Fix:
    """One way to mend the cause, as edits on the config of a child run. The run itself is never changed.

    `key` names its title among the rule's words. `safety`: `safe` changes no result that was right before, `ask`
    changes what is trained, `show` needs a person's hand. `steps`: the changes that it is made of, where there are several;
    their titles, among the rule's `steps`, are then its own.
    """

    key: str
    safety: Safety
    edits: tuple[Edit, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class SeriesEvidence:
    """A curve to look at: its tag, the steps to mark, and up to a dozen (step, value) pairs around the first mark."""

    tag: str
    marks: tuple[int, ...]
    rows: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class TextEvidence:
    """Lines of a file to look at."""

    file: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class TableEvidence:
    """Rows of values to look at: rows of a data set, pairs side by side, rewards by probe.

    `head` and the cells are shown as they are, long ones shortened; the first cell of a row says where it is from.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Evidence = SeriesEvidence | TextEvidence | TableEvidence


@dataclass(frozen=True)
class Finding:
    """One fault of one run.

    `confidence`: 0 to 1, the authors' judgement of how often a finding like this is right; what would make it wrong
    is said by the rule's `wrong_if`. `facts`: the numbers that the rule's sentences name. `causes`: keys, most likely
    first. `explains`: rules whose findings are symptoms of this one and were folded under it.
    """

    rule: str
    severity: Severity
    confidence: float
    first_step: int
    last_step: int
    facts: Mapping[str, Any]
    evidence: tuple[Evidence, ...]
    causes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    explains: tuple[str, ...] = ()

    def explaining(self, others: tuple[str, ...]) -> Finding:
        """The same finding with further rules folded under it."""
        return replace(self, explains=tuple(dict.fromkeys((*self.explains, *others))))


@dataclass(frozen=True)
class Words:
    """A rule's sentences in one language; `{name}` stands for a fact of the finding (a fix's for a fact of the fix).

    `title` a few words; `summary` what happened where, one sentence or one for each value of the fact `kind`; `why` why
    it matters, `wrong_if` what would make it wrong,
    `causes` and `fixes` by key, `about` the page that `explain` prints. `more`: further sentences of the summary, of which
    the fact `more` names those that are said. `steps`: titles of what a fix may be made of; `and` among them joins two.
    """

    title: str
    summary: str | Mapping[str, str]
    why: str
    wrong_if: str
    causes: Mapping[str, str]
    fixes: Mapping[str, str]
    about: str
    more: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)


class CannotJudge(Exception):
    """A rule saw too little to say anything. `reason` is a key of `REASONS` in report/words.py."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True)
class NotChecked:
    """A rule that could not judge a run, and why."""

    rule: str
    reason: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Diagnosis:
    """All that the clinic says of one run: findings, gravest first, and what was not checked.

    `judged`: how many rules saw enough to judge. `keep` and `against` are there where they were asked for: which
    checkpoint to keep (its weights are read for that), and where the run parted from another.
    """

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    judged: int = 0
    keep: Keep | None = None
    against: Against | None = None
