"""checkpoint-not-finite: saved weights hold NaN or infinite numbers."""

from __future__ import annotations

import re

from diagnostics.checkpoints import label, resumable, settled
from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.fixing import edits
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint
from diagnostics.run.tensors import Unsound, look_through

NAME = "checkpoint-not-finite"
METHODS = None
EXPLAINS = ()

BUDGET = Limit(256 << 20, "bytes of one checkpoint", "ours: about a third of a second; beyond it each tensor's start")
BACK = Limit(8, "checkpoints", "ours: looked back through for the last one that is finite")
SHOWN = 10
# Buffers that old versions of transformers saved beside the weights, infinite where nothing may be attended to.
MASK = re.compile(r"(^|[._])(masked_bias|(causal_|attention_|attn_)?mask)$")


def check(run: Run) -> Finding | None:
    """Look for numbers that are not finite in the newest checkpoint that can be read, then backwards."""
    found = [one for one in settled(run) if one.whole]
    if not found:
        raise CannotJudge("no-checkpoint")
    unsound, share, tensors = looked(found[0])
    if not unsound:
        return None
    bad, good = [found[0]], None
    for one in found[1 : 1 + int(BACK)]:
        if looked(one)[0]:
            bad.append(one)
        else:
            good = one
            break
    fixes = []
    if good is not None and (sound := resumable([good])) is not None:
        change = edits(run, resume_from_checkpoint=str(sound.folder))
        fixes.append(Fix("earlier", "ask", change, {"step": sound.step}))
    rows = tuple((one.name, str(one.count), str(one.looked), str(one.total)) for one in unsound[:SHOWN])
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.97,
        first_step=bad[-1].step,
        last_step=found[0].step,
        facts={
            "checkpoint": label(run, found[0]),
            "count": len(unsound),
            "tensors": tensors,
            "name": unsound[0].name,
            "numbers": unsound[0].count,
            "share": share,
            "last_good": label(run, good) if good is not None else "-",
        },
        evidence=(TableEvidence(label(run, found[0]), ("tensor", "not finite", "looked at", "numbers"), rows),),
        causes=("diverged", "half", "base"),
        fixes=(*fixes, Fix("find", "show")),
    )


def looked(one: Checkpoint) -> tuple[list[Unsound], float, int]:
    """What is not finite in a checkpoint, the share of its bytes that was looked at, and how many tensors it has."""
    left, seen, total = int(BUDGET), 0, 0
    unsound: list[Unsound] = []
    for file in one.weights:
        if file.layout is None:
            continue
        try:
            told = look_through(file, left)
        except OSError:
            continue
        unsound += [found for found in told.unsound if not MASK.search(found.name)]
        seen, total, left = seen + told.seen, total + told.total, max(0, left - told.seen)
    return unsound, seen / total if total else 1.0, len(one.tensors())


WORDS = {
    "en": Words(
        title="A checkpoint holds NaN or infinite weights",
        summary="{checkpoint}: {count} of {tensors} tensors hold numbers that are not finite, first {name} ({numbers} of "
        "them); {share:.0%} of the weights were looked at. The last checkpoint without: {last_good}.",
        why="Every answer of such a model is NaN: it can neither be used nor trained on.",
        wrong_if="the tensor is a mask or a buffer that is infinite on purpose",
        causes={
            "diverged": "The training diverged, and its checkpoint was saved afterwards.",
            "half": "float16 weights overflow beyond 65,504.",
            "base": "The model that it began from held them already.",
        },
        fixes={
            "earlier": "Go on from checkpoint-{step}, the newest whose weights are finite",
            "find": "Find the first step with a loss or gradient that is not finite; train in bf16 instead of fp16, at a "
            "lower learning rate, with max_grad_norm=1.0",
        },
        about="""Looks through the numbers of the newest checkpoint whose files are whole, without loading a model: at the first
64 kB of every tensor, and at whole tensors for up to 256 MB; what share that is stands in the finding. NaN spreads over a
whole tensor, so its start tells nearly always. If it finds any, it looks back for the last checkpoint without.

The Trainer's logging filter may hide a NaN loss as 0.0 (logging_nan_inf_filter), and the weights then are the first to
tell.""",
    ),
    "zh": Words(
        title="检查点里有 NaN 或无穷大的权重",
        summary="{checkpoint}：{tensors} 个张量中有 {count} 个含有非有限数，首先是 {name}（{numbers} 个）；看过的权重占 "
        "{share:.0%}。最后一个没有此问题的检查点：{last_good}。",
        why="这样的模型每个输出都是 NaN：既不能使用，也不能继续训练。",
        wrong_if="该张量是有意为无穷大的掩码或缓冲区",
        causes={
            "diverged": "训练发散之后才保存了检查点。",
            "half": "float16 权重超过 65,504 而溢出。",
            "base": "起始模型里就已经有了。",
        },
        fixes={
            "earlier": "从 checkpoint-{step} 继续训练：它是最新的、权重全部有限的检查点",
            "find": "找到损失或梯度首次非有限的那一步；用 bf16 代替 fp16，降低学习率，设 max_grad_norm=1.0",
        },
        about="""不载入模型，直接查看最新的完整检查点里的数：每个张量的前 64 kB，再加上最多 256 MB 的完整张量；结果里写明看过的比例。
NaN 会扩散到整个张量，所以开头几乎总能说明问题。一旦发现，就往回找最后一个没有问题的检查点。

Trainer 的日志过滤（logging_nan_inf_filter）会把 NaN 损失显示成 0.0，这时最先说出真相的是权重。""",
    ),
}
