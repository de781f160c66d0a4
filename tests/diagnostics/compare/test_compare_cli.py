"""`compare` and `bisect` as command lines: what they print, their exit codes, and one sentence for wrong input."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diagnostics.cli import main
from diagnostics.compare.answers import Answer
from diagnostics.compare.commands import cli
from diagnostics.compare.commands.bisect import by_eye
from diagnostics.compare.commands.compare import asked_of, seeds_of
from diagnostics.compare.models.sources import Source
from diagnostics.compare.report import formats, search
from tests.diagnostics.compare.endpoint_server import serving

ROOT = Path(__file__).parents[3]
PROMPTS = [
    {"prompt": [{"role": "user", "content": f"Please cancel order {letter}{at}{at}."}], "reference": f"Order {letter}{at}{at} is cancelled.",
     "tags": ["cancel"] if at % 2 else []}
    for at, letter in enumerate("ABCD" * 2, 1)
]  # fmt: skip


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in PROMPTS))
    return path


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    try:
        code = main([str(one) for one in words])
    except SystemExit as error:
        code = int(error.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


def polite(body: dict) -> str:  # type: ignore[type-arg]
    """The endpoint of the tests: model `good` answers as the reference does, `bad` with something else."""
    asked = body["messages"][-1]["content"]
    if "verdict" in asked:
        first = asked[asked.index("Answer A:") : asked.index("Answer B:")]
        return '{"verdict": "%s"}' % ("A" if "is cancelled" in first else "B")
    order = asked.split()[-1].rstrip(".")
    return f"Order {order} is cancelled." if body["model"] == "good" else "No!!"


def test_endpoints_are_compared_by_reference_and_judge(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(polite) as server:
        ends = [f"{server.at('good')}#bad", f"{server.at('good')}#good"]
        words = [
            "compare",
            *ends,
            "--prompts",
            prompts,
            "--cache",
            tmp_path / "cache",
            "--judge",
            f"{server.at('good')}#judge",
        ]
        code, out, err = said(capsys, *words, "--format", "json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert (told["verdicts"], told["judge"][0]["pair"]["word"]) == ([], "better")
        code, out, _ = said(capsys, *words, "--reference", "chrf", "--reference", "exact")
        assert code == 0
        assert out.count(" is better than ") == 3
        code, out, _ = said(
            capsys, *words[:1], *reversed(ends), *words[3:], "--reference", "exact", "--fail-on", "worse"
        )
        assert code == 1
        assert " is worse than " in out
        assert said(capsys, *words, "--reference", "exact", "--fail-on", "worse", "--base", ends[0])[0] == 0
        # The base is named by what was written, too; then the last is the base itself, and the other one is worse.
        code, out, _ = said(capsys, *words, "--reference", "exact", "--base", ends[1])
        assert " is worse than good " in out


@pytest.mark.parametrize("name", ["text", "json", "html", "jsonl", "csv", "markdown"])
def test_every_format_is_written_to_a_file(
    name: str, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    with serving(polite) as server:
        ends = [f"{server.at('good')}#bad", f"{server.at('good')}#good"]
        code, printed, err = said(
            capsys, "compare", *ends, "--prompts", prompts, "--cache", tmp_path, "--format", name, "--out", out
        )
    assert (code, printed) == (0, "")
    assert f"The report is in {out}." in err
    assert "chrf" in err
    assert "good" in out.read_text()


def test_one_source_that_fails_leaves_the_others(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(polite) as server:
        ends = [f"{server.at('good')}#bad", f"{server.at('unauthorised')}#locked", f"{server.at('good')}#good"]
        code, out, _ = said(capsys, "compare", *ends, "--prompts", prompts, "--cache", tmp_path)
        assert code == 0
        assert "8 of 8 answers are missing" in out
        assert "refused the key" in out
        assert "is better than" in out
        code, out, err = said(capsys, "compare", *ends[1:], "--prompts", prompts, "--cache", tmp_path)
    assert (code, out) == (2, "")
    assert "refused the key" in err


@pytest.mark.slow
def test_wrong_input_is_one_sentence_and_code_2(
    prompts: Path, tmp_path: Path, base_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, cut, empty = base_checkpoint, tmp_path / "cut", tmp_path / "empty"
    shutil.copytree(base, cut)
    (cut / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:1000])
    empty.mkdir()
    reward = tmp_path / "mine.py"
    reward.write_text("def bad(**more): 1 / 0\n")
    (tmp_path / "none.jsonl").write_text("")
    two = ["compare", base, base]
    for words, expected in [
        (["compare", base, "--prompts", prompts], "at least two"),
        (["compare", base, "nowhere", "--prompts", prompts], "no such folder"),
        (["compare", base, cut, "--prompts", prompts], "broken off"),
        ([*two, "--prompts", "nowhere"], "no such file of prompts"),
        ([*two, "--prompts", tmp_path / "none.jsonl"], "holds no prompt"),
        ([*two, "--prompts", prompts, "--base", "other"], "is none of"),
        ([*two, "--prompts", prompts, "--seeds", "1,x"], "--seeds 1,x"),
        ([*two, "--prompts", prompts, "--seeds", "1,1"], "different whole numbers"),
        ([*two, "--prompts", prompts, "--temperature", "-1"], "--temperature: -1.0 is not between"),
        ([*two, "--prompts", prompts, "--max-new-tokens", "0"], "--max-new-tokens: 0 is not between"),
        ([*two, "--prompts", prompts, "--reward", "nowhere.py:f"], "no such file of reward functions"),
        ([*two, "--prompts", prompts, "--reward-model", empty], "config.json"),
        ([*two, "--prompts", prompts, "--judge", "gpt"], "is no judge"),
        ([*two, "--prompts", prompts, "--out", tmp_path / "no" / "x"], "there is no folder"),
        (["bisect", "nowhere", "--check", "eye", "--prompt", "x"], "no such run folder"),
        (["bisect", empty, "--check", "matches:x", "--prompt", "x"], str(empty)),
        (["bisect", base, base, "--check", "better:x", "--prompt", "x"], "is no check"),
        (["bisect", base, base, "--check", "matches:(", "--prompt", "x"], "no regular expression"),
        (["bisect", base, base, "--check", "matches:x", "--prompt", " "], "--prompt: is empty"),
        (["bisect", base, base, "--check", "matches:x", "--prompts", "nowhere"], "no such file of prompts"),
        (["bisect", base, base, "--check", "eye", "--prompts", prompts], "looks at one prompt"),
        (
            ["bisect", base, base, "--check", f"reward:{reward}:bad<1", "--prompt", "x", "--cache", tmp_path / "c"],
            "ZeroDivisionError",
        ),
        (["bisect", base, base, "--check", "judge:Nice?", "--prompt", "x"], "name the judge"),
        (["bisect", base, base, "--check", "matches:x", "--prompt", "x", "--seed", "-1"], "--seed -1"),
    ]:
        code, out, err = said(capsys, *words)
        assert (code, out) == (2, ""), words
        assert expected in err
        assert err.count("\n") == 1, err


def test_eye_needs_a_terminal(base_checkpoint: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "diagnostics", "bisect", base_checkpoint, base_checkpoint, "--check", "eye", "--prompt", "x"],
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs a person at a terminal" in done.stderr


def test_a_persons_words_are_taken_until_they_are_clear() -> None:
    answer, source = Answer("a", 0, 0, "text", 1, "end"), Source("a", "model", "/a")
    for words, broken in ((["hm", "Y"], False), (["no"], True), (["", "s"], None)):
        given = iter(words)
        assert by_eye(source, answer, lambda _, given=given: next(given)).broken is broken
        assert list(given) == []


def test_the_formats_offered_are_those_there_are() -> None:
    assert set(cli.FORMATS) == formats.FORMATS.keys()
    assert set(cli.SEARCH_FORMATS) == search.FORMATS.keys()


def test_seeds() -> None:
    assert seeds_of("0,2,1") == (0, 2, 1)


def test_without_a_scorer_and_without_references_there_is_none(tmp_path: Path, base_checkpoint: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("hello\n")
    asked = asked_of(
        argparse.Namespace(
            checkpoints=[str(base_checkpoint)] * 2, prompts=path, judge=None, reward=[], reward_model=[], reference=[],
            base=None, seeds="0", temperature=0.0, top_p=1.0, max_new_tokens=8, system=None, null_baseline=False,
        )
    )  # fmt: skip
    assert asked.scorers == ()
    assert [one.name for one in asked.plan.sources] == ["kept_base/checkpoint-1900", "kept_base/checkpoint-1900 (2)"]


@pytest.fixture(scope="module")
def run_that_breaks(tmp_path_factory: pytest.TempPathFactory, base_checkpoint: Path) -> Path:
    """A run of nine checkpoints, the kept base model; from step 60 on its output layer is noise, and its loss jumps.

    Step 50 is cut off.
    """
    import torch
    from safetensors.torch import load_file, save_file

    from tests.conftest import event

    run = tmp_path_factory.mktemp("runs") / "breaks"
    weights = load_file(base_checkpoint / "model.safetensors")
    torch.manual_seed(0)
    broken = {
        name: torch.randn_like(one) if "lm_head" in name or "embed" in name else one for name, one in weights.items()
    }
    for step in range(10, 100, 10):
        folder = run / f"checkpoint-{step}"
        shutil.copytree(base_checkpoint, folder)
        if step >= 60:
            save_file(broken, folder / "model.safetensors", metadata={"format": "pt"})
    path = run / "checkpoint-50" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    scalars = [("train/loss", step, (5.0 if step > 50 else 1.0) + 0.01 * (step % 3)) for step in range(1, 100)]
    scalars += [("train/entropy", step, 1.0 + 0.01 * (step % 3)) for step in range(1, 100)]
    (run / "events.out.tfevents.1.host.1.0").write_bytes(b"".join(event(*one) for one in scalars))
    return run


@pytest.mark.slow
def test_null_baseline_tells_training_from_chance(
    prompts: Path, base_checkpoint: Path, adapters: list[Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change of rank 4 in two projections with the weight of training; the same weights have no change to measure."""
    words = ["compare", base_checkpoint, adapters[0].path, base_checkpoint, "--prompts", prompts, "--null-baseline"]
    words += ["--max-new-tokens", 16, "--cache", tmp_path / "cache", "--format", "json"]
    code, out, _ = said(capsys, *words)
    assert code == 0
    told = json.loads(out)
    adapter, same = told["null_baseline"]
    assert adapter["change"]["randoms"] == 19
    assert adapter["change"]["prompts"] == len(PROMPTS)
    assert adapter["change"]["trained"] > 0
    assert "no tensor of theirs differs" in same["error"]
    assert any("random" in one for one in told["said"])


