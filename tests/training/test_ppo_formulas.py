"""PPO's trainer against its formulas written out row by row and token by token, on sequences without padding."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.test_ppo import PROMPTS, rewards_of, shortness, trainer_of
from training import ppo_math
from training.ppo_models import positions

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "gamma": 0.9, "lam": 0.8, "kl_coef": 0.3, "vf_coef": 0.4, "cliprange": 0.1, "cliprange_value": 0.05,
    "temperature": 0.6, "missing_eos_penalty": 0.5, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 4,
    "num_mini_batches": 2, "local_rollout_forward_batch_size": 5,
}  # fmt: skip


def disturb(model: nn.Module, size: float, seed: int) -> None:
    """Move all weights, so that policy and reference, old and new values differ."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)


def read_off(trainer: Any, rollout: dict[str, Tensor], row: int) -> dict[str, Any]:
    """Log-probabilities of policy and reference, values and logits of one answer, from its tokens alone."""
    width = rollout["answer_mask"].shape[1]
    count = int(rollout["answer_mask"][row].sum())
    prompt = rollout["ids"][row, :-width][rollout["mask"][row, :-width].bool()]
    answer = rollout["ids"][row, -width:][:count]
    ids = torch.cat([prompt, answer]).unsqueeze(0)
    places = slice(len(prompt) - 1, len(prompt) + count - 1)
    found: dict[str, Any] = {"answer": answer.tolist()}
    policy = trainer.model.policy(ids, output_hidden_states=True)
    if trainer.model.value is None:
        head, hidden = trainer.model.value_head, policy.hidden_states[-1]
    else:
        head, hidden = trainer.model.value.score, trainer.model.value.model(ids).last_hidden_state
    found["values"] = head(hidden)[0, places, 0].tolist()
    found["logits"] = policy.logits[0, places]
    for name, logits in (("logprobs", policy.logits), ("ref", trainer.ref_model(ids).logits)):
        logprobs = (logits[0, places] / trainer.args.temperature).log_softmax(-1)
        found[name] = [logprobs[place, token].item() for place, token in enumerate(found["answer"])]
    return found


def white(rows: list[list[float]], keep_mean: bool) -> list[list[float]]:
    flat = [one for row in rows for one in row]
    mean = sum(flat) / len(flat)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in flat) / len(flat))
    return [[(one - mean) / deviation + (mean if keep_mean else 0) for one in row] for row in rows]


