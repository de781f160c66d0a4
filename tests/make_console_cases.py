"""Cases of runs that died, for each rule that reads consoles: a crash that it must name, and others that it must not.

The consoles are those of `tests/diagnostics/postmortem/texts.py`. Written by `python -m tests.make_cases`.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

from tests import make_cases
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


def recorded(
    rule: str, name: str, machine: dict[str, Any], readings: dict[str, Callable[[int], float]], steps: int = 60
) -> None:
    """A run of ours under way or at its end, with memory beside each row of its log."""
    status = {**AT, "state": "finished", "exit_code": 0, "step": steps, "max_steps": steps, "machine": machine}
    log = make_cases.sft(make_cases.rows(make_cases.falling(2.5, 1.2), steps=steps, **readings))
    make_cases.folder(rule, name, status, "", log, CONFIG)


def leaks() -> None:
    """Memory that only rises, on the device and in main memory; and what lifts it once, comes and goes, or is next to nothing."""
    rule, draw = "memory-leak", random.Random(7)
    device, host = "memory/device_allocated_gib", "memory/host_private_gib"
    noise = [draw.uniform(0, 0.4) for _ in range(200)]
    cuda = {"accelerator": "cuda", "device": 24 * GIB, "memory": 64 * GIB}
    recorded(rule, "bad-device", cuda, {device: lambda s: 8 + 0.05 * s + noise[s], host: lambda s: 3.0})
    recorded(rule, "bad-host", {**ON_CPU, "limits": {"resident": 8 * GIB}}, {host: lambda s: 1 + 0.01 * s})
    recorded(rule, "near-miss-first-evaluation", cuda, {device: lambda s: 8 + noise[s] / 10 + (2 if s > 36 else 0)})
    recorded(rule, "near-miss-cache-fills", cuda, {host: lambda s: 3 + 8 * (1 - math.exp(-s / 12))})
    recorded(rule, "near-miss-long-batches", cuda, {device: lambda s: 8 + 10 * noise[s] + s / 100})
    recorded(rule, "near-miss-next-to-nothing", cuda, {host: lambda s: 3 + 0.004 * s})
    recorded(rule, "near-miss-few-readings", cuda, {device: lambda s: 8 + 0.1 * s}, steps=23)


def limits() -> None:
    """Memory that is nearly full at the longest batch; and a run that leaves what it should."""
    rule = "near-memory-limit"
    device, host = "memory/device_peak_share", "memory/host_share"
    cuda = {"accelerator": "cuda", "device": 24 * GIB, "memory": 64 * GIB}
    recorded(rule, "bad-device", cuda, {device: lambda s: 0.82 if s < 31 else 0.971, host: lambda s: 0.2})
    recorded(rule, "bad-host", {**ON_CPU, "limits": {"resident": 4 * GIB}}, {host: lambda s: 0.9 + 0.07 * (s == 40)})
    recorded(rule, "near-miss-well-filled", cuda, {device: lambda s: 0.82 if s < 31 else 0.93, host: lambda s: 0.94})
    recorded(rule, "near-miss-host-alone", cuda, {host: lambda s: 0.5})


ALL = (consoles, leaks, limits)
