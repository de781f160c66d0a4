"""The pieces that every closed form of memory is made of: bytes of weights, adapters, optimizer states, activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diagnostics.finding import Limit
from diagnostics.memory.architecture import Architecture, Linear, architecture_of
from diagnostics.memory.contradictions import stage_of
from diagnostics.memory.defaults import defaults_of, targets_of
from diagnostics.memory.records import Asked

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
PAIRS = ("dpo", "reward")
# bitsandbytes keeps one fp32 scale for each 64 weights of 4 bits; nested, one byte, and one fp32 for each 256 of those.
NF4 = Limit(
    0.5 + 4 / 64, "bytes a weight", "QLoRA (Dettmers et al. 2023), section 3: blocks of 64 with a 32-bit constant"
)
NF4_NESTED = Limit(
    0.5 + 1 / 64 + 4 / (64 * 256), "bytes a weight", "QLoRA, section 3: double quantization, 0.127 bits a weight"
)
INT8 = Limit(1 + 4 / 4096, "bytes a weight", "LLM.int8() (Dettmers et al. 2022): one byte, and a scale for each row")
CHUNK = (
    4096,
    32768,
)  # tokens and vocabulary entries of a tile of TRL 1.16's fused output layer, as wide for a small vocabulary


OFFLOADED = Limit(
    0.55, "of the activations", "traced: of 9.6 GiB of Qwen3-0.6B's (4 x 1024 tokens) TRL 1.16 leaves 5.4 on the device"
)
# Types that transformers 5.23 gives no fused attention unless another package is named.
WRITTEN_ATTENTION = ("gemma2", "bloom")
# Types that normalise queries and keys too, by an RMSNorm written out.
QUERY_NORMS = ("qwen3", "qwen3_moe", "gemma3_text", "olmo2")


@dataclass(frozen=True)
class Pieces:
    """What a training is made of, all in bytes unless said otherwise.

    `trainable`: parameters, number. `rows`: rows of one forward pass. `one_layer`: activations of one layer as autograd
    keeps them. `kept`: those of all layers that are alive when backward begins. `head`: temporaries of the output layer
    then. `embedding_gradient`: copies of the embedding's gradient when backward ends.
    """

    architecture: Architecture
    weights: int
    reference: int
    trainable: int
    gradients: int
    optimizer: int
    one_layer: int
    kept: int
    head: int
    embedding_gradient: int
    step_temporaries: int
    logits: int
    kv_cache: int
    generation_logits: int
    accumulates: bool


def value(asked: Asked, name: str) -> Any:
    """An argument as training will have it: given, else TRL's default for the method."""
    return asked.config.get(name, defaults_of(asked.method).get(name))


def mixed(asked: Asked) -> bool:
    """Whether the forward pass runs under autocast: bf16 is on unless fp16 is, as TRL's `_BaseConfig` sets it."""
    bf16 = value(asked, "bf16")
    return bool(value(asked, "fp16")) or (True if bf16 is None else bool(bf16))


def weight_bytes(asked: Asked, model: Architecture) -> int:
    """The weights as they lie on the device, the linear layers quantized where that is asked for."""
    size = BYTES[asked.dtype]
    if value(asked, "load_in_4bit"):
        each = NF4_NESTED if value(asked, "use_bnb_nested_quant") else NF4
    elif value(asked, "load_in_8bit"):
        each = INT8
    else:
        return model.parameters * size
    return int(model.linear * each + (model.parameters - model.linear) * size)


def adapted(asked: Asked, model: Architecture) -> list[Linear]:
    """The linear layers of one layer that LoRA is put on."""
    targets = targets_of(model.type, value(asked, "lora_target_modules"))
    every = targets is None or "all-linear" in targets
    return [one for one in model.linears if every or any(one.name.endswith(name) for name in targets or ())]


def adapter_parameters(asked: Asked, model: Architecture) -> int:
    """The parameters of a LoRA adapter: rank x (inputs + outputs) of each layer that it is put on, and what is saved whole."""
    rank, chosen = int(value(asked, "lora_r")), adapted(asked, model)
    count = model.layers * sum(one.count * rank * (one.inputs + one.outputs) for one in chosen)
    if value(asked, "use_dora"):
        count += model.layers * sum(one.count * one.outputs for one in chosen)
    for name in value(asked, "lora_modules_to_save") or ():
        count += model.embedding if "head" in name or "embed" in name or "wte" in name else 0
    return count


def trained(asked: Asked, model: Architecture) -> tuple[int, int, int]:
    """Trainable parameters, bytes of one, and of those how many are of embedding and output layer."""
    if value(asked, "use_peft"):
        # PEFT makes adapters fp32; TRL makes those of a quantized model bf16 (trl/trainer/sft_trainer.py).
        quantized = value(asked, "load_in_4bit") or value(asked, "load_in_8bit")
        return adapter_parameters(asked, model), 2 if quantized else 4, 0
    return model.parameters, BYTES[asked.dtype], model.embedding + model.head


