"""The labelled consoles: what people found to be wrong with failed runs, and which rules may name each cause."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

TABLE = "console.csv"

NOT_A_NUMBER = frozenset({"loss-not-finite", "gradient-not-finite"})
VERSIONS = frozenset({"argument-renamed", "api-removed", "version-conflict"})
# label -> the rules that name its cause. An empty set: nothing is wrong, and neither an error nor a warning may be said.
ACCEPTED: dict[str, frozenset[str]] = {
    "grad_checkpointing_no_grad": frozenset({"nothing-trainable"}),
    "grad_checkpointing_silent_no_learning": frozenset({"nothing-trainable", "not-learning"}),
    "fp16_trainable_params": frozenset({"precision-unsupported"}),
    "fp16_nan_grad": NOT_A_NUMBER,
    "nan_attention_kernel": NOT_A_NUMBER,
    "nan_loss": NOT_A_NUMBER,
    "nan_loss_bf16_stack": NOT_A_NUMBER,
    "nan_masked_by_deepspeed": NOT_A_NUMBER,
    "nan_masked_by_deepspeed_then_nccl_timeout": NOT_A_NUMBER,
    "zero3_nan_grad": NOT_A_NUMBER,
    "all_labels_masked": frozenset({"labels-all-masked"}),
    "response_template_mismatch": frozenset({"labels-all-masked"}),
    "missing_labels": frozenset({"wrong-columns"}),
    "chat_template_missing": frozenset({"chat-template-missing", "chat-template-mismatch"}),
    "bad_role_sequence": frozenset({"chat-template-mismatch"}),
    "cuda_oom_vllm": frozenset({"out-of-memory"}),
    "grpo_batch_not_divisible": frozenset({"batch-not-divisible"}),
    "ddp_marked_ready_twice": frozenset({"gradient-sync-broken"}),
    "vocab_size_mismatch": frozenset({"embedding-too-small"}),
    "token_id_out_of_range": frozenset({"embedding-too-small"}),
    "zero3_partitioned_weight": frozenset({"weights-not-gathered"}),
    "resume_optimizer_mismatch": frozenset({"resume-mismatch"}),
    "trl_version_mismatch": VERSIONS,
    "grpo_zero_std_expected": frozenset({"reward-groups-constant", "reward-constant"}),
    "grpo_loss_zero_normal": frozenset(),
    "kl_nan_beta_zero": frozenset(),
    "nccl_timeout": frozenset({"collective-timeout"}),
}


@dataclass(frozen=True)
class LabelledConsole:
    """One console of a failed run: its file, and what people found to be the cause."""

    id: str
    label: str
    cause: str
    path: Path

    @property
    def quiet(self) -> bool:
        """Whether nothing was wrong."""
        return not ACCEPTED[self.label]


def read_consoles(root: Path) -> list[LabelledConsole]:
    """The consoles of a folder: `console.csv` beside the files that its column `file` names.

    Raises:
        ValueError: the folder holds no such table, or a label is unknown; the message says which.
    """
    path = root / TABLE
    if not path.is_file():
        raise ValueError(f"{root}: holds no {TABLE}; expected {TABLE} and console/<id>.txt.")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    unknown = {row["label"] for row in rows} - set(ACCEPTED)
    if unknown:
        raise ValueError(f"{path}: unknown labels: {', '.join(sorted(unknown))}.")
    return [LabelledConsole(row["id"], row["label"], row["cause"], root / row["file"]) for row in rows]
