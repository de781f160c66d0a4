"""The models of a PPO run: policy, value function and reference, full or with adapters."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.ppo_config import PPOConfig
from training.request import BadRequest, ClinicArguments
from training.worker.arguments import sharded
from training.worker.data import first_line
from training.worker.reference import load_reference
from training.worker.rewards import Rewards

VALUE_FOLDER = "value_model"
VALUE_HEAD_FILE = "value_head.safetensors"


class PolicyAndValue(nn.Module):
    """The policy and its value function as the one module that is trained.

    `value`: a sequence-classification model with one output, read at every token; or None for a linear head on the
    policy's last hidden state. The head begins at 0, so that it begins by promising nothing.
    """

    def __init__(self, policy: Any, value: Any | None) -> None:
        super().__init__()
        self.policy = policy
        self.value = value
        # What the Trainer and callbacks ask of a model is the policy's.
        self.config, self.generation_config = policy.config, policy.generation_config
        self.generate = policy.generate
        if value is None:
            size = policy.config.get_text_config().hidden_size
            self.value_head = nn.Linear(size, 1, device=policy.device, dtype=torch.float32)
            nn.init.zeros_(self.value_head.weight)
            nn.init.zeros_(self.value_head.bias)

    @property
    def device(self) -> torch.device:
        """Where the policy is."""
        device: torch.device = self.policy.device
        return device

    def activation_checkpointing_enable(self, **kwargs: Any) -> None:
        """Trade time for memory in both models."""
        for model in (self.policy, self.value):
            if model is not None:
                model.activation_checkpointing_enable(**kwargs)

    def forward(self, ids: Tensor, mask: Tensor, response: int) -> tuple[Tensor, Tensor]:
        """Logits (B, R, V) and values (B, R) at the positions that predict the last `response` tokens of (B, L) ids."""
        places = {"attention_mask": mask, "position_ids": positions(mask), "use_cache": False}
        # One position more than the answer: token t is predicted at t - 1. No logits for the prompt: with a real
        # vocabulary they would be most of the memory.
        output = self.policy(
            input_ids=ids, logits_to_keep=response + 1, output_hidden_states=self.value is None, **places
        )
        if self.value is None:
            hidden = output.hidden_states[-1][:, -response - 1 : -1]
            return output.logits[:, :-1], self.value_head(hidden.float()).squeeze(-1)
        trunk, head = trunk_and_head(self.value)
        hidden = trunk(input_ids=ids, **places).last_hidden_state[:, -response - 1 : -1]
        return output.logits[:, :-1], head(hidden).squeeze(-1).float()


def positions(mask: Tensor) -> Tensor:
    """Position ids that begin at each row's first real token, however much padding stands before it."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def trunk_and_head(value: Any) -> tuple[Any, Any]:
    """The model below a sequence classifier's output, and that output, through an adapter where there is one.

    Raises:
        ValueError: it has no output layer called `score`.
    """
    model = value.get_base_model() if hasattr(value, "get_base_model") else value
    if not hasattr(model, "score"):
        raise ValueError(f"{type(model).__name__}: cannot be a value model, it has no output layer called `score`.")
    return getattr(model, model.base_model_prefix), model.score


def load_models(
    name: str,
    args: PPOConfig,
    tokenizer: Any,
    rewards: Rewards,
    clinic: ClinicArguments,
    quantization_config: Any = None,
    peft_config: Any = None,
) -> tuple[PolicyAndValue, Any | None]:
    """The trained module, and the reference: a frozen model, or None where the policy without its adapter is it.

    Raises:
        BadRequest: a model cannot be loaded, is no language model, or does not fit the others; or the weights are sharded.
    """
    if sharded(args):
        raise BadRequest(
            "ppo: FSDP and ZeRO-3 are not supported, generation needs whole weights; use DDP or ZeRO-1 or 2.",
            "ppo：不支持 FSDP 和 ZeRO-3，因为生成需要完整的权重；请用 DDP，或 ZeRO 第 1、2 阶段。",
        )
    policy = load_policy(name, args, quantization_config)
    value = None if args.value_model == "head" else load_value_model(name, args, policy, rewards)
    reference = load_reference(clinic, args, tokenizer)
    if peft_config is None:
        return PolicyAndValue(policy, value), frozen(reference if reference is not None else copy.deepcopy(policy))
    from peft import get_peft_model

    if value is not None:
        value = get_peft_model(value, value_adapter(peft_config))
    return PolicyAndValue(get_peft_model(policy, peft_config), value), frozen(reference)


def load_policy(name: str, args: PPOConfig, quantization_config: Any) -> Any:
    """The causal language model of that name, as TRL's trainers load theirs.

    Raises:
        BadRequest: it cannot be loaded.
    """
    from trl.trainer.utils import create_model_from_path

    options = dict(args.model_init_kwargs or {})  # type: ignore[arg-type]
    if quantization_config is not None:
        options["quantization_config"] = quantization_config
    try:
        policy = create_model_from_path(name, **options)
    except (OSError, ValueError, ImportError) as error:
        raise BadRequest(
            f"model_name_or_path: {name}: cannot be loaded as a model ({first_line(error)}).",
            f"model_name_or_path：{name}：无法作为模型加载（{first_line(error)}）。",
        ) from error
    if quantization_config is not None:
        from peft import prepare_model_for_kbit_training

        policy = prepare_model_for_kbit_training(policy, use_gradient_checkpointing=args.gradient_checkpointing)
    return policy


