"""A bisect as the page shows it: the form, the steps taken, the range that is left, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.clinic import Clinic
from dashboard.compare.comparison import Question
from dashboard.compare.panes_view import answer_html, body_html
from dashboard.html import link, note, pill, text
from dashboard.plots.curves import MARK, metric_figure
from dashboard.texts import Words
from diagnostics.compare.bisecting.around import Around, around
from diagnostics.compare.bisecting.checks import Check, CheckUnusable, Looked, check_of, look
from diagnostics.compare.bisecting.search import BisectState, Outcome
from diagnostics.compare.collect import answer_of
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, SourceUnusable, checkpoints_of
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.judge import judge_of
from diagnostics.run import Run
from diagnostics.run.refusal import said

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

KINDS = ("matches", "lacks", "reward", "judge", "eye")
SIGNS = {True: ("✗", "bad"), False: ("✓", "fine"), None: ("?", "untold")}
CURVES = 3


@dataclass(frozen=True)
class Search:
    """A search under way: what is asked of which run's checkpoints, and how an answer is judged."""

    run: str
    check: Check
    question: Question
    judge: Source | None
    state: BisectState

    @property
    def prompt(self) -> Prompt:
        """What is asked, as a check gets it."""
        return Prompt(0, tuple(self.question.messages()))

    def judged(self, pane: Pane) -> Looked:
        """What the check says of an answer."""
        return look(self.check, self.prompt, answer_of(pane, 0, self.question.sampling().seed), self.judge)


def new_search(
    clinic: Clinic, run: str | None, kind: str, what: str, judge: str, question: Question, words: Words
) -> Search:
    """The search that the form asks for.

    Raises:
        CheckUnusable: a field cannot be used. The message is one sentence.
    """
    found = clinic.run(run) if run else None
    sources = checkpoints_of([found]) if found else []
    if found is None or len(sources) < 2:
        raise CheckUnusable.of(words("bisect.too_few"))
    if not (question.prompt or "").strip():
        raise CheckUnusable.of(words("compare.ask"))
    try:
        question.sampling()
        asked = judge_of(judge.strip()) if kind == "judge" else None
    except (ValueError, TypeError, SourceUnusable) as error:
        raise CheckUnusable.of(error) from error
    check = check_of("eye" if kind == "eye" else f"{kind}:{what.strip()}")
    return Search(found.name, check, question, asked, BisectState(tuple(one.name for one in sources)))


def source_at(clinic: Clinic, search: Search, place: int) -> Source | None:
    """The checkpoint at a place; None if it has gone meanwhile."""
    run = clinic.run(search.run)
    there = {one.name: one for one in checkpoints_of([run])} if run else {}
    return there.get(search.state.names[place])


def search_html(search: Search, words: Words, place: int | None = None, pane: Pane | None = None) -> str:
    """The track of checkpoints, the answer that is being looked at, and the looks so far, the newest first."""
    now = ""
    if place is not None and pane is not None:
        body = note(said(pane.error, words.lang), "error") if pane.error else body_html(pane, words)
        now = (
            f'<div class="pane here"><div class="pane-name">{text(step_name(search.state.names[place], words))}</div>'
            f"{body}</div>"
        )
    looks = "".join(
        f'<tr><th scope="row">{sign(one.looked.broken, words)} {text(step_name(search.state.names[one.place], words))}'
        f"</th><td>{answer_html(one.looked.text, words)}<small>{text(said(one.looked.why, words.lang))}</small></td></tr>"
        for one in reversed(search.state.looks)
    )
    table = f'<div class="scroll"><table class="answers timeline">{looks}</table></div>' if looks else ""
    outcome = search.state.outcome
    found = outcome_html(search, outcome, words) if outcome is not None and place is None else ""
    return f"{found}{track_html(search.state, words, place)}{now}{table}"


def step_name(name: str, words: Words) -> str:
    """A checkpoint of the run, by its step."""
    step = name.rpartition("-")[2]
    return words("time.step", step=step) if step.isdigit() else name


