"""Out of memory: the sizes in the message of torch, old and new, and the phase of training that the frames tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnostics.finding import Limit
from diagnostics.postmortem.tracebacks import Raised

UNITS = {
    "bytes": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "KB": 1 << 10,
    "MB": 1 << 20,
    "GB": 1 << 30,
}
SIZE = r"(?P<size>[\d.]+) (?P<unit>bytes|[KMGT]iB|[KMG]B)"
# Torch up to 1.13: `Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity; 6.51 GiB already allocated; 18.06 MiB free;
# 6.57 GiB reserved in total by PyTorch)`. Since 2.1: `GPU 0 has a total capacity of 79.15 GiB of which 1.12 GiB is free.
# Process 12 has 78.02 GiB memory in use. Of the allocated memory 76.60 GiB is allocated by PyTorch, and 0.9 GiB is reserved by
# PyTorch but unallocated.` vLLM: `Free memory on device (10.1/79.1 GiB) on startup is less than ...`.
PARTS = {
    "asked": re.compile(rf"(?:Tried to allocate|needed for the allocation of|Requested:?) {SIZE}"),
    "total": re.compile(rf"(?:total capac(?:i)?ty of {SIZE})"),
    "total-old": re.compile(rf"{SIZE} total capacity"),
    "free": re.compile(rf"(?:of which )?{SIZE} (?:is )?free"),
    "process": re.compile(
        rf"(?:this process has|[Ii]ncluding non-PyTorch memory, this process has) {SIZE} memory in use"
    ),
    "allocated": re.compile(rf"Of the allocated memory {SIZE} is allocated by PyTorch"),
    "allocated-old": re.compile(rf"{SIZE} already allocated"),
    "unallocated": re.compile(rf"{SIZE} is reserved by PyTorch but unallocated"),
    "reserved-old": re.compile(rf"{SIZE} reserved in total by PyTorch"),
}
OTHERS = re.compile(rf"Process (?P<number>\d+) has {SIZE} memory in use")
# Memory that torch holds without using it, as a share of the card, from which fragmentation is the first suspect.
FRAGMENTED = Limit(
    0.1,
    "of the card's memory",
    "ours: torch's own hint speaks of it where it is `large`; below it a smaller batch is the surer mend",
)


@dataclass(frozen=True)
class Sizes:
    """What the message says, in bytes; None where it does not."""

    asked: float | None = None
    total: float | None = None
    free: float | None = None
    process: float | None = None
    allocated: float | None = None
    unallocated: float | None = None
    others: float | None = None

    @property
    def fragmented(self) -> bool:
        """Whether the memory that torch holds unused would have been enough, and is much."""
        if not self.unallocated or not self.asked:
            return False
        return self.unallocated >= self.asked and self.unallocated >= FRAGMENTED * (self.total or 8 * self.unallocated)

    @property
    def neighbour(self) -> bool:
        """Whether other processes hold a good part of the card."""
        if not self.total:
            return False
        if self.others and self.process:
            return self.others > 0.2 * self.total
        if self.process is not None and self.free is not None:
            return self.total - self.free - self.process > 0.2 * self.total
        return False

    def rows(self) -> tuple[tuple[str, str], ...]:
        """The sizes as rows of a table, in torch's words."""
        told = (
            ("tried to allocate", self.asked),
            ("free", self.free),
            ("total capacity", self.total),
            ("in use by this process", self.process),
            ("allocated by PyTorch", self.allocated),
            ("reserved but unallocated", self.unallocated),
            ("in use by other processes", self.others),
        )
        return tuple((name, readable(value)) for name, value in told if value is not None)


