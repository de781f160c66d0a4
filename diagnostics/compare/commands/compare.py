"""`compare`: several checkpoints answer the same prompts, and what the numbers allow to be said of them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.cache import AnswerCache
from diagnostics.compare.collect import Collected, Plan, collect
from diagnostics.compare.commands.asking import (
    FOUND,
    INTERRUPTED,
    OK,
    BadInput,
    closed,
    model_workers,
    sampling_of,
)
from diagnostics.compare.commands.progress import Progress, left
from diagnostics.compare.comparison import Comparison, comparison
from diagnostics.compare.models.fingerprint import FileHash, digest, hashes_of
from diagnostics.compare.models.sources import Source, SourceUnusable, check_usable, named_apart, source_of
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.prompts import Prompt, PromptsUnreadable, read_prompts
from diagnostics.compare.report.formats import FORMATS
from diagnostics.compare.scoring.judge import Judged, judge_of, judge_pairs
from diagnostics.compare.scoring.scorers import Scorer, ScorerUnusable, score, scorer_of
from diagnostics.compare.statistics.null_baseline import Changed, null_baseline
from diagnostics.output import refuse, tell, tell_place, to_file, to_stdout, unwritable, unwritten
from diagnostics.run.refusal import Sentence, said


@dataclass(frozen=True)
class Asked:
    """What was asked for, once it has been looked through."""

    plan: Plan
    base: str
    scorers: tuple[Scorer, ...]
    judge: Source | None
    null_baseline: bool = False


def compare(arguments: argparse.Namespace) -> int:
    """Compare, and give the report. 0: done; 1: --fail-on worse, and it is; 2: it cannot be done; 130: interrupted."""
    if arguments.out and (reason := unwritable(arguments.out)):
        return refuse(reason, arguments.lang)
    progress = Progress()
    try:
        asked = asked_of(arguments)
        found = carry_out(asked, arguments.cache, progress)
    except (BadInput, OSError) as error:
        progress.wipe()
        return refuse(error, arguments.lang)
    except KeyboardInterrupt:
        progress.wipe()
        kept = Sentence(
            f"Interrupted: the answers so far are kept in {arguments.cache}; the same command goes on from there.",
            f"已中断：到此为止的回答保存在 {arguments.cache}；用同样的命令可从那里继续。",
        )
        tell(kept, arguments.lang)
        return INTERRUPTED
    report = FORMATS[arguments.format](found, arguments.lang)
    try:
        if arguments.out:
            to_file(report, arguments.out)
            tell_place(arguments.out, arguments.lang)
        else:
            to_stdout(report)
    except OSError as error:
        return refuse(unwritten(arguments.out, error), arguments.lang)
    return FOUND if arguments.fail_on and found.shown_worse(found.others[-1]) else OK


def asked_of(arguments: argparse.Namespace) -> Asked:
    """Look through what was asked, before anything is loaded.

    Raises:
        BadInput: some of it cannot be done.
    """
    if len(arguments.checkpoints) < 2:
        raise BadInput(
            "compare: at least two checkpoints are needed; the first is the base.",
            "compare：至少需要两个检查点；第一个为基准。",
        )
    try:
        sources = named_apart([source_of(spec) for spec in arguments.checkpoints])
        for one in sources:
            check_usable(one)
        prompts = read_prompts(arguments.prompts)
        judge = judge_of(arguments.judge) if arguments.judge else None
        scorers = scorers_of(arguments, prompts, judge)
    except (SourceUnusable, PromptsUnreadable, ScorerUnusable) as error:
        raise BadInput.of(error) from error
    names = [one.name for one in sources]
    base = arguments.base or names[0]
    if base in arguments.checkpoints:
        base = names[arguments.checkpoints.index(base)]
    if base not in names:
        raise BadInput(
            f"--base {base}: is none of {', '.join(names)}.", f"--base {base}：不在 {'、'.join(names)} 之中。"
        )
    sampling, seeds = sampling_of(arguments), seeds_of(arguments.seeds)
    if scorers and not (arguments.reward or arguments.reward_model or arguments.reference):
        nearness = Sentence(
            "No scorer was named: the answers are scored by their nearness to the references (chrf).",
            "没有指定打分器：按与参考回答的接近程度（chrf）打分。",
        )
        tell(nearness, arguments.lang)
    plan = Plan(tuple(sources), prompts, sampling, seeds, arguments.system)
    return Asked(plan, base, scorers, judge, arguments.null_baseline)


def scorers_of(arguments: argparse.Namespace, prompts: Sequence[Prompt], judge: Source | None) -> tuple[Scorer, ...]:
    """The scorers that were named; without any, nearness to the reference answers if there are some.

    Raises:
        ScorerUnusable: one is none.
    """
    scorers = [scorer_of("function", one) for one in arguments.reward]
    scorers += [scorer_of("model", one) for one in arguments.reward_model]
    scorers += [scorer_of("reference", one) for one in arguments.reference]
    if not scorers and judge is None and any(one.reference is not None for one in prompts):
        scorers = [scorer_of("reference", "chrf")]
    return tuple(scorers)


def seeds_of(spec: str) -> tuple[int, ...]:
    """The seeds, as `0,1,2`.

    Raises:
        BadInput: they are no different whole numbers.
    """
    try:
        seeds = tuple(int(one) for one in spec.split(","))
    except ValueError:
        seeds = ()
    if not seeds or len(set(seeds)) < len(seeds) or not all(0 <= one < 2**63 for one in seeds):
        raise BadInput(
            f"--seeds {spec}: expected different whole numbers from 0 on, such as 0,1,2.",
            f"--seeds {spec}：应为从 0 起的不同整数，例如 0,1,2。",
        )
    return seeds


def named(name: str, why: str) -> Sentence:
    """A reason with the name of what it is about."""
    why_zh = said(why, "zh")
    return Sentence(f"{name}: {why}", f"{name}：{why_zh}")


def carry_out(asked: Asked, cache: Path, progress: Progress) -> Comparison:
    """Answer, score, judge.

    Raises:
        BadInput: not one answer came, or none of the base.
        OSError: the cache's folder cannot be written.
    """
    plan = asked.plan
    with model_workers() as pool:
        collected = answered(pool, plan, cache, progress)
        changed = against_chance(pool, asked, collected.answers, progress) if asked.null_baseline else []
    answers = collected.answers
    missing = {name: why if why.startswith(name) else named(name, why) for name, why in collected.errors.items()}
    if not answers.of(asked.base) or not any(answers.of(one.name) for one in plan.sources if one.name != asked.base):
        raise BadInput.of(next(iter(missing.values()), Sentence("No answers came.", "没有得到任何回答。")))
    with closed(score(answers, asked.scorers)) as states:
        for state in states:
            progress.say(f"{state.now}: {state.done} of {state.of} scores{left(state.seconds_left)}")
            answers = state.answers
            missing |= {name: why for name, why in state.errors.items() if name not in missing}
    lost = {name: n for name, n in state.lost.items() if n}
    missing |= {name: f"{missing[name]} {n} scores are missing." for name, n in lost.items() if name in missing}
    judged = by_judge(asked, answers, progress) if asked.judge else []
    missing |= {f"judge of {one.right}": one.error for one in judged if one.error}
    progress.wipe()
    same = same_weights(plan.sources, cache)
    return comparison(plan.sources, asked.base, answers, plan.sampling, plan.system, judged, missing, same, changed)


def same_weights(sources: Sequence[Source], cache: Path) -> dict[str, str]:
    """By source, the names of those before it that answer from the very same weights."""
    hashes = AnswerCache(cache).hashes
    before: dict[str, list[str]] = {}
    same = {}
    for one in sources:
        files: tuple[FileHash, ...] = ()
        with contextlib.suppress(OSError):  # a checkpoint that was deleted meanwhile has answered all the same
            files = hashes_of(one, hashes)
        if files:
            twins = before.setdefault(digest(files, one, weights_only=True), [])
            if twins:
                same[one.name] = ", ".join(twins)
            twins.append(one.name)
    return same


def answered(pool: WorkerPool, plan: Plan, cache: Path, progress: Progress) -> Collected:
    """Collect the answers.

    Raises:
        OSError: the cache's folder cannot be written.
    """
    with closed(collect(pool, AnswerCache(cache), plan)) as states:
        for state in states:
            known = f" ({state.cached} known from before)" if state.cached else ""
            note = f"; {state.notes[-1]}" if state.notes else ""
            progress.say(f"{state.done} of {state.of} answers{known}{left(state.seconds_left)}{note}")
    return state


def against_chance(pool: WorkerPool, asked: Asked, answers: AnswerSet, progress: Progress) -> list[Changed]:
    """Measure each source's change against random ones."""
    sources = asked.plan.sources
    base = next(one for one in sources if one.name == asked.base)
    found: list[Changed] = []
    with closed(null_baseline(pool, base, sources, answers)) as states:
        progress.say("random changes of the same size: measuring")
        for one in states:
            found.append(one)
            progress.say(f"random changes of the same size: {len(found)} of {len(sources) - 1} sources")
    return found


def by_judge(asked: Asked, answers: AnswerSet, progress: Progress) -> list[Judged]:
    """Let the judge choose between the base and each other source, in both orders, on the first seed."""
    assert asked.judge is not None
    first = replace(answers, seeds=answers.seeds[:1])
    judged = []
    for source in answers.sources:
        if source != asked.base:
            with closed(judge_pairs(asked.judge, first, asked.base, source)) as states:
                for state in states:
                    progress.say(f"judge: {state.done} of {state.of} verdicts on {source}")
            judged.append(state)
    return judged
