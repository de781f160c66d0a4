"""The demo's grammar and judge, and that its recipe still learns."""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnostics.compare.statistics.scores import scores_of
from diagnostics.run import open_run
from training.demo.data import (
    base_texts,
    held_out_rows,
    kto_row,
    preference_row,
    prompt_row,
    reward_row,
    sft_row,
    write_post_training_data,
)
from training.demo.grammar import LANGUAGES, answer, draw_case
from training.demo.pipeline import KEPT_BASE
from training.demo.recipes import BASE, SFT, stages
from training.demo.score import polite, right_order, right_topic, score
from training.request import METHODS

ROOT = Path(__file__).parents[2]
SLOTS = {"item": "X", "days": "Y", "order": "A00"}
ORDER = re.compile(r"[A-D]\d\d")
ITEMS = sorted((item for one in LANGUAGES.values() for item in (*one.items, *one.days)), key=len, reverse=True)


def phrase_of(question: str) -> str:
    """A question with its slots blanked."""
    for item in ITEMS:
        question = question.replace(item, "#")
    return ORDER.sub("#", question)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_keys_tell_intents_apart(lang: str) -> None:
    language = LANGUAGES[lang]
    for intent in language.intents:
        for one in intent.answers:
            assert any(key.lower() in one.lower() for key in intent.keys), (intent.name, one)
        others = [one for other in language.intents if other is not intent for one in other.answers]
        questions = [one for other in language.intents for one in other.questions]
        for text in (*others, *questions, *language.openers, *language.closers, *language.rude):
            assert not any(key.lower() in text.lower() for key in intent.keys), (intent.name, text)


def test_held_out_phrasings_are_in_no_training_set() -> None:
    held_out = {phrase_of(row["prompt"][0]["content"]) for row in held_out_rows(192, random.Random(0))}
    rng = random.Random(1)
    trained = {phrase_of(sft_row(rng)["messages"][0]["content"]) for _ in range(5000)}
    for make in (preference_row, reward_row, kto_row, prompt_row):
        trained |= {phrase_of(make(rng)["prompt"][0]["content"]) for _ in range(5000)}
    assert not held_out & trained
    # Nor as a part of something longer; a greeting of three letters is part of many things.
    texts = [*trained, *(phrase_of(text) for text in base_texts("train", 20_000))]
    long_ones = [phrase for phrase in held_out if len(phrase) > 6]
    assert len(long_ones) > 20
    assert not [phrase for phrase in long_ones if any(phrase in text for text in texts)]


def test_held_out_prompts_are_half_chinese_and_all_different() -> None:
    rows = held_out_rows(192, random.Random(0))
    assert sum(row["lang"] == "zh" for row in rows) == 96
    assert len({row["prompt"][0]["content"] for row in rows}) == 192


def test_order_number_survives_careless_typing() -> None:
    rng = random.Random(0)
    for _ in range(2000):
        case = draw_case(rng, rng.choice(("en", "zh")))
        named = ORDER.findall(case.question)
        assert all(number == case.slots["order"] for number in named)


def test_good_answer_scores_full_and_worse_ones_less() -> None:
    rng = random.Random(0)
    for _ in range(300):
        case = draw_case(rng, rng.choice(("en", "zh")), held_out=True)
        columns = {"lang": [case.lang], "intent": [case.intent.name], "order": [case.order or ""]}

        def judged(text: str, columns: dict[str, list[str]] = columns) -> float:
            return score(["?"], [text], finished=[True], **columns)[0]

        good = judged(answer(rng, case, "good"))
        assert good == pytest.approx(1.0), answer(rng, case, "good")
        for style in ("plain", "rude", "rude_answer", "off_topic", "rambling", "manners_only", "repeating"):
            assert judged(answer(rng, case, style)) < good
        if case.order and all("{order}" in one for one in case.intent.answers):
            assert judged(answer(rng, case, "wrong_order")) < good
        assert judged("") < 0.5


