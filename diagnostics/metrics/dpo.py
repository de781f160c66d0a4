"""The metrics of DPO."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED, falling_loss
from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.preference import preference
from diagnostics.metrics.units import PER_PAIR, SHARE_OF_PAIRS, SHARE_OF_TOKENS
from diagnostics.rules import preference_flat, preference_pairs_swapped, preference_saturated

SOURCE = "dpo_trainer.py of TRL 1.16"

METRICS = (
    falling_loss(
        SOURCE,
        PER_PAIR,
        "For loss_type sigmoid, the default: minus the log-sigmoid of the margin, mean over pairs. It starts at ln 2 = 0.693, "
        f"because policy and reference are the same then; below {preference_saturated.NOTHING:g} nothing is left to learn.",
        "默认的 sigmoid 损失：分差的负 log-sigmoid，对偏好对取平均。起点为 ln 2 = 0.693，因为此时策略与参考相同；"
        f"低于 {preference_saturated.NOTHING:g} 则已无可学。",
        ("preference-saturated", "preference-displacement"),
    ),
    Metric(
        "rewards/accuracies",
        SHARE_OF_PAIRS,
        Text(
            "How often rewards/chosen is above rewards/rejected. 0 at the first step, where both are 0: equal counts as lost.",
            "rewards/chosen 高于 rewards/rejected 的比例。第一步为 0，因为两者都为 0，相等算输。",
        ),
        within(
            None,
            preference_saturated.ALL,
            f"it leaves one half by more than {preference_flat.CHANCE:g}; in evaluation below "
            f"{preference_pairs_swapped.REVERSED:g} the evaluation's columns are swapped",
            f"应偏离一半超过 {preference_flat.CHANCE:g}；评估低于 {preference_pairs_swapped.REVERSED:g} 说明评估集两列对调",
        ),
        SOURCE,
        (
            "preference-saturated",
            "preference-flat",
            "preference-pairs-swapped",
            "preference-displacement",
        ),
    ),
    *preference(
        SOURCE,
        margin_rules=(
            "preference-flat",
            "preference-saturated",
            "preference-pairs-identical",
            "preference-displacement",
            "reward-disagrees-with-preferences",
            "not-learning",
        ),
        chosen_rules=("preference-displacement", "reference-mismatch"),
    ),
    Metric(
        "mean_token_accuracy",
        SHARE_OF_TOKENS,
        Text(
            "How often the policy's likeliest token is that of the chosen answer.", "策略概率最高的词元与被选回答一致的比例。"
        ),
        watch("it changes little; a fall goes with preference-displacement", "变化很小；下降常与 preference-displacement 同时出现"),
        SOURCE,
    ),
    *SHARED,
)  # fmt: skip
