"""`bisect`: the first checkpoint of a run that fails a check, and what the run logged around it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from diagnostics.compare.answers import Answer
from diagnostics.compare.bisecting.around import Around, around
from diagnostics.compare.bisecting.checks import Check, CheckUnusable, Looked, check_of, look_at_all
from diagnostics.compare.bisecting.search import BisectState, Outcome, bisect
from diagnostics.compare.cache import AnswerCache
from diagnostics.compare.collect import Plan, collect
from diagnostics.compare.commands.asking import INTERRUPTED, OK, BadInput, closed, model_workers, sampling_of
from diagnostics.compare.commands.progress import Progress
from diagnostics.compare.models.sources import Source, SourceUnusable, checkpoints_of, named_apart, source_of
from diagnostics.compare.prompts import Prompt, PromptsUnreadable, read_prompts
from diagnostics.compare.report.search import FORMATS
from diagnostics.compare.scoring.judge import judge_of
from diagnostics.engine import diagnose
from diagnostics.output import refuse, tell, tell_place, to_file, to_stdout, unwritable, unwritten
from diagnostics.report.common import visible
from diagnostics.run import Run, RunUnreadable, is_run, open_run
from diagnostics.run.refusal import Sentence

STEP = re.compile(r"checkpoint-(\d+)$")


def bisect_checkpoints(arguments: argparse.Namespace) -> int:
    """Search, and give the report. 0: the search ended; 2: it cannot be done; 130: interrupted."""
    if arguments.out and (reason := unwritable(arguments.out)):
        return refuse(reason, arguments.lang)
    try:
        check = check_of(arguments.check)
        sources, run = checkpoints_in(arguments.path)
        state = search(arguments, check, sources)
        outcome = state.outcome
        assert outcome is not None
        there = logged_around(run, sources, outcome)
    except (BadInput, CheckUnusable, SourceUnusable, RunUnreadable, OSError) as error:
        return refuse(error, arguments.lang)
    except KeyboardInterrupt:
        kept = Sentence(
            f"\nInterrupted: the answers so far are kept in {arguments.cache}; the same command takes them from there.",
            f"\n已中断：到此为止的回答保存在 {arguments.cache}；用同样的命令可从那里取用。",
        )
        tell(kept, arguments.lang)
        return INTERRUPTED
    report = FORMATS[arguments.format](state, outcome, check, there, arguments.lang)
    try:
        if arguments.out:
            to_file(report, arguments.out)
            tell_place(arguments.out, arguments.lang)
        else:
            to_stdout(report)
    except OSError as error:
        return refuse(unwritten(arguments.out, error), arguments.lang)
    return OK


def checkpoints_in(paths: Sequence[str]) -> tuple[list[Source], Run | None]:
    """The checkpoints in their order, and the run whose log tells of them.

    Raises:
        BadInput: there are none.
        SourceUnusable: a path is no checkpoint.
        RunUnreadable: the run cannot be read.
    """
    first = Path(paths[0])
    if len(paths) == 1 and not first.is_dir():
        raise BadInput(f"{first}: there is no such run folder.", f"{first}：没有这个运行文件夹。")
    if len(paths) == 1:
        run = open_run(first)
        sources = checkpoints_of([run])
        if not sources:
            raise BadInput(
                f"{first}: has no checkpoints to look at; expected checkpoint-<step> folders.",
                f"{first}：没有可看的检查点；应有 checkpoint-<step> 文件夹。",
            )
        return sources, run
    sources = named_apart([source_of(one) for one in paths])
    parents = {Path(one.path).parent for one in sources}
    parent = parents.pop() if len(parents) == 1 else None
    return sources, open_run(parent) if parent is not None and parent.is_dir() and is_run(parent) else None


def search(arguments: argparse.Namespace, check: Check, sources: Sequence[Source]) -> BisectState:
    """Look at checkpoints until the search is over.

    Raises:
        BadInput: the prompt is empty, or there is nobody to ask.
        CheckUnusable: the check needs a judge, and none is named.
        SourceUnusable: the judge is none.
    """
    prompts = prompts_of(arguments)
    if check.kind == "eye" and len(prompts) > 1:
        raise BadInput(
            "--check eye: looks at one prompt; name it with --prompt.",
            "--check eye：只看一个提示；请用 --prompt 给出。",
        )
    if check.kind == "eye" and not sys.stdin.isatty():
        raise BadInput(
            "--check eye: needs a person at a terminal; standard input is none.",
            "--check eye：需要有人在终端前；标准输入不是终端。",
        )
    judge = judge_of(arguments.judge) if arguments.judge else None
    if check.kind == "judge" and judge is None:
        raise BadInput(
            f"--check {check}: name the judge with --judge URL#MODEL.",
            f"--check {check}：请用 --judge URL#MODEL 指定评审模型。",
        )
    if not 0 <= arguments.seed < 2**63:
        raise BadInput(
            f"--seed {arguments.seed}: expected a whole number from 0 on.",
            f"--seed {arguments.seed}：应为从 0 起的整数。",
        )
    sampling, progress = sampling_of(arguments), Progress()
    with model_workers() as pool:
        cache = AnswerCache(arguments.cache)

        def seen(source: Source) -> Looked:
            plan = Plan((source,), prompts, sampling, (arguments.seed,), arguments.system)
            with closed(collect(pool, cache, plan)) as states:
                *_, last = states
            answers = [last.answers.answers[source.name, one.number, arguments.seed] for one in prompts]
            progress.wipe()
            return by_eye(source, answers[0]) if check.kind == "eye" else look_at_all(check, prompts, answers, judge)

        state = BisectState(())
        for state in bisect(sources, seen):
            fault = fault_of(state)
            if fault is not None:
                raise BadInput.of(fault)
            low, high = state.range
            place = state.next()
            if place is not None:
                progress.say(
                    f"looking at {sources[place].name}; between {low + 1} and {min(high, len(sources) - 1) + 1}"
                )
        progress.wipe()
    return state


def prompts_of(arguments: argparse.Namespace) -> tuple[Prompt, ...]:
    """What the checkpoints are asked.

    Raises:
        BadInput: it is empty or cannot be read.
    """
    if arguments.prompts is not None:
        try:
            return read_prompts(arguments.prompts)
        except PromptsUnreadable as error:
            raise BadInput.of(error) from error
    if not arguments.prompt.strip():
        raise BadInput("--prompt: is empty.", "--prompt：为空。")
    return (Prompt(0, ({"role": "user", "content": arguments.prompt},)),)


def fault_of(state: BisectState) -> str | None:
    """Why there is no use in going on: the first two looks could not be told for one reason, which is the check's."""
    reasons = {one.looked.why for one in state.looks}
    untold = len(state.looks) == 2 and all(one.looked.broken is None for one in state.looks)
    return reasons.pop() if untold and len(reasons) == 1 else None


