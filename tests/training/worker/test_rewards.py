"""Rewards of a run: their names and weights, and the sentence for each way in which one can be none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset

from diagnostics.run import open_run
from diagnostics.run.status import read_status
from tests.training.worker.runs import train, write_rows
from training.request import BadRequest, RunFailed
from training.worker.reward_checks import watched
from training.worker.rewards import Rewards, load_reward_funcs

ROWS = Dataset.from_list([{"prompt": f"Where is order B1{n}?", "order": f"B1{n}"} for n in range(6)])
TALKS = Dataset.from_list(
    [{"prompt": [{"role": "user", "content": f"请问订单B1{n}在哪里？"}], "solution": "3"} for n in range(3)]
)


def load(*names: str, rows: Dataset = ROWS, weights: list[float] | None = None, model: str | None = None) -> Rewards:
    script = SimpleNamespace(reward_funcs=list(names), reward_model_name_or_path=model)
    return load_reward_funcs(script, SimpleNamespace(reward_weights=weights), rows)


def mine(folder: Path, body: str, name: str = "mine.py", before: str = "def") -> str:
    path = folder / name
    path.write_text(f"{before} f(prompts, completions, **columns):\n    {body}\n", encoding="utf-8")
    return f"{path}:f"


@pytest.mark.parametrize("rows", [ROWS, TALKS], ids=["text", "conversational"])
def test_all_kinds_of_names_load_in_their_order(tmp_path: Path, rows: Dataset) -> None:
    own = mine(tmp_path, "return [0.5 for one in completions]")
    names = ["politeness", own, "training.rewards.length:length_reward", "training.rewards.fluency.fluency_reward"]
    rewards = load(*names, "get_soft_overlong_punishment", rows=rows, weights=[1, 2, 3, 4, 5])
    assert rewards.names == ["politeness", "f", "length_reward", "fluency_reward", "get_soft_overlong_punishment"]
    assert [one.__name__ for one in rewards.functions] == rewards.names
    assert rewards.weights == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert rewards.tokenizers == [None] * 5


def test_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    one = mine(tmp_path, "return [0] * len(prompts)", "one.py")
    two = mine(tmp_path, "return [1] * len(prompts)", "two.py")
    assert load(one, two, one).names == ["one.f", "two.f", "one.f_2"]
    assert load("length", "length").names == ["length", "length_2"]


def test_trl_functions_are_known_by_their_names() -> None:
    assert load("think_format_reward", rows=TALKS).names == ["think_format_reward"]
    from trl.trainer.grpo_trainer import get_callable_name

    [function] = load("think_format_reward", rows=TALKS).functions
    assert get_callable_name(function) == "think_format_reward"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "rewards: none is named"),
        (["politness"], "reward_funcs: politness: expected .* did you mean politeness"),
        (["xyzzy"], "reward_funcs: xyzzy: expected file.py:function, .* or one of relevance, fluency"),
        (["nowhere.py:f"], "nowhere.py: there is no such file"),
        (["no.such.module"], "cannot be imported"),
        (["training.rewards.length.missing"], "holds no function missing"),
    ],
)
def test_a_name_that_is_none_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        load(*names)


def test_weights_are_one_for_each() -> None:
    with pytest.raises(BadRequest, match=r"reward_weights: 1 for 2 rewards; expected one for each of length, format\."):
        load("length", "format", weights=[1.0])


FAULTS = [
    ("raise KeyError('order')", "raised KeyError: 'order'; called on 4 rows from 'Where is order B10"),
    ("raise SystemExit(3)", "raised SystemExit: 3"),
    ("return None", "returned None; expected a list of 4 numbers, one for each completion, the first to .Where is order B10"),
    ("return 0.5", "returned a float .0.5.; expected a list"),
    ("return 'good'", "returned a str .good.; expected a list"),
    ("return {}", "returned a dict"),
    ("return [1.0]", "returned 1 values for 4 completions; expected a list of 4"),
    ("return [0, 1, float('nan'), 1]", "gave nan for row 2 of the batch, 'Where is order B12.'; a finite number"),
    ("return [float('inf')] * len(prompts)", "gave inf for row 0"),
    ("return ['1'] * len(prompts)", "gave a str .1. for row 0 of the batch, 'Where is order B10.'; a number was expected"),
    ("return [[1.0]] * len(prompts)", "gave a list"),
    ("return [1, None, 1, 1]", "gave None for row 1 of the batch, .*; it is the only reward, so a number was expected"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), FAULTS)
@pytest.mark.parametrize("before", ["def", "async def"])
def test_a_fault_that_shows_at_once_is_refused_before_the_first_step(
    tmp_path: Path, body: str, said: str, before: str
) -> None:
    with pytest.raises(BadRequest, match=f"reward_funcs: tried before the first step: reward f: {said}") as caught:
        load(mine(tmp_path, body, before=before))
    assert "\n" not in str(caught.value)


def test_a_column_that_the_data_lack_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def f(prompts, completions, solution, **columns):\n    return [1.0] * len(prompts)\n")
    with pytest.raises(BadRequest, match=r"reward f: raised TypeError: .*'solution'"):
        load(f"{path}:f")
    assert load(f"{path}:f", rows=TALKS).names == ["f"]


def test_the_trial_calls_as_trl_does(tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    body = (
        f"import json; json.dump([prompts, completions, sorted(columns), columns['order']], open({str(seen)!r}, 'w'))"
    )
    load(mine(tmp_path, f"{body}\n    return [len(one) for one in columns['completion_ids']]"))
    prompts, completions, columns, order = json.loads(seen.read_text())
    assert prompts == ROWS["prompt"][:4]
    assert completions == ["Certainly, I will look into it."] * 4
    assert columns == ["completion_ids", "log_extra", "log_metric", "order", "trainer_state"]
    assert order == ROWS["order"][:4]


def test_none_is_allowed_where_another_reward_judges(tmp_path: Path) -> None:
    assert load(mine(tmp_path, "return [None] * len(prompts)"), "length").names == ["f", "length"]


def test_arrays_and_tensors_are_lists_and_async_functions_stay_so() -> None:
    import numpy as np
    import torch

    for given in (np.array([1, 0]), torch.tensor([1.0, 0.0]), [np.float32(1), torch.tensor(0.0)], (True, False)):
        function = watched("f", lambda given=given, **columns: given, alone=True)
        assert function(prompts=["a", "b"], completions=["", ""]) == [1.0, 0.0]

    async def slow(prompts: list, completions: list, **columns: Any) -> list[float]:
        return [0.0] * len(prompts)

    function = watched("slow", slow, alone=True)
    assert asyncio.iscoroutinefunction(function)
    assert asyncio.run(function(prompts=["a"], completions=["b"])) == [0.0]


def test_a_long_prompt_is_shortened() -> None:
    function = watched("f", lambda **columns: [float("nan")], alone=False)
    with pytest.raises(RunFailed) as caught:
        function(prompts=[[{"role": "user", "content": "word " * 100}]], completions=[""])
    assert len(str(caught.value)) < 160


def test_a_model_without_a_score_head_is_no_reward_model(base_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"is no reward model \(it lacks a head with one score\)"):
        load(model=str(base_checkpoint))
    with pytest.raises(BadRequest, match="reward_model_name_or_path: /nowhere: there is no such folder"):
        load(model="/nowhere")
    with pytest.raises(BadRequest, match="holds neither a model"):
        load(model=str(tmp_path))


def test_a_run_folder_stands_for_its_last_checkpoint(base_checkpoint: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(base_checkpoint, num_labels=1)
    tokenizer = AutoTokenizer.from_pretrained(base_checkpoint)
    for step in (2, 10):
        model.score.weight.data.fill_(step)
        model.save_pretrained(tmp_path / "rm" / f"checkpoint-{step}")
        tokenizer.save_pretrained(tmp_path / "rm" / f"checkpoint-{step}")
        (tmp_path / "rm" / f"checkpoint-{step}" / "trainer_state.json").write_text(
            '{"log_history": [], "global_step": 1}'
        )
    rewards = load("length", model=str(tmp_path / "rm"))
    assert rewards.names == ["reward_model", "length"]
    assert rewards.functions[0].score.weight.max() == 10
    assert rewards.tokenizers[0] is not None
    assert rewards.tokenizers[1] is None


GRPO = {"num_generations": 4, "max_completion_length": 8, "max_steps": 2}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_a_fault_during_training_ends_the_run_with_its_reason(
    tmp_path: Path, base_checkpoint: Path, method: str
) -> None:
    """The function is well for the trial (two calls) and for the first step."""
    path = tmp_path / "mine.py"
    path.write_text(
        "calls = []\n"
        "def f(prompts, completions, **columns):\n"
        "    calls.append(1)\n"
        "    return [float('nan') if len(calls) > 3 else float(len(one)) for one in completions]\n"
    )
    data = write_rows(tmp_path / "rows.jsonl", ROWS.to_list())
    config = {
        **GRPO, "model_name_or_path": str(base_checkpoint), "dataset_name": str(data),
        "reward_funcs": [f"{path}:f", "politeness"],
    }  # fmt: skip
    done = train(tmp_path / "run", method, config)
    status = read_status(tmp_path / "run")
    assert done.returncode == 1, done.stderr
    assert (status.state, status.exit_code) == ("failed", 1)
    assert (status.reason or "").startswith("reward f: gave nan for row 0 of the batch, 'Where is order B1")
    assert status.reason in done.stderr
    series = open_run(tmp_path / "run").series
    assert {"train/rewards/f/mean", "train/rewards/politeness/mean"} <= series.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_generations": 3}, "num_generations"),
        ({"reward_funcs": ["politness"]}, "did you mean politeness"),
    ],
)
@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_what_can_be_known_before_training_is_one_sentence_and_code_2(
    tmp_path: Path, base_checkpoint: Path, method: str, change: dict[str, Any], said: str
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", ROWS.to_list())
    config = {
        **GRPO, "model_name_or_path": str(base_checkpoint), "dataset_name": str(data), "reward_funcs": ["length"],
    }  # fmt: skip
    done = train(tmp_path / "run", method, {**config, **change})
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    status = read_status(tmp_path / "run")
    assert (status.state, status.exit_code) == ("failed", 2)
    assert said in (status.reason or "")
