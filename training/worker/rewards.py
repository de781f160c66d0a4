"""The rewards of a run: functions and reward models, as the trainers of GRPO, RLOO and PPO call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diagnostics.probes.reward_functions import RewardUnusable, load_rewards
from training.request import BadRequest

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Rewards:
    """Rewards in their order: a reward model first, then the functions.

    `functions`: callables with TRL's signature, or a `PreTrainedModel` with one output. `tokenizers`: the tokenizer of
    each reward model, None for a function. `names`: under which each is logged. `weights`: one float each.
    """

    functions: list[Any]
    tokenizers: list[Any]
    names: list[str]
    weights: list[float]


def load_reward_funcs(script: Any, args: Any, dataset: Dataset) -> Rewards:
    """The rewards that `reward_funcs` and `reward_model_name_or_path` name.

    Raises:
        BadRequest: none is named, or one cannot be loaded.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    functions, tokenizers, names = [], [], []
    path = script.reward_model_name_or_path
    if path:
        try:
            model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=1, use_safetensors=True)
            tokenizers.append(AutoTokenizer.from_pretrained(path))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise BadRequest(f"reward_model_name_or_path: {path}: cannot be loaded ({reason}).") from error
        names.append("reward_model")
        model.config._name_or_path = names[0]
        functions.append(model.eval().requires_grad_(False))
    try:
        for name, function in load_rewards(script.reward_funcs or []).items():
            functions.append(function)
            tokenizers.append(None)
            names.append(name)
    except RewardUnusable as error:
        raise BadRequest(f"reward_funcs: {error}") from error
    if not functions:
        raise BadRequest("rewards: none is named; expected reward_funcs or reward_model_name_or_path.")
    return Rewards(functions, tokenizers, names, list(args.reward_weights or [1.0] * len(names)))
