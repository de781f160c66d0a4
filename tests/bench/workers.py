"""`make bench-workers`: each worker's time per step against a plain TRL script with the same arguments, in turn in one run.

Ours is one process started by `python -m training start`, with all it writes: run.json, the status file, console.log and
the recorder's callback; answers at checkpoints are off, because they are work that was asked for. The peer is what a person
writes by hand: `python script.py`, the same config, the same data, the same trainer. Both log to TensorBoard.

Both are timed by the same few lines (CLOCK, which Python loads by itself from the path): from the first callback of the
training to the last, so that neither import nor the loading of the model is in it. CPU seconds are those of the training
process with all its threads, our heartbeat among them; they hardly depend on what else the machine does, as wall seconds
do. The launcher, which only copies the console, is another process and is not in them. The ratio is of the medians; the
spread is that of the rounds' own ratios, each of two runs that follow each other. PPO has no peer in TRL 1.16: see ppo.py.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from training.demo.data import write_post_training_data
from training.demo.pipeline import KEPT_BASE, last_checkpoint, stage_environment

ROOT = Path(__file__).parents[2]
ROUNDS = 5
LIMIT = 1.03
Rounds = list[tuple[dict[str, float], dict[str, float]]]

REWARD = '''"""A reward that costs nothing: the time is the trainer's."""


def brevity(completions, **columns):
    return [-float(len(str(completion))) for completion in completions]
'''
# As sitecustomize.py on the path of both: writes what a training took, without a line in either side's code.
CLOCK = """
import importlib.abc, importlib.machinery, json, os, sys, time

class Clock(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "transformers.trainer_callback":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            wind(module.CallbackHandler)
        spec.loader.exec_module = exec_module
        return spec

def wind(handler):
    begin, end, started = handler.on_train_begin, handler.on_train_end, {}
    def on_train_begin(self, *args):
        started.update(cpu=time.process_time(), wall=time.perf_counter())
        return begin(self, *args)
    def on_train_end(self, args, state, control):
        result = end(self, args, state, control)
        took = {"cpu": time.process_time() - started["cpu"], "wall": time.perf_counter() - started["wall"]}
        with open(os.path.join(args.output_dir, "clock.json"), "w") as file:
            json.dump({key: value / state.global_step for key, value in took.items()}, file)
        return result
    handler.on_train_begin, handler.on_train_end = on_train_begin, on_train_end

sys.meta_path.insert(0, Clock())
"""
# What a person writes who has no tool.
PLAIN = """
import json, sys
import trl
from datasets import load_dataset
from transformers import AutoTokenizer

config = json.load(open(sys.argv[1]))
model, data = config.pop("model_name_or_path"), config.pop("dataset_name")
trainer_class, config_class = getattr(trl, sys.argv[2] + "Trainer"), getattr(trl, sys.argv[2] + "Config")
extra = {}
if config.pop("reward_funcs", None):
    from reward import brevity
    extra["reward_funcs"] = brevity
trainer = trainer_class(
    model=model,
    args=config_class(output_dir=sys.argv[3], report_to="tensorboard", disable_tqdm=True, **config),
    train_dataset=load_dataset(data)["train"],
    processing_class=AutoTokenizer.from_pretrained(model),
    **extra,
)
trainer.train()
"""

COMMON: dict[str, Any] = {
    "seed": 0,
    "bf16": False,
    "gradient_checkpointing": False,
    "save_strategy": "no",
    "logging_steps": 1,  # the most that our recorder can cost: it is called at each row
    "per_device_train_batch_size": 16,
    "learning_rate": 1e-4,
}
GIVEN = COMMON | {"max_length": 128}
SAMPLED = COMMON | {"num_generations": 8, "max_completion_length": 32, "per_device_train_batch_size": 32}
# Method: the name of its trainer in TRL, the demo's data, and its config with as many steps as take about ten seconds.
RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sft": ("SFT", "sft", GIVEN | {"max_steps": 100, "assistant_only_loss": True}),
    "reward": ("Reward", "dpo", GIVEN | {"max_steps": 60}),
    "dpo": ("DPO", "dpo", GIVEN | {"max_steps": 40}),
    "kto": ("KTO", "dpo", GIVEN | {"max_steps": 60}),
    "grpo": ("GRPO", "dpo", SAMPLED | {"max_steps": 20}),
    "rloo": ("RLOO", "dpo", SAMPLED | {"max_steps": 20}),
}


def run(command: list[str], folder: Path, scratch: Path) -> dict[str, float]:
    """Run one training of either side to its end; its `cpu` and `wall` seconds per step."""
    environment = stage_environment()
    environment["PYTHONPATH"] = os.pathsep.join((str(scratch), environment["PYTHONPATH"]))
    environment["TENSORBOARD_LOGGING_DIR"] = str(folder)
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    took: dict[str, float] = json.loads((folder / "clock.json").read_text(encoding="utf-8"))
    return took


def bench_method(method: str, scratch: Path, rounds: int) -> Rounds:
    """Both sides in turn: what each round took, ours and the plain script's."""
    name, data, config = RUNS[method]
    config = config | {"model_name_or_path": str(last_checkpoint(KEPT_BASE)), "dataset_name": str(scratch / data)}
    if method in ("grpo", "rloo"):
        config["reward_funcs"] = [f"{scratch / 'reward.py'}:brevity"]
    path = scratch / f"{method}.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    found: Rounds = []
    for place in range(rounds):
        mine, theirs = scratch / f"{method}-ours-{place}", scratch / f"{method}-plain-{place}"
        start = [sys.executable, "-m", "training", "start", "--method", method]
        ours = run([*start, "--config", str(path), "--run", str(mine), "--quiet"], mine, scratch)
        plain = run([sys.executable, str(scratch / "plain.py"), str(path), name, str(theirs)], theirs, scratch)
        found.append((ours, plain))
    return found


def ratio_of(found: Rounds, clock: str) -> float:
    """The median of ours over the median of the plain script's."""
    ours, plain = (statistics.median(side[clock] for side in sides) for sides in zip(*found, strict=True))
    return ours / plain


def row(method: str, found: Rounds) -> str:
    """One method as a line: both sides' medians, the ratio of these, and how far single rounds lie apart."""
    parts = [f"{method:<8}"]
    for clock in ("cpu", "wall"):
        ours, plain = (statistics.median(side[clock] for side in sides) for sides in zip(*found, strict=True))
        single = sorted(one[clock] / other[clock] for one, other in found)
        parts.append(
            f"{clock} {ours * 1000:7.1f} ms a step, plain TRL {plain * 1000:7.1f}, "
            f"ratio {ratio_of(found, clock):.3f} ({single[0]:.3f} to {single[-1]:.3f})"
        )
    return "   ".join(parts)


def main() -> None:
    """Measure the methods asked for, all by default, and print a line each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--methods", nargs="+", choices=tuple(RUNS), default=list(RUNS))
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores, {arguments.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_post_training_data(scratch)
        (scratch / "reward.py").write_text(REWARD, encoding="utf-8")
        (scratch / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
        (scratch / "plain.py").write_text(PLAIN, encoding="utf-8")
        slow = []
        for method in arguments.methods:
            found = bench_method(method, scratch, arguments.rounds)
            print(row(method, found), flush=True)
            slow += [method] if ratio_of(found, "cpu") > LIMIT else []
    print(f"load average {os.getloadavg()[0]:.2f}; above {LIMIT} in CPU seconds: {', '.join(slow) or 'none'}")


if __name__ == "__main__":
    main()
