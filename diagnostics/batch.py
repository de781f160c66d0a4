"""Judges all runs of a folder, in parallel processes where there are many."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from diagnostics.engine import diagnose
from diagnostics.report.folder import FolderReport, Row, Unreadable, natural, row_of, worst_first
from diagnostics.report.formats import FORMATS
from diagnostics.report.words import Lang
from diagnostics.run import RunUnreadable, is_run, open_run
from diagnostics.run.refusal import Sentence

# Fewer runs than this are judged before the processes have started.
PARALLEL_FROM = 16
# Large enough that handing out work costs nothing, small enough that no process is left with the last many runs.
LARGEST_CHUNK = 16


@dataclass(frozen=True)
class Member:
    """A run of a folder, named by its path below the folder."""

    name: str
    path: Path


@dataclass(frozen=True)
class Job:
    """What is to be done with each run: which format in which language."""

    format: str
    lang: Lang


Progress = Callable[[int, int], None]
Outcome = Row | Unreadable


def members(folder: Path) -> list[Member]:
    """The runs directly below a folder, and one level deeper those of a child that is no run itself.

    Names that begin with a dot or an underscore are not runs.

    Raises:
        OSError: the folder cannot be listed.
    """
    found = []
    for child in below(folder):
        if seems_run(child):
            found.append(Member(child.name, child))
        else:
            found += [Member(f"{child.name}/{one.name}", one) for one in readable_below(child) if seems_run(one)]
    return sorted(found, key=lambda one: natural(one.name))


def seems_run(folder: Path) -> bool:
    """Whether a folder is a run, or may not be looked into: then opening it will say so by name."""
    try:
        return is_run(folder)
    except OSError:
        return True


def below(folder: Path) -> Iterator[Path]:
    """The folders in a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith((".", "_")):
                yield folder / entry.name


def readable_below(folder: Path) -> list[Path]:
    """The folders in a folder; none if it may not be listed: what lies in it is not known to be a run."""
    try:
        return list(below(folder))
    except OSError:
        return []


def judge_folder(
    folder: Path, found: Sequence[Member], job: Job, progress: Progress = lambda done, of: None
) -> FolderReport:
    """Judge the runs of a folder. `progress` is told how many are done, of how many."""
    outcomes = judge_here(found, job, progress) if len(found) < PARALLEL_FROM else judge_apart(found, job, progress)
    rows = sorted((one for one in outcomes if isinstance(one, Row)), key=worst_first)
    return FolderReport(folder, tuple(rows), tuple(one for one in outcomes if isinstance(one, Unreadable)))


def judge_here(found: Sequence[Member], job: Job, progress: Progress) -> list[Outcome]:
    """Judge runs one after the other in this process."""
    outcomes = []
    for place, member in enumerate(found):
        progress(place, len(found))
        outcomes.append(judge(member, job))
    progress(len(found), len(found))
    return outcomes


def judge_apart(found: Sequence[Member], job: Job, progress: Progress) -> list[Outcome]:
    """Judge runs in processes of their own, in the order given.

    A process that dies takes its pool with it, and with that the runs that others were at. They are judged again one by
    one, each in a process of its own: only the one that is the cause is lost.
    """
    workers = min(os.cpu_count() or 1, len(found))
    size = max(1, min(LARGEST_CHUNK, len(found) // (workers * 4)))
    chunks = [list(range(start, min(start + size, len(found)))) for start in range(0, len(found), size)]
    outcomes: dict[int, Outcome] = {}
    progress(0, len(found))
    for chunk, judged in in_pool(found, chunks, job, workers):
        outcomes.update(zip(chunk, judged, strict=True))
        progress(len(outcomes), len(found))
    for place, member in enumerate(found):
        if place not in outcomes:
            alone = [judged for _, [judged] in in_pool(found, [[place]], job, 1)]
            outcomes[place] = alone[0] if alone else died(member)
            progress(len(outcomes), len(found))
    return [outcomes[place] for place in range(len(found))]


def in_pool(
    found: Sequence[Member], chunks: list[list[int]], job: Job, workers: int
) -> Iterator[tuple[list[int], list[Outcome]]]:
    """Chunks with their outcomes, as they are done; those that a dying process took with it are left out."""
    pool = ProcessPoolExecutor(workers, initializer=die_quietly)
    try:
        waiting: dict[Future[list[Outcome]], list[int]] = {
            pool.submit(judge_chunk, [found[place] for place in chunk], job): chunk for chunk in chunks
        }
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = waiting.pop(future)
                try:
                    yield chunk, future.result()
                except BrokenProcessPool:
                    continue
    finally:
        # Also when the user pressed Ctrl-C: what has not begun is dropped, what has ends within its chunk.
        pool.shutdown(cancel_futures=True)


def die_quietly() -> None:
    """In a judging process: Ctrl-C ends it at once, without a traceback for each."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def judge_chunk(chunk: list[Member], job: Job) -> list[Outcome]:
    """Judge a few runs; what comes back is small: rows, and text already in the format asked for."""
    return [judge(member, job) for member in chunk]


def judge(member: Member, job: Job) -> Outcome:
    """Judge one run."""
    try:
        run = replace(open_run(member.path), name=member.name)
        diagnosis = diagnose(run)
        return row_of(run, diagnosis, FORMATS[job.format].part(run, diagnosis, job.lang))
    except RunUnreadable as error:
        return Unreadable(str(member.path), error.sentence)
    except Exception as error:  # whatever is wrong with one run, a fault of ours too, must not cost the others
        return Unreadable(str(member.path), f"{member.path}: {type(error).__name__}: {error}")


def died(member: Member) -> Unreadable:
    """A run whose judging process did not live to say anything."""
    return Unreadable(
        str(member.path),
        Sentence(
            f"{member.path}: the process that read it died; most often the machine is out of memory.",
            f"{member.path}：读取它的进程已死；多半是机器的内存用尽了。",
        ),
    )
