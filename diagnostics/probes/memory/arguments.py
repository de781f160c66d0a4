"""From what is asked to TRL's argument classes: what decides memory is kept, what runs a run is replaced, the rest is named."""

from __future__ import annotations

import dataclasses
from typing import Any

from diagnostics.memory.records import Asked, NotTraceable
from diagnostics.probes.memory.optimizers import NAMES
from diagnostics.run.refusal import Sentence

# An optimizer's states are there from the second step on; two passes of an accumulation show what stays between them.
STEPS = 2
MOST_PASSES = 2
# Of the config: what would write, send, distribute, compile or repeat.
NOT_TAKEN = {
    "output_dir", "report_to", "run_name", "push_to_hub", "hub_model_id", "deepspeed", "fsdp", "fsdp_config", "use_cpu",
    "max_steps", "num_train_epochs", "total_episodes", "save_strategy", "save_steps", "save_total_limit", "eval_strategy",
    "eval_steps", "eval_on_start", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "logging_dir",
    "logging_steps", "logging_strategy", "logging_first_step", "resume_from_checkpoint", "parallelism_config",
    "accelerator_config", "torch_compile", "torch_compile_backend", "torch_compile_mode", "use_liger_kernel", "use_vllm",
    "vllm_mode", "dataset_num_proc", "dataloader_num_workers", "dataloader_persistent_workers", "model_init_kwargs",
    "disable_tqdm", "max_length", "packing", "packing_strategy", "padding_free", "eval_packing", "dataset_kwargs",
    "chat_template_path", "eos_token", "pad_token", "value_model_path", "stop_token", "stop_token_id", "save_only_model",
    "generation_batch_size", "reward_weights", "log_completions", "ddp_timeout", "local_rank", "auto_find_batch_size",
    "gradient_accumulation_steps", "per_device_train_batch_size", "steps_per_generation", "num_generations",
    "num_generations_eval", "max_completion_length", "response_length", "fp16", "tf32", "optim", "warmup_ratio",
    "bf16_full_eval", "fp16_full_eval", "shuffle_dataset", "train_sampling_strategy", "dataset_text_field", "processing_class",
    "assistant_only_loss", "completion_only_loss", "lr_scheduler_type", "lr_scheduler_kwargs", "teacher_model_init_kwargs",
    "data_seed", "seed", "full_determinism", "torch_empty_cache_steps", "include_num_input_tokens_seen", "neftune_noise_alpha",
}  # fmt: skip


