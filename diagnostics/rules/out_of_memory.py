"""out-of-memory: the GPU's memory ran out, and in which phase of training."""

from __future__ import annotations

from diagnostics.finding import Evidence, Finding, Fix, TableEvidence, Words
from diagnostics.fixing import edits, name_in, rounded
from diagnostics.measure import argument, number_argument
from diagnostics.memory.after_crash import after_crash, text_of
from diagnostics.memory.in_findings import FIT, MORE, STEPS, crash_evidence, crash_facts, crash_fixes
from diagnostics.postmortem.causes import Cause, cause_for, finding_of, where
from diagnostics.postmortem.memory import Sizes, readable, sizes_in
from diagnostics.run import Run

NAME = "out-of-memory"
METHODS = None
EXPLAINS = (
    "run-died",
    "collective-timeout",
    "server-unreachable",
    "out-of-host-memory",
    "memory-leak",
    "near-memory-limit",
)

CAUSES = {
    "load": ("model", "processes"),
    "forward": ("activations", "long-row"),
    "backward": ("activations", "long-row"),
    "optimizer": ("states",),
    "logits": ("vocabulary", "long-row"),
    "generation": ("answers",),
    "evaluation": ("evaluation",),
    "save": ("gathering",),
    "vllm": ("shared-card",),
    "unplaced": ("activations", "model"),
}
TRAINED = ("forward", "backward", "logits", "unplaced")


def check(run: Run) -> Finding | None:
    """Look on the console for the message of torch, CUDA or vLLM; the frames around it tell the phase."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    sizes, crash = sizes_in(text_of(cause)), after_crash(run)
    causes = [*(["fragments"] if sizes.fragmented else []), *(["neighbour"] if sizes.neighbour else [])]
    rows = sizes.rows()
    table: tuple[Evidence, ...] = (TableEvidence("memory", ("what", "size"), rows),) if rows else ()
    return finding_of(
        run,
        cause,
        causes=(*causes, *CAUSES[cause.kind]),
        fixes=crash_fixes(crash, fixes(run, cause, sizes)),
        facts={"where": where(cause.rank), "sizes": in_brackets(sizes), **crash_facts(crash)},
        extra=(*table, *crash_evidence(crash)),
    )


def in_brackets(sizes: Sizes) -> str:
    """What was asked for and what was free, ready to stand behind the sentence; "" where the message does not say."""
    if sizes.asked is None:
        return ""
    parts = [f"{readable(sizes.asked)} > {readable(sizes.free)}" if sizes.free is not None else readable(sizes.asked)]
    if sizes.total is not None:
        parts.append(readable(sizes.total))
    return f" [{' / '.join(parts)}]"


def fixes(run: Run, cause: Cause, sizes: Sizes) -> tuple[Fix, ...]:
    """What needs less memory in this phase, in the order in which it costs little."""
    kind = cause.kind
    found = []
    if sizes.fragmented:
        found.append(Fix("segments", "show"))
    if sizes.neighbour:
        found.append(Fix("neighbour", "show"))
    if kind in TRAINED:
        found += [*smaller_batch(run), *less_kept(run)]
    if kind == "optimizer":
        found += lighter_optimizer(run)
    if kind == "logits":
        found += shorter(run)
    if kind == "evaluation":
        found += lighter_evaluation(run)
    if kind == "save":
        found += [Fix("weights", "ask", edits(run, save_only_model=True)), Fix("gather", "show")]
    if kind == "vllm":
        found += smaller_share(run)
    if kind == "generation":
        found += fewer_answers(run)
    if kind in ("load", "optimizer", "forward", "backward", "unplaced") and argument(run, "use_peft") is not True:
        found.append(Fix("adapter", "ask", edits(run, use_peft=True)))
    if kind == "load":
        found.append(Fix("smaller", "show"))
    return tuple(found)


def smaller_batch(run: Run) -> list[Fix]:
    """Half the batch with twice the accumulation: the same training in less memory. None where the batch is 1 already."""
    batch = number_argument(run, "per_device_train_batch_size")
    if batch is None:
        return [Fix("batch", "show")]
    if batch <= 1:
        return shorter(run)
    size, steps = int(batch), int(number_argument(run, "gradient_accumulation_steps") or 1)
    new = size // 2 if size % 2 == 0 else 1
    changes = edits(run, per_device_train_batch_size=new, gradient_accumulation_steps=steps * (size // new))
    return [Fix("halve", "safe", changes, {"new": new, "old": size, "effective": size * steps})]


def shorter(run: Run) -> list[Fix]:
    """Shorter rows: half of the length that is set."""
    name = name_in(run, "max_length")
    length = number_argument(run, name)
    if length is None or length < 256:
        return [Fix("shorten", "show")]
    return [
        Fix("length", "ask", edits(run, max_length=int(length) // 2), {"new": int(length) // 2, "old": int(length)})
    ]


def less_kept(run: Run) -> list[Fix]:
    """Gradient checkpointing, where it is known to be off."""
    if argument(run, "gradient_checkpointing") is False:
        return [Fix("checkpointing", "safe", edits(run, gradient_checkpointing=True))]
    return []


def lighter_optimizer(run: Run) -> list[Fix]:
    """An optimizer whose states take a quarter of the room, where the run's own is AdamW."""
    own = argument(run, "optim")
    if isinstance(own, str) and not own.startswith("adamw_torch"):
        return []
    return [Fix("optimizer", "ask", edits(run, optim="paged_adamw_8bit"))]


