"""What a config.json says of a model's size: its linear layers, and its parameters counted to the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diagnostics.run.refusal import Refusal

# What config.json files call the same thing.
OTHER_NAMES = {
    "hidden_size": ("n_embd", "d_model"),
    "num_hidden_layers": ("n_layer", "n_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "intermediate_size": ("n_inner", "ffn_dim"),
    "num_key_value_heads": ("num_kv_heads",),
    "max_position_embeddings": ("n_positions", "n_ctx", "seq_length"),
}
# Whether the output layer shares the embedding's weights where config.json does not say: defaults of transformers 5.23.
TIED = {
    "gpt2", "gemma", "gemma2", "gemma3_text", "falcon", "opt", "bloom", "smollm3",
}  # fmt: skip
ROUTED = ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe")
# Types whose layers are counted to the last parameter (a test compares them with transformers). Others are taken for Llama.
KNOWN = {
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "gpt2", "gpt_neox", "gptj",
    "falcon", "opt", "bloom", "olmo", "olmo2", "stablelm", "smollm3", "mixtral", "qwen3_moe",
}  # fmt: skip


class NoDimensions(Refusal):
    """A config.json does not tell a language model's dimensions; the message is one sentence."""


@dataclass(frozen=True)
class Linear:
    """One weight matrix of a layer: its name, inputs, outputs, whether it has a bias, how many of it (experts)."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False
    count: int = 1

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.count * (self.inputs * self.outputs + (self.outputs if self.bias else 0))


@dataclass(frozen=True)
class Architecture:
    """A decoder's dimensions.

    `norms`: parameters of a layer that are in no linear layer; `outside`: those outside of layers, embedding and output
    layer. `known`: whether the type's layers are known, not taken for Llama's.
    """

    type: str
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    positions: int | None
    linears: tuple[Linear, ...]
    norms: int
    outside: int
    known: bool = True

    @property
    def embedding(self) -> int:
        """Parameters of the token embedding."""
        return self.vocabulary * self.hidden

    @property
    def head(self) -> int:
        """Parameters of an output layer of its own, 0 where it is the embedding."""
        return 0 if self.tied else self.embedding

    @property
    def layer(self) -> int:
        """Parameters of one layer."""
        return sum(one.parameters for one in self.linears) + self.norms

    @property
    def linear(self) -> int:
        """Parameters of the linear layers of all layers: what quantization makes small and adapters are put on."""
        return self.layers * sum(one.inputs * one.outputs * one.count for one in self.linears)

    @property
    def parameters(self) -> int:
        """All parameters, shared ones once."""
        return self.embedding + self.head + self.layers * self.layer + self.outside

    @property
    def gated(self) -> bool:
        """Whether the feed-forward part multiplies two branches, as SwiGLU does."""
        return any("gate" in one.name for one in self.linears)


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """The dimensions that a config.json tells; of a model of text and images, those of the text part.

    Raises:
        NoDimensions: one of those that are needed is not there, or is no positive number.
    """
    if isinstance(config.get("text_config"), Mapping) and "hidden_size" not in config:
        config = {"tie_word_embeddings": config.get("tie_word_embeddings", True), **config["text_config"]}
    kind = str(config.get("model_type", "")) or "unknown"

    def size(name: str, default: int | None = None) -> int:
        for one in (name, *OTHER_NAMES.get(name, ())):
            value = config.get(one)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        if default is None:
            raise NoDimensions(
                f"{kind}: the model's config.json tells no {name}; expected a decoder's dimensions.",
                f"{kind}：模型的 config.json 没有写明 {name}；应有解码器的各项尺寸。",
            )
        return default

    hidden, layers, heads = size("hidden_size"), size("num_hidden_layers"), size("num_attention_heads")
    kv_heads = kv_heads_of(kind, config, size, heads)
    head_dim = size("head_dim", max(1, hidden // heads))
    inner = size("intermediate_size", 4 * hidden)
    vocabulary = size("vocab_size")
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    q, kv = heads * head_dim, kv_heads * head_dim
    linears, norms, outside = parts(kind, config, hidden, inner, q, kv, head_dim, vocabulary, positions or 0)
    return Architecture(
        type=kind,
        layers=layers,
        hidden=hidden,
        inner=inner,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocabulary=vocabulary,
        tied=bool(config.get("tie_word_embeddings", kind in TIED)),
        positions=positions,
        linears=linears,
        norms=norms,
        outside=outside,
        known=kind in KNOWN,
    )


def kv_heads_of(kind: str, config: Mapping[str, Any], size: Any, heads: int) -> int:
    """Key and value heads; Falcon's first models have one whatever stands there."""
    if kind == "falcon" and not config.get("new_decoder_architecture"):
        return 1 if config.get("multi_query", True) else heads
    return int(size("num_key_value_heads", heads))


