"""PPO's trainer on the kept base model: what it logs, that batches and stops change nothing, adapters, and that it learns."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from training.request import BadRequest, ClinicArguments
from training.worker.rewards import Rewards

pytestmark = pytest.mark.slow

PROMPTS = [
    {"prompt": [{"role": "user", "content": text}], "place": place}
    for place, text in enumerate(
        ["Where is order A11?", "订单B22到哪了？", "Cancel order C33.", "Refund D44, please.", "Hello"] * 4
    )
]
# What TRL 1.12's PPOTrainer logs, read in its source (train(), `metrics[...]`), and ours beside it.
TRL_TAGS = {
    "eps", "objective/kl", "objective/entropy", "objective/non_score_reward", "objective/rlhf_reward",
    "objective/scores", "policy/approxkl_avg", "policy/clipfrac_avg", "loss/policy_avg", "loss/value_avg",
    "val/clipfrac_avg", "policy/entropy_avg", "val/ratio", "val/ratio_var", "val/num_eos_tokens", "lr", "episode", "epoch",
}  # fmt: skip
OUR_TAGS = {
    "loss", "grad_norm", "learning_rate", "num_tokens", "val/explained_variance", "policy/stopped_early",
    "completions/mean_length", "completions/max_length", "completions/clipped_ratio",
    "rewards/shortness/mean", "rewards/shortness/std", "step",
}  # fmt: skip


def shortness(completions: Sequence[Any], **columns: Any) -> list[float]:
    """1 for an empty answer, less for each character of it."""
    return [1.0 - len(one[0]["content"]) / 50 for one in completions]


def rewards_of(*functions: Callable, weights: Sequence[float] | None = None) -> Rewards:
    names = [function.__name__ for function in functions]
    return Rewards(list(functions), [None] * len(names), names, list(weights or [1.0] * len(names)))


def trainer_of(folder: Path, base: Path, rewards: Rewards | None = None, adapter: Any = None, **settings: Any) -> Any:
    from datasets import Dataset
    from transformers import AutoTokenizer

    from training.ppo_config import PPOConfig
    from training.ppo_models import load_models
    from training.ppo_trainer import PPOTrainer

    rows = settings.pop("rows", PROMPTS)
    evaluation = settings.pop("evaluation", None)
    args = PPOConfig(
        **{
            "output_dir": str(folder), "bf16": False, "gradient_checkpointing": False, "report_to": "none", "seed": 7,
            "disable_tqdm": True, "per_device_train_batch_size": 8, "max_steps": 4, "response_length": 12,
            "logging_steps": 1, "save_strategy": "no", "learning_rate": 1e-3, "temperature": 1.0,
            "num_ppo_epochs": 2, "num_mini_batches": 2, **settings,
        }
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(base)
    rewards = rewards or rewards_of(shortness)
    model, reference = load_models(str(base), args, tokenizer, rewards, ClinicArguments(), peft_config=adapter)
    return PPOTrainer(
        model=model,
        args=args,
        rewards=rewards,
        ref_model=reference,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=None if evaluation is None else Dataset.from_list(evaluation),
        processing_class=tokenizer,
    )


def logged(trainer: Any, name: str) -> list[float]:
    return [row[name] for row in trainer.state.log_history if name in row]


def lora(rank: int = 4) -> Any:
    from peft import LoraConfig

    return LoraConfig(r=rank, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", lora_dropout=0.1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base_checkpoint: Path) -> Any:
    """A run of three rollouts, with a checkpoint in the middle of the second."""
    folder = tmp_path_factory.mktemp("whole")
    trainer = trainer_of(
        folder, base_checkpoint, max_steps=12, save_strategy="steps", save_steps=6, missing_eos_penalty=0.5
    )
    trainer.train()
    return trainer


def test_tags_are_those_of_trl_and_ours(whole: Any) -> None:
    rows = [set(row) for row in whole.state.log_history if "loss" in row]
    assert set.union(*rows) == TRL_TAGS | OUR_TAGS
    for name in sorted(TRL_TAGS | OUR_TAGS):
        assert all(isinstance(value, int | float) for value in logged(whole, name)), name


def test_first_update_of_a_rollout_starts_from_the_policy_that_answered(whole: Any) -> None:
    ratios, divergences = logged(whole, "val/ratio"), logged(whole, "policy/approxkl_avg")
    assert ratios[0] == pytest.approx(1.0, abs=1e-5)
    assert divergences[0] < 1e-9
    assert divergences[1] > 1e-7
    assert logged(whole, "objective/kl")[0] == pytest.approx(0.0, abs=1e-4)


def test_the_books_balance(whole: Any) -> None:
    for row in whole.state.log_history:
        if "objective/scores" not in row:
            continue
        assert row["objective/non_score_reward"] == pytest.approx(-0.05 * row["objective/kl"], abs=1e-6)
        total = row["objective/scores"] + row["objective/non_score_reward"]
        assert row["objective/rlhf_reward"] == pytest.approx(total, abs=1e-6)
        unended = 1 - row["val/num_eos_tokens"] / 8
        assert row["completions/clipped_ratio"] == pytest.approx(unended)
        assert row["objective/scores"] == pytest.approx(row["rewards/shortness/mean"] - 0.5 * unended, abs=1e-5)
        assert 0 < row["completions/mean_length"] <= row["completions/max_length"] <= 12
    assert logged(whole, "episode")[-1] == 24
    assert len(logged(whole, "objective/kl")) == 3


def test_resumed_in_the_middle_of_a_rollout_the_curve_is_the_same(
    tmp_path: Path, base_checkpoint: Path, whole: Any
) -> None:
    checkpoint = tmp_path / "checkpoint-6"
    shutil.copytree(Path(whole.args.output_dir) / "checkpoint-6", checkpoint)
    again = trainer_of(tmp_path, base_checkpoint, max_steps=12, missing_eos_penalty=0.5)
    again.train(resume_from_checkpoint=str(checkpoint))
    for name in (
        "loss",
        "grad_norm",
        "objective/kl",
        "objective/scores",
        "policy/approxkl_avg",
        "episode",
        "num_tokens",
    ):
        after = [row[name] for row in whole.state.log_history if row["step"] > 6 and name in row]
        assert [row[name] for row in again.state.log_history if row["step"] > 6 and name in row] == pytest.approx(
            after, rel=1e-4, abs=1e-6
        ), name


def test_resume_with_another_batch_is_refused(tmp_path: Path, base_checkpoint: Path, whole: Any) -> None:
    checkpoint = str(Path(whole.args.output_dir) / "checkpoint-6")
    other = trainer_of(tmp_path, base_checkpoint, per_device_train_batch_size=4)
    with pytest.raises(BadRequest, match="8 rows for a process, not the 4"):
        other.train(resume_from_checkpoint=checkpoint)
    fewer = trainer_of(tmp_path, base_checkpoint, num_ppo_epochs=1)
    with pytest.raises(BadRequest, match="in 4 passes, not the 2 of this config"):
        fewer.train(resume_from_checkpoint=checkpoint)
    shutil.copytree(checkpoint, tmp_path / "checkpoint-6")
    (tmp_path / "checkpoint-6" / "ppo_state.json").write_text("{}")
    with pytest.raises(BadRequest, match="is no record of a PPO run"):
        other.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    (tmp_path / "checkpoint-6" / "ppo_state.json").unlink()
    with pytest.raises(BadRequest, match="expected a checkpoint of PPO"):
        other.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))


def test_checkpoint_is_a_language_model_with_its_value_model_beside_it(whole: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    checkpoint = Path(whole.args.output_dir) / "checkpoint-12"
    policy = AutoModelForCausalLM.from_pretrained(checkpoint)
    for name, tensor in policy.state_dict().items():
        assert torch.equal(tensor, whole.model.policy.state_dict()[name]), name
    value = AutoModelForSequenceClassification.from_pretrained(checkpoint / "value_model")
    assert torch.equal(value.score.weight, whole.model.value.score.weight)
    assert value.score.weight.abs().max() > 0  # it began at 0 and was trained
    assert not list(checkpoint.glob("*.bin"))
    assert json.loads((checkpoint / "ppo_state.json").read_text())["episode"] == 24


def losses(tmp_path: Path, base: Path, **settings: Any) -> list[float]:
    trainer = trainer_of(tmp_path, base, **settings)
    trainer.train()
    return logged(trainer, "loss")


def test_how_a_batch_is_cut_changes_nothing(tmp_path: Path, base_checkpoint: Path) -> None:
    plain = losses(tmp_path, base_checkpoint)
    accumulated = losses(tmp_path, base_checkpoint, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    chunked = losses(tmp_path, base_checkpoint, local_rollout_forward_batch_size=3)
    checkpointed = losses(tmp_path, base_checkpoint, gradient_checkpointing=True)
    assert len(plain) == 4
    assert checkpointed == pytest.approx(plain, rel=1e-3, abs=1e-5)
    assert accumulated == pytest.approx(plain, rel=1e-3, abs=1e-5)
    assert chunked == pytest.approx(plain, rel=1e-3, abs=1e-5)


def test_seeds_reproduce_and_differ(tmp_path: Path, base_checkpoint: Path) -> None:
    assert losses(tmp_path, base_checkpoint, max_steps=2) == losses(tmp_path, base_checkpoint, max_steps=2)
    assert losses(tmp_path, base_checkpoint, max_steps=2) != losses(tmp_path, base_checkpoint, max_steps=2, seed=8)


def test_every_prompt_is_answered_once_an_epoch(tmp_path: Path, base_checkpoint: Path) -> None:
    seen: list[int] = []

    def watched(completions: Sequence[Any], place: Sequence[int], **columns: Any) -> list[float]:
        seen.extend(place)
        return [0.0] * len(completions)

    trainer = trainer_of(
        tmp_path, base_checkpoint, rewards_of(watched), max_steps=-1, num_train_epochs=2, num_ppo_epochs=1,
        num_mini_batches=1, per_device_train_batch_size=10, train_sampling_strategy="sequential",
    )  # fmt: skip
    trainer.train()
    assert seen == [*range(20), *range(20)]
    seen.clear()
    shuffled = trainer_of(
        tmp_path, base_checkpoint, rewards_of(watched), max_steps=-1, num_train_epochs=2, num_ppo_epochs=1,
        num_mini_batches=1, per_device_train_batch_size=10,
    )  # fmt: skip
    shuffled.train()
    assert sorted(seen[:20]) == sorted(seen[20:]) == list(range(20))
    assert seen[:20] not in (list(range(20)), seen[20:])


def test_adapter_has_its_base_for_a_reference_and_leaves_it_alone(tmp_path: Path, base_checkpoint: Path) -> None:
    trainer = trainer_of(tmp_path, base_checkpoint, adapter=lora(), max_steps=8, save_strategy="steps", save_steps=4)
    assert trainer.ref_model is None
    before = {name: tensor.clone() for name, tensor in trainer.model.policy.state_dict().items() if "lora" not in name}
    trainer.train()
    after = trainer.model.policy.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    divergence = logged(trainer, "objective/kl")
    assert divergence[0] == pytest.approx(0.0, abs=1e-4)
    assert abs(divergence[1]) > 1e-4
    assert json.loads((tmp_path / "checkpoint-8" / "adapter_config.json").read_text())["r"] == 4
    assert (tmp_path / "checkpoint-8" / "value_model" / "adapter_model.safetensors").exists()
    again = trainer_of(tmp_path / "again", base_checkpoint, adapter=lora(), max_steps=8)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert logged(again, "loss")[-4:] == pytest.approx(logged(trainer, "loss")[4:], rel=1e-4, abs=1e-6)


def test_value_head_on_the_policy(tmp_path: Path, base_checkpoint: Path) -> None:
    trainer = trainer_of(
        tmp_path, base_checkpoint, value_model="head", max_steps=8, save_strategy="steps", save_steps=4
    )
    trainer.train()
    assert trainer.model.value is None
    assert trainer.model.value_head.weight.abs().max() > 0
    assert (tmp_path / "checkpoint-8" / "value_head.safetensors").exists()
    again = trainer_of(tmp_path / "again", base_checkpoint, value_model="head", max_steps=8)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert logged(again, "loss")[-4:] == pytest.approx(logged(trainer, "loss")[4:], rel=1e-4, abs=1e-6)


def test_target_kl_ends_a_rollout_early_and_episodes_still_end_the_training(
    tmp_path: Path, base_checkpoint: Path
) -> None:
    trainer = trainer_of(
        tmp_path, base_checkpoint, max_steps=-1, total_episodes=24, target_kl=1e-6, num_ppo_epochs=3,
        save_strategy="steps", save_steps=1000,
    )  # fmt: skip
    trainer.train()
    # Without a limit three rollouts would take 18 steps; the second mini-batch of each is already too far.
    assert trainer.state.global_step == 6
    assert set(logged(trainer, "policy/stopped_early")) == {1.0}
    assert logged(trainer, "episode")[-1] == 24
    assert (tmp_path / "checkpoint-6").exists()


def test_rewards_are_weighted_and_those_that_do_not_apply_are_left_out(tmp_path: Path, base_checkpoint: Path) -> None:
    def two(completions: Sequence[Any], **columns: Any) -> list[float]:
        return [2.0] * len(completions)

    def sometimes(completions: Sequence[Any], place: Sequence[int], **columns: Any) -> list[float | None]:
        return [4.0 if one % 2 else None for one in place]

    trainer = trainer_of(
        tmp_path, base_checkpoint, rewards_of(two, sometimes, weights=[0.5, 10.0]), max_steps=1,
        num_ppo_epochs=1, num_mini_batches=1, per_device_train_batch_size=20,
    )  # fmt: skip
    trainer.train()
    assert logged(trainer, "objective/scores") == [pytest.approx(0.5 * 2 + 10 * 4 / 2)]
    assert logged(trainer, "rewards/sometimes/mean") == [4.0]
    assert logged(trainer, "rewards/two/std") == [0.0]


def test_rewards_may_be_asynchronous_and_log_metrics_of_their_own(tmp_path: Path, base_checkpoint: Path) -> None:
    async def slow(completions: Sequence[Any], log_metric: Callable, **columns: Any) -> list[float]:
        log_metric("words", 3.0)
        return [1.5] * len(completions)

    trainer = trainer_of(tmp_path, base_checkpoint, rewards_of(slow), max_steps=1)
    trainer.train()
    assert logged(trainer, "rewards/slow/mean") == [1.5]
    assert logged(trainer, "words") == [3.0]


def test_it_learns_what_it_is_rewarded_for(tmp_path: Path, base_checkpoint: Path) -> None:
    trainer = trainer_of(
        tmp_path, base_checkpoint, max_steps=80, response_length=24, per_device_train_batch_size=20,
        learning_rate=2e-3, kl_coef=0.01, evaluation=PROMPTS[:5], eval_strategy="steps", eval_steps=80, eval_on_start=True,
    )  # fmt: skip
    trainer.train()
    scores = logged(trainer, "objective/scores")
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.15, scores
    before, after = logged(trainer, "eval_rewards/shortness/mean")
    assert after > before + 0.1
    assert logged(trainer, "eval_objective/kl")[1] > 0.1


def test_plain_text_prompts(tmp_path: Path, base_checkpoint: Path) -> None:
    seen: list[Any] = []

    def watched(prompts: Sequence[Any], completions: Sequence[Any], completion_ids: Any, **columns: Any) -> list[float]:
        seen.extend(zip(prompts, completions, completion_ids, strict=True))
        return [0.0] * len(completions)

    rows = [{"prompt": "Customer: Where is order A11?\nAgent:"}] * 8
    trainer = trainer_of(tmp_path, base_checkpoint, rewards_of(watched), rows=rows, max_steps=1)
    trainer.train()
    assert all(isinstance(prompt, str) and isinstance(text, str) for prompt, text, _ in seen)
    assert all(0 < len(ids) <= 12 for _, _, ids in seen)


def test_reward_model_is_the_start_of_the_value_model(tmp_path: Path, base_checkpoint: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    reward = AutoModelForSequenceClassification.from_pretrained(base_checkpoint, num_labels=1)
    tokenizer = AutoTokenizer.from_pretrained(base_checkpoint)
    rewards = Rewards([reward.eval().requires_grad_(False)], [tokenizer], ["reward_model"], [1.0])
    trainer = trainer_of(tmp_path, base_checkpoint, rewards, max_steps=1)
    assert torch.equal(trainer.model.value.score.weight, reward.score.weight)
    frozen = reward.score.weight.clone()
    trainer.train()
    assert torch.equal(reward.score.weight, frozen)
    assert not torch.equal(trainer.model.value.score.weight, frozen)
    # The score is the model's own logit for the conversation as its template writes it.
    ids, _, answer_mask = trainer.answer(PROMPTS[:2], torch.rand(2, 12))
    scores = trainer.score(PROMPTS[:2], ids, answer_mask)["reward_model"]
    answers = [row[mask.bool()] for row, mask in zip(ids[:, -answer_mask.shape[1] :], answer_mask, strict=True)]
    for place, tokens in enumerate(answers):
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        talk = PROMPTS[place]["prompt"] + [{"role": "assistant", "content": text}]  # type: ignore[operator]
        inputs = tokenizer(
            tokenizer.apply_chat_template(talk, tokenize=False), return_tensors="pt", add_special_tokens=False,
            return_token_type_ids=False,
        )  # fmt: skip
        assert reward(**inputs).logits.item() == pytest.approx(scores[place].item(), abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"num_mini_batches": 3}, "num_mini_batches=3: does not divide the 8 rows"),
        ({"num_ppo_epochs": 0}, "num_ppo_epochs=0: at least 1"),
        ({"temperature": 0.0}, "temperature=0.0: a number above 0"),
        ({"lam": 1.5}, "lam=1.5: a number from 0 to 1"),
        ({"kl_coef": -0.1}, "kl_coef=-0.1: a number of at least 0"),
        ({"total_episodes": 64}, "total_episodes and max_steps"),
        ({"max_steps": -1, "total_episodes": 0}, "total_episodes=0: at least 1"),
        (
            {"load_best_model_at_end": True, "save_strategy": "steps", "eval_strategy": "steps", "eval_steps": 500},
            "an evaluation of PPO has no loss",
        ),
        ({"stop_token": "eos", "stop_token_id": 0}, "stop_token and stop_token_id"),
        ({"value_model": "head", "value_model_path": "x"}, "value_model_path: a value head"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, base_checkpoint: Path, settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        trainer_of(tmp_path, base_checkpoint, **settings)


def test_names_of_other_trainers_are_accepted_but_not_twice(tmp_path: Path) -> None:
    from training.ppo_config import PPOConfig
    from training.request import Request
    from training.worker.arguments import parse

    config = {"dataset_name": "d", "sft_model_path": "m", "max_completion_length": 9, "beta": 0.2, "num_iterations": 3}
    _, args, model, _ = parse(Request("ppo", config, tmp_path), PPOConfig)
    assert (args.response_length, args.kl_coef, args.num_ppo_epochs, model.model_name_or_path) == (9, 0.2, 3, "m")
    with pytest.raises(BadRequest, match="beta: is another name of kl_coef, which is given too"):
        parse(Request("ppo", {**config, "kl_coef": 0.1}, tmp_path), PPOConfig)


def test_value_model_with_another_vocabulary_is_refused(tmp_path: Path, base_checkpoint: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    other = AutoModelForSequenceClassification.from_pretrained(base_checkpoint, num_labels=1)
    other.resize_token_embeddings(1500)
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(BadRequest, match=r"has 1500 token embeddings, the policy \d+"):
        trainer_of(tmp_path / "run", base_checkpoint, value_model_path=str(tmp_path / "other"))


def test_best_checkpoint_is_loaded_at_the_end(tmp_path: Path, base_checkpoint: Path) -> None:
    calls = itertools.count()

    def falling(completions: Sequence[Any], **columns: Any) -> list[float]:
        return [-float(next(calls))] * len(completions)

    trainer = trainer_of(
        tmp_path, base_checkpoint, rewards_of(falling), max_steps=8, evaluation=PROMPTS[:5], eval_strategy="steps",
        eval_steps=4, save_strategy="steps", save_steps=4, load_best_model_at_end=True, greater_is_better=True,
        metric_for_best_model="eval_rewards/falling/mean",
    )  # fmt: skip
    trainer.train()
    assert trainer.state.best_model_checkpoint == str(tmp_path / "checkpoint-4")
    from safetensors.torch import load_file

    best = load_file(tmp_path / "checkpoint-4" / "model.safetensors")
    name = "model.norm.weight"
    assert torch.equal(trainer.model.policy.state_dict()[name], best[name])
    assert not torch.equal(load_file(tmp_path / "checkpoint-8" / "model.safetensors")[name], best[name])
    value = load_file(tmp_path / "checkpoint-4" / "value_model" / "model.safetensors")
    assert torch.equal(trainer.model.value.score.weight, value["score.weight"])


def test_messages_without_a_template_and_streams_are_refused(tmp_path: Path, base_checkpoint: Path) -> None:
    trainer = trainer_of(tmp_path, base_checkpoint)
    again = {"model": trainer.model, "args": trainer.args, "rewards": trainer.rewards, "ref_model": trainer.ref_model}
    stream = trainer.train_dataset.to_iterable_dataset()
    with pytest.raises(BadRequest, match="a streamed data set has no length"):
        type(trainer)(**again, train_dataset=stream, processing_class=trainer.processing_class)
    trainer.processing_class.chat_template = None
    with pytest.raises(BadRequest, match="no chat template"):
        type(trainer)(**again, train_dataset=trainer.train_dataset, processing_class=trainer.processing_class)


def test_reference_has_the_precision_of_the_policy(tmp_path: Path, base_checkpoint: Path) -> None:
    """The same weights: any KL divergence would be the rounding of one of them alone."""
    trainer = trainer_of(tmp_path, base_checkpoint, bf16=True, use_cpu=True, max_steps=1)
    trainer.train()
    assert logged(trainer, "objective/kl") == [0.0]
    assert logged(trainer, "val/ratio") == [pytest.approx(1.0, abs=1e-5)]


def test_metrics_of_processes_are_joined_by_name(
    tmp_path: Path, base_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reward that judges no answer of one process, and a metric that only the other noted."""
    from training import ppo_trainer

    other = {"rewards/r/mean": [3.0], "words": [5.0], "completions/max_length": [9.0], "val/ratio": [3.0]}
    monkeypatch.setattr(ppo_trainer, "gather_object", lambda mine: [*mine, other])
    trainer = trainer_of(tmp_path, base_checkpoint)
    trainer.metrics.update(
        {"rewards/r/mean": [math.nan], "none": [math.nan], "completions/max_length": [7.0], "val/ratio": [1.0]}
    )
    assert trainer.take_metrics() == {
        "rewards/r/mean": 3.0, "words": 5.0, "completions/max_length": 9.0, "val/ratio": 2.0, "val/ratio_var": 1.0,
    }  # fmt: skip
    assert not trainer.metrics


