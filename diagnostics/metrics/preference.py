"""The metrics that DPO and KTO share: the policy's log-probabilities of given answers, against its reference."""

from __future__ import annotations

from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.units import BETA_NATS, LOGIT, PER_ANSWER, PER_TOKEN
from diagnostics.rules import preference_displacement, preference_flat, preference_saturated, reference_mismatch


def preference(source: str, margin_rules: tuple[str, ...], chosen_rules: tuple[str, ...]) -> tuple[Metric, ...]:
    """The shared metrics, as logged by `source`, with the rules of the method that judge margin and chosen reward."""
    return (
        Metric(
            "rewards/chosen",
            BETA_NATS,
            Text(
                "Beta times how much likelier the chosen answer is to the policy than to the reference. 0 at the first step, "
                f"but for rounding (above {reference_mismatch.REWARD:g}, the reference is another model).",
                "beta 乘以（策略相对参考模型对被选回答的对数概率之差）。第一步除舍入外为 0"
                f"（大于 {reference_mismatch.REWARD:g} 说明参考模型不是同一个）。",
            ),
            within(
                preference_displacement.CHOSEN,
                None,
                "it rises or stays near 0; deep below, chosen answers become rarer too, only less than the rejected ones",
                "上升或保持在 0 附近；明显为负时被选回答也变得更少见，只是比被拒回答少得慢",
            )
            if "preference-displacement" in chosen_rules
            else watch("it rises or stays near 0", "上升或保持在 0 附近"),
            source,
            chosen_rules,
        ),
        Metric(
            "rewards/rejected",
            BETA_NATS,
            Text(
                "Beta times how much likelier the rejected answer is to the policy than to the reference.",
                "beta 乘以（策略相对参考模型对被拒回答的对数概率之差）。",
            ),
            watch("it falls below rewards/chosen", "降到 rewards/chosen 之下"),
            source,
            tuple(rule for rule in chosen_rules if rule == "unpaired-labels-imbalanced"),
        ),
        Metric(
            "rewards/margins",
            BETA_NATS,
            Text("rewards/chosen less rewards/rejected, mean over the batch.", "rewards/chosen 减 rewards/rejected，批内平均。"),
            within(
                preference_flat.MARGIN,
                preference_saturated.MARGIN,
                "it rises and levels off; below the low end late in the run nothing was learned, above the high end the pairs "
                "were told apart long ago",
                "上升后趋平；后期仍低于下限说明没有学到，高于上限说明早已完全区分",
            ),
            source,
            margin_rules,
        ),
        Metric(
            "logps/chosen",
            PER_ANSWER,
            Text("Log-probability of the chosen answers under the policy, mean over answers.", "策略对被选回答的对数概率，对回答取平均。"),
            watch(
                f"it falls by no more than {preference_displacement.FALL:.0%} of its start: longer answers have lower ones, so "
                "compare it with its own start only",
                f"下降不超过起点的 {preference_displacement.FALL:.0%}；回答越长该值越低，只能与自身起点比较",
            ),
            source,
            tuple(rule for rule in margin_rules if rule in ("preference-pairs-identical",))
            + tuple(rule for rule in chosen_rules if rule == "preference-displacement"),
        ),
        Metric(
            "logps/rejected",
            PER_ANSWER,
            Text("Log-probability of the rejected answers under the policy, mean over answers.", "策略对被拒回答的对数概率，对回答取平均。"),
            watch("it falls; no number says how far is too far", "应下降；没有数值界限"),
            source,
            tuple(rule for rule in margin_rules if rule in ("preference-pairs-identical",)),
        ),
        Metric(
            "logits/chosen",
            LOGIT,
            Text("Mean logit over the whole vocabulary, on the chosen answers' tokens.", "被选回答各词元上对整个词表取平均的 logit。"),
            watch("its level means nothing (a softmax does not see it); a steep drift goes with diverging", "数值本身无意义（softmax 不受其影响）；急剧漂移常与发散同时出现"),
            source,
        ),
        Metric(
            "logits/rejected",
            LOGIT,
            Text("Mean logit over the whole vocabulary, on the rejected answers' tokens.", "被拒回答各词元上对整个词表取平均的 logit。"),
            watch("as logits/chosen", "同 logits/chosen"),
            source,
        ),
        Metric(
            "entropy",
            PER_TOKEN,
            Text("How undecided the policy is about the tokens of the given answers.", "策略对给定回答各词元的不确定程度。"),
            watch("slow changes; a fall towards 0 goes with saturation", "缓慢变化；趋近 0 常与饱和同时出现"),
            source,
        ),
    )  # fmt: skip