def parts(
    kind: str,
    config: Mapping[str, Any],
    hidden: int,
    inner: int,
    q: int,
    kv: int,
    head: int,
    vocabulary: int,
    positions: int,
) -> tuple[tuple[Linear, ...], int, int]:
    """A layer's linear layers, its other parameters, and those outside: as the classes of transformers 5.23 make them."""
    bias = bool(config.get("attention_bias") or config.get("use_bias"))
    mats: tuple[Linear, ...]
    if kind == "gpt2":
        mats = (
            Linear("c_attn", hidden, 3 * hidden, True),
            Linear("attn.c_proj", hidden, hidden, True),
            Linear("c_fc", hidden, inner, True),
            Linear("mlp.c_proj", inner, hidden, True),
        )
        return mats, 4 * hidden, positions * hidden + 2 * hidden
    if kind in ("gpt_neox", "bloom"):
        mats = (
            Linear("query_key_value", hidden, 3 * hidden, True),
            Linear("dense", hidden, hidden, True),
            Linear("dense_h_to_4h", hidden, inner, True),
            Linear("dense_4h_to_h", inner, hidden, True),
        )
        return mats, 4 * hidden, 2 * hidden * (2 if kind == "bloom" else 1)
    if kind == "falcon":
        fused = bool(config.get("bias"))
        mats = (
            Linear("query_key_value", hidden, q + 2 * kv, fused),
            Linear("dense", q, hidden, fused),
            Linear("dense_h_to_4h", hidden, 4 * hidden, fused),
            Linear("dense_4h_to_h", 4 * hidden, hidden, fused),
        )
        two = config.get("new_decoder_architecture") or not config.get("parallel_attn", True)
        return mats, 2 * hidden * (2 if two else 1), 2 * hidden
    if kind in ("opt", "gptj", "phi"):
        plain = kind == "gptj"
        mats = (
            Linear("q_proj", hidden, q, not plain),
            Linear("k_proj", hidden, kv, not plain),
            Linear("v_proj", hidden, kv, not plain),
            Linear("out_proj" if kind != "phi" else "dense", q, hidden, not plain),
            Linear("fc_in" if plain else "fc1", hidden, inner, True),
            Linear("fc_out" if plain else "fc2", inner, hidden, True),
        )
        if kind == "opt":
            return mats, 4 * hidden, (positions + 2) * hidden + 2 * hidden
        return mats, 2 * hidden, 2 * hidden + vocabulary
    if kind == "phi3":
        mats = (
            Linear("qkv_proj", hidden, q + 2 * kv),
            Linear("o_proj", q, hidden),
            Linear("gate_up_proj", hidden, 2 * inner),
            Linear("down_proj", inner, hidden),
        )
        return mats, 2 * hidden, hidden
    return llama_like(kind, config, hidden, inner, q, kv, head, bias)


def llama_like(
    kind: str, config: Mapping[str, Any], hidden: int, inner: int, q: int, kv: int, head: int, bias: bool
) -> tuple[tuple[Linear, ...], int, int]:
    """The parts of Llama and of the many models built like it."""
    qkv_bias = kind in ("qwen2", "qwen2_moe") or bool(config.get("use_qkv_bias")) or bias
    attention = (
        Linear("q_proj", hidden, q, qkv_bias),
        Linear("k_proj", hidden, kv, qkv_bias),
        Linear("v_proj", hidden, kv, qkv_bias),
        Linear("o_proj", q, hidden, bias),
    )
    experts = config.get("num_local_experts") or config.get("num_experts") or 0
    feed: tuple[Linear, ...]
    if kind in ROUTED and experts:
        wide = config.get("moe_intermediate_size") or inner
        feed = (
            Linear("router", hidden, experts),
            Linear("gate_proj", hidden, wide, count=experts),
            Linear("up_proj", hidden, wide, count=experts),
            Linear("down_proj", wide, hidden, count=experts),
        )
    else:
        mlp_bias = bool(config.get("mlp_bias"))
        feed = (
            Linear("gate_proj", hidden, inner, mlp_bias),
            Linear("up_proj", hidden, inner, mlp_bias),
            Linear("down_proj", inner, hidden, mlp_bias),
        )
    width = {"olmo": 0, "stablelm": 2 * hidden}.get(kind, hidden)  # OLMo's norm has no weights, StableLM's a bias
    norms = width * (4 if kind in ("gemma2", "gemma3_text") else 2)
    if kind == "stablelm" and config.get("use_parallel_residual"):
        norms = width
    if kind in ("qwen3", "qwen3_moe", "gemma3_text"):
        norms += 2 * head
    if kind == "olmo2":
        norms += q + kv
    return (*attention, *feed), norms, width
