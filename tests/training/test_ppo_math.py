"""PPO's mathematics against values worked out by hand, closed forms and full enumeration."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, tensor

from training import ppo_math

ONES = torch.ones(1, 3)


def test_sampling_inverts_the_distribution() -> None:
    probabilities = tensor([0.5, 0.2, 0.0, 0.3])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    drawn = ppo_math.sample(probabilities.log().expand(10_000, 4), uniform, 1.0)
    assert (drawn.bincount(minlength=4) / 10_000).tolist() == pytest.approx(probabilities.tolist(), abs=2e-4)


@pytest.mark.parametrize(("number", "token"), [(0.0, 1), (1 - 1e-7, 2)])
def test_sampling_never_takes_a_token_of_probability_zero(number: float, token: int) -> None:
    logits = tensor([[-torch.inf, 0.0, 0.0, -torch.inf]])
    assert ppo_math.sample(logits, tensor([number]), 1.0).item() == token


def test_temperature_sharpens_the_draw() -> None:
    logits = tensor([[0.0, 1.0]]).expand(1000, 2)
    uniform = (torch.arange(1000) + 0.5) / 1000
    share = ppo_math.sample(logits, uniform, 0.5).float().mean().item()
    assert share == pytest.approx(math.exp(2) / (1 + math.exp(2)), abs=1e-3)


def test_a_draw_does_not_depend_on_the_other_rows() -> None:
    torch.manual_seed(0)
    logits, uniform = torch.randn(16, 50), torch.rand(16)
    together = ppo_math.sample(logits, uniform, 0.7)
    alone = [ppo_math.sample(logits[row : row + 1], uniform[row : row + 1], 0.7).item() for row in range(16)]
    assert together.tolist() == alone


def test_logprobs_and_entropy() -> None:
    logits = torch.zeros(1, 2, 8)
    logprobs, entropy = ppo_math.token_logprobs(logits, tensor([[3, 5]]), 0.7)
    assert logprobs[0].tolist() == pytest.approx([-math.log(8)] * 2)
    assert entropy[0].tolist() == pytest.approx([math.log(8)] * 2)
    logits = tensor([[[0.0, math.log(3.0)]]])
    logprobs, entropy = ppo_math.token_logprobs(logits, tensor([[1]]), 1.0)
    assert logprobs.item() == pytest.approx(math.log(0.75))
    assert entropy.item() == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    halved, _ = ppo_math.token_logprobs(logits, tensor([[1]]), 0.5)
    assert halved.item() == pytest.approx(math.log(0.9))


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_kl_estimators_are_unbiased_by_full_enumeration(estimator: str) -> None:
    torch.manual_seed(1)
    policy, reference = torch.randn(6).log_softmax(0), torch.randn(6).log_softmax(0)
    exact = (policy.exp() * (policy - reference)).sum().item()
    each = ppo_math.kl_estimate(policy, reference, estimator)
    assert (policy.exp() * each).sum().item() == pytest.approx(exact, abs=1e-6)
    assert estimator == "k1" or each.min() >= 0


def test_score_lies_on_the_last_token_and_the_penalty_on_all() -> None:
    mask = tensor([[1, 1, 0], [1, 1, 1]])
    kl = tensor([[0.5, 1.0, 9.0], [0.1, 0.2, 0.3]])
    rewards = ppo_math.token_rewards(tensor([2.0, -1.0]), kl, 0.1, mask)
    assert rewards[0].tolist() == pytest.approx([-0.05, -0.1 + 2.0, 0.0])
    assert rewards[1].tolist() == pytest.approx([-0.01, -0.02, -0.03 - 1.0])


def test_advantages_by_hand() -> None:
    rewards, values = tensor([[0.0, 0.0, 1.0]]), tensor([[0.5, 0.4, 0.2]])
    advantages, returns = ppo_math.advantages_and_returns(rewards, values, ONES, 0.9, 0.8)
    last = 1.0 - 0.2
    second = (0.9 * 0.2 - 0.4) + 0.72 * last
    first = (0.9 * 0.4 - 0.5) + 0.72 * second
    assert advantages[0].tolist() == pytest.approx([first, second, last])
    assert returns[0].tolist() == pytest.approx([first + 0.5, second + 0.4, last + 0.2])


def test_lambda_one_is_the_return_and_lambda_zero_the_one_step_error() -> None:
    torch.manual_seed(2)
    rewards, values, mask = torch.randn(4, 7), torch.randn(4, 7), torch.ones(4, 7)
    advantages, returns = ppo_math.advantages_and_returns(rewards, values, mask, 1.0, 1.0)
    ahead = rewards.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(returns, ahead)
    torch.testing.assert_close(advantages, ahead - values)
    one_step, _ = ppo_math.advantages_and_returns(rewards, values, mask, 0.9, 0.0)
    following = torch.cat([values[:, 1:], torch.zeros(4, 1)], dim=1)
    torch.testing.assert_close(one_step, rewards + 0.9 * following - values)


def test_padding_behind_an_answer_changes_nothing() -> None:
    torch.manual_seed(3)
    rewards, values = torch.randn(1, 4), torch.randn(1, 4)
    alone, _ = ppo_math.advantages_and_returns(rewards, values, torch.ones(1, 4), 0.95, 0.9)
    junk = torch.full((1, 3), 99.0)
    mask = tensor([[1.0] * 4 + [0.0] * 3])
    padded, returns = ppo_math.advantages_and_returns(
        torch.cat([rewards, 0 * junk], 1), torch.cat([values, junk], 1), mask, 0.95, 0.9
    )
    torch.testing.assert_close(padded[:, :4], alone)
    assert padded[:, 4:].abs().max() == 0
    assert returns[:, 4:].abs().max() == 0


def test_whitening() -> None:
    x, mask = tensor([[1.0, 2.0, 3.0, 100.0]]), tensor([[1.0, 1.0, 1.0, 0.0]])
    mean, variance = tensor(2.0), tensor(2 / 3)
    white = ppo_math.whiten(x, mask, mean, variance)
    assert white[0].tolist() == pytest.approx([-math.sqrt(1.5), 0.0, math.sqrt(1.5), 0.0], abs=1e-5)
    kept = ppo_math.whiten(x, mask, mean, variance, shift_mean=False)
    assert kept[0, :3].tolist() == pytest.approx([2 - math.sqrt(1.5), 2.0, 2 + math.sqrt(1.5)], abs=1e-5)
    assert kept[0, 3] == 0


def gradient(logprob: float, old: float, advantage: float) -> float:
    new = tensor([logprob], requires_grad=True)
    loss, _ = ppo_math.policy_loss(new, tensor([old]), tensor([advantage]), 0.2)
    loss.sum().backward()
    assert new.grad is not None
    return new.grad.item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.0, 2.0, -2.0),  # the policy gradient itself
        (1.1, 2.0, -2.2),
        (1.3, 2.0, 0.0),  # already far enough towards a good answer
        (0.7, 2.0, -1.4),  # too far from it: pulled back, not clipped
        (0.7, -2.0, 0.0),
        (1.3, -2.0, 2.6),
    ],
)
def test_policy_gradient_is_cut_only_where_the_ratio_went_far_enough(
    ratio: float, advantage: float, expected: float
) -> None:
    assert gradient(math.log(ratio), 0.0, advantage) == pytest.approx(expected, abs=1e-5)


def test_policy_loss_by_hand() -> None:
    loss, clipped = ppo_math.policy_loss(tensor([1.5, 1.5, 0.5]).log(), torch.zeros(3), tensor([1.0, -1.0, -1.0]), 0.2)
    assert loss.tolist() == pytest.approx([-1.2, 1.5, 0.8])
    assert clipped.tolist() == [1.0, 0.0, 1.0]


def test_value_loss_by_hand() -> None:
    loss, clipped = ppo_math.value_loss(tensor([1.0, 0.1, 3.0]), tensor([0.0, 0.0, 0.0]), tensor([1.0, 1.0, 0.0]), 0.2)
    # Clipped to 0.2: (0.2 - 1)^2 / 2; within the range; the free one is worse.
    assert loss.tolist() == pytest.approx([0.32, 0.405, 4.5])
    assert clipped.tolist() == [1.0, 0.0, 0.0]


def test_approximate_kl_is_near_the_true_one_for_near_policies() -> None:
    torch.manual_seed(4)
    old = torch.randn(2000).log_softmax(0)
    new = (old + 0.05 * torch.randn(2000)).log_softmax(0)
    exact = (old.exp() * (old - new)).sum().item()
    assert (old.exp() * ppo_math.approximate_kl(new, old)).sum().item() == pytest.approx(exact, rel=0.1)


def test_explained_variance() -> None:
    values = ppo_math.explained_variance(tensor([0.0, 2.0, 6.0]), tensor([2.0, 2.0, 2.0]))
    assert values.tolist() == [1.0, 0.0, -2.0]
    assert math.isnan(ppo_math.explained_variance(tensor(0.0), tensor(0.0)).item())


def test_masked_mean_of_nothing_is_zero() -> None:
    assert ppo_math.masked_mean(tensor([3.0, 5.0]), tensor([0.0, 1.0])) == 5
    assert ppo_math.masked_mean(tensor([3.0]), tensor([0.0])) == 0


def test_a_bandit_is_driven_to_the_closed_form_of_the_kl_penalty() -> None:
    """With one-token answers the best policy is known: reference * exp(score / kl_coef), normalised."""
    torch.manual_seed(5)
    reference = torch.randn(5).log_softmax(0)
    scores, kl_coef = tensor([0.0, 0.5, 1.0, -0.5, 0.25]), 0.5
    logits, value = reference.clone().requires_grad_(True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([logits, value], lr=0.02)
    rows, mask = 2048, torch.ones(2048, 1)
    for _ in range(150):
        with torch.no_grad():
            ids = ppo_math.sample(logits.expand(rows, 5), torch.rand(rows), 1.0).unsqueeze(1)
            old, _ = ppo_math.token_logprobs(logits.expand(rows, 1, 5), ids, 1.0)
            kl = ppo_math.kl_estimate(old, reference[ids], "k1")
            rewards = ppo_math.token_rewards(scores[ids.squeeze(1)], kl, kl_coef, mask)
            old_values = value.expand(rows, 1).clone()
            advantages, returns = ppo_math.advantages_and_returns(rewards, old_values, mask, 1.0, 0.95)
        for _ in range(2):
            new, _ = ppo_math.token_logprobs(logits.expand(rows, 1, 5), ids, 1.0)
            loss, _ = ppo_math.policy_loss(new, old, advantages, 0.2)
            critic, _ = ppo_math.value_loss(value.expand(rows, 1), old_values, returns, 0.2)
            optimizer.zero_grad()
            total: Tensor = ppo_math.masked_mean(loss + critic, mask)
            total.backward()
            optimizer.step()
    best = (reference + scores / kl_coef).softmax(0)
    assert 0.5 * (logits.softmax(0) - best).abs().sum().item() < 0.03
    assert 0.5 * (reference.exp() - best).abs().sum().item() > 0.3  # it had somewhere to go
    assert value.item() == pytest.approx(kl_coef * (reference + scores / kl_coef).logsumexp(0).item(), abs=0.05)
