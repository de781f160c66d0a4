"""The real trainer of a method around a model without weights (or with, to measure against), and its batches."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

from diagnostics.memory.records import Asked
from diagnostics.probes.memory import arguments, models, rows
from diagnostics.probes.memory.optimizers import optimizer_of
from diagnostics.probes.memory.patches import offloaded, replace, trainer_modules

Make = Callable[[], AbstractContextManager[Any]]


@dataclass
class Prepared:
    """A trainer ready for `train`. `helpers`: models that are not trained but lie on the device. `writers`: those that
    generate. `notes`: what was assumed.
    """

    trainer: Any
    batches: list[Any]
    helpers: list[Any] = field(default_factory=list)
    writers: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Batches(list):
    """Batches that were collated beforehand, as the Trainer reads a loader."""

    batch_size: int
    dataset: Any


def prepare(asked: Asked, folder: str, making: Make, package: str) -> Prepared:
    """Build the models within `making()` (the fake mode, or nothing), and the trainer around them.

    Raises:
        NotTraceable: the model, the method or an argument cannot be traced.
    """
    import torch
    from datasets import Dataset

    args, notes = arguments.arguments(asked, folder, package)
    config = models.config_of(asked.model, asked.config.get("attn_implementation"))
    dtype = getattr(torch, asked.dtype)
    words = rows.tokenizer()
    peft = arguments.adapter(asked)
    passes = args.gradient_accumulation_steps * arguments.STEPS
    content = rows.rows_of(asked, asked.batch * passes, getattr(args, "loss_type", None))
    if asked.method in ("grpo", "rloo"):
        content = content[:1] * arguments.generated_rows(asked)
    data = Dataset.from_list(content)
    with ExitStack() as stack, making():
        patch_libraries(stack, asked, config, dtype)
        if asked.method == "ppo":
            prepared = ppo(asked, args, config, dtype, words, data, peft, package)
        else:
            prepared = of_trl(asked, args, config, dtype, words, data, peft)
        optimizer = optimizer_of(str(asked.config.get("optim") or "").lower(), prepared.trainer.model)
        if optimizer is not None:
            prepared.trainer.optimizer_cls_and_kwargs = (optimizer, {"lr": args.learning_rate})
    prepared.notes[:0] = notes
    if asked.method not in ("grpo", "rloo", "ppo"):
        collate = prepared.trainer.data_collator
        content = [dict(row) for row in content]
        prepared.batches = [collate(content[at : at + asked.batch]) for at in range(0, len(content), asked.batch)]
    elif asked.method != "ppo":
        prepared.batches = [content] * passes
    else:
        prepared.batches = [{"tick": place} for place in range(args.gradient_accumulation_steps * arguments.STEPS)]
    feed(prepared, asked)
    return prepared


def patch_libraries(stack: ExitStack, asked: Asked, config: Any, dtype: Any) -> None:
    """For the time of building: a model by name is one of our config, and tokenized rows are taken as they are."""
    import_trainers(asked.method)

    def from_config(name: str, architecture: Any = None, **options: Any) -> Any:
        return language_model(asked, config, dtype)

    for module in trainer_modules():
        if hasattr(module, "create_model_from_path"):
            replace(stack, module, "create_model_from_path", from_config)
        if hasattr(module, "get_act_offloading_ctx_manager"):  # TRL's own asks for an accelerator
            replace(stack, module, "get_act_offloading_ctx_manager", lambda model, *args, **kwargs: offloaded(model))
        if hasattr(module, "hash_module"):
            replace(stack, module, "hash_module", lambda model: "traced")
        for name, kind in list(vars(module).items()):
            if isinstance(kind, type) and kind.__module__ == module.__name__ and name.endswith("Trainer"):
                for method in ("_prepare_dataset", "_precompute_ref_logps"):
                    if method in vars(kind):
                        replace(stack, kind, method, lambda self, dataset, *args, **kwargs: dataset)


def import_trainers(method: str) -> None:
    """Load the module of the method's trainer, which TRL does late."""
    if method != "ppo":
        importlib.import_module(f"trl.trainer.{method}_trainer")
    else:
        importlib.import_module("trl.trainer.utils")


def language_model(asked: Asked, config: Any, dtype: Any) -> Any:
    """The causal model as it is loaded: in its precision, or quantized."""
    model = models.build(config, dtype)
    model.config._name_or_path = "traced"
    for bits in (4, 8):
        if asked.config.get(f"load_in_{bits}bit"):
            models.quantized(model, bits, nested=bool(asked.config.get("use_bnb_nested_quant")))
    return model