def optimizer_bytes(optim: str, parameters: int, size: int, tables: int) -> int:
    """The optimizer's states after the first step; `size`: bytes of a parameter, `tables`: parameters of embeddings.

    torch's AdamW keeps two moments in the parameter's dtype. bitsandbytes' 8-bit ones keep them in one byte each, those
    of embeddings in four (transformers registers the embeddings so). Paged ones are counted as if they were not moved.
    """
    optim = optim.removeprefix("OptimizerNames.").lower()
    moments = 1 if "lion" in optim or "rmsprop" in optim or "adagrad" in optim else 2
    if "ademamix" in optim:
        moments = 3
    if optim.startswith("sgd"):
        return 0
    if "adafactor" in optim:
        return int(0.02 * parameters * 4)  # a row and a column of each matrix in fp32
    if "4bit" in optim:
        return int(moments * (parameters - tables) * 0.53 + moments * tables * 4)
    if "8bit" in optim or "bnb" in optim:
        return int(moments * (parameters - tables) * (1 + 4 / 256) + moments * tables * 4)
    return moments * parameters * (4 if "32bit" in optim else size)


def written_gelu(model: Mapping[str, Any]) -> bool:
    """Whether the feed-forward part's GELU is written out in tensor operations, as `gelu_new` is in transformers 5.23."""
    usual = "gelu_new" if model.get("model_type") in ("gpt2", "phi", "gptj") else ""
    return (model.get("hidden_act") or model.get("activation_function") or usual) in ("gelu_new", "gelu_fast")


def layer_bytes(model: Architecture, asked: Asked, tokens: int) -> int:
    """The activations of one layer that autograd keeps, for so many tokens.

    Counted in the layers of transformers 5.23, as Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large
    Transformer Models", equation 1) count those of Megatron, with attention that keeps no scores (SDPA, FlashAttention).
    """
    half = asked.dtype != "float32" or mixed(asked)
    narrow = 2 if half else 4
    q, kv = model.heads * model.head_dim, model.kv_heads * model.head_dim
    # An RMSNorm written out keeps an fp32 copy, the scaled value and the result; a fused LayerNorm input and result.
    norm = (8 if asked.dtype != "float32" else 10) if model.gated or model.type == "phi3" else (4 if half else 8)
    each = 2 * norm * model.hidden + narrow * (2 * q + 2 * kv)
    if model.type in QUERY_NORMS:
        each += norm * (q + kv)
    # Gate, its activation, up, their product; else what goes into the activation and what comes out.
    active = sum(one.inputs for one in model.linears if one.name in ("down_proj",)) or model.inner
    experts = max((one.count for one in model.linears), default=1)
    used = int(asked.model.get("num_experts_per_tok", 1)) if experts > 1 else 1
    if model.gated or model.type == "phi3":
        each += narrow * active * used * 4
    elif written_gelu(asked.model):
        # x, its cube, the tanh, half of x and the product's other factor; autocast makes the powers fp32.
        each += active * (18 if mixed(asked) else 5 * narrow)
    else:
        each += narrow * active * 3
    if value(asked, "use_peft"):
        # LoRA's own copy of its input, the dropout's mask of it, and the input as autocast narrows it: about 5 bytes each.
        each += 5 * sum(one.inputs for one in adapted(asked, model) if one.count == 1)
    attention = value(asked, "attn_implementation")
    if attention == "eager" or (attention is None and model.type in WRITTEN_ATTENTION):
        each += (2 * narrow + 4) * model.heads * asked.length  # the scores, the softmax, its copy in fp32
    return each * tokens


