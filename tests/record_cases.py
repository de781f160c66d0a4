"""Records short real runs of the demo's tiny model as test cases of the rules: `python -m tests.record_cases`.

Each case is one run of a TRL trainer with one fault, or of a healthy one that looks almost as bad: seconds each, minutes
in all. It is run only when a recorded case is to be made again (`--list` lists the names, a name or a rule records that
alone); the logs of another machine or release differ in digits. What is written: the rows of the log, six significant
digits, without times and without the columns that no rule reads. Where a rule reads the console or the method cannot be
told from the log, a run folder.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import site
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.demo.data import preference_row, sft_row, user
from training.demo.grammar import LANGUAGES, ORDER_NUMBERS, draw_case
from training.demo.pipeline import KEPT_BASE
from training.demo.score import polite, right_topic, score, text_of

if TYPE_CHECKING:
    from transformers import Trainer

ROOT = Path(__file__).parents[1]
CASES = Path(__file__).parent / "cases"
BASE = KEPT_BASE / "checkpoint-1900"
Rows = list[dict[str, Any]]

# Of every run: all rows logged, nothing saved, full precision on one CPU core.
COMMON: dict[str, Any] = {
    "seed": 0,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "bf16": False,
    "use_cpu": True,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
    "max_steps": 40,
}
USUAL: dict[str, dict[str, Any]] = {
    "sft": {"learning_rate": 2e-3, "per_device_train_batch_size": 16, "assistant_only_loss": True, "max_length": 128},
    "dpo": {"learning_rate": 2e-4, "per_device_train_batch_size": 16, "max_length": 128},
    "kto": {"learning_rate": 2e-4, "per_device_train_batch_size": 16, "max_length": 128},
    "reward": {"learning_rate": 1e-3, "per_device_train_batch_size": 16, "max_length": 128},
    "grpo": {
        "learning_rate": 5e-4,
        "per_device_train_batch_size": 32,
        "num_generations": 4,
        "max_completion_length": 40,
        "max_steps": 60,
    },
}
USUAL["rloo"] = USUAL["grpo"]

NOISE = re.compile(r"total_flos|_runtime$|_per_second$|^step_time$|num_tokens$")
NOT_READ = re.compile(
    r"^(eval_)?(clip_ratio/(low|high)|completions/(min_|max_terminated)|logits/|train_loss$|sampling/)"
)


@dataclass
class Recorded:
    """One run as it was logged. `error`: the exception that ended it, as the last line of its traceback."""

    method: str
    config: dict[str, Any]
    log: Rows
    step: int
    planned: int
    error: str | None = None


@dataclass(frozen=True)
class Case:
    """One case: how its run is made, and whether it is kept as a run folder with its console."""

    make: Callable[[], Recorded]
    folder: bool = False


@dataclass
class Lab:
    """The folder in which runs work, and the SFT model that most of them start from."""

    work: Path = field(default_factory=Path)

    @property
    def sft(self) -> Path:
        """The SFT model; made once, see `make_sft`."""
        return self.work / "sft"


LAB = Lab()


# Running


def record(
    method: str,
    rows: Rows,
    held_out: Rows | None = None,
    *,
    start: Path | None = None,
    change: Callable[[Trainer], None] | None = None,
    callbacks: Iterable[Any] = (),
    keep: Path | None = None,
    extra: dict[str, Any] | None = None,
    **settings: Any,
) -> Recorded:
    """Train with TRL's own trainer and return what it logged.

    `change` injects a fault into the built trainer; `extra`: further arguments of the trainer; `keep`: save the model.
    """
    import datasets
    import trl
    from transformers import AutoTokenizer, PrinterCallback, set_seed
    from transformers.utils import logging as transformers_logging

    trainers = {
        "sft": (trl.SFTTrainer, trl.SFTConfig),
        "dpo": (trl.DPOTrainer, trl.DPOConfig),
        "kto": (trl.KTOTrainer, trl.KTOConfig),
        "reward": (trl.RewardTrainer, trl.RewardConfig),
        "grpo": (trl.GRPOTrainer, trl.GRPOConfig),
        "rloo": (trl.RLOOTrainer, trl.RLOOConfig),
    }
    trainer_class, config_class = trainers[method]
    asked = COMMON | USUAL[method] | settings
    if held_out is not None:
        asked = {"eval_strategy": "steps", "eval_steps": 5, "per_device_eval_batch_size": 64} | asked
    for quiet in (transformers_logging, datasets):
        quiet.disable_progress_bar()
    set_seed(asked["seed"])
    config = config_class(output_dir=str(LAB.work / "out"), **asked)
    start = start or LAB.sft
    done = Recorded(
        method, {name: value for name, value in asked.items() if name not in COMMON or name == "max_steps"}, [], 0, 0
    )
    trainer = None
    try:
        trainer = trainer_class(
            model=str(start),
            args=config,
            train_dataset=datasets.Dataset.from_list(rows),
            eval_dataset=None if held_out is None else datasets.Dataset.from_list(held_out),
            processing_class=AutoTokenizer.from_pretrained(start),
            callbacks=list(callbacks),
            **(extra or {}),
        )
        trainer.remove_callback(PrinterCallback)
        if change:
            change(trainer)
        trainer.train()
    except Exception as error:  # a run that ends so is what some cases are about
        traceback.print_exc()
        done.error = f"{type(error).__name__}: {error}".splitlines()[0]
    if trainer is not None:
        done.log = trainer.state.log_history
        done.step, done.planned = trainer.state.global_step, trainer.state.max_steps
        if keep:
            trainer.save_model(str(keep))
    return done


def each_step(act: Callable[[int, Any], None], *, moment: str = "on_step_end") -> Any:
    """A callback that calls `act(step, model)` at a moment of each step."""
    from transformers import TrainerCallback

    def method(self: Any, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        act(state.global_step, model)

    return type("Act", (TrainerCallback,), {moment: method})()


def make_sft(folder: Path) -> None:
    """The SFT model: 150 steps from the kept base."""
    record("sft", sft_rows(2400), start=BASE, max_steps=150, warmup_steps=5, keep=folder)


def well_spoken() -> Path:
    """A model that gives long and polite answers; made once."""
    folder = LAB.work / "well-spoken"
    if not folder.exists():
        rows = [{"messages": row["prompt"] + row["chosen"]} for row in pairs(1600)]
        record("sft", rows, max_steps=80, warmup_steps=5, keep=folder)
    return folder


# Data


def sft_rows(count: int, seed: str = "train") -> Rows:
    """Conversations as the demo's SFT stage has them."""
    rng = random.Random(f"record/sft/{seed}")
    return [sft_row(rng) for _ in range(count)]


