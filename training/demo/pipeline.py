"""The demo's pipeline: its stages as ordinary runs of `python -m training start`, two at a time, each after what it needs.

<runs>/<stage>     one run a stage; recipes.py says which and from what
<runs>/.demo       the data, the untrained model, and plan.json: what will run, in which order, and what to compare
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diagnostics.compare.statistics.scores import scores_of
from diagnostics.package import python_path
from diagnostics.run import RunUnreadable, open_run
from diagnostics.run.files import read_json, write_json
from diagnostics.run.refusal import asked_lang, said
from diagnostics.run.status import read_status
from training.demo.data import write_post_training_data
from training.demo.recipes import SCORE, Stage, stages
from training.request import BadRequest

KEPT_BASE = Path(__file__).parent / "kept_base"
PLAN_FILE = "plan.json"
# Before and after, as soon as there is an after: DPO is the first stage to end that is better than the SFT model.
COMPARE = ("base", "dpo")
AT_ONCE = 2  # stages; each takes one core
STOPPED = 143


def run_demo(runs: Path, *, from_scratch: bool = False, seed: int | None = None) -> int:
    """Run the pipeline below `runs`; stages that are finished already are kept. 0 if every stage finished.

    `seed` seeds the training of all stages but the kept base; None: as in the demo that is there already, else 0.

    Raises:
        BadRequest: the folder cannot be written or holds the demo of another seed, another demo is at work in it, or no
            base model is kept.
    """
    if not from_scratch and not (KEPT_BASE / "run.json").exists():
        raise BadRequest(
            f"{KEPT_BASE}: the kept base model is missing; run the demo with --from-scratch.",
            f"{KEPT_BASE}：缺少随附的基础模型；请加 --from-scratch 运行演示。",
        )
    work = runs / ".demo"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(
            f"{runs}: cannot be written ({error.strerror}).", f"{runs}：无法写入（{error.strerror}）。"
        ) from error
    with sole_owner(work):
        began = time.monotonic()
        seed = planned_seed(work / PLAN_FILE, seed)
        todo = stages(work, seed)
        write_plan(work / PLAN_FILE, todo, seed)
        write_post_training_data(work)
        if not from_scratch:
            take_kept_base(runs / "base")
        code = Pipeline(runs, work).run(todo)
        print_scores(runs, todo)
        print(f"demo: {time.monotonic() - began:.0f} s in all")
        return code


def planned_seed(path: Path, seed: int | None) -> int:
    """The seed to run with: the one asked for, else that of the plan, else 0.

    Raises:
        BadRequest: a plan of another seed is there: its runs would be taken for those of this one.
    """
    try:
        there = read_json(path).get("seed", 0)
    except (OSError, ValueError, AttributeError):
        there = None
    if there is not None and seed is not None and there != seed:
        raise BadRequest(
            f"{path}: holds the demo of seed {there}; name another folder for seed {seed}.",
            f"{path}：里面是种子 {there} 的演示；种子 {seed} 请用另一个文件夹。",
        )
    return next((one for one in (seed, there) if isinstance(one, int)), 0)


def write_plan(path: Path, todo: Sequence[Stage], seed: int) -> None:
    """Write what will run: the stages in their order, with what each needs, and which two runs are before and after."""
    shown = [
        {"name": one.name, "method": one.method, "start": one.start, "needs": list(one.needs), "steps": one.steps}
        for one in todo
    ]
    write_json(path, {"seed": seed, "stages": shown, "compare": list(COMPARE)})


@contextmanager
def sole_owner(work: Path) -> Iterator[None]:
    """Hold `<work>/pid` while the demo runs, so that two demos never write the same runs.

    Raises:
        BadRequest: another demo that is still alive holds it.
    """
    from diagnostics.run.status import process_alive

    path = work / "pid"
    try:
        owner = read_json(path)
    except (OSError, ValueError):
        owner = None
    if isinstance(owner, int) and owner != os.getpid() and process_alive(owner):
        raise BadRequest(
            f"{work.parent}: a demo is at work there already (process {owner}).",
            f"{work.parent}：那里已有演示在运行（进程 {owner}）。",
        )
    write_json(path, os.getpid())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def take_kept_base(folder: Path) -> None:
    """Put the kept base run into the runs folder, unless one is there."""
    if (folder / "run.json").exists():
        return
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.copytree(KEPT_BASE, temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


class Pipeline:
    """Starts each stage as soon as those it needs have finished, and ends all that run when it is ended or one fails.

    `at_once`: how many may run at the same time; by default as many as there are cores, two at most.
    """

    def __init__(self, runs: Path, work: Path, at_once: int | None = None) -> None:
        self.runs = runs
        self.work = work
        self.at_once = at_once or min(AT_ONCE, os.cpu_count() or 1)
        self.children: dict[Stage, subprocess.Popen[bytes]] = {}
        self.said: dict[Stage, int] = {}
        self.stopped = False

    def run(self, todo: Sequence[Stage]) -> int:
        """Run the stages. 0: all finished; 1: one failed; 143: ended on request.

        Raises:
            BadRequest: a stage needs one that is not among them.
        """
        previous = {one: signal.signal(one, self._on_stop) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            return self._run(list(todo))
        finally:
            self._ask_to_end()
            for child in self.children.values():
                child.wait()
            for one, handler in previous.items():
                signal.signal(one, handler)

    def _run(self, waiting: list[Stage]) -> int:
        finished = {stage.name for stage in waiting if read_status(self.runs / stage.name).state == "finished"}
        for name in finished:
            print(f"demo: {name} is finished already", flush=True)
        waiting = [stage for stage in waiting if stage.name not in finished]
        while (waiting or self.children) and not self.stopped:
            ready = [stage for stage in waiting if finished.issuperset(stage.needs)]
            if not ready and not self.children:
                raise BadRequest(
                    f"demo: {waiting[0].name} needs {' and '.join(waiting[0].needs)}, of which one is no stage.",
                    f"demo：{waiting[0].name} 需要 {'、'.join(waiting[0].needs)}，其中有的不是演示的阶段。",
                )
            for stage in ready[: self.at_once - len(self.children)]:
                waiting.remove(stage)
                self._start(stage)
            time.sleep(0.2)
            for stage, child in list(self.children.items()):
                self._say_progress(stage)
                if child.poll() is None:
                    continue
                del self.children[stage]
                if child.returncode != 0 and not self.stopped:
                    reason = said(
                        read_status(self.runs / stage.name).reason or f"exit code {child.returncode}", asked_lang()
                    )
                    print(f"demo: {stage.name} failed: {reason}", flush=True)
                    return 1
                finished.add(stage.name)
        return STOPPED if self.stopped else 0

    def _on_stop(self, signum: int, frame: Any) -> None:
        self.stopped = True
        self._ask_to_end()

    def _ask_to_end(self) -> None:
        for child in list(self.children.values()):
            if child.poll() is None:
                child.terminate()

    def _start(self, stage: Stage) -> None:
        """Start a stage in a session of its own: an interrupt from the keyboard reaches this process alone."""
        shutil.rmtree(self.runs / stage.name, ignore_errors=True)
        if not stage.start:
            self._prepare_base()
        config = dict(stage.config)
        for key, source in (("model_name_or_path", stage.start), ("reward_model_name_or_path", stage.reward_model)):
            if source:
                config[key] = str(last_checkpoint(self.runs / source))
        config_file = self.work / f"{stage.name}.json"
        write_json(config_file, config)
        print(f"demo: {stage.name} starts ({stage.method}, {stage.steps} steps)", flush=True)
        command = self.command(stage, config_file)
        self.children[stage] = subprocess.Popen(command, env=stage_environment(), start_new_session=True)

    def command(self, stage: Stage, config_file: Path) -> list[str]:
        """The command line that trains a stage."""
        command = [sys.executable, "-m", "training", "start", "--method", stage.method]
        return [*command, "--config", str(config_file), "--run", str(self.runs / stage.name), "--quiet"]

    def _say_progress(self, stage: Stage) -> None:
        """Print how far a stage is, at each tenth."""
        status = read_status(self.runs / stage.name)
        tenth = 10 * status.step // status.max_steps if status.max_steps else -1
        if tenth > self.said.get(stage, -1):
            self.said[stage] = tenth
            print(f"demo: {stage.name} step {status.step} of {status.max_steps}", flush=True)

    def _prepare_base(self) -> None:
        """The untrained model and its corpus, in a process of its own: making them needs torch."""
        subprocess.run(
            [sys.executable, "-m", "training.demo.base_model", str(self.work)], env=stage_environment(), check=True
        )


def stage_environment() -> dict[str, str]:
    """The environment of a stage: offline, and one thread, for a model too small to share out."""
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": python_path(os.environ),
    }


def last_checkpoint(folder: Path) -> Path:
    """The last checkpoint of a run.

    Raises:
        BadRequest: it has none.
    """
    try:
        found = open_run(folder).checkpoints
    except RunUnreadable as error:
        raise BadRequest.of(error) from error
    if not found:
        raise BadRequest(f"{folder}: has no checkpoint to go on from.", f"{folder}：没有可以继续训练的检查点。")
    return found[max(found)]


def print_scores(runs: Path, todo: list[Stage]) -> None:
    """Print the held-out score of each stage at its start and at its end, with its 95 % interval."""
    for stage in todo:
        try:
            run = open_run(runs / stage.name)
        except RunUnreadable:
            continue
        for one in (scores_of(run, SCORE) or [])[-1:]:
            interval = f"[{one.low:.3f}, {one.high:.3f}]"
            print(f"demo: {stage.name:<15} step {one.step:>4}  score {one.mean:.3f}  {interval}  n={one.count}")
