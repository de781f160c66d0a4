"""The two answers on top of the Runs page: is the newest checkpoint better than the first, and why did a run fail."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.html import link, text
from dashboard.runs.marks import NOTHING
from dashboard.texts import Words
from diagnostics.compare.statistics.paired import Difference, difference, kept_rewards
from diagnostics.compare.statistics.scores import reward_names
from diagnostics.report.words import in_words
from diagnostics.run import Run

# More lost runs than that are read in the table.
MOST_FAILED = 2


@dataclass(frozen=True)
class Gain:
    """What the last kept answers of a run say against those of another. `before`, `after`: checkpoints as `run/checkpoint-N`."""

    before: str
    after: str
    found: Difference


def answers_html(clinic: Clinic, words: Words, addresses: Addresses) -> str:
    """Both answers as cards, each with the link to where it can be checked; a card that has nothing to say is left out."""
    found = gain(clinic)
    cards = [gain_card(found, words, addresses)] if found else []
    failed = lost_runs(clinic)
    cards += [failed_card(clinic, failed, words, addresses)] if failed else []
    return f'<div class="first-answers">{"".join(cards)}</div>' if cards else ""


def gain(clinic: Clinic) -> Gain | None:
    """Before against after: the runs that the demo's plan names, once both are judged; else the first and the newest sound run.

    None where no two runs have kept scored answers to the same prompts.
    """
    scored = {
        run.name: step
        for run in listed_runs(clinic)
        if (step := clinic.kept(run, "scored-step", scored_step)) is not None
    }
    planned = clinic.demo_comparison()
    if planned and scored.keys() >= set(planned):
        before, after = planned
    else:
        sound = [name for name in scored if not is_lost(clinic, name)]
        if len(sound) < 2:
            return None
        before, after = sound[0], sound[-1]
    left, right = clinic.run(before), clinic.run(after)
    if left is None or right is None:
        return None
    steps = (scored[before], scored[after])
    # Kept with the newer run; the older one's answers are told apart by their number.
    key = ("gain", before, len(left.samples), steps)
    found = clinic.kept(right, key, lambda run: difference(scores(left, steps[0]), scores(run, steps[1])))
    return Gain(f"{before}/checkpoint-{steps[0]}", f"{after}/checkpoint-{steps[1]}", found) if found else None


def listed_runs(clinic: Clinic) -> list[Run]:
    """The runs that are not archived, the oldest first."""
    marks, _ = clinic.marks_now()
    return [run for run in clinic.runs()[0] if not marks.get(run.name, NOTHING).archived]


def scored_step(run: Run) -> int | None:
    """The last checkpoint of a run that scored answers were kept of; None if there is none."""
    if run.method == "reward" or not run.checkpoints:
        return None
    judged = {one.step for one in run.samples if one.rewards}
    return max(judged & run.checkpoints.keys(), default=None)


def scores(run: Run, step: int) -> dict[str, float]:
    """The first reward of each prompt at a step."""
    names = reward_names(run)
    return kept_rewards(run, step, names[0]) if names else {}


def is_lost(clinic: Clinic, name: str) -> bool:
    """Whether a finding says that the run is lost; while it is not judged yet, it is not said."""
    run = clinic.run(name)
    diagnosis = clinic.latest_diagnosis(run) if run else None
    return diagnosis is not None and any(one.severity == "error" for one in diagnosis.findings)


def lost_runs(clinic: Clinic) -> list[Run]:
    """The runs that the rules call lost, the newest first."""
    return [run for run in reversed(listed_runs(clinic)) if is_lost(clinic, run.name)]


def gain_card(found: Gain, words: Words, addresses: Addresses) -> str:
    """Which of the two is better, and by how much."""
    kind = "better" if found.found.low > 0 else "worse" if found.found.high < 0 else "open"
    names = [text(name.partition("/")[0]) for name in (found.before, found.after)]
    by = words(
        f"runs.gain_{kind}",
        difference=found.found.mean,
        low=found.found.low,
        high=found.found.high,
        count=found.found.count,
    )
    page = addresses.href("compare", words.lang)
    more = link(page, text(words("runs.to_compare")), checkpoints=f"{found.before},{found.after}")
    said = f"<p><b>{names[0]} → {names[1]}</b> {text(by)}</p>"
    return card(words("runs.better"), {"better": "good", "worse": "bad", "open": "calm"}[kind], said + f"<p>{more}</p>")


def failed_card(clinic: Clinic, runs: list[Run], words: Words, addresses: Addresses) -> str:
    """What was found in the lost runs, and since when."""
    page, said = addresses.href("diagnose", words.lang), []
    for run in runs[:MOST_FAILED]:
        diagnosis = clinic.latest_diagnosis(run)
        if diagnosis is None:
            continue
        worst = in_words(diagnosis.findings[0], words.lang)
        since = words("runs.lost", title=worst.title, step=worst.first_step)
        more = link(page, text(words("runs.to_diagnose")), run=run.name)
        said.append(f"<p><b>{text(run.name)}</b> {text(since)} {text(worst.summary)} {more}</p>")
    if len(runs) > MOST_FAILED:
        said.append(f'<p class="quiet">{text(words("runs.lost_more", count=len(runs) - MOST_FAILED))}</p>')
    return card(words("runs.failed"), "bad", "".join(said))


def card(title: str, kind: str, body: str) -> str:
    """One answer under its question. `body` is HTML."""
    return f'<section class="first-answer first-{kind}"><h2>{text(title)}</h2>{body}</section>'