@pytest.mark.slow
@pytest.mark.parametrize("as_run", [True, False])
def test_bisect_finds_the_planted_step_and_the_curve_that_jumped(
    as_run: bool, run_that_breaks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [run_that_breaks] if as_run else [run_that_breaks / f"checkpoint-{step}" for step in range(10, 100, 10)]
    words = ["bisect", *paths, "--check", "matches:cancelled", "--prompt", "Please cancel order C53.", "--cache", tmp_path / "cache",
             "--max-new-tokens", 24]  # fmt: skip
    code, out, _ = said(capsys, *words, "--format", "json")
    told = json.loads(out)
    assert code == 0
    assert (told["outcome"], told["broken"], told["fine"]) == ("found", "breaks/checkpoint-60", "breaks/checkpoint-40")
    assert told["between"] == ["breaks/checkpoint-50"]
    assert told["contradicting"] == []
    assert len(told["looks"]) <= 4 + 2 + 2 + 1
    assert (told["around"]["after"], told["around"]["until"]) == (40, 60)
    assert told["around"]["moved"][0]["tag"] == "train/loss"
    code, out, _ = said(capsys, *words, "--lang", "zh")
    assert code == 0
    assert "breaks/checkpoint-60 是第一个未通过 matches:cancelled 的检查点" in out
    assert "train/loss" in out


@pytest.mark.slow
def test_interrupted_keeps_what_is_done_and_the_next_call_takes_it(
    base_checkpoint: Path, prompts: Path, tmp_path: Path
) -> None:
    command = [
        sys.executable, "-m", "diagnostics", "compare", str(base_checkpoint), str(base_checkpoint), "--prompts", str(prompts),
        "--cache", str(tmp_path / "cache"), "--temperature", "3", "--max-new-tokens", "900", "--seeds",
        ",".join(map(str, range(40))),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60

    def kept() -> int:
        return sum(len(one.read_bytes().splitlines()) for one in (tmp_path / "cache").glob("*.jsonl"))

    while not kept():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert "Interrupted: the answers so far are kept in" in err
    assert "Traceback" not in err
    assert 0 < kept() < 2 * 8 * 40
    time.sleep(0.3)
    workers = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert f"clinic-workers-{os.getpid()}" not in workers


def test_memory_said_in_no_number_is_one_sentence(
    base_checkpoint: Path,
    prompts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLINIC_MODEL_MEMORY_GIB", "much")
    for words in (
        ["compare", base_checkpoint, base_checkpoint, "--prompts", prompts],
        ["bisect", base_checkpoint, base_checkpoint, "--check", "lacks:x", "--prompt", "Hi."],
    ):
        code, out, error = said(capsys, *words, "--cache", tmp_path / "cache")
        assert (code, out) == (2, "")
        assert error.splitlines()[-1] == "CLINIC_MODEL_MEMORY_GIB=much: expected a number of GiB."
