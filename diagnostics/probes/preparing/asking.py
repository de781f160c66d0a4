"""What is asked of a preparation: the arguments that decide it, without those that load weights or reach other programs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from diagnostics.run.refusal import Refusal

# Arguments that change nothing in the rows but would load weights, start servers, or write to places of the user.
ELSEWHERE = re.compile(
    r"(vllm|hub|push_to|torch_compile|fsdp|deepspeed|ddp|tpu|save|eval|logging|log|report|load_best|resume|run_name|project"
    r"|trackio|dataloader|optim|lr_scheduler|learning_rate|adam|warmup|gradient_checkpointing|activation|ref_model|use_liger|liger|debug"
    r"|bf16|fp16|tf32|use_cpu|use_vllm|half_precision|full_determinism|neftune|accelerator|parallelism|local_rank|metric"
    r"|greater_is_better|include|auto_find|model_init|precompute|sync_ref|output_dir|overwrite|disable_tqdm|data_seed"
    r"|reward_weights|cast_lm_head|use_transformers_paged|entropy_coef|dataset_num_proc|cache_implementation|trust_remote)"
)
ALWAYS = {"report_to": "none", "use_cpu": True, "bf16": False, "save_strategy": "no", "disable_tqdm": True}
# Of the methods that generate: the sizes of batches and groups, which are judged from the config (with the number of
# processes, which is one here), and do nothing to the prompts.
GROUPS = re.compile(r"per_device|gradient_acc|num_generations|generation_batch|steps_per_generation|num_iterations")
ONLINE = {"beta": 0.0}  # else the reference model would be loaded by name


class CannotPrepare(Refusal):
    """Nothing could be prepared, for a reason that is not TRL's. The message is one sentence: what, where."""


def config_class(method: str) -> type:
    """TRL's argument class of a method."""
    import trl

    names = {"sft": "SFTConfig", "reward": "RewardConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "grpo": "GRPOConfig",
             "rloo": "RLOOConfig"}  # fmt: skip
    made: type = getattr(trl, names[method])
    return made


def arguments(method: str, config: Mapping[str, Any], folder: str, **changes: Any) -> Any:
    """The method's real arguments, from those names of `config` that its class knows and the rows can depend on."""
    kind = config_class(method)
    known = {one.name for one in dataclasses.fields(kind) if one.init}
    asked = {name: value for name, value in config.items() if name in known and not ELSEWHERE.match(name)}
    online = method in ("grpo", "rloo")
    if online:
        asked = {name: value for name, value in asked.items() if not GROUPS.match(name)}
    fixed = {name: value for name, value in ALWAYS.items() if name in known}
    fixed["activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"] = False
    return kind(**{**asked, **fixed, **(ONLINE if online else {}), "output_dir": folder, **changes})
