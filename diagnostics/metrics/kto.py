"""The metrics of KTO."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED, falling_loss
from diagnostics.metrics.metric import Metric, Text, watch
from diagnostics.metrics.preference import preference
from diagnostics.metrics.units import LOST, PER_ANSWER

SOURCE = "kto_trainer.py of TRL 1.16"

METRICS = (
    falling_loss(
        SOURCE,
        LOST,
        "One minus a sigmoid of how far an answer is on its right side of the batch's KL, times desirable_weight or "
        "undesirable_weight, mean over answers. It starts at 0.5 with both weights 1.",
        "一减去（回答在批内 KL 正确一侧的距离的 sigmoid），乘以 desirable_weight 或 undesirable_weight，对回答取平均。"
        "两个权重都为 1 时从 0.5 开始。",
        ("preference-saturated",),
    ),
    Metric(
        "kl",
        PER_ANSWER,
        Text(
            "An estimate of the distance to the reference from answers paired with other prompts, never below 0. It is the "
            "point that answers are measured against, and is not trained.",
            "用与其他提示错配的回答估计的与参考模型的距离，不小于 0。它是衡量回答的基准点，本身不参与训练。",
        ),
        watch("often 0 or small; a steady rise says that the policy moves everywhere, not only on the answers", "常为 0 或很小；持续上升说明策略在所有文本上都在漂移"),
        SOURCE,
        ("reference-mismatch",),
    ),
    *preference(
        SOURCE,
        margin_rules=(
            "preference-flat",
            "preference-saturated",
            "reward-disagrees-with-preferences",
            "not-learning",
        ),
        chosen_rules=("reference-mismatch", "unpaired-labels-imbalanced"),
    ),
    *SHARED,
)  # fmt: skip