def of_trl(asked: Asked, args: Any, config: Any, dtype: Any, words: Any, data: Any, peft: Any) -> Prepared:
    """One of TRL's trainers."""
    import trl

    common = {"args": args, "train_dataset": data, "processing_class": words, "peft_config": peft}
    if asked.method == "reward":
        model = models.reward_model(config, dtype, rows.PAD)
        return Prepared(trl.RewardTrainer(model=model, **common), [])
    model = language_model(asked, config, dtype)
    if asked.method in ("grpo", "rloo"):
        judges, judge_words = rewards_of(asked, dtype, words)
        kind = trl.GRPOTrainer if asked.method == "grpo" else trl.RLOOTrainer
        trainer = kind(model=model, reward_funcs=judges, reward_processing_classes=judge_words, **common)
        helpers = [one for one in (trainer.ref_model, *trainer.reward_funcs) if hasattr(one, "parameters")]
        return Prepared(trainer, [], helpers, [base_of(trainer.model)])
    kind = {"sft": trl.SFTTrainer, "dpo": trl.DPOTrainer, "kto": trl.KTOTrainer}[asked.method]
    trainer = kind(model=model, **common)
    reference = getattr(trainer, "ref_model", None)
    return Prepared(trainer, [], [reference] if reference is not None else [])


def base_of(model: Any) -> Any:
    """The object whose `generate` is called."""
    return model


def rewards_of(asked: Asked, dtype: Any, words: Any) -> tuple[list[Any], list[Any]]:
    """The rewards: a model where one is asked for, else a function that takes no memory."""
    if asked.reward_model is None:
        return [no_reward], [None]
    import torch

    judge = models.reward_model(models.config_of(asked.reward_model), torch.float32, rows.PAD)
    return [judge.eval().requires_grad_(False)], [words]


def no_reward(completions: list[Any], **_: Any) -> list[float]:
    """A reward for each."""
    return [float(place) for place in range(len(completions))]


def ppo(asked: Asked, args: Any, config: Any, dtype: Any, words: Any, data: Any, peft: Any, package: str) -> Prepared:
    """Our PPO: policy, value model, reference and reward model, as its worker builds them."""
    parts = importlib.import_module(f"{package}.ppo_models")
    trainers = importlib.import_module(f"{package}.ppo_trainer")
    rewards = importlib.import_module(f"{package}.worker.rewards")
    policy = language_model(asked, config, dtype)
    if asked.config.get("load_in_4bit") or asked.config.get("load_in_8bit"):
        from peft import prepare_model_for_kbit_training

        policy = prepare_model_for_kbit_training(policy, use_gradient_checkpointing=args.gradient_checkpointing)
    functions, tokenizers = rewards_of(asked, dtype, words)
    value = None
    if args.value_model != "head":
        like = asked.reward_model
        shared = like is not None and like.get("vocab_size") == asked.model.get("vocab_size")
        value = models.reward_model(models.config_of(like) if shared and like else config, dtype, rows.PAD)
    reference = None
    if peft is None:
        reference = parts.frozen(language_model(asked, config, dtype))
        both = parts.PolicyAndValue(policy, value)
    else:
        from peft import get_peft_model

        value = None if value is None else get_peft_model(value, parts.value_adapter(peft))
        both = parts.PolicyAndValue(get_peft_model(policy, peft), value)
    trainer = trainers.PPOTrainer(
        model=both, ref_model=reference, args=args, train_dataset=data, processing_class=words,
        rewards=rewards.Rewards(functions, tokenizers, ["reward"], [1.0]),
    )  # fmt: skip
    # no token ends an answer: every one is as long as it may be
    trainer.stop_token_id = asked.model.get("vocab_size", 10**6) + 1
    helpers = [one for one in (reference, *functions) if hasattr(one, "parameters")]
    return Prepared(trainer, [], helpers, [both.policy])


def feed(prepared: Prepared, asked: Asked) -> None:
    """Let the trainer read the batches that were made; a loader would draw random numbers that have no data."""
    loader = Batches(prepared.batches)
    loader.batch_size, loader.dataset = asked.batch, prepared.batches
    prepared.trainer.get_train_dataloader = lambda: loader
    prepared.trainer.get_eval_dataloader = lambda *_: Batches(prepared.batches[:1])
