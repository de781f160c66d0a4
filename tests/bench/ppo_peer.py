"""PPO of TRL 1.12.0 as the peer of ours: trains on a budget of generated tokens, saves the policy, tells the time.

Run by tests/bench/ppo.py with the python of an environment in which TRL 1.12.0 is installed; imports nothing of ours.
Writes {"tokens", "seconds", "updates", "scores"}: tokens of the answers up to their end token, which is counted; seconds
of wall clock from the first rollout to the last update; the mean score of each rollout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, load_dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer


class BudgetSpent(Exception):
    """Enough tokens were generated. PPOTrainer looks at no `should_training_stop`, so this is how to leave it."""


class Budget(TrainerCallback):
    """Counts the tokens of every rollout, and ends the training after the rollout that comes nearest to the budget."""

    def __init__(self, tokens: int, end_token: int) -> None:
        self.budget = tokens
        self.end_token = end_token
        self.tokens = 0
        self.updates = 0
        self.scores: list[float] = []

    def count(self, answers: torch.Tensor) -> None:
        """Add the tokens of a rollout, shape (answers, response_length), each up to its end token."""
        ends = (answers == self.end_token).int()
        self.tokens += int((ends.cumsum(1) - ends == 0).sum())

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Keep the rollout's mean score."""
        if logs and "objective/scores" in logs:
            self.scores.append(logs["objective/scores"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An update is done."""
        self.updates += 1
        if self.tokens + self.tokens / self.updates / 2 >= self.budget:
            raise BudgetSpent


def tokenized(dataset: Dataset, tokenizer: Any) -> Dataset:
    """The prompts as token ids, conversations through the chat template, as our worker reads them."""

    def ids(row: dict[str, Any]) -> dict[str, list[int]]:
        prompt = row["prompt"]
        if not isinstance(prompt, str):
            prompt = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        return {"input_ids": tokenizer(prompt, add_special_tokens=False)["input_ids"]}

    return dataset.map(ids, remove_columns=dataset.column_names)


def count_rollouts(budget: Budget) -> None:
    """Let the budget see what the trainer generates."""
    generate = ppo_trainer.batch_generation

    def counting(model: Any, queries: torch.Tensor, *rest: Any) -> Any:
        found = generate(model, queries, *rest)
        budget.count(found[0][:, queries.shape[1] :])
        return found

    ppo_trainer.batch_generation = counting


def main() -> None:
    """Train on the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="folder of the SFT model: policy and reference")
    parser.add_argument(
        "--reward-model", required=True, help="folder of the reward model: also the value model's start"
    )
    parser.add_argument("--prompts", required=True, help="folder with train.jsonl, a prompt a row")
    parser.add_argument("--config", type=Path, required=True, help="JSON of PPOConfig's arguments")
    parser.add_argument("--tokens", type=int, required=True, help="the budget of generated tokens")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-steps", type=int, default=0, help="a checkpoint every so many updates; 0: none")
    parser.add_argument("--output", type=Path, required=True, help="folder for the policy; peer.json is put into it")
    arguments = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(arguments.model, padding_side="left")
    policy = AutoModelForCausalLM.from_pretrained(arguments.model)
    reference = AutoModelForCausalLM.from_pretrained(arguments.model)
    reward = AutoModelForSequenceClassification.from_pretrained(arguments.reward_model, num_labels=1)
    value = AutoModelForSequenceClassification.from_pretrained(arguments.reward_model, num_labels=1)
    data = tokenized(load_dataset(arguments.prompts, split="train"), tokenizer)
    config = PPOConfig(
        output_dir=str(arguments.output),
        seed=arguments.seed,
        report_to="none",
        num_sample_generations=0,
        save_strategy="steps" if arguments.save_steps else "no",
        save_steps=arguments.save_steps or 500,
        disable_tqdm=True,
        **json.loads(arguments.config.read_text(encoding="utf-8")),
    )
    budget = Budget(arguments.tokens, tokenizer.eos_token_id)
    count_rollouts(budget)
    trainer = PPOTrainer(
        args=config,
        processing_class=tokenizer,
        model=policy,
        ref_model=reference,
        reward_model=reward,
        value_model=value,
        train_dataset=data,
        eval_dataset=data.select(range(config.per_device_eval_batch_size)),
        callbacks=[budget],
    )
    started = time.perf_counter()
    with contextlib.suppress(BudgetSpent):
        trainer.train()
    seconds = time.perf_counter() - started
    policy.save_pretrained(arguments.output)
    tokenizer.save_pretrained(arguments.output)
    found = {"tokens": budget.tokens, "seconds": seconds, "updates": budget.updates, "scores": budget.scores}
    (arguments.output / "peer.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
