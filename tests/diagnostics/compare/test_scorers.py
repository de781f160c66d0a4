"""Scores of answers: reward functions in a process of their own, reward models, references, a judge; each fails alone."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.prompts import Prompt, read_prompts
from diagnostics.compare.scoring.scorers import Scored, Scorer, ScorerUnusable, named_apart, score, scorer_of
from tests.diagnostics.compare.endpoint_server import serving

PROMPTS = tuple(
    Prompt(at, ({"role": "user", "content": f"question {at}"},), reference="yes" if at else None, columns={"n": at})
    for at in range(3)
)


def answers(*texts: str, conversational: bool = True) -> AnswerSet:
    """Source `a` gives the texts, source `b` a constant; the last prompt of `b` failed."""
    from dataclasses import replace

    prompts = tuple(replace(one, conversational=conversational) for one in PROMPTS)
    made = [Answer("a", at, 0, text, 1, "end") for at, text in enumerate(texts or ("yes", "Yes.", "nono"))]
    made += [Answer("b", 0, 0, "no", 1, "length"), Answer("b", 1, 0, "no", 1, "end")]
    made += [Answer("b", 2, 0, "", 0, "error", error="down")]
    return AnswerSet(("a", "b"), prompts, (0,)).with_answers(made)


def last(scored: object) -> Scored:
    return list(scored)[-1]  # type: ignore[call-overload]


def functions(tmp_path: Path, code: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(code)
    return path


def values(done: Scored, name: str) -> dict[tuple[str, int], float]:
    return {(one.source, one.prompt): one.scores[name] for one in done.answers.answers.values() if name in one.scores}


SEEN = """
import json, pathlib
def seen(prompts, completions, n, **more):
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps([prompts, completions, n, sorted(more), more["finished"]]))
    more["log_extra"]("column", n); more["log_metric"]("metric", 1.0)
    return [float(one) for one in n]
"""


@pytest.mark.parametrize("conversational", [True, False])
def test_function_gets_what_trl_passes(tmp_path: Path, conversational: bool) -> None:
    path = functions(tmp_path, SEEN)
    done = last(score(answers(conversational=conversational), [scorer_of("function", f"{path}:seen")]))
    assert not done.errors
    assert values(done, "seen") == {("a", 0): 0.0, ("a", 1): 1.0, ("a", 2): 2.0, ("b", 0): 0.0, ("b", 1): 1.0}
    prompts, completions, columns, more, finished = json.loads(path.with_suffix(".json").read_text())
    first = ([{"role": "user", "content": "question 0"}], [{"role": "assistant", "content": "yes"}])
    assert (prompts[0], completions[0]) == (first if conversational else ("question 0", "yes"))
    assert columns == [0, 1, 2, 0, 1]
    assert more == ["finished", "log_extra", "log_metric", "trainer_state"]
    assert finished == [True, True, True, False, True]


def test_trl_itself_would_take_the_prompts_for_conversational(tmp_path: Path) -> None:
    from trl.data_utils import is_conversational

    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "a"}\n{"prompt": [{"role": "user", "content": "a"}]}\n')
    asked = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one.conversational for one in read_prompts(path)] == [is_conversational(one) for one in asked]


BAD = """
import asyncio, math, os
def raises(completions, **more): return [1 / len(one[0]["content"].replace("nono", "")) for one in completions]
def short(completions, **more): return [1.0]
def nan(completions, **more): return [math.nan if at == 1 else 1.0 for at, one in enumerate(completions)]
def none(completions, **more): return [None if at == 1 else 1.0 for at, one in enumerate(completions)]
def words(completions, **more): return ["good" for one in completions]
def nothing(completions, **more): return None
def dies(completions, **more): os._exit(7)
def exits(completions, **more): raise SystemExit(3)
def strict(completions): return [1.0 for one in completions]
async def later(completions, **more):
    await asyncio.sleep(0)
    return [2.0 for one in completions]
def good(completions, **more): return [float(len(one[0]["content"])) for one in completions]
"""


def test_each_bad_function_is_one_sentence_and_the_others_go_on(tmp_path: Path) -> None:
    path = functions(tmp_path, BAD)
    names = (
        "raises",
        "short",
        "nan",
        "none",
        "words",
        "nothing",
        "dies",
        "exits",
        "strict",
        "later",
        "missing",
        "good",
    )
    states = list(score(answers(), [scorer_of("function", f"{path}:{name}") for name in names]))
    done = states[-1]
    expected = {
        "raises": "raised ZeroDivisionError: division by zero (mine.py, line 3).",
        "short": "gave 1 scores for 5 answers; expected one for each.",
        "nan": "nan: gave nan (a, prompt 2).",
        "words": "gave 'good' as a score; expected a number.",
        "nothing": "raised TypeError",
        "dies": "its process ended (7).",
        "exits": "raised SystemExit: 3",
        "strict": "raised TypeError",
        "missing": "holds no function missing.",
    }
    assert done.errors.keys() == expected.keys()
    for name, said in expected.items():
        assert said in done.errors[name]
        assert name in done.errors[name]
        assert "\n" not in done.errors[name]
    assert done.lost == {"raises": 5, "short": 5, "nan": 1, "words": 5, "nothing": 5, "dies": 5, "exits": 5,
                         "strict": 5, "missing": 5}  # fmt: skip
    assert [len(values(done, name)) for name in ("nan", "none", "later", "good")] == [4, 4, 5, 5]
    assert values(done, "good")["a", 2] == 4.0
    assert (done.done, done.of) == (60, 60)
    assert [state.done for state in states] == sorted(state.done for state in states)


def test_closing_ends_a_hanging_function_and_its_children(tmp_path: Path) -> None:
    path = functions(
        tmp_path,
        f"""
