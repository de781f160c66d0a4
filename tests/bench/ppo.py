"""`make bench-ppo`: our PPO and TRL 1.12.0's, from the demo's models, in turn: held-out score and tokens per second.

Both start from the same SFT model and the same reward model (the value model's start too), on the same prompts, with the
same arguments, seeds and budget of generated tokens: what ours has generated is what the peer gets, which ends with the
rollout that comes nearest to it. A constant learning rate, so that the schedule depends on no one's count of updates. What the
two are left with answers the demo's held-out prompts greedily, by the same code, scored by training/demo/score.py.

Seconds are those of the training alone: ours by the Trainer's own `train_runtime` (rollouts, updates, logging to TensorBoard,
and one checkpoint at the end), the peer's around its `train()` (it logs to no board, and saves afterwards). Tokens are those of
the answers up to their end token. The peer lives in an environment of its own below .bench/: TRL removed this trainer in 1.13.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.run.folder import STATE_FILE
from tests.bench.peers import PeerMissing, last_line
from training.demo.pipeline import last_checkpoint, stage_environment
from training.demo.recipes import PPO, SAMPLES
from training.demo.score import score
from training.request import BadRequest

ROOT = Path(__file__).parents[2]
SEEDS = 3
# What TRL 1.12.0's PPO needs; torch, transformers and the rest as our own requirements pin them.
PEER_REQUIREMENTS = ("trl==1.12.0", "requests", "rich")
SHARED_REQUIREMENTS = ("accelerate", "datasets", "torch", "transformers")
# Of the demo's recipe what both understand; the rest of it is about the run folder.
NOT_SHARED = ("max_steps", "save_steps", "eval_strategy", "eval_steps", "reward_model_name_or_path", "total_episodes")
FIXED: dict[str, Any] = {
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,  # ours are updates, the peer's rollouts
    "stop_token": "eos",
    "logging_steps": 1,
    "bf16": False,
    "gradient_checkpointing": False,
}


@dataclass(frozen=True)
class Side:
    """What one training of one side came to."""

    tokens: float
    seconds: float
    score: float

    @property
    def speed(self) -> float:
        """Generated tokens per second of training."""
        return self.tokens / self.seconds


def peer_python(cache: Path) -> Path:
    """The python of the peer's environment, made on first use.

    Raises:
        PeerMissing: it cannot be made.
    """
    folder = cache / "trl-1.12.0"
    python = folder / "bin" / "python"
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [*PEER_REQUIREMENTS, *(one for one in pinned if one.partition("==")[0] in SHARED_REQUIREMENTS)]
    mark = folder / "installed"
    if mark.is_file() and mark.read_text(encoding="utf-8") == "\n".join(wanted):
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted],
        [str(python), "-c", "import trl.experimental.ppo"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise PeerMissing(f"trl 1.12.0: {' '.join(command[:4])} ... ended with {last_line(done.stderr)}")
    mark.write_text("\n".join(wanted), encoding="utf-8")
    return python


def run(command: list[str], folder: Path) -> None:
    """Run a training to its end, its output beside the folder."""
    environment = {**stage_environment(), "TRL_EXPERIMENTAL_SILENCE": "1"}
    log = folder.with_suffix(".log")
    with log.open("wb") as file:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{log.read_text()[-3000:]}")


def held_out_score(folder: Path, held_out: Path) -> float:
    """The mean score of a model's greedy answers to the held-out prompts."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from training.worker.recorder import generate, read_prompts

    rows = read_prompts(str(held_out))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    answers = generate(model, tokenizer, [row["prompt"] for row in rows], SAMPLES["sample_max_new_tokens"])
    columns = {name: [row[name] for row in rows] for name in ("lang", "intent", "order")}
    texts, finished = [text for text, _ in answers], [ended for _, ended in answers]
    return statistics.mean(score([row["prompt"] for row in rows], texts, finished=finished, **columns))


def tokens_of(state: dict[str, Any], rollout: int) -> float:
    """The tokens of the answers of a run of ours, from its log: the mean length of each rollout, times its answers.

    A row is logged for each update, and names a rollout's length in the update in which it was made.
    """
    lengths = [row["completions/mean_length"] for row in state["log_history"] if "completions/mean_length" in row]
    return sum(lengths) * rollout