def by_eye(source: Source, answer: Answer, ask: Callable[[str], str] = input) -> Looked:
    """A person's verdict on an answer, at the terminal."""
    if answer.stop == "error":
        return Looked(None, answer.text, answer.error or Sentence("no answer", "没有回答"))
    print(f"\n{source.name}\n{visible(answer.text)}\n", file=sys.stderr)
    while True:
        try:
            said = ask("Is it fine? [y]es, [n]o, [s]kip: ").strip().lower()
        except EOFError:
            raise KeyboardInterrupt from None
        if said in ("y", "yes", "n", "no", "s", "skip"):
            fine = said.startswith("y")
            return Looked(None if said.startswith("s") else not fine, answer.text, Sentence("seen by eye", "人工判断"))


def step_of(source: Source) -> int | None:
    """A checkpoint's step."""
    found = STEP.search(Path(source.path).name)
    return source.step if source.step is not None else int(found[1]) if found else None


def logged_around(run: Run | None, sources: Sequence[Source], outcome: Outcome) -> Around | None:
    """What the run logged between the last fine checkpoint and the first broken one; None if that is not known."""
    if run is None or outcome.broken is None or not run.series:
        return None
    after = 0 if outcome.fine is None else step_of(sources[outcome.fine])
    until = step_of(sources[outcome.broken])
    return around(run, diagnose(run), after, until) if after is not None and until is not None else None
