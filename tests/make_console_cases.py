"""Cases of runs that died, for each rule that reads consoles: a crash that it must name, and others that it must not.

The consoles are those of `tests/diagnostics/postmortem/texts.py`. Written by `python -m tests.make_cases`.
"""

from __future__ import annotations

import json
from typing import Any

from tests.diagnostics.postmortem.texts import TEXTS, rows
from tests.make_cases import CASES

CONFIG = {
    "model_name_or_path": "base",
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 2,
    "max_length": 2048,
    "gradient_checkpointing": False,
    "dataloader_num_workers": 4,
    "use_peft": False,
}
ONLINE = {"num_generations": 8, "max_completion_length": 512, "vllm_gpu_memory_utilization": 0.9}
AT = {"step": 30, "max_steps": 200, "started": 1.0, "heartbeat": 2.0, "host": "elsewhere", "pid": 1}
# rule -> the consoles that it must name, and those whose cause is another though they look like it.
NAMED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "out-of-memory": (
        ("oom-backward", "oom-optimizer", "oom-vllm", "oom-evaluation", "oom-then-timeouts"),
        ("host-cpu-allocator",),
    ),
    "out-of-host-memory": (("host-slurm", "killed-then-closed"), ("oom-load", "unknown-then-timeouts")),
    "shared-memory-exhausted": (("shm-bus", "shm-nccl"), ("disk-full",)),
    "disk-full": (("disk-quota", "root-cause-rank-wins"), ("shm-nccl",)),
    "collective-timeout": (("timeout-alone",), ("reward-then-timeouts",)),
    "sharded-save-empty": (("saved-empty",), ("vocabulary",)),
    "weights-not-gathered": (("zero3-weight",), ("saved-empty",)),
    "gradient-sync-broken": (("ddp-twice", "recomputed"), ("no-gradient",)),
    "version-conflict": (("driver", "model-type-key"), ("gone-module",)),
    "api-removed": (("gone-name",), ("missing-module",)),
    "argument-renamed": (("renamed-config",), ("reward-signature", "newer-peft")),
    "options-contradict": (("arguments-best-model",), ("unknown",)),
    "source-unavailable": (("gated",), ("resume-missing",)),
    "server-unreachable": (("server-absent",), ("oom-vllm-share",)),
    "wrong-columns": (("column-key-own", "no-labels"), ("model-type-key",)),
    "special-token-missing": (("pad-model",), ("padding-index",)),
    "chat-template-missing": (("template-missing",), ("roles",)),
    "chat-template-mismatch": (("roles",), ("template-missing",)),
    "batch-not-divisible": (("interleaved-ranks",), ("wrong-count",)),
    "precision-unsupported": (("fp16-weights", "bf16"), ("sampling",)),
    "embedding-too-small": (("index-gpu", "vocabulary"), ("lora-rank",)),
    "adapter-mismatch": (("unnamed",), ("resume-adapter",)),
    "checkpoint-truncated": (("header-new",), ("weights-only",)),
    "resume-mismatch": (("resume-optimizer",), ("lora-rank",)),
}
# Ends in memory of runs whose model is known and whose worker wrote down its machine: bill and changes that fit are told.
# rule -> name of the case, the console, what is asked beside CONFIG, the machine.
GIB = 1 << 30
ON_CPU = {"memory": 24 * GIB, "accelerator": "cpu"}
KNOWN: dict[str, tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]] = {
    "out-of-memory": (
        ("bad-bill", "oom-backward", {"model_name_or_path": "llama-3-8b"}, {"accelerator": "cuda", "device": 80 * GIB}),
        ("bad-old-message", "oom-old-forward", {"model_name_or_path": "gpt2"}, {"accelerator": "cuda"}),
    ),
    "out-of-host-memory": (
        (
            "bad-cpu-limit",
            "host-logits",
            {"model_name_or_path": "gpt2", "max_length": 256, "label_smoothing_factor": 0.1},
            {**ON_CPU, "limits": {"address": 8 * GIB}},
        ),
        (
            "bad-cpu-killed",
            "host-accelerate",
            {"model_name_or_path": "gpt2", "max_length": 256, "label_smoothing_factor": 0.1},
            {**ON_CPU, "limits": {"resident": 5 * GIB}},
        ),
    ),
    "shared-memory-exhausted": (
        (
            "bad-shm-sized",
            "shm-bus",
            {"model_name_or_path": "gpt2", "per_device_train_batch_size": 128},
            {**ON_CPU, "shm": 64 << 20},
        ),
    ),
}


def case(rule: str, name: str, console: str, more: dict[str, Any] | None = None, **status: Any) -> None:
    """One run folder: what was asked, how it ended, and its console."""
    text = next(one for one in TEXTS if one.name == console)
    online = "grpo" in text.text or "vllm" in text.text or rule in ("server-unreachable", "batch-not-divisible")
    path = CASES / rule / name
    path.mkdir(parents=True, exist_ok=True)
    asked = {
        "schema": 1,
        "run": name,
        "method": "grpo" if online else "sft",
        "config": CONFIG | (ONLINE if online else {}) | (more or {}),
    }
    (path / "run.json").write_text(json.dumps(asked))
    (path / "status.json").write_text(json.dumps({**AT, **status}))
    after = rows(1.9, 1.8, 1.7, 1.6, 1.5) if status["state"] == "finished" else ""
    (path / "console.log").write_text(text.text + after, encoding="utf-8")


def consoles() -> None:
    """A crash that the rule names; the same words in a run that went on and finished; crashes of other causes."""
    for rule, (bad, others) in NAMED.items():
        for name in bad:
            case(rule, f"bad-{name}", name, state="failed", exit_code=1, reason="The worker stopped with an error.")
        case(rule, "near-miss-went-on", bad[0], state="finished", exit_code=0)
        for name in others:
            case(
                rule, f"near-miss-{name}", name, state="failed", exit_code=1, reason="The worker stopped with an error."
            )
    for rule, known in KNOWN.items():
        for name, console, config, machine in known:
            reason = "The worker stopped with an error."
            case(rule, name, console, config, state="failed", exit_code=1, reason=reason, machine=machine)


ALL = (consoles,)
