"""Small models really trained on the cpu, every allocation counted by torch's profiler, beside the trace of the same trainer.

`python -m tests.diagnostics.memory.reality OUT NAME ...` writes a JSON line for each named case; one process, since the
libraries take longer to load than the cases to run.
"""

from __future__ import annotations

import contextlib
import difflib
import gc
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from diagnostics.memory.records import Asked

LLAMA = {
    "model_type": "llama", "vocab_size": 2000, "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4,
    "num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": False, "max_position_embeddings": 512,
}  # fmt: skip
QWEN = {**LLAMA, "model_type": "qwen3", "head_dim": 16, "tie_word_embeddings": True}
GPT = {"model_type": "gpt2", "vocab_size": 2000, "n_embd": 128, "n_layer": 4, "n_head": 8, "n_positions": 512}
PLAIN = {"bf16": False, "gradient_checkpointing": False}
# min_new_tokens: a random model would end its answers at random
WRITES = {**PLAIN, "num_generations": 4, "generation_kwargs": {"min_new_tokens": 64}}
LORA = {"use_peft": True, "lora_r": 8, "lora_target_modules": ["q_proj", "v_proj"], "lora_dropout": 0.0}
SIZE = {"batch": 4, "length": 128}
CASES = {
    "sft": Asked("sft", PLAIN, LLAMA, **SIZE),
    "sft-checkpointing-bf16": Asked("sft", {"gradient_checkpointing": True, "bf16": True}, QWEN, **SIZE),
    "sft-lora-padding": Asked("sft", {**PLAIN, **LORA}, LLAMA, padding=True, **SIZE),
    "sft-gpt2-adafactor-accumulating": Asked("sft", {**PLAIN, "optim": "adafactor", "gradient_accumulation_steps": 2}, GPT, **SIZE),
    "dpo": Asked("dpo", PLAIN, LLAMA, **SIZE),
    "dpo-lora": Asked("dpo", {**PLAIN, **LORA}, LLAMA, **SIZE),
    "dpo-precomputed": Asked("dpo", {**PLAIN, "precompute_ref_log_probs": True}, QWEN, **SIZE),
    "kto": Asked("kto", PLAIN, LLAMA, **SIZE),
    "reward": Asked("reward", PLAIN, LLAMA, **SIZE),
    "grpo": Asked("grpo", {**WRITES, "beta": 0.04}, LLAMA, **SIZE),
    "rloo": Asked("rloo", WRITES, QWEN, **SIZE),
    "ppo": Asked("ppo", PLAIN, LLAMA, **SIZE),
}  # fmt: skip


def counted(asked: Asked) -> int:
    """The greatest sum of weights and live allocations while the trainer really trains, bytes."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from diagnostics.probes.memory import trainers

    with tempfile.TemporaryDirectory() as folder:
        prepared = trainers.prepare(asked, folder, contextlib.nullcontext, "training")
        held: dict[int, int] = {}
        for module in (prepared.trainer.model, *prepared.helpers):
            for tensor in [*module.parameters(), *module.buffers()]:
                held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        gc.collect()
        torch.manual_seed(0)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            prepared.trainer.train()
    events = [
        (one.start_ns(), one.nbytes()) for one in profiled.profiler.kineto_results.events() if one.name() == "[memory]"
    ]
    live = peak = 0
    for _, size in sorted(events, key=lambda one: one[0]):
        live += size
        peak = max(peak, live)
    return sum(held.values()) + peak


def predicted(asked: Asked) -> dict[str, Any]:
    """The peak of the trace, and what is there then."""
    from diagnostics.probes.memory.tracing import trace

    ledger = trace(asked, "training", cuda=False).ledger
    curve = ledger.curve()
    event = int(curve.argmax())
    phase, step = ledger.place(event)
    return {
        "predicted": int(curve[event]), "phase": phase, "step": step, "operation": ledger.operation(event),
        "bill": {line: size for line, size in ledger.bill(event).items() if size},
        "largest": [f"{one.bytes} B {one.dtype}{list(one.shape)} {one.op} {one.module} ({one.line})" for one in ledger.largest(event)[:12]],
    }  # fmt: skip


def differ(asked: Asked) -> list[str]:
    """The first allocations in which the trace and a real run differ, as both are seen by the same dispatch mode."""
    from diagnostics.probes.memory import patches, tracing, trainers
    from diagnostics.probes.memory.ledger import Ledger
    from diagnostics.probes.memory.watching import watching

    traced, real = tracing.trace(asked, "training", cuda=False).ledger, Ledger(rounding=False)
    with tempfile.TemporaryDirectory() as folder:
        prepared = trainers.prepare(asked, folder, contextlib.nullcontext, "training")
        tracing.begin(prepared, real, cuda=False)
        with patches.head_marked(real), watching(real, asked.model["vocab_size"], workspaces=False):
            prepared.trainer.train()
    both = [[(one[0], str(one[4]), one[5]) for one in book.made] for book in (traced, real)]
    found = []
    for kind, left, left_end, right, right_end in difflib.SequenceMatcher(None, *both, autojunk=False).get_opcodes():
        if kind != "equal":
            found.append(f"traced {both[0][left:left_end][:3]}, real {both[1][right:right_end][:3]}")
    return found[:12]


def main(out: str, *names: str) -> int:
    """Run the cases; a case that fails is a line that says so. `--differ NAME`: print where trace and real run part."""
    from diagnostics.probes.memory.worker import load, quiet

    quiet()
    load()
    if out == "--differ":
        with contextlib.redirect_stdout(sys.stderr):
            lines = differ(CASES[names[0]])
        print("\n".join(lines) or "none: both are counted alike, and the profiler sees what dispatch does not")
        return 0
    with Path(out).open("w", encoding="utf-8") as file:
        for name in names:
            try:
                line = {"name": name, **predicted(CASES[name]), "counted": counted(CASES[name])}
            except Exception as error:
                import traceback

                line = {"name": name, "error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
            file.write(json.dumps(line) + "\n")
            file.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
