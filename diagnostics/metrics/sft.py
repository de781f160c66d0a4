"""The metrics of SFT."""

from __future__ import annotations

from diagnostics.metrics.common import SHARED, falling_loss
from diagnostics.metrics.metric import Metric, Text, watch
from diagnostics.metrics.units import PER_TOKEN, SHARE_OF_TOKENS
from diagnostics.rules import memorised

SOURCE = "sft_trainer.py of TRL 1.16"

METRICS = (
    falling_loss(
        SOURCE,
        PER_TOKEN,
        "Cross-entropy of the tokens that count (labels that are not -100), mean over them. An untrained model has about "
        f"the logarithm of the vocabulary's size; below {memorised.NOTHING:g} real text is known by heart.",
        f"计入损失的词元（标签不为 -100）的平均交叉熵。未训练的模型约为词表大小的对数；低于 {memorised.NOTHING:g} 说明真实文本已被背下。",
        ("labels-all-masked",),
    ),
    Metric(
        "entropy",
        PER_TOKEN,
        Text(
            "How undecided the model is about the next token, on the tokens that count. It falls with the loss.",
            "模型对下一个词元的不确定程度，只计入损失的词元。它随损失下降。",
        ),
        watch(
            "about as large as the loss: well below it, the model is surer than it is right",
            "大小与损失相近：远低于损失说明模型过于自信",
        ),
        SOURCE,
        ("labels-all-masked",),
    ),
    Metric(
        "mean_token_accuracy",
        SHARE_OF_TOKENS,
        Text(
            "How often the likeliest token is the right one, given the right ones before it.",
            "在前文正确的条件下，概率最高的词元恰为正确词元的比例。",
        ),
        watch(
            "it rises while the loss falls; near 1 in training and not in evaluation is memorising",
            "随损失下降而上升；训练接近 1 而评估不然，即为死记",
        ),
        SOURCE,
        ("labels-all-masked",),
    ),
    *SHARED,
)