def config_class(method: str, package: str) -> type:
    """The argument class of a method. `package`: where our PPO lies.

    Raises:
        NotTraceable: there is no such method.
    """
    import importlib

    import trl

    names = {"sft": "SFTConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "reward": "RewardConfig", "grpo": "GRPOConfig", "rloo": "RLOOConfig"}  # fmt: skip
    if method == "ppo":
        found: type = importlib.import_module(f"{package}.ppo_config").PPOConfig
        return found
    if method not in names:
        raise NotTraceable(f"method {method}: is none that can be traced.", f"method {method}：不是可以追踪的方法。")
    return getattr(trl, names[method])


def accumulation(asked: Asked) -> int:
    """The passes of one optimizer step as the config asks for them."""
    return int(asked.config.get("gradient_accumulation_steps") or 1)


def parts(asked: Asked) -> tuple[int, int]:
    """Tokens of prompt and completion."""
    if asked.prompt is not None:
        return asked.prompt, asked.completion if asked.completion is not None else max(1, asked.length - asked.prompt)
    if asked.completion is not None:
        return max(1, asked.length - asked.completion), asked.completion
    return max(1, asked.length // 2), max(1, asked.length - asked.length // 2)


def generated_rows(asked: Asked) -> int:
    """Rows that one process generates at once for GRPO or RLOO: batch times steps_per_generation."""
    if asked.config.get("generation_batch_size"):
        return max(1, int(asked.config["generation_batch_size"]) // asked.processes)
    return asked.batch * int(asked.config.get("steps_per_generation") or accumulation(asked))


def arguments(asked: Asked, folder: str, package: str) -> tuple[Any, list[str]]:
    """The trainer's arguments for a trace of two steps, and what was assumed.

    Raises:
        NotTraceable: an argument is refused.
    """
    kind, config = config_class(asked.method, package), asked.config
    fields = {one.name for one in dataclasses.fields(kind) if one.init}
    other = getattr(kind, "OTHER_NAMES", {})
    given = {other.get(name, name): value for name, value in config.items()}
    kept = {
        name: value for name, value in given.items() if name in fields and name not in NOT_TAKEN and value is not None
    }
    notes: list[str] = []
    passes = min(accumulation(asked), MOST_PASSES)
    kept.update(
        output_dir=folder, per_device_train_batch_size=asked.batch, gradient_accumulation_steps=passes, max_steps=STEPS,
        use_cpu=True, report_to=[], save_strategy="no", eval_strategy="no", logging_steps=1, disable_tqdm=True,
        dataloader_pin_memory=False,
    )  # fmt: skip
    if config.get("fp16"):
        kept["bf16"] = True
        notes.append(
            Sentence(
                "fp16 autocast was traced as bf16: the sizes are the same.", "fp16 自动混合精度按 bf16 追踪：大小相同。"
            )
        )
    optimizer = str(config.get("optim") or "")
    if optimizer and optimizer.removeprefix("OptimizerNames.").lower() not in NAMES:
        kept["optim"] = optimizer
    if config.get("use_liger_kernel"):
        notes.append(
            Sentence(
                "Liger's kernels are not traced: TRL's own fused head is.",
                "没有追踪 Liger 的内核，追踪的是 TRL 自己的融合输出层。",
            )
        )
    if config.get("torch_compile"):
        notes.append(
            Sentence(
                "torch_compile is not traced: the eager step is.", "没有追踪 torch_compile，追踪的是即时执行的步骤。"
            )
        )
    _, completion = parts(asked)
    if asked.method in ("sft", "dpo", "kto", "reward"):
        kept["max_length"] = asked.length
    if asked.method == "sft":
        kept["dataset_kwargs"] = {"skip_prepare_dataset": True}
    if asked.method == "kto":
        kept["train_sampling_strategy"] = "sequential"
    if asked.method in ("grpo", "rloo"):
        rows = generated_rows(asked)
        wanted = int(config.get("num_generations") or (8 if asked.method == "grpo" else 2))
        groups = [one for one in range(2, min(wanted, rows) + 1) if rows % one == 0]
        if not groups or rows % asked.batch:
            raise NotTraceable(
                f"{rows} rows are generated at once: they are no groups of at least two, or no whole batches.",
                f"一次生成 {rows} 行：不能分成至少两行一组，或不是整批。",
            )
        kept.update(
            max_completion_length=completion, num_generations=groups[-1], steps_per_generation=rows // asked.batch
        )
        if config.get("use_vllm"):
            notes.append(
                Sentence(
                    "vLLM's memory is not traced; in colocate mode add vllm_gpu_memory_utilization of the device.",
                    "没有追踪 vLLM 的显存；在 colocate 模式下请加上设备的 vllm_gpu_memory_utilization 份额。",
                )
            )
    if asked.method == "ppo":
        kept.update(
            response_length=completion,
            gradient_accumulation_steps=accumulation(asked),
            train_sampling_strategy="sequential",
        )
    try:
        return kind(**kept), notes
    except (ValueError, TypeError, ImportError) as error:
        raise NotTraceable(
            f"{asked.method}: an argument was refused: {' '.join(str(error).split())}",
            f"{asked.method}：有参数被拒绝：{' '.join(str(error).split())}",
        ) from error


def adapter(asked: Asked) -> Any | None:
    """The PEFT config as TRL makes it from the config's arguments; None without.

    Raises:
        NotTraceable: it is refused.
    """
    import trl

    fields = {one.name for one in dataclasses.fields(trl.ModelConfig) if one.init}
    given = {name: value for name, value in asked.config.items() if name in fields and value is not None}
    given.pop("load_in_4bit", None), given.pop("load_in_8bit", None)
    if isinstance(given.get("lora_target_modules"), str):
        given["lora_target_modules"] = [given["lora_target_modules"]]
    try:
        return trl.get_peft_config(trl.ModelConfig(**given))
    except (ValueError, TypeError, ImportError) as error:
        raise NotTraceable(
            f"{asked.method}: the adapter was refused: {' '.join(str(error).split())}",
            f"{asked.method}：适配器被拒绝：{' '.join(str(error).split())}",
        ) from error