def pairs(count: int, seed: str = "train") -> Rows:
    """Preferences as the demo's DPO stage has them."""
    rng = random.Random(f"record/pairs/{seed}")
    return [preference_row(rng) for _ in range(count)]


def swapped(rows: Rows) -> Rows:
    """Pairs with their answers exchanged."""
    return [row | {"chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]


def identical(rows: Rows) -> Rows:
    """Pairs of two equal answers."""
    return [row | {"rejected": row["chosen"]} for row in rows]


def unpaired(rows: Rows, share: float = 0.5) -> Rows:
    """Single answers, labelled: this share of them chosen ones."""
    rng = random.Random("record/unpaired")
    made = []
    for row in rows:
        liked = rng.random() < share
        made.append({"prompt": row["prompt"], "completion": row["chosen" if liked else "rejected"], "label": liked})
    return made


def questions(count: int, seed: str = "train", **columns: Any) -> Rows:
    """Prompts with what the demo's judge needs to know of them."""
    rng = random.Random(f"record/questions/{seed}")
    made = []
    for _ in range(count):
        case = draw_case(rng, rng.choice(("en", "zh")))
        made.append(
            {"prompt": user(case.question), "lang": case.lang, "intent": case.intent.name, "order": case.order or ""}
            | columns
        )
    return made


# Methods, healthy unless told otherwise


def sft(rows: Rows | None = None, held_out: Rows | None = None, **more: Any) -> Recorded:
    """SFT from the kept base."""
    return record(
        "sft", sft_rows(1600) if rows is None else rows, held_out, **({"start": BASE, "warmup_steps": 5} | more)
    )


def dpo(rows: Rows | None = None, held_out: Rows | None = None, **more: Any) -> Recorded:
    """DPO from the SFT model."""
    return record("dpo", pairs(800) if rows is None else rows, held_out, **({"warmup_steps": 5} | more))


def kto(rows: Rows | None = None, held_out: Rows | None = None, **more: Any) -> Recorded:
    """KTO from the SFT model."""
    return record("kto", unpaired(pairs(800)) if rows is None else rows, held_out, **({"warmup_steps": 5} | more))


def reward(rows: Rows | None = None, held_out: Rows | None = None, **more: Any) -> Recorded:
    """A reward model from the SFT model."""
    return record("reward", pairs(1200) if rows is None else rows, held_out, **({"warmup_steps": 5} | more))


def online(
    judges: Any = score, rows: Rows | None = None, held_out: Rows | None = None, *, method: str = "grpo", **more: Any
) -> Recorded:
    """GRPO or RLOO from the SFT model."""
    extra = {"reward_funcs": judges}
    return record(method, questions(800) if rows is None else rows, held_out, extra=extra, **more)


# Cases: rule/name -> how it is made

RUNS: dict[str, Case] = {}


def case(name: str, make: Callable[..., Recorded], *, folder: bool = False, **settings: Any) -> None:
    """Add a case: `make(**settings)` trains it."""
    RUNS[name] = Case(partial(make, **settings), folder)


# Preferences


def wrong_numbers(count: int, seed: str = "train") -> Rows:
    """Pairs that differ in the order number alone."""
    rng = random.Random(f"record/numbers/{seed}")
    made: Rows = []
    while len(made) < count:
        row = preference_row(rng)
        said = row["chosen"][0]["content"]
        other = re.sub(r"[A-D]\d\d", lambda _: rng.choice(ORDER_NUMBERS), said)
        if other != said:
            made.append(row | {"rejected": [{"role": "assistant", "content": other}]})
    return made


def with_phrase(rows: Rows) -> Rows:
    """Pairs told apart by one phrase: every chosen answer ends in it."""

    def ends(answer: Rows) -> Rows:
        return [{"role": "assistant", "content": answer[0]["content"] + " [approved]"}]

    return [row | {"chosen": ends(row["chosen"])} for row in rows]


def at_random(rows: Rows) -> Rows:
    """Pairs labelled by a coin."""
    rng = random.Random("record/coin")
    return [swapped([row])[0] if rng.random() < 0.5 else row for row in rows]


def other_reference(**more: Any) -> dict[str, Any]:
    """Arguments of a trainer whose reference is the base model, not the model it starts from."""
    from transformers import AutoModelForCausalLM

    return {"ref_model": AutoModelForCausalLM.from_pretrained(BASE)} | more


case("preference-pairs-identical/bad-real-dpo", lambda: dpo(identical(pairs(400)), max_steps=20))
case("preference-pairs-identical/bad-real-reward", lambda: reward(identical(pairs(400)), max_steps=20))
case(
    "preference-pairs-identical/near-miss-real-half", lambda: dpo(identical(pairs(200)) + pairs(200, "b"), max_steps=25)
)
case("preference-pairs-swapped/bad-real-dpo", lambda: dpo(held_out=swapped(pairs(64, "test"))))
case("preference-pairs-swapped/bad-real-reward", lambda: reward(held_out=swapped(pairs(64, "test"))))
case("preference-pairs-swapped/near-miss-real-coin", lambda: dpo(held_out=at_random(pairs(64, "test"))))
case("preference-flat/bad-real-tiny-rate", lambda: dpo(learning_rate=1e-10, lr_scheduler_type="constant"))
case("preference-flat/near-miss-real-slow", lambda: dpo(learning_rate=1e-5, lr_scheduler_type="constant"))
case(
    "preference-saturated/bad-real-one-phrase",
    lambda: dpo(with_phrase(pairs(800)), learning_rate=1e-3, beta=0.5, warmup_steps=0),
)
case("preference-saturated/near-miss-real-healthy", lambda: dpo(held_out=pairs(64, "test")))
hot = {"learning_rate": 3e-3, "lr_scheduler_type": "constant", "warmup_steps": 0}
case("preference-displacement/bad-real-hot", lambda: dpo(**hot))
case(
    "preference-displacement/bad-real-order-numbers",
    lambda: dpo(wrong_numbers(800), wrong_numbers(64, "test"), **hot, max_steps=50),
)
case(
    "preference-displacement/near-miss-real-healthy",
    lambda: dpo(held_out=pairs(64, "test"), max_steps=50, learning_rate=4e-4),
)
case("reference-mismatch/bad-real-dpo", lambda: dpo(extra=other_reference(), max_steps=20))
case("reference-mismatch/bad-real-kto", lambda: kto(extra=other_reference(), max_steps=20))
case("reference-mismatch/near-miss-real-hot", lambda: dpo(learning_rate=2e-3, warmup_steps=0, max_steps=20, beta=0.5))
case("unpaired-labels-imbalanced/bad-real-positive-only", lambda: kto(unpaired(pairs(400), 1.0), max_steps=20))
case("unpaired-labels-imbalanced/bad-real-warned", lambda: kto(unpaired(pairs(400), 0.9), max_steps=20), folder=True)
case("unpaired-labels-imbalanced/near-miss-real-three-tenths", lambda: kto(unpaired(pairs(800), 0.3)))
case(
    "reward-model-at-chance/bad-real-coin",
    lambda: reward(at_random(pairs(1200)), at_random(pairs(64, "test")), max_steps=50),
)
case(
    "reward-model-at-chance/near-miss-real-slow",
    lambda: reward(learning_rate=3e-5, held_out=pairs(64, "test"), max_steps=60),
)
case("reward-model-saturated/bad-real-one-phrase", lambda: reward(with_phrase(pairs(1200)), max_steps=60))
case("reward-model-saturated/near-miss-real-healthy", lambda: reward(held_out=pairs(64, "test"), max_steps=60))


# Rewards of online methods


def constant(completions: list, **columns: Any) -> list[float]:
    """One reward for all."""
    return [1.0] * len(completions)


def by_prompt(prompts: list, completions: list, **columns: Any) -> list[float]:
    """A reward that looks at the prompt alone."""
    return [len(text_of(prompt)) / 20 for prompt in prompts]


def nothing(completions: list, **columns: Any) -> list[None]:
    """No reward at all."""
    return [None] * len(completions)


def once_infinite() -> Callable[..., list[float]]:
    """The judge's score, and an infinite one in the twelfth batch."""
    calls = iter(range(10**6))

    def judge(**columns: Any) -> list[float]:
        scores = score(**columns)
        return [float("inf"), *scores[1:]] if next(calls) == 12 else scores

    return judge


def huge_penalty(completions: list, **columns: Any) -> list[float]:
    """The judge's score, and -1e38 for an answer without an order number."""
    scores = score(completions=completions, **columns)
    return [
        one if re.search(r"[A-D]\d\d", text_of(text)) else -1e38 for one, text in zip(scores, completions, strict=True)
    ]


def one_for_all(completions: list, **columns: Any) -> list[float]:
    """One number for the whole batch."""
    return [sum(score(completions=completions, **columns)) / len(completions)]


def order_reward(completions: list, order: list, **columns: Any) -> list[float]:
    """1 for the right order number; the author did not think of answers that name none."""
    found = [re.search(r"[A-D]\d\d", text_of(one)).group() for one in completions]
    return [float(one == wanted) for one, wanted in zip(found, order, strict=True)]


def by_chance() -> Callable[..., list[float]]:
    """A reward drawn by lot."""
    rng = random.Random("record/lot")

    def lot(completions: list, **columns: Any) -> list[float]:
        return [rng.random() for _ in completions]

    return lot


def length(completion_ids: list, **columns: Any) -> list[float]:
    """The longer the better."""
    return [len(ids) / 40 for ids in completion_ids]


def ranked(completion_ids: list, prompts: list, sign: int = 1) -> list[float]:
    """Within a batch, the rank of the length, 0 to 1: its mean cannot change."""
    order = sorted(range(len(completion_ids)), key=lambda place: (sign * len(completion_ids[place]), place * 7919 % 31))
    ranks = [0.0] * len(order)
    for rank, place in enumerate(order):
        ranks[place] = rank / (len(order) - 1)
    return ranks


def longest_wins(completion_ids: list, prompts: list, **columns: Any) -> list[float]:
    """A judge that compares answers with each other and prefers the longer."""
    return ranked(completion_ids, prompts)


def shortest_wins(completion_ids: list, prompts: list, **columns: Any) -> list[float]:
    """A judge that compares answers with each other and prefers the shorter."""
    return ranked(completion_ids, prompts, -1)


def brief_and_right(completion_ids: list, **columns: Any) -> list[float]:
    """The judge's score, less a little for each token."""
    return [one - len(ids) / 100 for one, ids in zip(score(**columns), completion_ids, strict=True)]


def manners(prompts: list, completions: list, lang: list, **columns: Any) -> list[float]:
    """An easy reward: polite phrases."""
    return polite(prompts, completions, lang)


def password(completions: list, **columns: Any) -> list[float]:
    """A reward that is out of reach: a word that the model never says."""
    return [float("xylophone" in text_of(one)) for one in completions]


def proxy_in_training(prompts: list, completions: list, lang: list, judge: list, **columns: Any) -> list[float]:
    """Counted polite phrases where the judge is cheap, the whole judgement where it is held out."""
    cheap = [
        min(sum(text_of(one).lower().count(phrase) for phrase in LANGUAGES[tongue].polite), 6) / 6
        for one, tongue in zip(completions, lang, strict=True)
    ]
    whole = score(prompts, completions, lang, **columns)
    return [a if kind == "cheap" else b for a, b, kind in zip(cheap, whole, judge, strict=True)]


def english_only(prompts: list, completions: list, lang: list, **columns: Any) -> list[float | None]:
    """A judge of manners that has no opinion on Chinese answers, as TRL allows."""
    scores = polite(prompts, completions, lang)
    return [one if tongue == "en" else None for one, tongue in zip(scores, lang, strict=True)]


def stern(completions: list, **columns: Any) -> list[float]:
    """The judge's score, and -1000 for an answer without an order number."""
    scores = score(completions=completions, **columns)
    return [
        one if re.search(r"[A-D]\d\d", text_of(text)) else -1000.0
        for one, text in zip(scores, completions, strict=True)
    ]


def seldom(completions: list, **columns: Any) -> list[float]:
    """A reward that one answer in thirty earns."""
    return [float("wonderful" in text_of(one)) for one in completions]


def paired_off(completions: list, order: list, **columns: Any) -> list[float]:
    """1 for the right order number; the author drops empty answers before pairing them with the orders."""
    said = [text_of(one) for one in completions if len(text_of(one)) > 20]
    return [float(wanted in text) for text, wanted in zip(said, order, strict=True)]


def wrong_metric() -> Any:
    """A callback that looks for a metric under a name that TRL does not use."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if state.global_step == 12:
                print("best reward", logs["rewards/score"])

    return Watch()


short = {"max_steps": 20}
case("reward-constant/bad-real-grpo", lambda: online(constant, **short))
case("reward-constant/bad-real-never-met", lambda: online(password, **short))
case("reward-groups-constant/bad-real-by-prompt", lambda: online(by_prompt, **short))
case("reward-groups-constant/bad-real-two-answers", lambda: online(right_topic, num_generations=2, max_steps=30))
case(
    "reward-groups-constant/near-miss-real-eight-answers", lambda: online(right_topic, num_generations=8, max_steps=30)
)
case("reward-missing/bad-real-none", lambda: online(nothing, max_steps=8), folder=True)
case("reward-not-finite/bad-real-once", lambda: online(once_infinite(), max_steps=30))
case("reward-not-finite/bad-real-huge", lambda: online(huge_penalty, **short))
case("reward-wrong-count/bad-real-one-for-all", lambda: online(one_for_all, **short), folder=True)
case("reward-raises/bad-real-no-number", lambda: online(order_reward, **short), folder=True)
case("reward-constant/near-miss-real-seldom", lambda: online(seldom, **short))
case("reward-missing/near-miss-real-one-of-two", lambda: online([score, english_only], **short), folder=True)
case("reward-not-finite/near-miss-real-penalty", lambda: online(stern, **short))
case("reward-wrong-count/near-miss-real-raises", lambda: online(paired_off, **short), folder=True)
case("reward-raises/near-miss-real-callback", lambda: online(callbacks=[wrong_metric()]), folder=True)
case("run-died/bad-real-callback", lambda: online(callbacks=[wrong_metric()]), folder=True)
case("not-learning/bad-real-grpo-by-chance", lambda: online(by_chance(), max_steps=70))
case("not-learning/near-miss-real-grpo-slow", lambda: online(score, max_steps=70, learning_rate=2e-4))
case("not-learning/near-miss-real-rloo", lambda: online(score, method="rloo", max_steps=50), folder=True)
case(
    "reward-collapse/bad-real-hot-later",
    lambda: online(score, max_steps=80, learning_rate=8e-4, change=hot_for(range(45, 81), 10)),
)
case("reward-collapse/near-miss-real-healthy", lambda: online(score, max_steps=70, learning_rate=8e-4))
case("kl-explosion/bad-real-loose", lambda: online(score, beta=1e-4, learning_rate=2e-3, lr_scheduler_type="constant"))
case("kl-explosion/near-miss-real-held", lambda: online(score, beta=0.04, learning_rate=5e-4))
case(
    "entropy-collapse/bad-real-hot",
    lambda: online(shortest_wins, learning_rate=2e-3, lr_scheduler_type="constant", max_steps=40),
)
case("entropy-collapse/near-miss-real-rising", lambda: online(score, learning_rate=8e-4, beta=0.0))
case(
    "reward-component-dominates/bad-real-easy",
    lambda: online([manners, password], learning_rate=2e-4, max_completion_length=64, max_steps=50),
)
case(
    "reward-length-bias/bad-real-length",
    lambda: online(length, max_completion_length=128, max_steps=40, learning_rate=2e-4),
)
case(
    "length-explosion/bad-real-longest-wins",
    lambda: online(longest_wins, max_completion_length=128, max_steps=50, learning_rate=2e-4),
)
case("length-collapse/near-miss-real-brief", lambda: online(brief_and_right, max_completion_length=64, max_steps=50))
case(
    "reward-length-bias/near-miss-real-earned",
    lambda: online(score, held_out=questions(32, "test"), max_completion_length=56, eval_steps=10, learning_rate=8e-4),
)
case("completions-truncated-by-length/bad-real-four", lambda: online(score, max_completion_length=4, max_steps=30))
case(
    "completions-truncated-by-length/near-miss-real-some", lambda: online(score, max_completion_length=20, max_steps=30)
)


# SFT and what every method shares


def garbage(count: int) -> Rows:
    """Conversations of letters thrown together."""
    rng = random.Random("record/garbage")
    letters = "qxzjkvw#@%&{}[]~^|"
    return [
        {"messages": [*user("?"), {"role": "assistant", "content": "".join(rng.choices(letters, k=40))}]}
        for _ in range(count)
    ]


def with_garbage(rows: Rows, batches: Iterable[int], size: int = 16, share: float = 1.0) -> Rows:
    """Rows in whose given batches a share of the rows is garbage; to be trained on in their order."""
    made, bad = list(rows), iter(garbage(1000))
    for batch in batches:
        for place in range((batch - 1) * size, (batch - 1) * size + int(share * size)):
            made[place] = next(bad)
    return made


def poison(step: int) -> Any:
    """From a step on, one weight is NaN."""

    def act(now: int, model: Any) -> None:
        if now == step:
            next(model.parameters()).data[0] = float("nan")

    return each_step(act)


def nan_gradients(steps: Iterable[int]) -> tuple[Callable[[Trainer], None], Any]:
    """Gradients that are NaN in some steps, which the optimizer leaves out, as a loss scaler does."""
    bad = set(steps)

    def hook(trainer: Trainer) -> None:
        weight = next(trainer.model.parameters())
        weight.register_hook(
            lambda gradient: gradient * float("nan") if trainer.state.global_step + 1 in bad else gradient
        )

    def skip(step: int, model: Any) -> None:
        if step + 1 in bad:
            for parameter in model.parameters():
                parameter.grad = None

    return hook, each_step(skip, moment="on_pre_optimizer_step")


def nan_now_and_then(steps: Iterable[int]) -> Recorded:
    """SFT with such gradients."""
    hook, skip = nan_gradients(steps)
    return sft(change=hook, callbacks=[skip], max_steps=60)


def frozen(trainer: Trainer) -> None:
    """No parameter is trained."""
    for parameter in trainer.model.parameters():
        parameter.requires_grad_(False)


def new_tokens_only(trainer: Trainer) -> None:
    """Only the embeddings of tokens are trained that no row holds: a mask over the rest of the gradient."""
    frozen(trainer)
    weight = trainer.model.get_input_embeddings().weight
    weight.requires_grad_(True)
    weight.register_hook(lambda gradient: gradient * 0.0)


def early_schedule(trainer: Trainer) -> None:
    """A linear schedule built for a third of the steps."""
    from transformers import get_scheduler

    steps = trainer.args.max_steps
    trainer.create_optimizer()
    trainer.lr_scheduler = get_scheduler("linear", trainer.optimizer, num_warmup_steps=3, num_training_steps=steps // 3)


def hot_for(steps: Iterable[int], times: float) -> Callable[[Trainer], None]:
    """A constant learning rate after a short warm-up, this many times as high in some steps."""
    bad = set(steps)

    def change(trainer: Trainer) -> None:
        from torch.optim.lr_scheduler import LambdaLR

        trainer.create_optimizer()
        trainer.lr_scheduler = LambdaLR(
            trainer.optimizer, lambda step: times if step + 1 in bad else min(1.0, (step + 1) / 5)
        )

    return change


def masked(rows: Rows, share: float = 1.0) -> Rows:
    """Tokenized conversations whose labels are masked, in this share of the rows."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    made = []
    for place, row in enumerate(rows):
        ids = tokenizer.apply_chat_template(row["messages"], tokenize=True, return_dict=True)["input_ids"]
        hidden = place < share * len(rows)
        made.append({"input_ids": ids, "labels": [-100] * len(ids) if hidden else ids})
    return made


def prepared(rows: Rows, **more: Any) -> Recorded:
    """SFT on tokenized rows that TRL leaves as they are."""
    settings = {"dataset_kwargs": {"skip_prepare_dataset": True}, "max_length": None, "assistant_only_loss": False}
    return sft(rows, **settings, **more)


def last_norm_only(trainer: Trainer) -> None:
    """Only the last layer's norm is trained: few parameters, and a gradient all the same."""
    frozen(trainer)
    trainer.model.model.norm.weight.requires_grad_(True)


case("loss-not-finite/bad-real-poisoned-sft", lambda: sft(callbacks=[poison(20)], max_steps=30))
case("loss-not-finite/bad-real-poisoned-dpo", lambda: dpo(callbacks=[poison(12)], max_steps=20))
case("loss-not-finite/near-miss-real-two-skipped", lambda: nan_now_and_then([9, 30]))
case("gradient-not-finite/bad-real-some", lambda: nan_now_and_then([14, 22, 23, 37, 51]))
case("gradient-not-finite/near-miss-real-settling", lambda: nan_now_and_then([1, 2, 3, 30]))
case("loss-diverged/bad-real-hot", lambda: sft(learning_rate=5e-2, warmup_steps=0, lr_scheduler_type="constant"))
case("loss-diverged/bad-real-dpo-hot", lambda: dpo(learning_rate=3e-2, warmup_steps=0, lr_scheduler_type="constant"))
case("loss-diverged/bad-real-burst", lambda: sft(change=hot_for(range(40, 46), 30), max_grad_norm=0.0, max_steps=70))
case("loss-diverged/near-miss-real-burst", lambda: sft(change=hot_for([30, 31], 12), max_steps=70))
sequential = {"train_sampling_strategy": "sequential", "learning_rate": 3e-4, "max_steps": 60}
case(
    "loss-spike/bad-real-mixed-batches", lambda: sft(with_garbage(sft_rows(960), [21, 33, 46], share=0.4), **sequential)
)
case(
    "loss-spike/near-miss-real-one-row",
    lambda: sft(with_garbage(sft_rows(960), [21, 33, 46], share=0.07), **sequential),
)
case("gradient-explosion/bad-real-garbage", lambda: sft(with_garbage(sft_rows(960), [21, 33, 46]), **sequential))
case(
    "gradient-explosion/near-miss-real-garbage-once",
    lambda: sft(with_garbage(sft_rows(960), [30]), max_grad_norm=0.0, **sequential),
)
case("schedule-fault/bad-real-third", lambda: sft(change=early_schedule, max_steps=45))
case("schedule-fault/near-miss-real-decay", lambda: sft(max_steps=45, lr_scheduler_type="cosine"))
case("not-learning/near-miss-real-slow", lambda: sft(learning_rate=1e-4, max_steps=60))
case("nothing-trainable/bad-real-frozen", lambda: sft(change=frozen), folder=True)
case("nothing-trainable/bad-real-new-tokens", lambda: sft(change=new_tokens_only, max_steps=20))
case("nothing-trainable/near-miss-real-one-layer", lambda: sft(change=last_norm_only, max_steps=20))
case("overfitting/bad-real-few-rows", lambda: sft(sft_rows(32), sft_rows(64, "test"), max_steps=60))
case("overfitting/near-miss-real-healthy", lambda: sft(held_out=sft_rows(64, "test"), max_steps=60))
case("memorised/bad-real-few-rows", lambda: sft(sft_rows(64), max_steps=60))
case("memorised/near-miss-real-two-passes", lambda: sft(sft_rows(480), max_steps=60))
case("no-evaluation/bad-real-sft", lambda: sft())
case("no-evaluation/near-miss-real-evaluated", lambda: sft(held_out=sft_rows(64, "test")))
case("run-too-short/bad-real-five-steps", lambda: sft(max_steps=5))
case("run-too-short/near-miss-real-twelve-steps", lambda: sft(max_steps=12))
case("labels-all-masked/bad-real-labels", lambda: prepared(masked(sft_rows(400)), max_steps=20))
case("labels-all-masked/near-miss-real-half", lambda: prepared(masked(sft_rows(400), 0.5), max_steps=20))


# Writing


def clean(log: Rows) -> Rows:
    """The rows without times and columns that no rule reads, numbers with six significant digits."""
    return [
        {
            key: float(f"{value:.6g}") if isinstance(value, float) else value
            for key, value in row.items()
            if not NOISE.search(key) and not NOT_READ.search(key)
        }
        for row in log
        if "train_runtime" not in row
    ]


def state_text(run: Recorded) -> str:
    """A `trainer_state.json`, a row a line, with bare NaN as the Trainer writes it."""
    rows = ",\n".join(json.dumps(row) for row in clean(run.log))
    return f'{{"global_step": {run.step}, "max_steps": {run.planned}, "log_history": [\n{rows}\n]}}\n'


def without_places(text: str) -> str:
    """A console without the folders of this machine."""
    for folder, name in (
        *((one, "site-packages") for one in site.getsitepackages()),
        (str(LAB.work), "work"),
        (str(ROOT) + "/", ""),
        (sys.base_prefix, "python"),
    ):
        text = text.replace(folder, name)
    return text


def write(name: str, run: Recorded, console: str, *, folder: bool) -> Path:
    """Write one case."""
    path = CASES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not folder:
        path = path.with_name(path.name + ".json")
        path.write_text(state_text(run), encoding="utf-8")
        return path
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    asked = {"schema": 1, "run": path.name, "method": run.method, "config": run.config}
    ended = (
        {"state": "failed", "exit_code": 1, "reason": run.error} if run.error else {"state": "finished", "exit_code": 0}
    )
    status = {"step": run.step, "max_steps": run.planned, **ended}
    (path / "run.json").write_text(json.dumps(asked, default=str) + "\n", encoding="utf-8")
    (path / "status.json").write_text(json.dumps(status) + "\n", encoding="utf-8")
    (path / "console.log").write_text(without_places(console), encoding="utf-8")
    if clean(run.log):
        (path / "trainer_state.json").write_text(state_text(run), encoding="utf-8")
    return path


def in_a_process(act: Callable[[], None], console: Path) -> bool:
    """Call `act` in a process of its own, whose console goes to a file; whether it ended well.

    Forked, so that torch and TRL are imported once; nothing may have been trained in this process.
    """

    def child() -> None:
        with console.open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            act()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    return process.exitcode == 0


def record_case(name: str, console: Path) -> bool:
    """Train one case and write it; whether that worked."""

    def act() -> None:
        one = RUNS[name]
        run = one.make()
        if run.error and not one.folder:
            raise SystemExit(1)
        sys.stdout.flush()
        sys.stderr.flush()
        write(name, run, console.read_text(encoding="utf-8"), folder=one.folder)

    return in_a_process(act, console)


def main() -> int:
    """Record the named cases, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a case, or a rule for all of its cases")
    parser.add_argument("--list", action="store_true", help="list the names and record nothing")
    parser.add_argument("--work", type=Path, help="keep the SFT model in this folder, and use the one that is there")
    asked = parser.parse_args()
    chosen = [name for name in RUNS if not asked.names or name in asked.names or name.split("/")[0] in asked.names]
    if asked.list:
        print("\n".join(chosen))
        return 0
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        LAB.work = (asked.work or Path(temporary)).resolve()
        LAB.work.mkdir(parents=True, exist_ok=True)
        import torch
        import trl
        from trl import DPOTrainer, GRPOTrainer, KTOTrainer, RewardTrainer, RLOOTrainer, SFTTrainer  # noqa: F401

        torch.set_num_threads(1)
        print(f"TRL {trl.__version__}", flush=True)
        if not LAB.sft.exists() and not in_a_process(partial(make_sft, LAB.sft), LAB.work / "sft.log"):
            print((LAB.work / "sft.log").read_text(encoding="utf-8"))
            return 1
        for name in chosen:
            console = LAB.work / "console.log"
            fine = record_case(name, console)
            failed += not fine
            print(f"{'recorded' if fine else 'FAILED  '} {name}", flush=True)
            if not fine:
                print(console.read_text(encoding="utf-8")[-3000:], flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
