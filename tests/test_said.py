"""Who asks in Chinese is answered in Chinese: each room's commands, pages and processes, for what they refuse."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from dashboard.clinic import Clinic
from dashboard.compare.bisecting import new_search
from dashboard.compare.comparison import Question, with_added
from dashboard.compare.pane_scores import scores_html
from dashboard.compare.panes_view import pane_html
from dashboard.compare.prompt_job import Form as SetForm
from dashboard.compare.prompt_job import FormUnusable as SetUnusable
from dashboard.compare.sampling_grid import read_grid
from dashboard.memory.form import Form as MemoryForm
from dashboard.memory.form import FormUnusable, by_fields
from dashboard.memory.job import Tab, quick
from dashboard.memory.view import answer_html
from dashboard.texts import Words
from dashboard.train.job import Refused, carried_out
from diagnostics.cli import main as diagnostics
from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.bisecting.checks import CheckUnusable
from diagnostics.compare.endpoints.client import without_key
from diagnostics.compare.endpoints.errors import of_status
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import SourceUnusable, source_of
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.scorers import Scorer, score
from diagnostics.memory.resolve import resolve
from diagnostics.preflight.material import Asked, Material, RewardTrial
from diagnostics.probes.memory.starter import death
from diagnostics.probes.reward_trial_worker import Broken, Trial
from diagnostics.report.words import in_words
from diagnostics.rules import reward_raises
from diagnostics.run.refusal import Sentence, said
from diagnostics.run.status import read_status
from training.cli import main as training
from training.worker.status import StatusFile

EN, ZH = Words("en"), Words("zh")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


@pytest.mark.parametrize(
    ("command", "english", "chinese"),
    [
        ("memory --method sft --model ./none", "there is no such folder of a model", "没有这个模型文件夹"),
        ("memory --method sft --model ./none --out .", "the name of a file was expected", "应为文件名"),
        ("preflight --config none.yaml", "there is no such config file", "没有这个配置文件"),
        ("preflight --method sft --data none.jsonl", "no such file or folder of data", "没有这个数据文件或文件夹"),
        (
            "check none",
            "there is no such file or folder; expected a run folder",
            "没有这个文件或文件夹；应为运行文件夹",
        ),
        ("fix none loss-diverged", "there is no such file or folder", "没有这个文件或文件夹"),
        ("explain loss-divergd", "did you mean loss-diverged", "是否想写 loss-diverged"),
        ("export none --out report.html", "there is no such file or folder", "没有这个文件或文件夹"),
        ("compare a b --prompts none.jsonl", "there is no such folder", "没有这个文件夹"),
        ("bisect none --prompt a --check matches:([", "is no regular expression", "不是正则表达式"),
        ("convert none", "there is no such folder", "没有这个文件夹"),
    ],
)
def test_command_refuses_in_the_language_asked_for(
    command: str, english: str, chinese: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert diagnostics([*command.split(), "--lang", "en"]) == 2
    assert english in capsys.readouterr().err
    assert diagnostics([*command.split(), "--lang", "zh"]) == 2
    assert chinese in capsys.readouterr().err


def test_a_note_beside_the_report_is_in_the_language_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = "memory --method sft --model llama-3-8b --how formula --out report.txt"
    assert diagnostics([*command.split(), "--lang", "zh"]) == 0
    assert "报告在 report.txt。" in capsys.readouterr().err
    assert diagnostics(command.split()) == 0
    assert "The report is in report.txt." in capsys.readouterr().err


# Memory


def test_memory_page_refuses_in_its_language(clinic: Clinic) -> None:
    form = MemoryForm(model="llama-3-8b", device="A100-80", settings="max_length=null", length=1)
    with pytest.raises(FormUnusable) as refused:
        quick(replace(form, settings="learning_rate 2"), clinic, ZH, Tab())
    assert "应为 key=value" in str(refused.value)
    with pytest.raises(FormUnusable) as refused:
        quick(replace(form, settings="bf16=true\nfp16=true"), clinic, ZH, Tab())
    assert "同时要求了 bf16 和 fp16" in str(refused.value)


@pytest.mark.parametrize(
    ("words", "field"), [(EN, "name it with “Longest row of the data”."), (ZH, "可用“数据中最长的行”一栏指定。")]
)
def test_memory_page_names_its_fields_not_the_options(clinic: Clinic, words: Words, field: str) -> None:
    found = quick(MemoryForm(model="llama-3-8b", device="A100-80"), clinic, words, Tab()).answer
    rest = answer_html(found, words)[2]
    assert field in rest
    assert "--longest" not in rest
    online = quick(MemoryForm(method="grpo", model="llama-3-8b", device="A100-80"), clinic, words, Tab()).answer
    assert "--prompt" not in answer_html(online, words)[2]
    told = by_fields(
        Sentence("name one with --device or --device-gib N.", "请用 --device 或 --device-gib N 指定。"), words
    )
    assert "--" not in told
    assert words("mem.device") in told


def test_memory_tracers_end_is_told_in_both(tmp_path: Path) -> None:
    (tmp_path / "errors.txt").write_text("RuntimeError: no space\n")
    assert "信号 9" in death(-9, tmp_path).said("zh")
    assert "SIGABRT 终止（RuntimeError: no space）" in death(-6, tmp_path).said("zh")
    assert "ended by SIGABRT (RuntimeError: no space)" in str(death(-6, tmp_path))


def test_memory_notes_of_the_closed_form_are_said_in_both() -> None:
    from diagnostics.memory import formula, predict

    question = resolve("sft", {"model_name_or_path": "llama-3-8b", "use_vllm": False}, processes=4)
    found = predict.answer(question, formula.estimate, how="formula", search=False)
    assert all(CHINESE.search(said(one, "zh")) for one in found.estimate.notes)


# Pre-flight


def test_a_reward_that_raises_is_told_in_both() -> None:
    def reward(prompts: list[str], completions: list[str], **_: object) -> list[float]:
        raise KeyError("answer")

    with pytest.raises(Broken) as broken:
        Trial("mine", reward, [{"prompt": "a"}]).given([0], ["b"])
    assert "mine raised KeyError" in str(broken.value)
    assert "mine 抛出了异常 KeyError" in broken.value.said("zh")
    assert broken.value.told()["message_zh"] == broken.value.said("zh")


def test_a_finding_says_a_reward_trials_words_in_its_language() -> None:
    failed = ("import", Sentence("x.py: there is no such file of reward functions", "x.py：没有这个奖励函数文件"))
    trial = RewardTrial("mine", "x.py:mine", {}, failed=failed)
    found = reward_raises.preflight(Material(Asked("grpo", {}), rewards=(trial,)))
    assert found is not None
    assert in_words(found).summary.startswith("x.py: there is no such file")
    chinese = in_words(found, "zh")
    assert "x.py：没有这个奖励函数文件" in chinese.summary
    assert "没有这个奖励函数文件" in str(chinese.evidence)


# Runs


def test_unreadable_runs_say_why_in_the_pages_language(clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "events.out.tfevents.1").write_text("")
    _, broken = clinic.runs()
    assert "nothing was logged in it" in broken["odd"]
    assert "没有任何日志（events.out.tfevents.1 中还没有完整的记录。）" in said(broken["odd"], "zh")


def test_marks_that_cannot_be_read_are_told_in_the_pages_language(clinic: Clinic) -> None:
    clinic.marks.path.parent.mkdir(parents=True, exist_ok=True)
    clinic.marks.path.write_text("{")
    _, why = clinic.marks_now()
    assert "无法作为训练的标记读取" in said(why, "zh")
    assert "cannot be read as the marks" in str(why)


# Compare


def test_compare_page_refuses_in_its_language(clinic: Clinic, tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable) as none:
        with_added(clinic, (), str(tmp_path / "none"))
    assert "没有这个文件夹" in said(none.value, "zh")
    with pytest.raises(SourceUnusable) as empty:
        source_of("  ")
    assert "没有指定模型" in said(empty.value, "zh")
    form = SetForm(None, str(tmp_path / "none.jsonl"), 3, "0", "nowhere.py:mine", None, "", "nobody")
    question = Question(["a/checkpoint-1"], "hello", "", 0, 0.0, 1.0, 8)
    for refuse in (lambda: form.plan(clinic, question, ZH), form.scorers, form.judged_by):
        with pytest.raises(SetUnusable) as unusable:
            refuse()
        assert CHINESE.search(said(unusable.value, "zh"))
        assert not CHINESE.search(said(unusable.value))
    assert "temperature：99" in str(replace(question, temperature=99.0).problem(ZH))


@pytest.mark.parametrize(("words", "says"), [(EN, "'a' is no number"), (ZH, "'a' 不是数字")])
def test_a_grid_of_letters_is_refused_in_a_sentence(words: Words, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        read_grid("0, a", "0", 1, words)
    assert "could not convert" not in str(refused.value)
    assert ".." not in str(refused.value)


def test_a_bisections_check_is_refused_in_the_pages_language(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckUnusable) as few:
        new_search(clinic, None, "matches", "([", "", Question([], "hello", "", 0, 0.0, 1.0, 8), ZH)
    assert str(few.value) == ZH("bisect.too_few")


def test_panes_and_scores_say_why_in_the_pages_language(tmp_path: Path) -> None:
    source = source_of(str(tmp_path))
    pane = Pane(source).after({"event": "error", "row": 0, "message": "It is gone.", "message_zh": "它不在了。"})
    assert "它不在了。" in pane_html(pane, ZH)
    assert "It is gone." in pane_html(pane, EN)
    (tmp_path / "bad.py").write_text("def mine(prompts, completions, **_):\n    raise KeyError('answer')\n")
    answers = AnswerSet((source.name,), (Prompt(0, ({"role": "user", "content": "a"},)),), (0,)).with_answers(
        [Answer(source.name, 0, 0, "b", 1, "end")]
    )
    *_, last = score(answers, [Scorer("mine", "function", f"{tmp_path / 'bad.py'}:mine")])
    assert "抛出了异常 KeyError" in scores_html(last, ZH)
    assert "raised KeyError" in scores_html(last, EN)


def test_an_endpoints_failure_keeps_its_key_in_no_language() -> None:
    failed = of_status("http://a/v1", "m", 401, json.dumps({"error": "no sk-12345678 here"}), httpx.Headers())
    hidden = without_key(failed, "sk-12345678")
    assert "拒绝了密钥" in hidden.said("zh")
    assert all("12345678" not in hidden.said(lang) for lang in ("en", "zh"))
    assert of_status("http://a/v1", "m", 503, "", httpx.Headers()).again


# Training


def test_training_refuses_in_the_language_of_its_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["start", "--method", "sft", "--set", "learning_rate", "--run", str(tmp_path / "run")]
    assert training(command) == 2
    assert "expected key=value" in capsys.readouterr().err
    monkeypatch.setenv("CLINIC_LANG", "zh")
    assert training(command) == 2
    assert "应为 key=value" in capsys.readouterr().err


def test_train_page_gets_a_commands_refusal_in_its_language(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="没有这次训练"):
        carried_out("stop", str(tmp_path / "none"), lang="zh")


def test_a_runs_end_is_kept_in_both_languages(tmp_path: Path) -> None:
    status = StatusFile(tmp_path)
    status.end("failed", reason=Sentence("It broke.", "它坏了。"), exit_code=1)
    raw = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    assert (raw["reason"], raw["reason_zh"]) == ("It broke.", "它坏了。")
    assert said(read_status(tmp_path).reason, "zh") == "它坏了。"
    status.end("finished", reason=None, exit_code=0)
    assert read_status(tmp_path).reason is None
    (tmp_path / "status.json").write_text('{"state": "failed", "reason": "Old.", "reason_zh": 3}')
    assert said(read_status(tmp_path).reason, "zh") == "Old."
