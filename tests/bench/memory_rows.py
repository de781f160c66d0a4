"""Rows of published measurements: from the fields of a table to a program and the figure that was measured."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.memory.allocator import replay
from diagnostics.probes.memory.ledger import Ledger
from tests.bench import memory_programs as programs

TRUTH = "CLINIC_MEMORY_TRUTH"
FILE = "mem_truth.csv"
GIB, MIB = 2**30, 2**20
# What the L40S and the V100 of the sources hold for PyTorch, bytes.
L40S, V100 = int(44.4 * GIB), int(15.78 * GIB) - 1343 * MIB
V100_CONTEXT = 1343 * MIB  # stated by transformers' guide


@dataclass(frozen=True)
class Row:
    """One measurement. `peak`: GiB of what `metric` names."""

    source: str
    model: str
    parameters: int
    method: str
    dtype: str
    optimizer: str
    length: str
    batch: int
    checkpointing: str
    other: str
    peak: float

    @property
    def reliability(self) -> str:
        """A, B or C."""
        found = re.search(r"reliability=([ABC])", self.other)
        return found.group(1) if found else "C"

    def field(self, name: str) -> str:
        """What `other` says of a name; empty if nothing."""
        found = re.search(rf"(?:^|; ){re.escape(name)}=([^;]*)", self.other)
        return found.group(1).strip() if found else ""


def rows() -> list[Row]:
    """The rows in the file or folder that the environment names.

    Raises:
        SystemExit: it names none.
    """
    place = Path(os.environ.get(TRUTH) or FILE)
    place = place / FILE if place.is_dir() else place
    if not place.is_file():
        raise SystemExit(f"{TRUTH} names no {FILE}: {place}")
    with place.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                one["source"], one["model"], int(float(one["params"] or 0)), one["method"], one["dtype"], one["optimizer"],
                one["seq_len"], int(one["micro_batch"]), one["grad_ckpt"], one["other"], float(one["peak_gib"]),
            )
            for one in csv.DictReader(file)
        ]  # fmt: skip


def llama(
    hidden: int, inner: int, layers: int, heads: int, kv: int, vocabulary: int, tied: bool = False, **more: Any
) -> dict[str, Any]:
    """A config of Llama's type."""
    return {
        "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": kv, "vocab_size": vocabulary, "tie_word_embeddings": tied,
        "max_position_embeddings": 8192, **more,
    }  # fmt: skip


def phi(hidden: int, layers: int, rotary: float) -> dict[str, Any]:
    """A config of Phi's type."""
    return {
        "model_type": "phi", "hidden_size": hidden, "intermediate_size": 4 * hidden, "num_hidden_layers": layers,
        "num_attention_heads": 32, "vocab_size": 51200, "partial_rotary_factor": rotary, "hidden_act": "gelu_pytorch_tanh",
    }  # fmt: skip


