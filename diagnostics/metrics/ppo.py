"""The metrics of PPO: the tags of TRL 1.12's PPO v2, and what our trainer adds."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED
from diagnostics.metrics.metric import Metric, Text, watch, within
from diagnostics.metrics.online import ENTROPY, LENGTH_RULES, MEAN_LENGTH, REWARD_RULES, TRUNCATED
from diagnostics.metrics.units import (
    END_TOKENS,
    EPISODES,
    OWN_LOSS,
    PER_ANSWER,
    PER_SECOND,
    PER_TOKEN,
    RATE,
    RATIO,
    RATIO_SQUARED,
    SCORE,
    SCORE_SQUARED,
    SHARE_OF_ANSWERS,
    SHARE_OF_ROLLOUTS,
    SHARE_OF_TOKENS,
    TOKENS,
    VARIANCE_SHARE,
)
from diagnostics.rules import kl_explosion, kl_negative, policy_ratio_blowup, value_function_failing

TRL = "ppo_trainer.py of TRL 1.12"
OURS = "training/ppo_trainer.py"

OBJECTIVE = (
    Metric(
        "objective/scores",
        SCORE,
        Text(
            "What the reward model or the reward functions give, mean over the answers of a rollout; missing_eos_penalty is "
            "taken off already, the KL penalty is not.",
            "奖励模型或奖励函数的打分，对一次采样的回答取平均；已减去 missing_eos_penalty，未减 KL 惩罚。",
        ),
        watch("it rises and levels off", "上升后趋平"),
        TRL,
        (*(rule for rule in REWARD_RULES if rule != "reward-missing"), "entropy-collapse", *LENGTH_RULES[:2]),
    ),
    Metric(
        "objective/kl",
        PER_ANSWER,
        Text(
            "Distance of the policy from its reference on its own answers: log ratios SUMMED over the answer, mean over answers. "
            "Divide by the mean length to compare it with GRPO's kl.",
            "策略在自己的回答上与参考模型的距离：对数比对整条回答求和，再对回答取平均。除以平均长度才能与 GRPO 的 kl 比较。",
        ),
        within(
            kl_negative.SEQUENCE,
            kl_explosion.SEQUENCE_WARNING,
            "0 at the first rollout, then it rises and levels off; above "
            f"{kl_explosion.SEQUENCE_ERROR:g} the policy has run away",
            f"首次采样为 0，之后上升并趋平；超过 {kl_explosion.SEQUENCE_ERROR:g} 即已跑远",
        ),
        TRL,
        ("kl-explosion", "kl-negative", "reference-mismatch"),
    ),
    Metric(
        "objective/non_score_reward",
        SCORE,
        Text("The KL penalty as a reward: minus kl_coef times objective/kl.", "作为奖励的 KL 惩罚：-kl_coef × objective/kl。"),
        watch("small beside objective/scores", "与 objective/scores 相比应较小"),
        TRL,
    ),
    Metric(
        "objective/rlhf_reward",
        SCORE,
        Text("What PPO maximises: scores plus non_score_reward.", "PPO 最大化的目标：scores 加 non_score_reward。"),
        watch("it rises; where scores rise and this falls, the KL eats the gain", "应上升；若 scores 上升而它下降，说明增益被 KL 吃掉"),
        TRL,
    ),
    Metric(
        "objective/entropy",
        PER_ANSWER,
        Text(
            "Minus the log-probability of the sampled answers, SUMMED over the answer: it grows with the length.",
            "采样回答的对数概率的相反数，对整条回答求和：随长度增大。",
        ),
        watch("judge policy/entropy_avg instead, which does not depend on the length", "请看 policy/entropy_avg，它不依赖长度"),
        TRL,
    ),
)  # fmt: skip

UPDATE = (
    Metric(
        "loss",
        OWN_LOSS,
        Text(
            "The policy loss plus vf_coef times the value loss. It hovers, its first part around 0, and falls only as the critic "
            "learns: it does not tell how training goes. TRL 1.12 did not log it.",
            "策略损失加 vf_coef × 价值损失。它上下浮动，前一项在 0 附近，只随价值函数学习而下降：不反映训练好坏。TRL 1.12 不记录它。",
        ),
        watch("finite; look at objective/scores instead", "有限值；请看 objective/scores"),
        OURS,
        ("loss-not-finite",),
    ),
    Metric(
        "loss/policy_avg",
        OWN_LOSS,
        Text(
            "Minus the clipped ratio times the whitened advantage, mean over tokens, mini-batches and PPO epochs. Around 0, "
            "of either sign.",
            "（裁剪比值 × 白化优势）的相反数，对词元、小批与 PPO 轮取平均。在 0 附近，可正可负。",
        ),
        watch("around 0; large and positive says that the policy overshoots", "在 0 附近；较大的正值说明更新过头"),
        TRL,
        ("loss-not-finite", "gradient-not-finite"),
    ),
    Metric(
        "loss/value_avg",
        SCORE_SQUARED,
        Text(
            "Half the squared error of the value function against the returns, the larger of clipped and unclipped, mean over "
            "tokens.",
            "价值函数相对回报的平方误差之半，取裁剪与未裁剪中较大者，对词元取平均。",
        ),
        watch(
            f"it falls and levels off; {value_function_failing.TIMES:g} times its early level is a critic that runs away",
            f"下降后趋平；达到早期水平的 {value_function_failing.TIMES:g} 倍说明价值函数失控",
        ),
        TRL,
        ("value-function-failing",),
    ),
    Metric(
        "policy/approxkl_avg",
        PER_TOKEN,
        Text(
            "Half the squared log ratio of new to old policy, mean over tokens: how far one rollout's updates went. Ours ends "
            "the PPO epochs where it passes target_kl.",
            "新旧策略对数比平方之半，对词元取平均：一次采样的更新走了多远。超过 target_kl 时我们提前结束 PPO 轮。",
        ),
        within(None, policy_ratio_blowup.APPROXIMATE, "steady", "平稳"),
        TRL,
        ("policy-ratio-blowup", "not-learning"),
    ),
    Metric(
        "policy/clipfrac_avg",
        SHARE_OF_TOKENS,
        Text("Tokens whose ratio was clipped at 1 +- cliprange to their disadvantage.", "比值在 1 ± cliprange 处被裁剪的词元。"),
        within(None, policy_ratio_blowup.CLIPPED, "above 0 once it learns; 0 for ever says that nothing moves", "学习开始后大于 0；始终为 0 说明没有变化"),
        TRL,
        ("policy-ratio-blowup",),
    ),
    Metric(
        "policy/entropy_avg",
        PER_TOKEN,
        Text("How undecided the policy is about the next token of its answers, mean over tokens.", "策略对下一个词元的不确定程度，对词元取平均。"),
        ENTROPY,
        TRL,
        ("entropy-collapse",),
    ),
    Metric(
        "policy/stopped_early",
        SHARE_OF_ROLLOUTS,
        Text("Rollouts whose PPO epochs target_kl ended before their time.", "被 target_kl 提前结束 PPO 轮的采样占比。"),
        watch("seldom; near 1 the learning rate is too high for num_ppo_epochs", "应很少；接近 1 说明学习率相对 num_ppo_epochs 过高"),
        OURS,
    ),
    Metric(
        "val/ratio",
        RATIO,
        Text("Probability of the answers' tokens under the new policy over that under the old, mean.", "新旧策略对回答词元的概率之比，取平均。"),
        within(policy_ratio_blowup.LOW, policy_ratio_blowup.HIGH, "close to 1", "接近 1"),
        TRL,
        ("policy-ratio-blowup",),
    ),
    Metric(
        "val/ratio_var",
        RATIO_SQUARED,
        Text("Variance of that mean between mini-batches and PPO epochs.", "上一项在各小批与各 PPO 轮之间的方差。"),
        watch("small; a rise comes before policy-ratio-blowup", "应很小；上升先于 policy-ratio-blowup 出现"),
        TRL,
    ),
    Metric(
        "val/clipfrac_avg",
        SHARE_OF_TOKENS,
        Text(
            "Tokens whose value was held back by cliprange_value. Of the value function, in spite of its name beside "
            "policy/clipfrac_avg.",
            "价值被 cliprange_value 限制的词元占比。说的是价值函数，不是策略。",
        ),
        watch("it falls; high for long, cliprange_value is narrow for the size of the scores", "应下降；长期偏高说明 cliprange_value 相对分数过窄"),
        TRL,
    ),
    Metric(
        "val/explained_variance",
        VARIANCE_SHARE,
        Text(
            "How much of the returns' variance the value function knew beforehand: 1 all, 0 no more than a constant, below 0 "
            "worse than one.",
            "价值函数事先解释了回报方差的多少：1 为全部，0 等于常数，低于 0 比常数还差。",
        ),
        watch(
            "it rises above 0 within some updates; below 0 for "
            f"{value_function_failing.NEGATIVE:g} rows in a row is a critic that fails",
            f"若干次更新后升到 0 以上；连续 {value_function_failing.NEGATIVE:g} 行低于 0 说明价值函数失败",
        ),
        OURS,
        ("value-function-failing",),
    ),
)  # fmt: skip

ROLLOUT = (
    Metric(
        "val/num_eos_tokens",
        END_TOKENS,
        Text("Answers of one rollout that ended by themselves; TRL counted end tokens, those after the first one too.", "一次采样中自行结束的回答数；TRL 计的是结束符，含第一个之后的。"),
        watch("at least one an answer; falling towards 0, answers are cut off at response_length", "每条回答至少一个；趋近 0 说明回答在 response_length 处被截断"),
        TRL,
        ("completions-truncated-by-length",),
    ),
    Metric(
        "completions/mean_length",
        TOKENS,
        Text("Mean length of the answers of a rollout, end token counted.", "一次采样的回答的平均长度，计结束符。"),
        MEAN_LENGTH,
        OURS,
        (*LENGTH_RULES, "completions-truncated"),
    ),
    Metric(
        "completions/max_length",
        TOKENS,
        Text("Length of the longest answer of a rollout.", "一次采样中最长回答的长度。"),
        watch("below response_length", "小于 response_length"),
        OURS,
    ),
    Metric(
        "completions/clipped_ratio",
        SHARE_OF_ANSWERS,
        Text("Answers cut off at response_length, without an end token.", "在 response_length 处被截断、没有结束符的回答。"),
        TRUNCATED,
        OURS,
        ("completions-truncated", "completions-truncated-by-length", "reward-constant"),
    ),
    Metric(
        "rewards/NAME/mean",
        SCORE,
        Text("Mean of one reward before its weight, over the answers of a rollout.", "某个奖励（未乘权重）在一次采样的回答上的平均。"),
        watch("all of them rise; if one makes all the gain, look at the others", "各项都应上升；若增益全来自一项，请看其他各项"),
        OURS,
        ("reward-not-finite", "not-learning"),
    ),
    Metric(
        "rewards/NAME/std",
        SCORE,
        Text("Standard deviation of one reward over the answers of a rollout.", "某个奖励在一次采样的回答上的标准差。"),
        watch("above 0: a reward without spread teaches nothing", "应大于 0：没有差别的奖励教不了东西"),
        OURS,
    ),
    Metric(
        "eps",
        PER_SECOND,
        Text("Episodes a second since the start: not epsilon.", "从开始起每秒的回合数：不是 epsilon。"),
        watch("steady; it falls as answers grow longer", "平稳；回答变长时下降"),
        TRL,
    ),
    Metric(
        "episode",
        EPISODES,
        Text("Answers sampled since the start; training ends at total_episodes.", "从开始起采样的回答数；到 total_episodes 结束。"),
        watch("it grows by the batch size in each update", "每次更新增加一个批大小"),
        TRL,
    ),
    Metric(
        "lr",
        RATE,
        Text("The learning rate, under the name that TRL's PPO gave it.", "学习率，沿用 TRL PPO 的名字。"),
        watch("as learning_rate", "同 learning_rate"),
        TRL,
        ("schedule-fault",),
    ),
)  # fmt: skip

METRICS = (*OBJECTIVE, *UPDATE, *ROLLOUT, *SHARED)
