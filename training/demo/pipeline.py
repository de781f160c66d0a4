"""The demo's pipeline: base, SFT, DPO and two runs that fail; each an ordinary run started by `python -m training start`.

    <runs>/base            the base model: the kept one with its curves, or trained here with --from-scratch
    <runs>/sft-too-hot     SFT at a learning rate far too high, without warm-up: it diverges
    <runs>/sft-overtrained SFT whose data shrink to eight rows at step 80: its checkpoints from there on are worse
    <runs>/sft             SFT as it should be, from base
    <runs>/dpo             DPO from sft
    <runs>/.demo           the data, the untrained model, and plan.json: what will run, in which order

Every run answers the same held-out prompts at every checkpoint, so that the scores can be compared.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.compare.statistics.scores import scores_of
from diagnostics.run import RunUnreadable, open_run
from diagnostics.run.files import read_json, write_json
from diagnostics.run.status import read_status
from training.demo.data import write_post_training_data
from training.request import BadRequest

KEPT_BASE = Path(__file__).parent / "kept_base"
PLAN_FILE = "plan.json"
SCORE = "score"
REWARDS = ["training.demo.score:" + name for name in (SCORE, "right_topic", "right_order", "polite")]

COMMON: dict[str, Any] = {
    "seed": 0,
    "max_length": 128,
    "per_device_eval_batch_size": 64,
    "sample_rewards": REWARDS,
    "sample_max_new_tokens": 56,
}
BASE = COMMON | {
    "learning_rate": 3e-3,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 40,
    "adam_beta2": 0.98,
    "weight_decay": 0.05,
    "max_steps": 1900,
    "per_device_train_batch_size": 12,
    "train_sampling_strategy": "group_by_length",
    "logging_steps": 20,
    "eval_strategy": "steps",
    "eval_steps": 200,
    "save_steps": 950,
}
SFT = COMMON | {
    "learning_rate": 2e-3,
    "warmup_steps": 5,
    "max_steps": 240,
    "per_device_train_batch_size": 16,
    "assistant_only_loss": True,
    "logging_steps": 4,
    "eval_strategy": "steps",
    "eval_steps": 24,
    "save_steps": 60,
}
# A fault that happens to people: somebody else's learning rate, and no warm-up.
TOO_HOT = SFT | {
    "learning_rate": 5e-2,
    "warmup_steps": 0,
    "lr_scheduler_type": "constant",
    "max_steps": 60,
    "logging_steps": 1,
    "eval_strategy": "no",
    "save_steps": 30,
}
# Another: the data run out, and what is left is trained on over and over. In the order of the file, so that the step at
# which it begins is known (OVERTRAINING_ROWS in data.py): 80.
OVERTRAINED = SFT | {
    "train_sampling_strategy": "sequential",
    "lr_scheduler_type": "constant_with_warmup",
    "max_steps": 160,
    "eval_strategy": "no",
    "save_steps": 20,
}
DPO = COMMON | {
    "learning_rate": 2e-4,
    "warmup_steps": 5,
    "max_steps": 60,
    "per_device_train_batch_size": 16,
    "beta": 0.1,
    "logging_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 12,
    "save_steps": 20,
}


@dataclass(frozen=True)
class Stage:
    """One run of the demo: its name, method, config, and the stage whose last checkpoint it starts from.

    `beside`: it may run at the same time as the stage after it, on a second core.
    """

    name: str
    method: str
    config: dict[str, Any]
    start: str | None
    beside: bool = False


def stages(work: Path) -> list[Stage]:
    """The demo's stages in their order; the paths in their configs lie below `work`."""
    held_out = {"sample_prompts": str(work / "held_out.jsonl")}

    def data(name: str) -> dict[str, Any]:
        return {"dataset_name": str(work / name), **held_out}

    initial = {"model_name_or_path": str(work / "initial")}
    return [
        Stage("base", "sft", BASE | data("base") | initial, None),
        Stage("sft-too-hot", "sft", TOO_HOT | data("sft"), "base", beside=True),
        Stage("sft-overtrained", "sft", OVERTRAINED | data("overtraining"), "base", beside=True),
        Stage("sft", "sft", SFT | data("sft"), "base"),
        Stage("dpo", "dpo", DPO | data("dpo"), "sft"),
    ]


