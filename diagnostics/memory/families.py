"""The dimensions of well-known language models, so that their memory can be told without a network.

Facts: the `config.json` files that their makers publish on the Hugging Face Hub, cut to what decides memory. A test builds
each on the meta device and compares the count of its parameters with the published one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from diagnostics.memory.architecture import architecture_of

Config = dict[str, Any]
SMALLER = 0.8  # of another model's parameters: what is nearer is no smaller model, but another version
CLASSES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "phi": "PhiForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM",
    "falcon": "FalconForCausalLM",
    "opt": "OPTForCausalLM",
    "bloom": "BloomForCausalLM",
    "olmo": "OlmoForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "stablelm": "StableLmForCausalLM",
    "smollm3": "SmolLM3ForCausalLM",
}


def model(kind: str, hidden: int, inner: int, layers: int, heads: int, kv: int, vocabulary: int, positions: int,
          tied: bool = False, **more: Any) -> Config:  # fmt: skip
    """The config.json of a model under the names that most types share."""
    return {
        "model_type": kind,
        "architectures": [CLASSES[kind]],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "tie_word_embeddings": tied,
        **more,
    }


def gpt2(hidden: int, layers: int, heads: int) -> Config:
    """GPT-2's config.json, with its own names."""
    return {"model_type": "gpt2", "architectures": [CLASSES["gpt2"]], "n_embd": hidden, "n_layer": layers,
            "n_head": heads, "n_positions": 1024, "vocab_size": 50257, "tie_word_embeddings": True}  # fmt: skip


def gemma(kind: str, hidden: int, inner: int, layers: int, heads: int, kv: int, head: int, vocabulary: int, positions: int,
          **more: Any) -> Config:  # fmt: skip
    """A Gemma: heads of their own width, tied output layer."""
    return model(kind, hidden, inner, layers, heads, kv, vocabulary, positions, True, head_dim=head,
                 hidden_activation="gelu_pytorch_tanh", **more)  # fmt: skip


def neox(hidden: int, layers: int, heads: int, rows: int = 50304, positions: int = 2048) -> Config:
    """A model of GPT-NeoX' kind; `rows`: of its embedding."""
    return model("gpt_neox", hidden, 4 * hidden, layers, heads, heads, rows, positions)


