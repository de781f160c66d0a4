"""PPO for language models as a `transformers.Trainer`: rollout, rewards, advantages, clipped updates.

One rollout answers a batch of prompts with the current policy, scores the answers, and is then trained on for
`num_ppo_epochs` epochs in `num_mini_batches` mini-batches each. An optimizer step is one mini-batch, and one step of the
Trainer: its loop, clipping, schedule, logging, callbacks, checkpoints and Accelerate are used as they are.

TRL removed its PPO trainer in 1.13. Argument and metric names here are those of its last one (TRL 1.12), which differ from
the Trainer's in one word: a rollout of a process has per_device_train_batch_size * gradient_accumulation_steps rows.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, Trainer

from diagnostics.probes.preparing.ppo_prompts import prompt_texts
from training import ppo_math
from training.ppo_config import PPOConfig
from training.ppo_models import PolicyAndValue, disable_dropout, load_both, positions, save_both
from training.request import BadRequest
from training.worker.rewards import Rewards

STATE_FILE = "ppo_state.json"


class InverseCdf(LogitsProcessor):
    """Makes `generate` take the token that a row's own random number chooses: (B, response_length) numbers in [0, 1)."""

    def __init__(self, uniform: Tensor, temperature: float, prompt_length: int) -> None:
        self.uniform, self.temperature, self.prompt_length = uniform, temperature, prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores that leave the chosen token alone."""
        chosen = ppo_math.sample(scores, self.uniform[:, input_ids.shape[1] - self.prompt_length], self.temperature)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen.unsqueeze(1), 0.0)


class Ticks(torch.utils.data.Dataset):
    """What the Trainer's loop iterates: nothing but a count of forward passes. The prompts are drawn by rollout."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> dict[str, int]:
        return {"tick": place}


@dataclass
class Progress:
    """What a resumed run has to know beside the weights: rollouts begun, passes of the present one, episodes, tokens."""

    rollouts: int = 0
    position: int = 0
    episode: int = 0
    num_tokens: int = 0