def pieces(asked: Asked) -> Pieces:
    """All the pieces of a question.

    Raises:
        NoDimensions: the model's config.json does not tell them.
    """
    model = architecture_of(asked.model)
    method, size = asked.method, BYTES[asked.dtype]
    peft = bool(value(asked, "use_peft"))
    weights = weight_bytes(asked, model)
    trainable, each, tables = trained(asked, model)
    reference = reference_bytes(asked, model, weights)
    narrow = 2 if asked.dtype != "float32" or mixed(asked) else 4
    rows = asked.batch * (2 if method in PAIRS else 1)
    tokens = rows * asked.length
    one_layer = layer_bytes(model, asked, tokens)
    residual = size * model.hidden * tokens  # what a checkpoint keeps of a layer; fp32 weights keep it in fp32
    checkpointed = bool(value(asked, "gradient_checkpointing"))
    kept = model.layers * residual + one_layer if checkpointed else model.layers * one_layer
    if value(asked, "activation_offloading") and not checkpointed:
        kept = int(kept * OFFLOADED)  # what checkpointing keeps is not moved
    if not checkpointed and mixed(asked) and asked.dtype == "float32":
        kept += 2 * model.linear  # autocast's copies of the weights are kept for backward
    completion = min(asked.completion or asked.length, asked.length)
    scored = rows * (completion + 1 if method in ("grpo", "rloo", "ppo") else asked.length)
    head, logits = head_bytes(asked, model, scored, peft, narrow, size)
    if method == "ppo":
        weights, trainable, tables, kept, one_layer = with_value_model(
            asked, model, weights, trainable, tables, kept, one_layer
        )
    gradients = trainable * each
    generated, whole = generated_rows(asked), (asked.prompt or 0) + completion
    kv = 2 * model.layers * model.kv_heads * model.head_dim * whole * generated * size
    optim = str(value(asked, "optim"))
    foreach = optim == "adamw_torch"
    return Pieces(
        architecture=model,
        weights=weights,
        reference=reference,
        trainable=trainable,
        gradients=gradients,
        optimizer=optimizer_bytes(optim, trainable, each, tables),
        one_layer=one_layer,
        kept=kept,
        head=head,
        embedding_gradient=0 if peft else model.embedding * size * (2 if model.tied else 1),
        step_temporaries=gradients
        if foreach
        else (model.embedding * 12 if optim.startswith("adafactor") and not peft else 0),
        logits=logits,
        kv_cache=kv,
        generation_logits=generated * model.vocabulary * 12,
        accumulates=int(value(asked, "gradient_accumulation_steps")) > 1,
    )


def head_bytes(asked: Asked, model: Architecture, tokens: int, peft: bool, narrow: int, size: int) -> tuple[int, int]:
    """Temporaries of the output layer when backward begins, and bytes of logits.

    TRL 1.16's fused output layer never holds all logits, but its weight's gradient in fp32 and as the weight is (not under
    PEFT), and the hidden states' in fp32. A reward model has no such layer; our PPO and label smoothing make all logits.
    """
    if asked.method == "reward":
        return 0, 0
    whole = asked.method == "ppo" or (asked.method == "sft" and bool(value(asked, "label_smoothing_factor")))
    if whole:
        return 0 if peft else model.embedding * size, tokens * model.vocabulary * (narrow + 8)
    tile = min(tokens, CHUNK[0]) * CHUNK[1] * narrow
    return tokens * model.hidden * (4 + narrow) + (0 if peft else model.embedding * (4 + size)), tile


def with_value_model(
    asked: Asked, model: Architecture, weights: int, trainable: int, tables: int, kept: int, one_layer: int
) -> tuple[int, int, int, int, int]:
    """Our PPO's second trained model beside the policy, unless its value function is a head."""
    if value(asked, "value_model") == "head":
        return weights, trainable, tables, kept, one_layer
    other = architecture_of(asked.reward_model) if asked.reward_model else model
    if other.vocabulary != model.vocabulary:
        other = model  # a reward model with another vocabulary cannot be the value model's start
    own = other.parameters - other.head
    if value(asked, "use_peft"):
        return weights + own * BYTES[asked.dtype], 2 * trainable, tables, 2 * kept, one_layer
    return weights + own * BYTES[asked.dtype], trainable + own, tables + other.embedding, 2 * kept, one_layer


def reference_bytes(asked: Asked, model: Architecture, weights: int) -> int:
    """The frozen models beside the trained one: the reference where the method keeps one, and a reward model."""
    method = asked.method
    extra = architecture_of(asked.reward_model).parameters * 4 if asked.reward_model else 0
    needs = method in ("dpo", "kto") and not value(asked, "precompute_ref_log_probs")
    needs = needs or (method in ("grpo", "rloo") and bool(value(asked, "beta"))) or method == "ppo"
    if asked.config.get("ref_model_name_or_path") and method in ("dpo", "kto", "ppo"):
        return weights + extra
    return (weights if needs and not value(asked, "use_peft") else 0) + extra


def generated_rows(asked: Asked) -> int:
    """How many answers one device generates at once with transformers; 0 where nothing is, or vLLM does it."""
    if asked.method == "ppo":
        rows = asked.batch * int(value(asked, "gradient_accumulation_steps"))
        return min(rows, int(value(asked, "local_rollout_forward_batch_size")))
    if asked.method not in ("grpo", "rloo") or value(asked, "use_vllm"):
        return 0
    if value(asked, "generation_batch_size"):
        return max(1, int(value(asked, "generation_batch_size")) // asked.processes)
    return asked.batch * int(value(asked, "steps_per_generation") or value(asked, "gradient_accumulation_steps"))


def strategy_of(config: Mapping[str, Any], processes: int) -> str:
    """How several devices share a training: `single`, `ddp`, `zero1`, `zero2`, `zero3` or `fsdp`."""
    stage = stage_of(config.get("deepspeed"))
    if config.get("fsdp"):
        return "fsdp"
    return f"zero{stage}" if stage else ("ddp" if processes > 1 else "single")
