"""The metrics that GRPO and RLOO share: sampled answers, their rewards, and how far an update goes."""

from __future__ import annotations

from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.units import (
    PER_TOKEN,
    SCORE,
    SECONDS,
    SHARE_OF_ANSWERS,
    SHARE_OF_GROUPS,
    TOKENS,
)
from diagnostics.rules import (
    completions_truncated,
    entropy_collapse,
    length_collapse,
    length_explosion,
    policy_ratio_blowup,
    reward_groups_constant,
)

REWARD_RULES = (
    "reward-collapse",
    "reward-constant",
    "reward-missing",
    "reward-not-finite",
    "reward-hacking-suspected",
    "reward-length-bias",
    "not-learning",
)
LENGTH_RULES = ("length-explosion", "length-collapse", "reward-length-bias")
ENTROPY = within(
    entropy_collapse.NOTHING,
    None,
    f"it falls slowly while the reward rises; less than {entropy_collapse.LEFT:.0%} of its start without a gain in reward is "
    "a collapse",
    f"随奖励上升而缓慢下降；低于起点的 {entropy_collapse.LEFT:.0%} 且奖励没有提高即为坍塌",
)
MEAN_LENGTH = watch(
    f"it stays between {length_collapse.LEFT:g} and {length_explosion.TIMES:g} times its start, unless the held-out reward "
    "rises with it",
    f"保持在起点的 {length_collapse.LEFT:g} 到 {length_explosion.TIMES:g} 倍之间，除非留出集奖励随之上升",
)
TRUNCATED = within(
    None,
    completions_truncated.WARNING,
    f"above {completions_truncated.ERROR:g} most of what is trained on has no end",
    f"超过 {completions_truncated.ERROR:g} 时，大部分训练内容没有结尾",
)
CLIPPED = within(
    None,
    policy_ratio_blowup.CLIPPED,
    "0 where each batch of answers is used once, as by default: old and new policy are the same then",
    "默认每批回答只用一次，此时新旧策略相同，应为 0",
)


def rewards(source: str, reward: Text, zero_groups: Text) -> tuple[Metric, ...]:
    """The metrics of rewards, whose meaning differs a little between GRPO and RLOO."""
    return (
        Metric(
            "reward",
            SCORE,
            reward,
            watch(
                "it rises and levels off; its noise is that of few prompts a step, so look at tens of steps",
                "上升后趋平；每步提示少，噪声大，要看几十步的趋势",
            ),
            source,
            (*REWARD_RULES, "entropy-collapse", *LENGTH_RULES[:2], "reward-groups-constant"),
        ),
        Metric(
            "reward_std",
            SCORE,
            Text(
                "Standard deviation of the same over all answers of a batch, of all prompts together (before TRL 0.27: mean "
                "of the groups').",
                "同一量在整批所有提示的回答上的标准差（TRL 0.27 之前：各组标准差的平均）。",
            ),
            watch(
                "above 0; it does not show whether answers to one prompt differ: frac_reward_zero_std does",
                "应大于 0；它不能说明同一提示的回答是否不同，要看 frac_reward_zero_std",
            ),
            source,
            ("reward-constant", "reward-not-finite", "not-learning", "reward-groups-constant"),
        ),
        Metric(
            "frac_reward_zero_std",
            SHARE_OF_GROUPS,
            zero_groups,
            within(
                None,
                reward_groups_constant.NOTE,
                f"above {reward_groups_constant.WARNING:g} half of the answers are wasted, above "
                f"{reward_groups_constant.ERROR:g} nearly all",
                f"超过 {reward_groups_constant.WARNING:g} 一半回答白费，超过 {reward_groups_constant.ERROR:g} 几乎全部白费",
            ),
            source,
            ("reward-groups-constant",),
        ),
        Metric(
            "rewards/NAME/mean",
            SCORE,
            Text(
                "Mean of one reward function before its weight, over the answers it scored; None and NaN are left out.",
                "某个奖励函数（未乘权重）在其打分的回答上的平均；None 与 NaN 不计入。",
            ),
            watch("all of them rise; if one makes all the gain, look at the others", "各项都应上升；若增益全来自一项，请看其他各项"),
            source,
            ("reward-component-dominates", "reward-not-finite", "not-learning"),
        ),
        Metric(
            "rewards/NAME/std",
            SCORE,
            Text("Standard deviation of one reward function over the answers it scored.", "某个奖励函数在其打分的回答上的标准差。"),
            watch("above 0: a reward without spread teaches nothing", "应大于 0：没有差别的奖励教不了东西"),
            source,
        ),
    )  # fmt: skip


