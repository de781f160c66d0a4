"""What is to be known of every tag that the trainers log: unit, meaning, healthy range, the rules that judge it."""

from __future__ import annotations

from diagnostics.metrics import dpo, grpo, kto, ppo, reward, rloo, sft
from diagnostics.metrics.metric import Healthy, Lang, Metric, Text

METHODS: dict[str, tuple[Metric, ...]] = {
    "sft": sft.METRICS,
    "reward": reward.METRICS,
    "dpo": dpo.METRICS,
    "kto": kto.METRICS,
    "grpo": grpo.METRICS,
    "rloo": rloo.METRICS,
    "ppo": ppo.METRICS,
}

__all__ = ["METHODS", "Healthy", "Lang", "Metric", "Text", "metric_of"]


def metric_of(method: str | None, tag: str) -> Metric | None:
    """What is known of a tag as a method logs it (`train/kl`, `eval/rewards/score/mean`, `loss`); None if nothing is.

    A tag without `train/` or `eval/` is looked up as it stands; `eval_kl`, as in a Trainer's log, is the evaluation's.
    """
    name = tag.removeprefix("train/").removeprefix("eval/").removeprefix("eval_")
    return next((one for one in METHODS.get(method or "", ()) if one.matches(name)), None)