def sign(broken: bool | None, words: Words) -> str:
    """The mark of a verdict, with its word for those who do not see it."""
    mark, kind = SIGNS[broken]
    return f'<span class="sign sign-{kind}" title="{text(words(f"bisect.{kind}"))}">{mark}</span>'


def track_html(state: BisectState, words: Words, place: int | None) -> str:
    """All checkpoints in a row: what is known of each, and which may still be the first broken one."""
    seen = state.seen
    low, high = state.range
    stops = []
    for number, name in enumerate(state.names):
        mark = sign(seen[number], words) if number in seen else '<span class="sign">○</span>'
        kinds = ["stop"]
        kinds += ["now"] if number == place else []
        kinds += ["open"] if low < number < high and number not in seen else []
        step = name.rpartition("-")[2]
        stops.append(f'<span class="{" ".join(kinds)}" title="{text(name)}">{mark}<small>{text(step)}</small></span>')
    left = sum(low < number < high and number not in seen for number in range(len(state.names)))
    told = words("bisect.progress", looks=len(state.looks), left=left)
    return f'<div class="track">{"".join(stops)}</div><div class="quiet">{text(told)}</div>'


def outcome_html(search: Search, outcome: Outcome, words: Words) -> str:
    """What was found, in sentences."""
    names = search.state.names

    def steps(places: tuple[int, ...]) -> str:
        return ", ".join(step_name(names[one], words) for one in places)

    facts = {
        "broken": step_name(names[outcome.broken], words) if outcome.broken is not None else "",
        "fine": step_name(names[outcome.fine], words) if outcome.fine is not None else "",
        "run": search.run,
    }
    key = outcome.kind.replace("-", "_")
    kind = {"found": "error", "broken-from-start": "error", "not-broken": "good"}.get(outcome.kind, "plain")
    parts = [note(words(f"bisect.{key}", **facts), kind)]
    if outcome.between and outcome.kind != "nothing-told":
        parts.append(note(words("bisect.between", steps=steps(outcome.between)), "warning"))
    if outcome.odd:
        parts.append(note(words("bisect.odd", steps=steps(outcome.odd)), "warning"))
    return "".join(parts)


def stretch(clinic: Clinic, search: Search) -> tuple[Run, Around] | None:
    """What the run logged between the last fine checkpoint and the first broken one; None if nothing was found."""
    outcome, run = search.state.outcome, clinic.run(search.run)
    if outcome is None or outcome.broken is None or run is None:
        return None
    steps = [step_of(name) for name in search.state.names]
    after = steps[outcome.fine] if outcome.fine is not None else 0
    return run, around(run, clinic.diagnosis(run), after, steps[outcome.broken])


def step_of(name: str) -> int:
    """The step in a checkpoint's name, 0 if it has none."""
    step = name.rpartition("-")[2]
    return int(step) if step.isdigit() else 0


def around_html(run: Run, found: Around, words: Words, diagnose: str) -> str:
    """Which findings and curves lie between the two checkpoints."""
    told = words("bisect.around", after=found.after, until=found.until)
    findings = " ".join(link(diagnose, pill(one.rule, one.severity), run=run.name) for one in found.findings)
    lines = [f'<div class="label">{text(told)}</div>']
    lines.append(f"<p>{findings or text(words('bisect.no_findings'))}</p>")
    if not found.moved:
        lines.append(f'<p class="quiet">{text(words("bisect.no_moves"))}</p>')
    for one in found.moved[:CURVES]:
        moved = words("bisect.moved", tag=one.tag, step=one.step, value=one.value, level=one.level, score=one.score)
        lines.append(f"<p>{text(moved)}</p>")
    return "".join(lines)


def around_figures(run: Run, found: Around, words: Words) -> list[Figure]:
    """The curves that moved most, with the stretch between the two checkpoints set off; the loss where none did."""
    tags = [one.tag for one in found.moved[:CURVES]] or ["train/loss"]
    figures = []
    for tag in tags:
        if run.get(tag) is not None:
            figure = metric_figure([run], tag, words)
            figure.add_vrect(x0=found.after, x1=found.until, fillcolor=MARK, opacity=0.12, line_width=0)
            figures.append(figure)
    return figures