import subprocess, time, os
def hangs(completions, **more):
    child = subprocess.Popen(["sleep", "1000"])
    open({str(tmp_path / "pid")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
    time.sleep(1000)
""",
    )
    states = score(answers(), [scorer_of("function", f"{path}:hangs")])
    for _ in states:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
    pids = [int(one) for one in (tmp_path / "pid").read_text().split()]
    started = time.monotonic()
    states.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 1
    time.sleep(0.1)
    for pid in pids:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
        assert state[:1] in ("", "Z")


def test_reward_file_runs_only_when_it_scores_and_not_in_this_process(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = functions(
        tmp_path,
        f"import os\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ndef f(completions, **m): return [1.0] * len(completions)\n",
    )
    states = score(answers(), [scorer_of("function", f"{path}:f")])
    next(states)
    assert not mark.exists()
    assert list(states)[-1].lost == {}
    assert mark.read_text() != str(os.getpid())


def test_references_score_what_has_one(tmp_path: Path) -> None:
    done = last(score(answers(), [scorer_of("reference", "exact"), scorer_of("reference", "chrf")]))
    assert values(done, "exact") == {("a", 1): 1.0, ("a", 2): 0.0, ("b", 1): 0.0}
    assert done.lost == {"exact": 2, "chrf": 2}
    assert done.errors["exact"] == "exact: the prompt has no reference answer (a, prompt 1)."


def test_judge_grades_and_what_cannot_be_read_is_counted() -> None:
    def says(body: dict) -> str:  # type: ignore[type-arg]
        text = body["messages"][0]["content"]
        return "I would rather not." if "nono" in text else 'Fine.\n{"score": 7.5}' if "Yes." in text else "Score: 3"

    with serving(says) as server:
        done = last(score(answers(), [scorer_of("judge", f"{server.at('good')}#m", rubric="be short")]))
        assert "be short" in server.asked[0]["messages"][0]["content"]
    assert values(done, "judge") == {("a", 0): 3.0, ("a", 1): 7.5, ("b", 0): 3.0, ("b", 1): 3.0}
    assert done.lost == {"judge": 1}
    assert "holds no score from 0 to 10" in done.errors["judge"]


@pytest.mark.parametrize(
    ("kind", "what", "said"),
    [
        ("function", "mine", "expected file.py:function"),
        ("function", "nowhere.py:f", "no such file"),
        ("reference", "bleu", "expected one of exact, f1, chrf"),
        ("judge", "gpt", "is no judge"),
        ("judge", "http://x/v1", "which model"),
        ("model", "nowhere", "no such checkpoint folder"),
    ],
)
def test_wrong_scorer_is_one_sentence(kind: str, what: str, said: str) -> None:
    with pytest.raises(ScorerUnusable, match=said):
        scorer_of(kind, what)  # type: ignore[arg-type]


def test_two_of_a_name_are_told_apart() -> None:
    assert [one.name for one in named_apart([Scorer("f", "function", "a:f"), Scorer("f", "function", "b:f")])] == [
        "f",
        "f (2)",
    ]


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kept base model with a head of one output, drawn at random with a seed."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from training.demo.pipeline import KEPT_BASE, last_checkpoint

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "reward"
    base = last_checkpoint(KEPT_BASE)
    AutoModelForSequenceClassification.from_pretrained(base, num_labels=1).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_reward_model_scores_in_batches_as_one_by_one(reward_model: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    texts = ("yes", "Order C53 is cancelled and you will get your money back within three days.", "no " * 20)
    done = last(score(answers(*texts), [scorer_of("model", str(reward_model))]))
    assert not done.errors
    found = values(done, "reward")
    model = AutoModelForSequenceClassification.from_pretrained(reward_model).eval()
    tokenizer = AutoTokenizer.from_pretrained(reward_model)
    for at, text in enumerate(texts):
        talk = [*PROMPTS[at].messages, {"role": "assistant", "content": text}]
        ids = tokenizer(
            tokenizer.apply_chat_template(talk, tokenize=False), return_tensors="pt", add_special_tokens=False
        )
        with torch.no_grad():
            assert found["a", at] == pytest.approx(model(ids["input_ids"]).logits[0, 0].item(), abs=1e-4)
    assert len(set(found.values())) > 2


@pytest.mark.slow
def test_a_language_model_is_no_reward_model(base_checkpoint: Path, reward_model: Path, tmp_path: Path) -> None:
    done = last(
        score(answers("x" * 4000), [scorer_of("model", str(base_checkpoint)), scorer_of("model", str(reward_model))])
    )
    name = "kept_base/checkpoint-1900"
    assert "is no reward model: score.weight is not among its weights" in done.errors[name]
    assert done.lost[name] == 3
    assert "does not fit into its context" in done.errors["reward"]
    assert done.lost["reward"] == 1