@torch.no_grad()
@pytest.mark.parametrize(
    "settings",
    [
        {"whiten_rewards": True, "whiten_advantages": False, "kl_estimator": "k3"},
        {"whiten_rewards": False, "whiten_advantages": True, "value_model": "head"},
    ],
)
def test_rollout_and_loss(tmp_path: Path, base_checkpoint: Path, settings: dict[str, Any]) -> None:
    trainer = trainer_of(
        tmp_path, base_checkpoint, rewards_of(shortness, weights=[2.0]), **SETTINGS, **settings,
        rows=[*PROMPTS[:15], {"prompt": [{"role": "user", "content": "Where is my parcel? " * 8}], "place": 15}],
    )  # fmt: skip
    trainer.model.eval()
    disturb(trainer.model, 0.02, seed=1)
    trainer.rollout = rollout = trainer.roll_out()
    args, rows, width = trainer.args, len(rollout["ids"]), rollout["answer_mask"].shape[1]
    old = [read_off(trainer, rollout, row) for row in range(rows)]
    assert len({len(one["answer"]) for one in old}) > 1
    assert rollout["mask"][:, 0].sum() < rows  # prompts of several lengths

    uniform = torch.rand(rows, args.response_length, generator=trainer.generator("answers", 0))
    for one, numbers in zip(old, uniform, strict=True):
        drawn = ppo_math.sample(one["logits"], numbers[: len(one["answer"])], args.temperature)
        assert drawn.tolist() == one["answer"]

    end, rewards, advantages, returns = trainer.stop_token_id, [], [], []
    for one in old:
        log_ratio = [ref - own for own, ref in zip(one["logprobs"], one["ref"], strict=True)]
        kl = [math.exp(r) - 1 - r if args.kl_estimator == "k3" else -r for r in log_ratio]
        ended = one["answer"][-1] == end
        assert ended == (end in one["answer"])
        assert ended or len(one["answer"]) == args.response_length
        text = trainer.processing_class.decode(one["answer"], skip_special_tokens=True)
        earned = [-args.kl_coef * part for part in kl]
        earned[-1] += 2.0 * (1.0 - len(text) / 50) - (0 if ended else 0.5)
        rewards.append(earned)
    assert any(one["answer"][-1] == end for one in old)
    assert any(one["answer"][-1] != end for one in old)
    if args.whiten_rewards:
        rewards = white(rewards, keep_mean=True)
    for one, earned in zip(old, rewards, strict=True):
        values, later, found = [*one["values"], 0.0], 0.0, []
        for place in reversed(range(len(earned))):
            delta = earned[place] + args.gamma * values[place + 1] - values[place]
            later = delta + args.gamma * args.lam * later
            found.insert(0, later)
        advantages.append(found)
        returns.append([gain + value for gain, value in zip(found, one["values"], strict=True)])
    if args.whiten_advantages:
        advantages = white(advantages, keep_mean=False)
    for name, expected in (
        ("logprobs", [one["logprobs"] for one in old]),
        ("values", [one["values"] for one in old]),
        ("advantages", advantages),
        ("returns", returns),
    ):
        for row, numbers in enumerate(expected):
            padded = numbers + [0.0] * (width - len(numbers))
            assert rollout[name][row].tolist() == pytest.approx(padded, abs=2e-3), (name, row)

    disturb(trainer.model, 0.01, seed=2)
    new = [read_off(trainer, rollout, row) for row in range(rows)]
    taken = trainer.minibatch(0)
    assert [len(part) for part in taken] == [4, 4]
    losses = []
    for part in taken:
        for row in part.tolist():
            for place in range(len(old[row]["answer"])):
                gain = advantages[row][place]
                ratio = math.exp(new[row]["logprobs"][place] - old[row]["logprobs"][place])
                policy = max(-gain * ratio, -gain * min(max(ratio, 1 - args.cliprange), 1 + args.cliprange))
                value, before, target = new[row]["values"][place], old[row]["values"][place], returns[row][place]
                near = before + min(max(value - before, -args.cliprange_value), args.cliprange_value)
                losses.append(policy + args.vf_coef * 0.5 * max((value - target) ** 2, (near - target) ** 2))
    found_losses = [trainer.compute_loss(trainer.model, trainer._prepare_inputs({})).item() for _ in taken]
    # The Trainer divides each by the passes that make a mini-batch.
    assert sum(found_losses) / len(taken) == pytest.approx(sum(losses) / len(losses), rel=2e-3, abs=1e-4)

    orders = [torch.cat(trainer.passes_of_epoch(epoch * trainer.passes_per_epoch)).tolist() for epoch in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(rows))
    assert len({tuple(orders[0]), tuple(orders[1]), tuple(range(rows))}) == 3  # shuffled, anew in each epoch


def test_positions_count_from_the_first_real_token() -> None:
    """Rotary models see distances alone, so that no run of theirs would tell; learned positions do."""
    mask = torch.tensor([[0, 0, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]])
    assert positions(mask)[:, :4].tolist() == [[0, 0, 0, 1], [0, 1, 2, 3]]
    assert positions(mask)[0, 4] == 2


def test_evaluations_draw_alike(tmp_path: Path, base_checkpoint: Path) -> None:
    """Two evaluations differ by the weights alone."""
    trainer = trainer_of(tmp_path, base_checkpoint, evaluation=PROMPTS[:5])
    first = trainer.evaluate()
    trainer.state.global_step, trainer.progress.rollouts = 7, 3
    assert trainer.evaluate() == first
    assert not trainer.metrics