def test_judge_in_hand_counted_cases() -> None:
    columns = {"lang": ["en"], "intent": ["cancel"], "order": ["C53"]}
    text = "Hello, I am sorry for the trouble. Order C53 is cancelled and you will not be charged. Thank you for your patience."
    assert right_topic([], [text], **columns) == [1.0]
    assert right_order([], [text], **columns) == [1.0]
    assert right_order([], [text.replace("C53", "C54")], **columns) == [0.0]
    assert right_order([], [text + " A00"], **columns) == [0.0]
    assert polite([], [text], **columns) == [1.0]
    assert polite([], ["I am sorry."], **columns) == [0.5]
    # topic .35 + order .25 + no manners + finished .10
    assert score([], ["Order C53 is cancelled."], **columns) == [pytest.approx(0.70)]
    # the same, rude (-.40) and said twice (-.15)
    rude = "Just wait. Order C53 is cancelled. Order C53 is cancelled."
    assert score([], [rude], **columns) == [pytest.approx(0.15)]
    # the messages form of a conversation
    assert score([], [[{"role": "assistant", "content": "Order C53 is cancelled."}]], **columns) == [
        pytest.approx(0.70)
    ]


def test_data_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_post_training_data(tmp_path / name)
    for path in (tmp_path / "one").rglob("*.jsonl"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.parametrize("make", [preference_row, reward_row])
def test_chosen_and_rejected_differ(make: Callable[[random.Random], dict[str, Any]]) -> None:
    rng = random.Random(0)
    assert all((row := make(rng))["chosen"] != row["rejected"] for _ in range(3000))


def judged(rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
    """What the judge says of a text for each row's case; the rows are prompts with their columns."""
    columns = {name: [row[name] for row in rows] for name in ("lang", "intent", "order")}
    return score([], texts, **columns)


def cases_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows whose question is one of the grammar's whole phrasings, with the columns that the judge wants."""
    known = {
        phrase_of(question.format(item=words.items[0], days=words.days[0], order="A00")): (lang, intent.name)
        for lang, words in LANGUAGES.items()
        for intent in words.intents
        for question in intent.questions
    }
    found = []
    for row in rows:
        question = row["prompt"][0]["content"]
        lang, intent = known.get(phrase_of(question), ("", ""))
        if intent:
            found.append({**row, "lang": lang, "intent": intent, "order": "".join(ORDER.findall(question))})
    return found


def test_a_reward_model_sees_polite_answers_that_are_wrong() -> None:
    """Of the rejected answers at least four in ten are as polite as the chosen ones, and each is judged worse."""
    rng = random.Random(2)
    rows = cases_of([reward_row(rng) for _ in range(1000)])
    assert len(rows) > 600
    chosen, rejected = ([row[side][0]["content"] for row in rows] for side in ("chosen", "rejected"))
    assert all(one == pytest.approx(1.0) for one in judged(rows, chosen))
    worse = [one < 0.999 for one in judged(rows, rejected)]
    # A few intents have answers without an order number: naming another one is not possible there.
    assert statistics.mean(worse) > 0.97
    polite_ones = polite([], rejected, lang=[row["lang"] for row in rows])
    assert statistics.mean(one == 1.0 for one in polite_ones) > 0.4
    wrong_topic = right_topic([], rejected, lang=[row["lang"] for row in rows], intent=[row["intent"] for row in rows])
    assert statistics.mean(one == 0.0 for one in wrong_topic) > 0.3


def test_wanted_answers_are_half_and_better() -> None:
    rng = random.Random(3)
    rows = cases_of([kto_row(rng) for _ in range(1000)])
    assert 0.45 < statistics.mean(row["label"] for row in rows) < 0.55
    scores = judged(rows, [row["completion"][0]["content"] for row in rows])
    assert all(one == pytest.approx(1.0) for one, row in zip(scores, rows, strict=True) if row["label"])
    assert statistics.mean(one for one, row in zip(scores, rows, strict=True) if not row["label"]) < 0.7


def test_every_stage_has_its_data_and_no_stage_is_rewarded_by_the_judge(tmp_path: Path) -> None:
    write_post_training_data(tmp_path)
    columns = {
        "sft": {"messages"},
        "dpo": {"prompt", "chosen", "rejected"},
        "reward": {"prompt", "chosen", "rejected"},
        "kto": {"prompt", "completion", "label"},
        "grpo": {"prompt", "lang", "intent", "order"},
    }
    columns |= {"rloo": columns["grpo"], "ppo": columns["grpo"]}
    todo = stages(tmp_path)
    assert {one.method for one in todo} == set(METHODS)
    for stage in todo[1:]:
        folder = Path(stage.config["dataset_name"])
        splits = ("train", "test") if stage.config.get("eval_strategy", "no") != "no" else ("train",)
        for split in splits:
            rows = [json.loads(line) for line in (folder / f"{split}.jsonl").read_text().splitlines()]
            assert {frozenset(row) for row in rows} == {frozenset(columns[stage.method])}, stage.name
            assert len(rows) >= (64 if split == "test" else stage.steps * 8)
        assert not any("demo.score" in name for name in stage.config.get("reward_funcs", []))
        assert ("sample_prompts" in stage.config) == (stage.method != "reward")
        assert stage.config["save_steps"] <= stage.steps
        assert stage.steps % stage.config["save_steps"] == 0


def test_the_seed_is_that_of_every_training_but_the_kept_base() -> None:
    seeds = {one.name: one.config["seed"] for one in stages(Path(".demo"), seed=7)}
    assert seeds.pop("base") == 0
    assert set(seeds.values()) == {7}


def test_kept_base_is_the_run_that_the_recipe_describes() -> None:
    run = open_run(KEPT_BASE)
    stage = stages(Path(".demo"))[0]
    assert dict(run.asked) == stage.config
    assert run.status.state == "finished"
    assert list(run.checkpoints) == [stage.config["max_steps"]]
    assert run.last_step == stage.config["max_steps"]
    assert {sample.prompt for sample in run.samples} == {
        row["prompt"][0]["content"] for row in held_out_rows(192, random.Random("0/held_out"))
    }
    text = "".join(path.read_text(errors="replace") for path in KEPT_BASE.rglob("*.json*"))
    assert "/tmp" not in text
    assert "/root" not in text
    assert "/home" not in text


@pytest.mark.slow
def test_recipe_learns_from_random_weights(tmp_path: Path) -> None:
    """An eighth of the base recipe and a quarter of the SFT recipe: language and topics must already be coming."""
    work, runs = tmp_path / "work", tmp_path / "runs"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "training.demo.base_model", str(work)], check=True, env=environment)
    write_post_training_data(work)
    base, sft = (one for one in stages(work) if one.name in ("base", "sft"))
    short = {"eval_strategy": "no", "logging_steps": 10, "save_steps": 10_000}
    start = None
    for stage, steps in ((base, BASE["max_steps"] // 8), (sft, SFT["max_steps"] // 4)):
        config = {**stage.config, **short, "max_steps": steps, **({"model_name_or_path": start} if start else {})}
        (tmp_path / "config.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "training", "start", "--method", "sft", "--quiet"]
        command += ["--config", str(tmp_path / "config.json"), "--run", str(runs / stage.name)]
        subprocess.run(command, check=True, env=environment)
        start = str(runs / stage.name / f"checkpoint-{steps}")
    base_run, sft_run = open_run(runs / "base"), open_run(runs / "sft")
    loss = base_run.series["train/loss"].values
    assert loss[0] > 5.0
    assert statistics.median(loss[-3:]) < 2.0
    before, *_, after = scores_of(sft_run, "score")
    assert before.step == 0
    assert after.low > before.high, (before, after)
