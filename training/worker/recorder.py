"""A Trainer callback that keeps the run folder true: status and heartbeat, and answers at every checkpoint."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from diagnostics.probes.reward_functions import Reward, RewardUnusable, load_rewards
from diagnostics.run.files import read_json_lines
from training.request import BadRequest, ClinicArguments, Request
from training.rewards import SHORT_NAMES
from training.worker.disk import check_space, checkpoint_bytes
from training.worker.machine import accelerator, machine
from training.worker.ranks import Ranks
from training.worker.status import StatusFile

SAMPLES_FILE = "samples.jsonl"
BATCH = 64


class Recorder(TrainerCallback):
    """Writes `status.json` and `samples.jsonl` of a run, on the main process only; ends all at the same step.

    Answers are greedy, so that they depend on the weights alone, and are taken before the first step (step 0) and at
    every checkpoint. A run that goes on from a checkpoint keeps the answers up to its step and drops the later ones:
    they were given by weights that the run no longer leads to.

    `begun`: the training has, so that a step will end. `stop_asked`: by a signal to this process. `ended_early`: all processes agreed to stop before the last step.

    Raises:
        BadRequest: the prompts or the rewards that were asked for cannot be loaded, or the weights are `sharded` over
            processes, so that the main one alone cannot answer.
    """

    def __init__(
        self, request: Request, status: StatusFile, clinic: ClinicArguments, main: bool, sharded: bool = False
    ) -> None:
        self.folder = request.folder
        self.status = status
        self.budget = clinic.sample_max_new_tokens
        self.main = main
        self.begun = False
        self.stop_asked = False
        self.ended_early = False
        self.ranks = Ranks()
        self.rows = read_prompts(clinic.sample_prompts) if clinic.sample_prompts else []
        if self.rows and sharded:
            raise BadRequest(
                "sample_prompts: with FSDP or ZeRO-3 no process holds the whole model; leave it out.",
                "sample_prompts：用 FSDP 或 ZeRO-3 时没有哪个进程持有完整的模型；请去掉它。",
            )
        try:
            self.rewards = load_rewards(clinic.sample_rewards, SHORT_NAMES)
        except RewardUnusable as error:
            raise BadRequest(f"sample_rewards: {error}", f"sample_rewards：{error.said('zh')}") from error
        self.answered: set[int] = set()
        if main:
            status.write(
                machine={**machine(), **accelerator(str(request.config.get("use_cpu")).lower() in ("true", "yes", "1"))}
            )

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The run is under way: say so, and keep what the model answered before it learned anything.

        Raises:
            BadRequest: the disk has no room for a checkpoint.
        """
        self.begun = True
        self.ranks.join()
        if args.save_strategy != "no":
            model = kwargs["model"]
            needed = checkpoint_bytes(model.parameters(), args.save_only_model, hasattr(model, "peft_config"))
            check_space(self.folder, needed)
        if self.main:
            self.answered = keep_samples(self.folder / SAMPLES_FILE, state.global_step, len(self.rows))
            self.status.write(state="running", step=state.global_step, max_steps=state.max_steps, activity="training")
        self._sample(state.global_step, **kwargs)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count the step; end the run with a checkpoint if any of its processes was asked to stop."""
        self.status.note(step=state.global_step)
        if self.ranks.any(self.stop_asked):
            self.ended_early = state.global_step < state.max_steps
            control.should_save = True
            control.should_training_stop = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show the step at which the run is, also after a long evaluation."""
        if self.main:
            self.status.write(step=state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A checkpoint is on disk: keep what it answers."""
        if self.main:
            self.status.write(step=state.global_step)
        self._sample(state.global_step, **kwargs)

    def _sample(self, step: int, **kwargs: Any) -> None:
        """Answer on the main process, while the others wait without a time limit."""
        if not self.rows:
            return
        if self.main and step not in self.answered:
            self._answer(step, **kwargs)
        self.ranks.wait()

    def _answer(self, step: int, **kwargs: Any) -> None:
        self.answered.add(step)
        self.status.write(activity="answering")
        started = time.monotonic()
        answers = generate(
            kwargs["model"], kwargs["processing_class"], [row["prompt"] for row in self.rows], self.budget
        )
        lines = score_rows(step, self.rows, answers, self.rewards)
        with (self.folder / SAMPLES_FILE).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        print(f"step {step}: answered {len(lines)} prompts in {time.monotonic() - started:.1f} s", flush=True)
        self.status.write(activity="training")


def keep_samples(path: Path, last_step: int, rows: int) -> set[int]:
    """Drop from `samples.jsonl` what was answered after `last_step`, and steps that were not answered to the end.

    Returns the steps that are kept: they have an answer to each of the `rows` prompts.
    """
    lines = [line for line in read_json_lines(path) if isinstance(line, dict) and isinstance(line.get("step"), int)]
    count = Counter(line["step"] for line in lines)
    kept = {step for step, answers in count.items() if step <= last_step and answers >= rows}
    if kept != set(count):
        temporary = path.with_name(f"{path.name}.tmp")
        whole = [json.dumps(line, ensure_ascii=False) + "\n" for line in lines if line["step"] in kept]
        temporary.write_text("".join(whole), encoding="utf-8")
        temporary.replace(path)
    return kept


def read_prompts(path: str) -> list[dict[str, Any]]:
    """The rows of a prompts file.

    Raises:
        BadRequest: there is no such file, or no row of it has a prompt.
    """
    if not Path(path).is_file():
        raise BadRequest(f"sample_prompts: {path}: there is no such file.", f"sample_prompts：{path}：没有这个文件。")
    rows = [row for row in read_json_lines(Path(path)) if isinstance(row, dict) and row.get("prompt")]
    if not rows:
        raise BadRequest(
            f"sample_prompts: {path}: no row with a prompt; expected JSON Lines with one each.",
            f"sample_prompts：{path}：没有带提示的行；应为 JSON Lines，每行一个提示。",
        )
    return rows


def score_rows(
    step: int, rows: Sequence[dict[str, Any]], answers: Sequence[tuple[str, bool]], rewards: dict[str, Reward]
) -> list[dict[str, Any]]:
    """The lines of `samples.jsonl` for one step: prompts, completions and what each reward says of them."""
    texts = [text for text, _ in answers]
    finished = [ended for _, ended in answers]
    columns = {name: [row.get(name) for row in rows] for name in rows[0] if name != "prompt"}
    prompts = [row["prompt"] for row in rows]
    judged = {
        name: reward(prompts=prompts, completions=texts, finished=finished, **columns)
        for name, reward in rewards.items()
    }
    return [
        {
            "step": step,
            "prompt": row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][-1]["content"],
            "completion": texts[place],
            "finished": finished[place],
            "rewards": {name: values[place] for name, values in judged.items()},
            **{name: values[place] for name, values in columns.items()},
        }
        for place, row in enumerate(rows)
    ]


@torch.no_grad()
def generate(model: Any, tokenizer: Any, prompts: Sequence[Any], budget: int) -> list[tuple[str, bool]]:
    """Greedy answers to prompts, each with whether it ended by itself. Leaves the model in the mode it was in.

    Prompts that are lists of messages go through the chat template. Batches are sorted by length, because padding a
    short prompt to a long one costs as much as the long one.
    """
    texts = [
        prompt
        if isinstance(prompt, str)
        else tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    answers: list[tuple[str, bool]] = [("", False)] * len(texts)
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            inputs = tokenizer(
                [texts[place] for place in places],
                return_tensors="pt",
                padding=True,
                padding_side="left",
                add_special_tokens=False,
                return_token_type_ids=False,
            ).to(model.device)
            output = model.generate(
                **inputs,
                max_new_tokens=budget,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
            for place, ids in zip(places, output[:, inputs["input_ids"].shape[1] :], strict=True):
                ended = bool((ids == tokenizer.eos_token_id).any())
                answers[place] = (tokenizer.decode(ids, skip_special_tokens=True).strip(), ended)
    finally:
        model.train(was_training)
    return answers
