"""The changes of a config that lower its memory: what each edits, when it can be used, which lines of the bill it touches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from diagnostics.fixing import LORA_FACTOR, rounded
from diagnostics.memory import families
from diagnostics.memory.prices import PRICES
from diagnostics.memory.resolve import ONLINE, Question
from diagnostics.memory.sizes import WRITTEN_ATTENTION, strategy_of

ACTIVE = frozenset({"activations", "logits", "temporaries"})
STATES = frozenset({"weights", "gradients", "optimizer", "reference"})
EVERY = ACTIVE | STATES | {"kv_cache"}
LORA = {"use_peft": True, "lora_r": 16, "lora_alpha": 32, "lora_target_modules": "all-linear"}
# Of max_length halved twice nothing is left that the data was made for.
HALVINGS = 2
LEAST_LENGTH = 128  # tokens
ZERO_CONFIG = {
    "train_micro_batch_size_per_gpu": "auto", "gradient_accumulation_steps": "auto", "gradient_clipping": "auto",
    "bf16": {"enabled": "auto"},
}  # fmt: skip

Changes = dict[str, Any]


@dataclass(frozen=True)
class Lever:
    """One change. `group`: of one group only one is taken; they stand there from the weakest to the strongest.

    `key`: of its price and its sentence. `times`: how often the price is paid. `helps`: lines of the bill that it can
    lower. `changes`: the edits, given the question as the levers before it left it; None where it cannot be used.
    """

    group: str
    key: str
    times: int
    helps: frozenset[str]
    changes: Callable[[Question], Changes | None]

    @property
    def needs(self) -> str | None:
        """The package that has to be installed where it trains; None where none is needed."""
        if self.key in ("optimizer-8bit", "optimizer-paged", "qlora"):
            return "bitsandbytes"
        return "deepspeed" if self.key.startswith("zero") else None

    @property
    def time(self) -> float:
        """The share by which a step takes longer."""
        return self.times * float(PRICES[self.key].time)

    @property
    def quality(self) -> float:
        """How far what is learned is changed; 0: not at all."""
        return self.times * float(PRICES[self.key].quality)


# The groups in the order in which their edits are made. Those that change what is learned stand last.
GROUPS = (
    "model", "adapter", "dtype", "batch", "generations", "rollout", "evaluation-batch", "attention", "precompute",
    "checkpointing", "offloading", "optimizer", "vllm", "sharding", "length",
)  # fmt: skip
# A stronger member of these never needs more memory than a weaker one; an 8-bit optimizer can.
MONOTONE = frozenset(GROUPS) - {"optimizer", "sharding"}


def fixed(changes: Changes) -> Callable[[Question], Changes | None]:
    """Edits that depend on nothing."""
    return lambda _: changes


def levers(question: Question) -> dict[str, list[Lever]]:
    """The levers of a question by group; those that could not be used at all are left out."""
    found: dict[str, list[Lever]] = {group: [] for group in GROUPS}
    for lever in itertools.chain(keeping(question), changing(question)):
        found[lever.group].append(lever)
    return {group: list_ for group, list_ in found.items() if list_}


def keeping(question: Question) -> Iterator[Lever]:
    """The levers that leave alone what is learned."""
    method, get = question.method, question.value
    rows = question.asked.batch
    least = 2 if method == "kto" else 1  # KTO's baseline is a mean over the rows of a batch
    for place, smaller in enumerate((one for one in range(rows - 1, least - 1, -1) if rows % one == 0), 1):
        halvings = max(1, round(rows / smaller).bit_length() - 1)
        if rows // smaller == 2**halvings or place == 1 or smaller == least:
            yield Lever("batch", "batch", halvings, ACTIVE, partial(batch, rows=smaller))
    if method in ONLINE and not get("use_vllm"):
        for times in (1, 2, 3):
            yield Lever("rollout", "rollout", times, frozenset({"kv_cache", "logits"}),
                        partial(rollout, factor=2**times))  # fmt: skip
    if get("eval_strategy") != "no" and int(get("per_device_eval_batch_size")) > 1 and method not in ONLINE:
        yield Lever("evaluation-batch", "evaluation-batch", 1, ACTIVE, fixed({"per_device_eval_batch_size": 1}))
    if get("attn_implementation") == "eager" and question.architecture.type not in WRITTEN_ATTENTION:
        yield Lever("attention", "attention", 1, ACTIVE, fixed({"attn_implementation": "sdpa"}))
    if method in ("dpo", "kto") and not get("precompute_ref_log_probs") and not get("sync_ref_model"):
        yield Lever("precompute", "precompute", 1, frozenset({"reference"}), precompute)
    if not get("gradient_checkpointing"):
        yield Lever("checkpointing", "checkpointing", 1, ACTIVE, fixed({"gradient_checkpointing": True}))
    if (
        question.accelerator and not get("gradient_checkpointing") and get("activation_offloading") is False
    ):  # else nothing is moved
        yield Lever("offloading", "offloading", 1, ACTIVE, fixed({"activation_offloading": True}))
    if get("use_peft") and question.asked.dtype == "float32" and not quantized(question):
        yield Lever("dtype", "base-bf16", 1, frozenset(EVERY), partial(loaded_as, dtype="bfloat16"))
    if question.accelerator and str(get("optim")).startswith("adamw_torch"):
        optimizer = frozenset({"optimizer", "temporaries"})
        yield Lever("optimizer", "optimizer-8bit", 1, optimizer, fixed({"optim": "adamw_bnb_8bit"}))
        yield Lever("optimizer", "optimizer-paged", 1, optimizer, fixed({"optim": "paged_adamw_8bit"}))
    if get("use_vllm") and get("vllm_mode") == "colocate":
        if not get("vllm_enable_sleep_mode"):
            yield Lever("vllm", "sleep", 1, ACTIVE, fixed({"vllm_enable_sleep_mode": True}))
        share = rounded(float(get("vllm_gpu_memory_utilization")) / 2)
        yield Lever("vllm", "vllm-share", 1, ACTIVE, fixed({"vllm_gpu_memory_utilization": share}))
    yield from sharding(question)


def sharding(question: Question) -> Iterator[Lever]:
    """Weights, gradients and states spread over the devices, where there are several that each hold all."""
    count = question.asked.processes
    if count < 2 or strategy_of(question.config, count) != "ddp":
        return
    for stage in (1, 2, 3):
        if stage == 3 and question.method == "ppo":
            continue
        more = {**ZERO_CONFIG, "zero_optimization": {"stage": stage}}
        yield Lever("sharding", f"zero{stage}", 1, STATES | {"temporaries"}, fixed({"deepspeed": more}))
    if question.method != "ppo":
        yield Lever("sharding", "fsdp", 1, STATES | {"temporaries"}, fixed({"fsdp": "full_shard"}))


def changing(question: Question) -> Iterator[Lever]:
    """The levers that change what is learned."""
    method, get = question.method, question.value
    if not get("use_peft"):
        if question.asked.dtype == "float32":
            yield Lever("dtype", "bf16", 1, frozenset(EVERY), partial(loaded_as, dtype="bfloat16"))
        yield Lever("adapter", "lora", 1, EVERY, partial(lora, more={}))
    if question.accelerator and not quantized(question):
        yield Lever("adapter", "qlora", 1, EVERY, partial(lora, more={"load_in_4bit": True}))
    for times in range(1, HALVINGS + 1):
        yield Lever("length", "length", times, ACTIVE | {"kv_cache"}, partial(shorter, factor=2**times))
    if method in ("grpo", "rloo") and int(get("num_generations")) >= 4:
        yield Lever("generations", "generations", 1, ACTIVE | {"kv_cache"}, fewer)
    for times, name in enumerate(families.smaller(question.model.known or question.model.name)[:HALVINGS], 1):
        yield Lever("model", "smaller", times, frozenset(EVERY), fixed({"model_name_or_path": name}))


def quantized(question: Question) -> bool:
    """Whether the weights are of 4 or 8 bits already."""
    return bool(question.value("load_in_4bit") or question.value("load_in_8bit"))


def batch(question: Question, rows: int) -> Changes | None:
    """So many rows at once, and as many more passes before a step: the effective batch stays exactly the same."""
    now = question.asked.batch
    if rows >= now or now % rows:
        return None
    factor = now // rows
    changes: Changes = {
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": int(question.value("gradient_accumulation_steps")) * factor,
    }
    if question.method in ("grpo", "rloo") and question.config.get("steps_per_generation"):
        changes["steps_per_generation"] = int(question.config["steps_per_generation"]) * factor
    return changes


def rollout(question: Question, factor: int) -> Changes | None:
    """Fewer answers generated at once; GRPO and RLOO still generate whole groups."""
    if question.method == "ppo":
        now = min(
            int(question.value("local_rollout_forward_batch_size")),
            question.asked.batch * int(question.value("gradient_accumulation_steps")),
        )
        return {"local_rollout_forward_batch_size": now // factor} if now >= factor else None
    steps = steps_per_generation(question)
    size = question.asked.batch * question.asked.processes * steps
    if steps % factor or (size // factor) % int(question.value("num_generations")):
        return None
    return {"steps_per_generation": steps // factor, "generation_batch_size": None}


def steps_per_generation(question: Question) -> int:
    """Passes that one generation serves."""
    if size := question.value("generation_batch_size"):
        return max(1, int(size) // (question.asked.batch * question.asked.processes))
    return int(question.value("steps_per_generation") or question.value("gradient_accumulation_steps"))


def precompute(question: Question) -> Changes | None:
    """The reference's log-probabilities before training; under LoRA there is no reference to leave out."""
    return None if question.value("use_peft") else {"precompute_ref_log_probs": True}


