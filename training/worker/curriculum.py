"""Curriculum: the training rows in order from easy to hard, in stages whose boundaries TensorBoard shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from training.request import BadRequest, ClinicArguments
from training.worker.difficulty import difficulty_of
from training.worker.stage_marks import Stage, StageMarks

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import TrainerCallback

GROUPED = ("grpo", "rloo")  # several answers a prompt: their trainers draw prompts by generation


@dataclass(frozen=True)
class Draws:
    """How a run takes its rows: `count` times `rows` at once (the last time fewer, `total` in all), for `steps` each."""

    count: int
    rows: int
    total: int
    steps: Fraction


def easy_to_hard(
    method: str, dataset: Dataset, tokenizer: Any, args: Any, model: Any, clinic: ClinicArguments
) -> tuple[Dataset, list[TrainerCallback]]:
    """The data set as the trainer is to see it, and the callbacks that mark the stages; unchanged without a curriculum.

    The rows are sorted by difficulty and cut into stages that take equally many of the run's steps (of its generations
    in GRPO and RLOO, its rollouts in PPO). They are shuffled within a stage by the seed and laid out exactly as often as
    the run consumes them, so that few steps reach the hard rows too, and a whole epoch holds each row once. The trainer
    is told to keep the order: `train_sampling_strategy`, `shuffle_dataset`, and `num_train_epochs` 1, as all passes are in the
    rows. In PPO an early stop by `target_kl` makes rollouts shorter, so that later stages begin earlier than marked.

    Raises:
        BadRequest: the curriculum is unknown, has more stages than steps or rows, or goes with neither packing nor
            streams; or the difficulty cannot be had.
    """
    if clinic.curriculum is None:
        return dataset, []
    check(clinic, dataset, args)
    if method == "kto":  # TRL would unpair after the sorting, all chosen before all rejected answers
        dataset = unpaired(dataset)
    difficulty, unit = difficulty_of(clinic, dataset, tokenizer, args, model)
    draws = draws_of(method, args, len(dataset))
    if min(draws.count, len(dataset)) < clinic.curriculum_stages:
        what, what_zh = "steps", "训练步"
        if method in GROUPED:
            what, what_zh = "generations", "生成批次"
        elif method == "ppo":
            what, what_zh = "rollouts", "采样批次"
        raise BadRequest(
            f"curriculum_stages: {clinic.curriculum_stages} stages need as many {what} and rows; the run has"
            f" {draws.count} {what} and {len(dataset)} rows.",
            f"curriculum_stages：{clinic.curriculum_stages} 个阶段至少需要同样多的{what_zh}和行；这次训练有 {draws.count} 个{what_zh}、{len(dataset)} 行。",
        )
    places, stages = lay_out(difficulty, draws, clinic.curriculum_stages, args.seed)
    keep_order(method, args)
    board = "tensorboard" in args.report_to
    args.report_to = [one for one in args.report_to if one != "tensorboard"]  # the marks' own callback writes it
    return dataset.select(places), [StageMarks(stages, clinic.curriculum, unit, draws.total, board)]


def check(clinic: ClinicArguments, dataset: Dataset, args: Any) -> None:
    """Refuse what a curriculum cannot go with.

    Raises:
        BadRequest: see `easy_to_hard`.
    """
    from datasets import IterableDataset

    if isinstance(dataset, IterableDataset):
        raise BadRequest(
            "curriculum: a stream cannot be sorted; leave dataset_streaming out.",
            "curriculum：流式数据无法排序；请去掉 dataset_streaming。",
        )
    if getattr(args, "packing", False):
        raise BadRequest(
            "curriculum: packing joins rows in an order of its own; leave one of the two out.",
            "curriculum：packing 会按自己的次序拼接各行；请去掉二者之一。",
        )
    if args.train_sampling_strategy not in ("random", "sequential"):
        raise BadRequest(
            f"curriculum: train_sampling_strategy={args.train_sampling_strategy} orders the rows too; leave one out.",
            f"curriculum：train_sampling_strategy={args.train_sampling_strategy} 也决定各行的次序；请去掉其中之一。",
        )
    stages = clinic.curriculum_stages
    if not isinstance(stages, int) or isinstance(stages, bool) or stages < 1:
        raise BadRequest(
            f"curriculum_stages: {stages!r}; a whole number from 1 on was expected.",
            f"curriculum_stages：{stages!r}；应为从 1 起的整数。",
        )


def unpaired(dataset: Dataset) -> Dataset:
    """Preference pairs as single answers with a label; anything else as it is."""
    import trl

    if not {"chosen", "rejected"} <= set(dataset.column_names):
        return dataset
    if "prompt" not in dataset.column_names:
        dataset = dataset.map(trl.extract_prompt)
    return trl.unpair_preference_dataset(dataset)


def draws_of(method: str, args: Any, rows: int) -> Draws:
    """How the trainer of `method` takes its rows, of which there are `rows`, until the end of the run.

    The samplers of transformers 5.23 (`Trainer._get_train_sampler`) and TRL 1.16 (`RepeatSampler`): a generation of GRPO
    or RLOO has generation_batch_size / num_generations prompts and is trained on num_iterations * steps_per_generation
    times, in device batches; a rollout of PPO lasts num_ppo_epochs * num_mini_batches steps.
    """
    passes = Fraction(args.num_train_epochs)
    if method in GROUPED:
        size = args.generation_batch_size // args.num_generations
        steps = Fraction(args.num_iterations * args.steps_per_generation, args.gradient_accumulation_steps)
        count = math.ceil(args.max_steps / steps) if args.max_steps > 0 else max(1, int(passes * rows / size))
        return Draws(count, size, count * size, steps)
    size = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    if method == "ppo":
        steps = Fraction(args.num_ppo_epochs * args.num_mini_batches)
        if args.max_steps > 0:
            count = math.ceil(args.max_steps / steps)
        else:
            count = math.ceil((args.total_episodes or passes * rows) / Fraction(size))
        return Draws(count, size, count * size, steps)
    size *= max(1, args.n_gpu)
    total = args.max_steps * size if args.max_steps > 0 else max(1, round(passes * rows))
    if args.dataloader_drop_last:
        total = max(1, total // size) * size
    return Draws(math.ceil(total / size), size, total, Fraction(1))


def lay_out(difficulty: np.ndarray, draws: Draws, stages: int, seed: int) -> tuple[list[int], list[Stage]]:
    """The rows' places in the order of training, shape (draws.total,), and the stages.

    Stages begin with a draw, so that none mixes two. The sorted rows are cut in proportion to what each stage takes: where
    that is all rows a whole number of times, each row comes exactly as often.
    """
    order = np.argsort(difficulty, kind="stable")
    random = np.random.default_rng(seed)
    firsts = [part[0] for part in np.array_split(np.arange(draws.count), stages)]
    edges = [min(int(first) * draws.rows, draws.total) for first in firsts] + [draws.total]
    cuts = cuts_of(edges, len(order))
    places: list[int] = []
    found = []
    for number in range(stages):
        pool = order[cuts[number] : cuts[number + 1]]
        wanted = edges[number + 1] - edges[number]
        passes = [random.permutation(pool) for _ in range(math.ceil(wanted / len(pool)))]
        places += np.concatenate(passes)[:wanted].tolist()
        begins = int(firsts[number] * draws.steps) + 1
        found.append(Stage(number + 1, begins, float(difficulty[pool[0]]), float(difficulty[pool[-1]]), len(pool)))
    return places, found


def cuts_of(edges: Sequence[int], rows: int) -> list[int]:
    """The edges of the stages in `rows` sorted rows, in proportion to those in the run's rows; each stage has one at least."""
    cuts = [round(edge * rows / edges[-1]) for edge in edges]
    last = len(cuts) - 1
    for number in range(1, last):
        cuts[number] = min(max(cuts[number], cuts[number - 1] + 1), rows - (last - number))
    return cuts


def keep_order(method: str, args: Any) -> None:
    """Tell the trainer to take the rows once, as they lie."""
    if method in GROUPED:
        args.shuffle_dataset = False
    else:
        args.train_sampling_strategy = "sequential"
    args.num_train_epochs = 1