def ours(config: dict[str, Any], folder: Path, held_out: Path) -> Side:
    """Train with our worker; what it came to."""
    path = folder.with_suffix(".json")
    path.write_text(json.dumps(config), encoding="utf-8")
    start = [sys.executable, "-m", "training", "start", "--method", "ppo"]
    run([*start, "--config", str(path), "--run", str(folder), "--quiet"], folder)
    state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    seconds = next(row["train_runtime"] for row in reversed(state["log_history"]) if "train_runtime" in row)
    rollout = config["per_device_train_batch_size"] * config.get("gradient_accumulation_steps", 1)
    return Side(tokens_of(state, rollout), seconds, held_out_score(last_checkpoint(folder), held_out))


def peer(python: Path, config: dict[str, Any], tokens: int, folder: Path, held_out: Path) -> Side:
    """Train with TRL 1.12.0 until it has generated as many tokens; what it came to."""
    named = ("model_name_or_path", "reward_model_name_or_path", "dataset_name", "seed", "save_strategy", "save_steps")
    # More episodes than the budget allows: the budget ends it.
    rest = {key: value for key, value in config.items() if key not in named}
    rest["total_episodes"] = 4 * config["total_episodes"]
    path = folder.with_suffix(".json")
    path.write_text(json.dumps(rest), encoding="utf-8")
    command = [str(python), "tests/bench/ppo_peer.py", "--model", config["model_name_or_path"]]
    command += ["--reward-model", config["reward_model_name_or_path"], "--prompts", config["dataset_name"]]
    command += ["--config", str(path), "--tokens", str(tokens), "--seed", str(config["seed"]), "--output", str(folder)]
    run(command, folder)
    found = json.loads((folder / "peer.json").read_text(encoding="utf-8"))
    return Side(found["tokens"], found["seconds"], held_out_score(folder, held_out))


def config_of(runs: Path, seed: int, episodes: int) -> dict[str, Any]:
    """The demo's PPO recipe on the demo's models, without what only one side understands.

    Raises:
        BadRequest: the demo's SFT or reward model is not there.
    """
    recipe = {key: value for key, value in PPO.items() if key not in NOT_SHARED}
    return recipe | FIXED | {
        "model_name_or_path": str(last_checkpoint(runs / "sft")),
        "reward_model_name_or_path": str(last_checkpoint(runs / "reward")),
        "dataset_name": str(runs / ".demo" / "prompts"),
        "seed": seed,
        "total_episodes": episodes,
        "save_strategy": "steps",
        "save_steps": 10**6,  # the Trainer saves at the end all the same
    }  # fmt: skip


def summary(pairs: list[tuple[Side, Side]]) -> str:
    """Both sides' means over the seeds, with standard errors, and the ratio of the medians of their speeds."""
    lines = []
    for name, sides in zip(("ours", "TRL 1.12.0"), zip(*pairs, strict=True), strict=True):
        scores = [one.score for one in sides]
        error = statistics.stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else math.nan
        speed = statistics.median(one.speed for one in sides)
        lines.append(
            f"{name:<12} held-out score {statistics.mean(scores):.3f} +- {error:.3f}   {speed:7.1f} tokens a second"
        )
    mine, theirs = (statistics.median(one.speed for one in sides) for sides in zip(*pairs, strict=True))
    return "\n".join([*lines, f"tokens per second, ours over theirs: {mine / theirs:.2f}"])


def main() -> None:
    """Train both sides for each seed, in turn, and print what they came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ppo", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of a demo that has finished")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--episodes", type=int, default=PPO.get("total_episodes", 24 * 64))
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench")
    arguments = parser.parse_args()
    try:
        python = peer_python(arguments.cache)
        configs = [config_of(arguments.runs.resolve(), seed, arguments.episodes) for seed in range(arguments.seeds)]
    except (PeerMissing, BadRequest) as error:
        sys.exit(f"{error} The demo's models are needed: python -m training demo --runs {arguments.runs}")
    held_out = arguments.runs.resolve() / ".demo" / "held_out.jsonl"
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    print(
        f"SFT model: held-out score {held_out_score(Path(configs[0]['model_name_or_path']), held_out):.3f}", flush=True
    )
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for config in configs:
            seed = config["seed"]
            mine = ours(config, scratch / f"ours-{seed}", held_out)
            theirs = peer(python, config, round(mine.tokens), scratch / f"peer-{seed}", held_out)
            pairs.append((mine, theirs))
            for name, side in (("ours", mine), ("TRL 1.12.0", theirs)):
                print(
                    f"seed {seed} {name:<12} score {side.score:.3f}   {side.tokens:.0f} tokens in {side.seconds:.1f} s, "
                    f"{side.speed:.1f} a second",
                    flush=True,
                )
    print(summary(pairs))
    print(f"load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
