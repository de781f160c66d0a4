"""The rewards of a run: functions and reward models, as the trainers of GRPO, RLOO and PPO call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diagnostics.probes.reward_functions import RewardUnusable, load_rewards
from training.request import BadRequest
from training.rewards import SHORT_NAMES
from training.worker.checkpoints import weights_of
from training.worker.reward_checks import try_out, watched

if TYPE_CHECKING:
    from datasets import Dataset

REWARD_MODEL = "reward_model"


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
    """The rewards that `reward_funcs` and `reward_model_name_or_path` name, the functions tried on rows of `dataset`.

    Raises:
        BadRequest: none is named, one cannot be loaded or gives no rewards, or the weights are not one for each.
    """
    functions, tokenizers, names = [], [], []
    if script.reward_model_name_or_path:
        model, tokenizer = load_reward_model(script.reward_model_name_or_path)
        functions.append(model)
        tokenizers.append(tokenizer)
        names.append(REWARD_MODEL)
    try:
        found = load_rewards(script.reward_funcs or [], SHORT_NAMES)
    except RewardUnusable as error:
        raise BadRequest(f"reward_funcs: {error}", f"reward_funcs：{error.said('zh')}") from error
    names += found
    if not names:
        raise BadRequest(
            "rewards: none is named; expected reward_funcs or reward_model_name_or_path.",
            "rewards：没有指定奖励；应给出 reward_funcs 或 reward_model_name_or_path。",
        )
    weights = weights_for(names, args.reward_weights)
    own = [watched(name, function, alone=len(names) == 1) for name, function in found.items()]
    try_out(own, dataset)
    return Rewards([*functions, *own], [*tokenizers, *(None for _ in own)], names, weights)


def weights_for(names: list[str], weights: list[float] | None) -> list[float]:
    """One weight for each reward; 1 where none are given.

    Raises:
        BadRequest: the weights are more or fewer than the rewards.
    """
    if weights is not None and len(weights) != len(names):
        raise BadRequest(
            f"reward_weights: {len(weights)} for {len(names)} rewards; expected one for each of {', '.join(names)}.",
            f"reward_weights：{len(names)} 个奖励有 {len(weights)} 个权重；{'、'.join(names)} 各应有一个。",
        )
    return [float(one) for one in weights] if weights is not None else [1.0] * len(names)


def load_reward_model(name: str) -> tuple[Any, Any]:
    """A trained reward model, frozen, and its tokenizer.

    Only safetensors are read: pickled weights can run code. A model without a score head would get a random one.

    Raises:
        BadRequest: it cannot be loaded, or has no head with one score.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place = weights_of("reward_model_name_or_path", name)
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            place, num_labels=1, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise BadRequest(
            f"reward_model_name_or_path: {name}: cannot be loaded ({reason}).",
            f"reward_model_name_or_path：{name}：无法加载（{reason}）。",
        ) from error
    if report["missing_keys"] or report["mismatched_keys"]:
        raise BadRequest(
            f"reward_model_name_or_path: {name}: is no reward model (it lacks a head with one score);"
            " expected what the reward method trains.",
            f"reward_model_name_or_path：{name}：不是奖励模型（没有给出一个分数的输出头）；应为 reward 方法训练出的模型。",
        )
    model.config._name_or_path = REWARD_MODEL  # TRL logs rewards/<this>/mean
    return model.eval().requires_grad_(False), tokenizer
