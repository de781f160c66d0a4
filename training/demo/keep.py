"""Train the demo's base model from random weights and keep it in the repository: `make base`.

The kept run is an ordinary run folder, less what only resuming needs (optimizer state) and its half-way checkpoint.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from diagnostics.run.files import read_json, write_json
from training.demo.pipeline import KEPT_BASE, Pipeline, last_checkpoint
from training.demo.recipes import stages

KEPT_IN_RUN = ("run.json", "status.json", "trainer_state.json", "samples.jsonl")
KEPT_IN_CHECKPOINT = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


def keep() -> int:
    """Train and keep; returns the exit code of the training."""
    with tempfile.TemporaryDirectory() as folder:
        runs, work = Path(folder) / "runs", Path(folder) / "work"
        work.mkdir()
        from training.demo.data import write_post_training_data

        write_post_training_data(work)
        code = Pipeline(runs, work).run(stages(work)[:1])
        if code == 0:
            copy_kept(runs / "base", KEPT_BASE, work)
    return code


def copy_kept(run: Path, kept: Path, work: Path) -> None:
    """Copy what is kept of a finished base run, less the paths of the machine that trained it."""
    shutil.rmtree(kept, ignore_errors=True)
    checkpoint = last_checkpoint(run)
    (kept / checkpoint.name).mkdir(parents=True)
    for name in KEPT_IN_CHECKPOINT:
        shutil.copy(checkpoint / name, kept / checkpoint.name / name)
    for name in KEPT_IN_RUN:
        shutil.copy(run / name, kept / name)
    asked = read_json(kept / "run.json")
    asked["config"] = {key: relative(value, work) for key, value in asked["config"].items()}
    asked |= {"cwd": ".", "command": ["make", "base"]}
    write_json(kept / "run.json", asked)
    status = read_json(kept / "status.json") | {"host": "kept", "pid": 0}
    write_json(kept / "status.json", status)
    write_events(kept, read_json(kept / "trainer_state.json")["log_history"])


def write_events(folder: Path, rows: list[dict[str, float]]) -> None:
    """The curves of log rows as a TensorBoard event file. The original one names the machine and its folders."""
    from torch.utils.tensorboard import SummaryWriter

    from diagnostics.run.rows import points_of

    writer = SummaryWriter(str(folder))
    for point in points_of(rows):
        writer.add_scalar(point.tag, point.value, point.step)
    writer.close()
    for path in folder.glob("events.out.tfevents.*"):
        path.rename(folder / f"{'.'.join(path.name.split('.')[:4])}.base")


def relative(value: object, work: Path) -> object:
    """A path below the work folder as one below `.demo`, everything else as it is."""
    return value.replace(str(work), ".demo") if isinstance(value, str) else value


if __name__ == "__main__":
    sys.exit(keep())
