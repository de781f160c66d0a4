"""The metrics of RLOO."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED
from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.online import answers, clipping, rewards
from diagnostics.metrics.units import OWN_LOSS, PER_TOKEN, SHARE_OF_ANSWERS
from diagnostics.rules import kl_explosion, kl_negative

SOURCE = "rloo_trainer.py of TRL 1.16"

METRICS = (
    Metric(
        "loss",
        OWN_LOSS,
        Text(
            "Minus the ratio times the advantage, mean over answers. At ratio 1 the leave-one-out advantages of a group sum to 0: "
            "1e-9 to 1e-7 by construction, mere rounding, while every batch is used once, and no sign of a fault. The gradient is not 0.",
            "（比值 × 优势）的相反数对回答取平均。比值为 1 时组内留一优势之和为 0：每批只用一次时按定义只剩舍入误差（1e-9 到 1e-7），并非故障，梯度并不为 0。",
        ),
        watch("finite, about 0; look at reward instead", "有限值，约为 0；请看 reward"),
        SOURCE,
        ("loss-not-finite",),
    ),
    *rewards(
        SOURCE,
        Text(
            "The weighted sum of the reward functions, cut to reward_clip_range if that is set, less beta times the KL of the "
            "whole answer; mean over the answers of the batch. The rewards alone are in rewards/NAME/mean.",
            "各奖励函数的加权和（若设置则裁到 reward_clip_range），减去 beta × 整条回答的 KL，对一批回答取平均。不含惩罚的见 rewards/NAME/mean。",
        ),
        Text(
            "Groups whose answers all earned the same, the KL penalty included: with beta above 0 it stays near 0 even where the "
            "reward functions return a constant.",
            "组内所有回答得分（含 KL 惩罚）相同的比例：beta 大于 0 时，即使奖励函数返回常数它也接近 0。",
        ),
    ),
    Metric(
        "kl",
        PER_TOKEN,
        Text(
            "Distance of the policy from its reference on its own answers, mean over tokens, by the plain log ratio (k1): it may "
            "be negative in a row. The penalty in the reward is the sum over the answer. Logged if beta is not 0; the default is "
            "0.05.",
            "策略在自己的回答上与参考模型的距离，对词元取平均，直接用对数比（k1）：单行可以为负。奖励中的惩罚是整条回答之和。beta 不为 0 时记录，默认 0.05。",
        ),
        within(
            kl_negative.TOKEN,
            kl_explosion.TOKEN_WARNING,
            f"it rises and levels off; above {kl_explosion.TOKEN_ERROR:g} the policy has run away",
            f"上升后趋平；超过 {kl_explosion.TOKEN_ERROR:g} 即已跑远",
        ),
        SOURCE,
        ("kl-explosion", "kl-negative", "reference-mismatch"),
    ),
    *answers(SOURCE),
    *clipping(SOURCE, SHARE_OF_ANSWERS, "answers", "回答"),
    *SHARED,
)  # fmt: skip
