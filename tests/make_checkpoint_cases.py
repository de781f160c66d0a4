"""Synthetic cases of checkpoints, whose safetensors are a few hundred bytes each; called by make_cases.py."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests import make_cases
from tests.make_cases import evaluations, falling, folder, rows, sft

DONE = {"state": "finished", "exit_code": 0, "step": 60, "max_steps": 60, "started": 1.0, "heartbeat": 2.0}
CONFIG: dict[str, Any] = {"learning_rate": 2e-5, "save_steps": 20}
LORA: dict[str, Any] = {"use_peft": True, "lora_r": 4, "learning_rate": 2e-4}
WIDE, WORDS = 8, 12
Tensors = Mapping[str, np.ndarray]
TYPES = {"float32": "F32", "float16": "F16", "uint16": "BF16"}


def packed(tensors: Tensors) -> bytes:
    """Tensors as a safetensors file; uint16 holds bfloat16."""
    header, data = {}, b""
    for name, one in tensors.items():
        begin = len(data)
        data += one.tobytes()
        header[name] = {"dtype": TYPES[str(one.dtype)], "shape": list(one.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model(seed: int = 0, wide: int = WIDE, words: int = WORDS) -> dict[str, np.ndarray]:
    """The weights of a model of one layer."""
    rng = np.random.default_rng(seed)
    shapes = {
        "model.embed_tokens.weight": (words, wide),
        "model.layers.0.self_attn.q_proj.weight": (wide, wide),
        "model.layers.0.self_attn.v_proj.weight": (wide, wide),
        "model.norm.weight": (wide,),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def lora(
    seed: int = 0, rank: int = 4, wide: int = WIDE, modules: tuple[str, ...] = ("q_proj", "v_proj"), zero: bool = False
) -> dict[str, np.ndarray]:
    """The matrices of an adapter over that model."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for module in modules:
        name = f"base_model.model.model.layers.0.self_attn.{module}"
        made[f"{name}.lora_A.weight"] = rng.normal(size=(rank, wide)).astype(np.float32)
        drawn = rng.normal(size=(wide, rank)).astype(np.float32)
        made[f"{name}.lora_B.weight"] = drawn * 0 if zero else drawn
    return made


def adapter_config(
    rank: int = 4, base: str = "../base", targets: tuple[str, ...] = ("q_proj", "v_proj")
) -> dict[str, Any]:
    """PEFT's config of an adapter."""
    return {"peft_type": "LORA", "r": rank, "target_modules": list(targets), "base_model_name_or_path": base}


def write(path: Path, files: Mapping[str, bytes | dict[str, Any]]) -> None:
    """Write files into a folder, objects as JSON."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode() + b"\n")


def run(
    rule: str,
    name: str,
    saved: Mapping[str, Mapping[str, bytes | dict[str, Any]]],
    config: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    log: list[dict[str, Any]] | None = None,
) -> Path:
    """A healthy SFT run with folders of saved files."""
    path = make_cases.CASES / rule / name
    made = sft(rows(falling(2.5, 1.2))) + evaluations(falling(2.5, 1.49, scale=4), [20, 40, 60])
    folder(rule, name, status or DONE, "done\n", sorted(log or made, key=lambda row: row["step"]), config or CONFIG)
    for inside, files in saved.items():
        state: dict[str, bytes | dict[str, Any]] = {}
        if inside.startswith("checkpoint-"):
            state = {"trainer_state.json": {"global_step": int(inside.partition("-")[2]), "log_history": []}}
        write(path / inside, {**state, **files})
    return path


def full(seed: int, **more: bytes | dict[str, Any]) -> dict[str, bytes | dict[str, Any]]:
    """A checkpoint of the full model with an optimizer's file beside it."""
    return {
        "model.safetensors": packed(model(seed)),
        "config.json": {"model_type": "llama"},
        "optimizer.pt": b"-",
        **more,
    }