def lighter_evaluation(run: Run) -> list[Fix]:
    """A smaller batch of evaluation, whose results go to main memory early."""
    batch = number_argument(run, "per_device_eval_batch_size")
    new = max(1, int(batch) // 2) if batch else 1
    return [
        Fix("evaluation", "safe", edits(run, per_device_eval_batch_size=new, eval_accumulation_steps=4), {"new": new})
    ]


def smaller_share(run: Run) -> list[Fix]:
    """A smaller share of the card for vLLM: TRL's default of 0.3, or two thirds of a share that is not above it."""
    share = number_argument(run, "vllm_gpu_memory_utilization")
    new = 0.3 if share is None or share > 0.35 else rounded(share * 2 / 3)
    found = [Fix("share", "ask", edits(run, vllm_gpu_memory_utilization=new), {"new": new})]
    if argument(run, "vllm_enable_sleep_mode") is False:
        found.append(Fix("sleep", "safe", edits(run, vllm_enable_sleep_mode=True)))
    return [*found, Fix("server", "show")]


def fewer_answers(run: Run) -> list[Fix]:
    """Shorter answers, and a smaller batch of them."""
    length = number_argument(run, name_in(run, "max_completion_length"))
    if length is None or length < 64:
        return [Fix("answers", "show"), *smaller_batch(run)]
    new = int(length) // 2
    return [*smaller_batch(run), Fix("completions", "ask", edits(run, max_completion_length=new), {"new": new})]


WORDS = {
    "en": Words(
        title="The GPU ran out of memory",
        summary={
            "load": "Memory ran out while a model was loaded or moved onto the GPU{where}{sizes}.",
            "forward": "Memory ran out in the forward pass{where}{sizes}.",
            "backward": "Memory ran out in the backward pass{where}{sizes}.",
            "optimizer": "Memory ran out in the optimizer's step{where}{sizes}.",
            "logits": "Memory ran out where the scores over the whole vocabulary are computed{where}{sizes}.",
            "generation": "Memory ran out while answers were generated{where}{sizes}.",
            "evaluation": "Memory ran out in the evaluation{where}{sizes}.",
            "save": "Memory ran out while the model was saved or merged{where}{sizes}.",
            "vllm": "vLLM found too little memory beside the training{where}{sizes}.",
            "unplaced": "Memory ran out; the console does not show in which phase{where}{sizes}.",
        },
        why="The run ended there, and will again at the same batch.",
        wrong_if="another process took the memory for a moment",
        causes={
            "model": "The weights alone are too large: 2 bytes a parameter in bf16, 4 in fp32, for each model that is loaded.",
            "processes": "Several models, or several processes, on one GPU.",
            "activations": "The activations of the batch: they grow with batch x length x layers.",
            "long-row": "One long row: a run that ended in the middle met its longest batch.",
            "states": "AdamW keeps two numbers for each trained parameter, 8 bytes, which come with its first step.",
            "vocabulary": "Batch x length x vocabulary scores in fp32, often the largest single piece.",
            "answers": "The cache of all answers of a batch: batch x (prompt + answer) x layers.",
            "evaluation": "The evaluation's batch, or its scores, which are kept until the end of it.",
            "gathering": "All shards, or a second copy of the weights, on one GPU while saving or merging.",
            "shared-card": "vLLM takes its share of the whole card, whatever the training already holds.",
            "fragments": "Fragments: torch holds more unused memory than was asked for, but not in one piece.",
            "neighbour": "Another process holds a good part of this GPU.",
        },
        fixes={
            **FIT["en"],
            "halve": "Use a batch of {new} instead of {old} with more accumulation: the effective batch stays {effective}",
            "batch": "Halve per_device_train_batch_size and double gradient_accumulation_steps",
            "length": "Cut rows at {new} tokens instead of {old}",
            "shorten": "Shorten the rows (max_length), or shard the model over more GPUs",
            "checkpointing": "Compute activations again instead of keeping them (gradient checkpointing)",
            "optimizer": "Use an 8-bit AdamW, whose states take a quarter of the room",
            "evaluation": "Evaluate with a batch of {new}, and move its results to main memory every 4 steps",
            "weights": "Save the weights without the optimizer's state: such a checkpoint cannot be resumed",
            "gather": "Merge adapters on the CPU (device_map='cpu'); save shards and gather them afterwards",
            "share": "Give vLLM {new:.2g} of the card",
            "sleep": "Let vLLM give its memory back while the model learns",
            "server": "Or give vLLM GPUs of its own (vllm_mode='server'), or a larger vllm_tensor_parallel_size",
            "completions": "Cut answers at {new} tokens",
            "answers": "Shorten max_completion_length, or generate with vLLM",
            "adapter": "Train an adapter (LoRA) instead of all weights",
            "smaller": "Load in 4 bits (QLoRA), shard it (ZeRO-3, FSDP), or compute the reference's log-probabilities beforehand "
            "(precompute_ref_log_probs)",
            "segments": "Set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
            "neighbour": "End the other process on this GPU (nvidia-smi lists it), or choose another GPU",
        },
        about="""Reads the console for the messages of torch (old and new), CUDA, NCCL, cuBLAS, bitsandbytes and vLLM. The phase is
told by the frames of the traceback, the sizes by the message: what was asked for, what was free, what torch held and did not
use.

Fragmentation is told from shortage by torch's own numbers: unused memory of at least what was asked for, and a tenth of the
card. Each phase has fixes of its own, as edits of the run's config; a smaller batch comes with more accumulation, so that the
training stays the same.

Where the config tells the model, the bill at that moment is told as well, scaled to what the message says was allocated, what
the failed request was, and the kind of the crash: too little memory, fragments, a leak, another process, vLLM's share, a longer
batch. The first fixes are then the cheapest changes that would have fitted the device's real size, by the closed form
(docs/memory.md).

Sources: huggingface/trl#1667, #2452, #2688, #3664; TideDra/lmm-r1#43.""",
        more=MORE["en"],
        steps=STEPS["en"],
    ),
    "zh": Words(
        title="显存不足",
        summary={
            "load": "载入模型或把模型移到 GPU 时显存不足{where}{sizes}。",
            "forward": "前向传播时显存不足{where}{sizes}。",
            "backward": "反向传播时显存不足{where}{sizes}。",
            "optimizer": "优化器更新时显存不足{where}{sizes}。",
            "logits": "计算整个词表的得分（logits）时显存不足{where}{sizes}。",
            "generation": "生成回答时显存不足{where}{sizes}。",
            "evaluation": "评估时显存不足{where}{sizes}。",
            "save": "保存或合并模型时显存不足{where}{sizes}。",
            "vllm": "vLLM 在训练之外得不到足够的显存{where}{sizes}。",
            "unplaced": "显存不足；控制台没有显示发生在哪个阶段{where}{sizes}。",
        },
        why="训练在此中断，遇到同样的批次还会中断。",
        wrong_if="只是另一个进程暂时占用了显存",
        causes={
            "model": "权重本身太大：bf16 每个参数 2 字节，fp32 为 4 字节，载入几个模型就有几份。",
            "processes": "同一块 GPU 上有多个模型或多个进程。",
            "activations": "批次的激活值：随 批量 × 长度 × 层数 增长。",
            "long-row": "某一行很长：中途才中断的训练遇到了最长的批次。",
            "states": "AdamW 为每个被训练的参数保存两个数，共 8 字节，在第一次更新时出现。",
            "vocabulary": "批量 × 长度 × 词表大小 的 fp32 得分，往往是最大的一块。",
            "answers": "一批回答的缓存：批量 ×（提示 + 回答）× 层数。",
            "evaluation": "评估的批量，或一直保留到评估结束的得分。",
            "gathering": "保存或合并时，所有分片或权重的第二份副本集中在一块 GPU 上。",
            "shared-card": "vLLM 按整卡比例占用显存，不管训练已经占了多少。",
            "fragments": "碎片：torch 持有的未用显存多于申请量，但不连续。",
            "neighbour": "另一个进程占用了这块 GPU 的相当一部分。",
        },
        fixes={
            **FIT["zh"],
            "halve": "批量从 {old} 改为 {new} 并增加累积步数：有效批量仍为 {effective}",
            "batch": "per_device_train_batch_size 减半，gradient_accumulation_steps 加倍",
            "length": "把行截断到 {new} 个词元，原为 {old}",
            "shorten": "缩短行（max_length），或把模型分片到更多 GPU",
            "checkpointing": "重算激活值而不保存（梯度检查点）",
            "optimizer": "使用 8 位 AdamW，状态只占四分之一",
            "evaluation": "评估批量用 {new}，并每 4 步把结果移到主机内存",
            "weights": "只保存权重、不保存优化器状态：这样的检查点不能用于恢复训练",
            "gather": "在 CPU 上合并适配器（device_map='cpu'）；先保存分片再合并",
            "share": "给 vLLM 整卡的 {new:.2g}",
            "sleep": "模型学习时让 vLLM 归还显存",
            "server": "或给 vLLM 单独的 GPU（vllm_mode='server'），或增大 vllm_tensor_parallel_size",
            "completions": "把回答截断到 {new} 个词元",
            "answers": "缩短 max_completion_length，或用 vLLM 生成",
            "adapter": "训练适配器（LoRA）而不是全部权重",
            "smaller": "以 4 位载入（QLoRA）、分片（ZeRO-3、FSDP），或预先计算参考模型的对数概率（precompute_ref_log_probs）",
            "segments": "设置 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
            "neighbour": "结束这块 GPU 上的其他进程（nvidia-smi 可查），或换一块 GPU",
        },
        about="""在控制台里查找 torch（新旧版本）、CUDA、NCCL、cuBLAS、bitsandbytes 与 vLLM 的报错。阶段由 traceback 的各帧判断，大小由
报错给出：申请了多少、空闲多少、torch 持有而未用的有多少。

碎片与真正不足由 torch 自己的数字区分：未用的显存不少于申请量，且达到整卡的十分之一。每个阶段有各自的修复，以训练配置的
修改给出；减小批量的同时增加累积步数，训练保持不变。

如果配置说明了模型，还会给出当时的账单（按报错所说的已分配量缩放）、失败的请求是什么，以及崩溃的种类：显存不足、碎片、泄漏、其他
进程、vLLM 的份额、更长的批次。此时最先给出的修复是按闭式公式在该设备真实大小上本来放得下的最省改动（docs/zh/memory.md）。

来源：huggingface/trl#1667、#2452、#2688、#3664；TideDra/lmm-r1#43。""",
        more=MORE["zh"],
        steps=STEPS["zh"],
    ),
}
