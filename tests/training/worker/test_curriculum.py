"""Curriculum: the order and the boundaries, each row as often as the run takes it, and runs that really go that way."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoTokenizer

from diagnostics.run import open_run
from diagnostics.run.status import read_status
from tests.training.worker.runs import train, write_rows
from training.request import BadRequest, ClinicArguments
from training.worker.curriculum import Draws, draws_of, easy_to_hard, lay_out
from training.worker.difficulty import batches, difficulty_of, encode


def arguments(**changes: Any) -> SimpleNamespace:
    plain = {
        "max_steps": -1, "num_train_epochs": 1.0, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1,
        "world_size": 1, "n_gpu": 0, "process_index": 0, "seed": 0, "dataloader_drop_last": False, "report_to": ["tensorboard"],
        "train_sampling_strategy": "random", "max_length": 1024, "device": "cpu", "model_init_kwargs": None,
    }  # fmt: skip
    return SimpleNamespace(**{**plain, **changes})


GENERATIONS = {"generation_batch_size": 16, "num_generations": 4, "num_iterations": 1, "steps_per_generation": 4}


@pytest.mark.parametrize(
    ("method", "changes", "expected"),
    [
        ("sft", {}, Draws(25, 4, 100, Fraction(1))),
        ("sft", {"per_device_train_batch_size": 8}, Draws(13, 8, 100, Fraction(1))),
        ("sft", {"per_device_train_batch_size": 8, "dataloader_drop_last": True}, Draws(12, 8, 96, Fraction(1))),
        ("dpo", {"max_steps": 7, "gradient_accumulation_steps": 2, "world_size": 3}, Draws(7, 24, 168, Fraction(1))),
        ("kto", {"num_train_epochs": 2.5, "n_gpu": 2}, Draws(32, 8, 250, Fraction(1))),
        ("grpo", {**GENERATIONS, "gradient_accumulation_steps": 4}, Draws(25, 4, 100, Fraction(1))),
        ("rloo", {**GENERATIONS, "gradient_accumulation_steps": 2, "max_steps": 7}, Draws(4, 4, 16, Fraction(2))),
        ("grpo", {**GENERATIONS, "num_iterations": 2, "max_steps": 16}, Draws(2, 4, 8, Fraction(8))),
        ("grpo", {**GENERATIONS, "generation_batch_size": 24, "num_train_epochs": 1}, Draws(16, 6, 96, Fraction(4))),
        ("ppo", {"num_ppo_epochs": 2, "num_mini_batches": 2, "max_steps": 10, "total_episodes": None}, Draws(3, 4, 12, Fraction(4))),
        ("ppo", {"num_ppo_epochs": 2, "num_mini_batches": 1, "total_episodes": 30, "world_size": 2}, Draws(4, 8, 32, Fraction(2))),
    ],
)  # fmt: skip
def test_what_a_run_takes(method: str, changes: dict[str, Any], expected: Draws) -> None:
    assert draws_of(method, arguments(**changes), 100) == expected


@pytest.mark.parametrize("rows", [100, 97, 10])
@pytest.mark.parametrize("stages", [1, 2, 3, 5])
def test_a_whole_epoch_holds_each_row_once_and_stages_ascend(rows: int, stages: int) -> None:
    difficulty = np.random.default_rng(1).permutation(rows).astype(float)
    places, found = lay_out(difficulty, Draws(-(-rows // 2), 2, rows, Fraction(1)), stages, seed=0)
    assert sorted(places) == list(range(rows))
    begins = [2 * (one.begins - 1) for one in found]
    for first, last, stage in zip(begins, [*begins[1:], rows], found, strict=True):
        values = difficulty[places[first:last]]
        assert (values.min(), values.max(), len(values)) == (stage.low, stage.high, stage.rows)
        assert stages == 1 or rows < 20 or list(values) != sorted(values)  # shuffled within the stage
    assert all(one.high <= other.low for one, other in itertools.pairwise(found))


def test_three_epochs_hold_each_row_three_times() -> None:
    places, _ = lay_out(np.arange(12.0), Draws(9, 4, 36, Fraction(1)), 3, seed=0)
    assert set(Counter(places).values()) == {3}
    assert set(places[:12]) == set(range(4))


def test_few_steps_reach_the_hard_rows() -> None:
    places, found = lay_out(np.arange(1000.0), Draws(6, 4, 24, Fraction(1)), 3, seed=0)
    assert len(set(places)) == 24
    assert [one.begins for one in found] == [1, 3, 5]
    assert max(places[:8]) < 333 < min(places[8:16]) < max(places[8:16]) < 667 <= min(places[16:])


def test_the_seed_decides_the_order() -> None:
    draws = Draws(10, 4, 40, Fraction(1))
    one, same, other = (lay_out(np.arange(40.0), draws, 3, seed)[0] for seed in (1, 1, 2))
    assert one == same != other


def test_a_stage_of_generations_begins_with_the_step_that_its_first_generation_is_trained_in() -> None:
    _, found = lay_out(np.arange(40.0), Draws(6, 4, 24, Fraction(8)), 3, seed=0)
    assert [one.begins for one in found] == [1, 17, 33]


TEXTS = Dataset.from_list([{"text": "word " * (n * 7 % 23 + 1), "level": n * 7 % 23} for n in range(23)])


@pytest.fixture(scope="module")
def tokenizer(base_checkpoint: Path) -> Any:
    return AutoTokenizer.from_pretrained(base_checkpoint)


@pytest.mark.parametrize(
    ("clinic", "changes", "said"),
    [
        ({"curriculum": "size"}, {}, "curriculum: 'size' is none; expected length, column:NAME or loss"),
        ({"curriculum": "column:levl"}, {}, "there is no column 'levl', only text, level"),
        ({"curriculum": "column:text"}, {}, r"column 'text', row 0: 'word ' is no number; expected one in each row"),
        ({"curriculum": "length"}, {"packing": True}, "packing joins rows"),
        ({"curriculum": "length"}, {"train_sampling_strategy": "group_by_length"}, "orders the rows too"),
        ({"curriculum": "length", "curriculum_stages": 0}, {}, "curriculum_stages: 0; a whole number"),
        ({"curriculum": "length"}, {"max_steps": 2}, "3 stages need as many steps and rows; the run has 2 steps and 23 rows"),
    ],
)  # fmt: skip
def test_what_a_curriculum_cannot_be_is_one_sentence(
    tokenizer: Any, clinic: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadRequest, match=said):
        easy_to_hard("sft", TEXTS, tokenizer, arguments(**changes), None, ClinicArguments(**clinic))


def test_streams_and_prompts_without_answers_are_refused(tokenizer: Any) -> None:
    clinic = ClinicArguments(curriculum="loss")
    with pytest.raises(BadRequest, match="a stream cannot be sorted"):
        easy_to_hard("sft", TEXTS.to_iterable_dataset(), tokenizer, arguments(), None, clinic)
    prompts = Dataset.from_list([{"prompt": "a"}] * 9)
    with pytest.raises(BadRequest, match="loss needs answers, and these data hold prompts; use length or column:NAME"):
        easy_to_hard("grpo", prompts, tokenizer, arguments(**GENERATIONS), None, clinic)


def test_without_a_curriculum_nothing_changes(tokenizer: Any) -> None:
    args = arguments()
    assert easy_to_hard("sft", TEXTS, tokenizer, args, None, ClinicArguments()) == (TEXTS, [])
    assert args == arguments()


def test_length_and_column_sort_as_they_say(tokenizer: Any) -> None:
    for kind in ("length", "column:level"):
        args = arguments(per_device_train_batch_size=1)
        clinic = ClinicArguments(curriculum=kind, curriculum_stages=23)
        rows, [marks] = easy_to_hard("sft", TEXTS, tokenizer, args, None, clinic)
        assert list(rows["level"]) == list(range(23))
        assert (args.train_sampling_strategy, args.num_train_epochs, args.report_to) == ("sequential", 1, [])
        assert [one.begins for one in marks.stages] == list(range(1, 24))  # type: ignore[attr-defined]


def test_an_answer_begins_where_its_prompt_ends(tokenizer: Any) -> None:
    user, agent = {"role": "user", "content": "Where is B14?"}, {"role": "assistant", "content": "Here."}
    talk = {"prompt": [user], "completion": [agent]}
    ids, start = encode(tokenizer, talk, "text")
    assert "Here." in tokenizer.decode(ids[start:])
    assert "Where" not in tokenizer.decode(ids[start:])
    assert encode(tokenizer, {"messages": [user, agent]}, "text") == (ids, start)
    assert encode(tokenizer, {"chosen": [user, agent], "rejected": [user, user]}, "text") == (ids, start)
    assert encode(tokenizer, {"text": "Here."}, "text")[1] == 0
    assert encode(tokenizer, {"input_ids": [5, 6, 7], "labels": [-100, -100, 7]}, "text") == ([5, 6, 7], 2)
    ids, start = encode(tokenizer, {"prompt": "Where is B14? ", "completion": "Here."}, "text")
    assert tokenizer.decode(ids[start:]).strip() == "Here."
    assert len(encode(tokenizer, {"prompt": [user]}, "text")[0]) > len(tokenizer("Where is B14?")["input_ids"])


def test_batches_hold_like_lengths_within_the_budget() -> None:
    found = batches([2000, 3, 1000, 1000, 5000, 1])
    assert found == [[5, 1], [2, 3], [0], [4]]


def test_loss_is_that_of_the_model_on_the_answer(tokenizer: Any, base_checkpoint: Path) -> None:
    """Against transformers' own loss, row by row, without padding."""
    import torch
    from transformers import AutoModelForCausalLM

    rows = Dataset.from_list(
        [{"prompt": "Customer: Where is order B14?\n", "completion": text}
         for text in ("Agent: Order B14 is on its way.", "zq xv", "Order order order order order order.")]
    )  # fmt: skip
    clinic, model = ClinicArguments(curriculum="loss"), SimpleNamespace(model_name_or_path=str(base_checkpoint))
    found, unit = difficulty_of(clinic, rows, tokenizer, arguments(), model)
    lm = AutoModelForCausalLM.from_pretrained(base_checkpoint).eval()
    expected = []
    for row in rows:
        ids, start = encode(tokenizer, row, "text")
        labels = torch.tensor([[-100] * start + ids[start:]])
        with torch.no_grad():
            expected.append(float(lm(input_ids=torch.tensor([ids]), labels=labels).loss))
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
    assert unit == " nats a token"
    with pytest.raises(BadRequest, match="/nowhere: there is no such folder"):
        difficulty_of(
            ClinicArguments(curriculum="loss", ref_model_name_or_path="/nowhere"), rows, tokenizer, arguments(), model
        )


