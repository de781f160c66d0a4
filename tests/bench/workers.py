"""`make bench-workers`: each worker's time per step against a plain TRL script with the same arguments, in turn in one run.

Ours is one process started by `python -m training start`, with all it writes: run.json, the status file, console.log and
the recorder's callback; answers at checkpoints are off, because they are work that was asked for. The peer is what a person
writes by hand: `python script.py`, the same config, the same data, the same trainer. Both log to TensorBoard.

Seconds per step are `train_runtime` over the steps, as the Trainer itself writes both into `trainer_state.json`: from the
first step to the last, so that neither import nor the loading of the model is in it. The ratio is of the medians; the
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

from diagnostics.run.folder import STATE_FILE
from training.demo.data import write_post_training_data
from training.demo.pipeline import KEPT_BASE, last_checkpoint, stage_environment

ROOT = Path(__file__).parents[2]
ROUNDS = 5
LIMIT = 1.03

REWARD = '''"""A reward that costs nothing: the time is the trainer's."""


def brevity(completions, **columns):
    return [-float(len(str(completion))) for completion in completions]
'''
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
trainer.save_state()
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


def run(command: list[str], folder: Path, scratch: Path) -> float:
    """Run one training of either side to its end; its seconds per step."""
    environment = stage_environment()
    environment["PYTHONPATH"] = os.pathsep.join((str(scratch), environment["PYTHONPATH"]))
    environment["TENSORBOARD_LOGGING_DIR"] = str(folder)
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    return float(state["log_history"][-1]["train_runtime"]) / int(state["global_step"])


def bench_method(method: str, scratch: Path, rounds: int) -> dict[str, Any]:
    """Both sides in turn, after one round that is not counted; medians, ratio and spread."""
    name, data, config = RUNS[method]
    config = config | {"model_name_or_path": str(last_checkpoint(KEPT_BASE)), "dataset_name": str(scratch / data)}
    if method in ("grpo", "rloo"):
        config["reward_funcs"] = [f"{scratch / 'reward.py'}:brevity"]
    path = scratch / f"{method}.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    pairs: list[tuple[float, float]] = []
    for place in range(rounds + 1):
        mine, theirs = scratch / f"{method}-ours-{place}", scratch / f"{method}-plain-{place}"
        start = [sys.executable, "-m", "training", "start", "--method", method]
        ours = run([*start, "--config", str(path), "--run", str(mine), "--quiet"], mine, scratch)
        plain = run([sys.executable, str(scratch / "plain.py"), str(path), name, str(theirs)], theirs, scratch)
        pairs.append((ours, plain))
    counted = pairs[1:]
    mine_median, theirs_median = (statistics.median(column) for column in zip(*counted, strict=True))
    ratios = sorted(one / other for one, other in counted)
    return {
        "method": method,
        "ours": mine_median,
        "plain": theirs_median,
        "ratio": mine_median / theirs_median,
        "spread": (ratios[0], ratios[-1]),
    }


def row(found: dict[str, Any]) -> str:
    """One method as a line."""
    low, high = found["spread"]
    return (
        f"{found['method']:<8} {found['ours'] * 1000:8.1f} ms a step   plain TRL {found['plain'] * 1000:8.1f} ms   "
        f"ratio {found['ratio']:.3f}   rounds {low:.3f} to {high:.3f}"
    )


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
        (scratch / "plain.py").write_text(PLAIN, encoding="utf-8")
        found = []
        for method in arguments.methods:
            found.append(bench_method(method, scratch, arguments.rounds))
            print(row(found[-1]), flush=True)
    slow = [one["method"] for one in found if one["ratio"] > LIMIT]
    print(f"load average {os.getloadavg()[0]:.2f}; above {LIMIT}: {', '.join(slow) or 'none'}")


if __name__ == "__main__":
    main()