def answers(source: str) -> tuple[Metric, ...]:
    """The metrics of lengths and ends."""
    named = {"mean": ("Mean", "平均"), "min": ("Shortest", "最短"), "max": ("Longest", "最长")}
    lengths = tuple(
        Metric(
            f"completions/{key}_{kind}length",
            TOKENS,
            Text(
                f"{en} length of the answers"
                + (
                    " that ended by themselves; 0 if none did."
                    if kind
                    else " of a batch, cut-off ones included, end token counted."
                ),
                f"{'自行结束的' if kind else '一批'}回答的{zh}长度"
                + ("；若没有则为 0。" if kind else "，含被截断的，计结束符。"),
            ),
            MEAN_LENGTH
            if key == "mean"
            else watch("below max_completion_length", "小于 max_completion_length")
            if key == "max"
            else watch("above 1: an end token alone is an empty answer", "大于 1：只有结束符即为空回答"),
            source,
            (*LENGTH_RULES, "completions-truncated", "reward-missing") if key == "mean" and not kind else (),
        )
        for kind in ("", "terminated_")
        for key, (en, zh) in named.items()
    )
    return (
        *lengths,
        Metric(
            "completions/clipped_ratio",
            SHARE_OF_ANSWERS,
            Text(
                "Answers cut off at max_completion_length, without an end token.", "在 max_completion_length 处被截断、没有结束符的回答。"
            ),
            TRUNCATED,
            source,
            ("completions-truncated", "completions-truncated-by-length", "reward-constant"),
        ),
        Metric(
            "entropy",
            PER_TOKEN,
            Text(
                "How undecided the policy is about the next token of its own answers, mean over tokens.",
                "策略对自己回答的下一个词元的不确定程度，对词元取平均。",
            ),
            ENTROPY,
            source,
            ("entropy-collapse",),
        ),
        Metric(
            "step_time",
            SECONDS,
            Text(
                "Wall seconds of one optimizer step: generation, rewards and update.", "一个优化步的墙钟秒数：生成、打分与更新。"
            ),
            watch("it follows the longest answer of the batch", "随批内最长回答变化"),
            source,
        ),
    )  # fmt: skip


def clipping(source: str, unit: Text, of_en: str, of_zh: str) -> tuple[Metric, ...]:
    """The metrics of the clipped ratio; of tokens in GRPO, of whole answers in RLOO."""
    rows = (
        ("low_mean", f"Share of {of_en} clipped from below: made rarer than 1 - epsilon.", f"下侧被裁剪的{of_zh}占比（低于 1 - epsilon）。"),
        ("low_min", "The least of the above over the answers of a batch.", "上一项在一批回答中的最小值。"),
        ("high_mean", f"Share of {of_en} clipped from above: made likelier than 1 + epsilon_high.", f"上侧被裁剪的{of_zh}占比（高于 1 + epsilon_high）。"),
        ("high_max", "The most of the above over the answers of a batch.", "上一项在一批回答中的最大值。"),
        ("region_mean", f"Share of {of_en} clipped on either side.", f"两侧被裁剪的{of_zh}占比之和。"),
    )  # fmt: skip
    return tuple(
        Metric(
            f"clip_ratio/{name}",
            unit,
            Text(en, zh),
            CLIPPED if name == "region_mean" else watch("as clip_ratio/region_mean", "同 clip_ratio/region_mean"),
            source,
            ("policy-ratio-blowup",) if name == "region_mean" else (),
        )
        for name, en, zh in rows
    )
