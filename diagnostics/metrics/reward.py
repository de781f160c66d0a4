"""The metrics of the reward model's training."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED, falling_loss
from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.units import PER_PAIR, SCORE, SHARE_OF_PAIRS
from diagnostics.rules import reward_model_at_chance, reward_model_saturated

SOURCE = "reward_trainer.py of TRL 1.16"

METRICS = (
    falling_loss(
        SOURCE,
        PER_PAIR,
        "Minus the log-sigmoid of the margin (Bradley-Terry), mean over pairs; plus center_rewards_coefficient times the "
        f"square of the pair's sum, if set. A coin costs ln 2 = 0.693: above {reward_model_at_chance.LN2:g} nothing is "
        f"learned; below {reward_model_saturated.NOTHING:g} there is nothing left to learn.",
        "分差的负 log-sigmoid（Bradley-Terry），对偏好对取平均；若设置 center_rewards_coefficient，再加该系数乘以两分之和的平方。"
        f"抛硬币为 ln 2 = 0.693：高于 {reward_model_at_chance.LN2:g} 即没有学到，低于 {reward_model_saturated.NOTHING:g} 则已无可学。",
        ("reward-model-at-chance", "reward-model-saturated"),
    ),
    Metric(
        "accuracy",
        SHARE_OF_PAIRS,
        Text(
            "How often the chosen answer scores above the rejected one. Equal scores count as lost.",
            "被选回答得分高于被拒回答的比例。同分算输。",
        ),
        within(
            reward_model_at_chance.CHANCE,
            reward_model_saturated.ALL,
            f"the evaluation's within {reward_model_saturated.HELD:g} of the training's. At the low end it is a coin; at the "
            "high end, early in the run, the pairs are told apart by something cheap",
            f"评估值与训练值之差不超过 {reward_model_saturated.HELD:g}。低端等于抛硬币；若早早到达高端，说明靠某个简单特征就能区分",
        ),
        SOURCE,
        (
            "reward-model-at-chance",
            "reward-model-saturated",
            "preference-pairs-swapped",
        ),
    ),
    Metric(
        "margin",
        SCORE,
        Text(
            "The chosen answer's score less the rejected one's, mean over pairs. Exactly 0 row after row: the pairs are "
            "identical.",
            "被选回答与被拒回答的分差，对偏好对取平均。若连续多行恰为 0：两个回答相同。",
        ),
        watch("it rises and levels off", "上升后趋平"),
        SOURCE,
        ("preference-pairs-identical", "not-learning"),
    ),
    Metric(
        "mean_reward",
        SCORE,
        Text(
            "The mean score of all answers, chosen and rejected. Only differences of scores are trained: their level is free "
            "to drift.",
            "所有回答（被选与被拒）的平均分。训练只约束分差，分数水平可以自由漂移。",
        ),
        within(
            None,
            reward_model_saturated.DRIFT,
            "its size, either sign; center_rewards_coefficient holds it at 0",
            "看其绝对值；center_rewards_coefficient 可使其保持在 0 附近",
        ),
        SOURCE,
        ("reward-model-saturated",),
    ),
    Metric(
        "min_reward",
        SCORE,
        Text("The lowest score in a batch, mean over the batches of a row.", "每批的最低分，对一行内各批取平均。"),
        watch("a single extreme score pulls it away: look at that answer", "单个极端分数会拉偏它：查看那条回答"),
        SOURCE,
    ),
    Metric(
        "max_reward",
        SCORE,
        Text("The highest score in a batch, mean over the batches of a row.", "每批的最高分，对一行内各批取平均。"),
        watch("a single extreme score pulls it away: look at that answer", "单个极端分数会拉偏它：查看那条回答"),
        SOURCE,
    ),
    *SHARED,
)
