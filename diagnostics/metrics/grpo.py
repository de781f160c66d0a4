"""The metrics of GRPO."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED
from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.online import answers, clipping, rewards
from diagnostics.metrics.units import (
    COEFFICIENT,
    OWN_LOSS,
    PER_TOKEN,
    SAMPLER_RATIO,
    SHARE_OF_CALLS,
    SHARE_OF_TOKENS,
    WEIGHT,
)
from diagnostics.rules import kl_explosion, kl_negative, off_policy_drift

SOURCE = "grpo_trainer.py of TRL 1.16"

METRICS = (
    Metric(
        "loss",
        OWN_LOSS,
        Text(
            "Minus the clipped ratio times the advantage, mean over tokens, plus beta times the KL. At ratio 1 the advantages of "
            "a group cancel, but for their lengths: in the mean over all tokens (loss_type dapo, the default) long answers weigh "
            "more. So it lies some tenths around 0, often below, from the first step on, and does not tell how training goes.",
            "（裁剪比值 × 优势）的相反数对词元取平均，加上 beta × KL。比值为 1 时组内优势相互抵消，只差长度：默认的 dapo 对所有词元取平均，"
            "长回答占得更多。因此从第一步起就在 0 附近零点几的范围内，常为负，不反映训练好坏。",
        ),
        watch("finite, around 0; look at reward instead", "有限值，在 0 附近；请看 reward"),
        SOURCE,
        ("loss-not-finite",),
    ),
    *rewards(
        SOURCE,
        Text(
            "The weighted sum of the reward functions, mean over the answers of the batch; before the KL penalty.",
            "各奖励函数的加权和，对一批回答取平均；不含 KL 惩罚。",
        ),
        Text(
            "Groups whose answers all earned the same: their advantages are 0 and they teach nothing.",
            "组内所有回答得分相同的比例：优势为 0，什么也教不了。",
        ),
    ),
    Metric(
        "kl",
        PER_TOKEN,
        Text(
            "Distance of the policy from its reference on its own answers, mean over tokens, by Schulman's k3 estimate (never "
            "below 0). Logged only if beta is above 0; the default is 0.",
            "策略在自己的回答上与参考模型的距离，对词元取平均，Schulman k3 估计（不小于 0）。仅当 beta 大于 0 时记录，默认为 0。",
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
    *clipping(SOURCE, SHARE_OF_TOKENS, "tokens", "词元"),
    Metric(
        "cispo_clip_ratio",
        SHARE_OF_TOKENS,
        Text("Tokens whose weight is capped at epsilon_high; loss_type cispo only.", "权重在 epsilon_high 处封顶的词元；仅 loss_type 为 cispo。"),
        watch("near 0 where each batch of answers is used once", "每批回答只用一次时接近 0"),
        SOURCE,
    ),
    Metric(
        "vespo/phi_seq_mean",
        WEIGHT,
        Text("The weight of an answer, mean over the batch; loss_type vespo only.", "一条回答的权重，批内平均；仅 loss_type 为 vespo。"),
        watch("near 1", "接近 1"),
        SOURCE,
    ),
    Metric(
        "policy_loss",
        OWN_LOSS,
        Text("The loss without the entropy bonus; logged where entropy_coef is set.", "不含熵奖励的损失；设置 entropy_coef 时记录。"),
        watch("finite, around 0", "有限值，在 0 附近"),
        SOURCE,
        ("loss-not-finite", "gradient-not-finite"),
    ),
    Metric(
        "entropy_coef",
        COEFFICIENT,
        Text(
            "The weight of the entropy bonus: fixed, or steered towards entropy_target if use_adaptive_entropy is on.",
            "熵奖励的系数：固定，或在 use_adaptive_entropy 开启时朝 entropy_target 调节。",
        ),
        watch("adaptive: between entropy_coef_min and entropy_coef_max, and not stuck at either", "自适应时在 entropy_coef_min 与 entropy_coef_max 之间，且不卡在端点"),
        SOURCE,
    ),
    Metric(
        "sampling/sampling_logp_difference/mean",
        PER_TOKEN,
        Text(
            "How far the sampler's log-probabilities (vLLM) are from the trainer's for the same tokens, mean of the sizes.",
            "采样器（vLLM）与训练器对同一词元的对数概率之差的绝对值，取平均。",
        ),
        within(
            None,
            off_policy_drift.DIFFERENCE,
            f"steady; above {off_policy_drift.LARGE:g} importance correction clips nearly everything",
            f"应平稳；超过 {off_policy_drift.LARGE:g} 时重要性校正几乎裁掉一切",
        ),
        SOURCE,
        ("off-policy-drift",),
    ),
    Metric(
        "sampling/sampling_logp_difference/max",
        PER_TOKEN,
        Text("The largest of the above in a batch.", "上一项在一批中的最大值。"),
        watch("single tokens may be far off; a rise over the run is not healthy", "个别词元可以很大；随训练上升则不正常"),
        SOURCE,
    ),
    Metric(
        "sampling/importance_sampling_ratio/mean",
        SAMPLER_RATIO,
        Text("The trainer's probability over the sampler's, mean.", "训练器概率与采样器概率之比，取平均。"),
        within(off_policy_drift.LOW, off_policy_drift.HIGH, "close to 1", "接近 1"),
        SOURCE,
        ("off-policy-drift",),
    ),
    *(
        Metric(
            f"sampling/importance_sampling_ratio/{end}",
            SAMPLER_RATIO,
            Text(f"The {en} of the above in a batch, after clipping.", f"上一项在一批中裁剪后的{zh}值。"),
            watch("it is far from 1 in single answers; look at the mean", "个别回答可远离 1；请看平均值"),
            SOURCE,
        )
        for end, en, zh in (("min", "least", "最小"), ("max", "largest", "最大"))
    ),
    Metric(
        "tools/call_frequency",
        WEIGHT,
        Text("Tool calls an answer, where tools are given.", "每条回答的工具调用次数；给定工具时记录。"),
        watch("as often as the task needs tools", "与任务所需相当"),
        SOURCE,
    ),
    Metric(
        "tools/failure_frequency",
        SHARE_OF_CALLS,
        Text("Tool calls that failed, of all calls.", "失败的工具调用占比。"),
        watch("it falls", "应下降"),
        SOURCE,
    ),
    *SHARED,
)  # fmt: skip