# Each line: name on the Hub, config. The lines of one family stand together, small to large.
FAMILIES: dict[str, dict[str, Config]] = {
    "Llama 2": {
        "meta-llama/Llama-2-7b-hf": model("llama", 4096, 11008, 32, 32, 32, 32000, 4096),
        "meta-llama/Llama-2-13b-hf": model("llama", 5120, 13824, 40, 40, 40, 32000, 4096),
        "meta-llama/Llama-2-70b-hf": model("llama", 8192, 28672, 80, 64, 8, 32000, 4096),
    },
    "Llama 3": {
        "meta-llama/Llama-3.2-1B": model("llama", 2048, 8192, 16, 32, 8, 128256, 131072, True, head_dim=64),
        "meta-llama/Llama-3.2-3B": model("llama", 3072, 8192, 28, 24, 8, 128256, 131072, True, head_dim=128),
        "meta-llama/Meta-Llama-3-8B": model("llama", 4096, 14336, 32, 32, 8, 128256, 8192),
        "meta-llama/Llama-3.1-8B": model("llama", 4096, 14336, 32, 32, 8, 128256, 131072),
        "meta-llama/Meta-Llama-3-70B": model("llama", 8192, 28672, 80, 64, 8, 128256, 8192),
        "meta-llama/Llama-3.1-70B": model("llama", 8192, 28672, 80, 64, 8, 128256, 131072),
        "meta-llama/Llama-3.3-70B-Instruct": model("llama", 8192, 28672, 80, 64, 8, 128256, 131072),
        "meta-llama/Llama-3.1-405B": model("llama", 16384, 53248, 126, 128, 8, 128256, 131072),
    },
    "Qwen2": {
        "Qwen/Qwen2-0.5B": model("qwen2", 896, 4864, 24, 14, 2, 151936, 131072, True),
        "Qwen/Qwen2-1.5B": model("qwen2", 1536, 8960, 28, 12, 2, 151936, 131072, True),
        "Qwen/Qwen2-7B": model("qwen2", 3584, 18944, 28, 28, 4, 152064, 131072),
        "Qwen/Qwen2-72B": model("qwen2", 8192, 29568, 80, 64, 8, 152064, 131072),
    },
    "Qwen2.5": {
        "Qwen/Qwen2.5-0.5B": model("qwen2", 896, 4864, 24, 14, 2, 151936, 32768, True),
        "Qwen/Qwen2.5-1.5B": model("qwen2", 1536, 8960, 28, 12, 2, 151936, 131072, True),
        "Qwen/Qwen2.5-3B": model("qwen2", 2048, 11008, 36, 16, 2, 151936, 32768, True),
        "Qwen/Qwen2.5-7B": model("qwen2", 3584, 18944, 28, 28, 4, 152064, 131072),
        "Qwen/Qwen2.5-14B": model("qwen2", 5120, 13824, 48, 40, 8, 152064, 131072),
        "Qwen/Qwen2.5-32B": model("qwen2", 5120, 27648, 64, 40, 8, 152064, 131072),
        "Qwen/Qwen2.5-72B": model("qwen2", 8192, 29568, 80, 64, 8, 152064, 131072),
    },
    "Qwen3": {
        "Qwen/Qwen3-0.6B": model("qwen3", 1024, 3072, 28, 16, 8, 151936, 40960, True, head_dim=128),
        "Qwen/Qwen3-1.7B": model("qwen3", 2048, 6144, 28, 16, 8, 151936, 40960, True, head_dim=128),
        "Qwen/Qwen3-4B": model("qwen3", 2560, 9728, 36, 32, 8, 151936, 40960, True, head_dim=128),
        "Qwen/Qwen3-8B": model("qwen3", 4096, 12288, 36, 32, 8, 151936, 40960, head_dim=128),
        "Qwen/Qwen3-14B": model("qwen3", 5120, 17408, 40, 40, 8, 151936, 40960, head_dim=128),
        "Qwen/Qwen3-32B": model("qwen3", 5120, 25600, 64, 64, 8, 151936, 40960, head_dim=128),
    },
    "Qwen3 MoE": {
        "Qwen/Qwen3-30B-A3B": model("qwen3_moe", 2048, 6144, 48, 32, 4, 151936, 40960, head_dim=128, num_experts=128,
                                    num_experts_per_tok=8, moe_intermediate_size=768),
    },
    "DeepSeek R1, distilled": {
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": model("qwen2", 1536, 8960, 28, 12, 2, 151936, 131072),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": model("qwen2", 3584, 18944, 28, 28, 4, 152064, 131072),
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": model("llama", 4096, 14336, 32, 32, 8, 128256, 131072),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": model("qwen2", 5120, 13824, 48, 40, 8, 152064, 131072),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": model("qwen2", 5120, 27648, 64, 40, 8, 152064, 131072),
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": model("llama", 8192, 28672, 80, 64, 8, 128256, 131072),
    },
    "Mistral": {
        "mistralai/Mistral-7B-v0.1": model("mistral", 4096, 14336, 32, 32, 8, 32000, 32768, sliding_window=4096),
        "mistralai/Mistral-7B-v0.2": model("mistral", 4096, 14336, 32, 32, 8, 32000, 32768, sliding_window=None),
        "mistralai/Mistral-7B-v0.3": model("mistral", 4096, 14336, 32, 32, 8, 32768, 32768, sliding_window=None),
        "mistralai/Mistral-Nemo-Base-2407": model("mistral", 5120, 14336, 40, 32, 8, 131072, 131072, head_dim=128,
                                                  sliding_window=None),
        "HuggingFaceH4/zephyr-7b-beta": model("mistral", 4096, 14336, 32, 32, 8, 32000, 32768, sliding_window=4096),
    },
    "Mixtral": {
        "mistralai/Mixtral-8x7B-v0.1": model("mixtral", 4096, 14336, 32, 32, 8, 32000, 32768, num_local_experts=8,
                                             num_experts_per_tok=2),
    },
    "Gemma": {
        "google/gemma-2b": gemma("gemma", 2048, 16384, 18, 8, 1, 256, 256000, 8192),
        "google/gemma-7b": gemma("gemma", 3072, 24576, 28, 16, 16, 256, 256000, 8192),
    },
    "Gemma 2": {
        "google/gemma-2-2b": gemma("gemma2", 2304, 9216, 26, 8, 4, 256, 256000, 8192, sliding_window=4096),
        "google/gemma-2-9b": gemma("gemma2", 3584, 14336, 42, 16, 8, 256, 256000, 8192, sliding_window=4096),
        "google/gemma-2-27b": gemma("gemma2", 4608, 36864, 46, 32, 16, 128, 256000, 8192, sliding_window=4096,
                                    query_pre_attn_scalar=144),
    },
    "Gemma 3": {
        "google/gemma-3-270m": gemma("gemma3_text", 640, 2048, 18, 4, 1, 256, 262144, 32768, sliding_window=512),
        "google/gemma-3-1b-pt": gemma("gemma3_text", 1152, 6912, 26, 4, 1, 256, 262144, 32768, sliding_window=512),
    },
    "Phi": {
        "microsoft/phi-1_5": model("phi", 2048, 8192, 24, 32, 32, 51200, 2048, partial_rotary_factor=0.5),
        "microsoft/phi-2": model("phi", 2560, 10240, 32, 32, 32, 51200, 2048, partial_rotary_factor=0.4),
    },
    "Phi 3 and 4": {
        "microsoft/Phi-3-mini-4k-instruct": model("phi3", 3072, 8192, 32, 32, 32, 32064, 4096, pad_token_id=32000),
        "microsoft/Phi-3.5-mini-instruct": model("phi3", 3072, 8192, 32, 32, 32, 32064, 131072, pad_token_id=32000),
        "microsoft/Phi-4-mini-instruct": model("phi3", 3072, 8192, 32, 24, 8, 200064, 131072, True,
                                               partial_rotary_factor=0.75, pad_token_id=199999),
        "microsoft/Phi-3-medium-4k-instruct": model("phi3", 5120, 17920, 40, 40, 10, 32064, 4096, pad_token_id=32000),
        "microsoft/phi-4": model("phi3", 5120, 17920, 40, 40, 10, 100352, 16384, pad_token_id=100349),
    },
    "TinyLlama": {
        "TinyLlama/TinyLlama-1.1B-Chat-v1.0": model("llama", 2048, 5632, 22, 32, 4, 32000, 2048),
    },
    "SmolLM2": {
        "HuggingFaceTB/SmolLM2-135M": model("llama", 576, 1536, 30, 9, 3, 49152, 8192, True),
        "HuggingFaceTB/SmolLM2-360M": model("llama", 960, 2560, 32, 15, 5, 49152, 8192, True),
        "HuggingFaceTB/SmolLM2-1.7B": model("llama", 2048, 8192, 24, 32, 32, 49152, 8192, True),
        "HuggingFaceTB/SmolLM3-3B": model("smollm3", 2048, 11008, 36, 16, 4, 128256, 65536, True),
    },
    "GPT-2": {
        "distilbert/distilgpt2": gpt2(768, 6, 12),
        "openai-community/gpt2": gpt2(768, 12, 12),
        "openai-community/gpt2-medium": gpt2(1024, 24, 16),
        "openai-community/gpt2-large": gpt2(1280, 36, 20),
        "openai-community/gpt2-xl": gpt2(1600, 48, 25),
    },
    "Pythia": {
        "EleutherAI/pythia-70m": neox(512, 6, 8),
        "EleutherAI/pythia-160m": neox(768, 12, 12),
        "EleutherAI/pythia-410m": neox(1024, 24, 16),
        "EleutherAI/pythia-1b": neox(2048, 16, 8),
        "EleutherAI/pythia-1.4b": neox(2048, 24, 16),
        "EleutherAI/pythia-2.8b": neox(2560, 32, 32),
        "EleutherAI/pythia-6.9b": neox(4096, 32, 32, 50432),
        "EleutherAI/pythia-12b": neox(5120, 36, 40, 50688),
    },
    "Falcon": {
        "tiiuae/falcon-7b": {"model_type": "falcon", "architectures": [CLASSES["falcon"]], "hidden_size": 4544,
                             "num_hidden_layers": 32, "num_attention_heads": 71, "vocab_size": 65024,
                             "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False,
                             "new_decoder_architecture": False, "tie_word_embeddings": True},
    },
    "OPT": {
        "facebook/opt-125m": model("opt", 768, 3072, 12, 12, 12, 50272, 2048, True, ffn_dim=3072, word_embed_proj_dim=768),
        "facebook/opt-1.3b": model("opt", 2048, 8192, 24, 32, 32, 50272, 2048, True, ffn_dim=8192,
                                   word_embed_proj_dim=2048),
        "facebook/opt-2.7b": model("opt", 2560, 10240, 32, 32, 32, 50272, 2048, True, ffn_dim=10240,
                                   word_embed_proj_dim=2560),
        "facebook/opt-6.7b": model("opt", 4096, 16384, 32, 32, 32, 50272, 2048, True, ffn_dim=16384,
                                   word_embed_proj_dim=4096),
    },
    "OLMo": {
        "allenai/OLMo-1B-hf": model("olmo", 2048, 8192, 16, 16, 16, 50304, 2048, True),
        "allenai/OLMo-7B-hf": model("olmo", 4096, 11008, 32, 32, 32, 50304, 2048),
    },
    "OLMo 2": {
        "allenai/OLMo-2-0425-1B": model("olmo2", 2048, 8192, 16, 16, 16, 100352, 4096),
        "allenai/OLMo-2-1124-7B": model("olmo2", 4096, 11008, 32, 32, 32, 100352, 4096),
        "allenai/OLMo-2-1124-13B": model("olmo2", 5120, 13824, 40, 40, 40, 100352, 4096),
    },
    "StableLM Alpha": {
        "stabilityai/stablelm-base-alpha-3b": neox(4096, 16, 32, 50688, 4096),
    },
    "StableLM": {
        "stabilityai/stablelm-2-1_6b": model("stablelm", 2048, 5632, 24, 32, 32, 100352, 4096, use_qkv_bias=True,
                                             partial_rotary_factor=0.25),
        "stabilityai/stablelm-3b-4e1t": model("stablelm", 2560, 6912, 32, 32, 32, 50304, 4096,
                                              partial_rotary_factor=0.25),
    },
}  # fmt: skip
MODELS: dict[str, Config] = {name: config for family in FAMILIES.values() for name, config in family.items()}
# Words of a name that say how a model was trained or how long its context is, not how large it is.
SILENT = {
    "meta", "instruct", "chat", "it", "pt", "base", "hf", "v", "sft", "dpo", "orpo", "kto", "thinking", "coder", "math",
    "hermes", "beta", "unsloth", "deduped", "2407", "2410", "2507", "1124", "0425", "dolphin", "intermediate", "step", "openai", "community",
}  # fmt: skip
WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?(?:x\d+)?[bmk]?(?![a-z0-9])|\d+(?:\.\d+)?")