def load_value_model(name: str, args: PPOConfig, policy: Any, rewards: Rewards) -> Any:
    """The value model: from `value_model_path`, else the reward model, else the policy with a new output that begins at 0.

    A value model reads the policy's token ids, so it must have the policy's vocabulary; a reward model with another one
    cannot be its start, and the policy is.

    Raises:
        BadRequest: `value_model_path` cannot be loaded, or has another vocabulary.
    """
    from transformers import AutoModelForSequenceClassification

    vocabulary = policy.get_input_embeddings().num_embeddings
    if args.value_model_path is None:
        for reward in rewards.functions:
            if isinstance(reward, nn.Module) and reward.get_input_embeddings().num_embeddings == vocabulary:  # type: ignore[operator]
                value = copy.deepcopy(reward).requires_grad_(True).to(dtype=policy.dtype)
                trunk_and_head(value)
                return value
    path = args.value_model_path or name
    options = {key: value for key, value in dict(args.model_init_kwargs or {}).items() if value is not None}  # type: ignore[arg-type]
    try:
        value = AutoModelForSequenceClassification.from_pretrained(path, num_labels=1, **options)
        _, head = trunk_and_head(value)
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"value_model_path: {path}: cannot be loaded as a value model ({first_line(error)}).",
            f"value_model_path：{path}：无法作为价值模型加载（{first_line(error)}）。",
        ) from error
    found = value.get_input_embeddings().num_embeddings
    if found != vocabulary:
        raise BadRequest(
            f"value_model_path: {path}: has {found} token embeddings, the policy {vocabulary}; expected the same.",
            f"value_model_path：{path}：有 {found} 个词元嵌入，而策略有 {vocabulary} 个；二者应相同。",
        )
    if args.value_model_path is None:
        nn.init.zeros_(head.weight)
    value.config.pad_token_id = policy.config.pad_token_id
    return value


def value_adapter(peft_config: Any) -> Any:
    """The policy's adapter settings for a value model: the output layer is trained whole."""
    config = copy.deepcopy(peft_config)
    config.task_type = "SEQ_CLS"
    return config


def frozen(model: Any | None) -> Any | None:
    """A model without gradients."""
    return None if model is None else model.eval().requires_grad_(False)


def disable_dropout(model: nn.Module | None) -> None:
    """Switch dropout off: with it the policy of the update would not be the policy that answered."""
    for module in modules_of(model):
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):  # a number that attention reads, no module
            module.attention_dropout = 0.0  # type: ignore[assignment]


def modules_of(model: nn.Module | None) -> Iterator[nn.Module]:
    """All modules of a model, none of None."""
    return iter(()) if model is None else model.modules()


def save_both(model: PolicyAndValue, folder: Path, state_dict: Mapping[str, Tensor] | None) -> None:
    """Write the policy as a model of its own, and the value model below it, or its head beside it.

    `state_dict`: the weights of both as the Trainer gathered them from several processes; None if they are all here.
    """
    from safetensors.torch import save_file

    model.policy.save_pretrained(folder, state_dict=part_of(state_dict, "policy."))
    if model.value is None:
        head = {name: tensor.contiguous() for name, tensor in model.value_head.state_dict().items()}
        save_file(head, folder / VALUE_HEAD_FILE, metadata={"format": "pt"})
    else:
        model.value.save_pretrained(folder / VALUE_FOLDER, state_dict=part_of(state_dict, "value."))


def load_both(model: PolicyAndValue, folder: Path) -> None:
    """Load what `save_both` wrote."""
    from safetensors.torch import load_file

    load_weights(model.policy, folder)
    if model.value is None:
        model.value_head.load_state_dict(load_file(folder / VALUE_HEAD_FILE))
    else:
        load_weights(model.value, folder / VALUE_FOLDER)


def part_of(state_dict: Mapping[str, Tensor] | None, prefix: str) -> dict[str, Tensor] | None:
    """One model's share of the weights that the Trainer gathered; None where it gathered none."""
    if state_dict is None:
        return None
    return {name.removeprefix(prefix): tensor for name, tensor in state_dict.items() if name.startswith(prefix)}


def load_weights(model: Any, folder: Path) -> None:
    """Load the weights of a checkpoint folder into a model, or into its adapter if it has one; safetensors only.

    Raises:
        BadRequest: the adapter's weights are not there, or only as a pickle.
    """
    if hasattr(model, "load_adapter") and hasattr(model, "get_base_model"):
        if not (folder / "adapter_model.safetensors").is_file():  # peft would take a pickle instead
            raise BadRequest(
                f"{folder}: holds no adapter_model.safetensors.", f"{folder}：没有 adapter_model.safetensors。"
            )
        model.load_adapter(str(folder), model.active_adapter, is_trainable=True)
        return
    found = type(model).from_pretrained(folder, dtype=model.dtype, use_safetensors=True)
    model.load_state_dict(found.state_dict())
