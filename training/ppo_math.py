"""The mathematics of PPO as pure functions over tensors, each with its formula and source.

Shapes: B rows, R response tokens, V vocabulary. A mask is 1 at the tokens of an answer up to and including its end token
and 0 behind it. Logarithms are natural: divergences and entropies are in nats.

Sources: Schulman et al. 2017 (PPO, arXiv:1707.06347); Schulman et al. 2016 (GAE, arXiv:1506.02438); Ziegler et al. 2019
(rewards with a KL penalty per token, arXiv:1909.08593); Schulman 2020 (estimators of the KL divergence,
http://joschu.net/blog/kl-approx.html).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sample(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """One token a row by inverting the cumulative distribution: (B, V) logits and (B,) numbers in [0, 1) -> (B,) ids.

    The draw depends on the row's own logits and number alone, so that the same seed answers alike in any batch and on any
    number of processes.
    """
    cumulative = functional.softmax(logits.float() / temperature, dim=-1).cumsum(dim=-1)
    # The last entry is 1 but for rounding; scaled by it, no number falls behind the end. `right` never lets a number of
    # exactly 0 choose a token of probability 0.
    wanted = (uniform.to(cumulative) * cumulative[:, -1]).unsqueeze(-1)
    return torch.searchsorted(cumulative, wanted, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)


def chosen_logprobs(logits: Tensor, ids: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of the tokens alone: (B, R, V), (B, R) -> (B, R), nats."""
    return of_tokens(functional.log_softmax(logits.float() / temperature, dim=-1), ids)


def of_tokens(logprobs: Tensor, ids: Tensor) -> Tensor:
    """The entries of the tokens in (B, R, V) log-probabilities: (B, R)."""
    return logprobs.gather(-1, ids.unsqueeze(-1)).squeeze(-1)


def token_logprobs(logits: Tensor, ids: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the tokens and the entropy of each distribution: (B, R, V), (B, R) -> (B, R), (B, R), nats.

    The entropy carries no gradient: it is watched, not trained on.
    """
    logprobs = functional.log_softmax(logits.float() / temperature, dim=-1)
    with torch.no_grad():
        entropy = -(logprobs.exp() * logprobs).sum(dim=-1)
    return of_tokens(logprobs, ids), entropy


def kl_estimate(logprobs: Tensor, ref_logprobs: Tensor, estimator: str) -> Tensor:
    """KL(policy || reference) by token, estimated from the sampled tokens: (B, R), nats.

    `k1`: log p - log q, unbiased, may be negative. `k3`: (r - 1) - log r with r = q / p, unbiased, never negative.
    """
    log_ratio = ref_logprobs - logprobs
    return -log_ratio if estimator == "k1" else torch.expm1(log_ratio) - log_ratio


def token_rewards(scores: Tensor, kl: Tensor, kl_coef: float, mask: Tensor) -> Tensor:
    """The reward of each token: -kl_coef * kl everywhere, and the (B,) score of the answer on its last token."""
    rewards = -kl_coef * kl * mask
    last = mask.sum(dim=1).long().clamp(min=1) - 1
    rewards[torch.arange(len(rewards), device=rewards.device), last] += scores
    return rewards


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation over (B, R) tokens; the value behind an answer's end is 0.

    delta_t = r_t + gamma * V_{t+1} - V_t;  A_t = delta_t + gamma * lam * A_{t+1};  return_t = A_t + V_t.
    """
    values = values * mask
    advantages = torch.zeros_like(rewards)
    later = torch.zeros_like(rewards[:, 0])
    for step in reversed(range(rewards.shape[1])):
        next_value = values[:, step + 1] if step + 1 < rewards.shape[1] else torch.zeros_like(later)
        delta = rewards[:, step] + gamma * next_value - values[:, step]
        later = (delta + gamma * lam * later) * mask[:, step]
        advantages[:, step] = later
    return advantages, (advantages + values) * mask


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens of the mask; 0 where it is empty."""
    return (x * mask).sum() / mask.sum().clamp(min=1)


def whiten(x: Tensor, mask: Tensor, mean: Tensor, variance: Tensor, shift_mean: bool = True) -> Tensor:
    """Scaled to variance 1 and, unless `shift_mean` is false, to mean 0; 0 outside the mask.

    `mean` and `variance` are given, because they are those over all processes.
    """
    white = (x - mean) * torch.rsqrt(variance + 1e-8)
    return (white if shift_mean else white + mean) * mask


def policy_loss(logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, cliprange: float) -> tuple[Tensor, Tensor]:
    """The clipped objective by token, negative for a minimiser, and 1 where the clipped branch is the one taken.

    max(-A * ratio, -A * clip(ratio, 1 - cliprange, 1 + cliprange)), ratio = p / p_old.
    """
    ratio = (logprobs - old_logprobs).exp()
    free = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - cliprange, 1 + cliprange)
    return torch.maximum(free, clipped), (clipped > free).float()


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, cliprange: float) -> tuple[Tensor, Tensor]:
    """Half the squared error by token, the worse of the free and the clipped value, and 1 where that is the clipped one."""
    free = (values - returns) ** 2
    near = old_values + (values - old_values).clamp(-cliprange, cliprange)
    clipped = (near - returns) ** 2
    return 0.5 * torch.maximum(free, clipped), (clipped > free).float()


def approximate_kl(logprobs: Tensor, old_logprobs: Tensor) -> Tensor:
    """KL(p_old || p) by token, by the second-order estimator k2: half the squared log ratio, nats."""
    return 0.5 * (logprobs - old_logprobs) ** 2


def explained_variance(residual_variance: Tensor, variance: Tensor) -> Tensor:
    """1 - Var(returns - values) / Var(returns): 1 perfect, 0 no better than a constant, negative worse than one.

    NaN where the returns do not vary: there is nothing to explain.
    """
    return torch.where(variance > 0, 1 - residual_variance / variance, torch.full_like(variance, float("nan")))