def test_a_reward_that_judges_nothing_is_not_logged_and_evaluation_keeps_its_own_metrics(
    tmp_path: Path, base_checkpoint: Path
) -> None:
    def never(completions: Sequence[Any], log_metric: Callable, **columns: Any) -> list[None]:
        log_metric("rows", len(completions))
        return [None] * len(completions)

    trainer = trainer_of(
        tmp_path, base_checkpoint, rewards_of(shortness, never), max_steps=2, evaluation=PROMPTS[:3],
        eval_strategy="steps", eval_steps=1, eval_on_start=True,
    )  # fmt: skip
    trainer.train()
    assert logged(trainer, "rewards/never/mean") == []
    assert logged(trainer, "rows") == [8.0]
    assert logged(trainer, "eval_rows") == [3.0] * 3


def test_a_checkpoint_that_looks_whole_has_its_rollout(
    tmp_path: Path, base_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended in the moment in which the Trainer writes its state, last of all, and removes the older checkpoints."""
    from transformers import Trainer

    class Killed(BaseException):
        pass

    def ended(trainer: Any, model: Any, trial: Any) -> None:
        write(trainer, model, trial)
        raise Killed

    write = Trainer._save_checkpoint
    monkeypatch.setattr(Trainer, "_save_checkpoint", ended)
    trainer = trainer_of(tmp_path, base_checkpoint, save_strategy="steps", save_steps=1, max_steps=2)
    with pytest.raises(Killed):
        trainer.train()
    monkeypatch.undo()
    again = trainer_of(tmp_path / "again", base_checkpoint, max_steps=2)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))
    assert again.state.global_step == 2


def test_rollout_is_taken_up_where_deepspeed_loads_the_weights(
    tmp_path: Path, base_checkpoint: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    checkpoint = Path(whole.args.output_dir) / "checkpoint-6"
    # With DeepSpeed it loads the schedule alone, and needs DeepSpeed for it.
    monkeypatch.setattr(Trainer, "_load_optimizer_and_scheduler", lambda trainer, checkpoint: None)
    trainer = trainer_of(tmp_path, base_checkpoint)
    trainer.is_deepspeed_enabled = True
    trainer._load_optimizer_and_scheduler(str(checkpoint))
    assert {"passes": 4, **vars(trainer.progress)} == json.loads((checkpoint / "ppo_state.json").read_text())
    assert trainer.progress.rollouts == 2
    assert len(trainer.rollout["ids"]) == 8


def test_attention_dropout_is_switched_off_too(tmp_path: Path, base_checkpoint: Path) -> None:
    shutil.copytree(base_checkpoint, tmp_path / "base")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.5}))
    trainer = trainer_of(tmp_path / "run", tmp_path / "base", max_steps=1)
    trainer.train()
    assert logged(trainer, "policy/approxkl_avg")[0] < 1e-9


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path: Path, base_checkpoint: Path) -> None:
    trainer = trainer_of(tmp_path, base_checkpoint)
    again = {"model": trainer.model, "args": trainer.args, "rewards": trainer.rewards, "ref_model": trainer.ref_model}
    trainer.processing_class.eos_token = None
    with pytest.raises(BadRequest, match="no end token"):
        type(trainer)(**again, train_dataset=trainer.train_dataset, processing_class=trainer.processing_class)