# By a pattern of the model's name; where litgpt pads the vocabulary, as it does.
CONFIGS: dict[str, dict[str, Any]] = {
    r"phi-?1\.5": phi(2048, 24, 0.5),
    r"phi-?2": phi(2560, 32, 0.4),
    r"phi-?3": {"model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064, "tie_word_embeddings": False, "pad_token_id": 0},
    r"stablelm.*3": {"model_type": "gpt_neox", "hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 16, "num_attention_heads": 32, "vocab_size": 50688, "rotary_pct": 0.25, "tie_word_embeddings": False},
    r"tiny-?llama": llama(2048, 5632, 22, 32, 4, 32000),
    r"llama.?2.*7": llama(4096, 11008, 32, 32, 32, 32000),
    r"llama.?2.*13": llama(5120, 13824, 40, 40, 40, 32000),
    r"llama.?3(\.1)?[ -]*8": llama(4096, 14336, 32, 32, 8, 128256),
    r"llama.?3\.2.*3": llama(3072, 8192, 28, 24, 8, 128256, True, head_dim=128),
    r"llama.?3\.2.*1": llama(2048, 8192, 16, 32, 8, 128256, True, head_dim=64),
    r"mistral.*7": llama(4096, 14336, 32, 32, 8, 32000),
    r"gemma.*2b": {"model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 256000, "tie_word_embeddings": True},
    r"falcon.*7": {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71, "vocab_size": 65024, "multi_query": True, "parallel_attn": True, "new_decoder_architecture": False, "bias": False, "alibi": False, "tie_word_embeddings": False},
    r"bert-large": {"model_type": "bert", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "vocab_size": 30522},
}  # fmt: skip
# The projections that litgpt's LoRA of queries and values means, by type.
QUERY_VALUE = {"gpt_neox": ["query_key_value"], "falcon": ["query_key_value"], "phi3": ["qkv_proj"]}


def config_of(row: Row) -> dict[str, Any] | None:
    """The model's config; None if it is not known here."""
    return next((config for pattern, config in CONFIGS.items() if re.search(pattern, row.model, re.IGNORECASE)), None)


def program_of(row: Row) -> tuple[Callable[[], Ledger], Callable[[Ledger], float]] | str:
    """The program of a row and how its measure is read, GiB; or why it cannot be traced."""
    config = config_of(row)
    if config is None:
        return "model unknown"
    if row.source.startswith("litgpt"):
        return litgpt(row, config)
    if row.source.startswith("peft "):
        return peft(row, config)
    if row.source.startswith("transformers docs"):
        precision = "fp32" if row.dtype == "fp32" else "fp16"
        optimizer = row.optimizer if row.optimizer in ("Adafactor", "Adam8bit") else "AdamW"
        return (
            lambda: programs.transformers_2022(
                config, row.batch, int(row.length), precision, optimizer, row.checkpointing == "yes",
                int(row.field("accum") or 1),
            ),
            lambda ledger: (replay(ledger.trace, V100).peak_reserved + V100_CONTEXT) / GIB,
        )  # fmt: skip
    return "no program"


def litgpt(row: Row, config: dict[str, Any]) -> tuple[Callable[[], Ledger], Callable[[Ledger], float]] | str:
    """A row of litgpt's tables; those measured on several GPUs and the adapter methods of its own are not traced."""
    if "Multiple" in row.source or row.method not in ("lora", "qlora", "full"):
        return "several GPUs" if "Multiple" in row.source else f"no {row.method} in the installed libraries"
    quantized = row.field("quant").replace("None", "")
    targets = QUERY_VALUE.get(config["model_type"], ["q_proj", "v_proj"])
    return (
        lambda: programs.litgpt_lora(config, row.batch, int(row.length), row.method != "full", targets, quantized),
        lambda ledger: replay(ledger.trace).peak_allocated / GIB,
    )


def peft(row: Row, config: dict[str, Any]) -> tuple[Callable[[], Ledger], Callable[[Ledger], float]] | str:
    """A row of PEFT's comparison: the adapter from its kind, rank and targets."""
    kind = row.method.removeprefix("peft:")
    name = Path(row.source).stem
    targets = row.field("targets").split("+")
    rank = int(row.field("r")) if row.field("r").isdigit() else 8

    def change(model: Any) -> Any:
        import peft as library

        if kind in ("full", "full-finetuning"):
            return model
        if kind == "lora":
            adapter: Any = library.LoraConfig(
                r=rank, lora_alpha=2 * rank, target_modules=targets, use_dora="dora" in name, use_rslora="rslora" in name,
                task_type="CAUSAL_LM",
            )  # fmt: skip
        elif kind == "ia3":
            forward = [one for one in targets if one in ("down_proj",)]
            adapter = library.IA3Config(target_modules=targets, feedforward_modules=forward, task_type="CAUSAL_LM")
        elif kind == "vera":
            adapter = library.VeraConfig(r=rank, target_modules=targets, task_type="CAUSAL_LM")
        elif kind == "ln_tuning":
            adapter = library.LNTuningConfig(task_type="CAUSAL_LM")
        else:
            raise NotImplementedError(kind)
        found = library.get_peft_model(model, adapter)
        if "mica" in name:  # its B, of the minor singular vectors, is frozen
            for label, parameter in found.named_parameters():
                if "lora_B" in label:
                    parameter.requires_grad_(False)
        return found

    if kind not in ("lora", "ia3", "vera", "ln_tuning", "full", "full-finetuning"):
        return f"no {kind} here"
    return (
        lambda: programs.peft_comparison(config, row.batch, change),
        lambda ledger: replay(ledger.trace, L40S).peak_reserved / GIB,
    )