def loaded_as(question: Question, dtype: str) -> Changes | None:
    """Weights of another dtype, named where the config names it."""
    if question.asked.dtype == dtype:
        return None
    kwargs = question.config.get("model_init_kwargs")
    if isinstance(kwargs, Mapping) and kwargs.get("dtype"):
        return {"model_init_kwargs": {**kwargs, "dtype": dtype}}
    return {"dtype": dtype}


def lora(question: Question, more: Changes) -> Changes | None:
    """An adapter instead of all weights, at ten times the learning rate; the base in bf16 or 4 bits."""
    changes: Changes = {**more}
    if not question.value("use_peft"):
        rate = question.value("learning_rate")
        changes |= {**LORA, "learning_rate": rounded(float(rate) * LORA_FACTOR)}
    base = loaded_as(question, "bfloat16")
    return {**changes, **base} if base and (more or changes) else changes


def shorter(question: Question, factor: int) -> Changes | None:
    """Rows, or answers, of a half or a quarter of the tokens."""
    if question.method in ONLINE:
        name = "response_length" if question.method == "ppo" else "max_completion_length"
        now = int(question.value(name))
    else:
        name, now = "max_length", question.asked.length
    return {name: now // factor} if now // factor >= LEAST_LENGTH else None


def fewer(question: Question) -> Changes | None:
    """Half the answers a prompt, and with them half the rows of a step where they fill it: the prompts stay as many."""
    group = int(question.value("num_generations"))
    accumulation = int(question.value("gradient_accumulation_steps"))
    changes: Changes = {"num_generations": group // 2}
    if group % 2:
        return None
    if accumulation % 2 == 0 and not question.config.get("steps_per_generation"):
        return {**changes, "gradient_accumulation_steps": accumulation // 2}
    if question.asked.batch % 2 == 0:
        return {**changes, "per_device_train_batch_size": question.asked.batch // 2}
    return None
