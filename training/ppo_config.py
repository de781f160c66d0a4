"""PPO's arguments: the names of TRL's last PPO trainer (TRL 1.12) beside those of `transformers.TrainingArguments`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trl.trainer.base_config import _BaseConfig

from training.request import told


@dataclass
class PPOConfig(_BaseConfig):
    """PPO's arguments beside those of `transformers.TrainingArguments`; names and defaults of TRL 1.12's PPOConfig.

    What differs from it: `stop_token` is `eos` unless a `stop_token_id` is named (there: none, so that answers run on to
    `response_length`); `target_kl`, `whiten_advantages`, `value_model`, `value_model_path`, `reward_weights` are new.

    `OTHER_NAMES`: what TRL's other trainers, and its PPO, call the same things; they are accepted too.

    Raises:
        ValueError: arguments that contradict each other, or batches that cannot be divided.
    """

    OTHER_NAMES: ClassVar[dict[str, str]] = {
        "max_completion_length": "response_length",
        "beta": "kl_coef",
        "num_iterations": "num_ppo_epochs",
        "epsilon": "cliprange",
        "reward_model_path": "reward_model_name_or_path",
        "sft_model_path": "model_name_or_path",
    }

    learning_rate: float = field(default=3e-6, metadata=told("The initial learning rate for AdamW."))
    dataset_num_proc: int | None = field(default=None, metadata=told("Processes that prepare the data."))
    model_init_kwargs: dict | str | None = field(
        default=None, metadata=told("Arguments of `from_pretrained` for the models.")
    )
    trust_remote_code: bool = field(
        default=False, metadata=told("Run code that comes with a model. Only for models whose code you have read.")
    )

    total_episodes: int | None = field(
        default=None,
        metadata=told(
            "Answers to generate in all; instead of `num_train_epochs` (passes over the prompts) or `max_steps`."
        ),
    )
    response_length: int = field(default=53, metadata=told("Tokens of an answer at most."))
    temperature: float = field(
        default=0.7, metadata=told("Temperature of sampling, and of all probabilities in the losses.")
    )
    stop_token: Literal["eos"] | None = field(
        default=None, metadata=told("What ends an answer: `eos`, the tokenizer's end token.")
    )
    stop_token_id: int | None = field(
        default=None, metadata=told("What ends an answer instead: a token by its number.")
    )
    local_rollout_forward_batch_size: int = field(default=64, metadata=told("Rows that are generated at once."))

    reward_weights: list[float] | None = field(default=None, metadata=told("A weight for each reward; 1 unless given."))
    missing_eos_penalty: float | None = field(
        default=None, metadata=told("Taken from the score of an answer that did not end.")
    )
    kl_coef: float = field(
        default=0.05, metadata=told("Weight of the KL penalty, which is taken from the reward of each token.")
    )
    kl_estimator: Literal["k1", "k3"] = field(
        default="k1",
        metadata=told("Estimator of the KL to the reference: `k1` (unbiased) or `k3` (never negative, less noisy)."),
    )
    whiten_rewards: bool = field(default=False, metadata=told("Scale rewards to variance 1 over the rollout."))

    gamma: float = field(default=1.0, metadata=told("Discount of later rewards."))
    lam: float = field(
        default=0.95,
        metadata=told("Lambda of generalized advantage estimation: 0 trusts the value model, 1 the rewards."),
    )
    whiten_advantages: bool = field(
        default=True, metadata=told("Shift and scale advantages to mean 0 and variance 1 over the rollout.")
    )

    num_ppo_epochs: int = field(default=4, metadata=told("Passes over each rollout."))
    num_mini_batches: int = field(
        default=1, metadata=told("Mini-batches, each an optimizer step, that a pass over the rollout is cut into.")
    )
    cliprange: float = field(default=0.2, metadata=told("The probability ratio is clipped to 1 - this and 1 + this."))
    cliprange_value: float = field(
        default=0.2, metadata=told("The value may move by this in an update before it is clipped.")
    )
    vf_coef: float = field(default=0.1, metadata=told("Weight of the value loss."))
    target_kl: float | None = field(
        default=None,
        metadata=told(
            "Nats per token: a mini-batch whose approximate KL to the rollout's policy exceeds it is the last of its rollout. None: never."
        ),
    )

    value_model: Literal["separate", "head"] = field(
        default="separate",
        metadata=told("`separate`: a model of its own; `head`: one linear output on the policy's last hidden state."),
    )
    value_model_path: str | None = field(
        default=None,
        metadata=told(
            "What a separate value model starts from; else from the reward model if it shares the vocabulary, else the policy."
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stop_token and self.stop_token_id is not None:
            raise ValueError("stop_token and stop_token_id: only one of them can end an answer.")
        if self.total_episodes is not None and self.max_steps > 0:
            raise ValueError("total_episodes and max_steps: only one of them can end the training.")
        if self.value_model == "head" and self.value_model_path:
            raise ValueError("value_model_path: a value head has no model of its own; leave one of the two out.")
        if self.load_best_model_at_end and self.metric_for_best_model in (None, "loss", "eval_loss"):
            raise ValueError("load_best_model_at_end: an evaluation of PPO has no loss; name a metric_for_best_model, "
                             "such as eval_objective/scores, and greater_is_better.")  # fmt: skip
        for name in (
            "response_length", "num_ppo_epochs", "num_mini_batches", "local_rollout_forward_batch_size", "total_episodes",
        ):  # fmt: skip
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: at least 1 was expected.")
        for name in ("temperature", "cliprange", "cliprange_value"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: a number above 0 was expected.")
        for name in ("gamma", "lam"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)}: a number from 0 to 1 was expected.")
        for name in ("kl_coef", "vf_coef", "missing_eos_penalty", "target_kl"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: a number of at least 0 was expected.")
        rows, micro, _ = self.batches()
        if rows % self.num_mini_batches or (rows // self.num_mini_batches) % micro:
            raise ValueError(
                f"num_mini_batches={self.num_mini_batches}: does not divide the {rows} rows of a rollout "
                f"(per_device_train_batch_size {self.per_device_train_batch_size} * gradient_accumulation_steps "
                f"{self.gradient_accumulation_steps}) into mini-batches of whole device batches."
            )

    def batches(self) -> tuple[int, int, int]:
        """Rows of one process: of a rollout, of a forward and backward pass; and how many passes make a mini-batch."""
        rows = self.per_device_train_batch_size * self.gradient_accumulation_steps
        mini = max(rows // self.num_mini_batches, 1)
        micro = min(self.per_device_train_batch_size, mini)
        return rows, micro, mini // micro
