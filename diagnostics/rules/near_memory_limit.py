"""near-memory-limit: the run trains, with next to nothing of its memory left."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import evidence
from diagnostics.memory.readings import DEVICE_SHARE, HOST_SHARE
from diagnostics.rules.out_of_memory import less_kept, smaller_batch
from diagnostics.run import Run
from diagnostics.run.machine import read_machine

NAME = "near-memory-limit"
METHODS = None
EXPLAINS = ()

NEAR = Limit(
    0.95,
    "of the memory that there is",
    "ours: one row a tenth longer than the longest so far, of a bill that is half activations, takes 5 %",
)


def check(run: Run) -> Finding | None:
    """Look at the greatest share in use: of the device at the peak of its tensors, of the limit in main memory that is nearest."""
    known = [
        (kind, series.finite())
        for kind, tag in (("device", DEVICE_SHARE), ("host", HOST_SHARE))
        if (series := run.get(tag)) is not None and len(series.finite())
    ]
    if not known:
        raise CannotJudge("no-memory")
    kind, series = max(known, key=lambda one: float(one[1].values.max()))
    at = int(series.values.argmax())
    most = float(series.values[at])
    if most < NEAR:
        return None
    first = int(series.steps[int((series.values >= NEAR).argmax())])
    on_cpu = read_machine(run.path).accelerator == "cpu"
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if kind == "device" else 0.7,
        first_step=first,
        last_step=max(run.last_step, run.status.step),
        facts={"kind": kind, "step": first, "most": most, "at": int(series.steps[at])},
        evidence=(evidence(series, first),),
        causes=("batch",) if kind == "device" else ("batch", "others") if on_cpu else ("others", "loader"),
        fixes=fixes(run, kind, on_cpu),
    )


def fixes(run: Run, kind: str, on_cpu: bool) -> tuple[Fix, ...]:
    """What needs less at once, where the training's own tensors fill the memory."""
    own = [*smaller_batch(run), *less_kept(run)] if kind == "device" or on_cpu else []
    return (*own, Fix("memory", "show"))


WORDS = {
    "en": Words(
        title="Next to no memory is left",
        summary={
            "device": "From step {step} on up to {most:.0%} of the device's memory was in use at the peak of the tensors (step {at}).",
            "host": "From step {step} on up to {most:.0%} of main memory was in use, of the limit that is nearest (step {at}).",
        },
        why="The first batch that is longer than those so far ends the run: so far it was lucky.",
        wrong_if="all rows are of one length, as packed ones are, so that no batch can be larger",
        causes={
            "batch": "The batch, at its longest row, fills what weights and states leave.",
            "others": "Other programs on the machine, or in the same control group, take their part.",
            "loader": "Data loaders, offloaded states, or a data set that is read into memory.",
        },
        fixes={
            "halve": "Use a batch of {new} instead of {old} with more accumulation: the effective batch stays {effective}",
            "batch": "Halve per_device_train_batch_size and double gradient_accumulation_steps",
            "length": "Cut rows at {new} tokens instead of {old}",
            "shorten": "Shorten the rows (max_length), or shard the model over more GPUs",
            "checkpointing": "Compute activations again instead of keeping them (gradient checkpointing)",
            "memory": "See what would leave more room: python -m diagnostics memory --config RUN --device-gib N",
        },
        about="""Reads the memory that our workers record at every log: `train/memory/device_peak_share`, the device's memory in use at the
peak of the tensors with its context and whatever else is on it, and `train/memory/host_share`, main memory against the limit that is
nearest: RLIMIT_AS, RLIMIT_DATA, the control group's, the machine's. What the allocator keeps without using it is not counted: it
gives that back before it fails.""",
    ),
    "zh": Words(
        title="内存所剩无几",
        summary={
            "device": "从第 {step} 步起，张量峰值时设备显存最多用到 {most:.0%}（第 {at} 步）。",
            "host": "从第 {step} 步起，主机内存相对最近的上限最多用到 {most:.0%}（第 {at} 步）。",
        },
        why="第一个比至今更长的批次就会使训练中断：至今只是幸运。",
        wrong_if="所有行长度相同（例如打包后的行），不会有更大的批次",
        causes={
            "batch": "最长一行所在的批次占满了权重与优化器状态剩下的空间。",
            "others": "同一机器或同一控制组里的其他程序占用了一部分。",
            "loader": "数据加载进程、卸载的状态，或读入内存的数据集。",
        },
        fixes={
            "halve": "批量从 {old} 改为 {new} 并增加累积步数：有效批量仍为 {effective}",
            "batch": "per_device_train_batch_size 减半，gradient_accumulation_steps 加倍",
            "length": "把行截断到 {new} 个词元，原为 {old}",
            "shorten": "缩短行（max_length），或把模型分片到更多 GPU",
            "checkpointing": "重算激活值而不保存（梯度检查点）",
            "memory": "查看怎样留出更多空间：python -m diagnostics memory --config RUN --device-gib N",
        },
        about="""读取训练进程每次记录时写下的内存：`train/memory/device_peak_share` 是张量峰值时设备显存的占用（含上下文与其他占用者），
`train/memory/host_share` 是主机内存相对最近上限的占用：RLIMIT_AS、RLIMIT_DATA、控制组的上限、机器的内存。分配器保留而未用的不计入：
失败之前它会先归还。""",
    ),
}