def run_demo(runs: Path, *, from_scratch: bool = False) -> int:
    """Run the pipeline below `runs`; stages that are finished already are kept. 0 if every stage finished.

    Raises:
        BadRequest: the folder cannot be written, another demo is at work in it, or no base model is kept.
    """
    if not from_scratch and not (KEPT_BASE / "run.json").exists():
        raise BadRequest(f"{KEPT_BASE}: the kept base model is missing; run the demo with --from-scratch.")
    work = runs / ".demo"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"{runs}: cannot be written ({error.strerror}).") from error
    with sole_owner(work):
        began = time.monotonic()
        todo = stages(work)
        write_json(
            work / PLAN_FILE,
            {
                "stages": [
                    {"name": one.name, "method": one.method, "start": one.start, "steps": one.config["max_steps"]}
                    for one in todo
                ]
            },
        )
        write_post_training_data(work)
        if not from_scratch:
            take_kept_base(runs / "base")
        pipeline = Pipeline(runs, work)
        code = pipeline.run(todo)
        print_scores(runs, todo)
        print(f"demo: {time.monotonic() - began:.0f} s in all")
        return code


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
        raise BadRequest(f"{work.parent}: a demo is at work there already (process {owner}).")
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
    """Starts the stages one after another, those that may beside the next, and ends them when it is ended."""

    def __init__(self, runs: Path, work: Path) -> None:
        self.runs = runs
        self.work = work
        self.children: list[tuple[Stage, subprocess.Popen[bytes]]] = []
        self.stopped = False

    def run(self, todo: list[Stage]) -> int:
        """Run the stages. 0: all finished; 1: one failed; 143: ended on request."""
        previous = {one: signal.signal(one, self._on_stop) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            for stage in todo:
                if self.stopped:
                    break
                if not self._run_stage(stage, last=stage is todo[-1]):
                    return 143 if self.stopped else 1
            return 143 if self.stopped else self._wait_all()
        finally:
            for _, child in self.children:
                if child.poll() is None:
                    child.terminate()
                    child.wait()
            for one, handler in previous.items():
                signal.signal(one, handler)

    def _on_stop(self, signum: int, frame: Any) -> None:
        self.stopped = True
        for _, child in self.children:
            if child.poll() is None:
                child.terminate()

    def _run_stage(self, stage: Stage, last: bool) -> bool:
        """Run one stage, or start it if it may run beside the next. False: it did not finish."""
        folder = self.runs / stage.name
        if read_status(folder).state == "finished":
            print(f"demo: {stage.name} is finished already", flush=True)
            return True
        shutil.rmtree(folder, ignore_errors=True)
        config = dict(stage.config)
        if stage.start:
            config["model_name_or_path"] = str(last_checkpoint(self.runs / stage.start))
        else:
            self._prepare_base()
        config_file = self.work / f"{stage.name}.json"
        write_json(config_file, config)
        command = [sys.executable, "-m", "training", "start", "--method", stage.method]
        command += ["--config", str(config_file), "--run", str(folder), "--quiet"]
        print(f"demo: {stage.name} starts ({stage.method}, {config['max_steps']} steps)", flush=True)
        # In a session of its own: an interrupt from the keyboard reaches this process alone, which ends the children.
        child = subprocess.Popen(command, env=stage_environment(), start_new_session=True)
        self.children.append((stage, child))
        if stage.beside and not last and (os.cpu_count() or 1) > 1:
            return True
        return self._follow(stage, child) == 0

    def _follow(self, stage: Stage, child: subprocess.Popen[bytes]) -> int:
        """Print how far a stage is until it ends; return its exit code."""
        said = -1
        while child.poll() is None:
            status = read_status(self.runs / stage.name)
            tenth = 10 * status.step // status.max_steps if status.max_steps else 0
            if tenth > said and status.max_steps:
                print(f"demo: {stage.name} step {status.step} of {status.max_steps}", flush=True)
                said = tenth
            time.sleep(0.2)
        return child.returncode

    def _wait_all(self) -> int:
        return max((abs(child.wait()) for _, child in self.children), default=0)

    def _prepare_base(self) -> None:
        """The untrained model and its corpus, in a process of its own: making them needs torch."""
        subprocess.run(
            [sys.executable, "-m", "training.demo.base_model", str(self.work)], env=stage_environment(), check=True
        )


def stage_environment() -> dict[str, str]:
    """The environment of a stage: offline, and one thread, for a model too small to share out."""
    package_root = str(Path(__file__).resolve().parents[2])
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH")))),
    }


def last_checkpoint(folder: Path) -> Path:
    """The last checkpoint of a run.

    Raises:
        BadRequest: it has none.
    """
    try:
        found = open_run(folder).checkpoints
    except RunUnreadable as error:
        raise BadRequest(str(error)) from error
    if not found:
        raise BadRequest(f"{folder}: has no checkpoint to go on from.")
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