def texts_of(folder: Path) -> list[tuple[int, str]]:
    """The curriculum's texts in the event files of a run."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        board = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
        if "curriculum/text_summary" in board.Tags()["tensors"]:
            found += [
                (one.step, one.tensor_proto.string_val[0].decode()) for one in board.Tensors("curriculum/text_summary")
            ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("resume", [False, True])
def test_sft_takes_the_rows_in_that_order_also_after_a_resume(
    tmp_path: Path, base_checkpoint: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    import trl

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path))
    seen: list[int] = []

    class Watched(trl.SFTTrainer):
        def training_step(self, model: Any, inputs: Any, *others: Any) -> Any:
            seen.extend((inputs["labels"] != -100).sum(1).tolist())
            return super().training_step(model, inputs, *others)

    def run(checkpoint: str | None) -> tuple[Dataset, list[Any]]:
        seen.clear()
        args = trl.SFTConfig(
            output_dir=str(tmp_path), report_to="tensorboard", per_device_train_batch_size=2, gradient_accumulation_steps=2,
            num_train_epochs=1, logging_steps=1, save_steps=3, use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True, seed=3,
        )  # fmt: skip
        clinic = ClinicArguments(curriculum="length")
        rows, marks = easy_to_hard("sft", TEXTS, tokenizer, args, None, clinic)
        trainer = Watched(
            str(base_checkpoint), args=args, train_dataset=rows, processing_class=tokenizer, callbacks=marks
        )
        trainer.train(resume_from_checkpoint=checkpoint)
        return rows, trainer.state.log_history

    rows, history = run(None)
    lengths = [len(tokenizer(text)["input_ids"]) + 1 for text in rows["text"]]  # and the end token
    stages = [1, 1, 2, 2, 3, 3]
    if resume:
        rows, history = run(str(tmp_path / "checkpoint-3"))
        lengths = lengths[12:]
        assert [(step, text[:21]) for step, text in texts_of(tmp_path)][-2:] == [
            (4, "curriculum: stage 2 o"), (5, "curriculum: stage 3 o"),
        ]  # fmt: skip
    else:
        assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1
        series = open_run(tmp_path).series["train/curriculum_stage"]
        assert (series.steps.tolist(), series.values.tolist()) == ([1, 2, 3, 4, 5, 6], stages)
        assert [step for step, _ in texts_of(tmp_path)] == [1, 3, 5]
        assert texts_of(tmp_path)[0][1] == (
            f"curriculum: stage 1 of 3 from step 1: length {min(lengths[:8]) - 1} to {max(lengths[:8]) - 1} tokens, 8 rows"
        )
    assert seen == lengths
    assert [one["curriculum_stage"] for one in history if "loss" in one] == stages


GROUPS = {"num_generations": 2, "max_completion_length": 4, "gradient_accumulation_steps": 2}
ROLLOUTS = {"num_ppo_epochs": 1, "response_length": 4}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "own"), [("grpo", GROUPS), ("rloo", GROUPS), ("ppo", ROLLOUTS)])
def test_methods_that_generate_take_the_prompts_in_that_order(
    tmp_path: Path, base_checkpoint: Path, method: str, own: dict[str, Any]
) -> None:
    said = tmp_path / "said.jsonl"
    path = tmp_path / "mine.py"
    path.write_text(
        "import json\n"
        "def f(prompts, completions, level, trainer_state, **columns):\n"
        f"    with open({str(said)!r}, 'a') as file: file.write(json.dumps(level) + '\\n')\n"
        "    return [float(len(one)) for one in completions]\n"
    )
    rows = [{"prompt": f"Where is order B{n:02d}?", "level": n * 7 % 24} for n in range(24)]
    config = {
        "model_name_or_path": str(base_checkpoint), "dataset_name": str(write_rows(tmp_path / "rows.jsonl", rows)),
        "reward_funcs": [f"{path}:f"], "max_steps": 6, "curriculum": "column:level", **own,
    }  # fmt: skip
    done = train(tmp_path / "run", method, config)
    assert done.returncode == 0, done.stdout + done.stderr
    calls = [json.loads(line) for line in said.read_text().splitlines()][-6:]  # before them are those of the trials
    assert [sorted(set(one)) for one in (calls[0] + calls[1], calls[2] + calls[3], calls[4] + calls[5])] == [
        list(range(8)), list(range(8, 16)), list(range(16, 24)),
    ]  # fmt: skip
    assert all(set(Counter(call).values()) == {own.get("num_generations", 1)} for call in calls)
    found = open_run(tmp_path / "run").series["train/curriculum_stage"]
    assert found.values.tolist() == [1, 1, 2, 2, 3, 3]
    assert [step for step, _ in texts_of(tmp_path / "run")] == [1, 3, 5]
    assert len(list((tmp_path / "run").glob("events.out.tfevents.*"))) == 1
    console = (tmp_path / "run" / "console.log").read_text()
    assert "curriculum: stage 2 of 3 from step 3: column:level 8 to 15, 8 rows" in console
    assert "curriculum_stage" in console


@pytest.mark.slow
def test_kto_unpairs_before_it_sorts_and_rows_that_the_trainer_drops_are_said(
    tmp_path: Path, base_checkpoint: Path
) -> None:
    rows = [{"prompt": "Hello " * (n + 1), "chosen": "yes " * (n + 1), "rejected": "no " * (n + 1)} for n in range(12)]
    config = {
        "model_name_or_path": str(base_checkpoint), "dataset_name": str(write_rows(tmp_path / "rows.jsonl", rows)),
        "num_train_epochs": 1, "curriculum": "loss", "curriculum_stages": 2,
    }  # fmt: skip
    done = train(tmp_path / "run", "kto", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert open_run(tmp_path / "run").series["train/curriculum_stage"].values.tolist() == [1, 1, 1, 2, 2, 2]
    done = train(tmp_path / "short", "kto", {**config, "curriculum": "length", "max_length": 8})
    assert done.returncode == 2, done.stdout + done.stderr
    assert "curriculum: the trainer dropped" in (read_status(tmp_path / "short").reason or "")
