"""The metrics that every trainer logs."""

from __future__ import annotations

from diagnostics.metrics.metric import Healthy, Metric, Text, watch
from diagnostics.metrics.units import (
    FLOPS,
    GIB,
    NORM,
    PASSES,
    PER_SECOND,
    RATE,
    SECONDS,
    SHARE_OF_MEMORY,
    STAGE,
    TOKENS,
)
from diagnostics.rules import gradient_explosion, near_memory_limit, not_learning, schedule_fault

TRAINER = "trainer.py of transformers 5.23"
READINGS = "training/worker/readings.py, of workers of ours"
# Rules that judge the loss of every method by its course alone.
LOSS_RULES = ("loss-not-finite", "loss-diverged", "loss-spike", "not-learning")

SHARED = (
    Metric(
        "grad_norm",
        NORM,
        Text(
            f"The size of the whole gradient before max_grad_norm cuts it (default {gradient_explosion.CLIP:g}). NaN or inf "
            "says that the step was lost; exactly 0 that nothing was learned from it.",
            f"整个梯度在 max_grad_norm（默认 {gradient_explosion.CLIP:g}）裁剪之前的大小。NaN 或 inf 说明这一步作废；恰好为 0 说明什么也没学到。",
        ),
        watch(
            f"its own level: more than {gradient_explosion.TIMES:g} times the run's median, again and again or for good, "
            "is an explosion",
            f"看它自身的水平：反复或持续超过中位数的 {gradient_explosion.TIMES:g} 倍即为爆炸",
        ),
        TRAINER,
        ("gradient-explosion", "gradient-not-finite", "nothing-trainable"),
    ),
    Metric(
        "learning_rate",
        RATE,
        Text("The learning rate of the step that was just taken.", "刚完成的这一步所用的学习率。"),
        watch(
            "it follows the planned schedule: up in the warm-up, then down; less than "
            f"{schedule_fault.SPENT:g} of its peak for more than {schedule_fault.TAIL:.0%} of the rows is a spent schedule",
            f"按计划先预热后衰减；低于峰值的 {schedule_fault.SPENT:g} 且超过 {schedule_fault.TAIL:.0%} 的行，说明学习率已耗尽",
        ),
        TRAINER,
        ("schedule-fault",),
    ),
    Metric(
        "epoch",
        PASSES,
        Text("How often the data have been gone through.", "数据被遍历了多少次。"),
        watch("stairs in the loss at whole numbers are memorising", "损失在整数处出现台阶说明在死记"),
        TRAINER,
        ("memorised",),
    ),
    Metric(
        "num_tokens",
        TOKENS,
        Text("Tokens trained on since the start, prompts and answers, without padding.", "从开始起训练过的词元数（含提示与回答，不含填充）。"),
        watch("it grows by about as much in each step", "每步增长大致相同"),
        "the trainers of TRL 1.16",
    ),
    Metric(
        "curriculum_stage",
        STAGE,
        Text("The stage of the curriculum, easy to hard; logged where curriculum is set.", "课程学习所处的阶段，由易到难；设置 curriculum 时记录。"),
        watch("at each step up the loss may rise, because the rows are harder", "每升一级损失可能上升，因为数据更难"),
        "training/worker/stage_marks.py",
    ),
    Metric(
        "memory/host_private_gib",
        GIB,
        Text(
            "Main memory of the worker that no file backs: on a CPU its weights and activations too.",
            "训练进程没有文件支持的主机内存；在 CPU 上训练时包括权重与激活值。",
        ),
        watch("it comes and goes with long batches; a rise that never ends is a leak", "随长批次来去；一直上升就是泄漏"),
        READINGS,
        ("memory-leak",),
    ),
    Metric(
        "memory/host_share",
        SHARE_OF_MEMORY,
        Text(
            "How much of main memory is in use, of the limit that is nearest: the machine's, the control group's, RLIMIT_AS, RLIMIT_DATA.",
            "主机内存相对最近上限的占用：机器、控制组、RLIMIT_AS、RLIMIT_DATA。",
        ),
        Healthy(
            Text("the first longer batch ends a run that is above", "超过时，第一个更长的批次就会使训练中断"),
            high=near_memory_limit.NEAR,
        ),
        READINGS,
        ("near-memory-limit",),
    ),
    Metric(
        "memory/device_allocated_gib",
        GIB,
        Text(
            "What tensors hold on the device between two steps: weights, states, and what was not let go; logged on CUDA.",
            "两步之间张量在设备上占用的显存：权重、状态和没有释放的东西；在 CUDA 上记录。",
        ),
        watch("it stays level from the second step on", "从第二步起保持平稳"),
        READINGS,
        ("memory-leak",),
    ),
    Metric(
        "memory/device_peak_share",
        SHARE_OF_MEMORY,
        Text(
            "How much of the device was in use at the peak of its tensors so far, the context and other processes included; logged on CUDA.",
            "至今张量峰值时设备显存的占用，含上下文与其他进程；在 CUDA 上记录。",
        ),
        Healthy(
            Text("it rises with the longest batch so far", "随至今最长的批次上升"),
            high=near_memory_limit.NEAR,
        ),
        READINGS,
        ("near-memory-limit",),
    ),
    Metric(
        "aux_loss",
        Text("loss", "损失"),
        Text(
            "Load balance of a mixture-of-experts model's router; logged where router_aux_loss_coef is set.",
            "混合专家模型路由的负载均衡损失；设置 router_aux_loss_coef 时记录。",
        ),
        watch("it stays level; a rise says that few experts do all the work", "保持平稳；上升说明少数专家承担了全部工作"),
        "the trainers of TRL 1.16",
    ),
    Metric(
        "train_loss",
        Text("as loss", "同 loss"),
        Text("The mean loss over all steps; logged once, at the end.", "所有步的平均损失；结束时记录一次。"),
        watch("look at the curve of loss instead", "请看 loss 曲线"),
        TRAINER,
    ),
    Metric(
        "train_runtime",
        SECONDS,
        Text("Wall seconds from the first step to the last, with evaluations and saving.", "从第一步到最后一步的墙钟秒数，含评估与保存。"),
        watch("compare it with another run of the same config on the same machine", "与同机同配置的另一次运行比较"),
        TRAINER,
    ),
    Metric(
        "train_samples_per_second",
        PER_SECOND,
        Text("Rows of data per second, over the whole training.", "整个训练中每秒处理的数据行数。"),
        watch("compare it with another run on the same machine", "与同机的另一次运行比较"),
        TRAINER,
    ),
    Metric(
        "train_steps_per_second",
        PER_SECOND,
        Text("Optimizer steps per second, over the whole training.", "整个训练中每秒的优化步数。"),
        watch("compare it with another run on the same machine", "与同机的另一次运行比较"),
        TRAINER,
    ),
    Metric(
        "total_flos",
        FLOPS,
        Text(
            "An estimate of the operations of all steps (six per weight and token); 0 where the inputs are no tokens.",
            "所有步的浮点运算估计（每权重每词元六次）；输入不是词元时为 0。",
        ),
        watch("a record, nothing to judge", "仅作记录，无需判断"),
        TRAINER,
    ),
    Metric(
        "runtime",
        SECONDS,
        Text("Wall seconds of one evaluation.", "一次评估的墙钟秒数。"),
        watch("about the same each time; it grows with the length of generated answers", "每次大致相同；随生成的回答变长而增加"),
        TRAINER,
    ),
    Metric(
        "samples_per_second",
        PER_SECOND,
        Text("Rows evaluated per second.", "每秒评估的行数。"),
        watch("about the same each time", "每次大致相同"),
        TRAINER,
    ),
    Metric(
        "steps_per_second",
        PER_SECOND,
        Text("Batches evaluated per second.", "每秒评估的批数。"),
        watch("about the same each time", "每次大致相同"),
        TRAINER,
    ),
)  # fmt: skip


def falling_loss(source: str, unit: Text, en: str, zh: str, rules: tuple[str, ...] = ()) -> Metric:
    """The loss of a method whose loss tells how it goes: it falls, and the evaluation's follows."""
    return Metric(
        "loss",
        unit,
        Text(en, zh),
        watch(
            f"it falls (by more than {not_learning.FALL:.0%} of its start), and the evaluation's loss falls with it",
            f"应下降（超过起点的 {not_learning.FALL:.0%}），且评估损失一同下降",
        ),
        source,
        (*LOSS_RULES, "overfitting", "memorised", "loss-scale-artifact", *rules),
    )