def readable(value: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("GiB", "MiB", "KiB"):
        if value >= UNITS[unit]:
            return f"{value / UNITS[unit]:.4g} {unit}"
    return f"{value:.0f} bytes"


def sizes_in(text: str) -> Sizes:
    """The sizes of a message."""

    def of(name: str) -> float | None:
        found = PARTS[name].search(text)
        return float(found["size"].rstrip(".")) * UNITS[found["unit"]] if found else None

    allocated = of("allocated") if of("allocated") is not None else of("allocated-old")
    unallocated, reserved = of("unallocated"), of("reserved-old")
    if unallocated is None and reserved is not None and allocated is not None:
        unallocated = max(0.0, reserved - allocated)
    # By its number: a message that stands twice in a text counts each process once.
    held = {one["number"]: float(one["size"].rstrip(".")) * UNITS[one["unit"]] for one in OTHERS.finditer(text)}
    others = list(held.values())
    process = of("process")
    if process is None and len(others) == 1:
        process, others = others[0], []  # older 2.x calls the process itself by its number
    return Sizes(
        asked=of("asked"),
        total=of("total") if of("total") is not None else of("total-old"),
        free=of("free"),
        process=process,
        allocated=allocated,
        unallocated=unallocated,
        others=sum(others) if others else None,
    )


# The phases, and the marks of each in a frame: parts of its file's path, its function, words of the code there. The first
# phase that has a mark in any frame is it, but logits, which are told by the innermost frames alone.
PHASES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("vllm", ("/vllm/", "cumem_allocator", "vllm_generation.py", "vllm_client.py"), ("wake_up", "_init_vllm"), ("LLM(",)),
    ("generation", ("generation/utils.py",), ("generate", "_generate", "_generate_single_turn", "_sample", "_generate_and_score_completions"), ("generate(",)),
    ("evaluation", (), ("evaluation_loop", "prediction_step", "evaluate", "prediction_loop", "nested_concat", "_maybe_log_save_evaluate", "_evaluate"), (".evaluate(",)),
    ("save", ("shard_checkpoint",), ("save_model", "_save_checkpoint", "save_pretrained", "_save", "_save_optimizer_and_scheduler", "save_checkpoint", "merge_and_unload", "_unload_and_optionally_merge", "get_state_dict", "_zero3_consolidated_16bit_state_dict", "save_16bit_model", "full_tensor"), ("save_pretrained(", "merge_and_unload(")),
    ("optimizer", ("torch/optim/", "bitsandbytes/optim", "bnb/optim"), ("_init_group", "_multi_tensor_adamw", "_multi_tensor_adam", "_single_tensor_adamw", "adamw", "_take_model_step", "initialize_optimizer_states", "_optimizer_step", "unscale_and_clip_grads", "clip_grad_norm_", "update_hp_grads"), ("optimizer.step(",)),
    ("backward", ("torch/autograd/",), ("backward", "_engine_run_backward", "run_backward", "reduce_scatter_gradients"), ("run_backward(", "loss.backward(", ".backward(")),
    ("load", ("modeling_utils.py", "core_model_loading.py", "tokenization"), ("from_pretrained", "_load_pretrained_model", "_load_state_dict_into_meta_model", "load_state_dict", "create_reference_model", "create_model_from_path", "_move_model_to_device", "_wrap_model", "prepare_model", "load_checkpoint_and_dispatch", "set_module_tensor_to_device", "_prepare_deepspeed", "prepare_deepspeed", "prepare_fsdp", "load_adapter", "dispatch_model"), ("from_pretrained(", ".to(args.device)", "AutoModel", ".cuda(", ".to(device)", ".to('cuda')", '.to("cuda")')),
    ("forward", ("/models/", "modeling_", "torch/nn/"), ("forward", "compute_loss", "_call_impl", "training_step", "_get_per_token_logps", "_get_per_token_logps_and_entropies", "concatenated_forward", "compute_ref_log_probs"), ("self.model(", "model(**")),
)  # fmt: skip
LOGITS = (
    "cross_entropy", "log_softmax", "lm_head", "logits", "selective_log_softmax", "entropy_from_logits", "logsumexp",
    "ForCausalLMLoss", "fixed_cross_entropy", "loss_function", "loss_fct", "CrossEntropyLoss",
)  # fmt: skip
TRAINING = ("training_step", "compute_loss", "_inner_training_loop")


def phase_of(raised: Raised | None, lines: tuple[str, ...] = ()) -> str:
    """The phase in which memory ran out; `unplaced` where neither the frames nor the lines around tell it."""
    if raised is None or not raised.frames:
        around = "\n".join(lines)
        if "vllm" in around.lower() or "cumem_allocator" in around:
            return "vllm"
        for phase, files, _, code in PHASES:
            if any(mark in around for mark in (*files, *code)):
                return phase
        return "unplaced"
    for phase, files, functions, code in PHASES:
        if phase == "load" and raised.through(*TRAINING):
            continue
        for frame in raised.frames:
            if (
                any(part in frame.file for part in files)
                or frame.function in functions
                or any(one in frame.code for one in code)
            ):
                return "logits" if phase == "forward" and in_logits(raised) else phase
    return "unplaced"


def in_logits(raised: Raised) -> bool:
    """Whether the innermost frames are at the scores over the vocabulary."""
    # A layer is called through frames of torch's own, which say nothing of which layer it is.
    last = [frame for frame in raised.frames if not frame.file.endswith("torch/nn/modules/module.py")][-3:]
    return any(word in frame.code or word in frame.function for frame in last for word in LOGITS)