@lru_cache(maxsize=4096)
def key(name: str) -> tuple[str, ...]:
    """A model's name as people write it, cut to what tells its size: `meta-llama/Meta-Llama-3-8B` and `llama 3 8b` are one."""
    bare = name.strip().lower().rsplit("/", 1)[-1]
    bare = re.sub(r"(?<=\d)_(?=\d)", ".", bare)  # phi-1_5
    bare = re.sub(r"-(?:bnb|gptq|awq|gguf|unsloth)\b.*", "", bare)
    words = WORD.findall(bare)
    kept = [one for one in words if one not in SILENT and not re.fullmatch(r"\d+k", one)]
    # A version behind the size (v0.1, v1.0) tells one model of a size from another for Mistral alone.
    if (
        "mistral" not in kept
        and kept
        and re.fullmatch(r"\d+\.\d+", kept[-1])
        and any(one[-1] in "bm" for one in kept[:-1])
    ):
        kept = kept[:-1]
    return tuple(kept)


def keys() -> Mapping[tuple[str, ...], str]:
    """The models by key; where two share one, the first has it."""
    found: dict[tuple[str, ...], str] = {}
    for name in MODELS:
        found.setdefault(key(name), name)
    for short, name in (
        ("tinyllama", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
        ("mistral 7b", "mistralai/Mistral-7B-v0.1"),
        ("llama 3.3 70b", "meta-llama/Llama-3.3-70B-Instruct"),
    ):
        found.setdefault(key(short), name)
    return found


def find(name: str) -> str | None:
    """The name in the table of a model as people write it; None if it is none of these."""
    return name if name in MODELS else keys().get(key(name))


def near(name: str, most: int = 3) -> list[str]:
    """The names most like one that is not in the table."""
    by_text = {" ".join(words): known for words, known in keys().items()}
    return [by_text[one] for one in difflib.get_close_matches(" ".join(key(name)), by_text, n=most, cutoff=0.5)]


def smaller(name: str) -> list[str]:
    """The smaller models of a model's family, the largest of them first; of one size the newest."""
    known = find(name)
    for family in FAMILIES.values():
        if known not in family:
            continue
        found, last = [], architecture_of(family[known]).parameters
        for other in reversed(family):
            size = architecture_of(family[other]).parameters
            if size < SMALLER * last:
                found.append(other)
                last = size
        return found
    return []
