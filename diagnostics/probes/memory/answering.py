"""What stands in for the parts of a trainer that read values of tensors: generation, decoding, the scoring of texts."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

from diagnostics.memory.records import Asked
from diagnostics.probes.memory import generation
from diagnostics.probes.memory.ledger import Ledger
from diagnostics.probes.memory.trainers import Prepared


def answer_for(prepared: Prepared, asked: Asked, ledger: Ledger, stack: ExitStack) -> None:
    """Replace what reads values of tensors: generation token by token, decoding, and scoring of texts."""
    trainer = prepared.trainer
    trainer.floating_point_ops = lambda inputs: 0  # counts the weights of 4-bit layers with bitsandbytes
    for writer in prepared.writers:
        generation.in_three_parts(writer, ledger)
    if asked.method in ("grpo", "rloo"):
        whole_answers(trainer, asked)
        inner = trainer._generate_and_score_completions

        def generated(inputs: Any) -> Any:
            with ledger.during("generation"):
                return inner(inputs)

        trainer._generate_and_score_completions = generated
        afresh(trainer)
    if asked.method == "ppo":
        roll = trainer.roll_out

        def rolled() -> Any:
            with ledger.during("generation"):
                return roll()

        trainer.roll_out = rolled
        trainer.score = lambda rows, ids, mask: scores_of(trainer, ids)
        # a loop over all tokens of an answer on numbers of a few bytes
        math = sys.modules[type(trainer).__module__].ppo_math
        stack.callback(setattr, math, "advantages_and_returns", math.advantages_and_returns)
        math.advantages_and_returns = lambda rewards, values, mask, gamma, lam: (rewards * mask, rewards + values)


def whole_answers(trainer: Any, asked: Asked) -> None:
    """Answers of TRL's generation as lists of ids, all as long as they may be."""
    import torch
    from trl.models.utils import unwrap_model_for_generation

    grpo = asked.method == "grpo"

    def single_turn(prompt_ids: Any, *_: Any, **__: Any) -> Any:
        ids = torch.tensor(prompt_ids)
        if not asked.config.get("use_vllm"):
            options = {"generation_kwargs": trainer.generation_kwargs} if hasattr(trainer, "generation_kwargs") else {}
            with (
                unwrap_model_for_generation(
                    trainer.model_wrapped, trainer.accelerator,
                    gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs, **options,
                ) as model,
                torch.no_grad(),
            ):  # fmt: skip
                mask = torch.ones_like(ids)
                model.generate(input_ids=ids, attention_mask=mask, generation_config=trainer.generation_config)
        answers = [[5] * trainer.args.max_completion_length for _ in prompt_ids]
        return (answers, None) if grpo else answers

    trainer._generate_single_turn = single_turn


def afresh(trainer: Any) -> None:
    """Generate again in the second optimizer step, when the optimizer's states are there, however long a rollout is used."""
    inner, passes = trainer._prepare_inputs, trainer.args.gradient_accumulation_steps

    def prepared(inputs: Any) -> Any:
        if trainer._step == passes:
            trainer._buffered_inputs = None
        return inner(inputs)

    trainer._prepare_inputs = prepared


def scores_of(trainer: Any, ids: Any) -> dict[str, Any]:
    """PPO's rewards: a reward model reads prompt and answer, in chunks as the trainer does it; a function costs nothing."""
    import torch

    found, size = {}, trainer.args.local_rollout_forward_batch_size
    with torch.no_grad():
        for function, name in zip(trainer.rewards.functions, trainer.rewards.names, strict=True):
            if not isinstance(function, torch.nn.Module):
                found[name] = torch.zeros(len(ids))
                continue
            scored = []
            for start in range(0, len(ids), size):
                part = ids[start : start + size]
                scored.append(function(input_ids=part, attention_mask=torch.ones_like(part)).logits[:, 0].float())
            found[name] = torch.cat(scored)
    return found


def evaluate_ppo(trainer: Any, rows: list[dict[str, Any]]) -> None:
    """What PPO's evaluation does on the device: answer and judge one batch. Its metrics are lists of numbers."""
    import torch

    trainer.model.eval()
    with trainer.accelerator.autocast():
        found = trainer.answer(rows, torch.rand(len(rows), trainer.args.response_length))
        trainer.judge(*found)
    trainer.model.train()
