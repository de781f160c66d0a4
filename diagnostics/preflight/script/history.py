"""What TRL and transformers once took: which name, of which class, dropped by which version, and what stands for it now.

This table only names eras and successors; what the installed libraries take is asked of them. Sources, unless a line says
otherwise: the config and trainer classes of 31 TRL versions from 0.7.11 to 1.16, and transformers' TrainingArguments from
4.36 to 5.23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

V5 = "transformers 5"


@dataclass(frozen=True)
class Past:
    """What became of a name.

    `since`: the version that dropped it, of TRL where no library is named. `instead`: the name to use now. `form`: how a
    value goes over: `same` (as it is, under the new name), `drop` (the argument is left out: it does nothing today),
    `hand` (a person has to decide), `flag` (true becomes `text`, false is left out), `rpo` (DPO's extra loss).
    `note`: what else to know. `module`: where the new name lives, if elsewhere.
    """

    since: str
    instead: str | None = None
    form: str = "same"
    note: str = ""
    text: str = ""
    module: str = ""


def gone(since: str, note: str = "") -> Past:
    """An argument that does nothing any more."""
    return Past(since, None, "drop", note)


def hand(since: str, note: str) -> Past:
    """A name without a successor that could be put in its place."""
    return Past(since, None, "hand", note)


TRAINING_ARGUMENTS = {
    "evaluation_strategy": Past("transformers 4.46", "eval_strategy"),
    "warmup_ratio": Past(V5, "warmup_steps", note="a warmup_steps below 1 is a share of all steps"),
    "logging_dir": gone(V5, "set the environment variable TENSORBOARD_LOGGING_DIR instead"),
    "overwrite_output_dir": gone(V5, "training begins anew unless resume_from_checkpoint is given"),
    "no_cuda": Past(V5, "use_cpu"),
    "use_mps_device": gone(V5, "MPS is taken where it is there"),
    "per_gpu_train_batch_size": Past(V5, "per_device_train_batch_size"),
    "per_gpu_eval_batch_size": Past(V5, "per_device_eval_batch_size"),
    "group_by_length": Past(V5, "train_sampling_strategy", "flag", text='"group_by_length"'),
    "push_to_hub_model_id": Past(V5, "hub_model_id"),
    "push_to_hub_token": Past(V5, "hub_token"),
    "push_to_hub_organization": gone(V5, "write hub_model_id as organization/name"),
    "adafactor": Past(V5, "optim", "flag", text='"adafactor"'),
    "include_inputs_for_metrics": Past(V5, "include_for_metrics", "flag", text='["inputs"]'),
    "dispatch_batches": hand(V5, 'write accelerator_config={"dispatch_batches": ...}'),
    "split_batches": hand(V5, 'write accelerator_config={"split_batches": ...}'),
    "fsdp_min_num_params": hand(V5, "write it into fsdp_config"),
    "fsdp_transformer_layer_cls_to_wrap": hand(V5, "write it into fsdp_config"),
} | {
    name: gone(V5)
    for name in (
        "fp16_backend", "half_precision_backend", "fp16_opt_level", "save_safetensors", "tpu_num_cores",
        "tpu_metrics_debug", "past_index", "jit_mode_eval", "use_ipex", "include_tokens_per_second", "sharded_ddp",
        "ray_scope", "torchdynamo", "mp_parameters", "xpu_backend", "use_legacy_prediction_loop",
    )
}  # fmt: skip

LOGPS = "log completions with trl.LogCompletionsCallback instead"
PROMPTS = "prompts are no longer cut: leave out rows with longer ones beforehand"
GENERATION = {
    "max_prompt_length": gone("0.28", PROMPTS),
    "wandb_log_unique_prompts": Past("0.27", "log_unique_prompts"),
    "vllm_guided_decoding_regex": Past("0.28", "vllm_structured_outputs_regex"),
    "use_liger_loss": Past("0.28", "use_liger_kernel"),
    "vllm_device": gone("0.18", "vLLM shares the training's device (vllm_mode) or has a server of its own"),
    "vllm_dtype": gone("0.18"),
    "vllm_max_model_len": Past("0.18", "vllm_max_model_length"),
    "vllm_enable_prefix_caching": gone("0.18"),
}
# By config class, beside those of TrainingArguments.
ARGUMENTS: Mapping[str, Mapping[str, Past]] = {
    "TrainingArguments": TRAINING_ARGUMENTS,
    "SFTConfig": {
        "max_seq_length": Past("0.20", "max_length"),
        "use_liger": Past("0.18", "use_liger_kernel"),
        "dataset_batch_size": gone("0.18"),
        "num_of_sequences": gone("0.18"),
        "chars_per_token": gone("0.18"),
        "infinite": gone("0.13"),
    },
    "DPOConfig": {
        "max_prompt_length": gone("0.29", "max_length cuts prompt and completion together"),
        "max_completion_length": gone("0.29", "max_length cuts prompt and completion together"),
        "max_target_length": gone("0.15", "max_length cuts prompt and completion together"),
        "is_encoder_decoder": gone("0.15"),
        "padding_value": gone("0.26", "the tokenizer's padding token is taken"),
        "label_pad_token_id": gone("0.29"),
        "generate_during_eval": gone("0.29", LOGPS),
        "use_logits_to_keep": gone("0.29"),
        "use_liger_loss": Past("0.28", "use_liger_kernel"),
        "rpo_alpha": Past(
            "0.29", "loss_type", "rpo", 'loss_type=["sigmoid", "sft"] with loss_weights is the same loss'
        ),
        "reference_free": hand("0.29", "every DPO loss has a reference today; CPO (trl.experimental.cpo) has none"),
        "force_use_ref_model": gone("0.29", "a ref_model that is given is used"),
        "ref_model_init_kwargs": gone("0.29", "load the reference model yourself and give it as ref_model"),
        "model_adapter_name": hand("0.29", "a PeftModel's active adapter is trained"),
        "ref_adapter_name": hand("0.29", 'a PeftModel\'s adapter named "ref" is the reference'),
        "base_model_attribute_name": gone("0.29"),
        "tools": hand("0.29", "put the tools into a column of the data"),
    },
    "KTOConfig": {
        "max_prompt_length": gone("1.9", "max_length cuts prompt and completion together"),
        "max_completion_length": gone("1.9", "max_length cuts prompt and completion together"),
        "label_pad_token_id": gone("1.9"),
        "padding_value": gone("1.9"),
        "truncation_mode": gone("1.9"),
        "is_encoder_decoder": gone("1.9"),
        "generate_during_eval": gone("1.9", LOGPS),
        "use_liger_loss": Past("1.9", "use_liger_kernel"),
        "ref_model_init_kwargs": gone("1.9"),
        "base_model_attribute_name": gone("1.9"),
        "model_adapter_name": hand("1.9", "a PeftModel's active adapter is trained"),
        "ref_adapter_name": hand("1.9", 'a PeftModel\'s adapter named "ref" is the reference'),
    },
    "RewardConfig": {},
    "GRPOConfig": GENERATION,
    "RLOOConfig": {
        **GENERATION,
        "max_prompt_length": gone("0.29", PROMPTS),
        "rloo_k": Past("0.25", "num_generations"),
        "kl_coef": Past("0.25", "beta"),
        "cliprange": Past("0.25", "epsilon"),
        "response_length": Past("0.25", "max_completion_length"),
        "num_ppo_epochs": Past("0.25", "num_iterations"),
        "normalize_reward": Past("0.25", "normalize_advantages"),
        "total_episodes": hand("0.25", "name max_steps or num_train_epochs"),
        "missing_eos_penalty": hand("0.25", "write it as a reward function, or set mask_truncated_completions=True"),
        "stop_token": gone("0.25", "answers end at the end token"),
        "stop_token_id": gone("0.25", "answers end at the end token"),
        "local_rollout_forward_batch_size": gone("0.25"),
        "num_mini_batches": gone("0.25", "gradient_accumulation_steps and steps_per_generation divide a batch"),
        "num_sample_generations": gone("0.25"),
        "sft_model_path": gone("0.25"),
        "reward_model_path": gone("0.25", "the reward model is given as reward_funcs"),
        "exp_name": gone("0.25"),
        "world_size": gone("0.25"),
        "token_level_kl": gone("0.25"),
    },
    "ORPOConfig": {"max_prompt_length": gone("1.0"), "label_pad_token_id": gone("1.0"), "truncation_mode": gone("1.0")},
    "CPOConfig": {"max_prompt_length": gone("1.0"), "label_pad_token_id": gone("1.0"), "truncation_mode": gone("1.0")},
    # Renamed with transformers' own torch_dtype.
    "ModelConfig": {
        "use_flash_attention_2": hand("0.8", "attn_implementation names it today"),
        "torch_dtype": Past("0.24", "dtype"),
    },
    "ScriptArguments": {
        "gradient_checkpointing_use_reentrant": hand("0.29", "write it into gradient_checkpointing_kwargs")
    },
}

# Arguments that mean a vLLM server, which was the default until 1.0.
VLLM_SERVER = ("vllm_server_host", "vllm_server_port", "vllm_server_base_url", "vllm_server_timeout")
MOVED = "0.13"  # keyword arguments of SFTTrainer and DPOTrainer that became fields of their config
# By trainer, what its own arguments became. `*`: of every trainer.
TRAINERS: Mapping[str, Mapping[str, Past]] = {
    "*": {"tokenizer": Past("0.12", "processing_class")},
    "RLOOTrainer": {
        "config": hand("0.22", "args=RLOOConfig(...)"),
        "policy": hand("0.22", "the policy is given as model"),
        "ref_policy": hand("0.22", "the trainer makes its own reference model"),
        "reward_model": hand("0.22", "give it as reward_funcs, and rows with a prompt column of texts, not of tokens"),
        "data_collator": hand("0.22", "rows with a prompt column need none"),
    },
    "DPOTrainer": {
        "preprocess_logits_for_metrics": hand("0.29", ""),
        "optimizer_cls_and_kwargs": hand("0.29", "give optimizers=(optimizer, scheduler)"),
        "model_init": hand("0.19", "give the model itself"),
    },
    "SFTTrainer": {"model_init": hand("0.15", "give the model itself")},
    "RewardTrainer": {"model_init": hand("0.24", "give the model itself")},
}

PPO = (
    "TRL has no PPO trainer since 1.13: `python -m training start --method ppo` trains by PPO; or go on with "
    "trl==0.11.4 (PPO v1) or trl<=1.12 (PPO v2)"
)
# Arguments that only the first PPOConfig had.
PPO_V1 = {"ppo_epochs", "log_with", "init_kl_coef", "adap_kl_ctrl", "model_name", "mini_batch_size", "ratio_threshold"}
# Names that could be imported. Where a name lives today is asked of the installed library first.
NAMES: Mapping[str, Past] = {
    "DataCollatorForCompletionOnlyLM": hand(
        "0.20", "rows with prompt and completion are trained on the completion only (completion_only_loss); of "
        "conversations, assistant_only_loss=True trains on the assistant's turns only"
    ),
    "ConstantLengthDataset": hand("0.20", "packing=True in SFTConfig packs the rows"),
    "setup_chat_format": hand("0.26", "trl.clone_chat_template(model, tokenizer, source) takes a template from a model"),
    "get_kbit_device_map": hand("1.0", 'device_map={"": accelerate.PartialState().local_process_index}'),
    "RewardDataCollatorWithPadding": hand("0.24", "RewardTrainer tokenizes rows of chosen and rejected itself"),
    "DPODataCollatorWithPadding": hand("0.29", "DPOTrainer has its own"),
    "SFTScriptArguments": Past("0.13", "ScriptArguments"),
    "DPOScriptArguments": Past("0.13", "ScriptArguments"),
    "RewardScriptArguments": Past("0.13", "ScriptArguments"),
    "YamlConfigParser": hand("0.16", "trl.TrlParser reads the config file too"),
    "AutoModelForCausalLMWithValueHead": hand("0.29", PPO),
    "AutoModelForSeq2SeqLMWithValueHead": hand("0.29", PPO),
    "PPOTrainer": hand("0.29", PPO),
    "PPOConfig": hand("0.29", PPO),
    "PPOv2Trainer": hand("0.12", PPO),
    "PPOv2Config": hand("0.12", PPO),
    "RLOOv2Trainer": Past("0.12", "RLOOTrainer"),
    "LengthSampler": hand("0.29", ""),
    "MergeModelCallback": hand("0.27", ""),
    "WinRateCallback": hand("0.29", "trl.LogCompletionsCallback shows the answers"),
    "IterativeSFTTrainer": hand("0.24", ""),
    "DDPOTrainer": hand("0.24", ""),
    "DDPOConfig": hand("0.24", ""),
    "AlignPropTrainer": hand("0.24", ""),
    "AlignPropConfig": hand("0.24", ""),
    "AdamW": Past(V5, "AdamW", module="torch.optim"),
    "is_torch_tpu_available": Past(V5, "is_torch_xla_available"),
    "AutoModelForVision2Seq": Past(V5, "AutoModelForImageTextToText"),
    "AutoModelWithLMHead": Past(V5, "AutoModelForCausalLM"),
    "prepare_model_for_int8_training": Past("peft 0.10", "prepare_model_for_kbit_training"),
} | {
    name + end: hand("0.29", "")
    for name in ("ORPO", "CPO", "BCO", "GKD", "NashMD", "OnlineDPO", "PRM", "XPO")
    for end in ("Trainer", "Config")
}  # fmt: skip
# KTO lived elsewhere from 0.26 to 1.8; the way there still works, with a warning.
KTO_AWAY, KTO_BACK = "trl.experimental.kto", "1.9"


@dataclass(frozen=True)
class Override:
    """A method that scripts override, and the argument that the Trainer gives it since a version.

    `most`: how many arguments it had before, `self` among them.
    """

    instead: str
    since: str
    most: int


OVERRIDES: Mapping[str, Override] = {
    "compute_loss": Override("num_items_in_batch", "transformers 4.46", 4),
    "training_step": Override("num_items_in_batch", "transformers 4.46", 3),
    "log": Override("start_time", "transformers 4.47", 2),
    "_get_train_sampler": Override("train_dataset", "transformers 4.52", 1),
}

# Arguments of `from_pretrained` that transformers 5 hands on to the model, which refuses them.
PRETRAINED: Mapping[str, Past] = {
    "load_in_8bit": Past(V5, "quantization_config", "quantize"),
    "load_in_4bit": Past(V5, "quantization_config", "quantize"),
    "use_auth_token": Past(V5, "token"),
    "use_flash_attention_2": Past(V5, "attn_implementation", "flag", text='"flash_attention_2"'),
}

# The first version that knew a name, of TRL; for the era of a script.
BORN: Mapping[str, str] = {
    "SFTConfig": "0.8.6", "DPOConfig": "0.9", "CPOTrainer": "0.8.6", "KTOTrainer": "0.8", "ORPOTrainer": "0.8.6",
    "RLOOTrainer": "0.9", "PPOv2Trainer": "0.9", "processing_class": "0.12", "GRPOTrainer": "0.14", "max_length": "0.7",
    "trl.experimental": "0.24", "assistant_only_loss": "0.20", "vllm_mode": "0.18",
}  # fmt: skip


def past_argument(owner: str, name: str) -> Past | None:
    """What became of an argument of a config class."""
    own = ARGUMENTS.get(owner, {}).get(name)
    return own or (TRAINING_ARGUMENTS.get(name) if owner not in ("ModelConfig", "ScriptArguments") else None)


def past_trainer_argument(owner: str, name: str) -> Past | None:
    """What became of an argument of a trainer."""
    return TRAINERS.get(owner, {}).get(name) or TRAINERS["*"].get(name)
