"""Models from the content of a config.json, without weights: causal models, reward models, 4-bit layers, fewer layers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from diagnostics.memory.records import NotTraceable

# bitsandbytes' NF4: two weights a byte, one scale for 64 of them; nested scales have one byte each and a float for 256.
QUANTIZED_BLOCK, NESTED_BLOCK = 64, 256
# TRL and transformers leave the output layer as it is.
NOT_QUANTIZED = ("lm_head", "score")
PER_LAYER = ("layer_types", "no_rope_layers", "mlp_layer_types", "layers_block_type")


def config_of(content: Mapping[str, Any], attention: str | None = None) -> Any:
    """A transformers config from a config.json's content; `attention` None is transformers' own choice for the model.

    Raises:
        NotTraceable: transformers has no model of that type, or the model needs code of its own.
    """
    import transformers

    kind = content.get("model_type")
    if content.get("auto_map") and kind not in transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES:
        raise NotTraceable(
            f"model_type {kind}: the model brings code of its own, which is never run.",
            f"model_type {kind}：模型自带代码，这里从不运行这种代码。",
        )
    plain = {
        key: value for key, value in content.items() if key not in ("model_type", "auto_map", "torch_dtype", "dtype")
    }
    try:
        config = transformers.AutoConfig.for_model(kind, **plain)
    except (ValueError, TypeError, KeyError) as error:
        raise NotTraceable(
            f"model_type {kind}: transformers {transformers.__version__} has no such model.",
            f"model_type {kind}：transformers {transformers.__version__} 没有这种模型。",
        ) from error
    if attention is not None:
        # FlashAttention's own package keeps what PyTorch's fused attention keeps
        config._attn_implementation = attention if attention in ("eager", "sdpa") else "sdpa"
    config._name_or_path = "traced"
    return config


def depth_of(content: Mapping[str, Any]) -> int:
    """How many layers a model has.

    Raises:
        NotTraceable: its config does not say.
    """
    found = getattr(config_of(content).get_text_config(), "num_hidden_layers", None)
    if not isinstance(found, int) or found < 1:
        raise NotTraceable(
            f"model_type {content.get('model_type')}: its config names no number of layers.",
            f"model_type {content.get('model_type')}：它的配置没有写明层数。",
        )
    return found


def with_layers(content: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """The same model with its first `layers` layers alone."""
    shorter = copy.deepcopy(dict(content))
    text = shorter["text_config"] if isinstance(shorter.get("text_config"), dict) else shorter
    for name in ("num_hidden_layers", "n_layer", "num_layers", "n_layers"):
        if name in text or name == "num_hidden_layers":
            text[name] = layers
    for name in PER_LAYER:
        if isinstance(text.get(name), list):
            text[name] = text[name][:layers]
    return shorter


def repeating(content: Mapping[str, Any]) -> tuple[int, int]:
    """How the layers repeat: those before, whose kind comes once, and the length of the period after them.

    A model of like layers is (0, 1); a period of two kinds in turn (0, 2); one dense layer before experts (1, 1).
    """
    config = config_of(content).get_text_config()
    dense = getattr(config, "first_k_dense_replace", 0) or 0
    kinds: Sequence[Any] = [
        tuple(values[layer] for values in lists)
        for lists in [[one for one in (getattr(config, name, None) for name in PER_LAYER) if isinstance(one, list)]]
        for layer in range(min((len(one) for one in lists), default=0))
    ]
    for period in range(1, len(kinds) // 2 + 1):
        if all(kinds[place] == kinds[place - period] for place in range(period, len(kinds))):
            return dense, period
    return dense, 1 if len(kinds) < 2 else len(kinds)


def build(config: Any, dtype: Any, kind: str = "AutoModelForCausalLM") -> Any:
    """A model of that config; its weights are whatever the mode at work makes of them.

    Raises:
        NotTraceable: transformers cannot build it.
    """
    import transformers

    try:
        return getattr(transformers, kind).from_config(config, dtype=dtype)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NotTraceable(
            f"model_type {config.model_type}: cannot be built ({line}).",
            f"model_type {config.model_type}：无法构建（{line}）。",
        ) from error


def reward_model(config: Any, dtype: Any, pad: int) -> Any:
    """The sequence classifier with one output on the same trunk."""
    config = copy.deepcopy(config)
    config.num_labels, config.pad_token_id = 1, pad
    return build(config, dtype, "AutoModelForSequenceClassification")


def quantized(model: Any, bits: int, nested: bool) -> Any:
    """Replace the linear layers but the output layer by such as bitsandbytes' of 4 or 8 bits, whose weights are frozen.

    Forward and backward pass make the whole weight anew in the precision of the activations, for the time of one product;
    nothing of the input is kept, since a frozen weight needs none.
    """
    import torch
    from torch import nn

    class Product(torch.autograd.Function):
        """Times a weight that is kept in few bits."""

        @staticmethod
        def forward(ctx: Any, inputs: Any, packed: Any, rows: int, columns: int) -> Any:
            ctx.save_for_backward(packed)
            ctx.shape = (rows, columns)
            return inputs @ inputs.new_empty((rows, columns)).t()

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient @ gradient.new_empty(ctx.shape), None, None, None

    class FewBits(nn.Linear):
        """A linear layer with a packed weight."""

        def __init__(self, before: Any) -> None:
            nn.Module.__init__(self)
            self.in_features, self.out_features = before.in_features, before.out_features
            count = before.weight.numel()
            self.weight = nn.Parameter(
                torch.empty(((count * bits + 7) // 8, 1), dtype=torch.uint8), requires_grad=False
            )
            self.bias = before.bias
            blocks = -(-count // QUANTIZED_BLOCK) if bits == 4 else before.out_features
            if bits == 4 and nested:
                self.register_buffer("scales", torch.empty(blocks, dtype=torch.uint8), persistent=False)
                self.register_buffer("outer", torch.empty(-(-blocks // NESTED_BLOCK) + 256), persistent=False)
            else:
                self.register_buffer("scales", torch.empty(blocks), persistent=False)
            self.register_buffer("code", torch.empty(16), persistent=False)

        def forward(self, inputs: Any) -> Any:
            out = Product.apply(inputs, self.weight, self.out_features, self.in_features)
            if self.bias is not None:
                out = out + self.bias.to(out.dtype)
            # PEFT clones what comes from a 4-bit layer before the adapter is added (peft/tuners/lora/bnb.py)
            return out.clone() if bits == 4 else out

    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and name not in NOT_QUANTIZED:
                setattr(parent, name, FewBits(child))
    model.requires_grad_(False)
    setattr(model, f"is_loaded_in_{bits}bit", True)
    return model