class PPOTrainer(Trainer):
    """Trains a `PolicyAndValue` on a data set with a `prompt` column: text or messages; further columns go to the rewards.

    `ref_model`: the reference of the KL penalty, frozen; None with an adapter, whose base is the reference.
    Checkpoints hold the policy as any causal language model, the value model below `value_model/` (or its head), and what
    is left of the present rollout, so that a resumed run takes the very steps that it would have taken.

    Raises:
        BadRequest: the prompts are streamed, or are messages and the tokenizer has no chat template; or nothing can end
            an answer.
    """

    control: Any  # the Trainer's; annotated here because it is assigned in several methods

    def __init__(
        self,
        model: PolicyAndValue,
        args: PPOConfig,
        rewards: Rewards,
        train_dataset: Any,
        processing_class: Any,
        ref_model: Any | None = None,
        eval_dataset: Any | None = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        if not hasattr(train_dataset, "__len__"):
            raise BadRequest(
                "ppo: a streamed data set has no length, and its prompts cannot be shuffled; load it whole.",
                "ppo：流式数据集没有长度，其中的提示无法打乱；请完整加载。",
            )
        if not isinstance(train_dataset[0]["prompt"], str) and not processing_class.chat_template:
            raise BadRequest(
                "ppo: the prompts are messages, and the tokenizer has no chat template to write them with.",
                "ppo：提示是消息，而分词器没有聊天模板来书写它们。",
            )
        if processing_class.eos_token_id is None and args.stop_token_id is None:
            raise BadRequest("ppo: the tokenizer has no end token (eos_token); name the one that ends an answer with "
                             "stop_token_id.", "ppo：分词器没有结束词元（eos_token）；请用 stop_token_id 指定结束回答的词元。")  # fmt: skip
        if processing_class.pad_token_id is None and processing_class.eos_token_id is None:
            processing_class.pad_token = processing_class.convert_ids_to_tokens(args.stop_token_id)
        if processing_class.pad_token_id is None:
            processing_class.pad_token = processing_class.eos_token  # as TRL's trainers do; masks do not rely on it
        self.rollout_rows, self.micro_rows, accumulate = args.batches()
        # The Trainer's accumulation is that of one optimizer step, here one mini-batch.
        args.gradient_accumulation_steps = accumulate
        if args.ddp_find_unused_parameters is None:
            args.ddp_find_unused_parameters = False
        for module in (model, ref_model):
            disable_dropout(module)
        self.progress = Progress()
        self.rollout: dict[str, Tensor] = {}
        self.metrics: dict[str, list[float]] = defaultdict(list)
        self.minibatch_kl = 0.0
        self.minibatch_tokens = torch.ones(())
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processing_class,
            data_collator=first_of,
            callbacks=list(callbacks),
        )
        self.model_accepts_loss_kwargs = False
        self.passes = args.num_ppo_epochs * args.num_mini_batches * accumulate  # forward passes of one rollout
        self.global_rows = self.rollout_rows * self.accelerator.num_processes
        if args.total_episodes is not None:
            args.max_steps = -(-args.total_episodes // self.global_rows) * args.num_ppo_epochs * args.num_mini_batches
        self.rewards = rewards
        self.ref_model = None if ref_model is None else ref_model.to(self.accelerator.device).eval()
        for reward in rewards.functions:
            if isinstance(reward, nn.Module):
                disable_dropout(reward.to(self.accelerator.device).eval())
        stop = args.stop_token_id
        self.stop_token_id: int = processing_class.eos_token_id if stop is None else stop
        self.started, self.episode_at_start = time.monotonic(), 0

    # Prompts

    def get_train_dataloader(self) -> DataLoader:
        """As many ticks as an epoch over the prompts takes forward passes; the same on every process."""
        assert self.train_dataset is not None
        rollouts = -(-len(self.train_dataset) // self.global_rows)
        return DataLoader(Ticks(rollouts * self.passes), batch_size=1, collate_fn=first_of)

    def num_examples(self, dataloader: DataLoader) -> int:
        """Prompts of an epoch."""
        return len(self.train_dataset)  # type: ignore[arg-type]

    def prompts_of(self, rollout: int) -> list[dict[str, Any]]:
        """The rows that this process answers in a rollout: its share of the next `global_rows`, shuffled by epoch."""
        assert self.train_dataset is not None
        count, rows = len(self.train_dataset), []
        begin = rollout * self.global_rows + self.accelerator.process_index * self.rollout_rows
        orders: dict[int, list[int]] = {}
        for place in range(begin, begin + self.rollout_rows):
            epoch = place // count
            if epoch not in orders:
                orders[epoch] = self.order_of(epoch, count)
            rows.append(self.train_dataset[orders[epoch][place % count]])
        return rows

    def order_of(self, epoch: int, count: int) -> list[int]:
        """The order of the prompts in one epoch."""
        if self.args.train_sampling_strategy == "sequential":
            return list(range(count))
        order: list[int] = torch.randperm(count, generator=self.generator("order", epoch)).tolist()
        return order

    def generator(self, *purpose: int | str) -> torch.Generator:
        """Random numbers that depend on the seed and the purpose alone, whatever was drawn before."""
        seed = hash_of(self.args.seed, *purpose)
        return torch.Generator().manual_seed(seed)

    # Rollout

    @torch.no_grad()
    def answer(self, rows: Sequence[Mapping[str, Any]], uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Answers to prompts: ids (B, P + R), their attention mask, and the mask (B, R) of the answers' tokens.

        Call it, like `judge`, under the autocast of the updates: of these models only the trained module has its own, and
        a reference in another precision than the policy's shows a KL divergence that is rounding alone.
        """
        prompts = [row["prompt"] for row in rows]
        texts, special = prompt_texts(self.processing_class, prompts)
        inputs = self.processing_class(
            texts,
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=special,
            return_token_type_ids=False,
        ).to(self.accelerator.device)
        prompt_length, parts = inputs["input_ids"].shape[1], []
        for start in range(0, len(rows), self.args.local_rollout_forward_batch_size):
            chunk = slice(start, start + self.args.local_rollout_forward_batch_size)
            parts.append(
                self.generate_chunk(inputs["input_ids"][chunk], inputs["attention_mask"][chunk], uniform[chunk])
            )
        width = max(part.shape[1] for part in parts)
        pad = self.processing_class.pad_token_id
        ids = torch.cat([nn.functional.pad(part, (0, width - part.shape[1]), value=pad) for part in parts])
        ended = ids[:, prompt_length:] == self.stop_token_id
        answer_mask = (ended.cumsum(dim=1) - ended.long() == 0).long()  # up to and with the first end token
        return ids, torch.cat([inputs["attention_mask"], answer_mask], dim=1), answer_mask

    def generate_chunk(self, ids: Tensor, mask: Tensor, uniform: Tensor) -> Tensor:
        """`generate` with nothing between the model's logits and the draw: what is sampled is what the losses assume."""
        model = self.accelerator.unwrap_model(self.model)
        draw = InverseCdf(uniform.to(ids.device), self.args.temperature, ids.shape[1])
        plain = GenerationConfig(
            max_new_tokens=self.args.response_length,
            do_sample=False,
            pad_token_id=self.processing_class.pad_token_id,
            eos_token_id=self.stop_token_id,
        )
        # A model's own generation config may ask for a repetition penalty and the like; what is not set in ours would
        # be taken from there.
        own, model.policy.generation_config = model.policy.generation_config, plain
        try:
            answers: Tensor = model.policy.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=plain,
                logits_processor=LogitsProcessorList([draw]),
            )
        finally:
            model.policy.generation_config = own
        return answers

    @torch.no_grad()
    def judge(self, ids: Tensor, mask: Tensor, answer_mask: Tensor) -> dict[str, Tensor]:
        """Log-probabilities of the policy and the reference, and values of answers, all (B, R), in chunks."""
        found: dict[str, list[Tensor]] = defaultdict(list)
        response = answer_mask.shape[1]
        for start in range(0, len(ids), self.args.local_rollout_forward_batch_size):
            chunk = slice(start, start + self.args.local_rollout_forward_batch_size)
            logits, values = self.model(ids[chunk], mask[chunk], response)
            answers = ids[chunk, -response:]
            logprobs = ppo_math.chosen_logprobs(logits, answers, self.args.temperature)
            with self.reference() as reference:
                ref_logits = reference(
                    input_ids=ids[chunk],
                    attention_mask=mask[chunk],
                    position_ids=positions(mask[chunk]),
                    use_cache=False,
                    logits_to_keep=response + 1,
                ).logits[:, :-1]
            ref_logprobs = ppo_math.chosen_logprobs(ref_logits, answers, self.args.temperature)
            for name, tensor in (("logprobs", logprobs), ("ref", ref_logprobs), ("values", values)):
                found[name].append(tensor * answer_mask[chunk])
        return {name: torch.cat(parts) for name, parts in found.items()}

    @contextmanager
    def reference(self) -> Iterator[Any]:
        """The reference model: the frozen copy, or the policy with its adapter switched off."""
        if self.ref_model is not None:
            yield self.ref_model
            return
        policy = self.accelerator.unwrap_model(self.model).policy
        with policy.disable_adapter():
            yield policy

    @torch.no_grad()
    def score(self, rows: Sequence[Mapping[str, Any]], ids: Tensor, answer_mask: Tensor) -> dict[str, Tensor]:
        """What each reward says of each answer: name -> (B,). NaN where a reward does not apply to a row."""
        answers = [row[mask.bool()] for row, mask in zip(ids[:, -answer_mask.shape[1] :], answer_mask, strict=True)]
        texts = self.processing_class.batch_decode(answers, skip_special_tokens=True)
        prompts = [row["prompt"] for row in rows]
        conversational = not isinstance(prompts[0], str)
        completions = [[{"role": "assistant", "content": text}] for text in texts] if conversational else texts
        columns = {name: [row[name] for row in rows] for name in rows[0] if name not in ("prompt", "completion")}
        found: dict[str, Tensor] = {}
        for function, tokenizer, name in zip(
            self.rewards.functions, self.rewards.tokenizers, self.rewards.names, strict=True
        ):
            if isinstance(function, nn.Module):
                found[name] = self.model_score(function, tokenizer, prompts, completions)
                continue
            values = function(
                prompts=prompts,
                completions=completions,
                completion_ids=[one.tolist() for one in answers],
                trainer_state=self.state,
                log_metric=lambda name, value: self.metrics[name].append(float(value)),
                log_extra=lambda column, values: None,  # TRL's table of completions: samples.jsonl is ours
                **columns,
            )
            if inspect.isawaitable(values):
                values = asyncio.run(outcome_of(values))
            numbers = [float("nan") if value is None else float(value) for value in values]
            found[name] = torch.tensor(numbers, dtype=torch.float32, device=ids.device)
        return found

    def model_score(self, model: Any, tokenizer: Any, prompts: Sequence[Any], completions: Sequence[Any]) -> Tensor:
        """What a reward model says of answers, read as TRL's GRPO has it read them: (B,)."""
        pairs = zip(prompts, completions, strict=True)
        if isinstance(prompts[0], str):
            texts = [prompt + completion for prompt, completion in pairs]
        else:
            texts = [tokenizer.apply_chat_template(prompt + completion, tokenize=False) for prompt, completion in pairs]
        found = []
        for start in range(0, len(texts), self.args.local_rollout_forward_batch_size):
            inputs = tokenizer(
                texts[start : start + self.args.local_rollout_forward_batch_size],
                return_tensors="pt",
                padding=True,
                padding_side="right",
                add_special_tokens=False,
                return_token_type_ids=False,
            )
            found.append(model(**inputs.to(self.accelerator.device)).logits[:, 0].float())
        return torch.cat(found)

    def total(self, scores: Mapping[str, Tensor], answer_mask: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted sum of the rewards less the penalty for a missing end, (B,), and which answers ended."""
        weighted = [
            weight * scores[name] for name, weight in zip(self.rewards.names, self.rewards.weights, strict=True)
        ]
        sums = torch.stack(weighted).nansum(dim=0)
        ended = ((ids[:, -answer_mask.shape[1] :] == self.stop_token_id) & answer_mask.bool()).any(dim=1)
        if self.args.missing_eos_penalty:
            sums = sums - self.args.missing_eos_penalty * (~ended).float()
        return sums, ended

    @torch.no_grad()
    def roll_out(self) -> dict[str, Tensor]:
        """Answer the next prompts and prepare everything that the updates need; one row an answer."""
        args, number, world = self.args, self.progress.rollouts, self.accelerator
        rows = self.prompts_of(number)
        uniform = torch.rand(self.global_rows, args.response_length, generator=self.generator("answers", number))
        share = slice(world.process_index * self.rollout_rows, (world.process_index + 1) * self.rollout_rows)
        with self.accelerator.autocast():
            ids, mask, answer_mask = self.answer(rows, uniform[share])
            judged = self.judge(ids, mask, answer_mask)
        scores = self.score(rows, ids, answer_mask)
        sums, ended = self.total(scores, answer_mask, ids)

        kl = ppo_math.kl_estimate(judged["logprobs"], judged["ref"], args.kl_estimator) * answer_mask
        rewards = ppo_math.token_rewards(sums, kl, args.kl_coef, answer_mask)
        if args.whiten_rewards:
            rewards = ppo_math.whiten(rewards, answer_mask, *self.moments(rewards, answer_mask), shift_mean=False)
        values = judged["values"]
        advantages, returns = ppo_math.advantages_and_returns(rewards, values, answer_mask, args.gamma, args.lam)
        if args.whiten_advantages:
            advantages = ppo_math.whiten(advantages, answer_mask, *self.moments(advantages, answer_mask))

        _, residual = self.moments(returns - values, answer_mask)
        _, variance = self.moments(returns, answer_mask)
        self.keep_metrics(scores, sums, ended, kl, judged["logprobs"], answer_mask)
        self.metrics["val/explained_variance"].append(ppo_math.explained_variance(residual, variance).item())
        tokens = self.everywhere(mask.sum().float())
        self.progress.rollouts += 1
        self.progress.episode += self.global_rows
        self.progress.num_tokens += int(tokens.item())
        return {
            "ids": ids,
            "mask": mask,
            "answer_mask": answer_mask,
            "logprobs": judged["logprobs"],
            "values": values,
            "returns": returns,
            "advantages": advantages,
        }

    def keep_metrics(
        self,
        scores: Mapping[str, Tensor],
        sums: Tensor,
        ended: Tensor,
        kl: Tensor,
        logprobs: Tensor,
        answer_mask: Tensor,
    ) -> None:
        """Note the rollout's metrics, under TRL's names; `objective/*` are sums over an answer, in nats where of kl."""
        found = {
            "objective/kl": kl.sum(dim=1).mean(),
            "objective/entropy": -(logprobs * answer_mask).sum(dim=1).mean(),
            "objective/non_score_reward": -self.args.kl_coef * kl.sum(dim=1).mean(),
            "objective/scores": sums.mean(),
            "val/num_eos_tokens": self.everywhere(ended.float().sum()),
            "completions/mean_length": answer_mask.sum(dim=1).float().mean(),
            "completions/max_length": answer_mask.sum(dim=1).float().max(),
            "completions/clipped_ratio": 1 - ended.float().mean(),
        }
        found["objective/rlhf_reward"] = found["objective/scores"] + found["objective/non_score_reward"]
        for name, values in scores.items():
            known = values[~values.isnan()]
            if len(known):
                found[f"rewards/{name}/mean"] = known.mean()
                found[f"rewards/{name}/std"] = known.std(correction=0)
        for name, value in found.items():
            self.metrics[name].append(value.item())

    # Over all processes

    def everywhere(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        summed: Tensor = self.accelerator.reduce(value, reduction="sum")
        return summed

    def moments(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over the masked tokens of all processes."""
        count = self.everywhere(mask.sum().float()).clamp(min=1)
        mean = self.everywhere((x * mask).sum()) / count
        return mean, self.everywhere(((x - mean) ** 2 * mask).sum()) / count

    # Updates

    def _prepare_inputs(self, inputs: Any) -> dict[str, Tensor]:
        """The rows of this forward pass; a new rollout where the last one is used up."""
        if not self.rollout or self.progress.position >= self.passes:
            # In training mode activation checkpointing takes the cache away from `generate`, and what it then writes is
            # not what the policy says.
            self.model.eval()
            self.rollout = self.roll_out()
            self.model.train()
            self.progress.position = 0
        if self.progress.position % self.args.gradient_accumulation_steps == 0:
            tokens = sum(self.rollout["answer_mask"][rows].sum() for rows in self.minibatch(self.progress.position))
            self.minibatch_tokens = self.everywhere(torch.as_tensor(tokens).float()).clamp(min=1)
            self.minibatch_kl = 0.0
        chosen = self.passes_of_epoch(self.progress.position)[self.progress.position % self.passes_per_epoch]
        self.progress.position += 1
        return {name: tensor[chosen] for name, tensor in self.rollout.items()}

    @property
    def passes_per_epoch(self) -> int:
        """Forward passes of one PPO epoch."""
        return self.passes // self.args.num_ppo_epochs

    def passes_of_epoch(self, position: int) -> tuple[Tensor, ...]:
        """The rows of each forward pass of the epoch that `position` lies in: a fresh shuffle each epoch."""
        generator = self.generator("epoch", self.progress.rollouts, position // self.passes_per_epoch)
        order = torch.randperm(self.rollout_rows, generator=generator)
        return order.to(self.rollout["ids"].device).split(self.micro_rows)

    def minibatch(self, position: int) -> tuple[Tensor, ...]:
        """The forward passes of the mini-batch that begins at `position`."""
        begin = position % self.passes_per_epoch
        return self.passes_of_epoch(position)[begin : begin + self.args.gradient_accumulation_steps]

    def compute_loss(
        self, model: Any, inputs: Mapping[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """Policy and value loss of one forward pass, so scaled that a mini-batch is a mean over all its tokens.

        The Trainer divides by the accumulation and averages over the processes; both are multiplied back here, because
        answers differ in length: a mean of means would weigh the tokens of short ones more.
        """
        args, mask = self.args, inputs["answer_mask"]
        response = mask.shape[1]
        logits, values = model(inputs["ids"], inputs["mask"], response)
        logprobs, entropy = ppo_math.token_logprobs(logits, inputs["ids"][:, -response:], args.temperature)
        policy, clipped = ppo_math.policy_loss(logprobs, inputs["logprobs"], inputs["advantages"], args.cliprange)
        value, value_clipped = ppo_math.value_loss(values, inputs["values"], inputs["returns"], args.cliprange_value)
        scale = self.accelerator.num_processes * args.gradient_accumulation_steps / self.minibatch_tokens
        with torch.no_grad():
            divergence = ppo_math.approximate_kl(logprobs, inputs["logprobs"])
            self.minibatch_kl += ((divergence * mask).sum() / self.minibatch_tokens).item()
            for name, tensor in (
                ("loss/policy_avg", policy),
                ("loss/value_avg", value),
                ("policy/approxkl_avg", divergence),
                ("policy/clipfrac_avg", clipped),
                ("policy/entropy_avg", entropy),
                ("val/clipfrac_avg", value_clipped),
                ("val/ratio", (logprobs - inputs["logprobs"]).exp()),
            ):
                self.metrics[name].append(ppo_math.masked_mean(tensor, mask).item())
        loss: Tensor = ((policy + args.vf_coef * value) * mask).sum() * scale
        return loss

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """A forward and backward pass; then see whether the rollout or the training ends with it."""
        loss: Tensor = super().training_step(*args, **kwargs)
        position = self.progress.position
        if position % self.args.gradient_accumulation_steps == 0:
            far = self.args.target_kl is not None and self.divergence() > self.args.target_kl
            if far:
                self.progress.position = self.passes
            if far or position == self.passes:
                self.metrics["policy/stopped_early"].append(float(far and position < self.passes))
                # An early stop makes rollouts shorter, not fewer: the episodes asked for are reached before max_steps.
                if self.args.total_episodes is not None and self.progress.episode >= self.args.total_episodes:
                    self.control.should_training_stop = True
                    self.control.should_save = self.args.save_strategy != "no"
        return loss

    def divergence(self) -> float:
        """The mini-batch's approximate KL to the policy of the rollout, nats per token, over all processes."""
        return float(self.everywhere(torch.tensor(self.minibatch_kl, device=self.accelerator.device)).item())

    # Logging and evaluation

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means of PPO's metrics since the last log, over all processes."""
        if "loss" in logs and self.metrics:
            logs.update(self.take_metrics())
            seconds = max(time.monotonic() - self.started, 1e-9)
            logs["eps"] = (self.progress.episode - self.episode_at_start) / seconds
            logs["episode"] = self.progress.episode
            logs["lr"] = logs["learning_rate"]
            logs["num_tokens"] = self.progress.num_tokens
        super().log(logs, start_time)

    def take_metrics(self) -> dict[str, float]:
        """The means of what all processes noted since the last call; of lengths called max, the greatest.

        The names may differ between them (a user's `log_metric`), so that the values travel with their names. NaN stands
        for no value, as where a reward judges none of a process's answers; what has no value at all is left out.
        """
        values: dict[str, list[float]] = defaultdict(list)
        for noted in gather_object([dict(self.metrics)]):
            for name, numbers in noted.items():
                values[name] += [number for number in numbers if not math.isnan(number)]
        self.metrics.clear()
        found = {
            name: max(numbers) if name.endswith("/max_length") else sum(numbers) / len(numbers)
            for name, numbers in sorted(values.items())
            if numbers
        }
        if ratios := values["val/ratio"]:
            found["val/ratio_var"] = statistics.pvariance(ratios)
        return found

    @torch.no_grad()
    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Answer the evaluation prompts as in a rollout, with the same random numbers each time, and log what they get."""
        rows, world = (self.eval_dataset if eval_dataset is None else eval_dataset), self.accelerator
        noted, self.metrics = self.metrics, defaultdict(list)  # what is noted here is no metric of training
        self.model.eval()
        batch = self.args.per_device_eval_batch_size
        uniform = torch.rand(len(rows), self.args.response_length, generator=self.generator("evaluation"))
        for start in range(world.process_index * batch, len(rows), batch * world.num_processes):
            places = range(start, min(start + batch, len(rows)))
            part = [rows[place] for place in places]
            with world.autocast():
                ids, mask, answer_mask = self.answer(part, uniform[places.start : places.stop])
                judged = self.judge(ids, mask, answer_mask)
            scores = self.score(part, ids, answer_mask)
            total, ended = self.total(scores, answer_mask, ids)
            kl = ppo_math.kl_estimate(judged["logprobs"], judged["ref"], self.args.kl_estimator) * answer_mask
            found = {
                "objective/kl": kl.sum(dim=1),
                "objective/scores": total,
                "objective/rlhf_reward": total - self.args.kl_coef * kl.sum(dim=1),
                "completions/mean_length": answer_mask.sum(dim=1).float(),
                "completions/clipped_ratio": 1 - ended.float(),
                **{f"rewards/{name}/mean": values for name, values in scores.items()},
            }
            for name, values in found.items():
                self.metrics[name] += values.tolist()
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in self.take_metrics().items()}
        self.metrics = noted
        self.model.train()
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    # Checkpoints

    def _save(self, output_dir: str | None = None, state_dict: Mapping[str, Tensor] | None = None) -> None:
        """Write the policy as a model of its own, and the value model beside it."""
        if not self.args.should_save:
            return
        folder = Path(output_dir or self.args.output_dir)
        save_both(self.accelerator.unwrap_model(self.model), folder, state_dict)
        self.processing_class.save_pretrained(folder)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write the checkpoint and what is left of the rollout: its tensors by process, the counters once.

        The rollout comes first: the Trainer's state, which it writes last, is what says that a checkpoint is whole, and
        only then may older checkpoints be removed.
        """
        from safetensors.torch import save_file

        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.contiguous() for name, tensor in self.rollout.items()}
        save_file(tensors, folder / rollout_file(self.accelerator.process_index))
        if self.args.should_save:
            content = {"passes": self.passes, **vars(self.progress)}
            (folder / STATE_FILE).write_text(json.dumps(content), encoding="utf-8")
        self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load policy and value model, and go on in the middle of the rollout if the checkpoint lies there.

        Raises:
            BadRequest: see `load_rollout`.
        """
        folder = Path(resume_from_checkpoint)
        self.load_rollout(folder)
        load_both(self.accelerator.unwrap_model(self.model), folder)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """DeepSpeed loads the weights by itself, past `_load_from_checkpoint`; the rollout is loaded here then.

        Raises:
            BadRequest: see `load_rollout`.
        """
        if checkpoint is not None and self.is_deepspeed_enabled:
            self.load_rollout(Path(checkpoint))
        super()._load_optimizer_and_scheduler(checkpoint)

    def load_rollout(self, folder: Path) -> None:
        """Take up the counters and the rollout of a checkpoint.

        Raises:
            BadRequest: the checkpoint is none of this trainer's, or of another number of processes, batch size, PPO epochs
                or mini-batches.
        """
        from safetensors.torch import load_file

        own = folder / rollout_file(self.accelerator.process_index)
        if not (folder / STATE_FILE).exists() or not own.exists():
            raise BadRequest(f"{folder}: {STATE_FILE} or {own.name} is missing; expected a checkpoint of PPO, "
                             f"resumed with as many processes as wrote it.", f"{folder}：缺少 {STATE_FILE} 或 {own.name}；应为 PPO 的检查点，并用与写入时同样多的进程继续训练。")  # fmt: skip
        try:
            content = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
            passes = content.pop("passes")
            self.progress = Progress(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRequest(
                f"{folder / STATE_FILE}: is no record of a PPO run ({error}).",
                f"{folder / STATE_FILE}：不是 PPO 训练的记录（{error}）。",
            ) from error
        if passes != self.passes:
            raise BadRequest(f"{folder}: its rollout is gone through in {passes} passes, not the {self.passes} of this "
                             f"config; resume with the same num_ppo_epochs and num_mini_batches.", f"{folder}：它的一次采样要用 {passes} 遍，而不是这份配置的 {self.passes} 遍；请用相同的 num_ppo_epochs 和 num_mini_batches 继续训练。")  # fmt: skip
        self.episode_at_start = self.progress.episode
        self.rollout = {name: tensor.to(self.accelerator.device) for name, tensor in load_file(own).items()}
        if len(self.rollout["ids"]) != self.rollout_rows:
            raise BadRequest(f"{folder}: its rollout has {len(self.rollout['ids'])} rows for a process, not the "
                             f"{self.rollout_rows} of this config; resume with the same batch sizes.", f"{folder}：它的一次采样每个进程有 {len(self.rollout['ids'])} 行，而不是这份配置的 {self.rollout_rows} 行；请用相同的批大小继续训练。")  # fmt: skip

    def _load_best_model(self) -> None:
        """Load the policy and value model of the best checkpoint."""
        load_both(self.accelerator.unwrap_model(self.model), Path(str(self.state.best_model_checkpoint)))


def first_of(rows: Sequence[Any]) -> Any:
    """A collator for batches of one."""
    return rows[0]


async def outcome_of(values: Awaitable[Any]) -> Any:
    """What an asynchronous reward function returns."""
    return await values


def rollout_file(process: int) -> str:
    """The file of one process's rollout in a checkpoint."""
    return f"rollout-{process}.safetensors"


def hash_of(*parts: int | str) -> int:
    """A seed from numbers and words, the same on every machine."""
    import hashlib

    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
