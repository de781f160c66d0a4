"""The closed form of a training's device memory: instant, without torch, right to about 30 %, and always marked as such."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from diagnostics.finding import Limit
from diagnostics.memory.architecture import NoDimensions
from diagnostics.memory.records import BILL, Asked, Estimate, MemoryUnknown, Phase
from diagnostics.memory.sizes import Pieces, mixed, pieces, strategy_of
from diagnostics.memory.vllm import beside

MIB, GIB = 1 << 20, 1 << 30
ERROR = Limit(
    0.3, "of the peak", "the usual closed forms miss published GPU measurements by 8 % in the median and 33 % at worst"
)
CONTEXT = Limit(0.5 * GIB, "bytes", "CUDA's context and cuBLAS' kernels: 0.15 GiB on a T4, 0.5 to 0.6 on A100 and H100, 1.3 on "
                "a V100 with drivers of 2022")  # fmt: skip
WORKSPACE = Limit(
    16.25 * MIB, "bytes", "cuBLAS' workspaces on an A100, two threads of 8.125 MiB; 32 MiB each on Hopper"
)
RESERVED = Limit(
    1.03, "of what is allocated", "PEFT's benchmark: max_memory_reserved lies 1 to 8 % above max_memory_allocated"
)
# DeepSpeed, docs/_pages/config-json.md: buckets of 5e8 elements where transformers does not set them; it sets them to
# hidden size squared for stage 3, and leaves stage 1 and 2 at the default.
ZERO_BUCKET = Limit(5e8, "elements", "DeepSpeed: allgather_bucket_size and reduce_bucket_size, 2 bytes each")
ZERO_COPIES = Limit(
    2, "buckets", "one to gather weights, one to reduce gradients; with overlap_comm DeepSpeed says 4.5"
)
STRATEGIES = ("ddp", "zero1", "zero2", "zero3", "fsdp")

# The phases that a closed form tells apart, and what a bill's line is then.
Bill = dict[str, int]


def estimate(asked: Asked) -> Estimate:
    """The closed form's answer, marked `formula`, with an interval of +-30 %.

    Raises:
        MemoryUnknown: the model's config.json does not tell its dimensions.
    """
    began = time.perf_counter()
    try:
        parts = pieces(asked)
    except NoDimensions as error:
        raise MemoryUnknown.of(error) from error
    strategy = strategy_of(asked.config, asked.processes)
    bills = {phase: shared(bill, parts, asked, strategy) for phase, bill in phases(parts, asked).items()}
    phase = max(bills, key=lambda one: sum(bills[one].values()))
    bill = bills[phase]
    allocated = sum(bill.values())
    reserved = int(allocated * RESERVED)
    context = int(CONTEXT)
    total = reserved + context
    found = Estimate(
        peak_allocated=allocated,
        peak_reserved=reserved,
        low=int(total * (1 - ERROR)),
        high=int(total * (1 + ERROR)),
        context=context,
        phase=phase,
        step=2,
        operation="",
        bill={**{line: bill.get(line, 0) for line in BILL}, "context": context},
        source="formula",
        phases={name: sum(one.values()) for name, one in bills.items()},
        seconds=time.perf_counter() - began,
    )
    return beside(found, asked)


def phases(parts: Pieces, asked: Asked) -> dict[Phase, Bill]:
    """The bill in each phase, on one device that holds everything.

    `forward` is its end, when all activations are alive and backward begins at the output layer; `backward` its end,
    when all gradients are there and the embedding's is added to them.
    """
    states = {"weights": parts.weights, "reference": parts.reference, "optimizer": parts.optimizer}
    workspace = int(WORKSPACE)
    found: dict[Phase, Bill] = {
        "forward": {
            **states,
            "gradients": parts.gradients if parts.accumulates else 0,
            "activations": parts.kept,
            "logits": parts.logits,
            "temporaries": parts.head + workspace,
        },
        "backward": {
            **states,
            "gradients": parts.gradients,
            "activations": parts.one_layer // 2,
            "temporaries": parts.embedding_gradient + workspace,
        },
        "optimizer": {**states, "gradients": parts.gradients, "temporaries": parts.step_temporaries + workspace},
    }
    if parts.kv_cache:
        found["generation"] = {
            **states,
            "kv_cache": parts.kv_cache,
            "logits": parts.generation_logits,
            # Autocast keeps a copy of 2 bytes of each fp32 weight that is trained.
            "temporaries": workspace
            + (2 * parts.architecture.linear if asked.dtype == "float32" and mixed(asked) else 0),
        }
    return found


def shared(bill: Mapping[str, int], parts: Pieces, asked: Asked, strategy: str) -> Bill:
    """A bill as one of several devices bears it.

    ZeRO (Rajbhandari et al. 2020, figure 1): weights and gradients of 2 bytes, 12 bytes a parameter of master weights and
    moments; stage 1 divides the last, 2 the gradients too, 3 the weights too. FSDP2: weights, gradients and moments in their own
    dtype, all divided; the group in use is whole. DDP: whole, and buckets as large as the gradients
    (torch.nn.parallel.DistributedDataParallel, `gradient_as_bucket_view`).
    """
    found, n = dict(bill), max(1, asked.processes)
    model = parts.architecture
    if strategy == "single":
        return found
    if strategy == "ddp":
        found["temporaries"] = found.get("temporaries", 0) + (parts.gradients if n > 1 else 0)
        return found
    gathered = (
        2 * (model.embedding + model.head) + 2 * 2 * model.layer
    )  # embedding and output layer, two layers, in 2 bytes
    if strategy == "fsdp":
        # One reduce-scatter of the root group's gradient in fp32 beside its two copies of 2 bytes.
        buffers = gathered + (4 * (model.embedding + model.head) if found.get("gradients") else 0)
        for line in ("weights", "gradients", "optimizer", "reference"):
            found[line] = found.get(line, 0) // n
        found["temporaries"] = found.get("temporaries", 0) // n + buffers
        return found
    stage = int(strategy[-1])
    full = parts.trainable == model.parameters
    whole = 2 * model.parameters if full else found["weights"]
    found["weights"] = whole // (n if stage == 3 else 1)
    found["optimizer"] = 12 * parts.trainable // n
    if found.get("gradients"):
        found["gradients"] = 2 * parts.trainable // (n if stage >= 2 else 1)
    if stage == 3:
        found["reference"] = found.get("reference", 0) // n
        buffers = gathered
    else:
        buffers = int(ZERO_COPIES * 2 * min(ZERO_BUCKET, parts.trainable))
    found["temporaries"] = found.get("temporaries", 0) + buffers
    return found


def shares(asked: Asked) -> dict[str, Estimate]:
    """The closed form for each way to share a training among its devices.

    Raises:
        MemoryUnknown: the model's config.json does not tell its dimensions.
    """
    found = {}
    for strategy in STRATEGIES:
        more: dict[str, object] = {"deepspeed": None, "fsdp": None}
        if strategy.startswith("zero"):
            more["deepspeed"] = {"zero_optimization": {"stage": int(strategy[-1])}}
        elif strategy == "fsdp":
            more["fsdp"] = True
        found[strategy] = estimate(replace(asked, config={**asked.config, **more}))
    return found
