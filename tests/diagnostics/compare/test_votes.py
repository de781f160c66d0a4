"""Votes: kept through crashes, cast by scores, and exported as preferences that TRL trains on."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from diagnostics.compare.voting.preferences import preferences, write_preferences
from diagnostics.compare.voting.scored_votes import scored_votes
from diagnostics.compare.voting.votes import BOTH_BAD, TIE, Vote, add_vote, read_votes
from diagnostics.run import open_run
from tests.diagnostics.compare.answer_sets import prompts, scored_set

ROOT = Path(__file__).parents[3]
ASKED = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "订单在哪里？"})
VOTE = Vote(
    ASKED,
    {"base": "不知道。", "sft": "明天到。", "dpo": "今天到。"},
    ("sft", "dpo", "base"),
    "dpo",
    "person",
    1.5,
    3,
    "ann",
)


def test_votes_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "new" / "votes.jsonl"
    assert read_votes(path).votes == ()
    tie = replace(VOTE, chosen=TIE, answers={**VOTE.answers, "base": 'a\n"b"\u2028c'})
    for one in (VOTE, tie):
        add_vote(path, one)
    assert read_votes(path).votes == (VOTE, tie)
    assert len(path.read_bytes().splitlines()) == 2


def test_a_half_written_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    add_vote(path, VOTE)
    whole = path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 2):
        path.write_bytes(whole + whole[:cut])
        assert (read_votes(path).votes, read_votes(path).unreadable) == ((VOTE,), 1)
        add_vote(path, VOTE)
        assert (read_votes(path).votes, read_votes(path).unreadable) == ((VOTE, VOTE), 1)
    path.write_bytes(whole + b'{"prompt": 3}\n[]\n\xff\n' + whole)
    assert (len(read_votes(path).votes), read_votes(path).unreadable) == (2, 3)


def add_many(path: Path, by: str) -> None:
    for _ in range(50):
        add_vote(path, replace(VOTE, by=by))


def test_two_voters_at_once_lose_no_vote(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    context = get_context("spawn")
    voters = [context.Process(target=add_many, args=(path, by)) for by in ("ann", "bob")]
    for one in voters:
        one.start()
    for one in voters:
        one.join(60)
    found = read_votes(path)
    assert found.unreadable == 0
    assert sorted(one.by for one in found.votes) == ["ann"] * 50 + ["bob"] * 50


@pytest.mark.parametrize(
    "change",
    [
        {"chosen": "nobody"},
        {"shown": ("sft", "dpo")},
        {"shown": ("sft", "dpo", "dpo")},
        {"answers": {"sft": "a"}, "shown": ("sft",), "chosen": "sft"},
        {"answers": {"tie": "a", "sft": "b"}, "shown": ("tie", "sft"), "chosen": "sft"},
        {"voter": "cat"},
    ],
)
def test_a_vote_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"^(chosen|shown|answers|voter): "):
        replace(VOTE, **change)


def test_the_chosen_beats_each_other_and_ties_tie_all() -> None:
    assert VOTE.outcomes() == [("dpo", "sft", 1.0), ("dpo", "base", 1.0)]
    assert replace(VOTE, chosen=BOTH_BAD).outcomes() == [
        ("sft", "dpo", 0.5),
        ("sft", "base", 0.5),
        ("dpo", "base", 0.5),
    ]


def test_scores_vote_too() -> None:
    made = scored_set(
        prompts(["one", "two", "three"]),
        {"a": lambda n, s: n * 1.0, "b": lambda n, s: 1.0, "c": lambda n, s: math.nan if n else -1.0},
    )
    found = scored_votes(made, "score")
    assert [(one.chosen, len(one.shown), one.voter, one.by) for one in found] == [
        ("b", 3, "reward", "score"), (TIE, 2, "reward", "score"), ("a", 2, "reward", "score"),
    ]  # fmt: skip
    assert [one.chosen for one in scored_votes(made, "score", "judge", margin=1.0)] == [TIE, TIE, TIE]


def test_preferences_leave_out_what_says_nothing_and_count_it() -> None:
    same = replace(VOTE, answers={**VOTE.answers, "base": "今天到。 "})
    empty = replace(VOTE, answers={**VOTE.answers, "dpo": " "})
    against = replace(VOTE, chosen="sft")
    found = preferences([VOTE, VOTE, replace(VOTE, chosen=TIE), replace(VOTE, chosen=BOTH_BAD), same, empty, against])
    assert (found.ties, found.both_bad, found.same_text, found.no_text, found.contradicted) == (1, 1, 1, 2, 2)
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in found.rows] == [
        ("今天到。", "明天到。"), ("今天到。", "不知道。"), ("明天到。", "今天到。"), ("明天到。", "不知道。"),
    ]  # fmt: skip
    assert found.rows[0]["prompt"] == list(ASKED)
    assert found.rows[0]["chosen"][0]["role"] == "assistant"


@pytest.mark.slow
def test_datasets_loads_the_file_as_conversations(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    from trl.data_utils import is_conversational

    path = tmp_path / "preferences.jsonl"
    write_preferences(path, preferences([VOTE]))
    loaded = datasets.load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
    assert loaded.column_names == ["prompt", "chosen", "rejected"]
    assert loaded[0] == preferences([VOTE]).rows[0]
    assert is_conversational(loaded[0])


@pytest.mark.slow
def test_dpo_trains_on_votes_as_they_are(tmp_path: Path, base_checkpoint: Path) -> None:
    votes = [
        Vote(
            ({"role": "user", "content": f"Where is my order {number}?"},),
            {"a": f"Order {number} arrives today.", "b": "No idea.", "c": "Wait."},
            ("b", "a", "c"),
            "a",
            "person",
            0.0,
        )
        for number in range(8)
    ]
    path, run = tmp_path / "preferences.jsonl", tmp_path / "run"
    write_preferences(path, preferences(votes))
    settings = {
        "model_name_or_path": str(base_checkpoint),
        "dataset_name": str(path),
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "max_length": 128,
        "logging_steps": 1,
        "seed": 0,
    }
    done = subprocess.run(
        [sys.executable, "-m", "training", "start", "--method", "dpo", "--run", str(run), "--set"]
        + [f"{key}={json.dumps(value)}" for key, value in settings.items()],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = open_run(run)
    assert (found.status.state, found.status.step) == ("finished", 2)
    losses = found.series["train/loss"].values
    assert len(losses) == 2
    # The first loss of DPO is ln 2 whatever the pairs are, so that a row that could not be read would show.
    assert losses[0] == pytest.approx(math.log(2), abs=1e-3)
    assert losses[1] != losses[0]