def adapter(
    seed: int, rank: int = 4, tensors: Tensors | None = None, config: dict[str, Any] | None = None
) -> dict[str, bytes | dict[str, Any]]:
    """A checkpoint of an adapter."""
    return {
        "adapter_model.safetensors": packed(lora(seed, rank) if tensors is None else tensors),
        "adapter_config.json": adapter_config(rank) if config is None else config,
        "optimizer.pt": b"-",
    }


def pointer(size: int) -> bytes:
    """A Git-LFS pointer."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize {size}\n".encode()


def checkpoint_truncated() -> None:
    """Files cut off, empty, missing or only pointed to; and folders that look so."""
    rule = "checkpoint-truncated"
    whole = packed(model(2))
    run(
        rule,
        "bad-half",
        {"checkpoint-20": full(1), "checkpoint-40": {**full(2), "model.safetensors": whole[: len(whole) // 2]}},
    )
    run(rule, "bad-empty", {"checkpoint-20": full(1), "checkpoint-40": {**full(2), "model.safetensors": b""}})
    run(rule, "bad-pointer", {"checkpoint-40": {**full(2), "model.safetensors": pointer(988097824)}})
    run(rule, "bad-header", {"checkpoint-40": {**full(2), "model.safetensors": whole[:40]}})
    run(rule, "bad-trailing", {"checkpoint-40": {**full(2), "model.safetensors": whole + b"\n"}})
    parts = model(3)
    names = list(parts)
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    index = {"weight_map": {name: first if place < 2 else second for place, name in enumerate(names)}}
    half = {first: packed({name: parts[name] for name in names[:2]}), "model.safetensors.index.json": index}
    run(rule, "bad-shard-missing", {"checkpoint-20": full(1), "checkpoint-40": half})
    lost = adapter(2)
    del lost["adapter_model.safetensors"]
    config = {**LORA}
    run(
        rule,
        "bad-adapter-missing",
        {"checkpoint-20": adapter(1), "checkpoint-40": lost, "base": {"config.json": {"model_type": "llama"}}},
        config,
    )
    run(rule, "bad-older", {"checkpoint-20": {**full(1), "model.safetensors": whole[:-9]}, "checkpoint-40": full(2)})
    run(rule, "near-miss-whole", {"checkpoint-20": full(1), "checkpoint-40": full(2)})
    both = {**half, second: packed({name: parts[name] for name in names[2:]})}
    run(rule, "near-miss-shards", {"checkpoint-40": both})
    small: dict[str, bytes | dict[str, Any]] = {
        "config.json": {"model_type": "llama"},
        "model.safetensors.index.json": index,
    }
    run(rule, "near-miss-download-of-small-files", {"checkpoint-40": small})
    running = {**DONE, "state": "running", "step": 41, "host": "elsewhere", "pid": 1, "heartbeat": 4e9}
    cut: dict[str, bytes | dict[str, Any]] = {"model.safetensors": whole[:90]}
    path = run(rule, "near-miss-still-saving", {"checkpoint-20": full(1), "checkpoint-40": cut}, status=running)
    (path / "checkpoint-40" / "trainer_state.json").unlink()


def checkpoint_not_finite() -> None:
    """NaN, infinities, in 32 and 16 bits; and large numbers that are none."""
    rule = "checkpoint-not-finite"
    bad = model(2)
    bad["model.norm.weight"] = np.full(WIDE, np.nan, dtype=np.float32)
    bad["model.embed_tokens.weight"][3, 1] = np.inf
    run(rule, "bad-nan", {"checkpoint-20": full(1), "checkpoint-40": {**full(2), "model.safetensors": packed(bad)}})
    half = {"model.norm.weight": np.array([0x3F80, 0x7FC0, 0xFF80], dtype=np.uint16)}
    run(rule, "bad-bfloat16", {"checkpoint-40": {"model.safetensors": packed(half)}})
    low = lora(2)
    low["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"][0, 0] = -np.inf
    run(
        rule,
        "bad-adapter",
        {"checkpoint-40": adapter(2, tensors=low), "base": {"config.json": {"model_type": "llama"}}},
        {**LORA},
    )
    large = {"model.norm.weight": np.array([65504, -65504, 6e-8], dtype=np.float16)}
    run(rule, "near-miss-largest-float16", {"checkpoint-40": {"model.safetensors": packed(large)}})
    buffer = {**model(2), "model.causal_mask": np.full((4, 4), -np.inf, dtype=np.float32)}
    run(rule, "near-miss-mask", {"checkpoint-40": {"model.safetensors": packed(buffer)}})
    high = {"model.norm.weight": np.array([3.4e38, -3.4e38, 1e-45], dtype=np.float32)}
    run(rule, "near-miss-largest-float32", {"checkpoint-40": {"model.safetensors": packed(high)}})


def adapter_mismatch() -> None:
    """Ranks, modules and bases that do not fit; and adapters that do."""
    rule = "adapter-mismatch"
    base: dict[str, bytes | dict[str, Any]] = {
        "model.safetensors": packed(model(9)),
        "config.json": {"model_type": "llama"},
    }
    other = {**base, "model.safetensors": packed(model(9, wide=16))}
    fits = adapter(1)
    run(rule, "bad-rank", {"base": base, "checkpoint-40": adapter(1, config=adapter_config(8))}, {**LORA, "lora_r": 8})
    mixed = adapter(1, config=adapter_config(targets=("c_attn", "c_proj")))
    run(rule, "bad-targets", {"base": base, "checkpoint-40": mixed}, {**LORA})
    run(rule, "bad-other-base", {"base": other, "checkpoint-40": fits}, {**LORA})
    renamed = {
        **base,
        "model.safetensors": packed({"transformer.h.0.attn.c_attn.weight": np.ones((8, 24), np.float32)}),
    }
    run(rule, "bad-unknown-layers", {"base": renamed, "checkpoint-40": fits}, {**LORA})
    one_more = adapter(1, tensors=lora(1, modules=("q_proj", "v_proj", "k_proj")))
    run(rule, "bad-one-layer-unknown", {"base": base, "checkpoint-40": one_more}, {**LORA})
    gone = adapter(1, config=adapter_config(base="/srv/models/base-of-ours"))
    run(rule, "bad-base-gone", {"checkpoint-40": gone}, {**LORA})
    run(rule, "near-miss-fits", {"base": base, "checkpoint-40": fits}, {**LORA})
    pattern = {**adapter_config(4), "rank_pattern": {"q_proj": 8}}
    ranks = {**lora(1, modules=("v_proj",)), **lora(1, rank=8, modules=("q_proj",))}
    run(
        rule,
        "near-miss-rank-pattern",
        {"base": base, "checkpoint-40": adapter(1, tensors=ranks, config=pattern)},
        {**LORA},
    )
    hub = adapter(1, config=adapter_config(base="Qwen/Qwen3-0.6B"))
    run(rule, "near-miss-base-of-the-hub", {"checkpoint-40": hub}, {**LORA})
    inner = {f"language_{name}": one for name, one in model(9).items()}
    prefixed = {**base, "model.safetensors": packed(inner)}
    run(rule, "near-miss-names-begin-otherwise", {"base": prefixed, "checkpoint-40": fits}, {**LORA})


def tokenizer(words: int, added: tuple[str, ...] = ()) -> dict[str, Any]:
    """A tokenizer.json of so many words, and some added after them."""
    tokens = [{"id": words + place, "content": token} for place, token in enumerate(added)]
    return {"model": {"type": "BPE", "vocab": {f"w{n}": n for n in range(words)}}, "added_tokens": tokens}


def embedding_too_small() -> None:
    """Token ids beyond the embedding; and embeddings that are as large, or padded."""
    rule = "embedding-too-small"
    run(rule, "bad-added-tokens", {"checkpoint-40": full(1, **{"tokenizer.json": tokenizer(WORDS, ("<|im_end|>",))})})
    run(rule, "bad-other-tokenizer", {"checkpoint-40": full(1, **{"tokenizer.json": tokenizer(40)})})
    base: dict[str, bytes | dict[str, Any]] = {
        "model.safetensors": packed(model(9)),
        "config.json": {"model_type": "llama"},
    }
    more = {**adapter(1), "tokenizer.json": tokenizer(WORDS, ("<tool>", "</tool>"))}
    run(rule, "bad-adapter", {"base": base, "checkpoint-40": more}, {**LORA})
    run(
        rule, "near-miss-exact", {"checkpoint-40": full(1, **{"tokenizer.json": tokenizer(WORDS - 1, ("<|im_end|>",))})}
    )
    run(rule, "near-miss-padded", {"checkpoint-40": full(1, **{"tokenizer.json": tokenizer(5)})})
    own = lora(1) | {"base_model.model.model.embed_tokens.weight": np.ones((WORDS + 2, WIDE), np.float32)}
    resized = {**adapter(1, tensors=own), "tokenizer.json": tokenizer(WORDS, ("<tool>", "</tool>"))}
    run(rule, "near-miss-adapter-with-embedding", {"base": base, "checkpoint-40": resized}, {**LORA})


def resume_mismatch() -> None:
    """Checkpoints of another LoRA, model or step; and one that is right."""
    rule = "resume-mismatch"
    died = {**DONE, "state": "stopped", "exit_code": 143}
    base: dict[str, bytes | dict[str, Any]] = {
        "model.safetensors": packed(model(9)),
        "config.json": {"model_type": "llama", "hidden_size": 16},
    }
    go_on = {"resume_from_checkpoint": "before/checkpoint-40"}
    before = "before/checkpoint-40"
    at: dict[str, bytes | dict[str, Any]] = {"trainer_state.json": {"global_step": 40}}
    run(rule, "bad-rank", {before: {**adapter(1), **at}}, {**LORA, "lora_r": 8, **go_on}, died)
    modules = {**LORA, **go_on, "lora_target_modules": ["q_proj", "k_proj"]}
    run(rule, "bad-modules", {before: {**adapter(1), **at}}, modules, died)
    run(rule, "bad-adapter-for-full", {before: {**adapter(1), **at}}, {**CONFIG, **go_on}, died)
    run(rule, "bad-full-for-adapter", {before: {**full(1), **at}}, {**LORA, **go_on}, died)
    sized = {**full(1), **at, "config.json": {"model_type": "llama", "hidden_size": 8}}
    run(rule, "bad-shape", {before: sized, "base": base}, {**CONFIG, **go_on, "model_name_or_path": "base"}, died)
    run(rule, "bad-step", {"checkpoint-40": {**full(1), "trainer_state.json": {"global_step": 20, "log_history": []}}})
    bare = {**full(1), **at}
    del bare["optimizer.pt"]
    run(rule, "bad-no-optimizer", {before: bare}, {**CONFIG, **go_on}, died)
    run(rule, "near-miss-right", {before: {**adapter(1), **at}}, {**LORA, **go_on}, died)
    run(rule, "near-miss-not-resumed", {"checkpoint-40": full(1)})
    linear = {**LORA, **go_on, "lora_target_modules": "all-linear"}
    run(rule, "near-miss-all-linear", {before: {**adapter(1), **at}}, linear, died)


def best_checkpoint_not_saved() -> None:
    """A best evaluation without a folder; and ones that were kept, or hardly better."""
    rule = "best-checkpoint-not-saved"
    course = {10: 1.9, 20: 1.6, 30: 1.5, 40: 1.535, 50: 1.54, 60: 1.538}
    training = sft(rows(falling(2.5, 1.45)))

    def log(values: Mapping[int, float]) -> list[dict[str, Any]]:
        return training + [{"step": step, "eval_loss": value} for step, value in values.items()]

    config = {**CONFIG, "eval_strategy": "steps", "eval_steps": 10, "save_total_limit": 2}
    kept = {"checkpoint-40": full(1), "checkpoint-60": full(2)}
    run(rule, "bad-deleted", kept, config, log=log(course))
    accuracy = training + [
        {"step": step, "eval_loss": 1.5, "eval_accuracy": value}
        for step, value in {10: 0.5, 20: 0.8, 30: 0.7, 40: 0.6, 50: 0.6, 60: 0.6}.items()
    ]
    run(rule, "bad-named-metric", kept, {**config, "metric_for_best_model": "accuracy"}, log=accuracy)
    run(rule, "near-miss-kept", {"checkpoint-30": full(1), "checkpoint-60": full(2)}, config, log=log(course))
    ends_best = log({**course, 60: 1.4})
    run(rule, "near-miss-best-is-the-final-model", {"checkpoint-40": full(1), ".": full(2)}, config, log=ends_best)
    run(rule, "near-miss-as-good", kept, config, log=log({**course, 60: 1.505}))
    run(rule, "near-miss-loaded-at-end", kept, {**config, "load_best_model_at_end": True}, log=log(course))


def weights_pickled() -> None:
    """Pickled weights alone; and pickled files that are no weights, or stand beside safetensors."""
    rule = "weights-pickled"
    run(
        rule,
        "bad-model",
        {"checkpoint-40": {"pytorch_model.bin": b"PK-not-opened", "config.json": {}, "optimizer.pt": b"-"}},
    )
    old = {"adapter_model.bin": b"PK-not-opened", "adapter_config.json": adapter_config()}
    run(rule, "bad-adapter", {"checkpoint-40": old}, {**LORA})
    run(rule, "bad-other", {"checkpoint-40": {"consolidated.00.pth": b"PK-not-opened"}})
    run(
        rule,
        "near-miss-optimizer",
        {"checkpoint-40": full(1, **{"scheduler.pt": b"-", "rng_state.pth": b"-", "training_args.bin": b"-"})},
    )
    run(rule, "near-miss-both", {"checkpoint-40": full(1, **{"pytorch_model.bin": b"PK-not-opened"})})


def nothing_trained() -> None:
    """Weights that are those of the base, or of the checkpoint before; and ones that moved a little."""
    rule = "nothing-trainable"
    base: dict[str, bytes | dict[str, Any]] = {
        "model.safetensors": packed(model(1)),
        "config.json": {"model_type": "llama"},
    }
    config = {**CONFIG, "model_name_or_path": "base"}
    run(rule, "bad-same-as-base", {"base": base, "checkpoint-40": full(1)}, config)
    # bfloat16 cut from float32: the same numbers in another dtype.
    half = {name: (one.view(np.uint32) >> 16).astype(np.uint16) for name, one in model(1).items()}
    wide = {name: (one.astype(np.uint32) << 16).view(np.float32) for name, one in half.items()}
    cast = {
        "base": {**base, "model.safetensors": packed(half)},
        "checkpoint-40": {**full(1), "model.safetensors": packed(wide)},
    }
    run(rule, "bad-same-as-base-in-bfloat16", cast, config)
    run(rule, "bad-same-as-before", {"checkpoint-20": full(2), "checkpoint-40": full(2)})
    run(rule, "bad-adapter-zero", {"base": base, "checkpoint-40": adapter(1, tensors=lora(1, zero=True))}, {**LORA})
    moved = model(1)
    moved["model.norm.weight"][-1] = np.nextafter(moved["model.norm.weight"][-1], np.float32(9))
    one = {"base": base, "checkpoint-40": {**full(1), "model.safetensors": packed(moved)}}
    run(rule, "near-miss-one-number-moved", one, config)
    run(rule, "near-miss-adapter-trained", {"base": base, "checkpoint-40": adapter(1)}, {**LORA})
    ended = sft(rows(falling(2.5, 1.2), rate=lambda s: 2e-5 if s < 40 else 1e-9))
    run(rule, "near-miss-end-of-schedule", {"checkpoint-40": full(2), "checkpoint-60": full(2)}, log=ended)
    nan = sft(rows(falling(2.5, 1.2), rate=lambda s: math.nan if s == 1 else 2e-5))
    run(rule, "near-miss-two-trainings", {"checkpoint-20": full(2), "checkpoint-40": full(3)}, log=nan)


ALL = (
    checkpoint_truncated,
    checkpoint_not_finite,
    adapter_mismatch,
    embedding_too_small,
    resume_mismatch,
    best_checkpoint_not_saved,
    weights_pickled,
    nothing_trained,
)
