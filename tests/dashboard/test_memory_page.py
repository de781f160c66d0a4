"""The Memory page's plain functions: form, instant and traced estimate, stale answers, Fit, crash, the child's config; no Gradio."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.clinic import Clinic
from dashboard.memory.child import child_file
from dashboard.memory.crash import after_of, after_of_form, choices, filled_by
from dashboard.memory.form import (
    Form,
    FormUnusable,
    config_of_form,
    form_of_config,
    form_of_file,
    form_of_run,
    question_of_form,
)
from dashboard.memory.job import (
    Desk,
    State,
    Tab,
    fit,
    quick,
    ratio_of,
    scaled_by,
    told,
    trace,
)
from dashboard.memory.offers import devices, found_model
from dashboard.memory.view import answer_html, crash_html, fit_html, progress_html, quick_html, taken_html
from dashboard.texts import LANGS, Words
from diagnostics.memory import formula, models
from diagnostics.memory.answer import Answer
from diagnostics.memory.devices import GIB
from diagnostics.memory.records import Asked, Cancelled, Estimate, NotTraceable, Timeline
from diagnostics.probes.memory.starter import LOADING, WAITING
from diagnostics.run.files import write_json

ROOT = Path(__file__).parents[2]
EN, ZH = Words("en"), Words("zh")
QWEN = Form(model="Qwen/Qwen2.5-0.5B", gib=16)
OOM = (
    "Traceback (most recent call last):\n"
    '  File "/opt/site-packages/transformers/trainer.py", line 4071, in training_step\n'
    "    self.accelerator.backward(loss, **kwargs)\n"
    '  File "/opt/site-packages/torch/_tensor.py", line 648, in backward\n'
    "    torch.autograd.backward(\n"
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB. GPU 0 has a total capacity of 39.39 GiB of "
    "which 512.00 MiB is free. Including non-PyTorch memory, this process has 38.88 GiB memory in use. Of the allocated "
    "memory 37.90 GiB is allocated by PyTorch, and 500.00 MiB is reserved by PyTorch but unallocated.\n"
)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def died(root: Path, name: str = "oom-1") -> dict[str, Any]:
    """A run of ours that ran out of a device's memory; its config."""
    config = {
        "model_name_or_path": "Qwen/Qwen2.5-7B", "dataset_name": "rows.jsonl", "per_device_train_batch_size": 4,
        "max_length": 2048, "dtype": "bfloat16", "learning_rate": 2e-5,
    }  # fmt: skip
    (root / name).mkdir()
    write_json(root / name / "run.json", {"schema": 1, "method": "sft", "config": config})
    write_json(root / name / "status.json", {"state": "failed", "exit_code": 1, "step": 1, "max_steps": 9})
    (root / name / "console.log").write_text(OOM)
    return config


def larger(by: float, asks: list[Asked] | None = None) -> Callable[..., Estimate]:
    """A predictor that is the closed form, larger by a factor, as if traced."""

    def predictor(asked: Asked, *, how: str, progress: Any = None, cancelled: Any = None) -> Estimate:
        if asks is not None:
            asks.append(asked)
        found = formula.estimate(asked)
        source: Any = "traced" if how == "traced" else "extrapolated"
        line = Timeline((0, 1, 2), (1, 9, 3), ((0, "forward"),)) if how == "traced" else Timeline()
        return replace(
            found, source=source, timeline=line, peak_allocated=int(found.peak_allocated * by),
            peak_reserved=int(found.total * by) - found.context,
        )  # fmt: skip

    return predictor


def last(states: Iterator[State]) -> State:
    return list(states)[-1]


# The form


def test_form_is_the_config_that_training_would_take() -> None:
    form = Form(method="dpo", model=" m ", batch=4.0, length=512, rank=8, settings="beta=0.2\n\nlearning_rate=1e-5")
    assert config_of_form(form, EN) == {
        "beta": 0.2, "learning_rate": 1e-5, "model_name_or_path": "m", "per_device_train_batch_size": 4,
        "max_length": 512, "use_peft": True, "lora_r": 8,
    }  # fmt: skip
    assert "max_length" not in config_of_form(replace(form, length=1024), EN)  # the method's default
    assert config_of_form(Form(method="grpo", model="m", length=64), EN)["max_completion_length"] == 64
    assert config_of_form(Form(method="ppo", model="m", length=64), EN)["response_length"] == 64


@pytest.mark.parametrize("method", ["sft", "dpo", "grpo", "ppo"])
def test_config_fills_the_form_and_comes_back(method: str) -> None:
    length = {"sft": "max_length", "dpo": "max_length", "grpo": "max_completion_length", "ppo": "response_length"}
    config: dict[str, Any] = {
        "model_name_or_path": "m", length[method]: 96, "per_device_train_batch_size": 2, "use_peft": True, "lora_r": 4,
        "optim": "sgd", "gradient_checkpointing": False, "lora_target_modules": ["q_proj"], "bf16": False,
    }  # fmt: skip
    form = form_of_config(method, config)
    assert (form.length, form.batch, form.rank, form.optim, form.checkpointing) == (96, 2, 4, "sgd", False)
    assert config_of_form(form, EN) == config


def test_former_names_and_texts_are_read() -> None:
    form = form_of_config(
        None, {"method": "sft", "max_seq_length": "256", "torch_dtype": "bfloat16", "num_processes": 4}
    )
    assert (form.length, form.dtype, form.processes, form.rank, form.model) == (256, "bfloat16", 4, 0, None)
    assert form_of_config("sft", {"use_peft": "no", "lora_r": 8}).rank == 0


def test_any_value_comes_back_as_it_was_or_is_refused(clinic: Clinic) -> None:
    config = {
        "model_name_or_path": "m",
        "a": "two\nlines",
        "b": "true",
        "c": " x",
        "d": {"e": [1, None]},
        "f": "1e-5",
        "g": "",
    }
    assert config_of_form(form_of_config("sft", config), EN) == config
    for odd in ({"per_device_train_batch_size": "auto"}, {"gradient_checkpointing": "some"}, {"use_peft": True, "lora_r": "x"},
                {"per_device_train_batch_size": -1}, {"max_length": None}):  # fmt: skip
        form = form_of_config("sft", {"model_name_or_path": "Qwen/Qwen2.5-0.5B", **odd})
        assert (form.batch, form.checkpointing) == (8, True)
        with pytest.raises(FormUnusable):
            quick(form, clinic, EN, Tab())


def test_what_cannot_be_asked_is_one_sentence(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "of_hub", lambda name: None)
    for form, words in (
        (Form(method=None, model="m"), "method"),
        (Form(), "model"),
        (replace(QWEN, model="nobody/nothing"), "nobody/nothing"),
        (replace(QWEN, settings="max_lenght=3"), "max_lenght.*max_length"),
        (replace(QWEN, settings="max_length=3"), "field of its own"),
        (replace(QWEN, settings="lora"), "lora"),
        (replace(QWEN, four_bit=True), "use_peft"),
        (replace(QWEN, method="grpo", batch=3), "num_generations"),
        (replace(QWEN, gib=0, device="Voodoo 2"), "Voodoo 2"),
        (replace(QWEN, gib=-1), "-1"),
        (replace(QWEN, model="meta-llama/Llama-3.1-405B", gib=8), "less than its weights"),
    ):
        with pytest.raises(FormUnusable, match=words) as told_why:
            quick(form, clinic, EN, Tab())
        assert "\n" not in str(told_why.value)
    for key in ("mem.no_method", "mem.no_model", "mem.no_device_to_fit"):
        assert EN(key) != ZH(key)


def test_device_by_name_or_by_size(clinic: Clinic) -> None:
    def size(form: Form) -> int | None:
        return question_of_form(form, clinic, EN).asked.device

    assert size(QWEN) == 16 * GIB
    assert size(replace(QWEN, gib=0, device="A100-80")) == int(79.15 * GIB)
    assert size(replace(QWEN, gib=24, device="A100-80")) == 24 * GIB
    assert size(replace(QWEN, gib=None, device="")) is None
    for _, name in devices():
        assert size(replace(QWEN, gib=0, device=name))


def test_a_model_is_not_looked_up_again_with_every_move(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(models, "of_hub", asked.append)
    for _ in range(3):
        with pytest.raises(models.NoModel):
            found_model("nobody/never-heard-of", "model_name_or_path")
    assert asked == ["nobody/never-heard-of"]


def test_dropped_config_fills_the_form(tmp_path: Path) -> None:
    path = tmp_path / "dpo.yaml"
    path.write_text("model_name_or_path: Qwen/Qwen2.5-1.5B\nper_device_train_batch_size: 2\nbeta: 0.3\n")
    form = form_of_file(str(path), Form(method="dpo", device="T4"), EN)
    assert form == Form(method="dpo", model="Qwen/Qwen2.5-1.5B", batch=2, device="T4", settings="beta=0.3")
    path.write_text("- 1\n")
    with pytest.raises(FormUnusable, match=r"^dpo\.yaml: holds no config"):  # by its own name, not where it is kept
        form_of_file(str(path), Form(), EN)


# The instant estimate and the traced one


def test_the_instant_estimate_moves_with_the_sliders(clinic: Clinic) -> None:
    def total(**more: Any) -> int:
        return quick(replace(QWEN, **more), clinic, EN, Tab()).answer.estimate.total

    assert total(batch=32) > total(batch=8)
    assert total(length=4096) > total(length=1024)
    assert total(rank=8) < total(rank=256) < total()
    assert total(processes=4) > 0
    assert quick(replace(QWEN, processes=4), clinic, EN, Tab()).answer.shares


def test_a_trace_scales_what_is_estimated_after_it(clinic: Clinic) -> None:
    tab, alive = Desk().begin("a")
    states = list(trace(QWEN, clinic, EN, tab, alive, larger(1.1)))
    assert [one.answer.estimate.source for one in states if one.answer] == ["extrapolated", "traced"]
    plain, scaled = quick(replace(QWEN, batch=16), clinic, EN, Tab()), quick(replace(QWEN, batch=16), clinic, EN, tab)
    assert (plain.ratio, scaled.batch, scaled.length) == (None, 8, 1024)
    assert scaled.ratio == pytest.approx(1.1)
    was, now = plain.answer.estimate, scaled.answer.estimate
    assert now.total == pytest.approx(1.1 * was.total, rel=0.001)
    assert sum(now.bill.values()) == pytest.approx(now.peak_allocated + now.context, rel=0.001)
    assert now.bill["weights"] == was.bill["weights"]
    assert now.low < now.total < now.high < was.high * 1.1
    for other in (replace(QWEN, method="dpo"), replace(QWEN, rank=8), replace(QWEN, dtype="bfloat16"),
                  replace(QWEN, checkpointing=False), replace(QWEN, model="Qwen/Qwen2.5-1.5B")):  # fmt: skip
        assert quick(other, clinic, EN, tab).ratio is None


def test_what_several_devices_share_is_traced_once(clinic: Clinic) -> None:
    tab, alive = Desk().begin("a")
    states = [one for one in trace(replace(QWEN, processes=2), clinic, EN, tab, alive, larger(1.0)) if one.answer]
    assert len(states) == 1  # the whole model would have no timeline either


def test_a_ratio_that_says_nothing_is_not_taken(clinic: Clinic) -> None:
    tab, alive = Desk().begin("a")
    list(trace(QWEN, clinic, EN, tab, alive, larger(3.0)))
    assert tab.traced is not None
    assert ratio_of(tab.traced.question.asked, tab.traced) is None
    assert scaled_by(tab.traced.question.asked, 0.1) is None  # less than the states alone


def untraceable(asked: Asked, **more: Any) -> Estimate:
    raise NotTraceable("A mystery model cannot be traced.", "神秘模型无法追踪。")


def test_what_cannot_be_traced_has_the_closed_form_marked_so(clinic: Clinic) -> None:
    tab, alive = Desk().begin("a")
    states = [one for one in trace(QWEN, clinic, EN, tab, alive, untraceable) if one.answer]
    assert len(states) == 1  # the whole model is not tried as well
    assert states[0].answer is not None
    head = answer_html(states[0].answer, EN)[0]
    assert "mystery model" in head
    assert quick(QWEN, clinic, EN, tab).ratio is None


def slow(started: threading.Event, ended: list[str]) -> Callable[..., Estimate]:
    """A predictor that goes on until it is cancelled."""

    def predictor(asked: Asked, *, how: str, progress: Any = None, cancelled: Any = None) -> Estimate:
        progress("tracing 2 of 24 layers", 0.1)
        started.set()
        for _ in range(1000):
            if cancelled():
                ended.append("cancelled")
                raise Cancelled("No longer wanted.", "不再需要。")
            time.sleep(0.01)
        raise AssertionError("was never cancelled")

    return predictor


def test_a_newer_request_ends_the_older_and_is_not_overwritten(clinic: Clinic) -> None:
    desk, started, ended = Desk(), threading.Event(), list[str]()
    tab, alive = desk.begin("a")
    older = trace(QWEN, clinic, EN, tab, alive, slow(started, ended))
    assert next(older).what in ("", "tracing 2 of 24 layers")
    assert started.wait(5)
    desk.begin("b")  # another page is none of its business
    assert next(older).answer is None
    tab, alive = desk.begin("a")
    assert list(older) == []
    wait_until(lambda: ended == ["cancelled"])
    assert last(trace(QWEN, clinic, EN, tab, alive, larger(1.0))).answer is not None


def test_what_is_stopped_ends_and_knows_that_it_was_stopped(clinic: Clinic) -> None:
    desk, started, ended = Desk(), threading.Event(), list[str]()
    tab, alive = desk.begin("a")
    states = trace(QWEN, clinic, EN, tab, alive, slow(started, ended))
    next(states)
    assert started.wait(5)
    desk.stop("a")
    assert list(states) == []
    assert tab.stopped
    wait_until(lambda: ended == ["cancelled"])
    assert list(told(lambda tell, cancelled: pytest.fail("was begun"), alive)) == []  # what had not begun never does
    desk.begin("a")
    assert not tab.stopped


def test_who_closes_the_page_ends_the_work(clinic: Clinic) -> None:
    started, ended = threading.Event(), list[str]()
    tab, alive = Desk().begin("a")
    states = trace(QWEN, clinic, EN, tab, alive, slow(started, ended))
    next(states)
    states.close()
    wait_until(lambda: ended == ["cancelled"])


def wait_until(true: Callable[[], bool]) -> None:
    late = time.monotonic() + 5
    while not true():
        assert time.monotonic() < late
        time.sleep(0.01)


def test_a_fault_of_ours_is_not_swallowed() -> None:
    def broken(tell: Any, cancelled: Any) -> Answer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(told(broken, lambda: True))


def test_pages_are_forgotten_at_last() -> None:
    desk = Desk()
    first = desk.tab("first")
    for number in range(600):
        desk.tab(str(number))
    assert desk.tab("first") is not first
    assert desk.tab("599") is desk.tab("599")


# Fit and the child's config


def test_fit_is_searched_and_taken(clinic: Clinic) -> None:
    form = replace(QWEN, batch=60, settings="dataset_name=rows.jsonl", gib=12)
    tab, alive = Desk().begin("a")
    asks: list[Asked] = []
    found = last(fit(form, clinic, EN, tab, alive, larger(1.0, asks))).answer
    assert found is not None
    assert found.plan is not None
    assert len(asks) == found.plan.estimates
    assert tab.traced is found  # what it began from is shown, if nothing nearer is
    for lang in LANGS:
        assert fit_html(found, Words(lang)).count('class="option"') == len(found.plan.options) == 2
    path, parent = child_file(1, tab, clinic, EN)
    assert parent is None
    assert not path.is_relative_to(clinic.root)
    config = json.loads(path.read_text())
    assert config["method"] == "sft"
    assert config["dataset_name"] == "rows.jsonl"
    assert "parent" not in config
    fitted = found.plan.options[0].question
    assert config["per_device_train_batch_size"] * config.get("gradient_accumulation_steps", 1) == 60
    assert fitted.rows_a_step == 60
    # what was written is what was found to fit
    again = form_of_config("sft", config, gib=12)
    assert quick(again, clinic, EN, Tab()).answer.estimate.total == formula.estimate(fitted.asked).total <= 12 * GIB
    with pytest.raises(FormUnusable):
        child_file(3, tab, clinic, EN)
    with pytest.raises(FormUnusable):
        child_file(1, Tab(), clinic, EN)


def test_fit_needs_a_device_and_says_when_nothing_has_to_change(clinic: Clinic) -> None:
    tab, alive = Desk().begin("a")
    with pytest.raises(FormUnusable, match="GiB"):
        list(fit(replace(QWEN, gib=0), clinic, EN, tab, alive, larger(1.0)))
    found = last(fit(replace(QWEN, gib=80), clinic, EN, tab, alive, larger(1.0))).answer
    assert found is not None
    assert "Nothing has to change" in fit_html(found, EN)


# Crashed runs


def test_crashed_runs_come_first_and_are_marked(clinic: Clinic) -> None:
    (clinic.root / "a-fine-one").mkdir()
    write_json(clinic.root / "a-fine-one" / "run.json", {"schema": 1, "method": "sft", "config": {"max_length": 8}})
    died(clinic.root, "z-dead")
    assert [name for _, name in choices(clinic, EN)] == ["", "z-dead", "a-fine-one"]
    assert "✕" in choices(clinic, ZH)[1][0]


def test_crashed_run_fills_the_form_with_the_device_that_it_had(clinic: Clinic) -> None:
    died(clinic.root)
    form = filled_by("oom-1", clinic)
    assert form is not None
    assert (form.run, form.gib, form.batch, form.length) == ("oom-1", 39.39, 4, 2048)
    assert form_of_run(clinic, "gone") is None
    for words in (EN, ZH):
        shown = crash_html(after_of("oom-1", clinic), words)
        assert "39.39 GiB" in shown
        assert "152064 × 3584" in shown
    assert crash_html(after_of("gone", clinic), EN) == ""


def test_a_training_on_the_cpu_is_asked_about_by_what_its_limit_leaves(clinic: Clinic) -> None:
    config = died(clinic.root)
    folder = clinic.root / "oom-1"
    machine = {"accelerator": "cpu", "memory": 24 * GIB, "limits": {"data": 10 * GIB}}
    write_json(folder / "status.json", {"state": "failed", "step": 1, "max_steps": 9, "machine": machine})
    write_json(folder / "run.json", {"schema": 1, "method": "sft", "config": {**config, "max_length": 64}})
    (folder / "console.log").write_text(
        "Traceback (most recent call last):\n"
        '  File "/opt/site-packages/transformers/trainer.py", line 4071, in training_step\n'
        "    self.accelerator.backward(loss, **kwargs)\n"
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
        "to allocate 1073741824 bytes. Error code 12 (Cannot allocate memory)\n"
    )
    form = filled_by("oom-1", clinic)
    assert form is not None
    assert "use_cpu=true" in (form.settings or "")
    assert 0 < (form.gib or 0) < 10.5  # and a CUDA context that the estimate counts
    question = question_of_form(form, clinic, EN)
    assert not question.accelerator
    assert "use_cpu" in config_of_form(form, EN)
    tab, alive = Desk().begin("a")
    assert last(fit(replace(form, model="Qwen/Qwen2.5-0.5B", batch=64), clinic, EN, tab, alive, larger(1.0))).answer
    child = json.loads(child_file(1, tab, clinic, EN)[0].read_text())
    assert child["parent"] == "oom-1"
    assert "use_cpu" not in child


def test_a_run_that_lives_fills_the_form_with_the_device_that_its_worker_recorded(clinic: Clinic) -> None:
    died(clinic.root, "fine")
    machine = {"accelerator": "cuda", "device": 24 * GIB}
    write_json(
        clinic.root / "fine" / "status.json", {"state": "running", "step": 1, "max_steps": 9, "machine": machine}
    )
    form = filled_by("fine", clinic)
    assert form is not None
    assert (form.gib, form.settings) == (24, "dataset_name=rows.jsonl\nlearning_rate=2e-05")
    assert after_of("fine", clinic) is None


def test_fit_of_a_crash_writes_the_config_of_a_child(clinic: Clinic) -> None:
    config = died(clinic.root)
    form = filled_by("oom-1", clinic)
    assert form is not None
    assert after_of_form(form, clinic) is not None
    assert after_of_form(replace(form, batch=2.0), clinic) is None  # another training
    tab, alive = Desk().begin("a")
    found = last(fit(form, clinic, EN, tab, alive, larger(1.0))).answer
    assert found is not None
    assert found.crash is not None
    path, parent = child_file(1, tab, clinic, EN)
    child = json.loads(path.read_text())
    assert path == clinic.root / ".children" / "oom-1--memory-1.json"
    assert (parent, child["parent"], child["fixes"]) == ("oom-1", "oom-1", ["out-of-memory/fit"])
    assert child["dataset_name"] == config["dataset_name"]
    assert str(path) in taken_html(path, parent, EN)
    assert json.loads((clinic.root / "oom-1" / "run.json").read_text())["config"] == config  # the run stays


# What is shown


@pytest.mark.parametrize("lang", LANGS)
def test_progress_is_told_in_both_languages_and_as_text(lang: Any) -> None:
    words = Words(lang)
    said = {
        progress_html(State(what, 1, 4, 2.0), words)
        for what in ("", LOADING, WAITING, "tracing 2 of 32 layers", "tracing the whole model", "fit", "anything else")
    }
    assert len(said) == 7
    assert all('role="status"' in one for one in said)
    assert "<b>" not in progress_html(State(error="<b>x</b>"), words)


@pytest.mark.parametrize("lang", LANGS)
def test_an_instant_answer_is_marked_as_such(lang: Any, clinic: Clinic) -> None:
    words = Words(lang)
    found = quick(replace(QWEN, processes=2), clinic, words, Tab())
    head, bill, rest = quick_html(found, words)
    assert words("mem.quick", error=0.3) in head
    assert words("mem.timeline_alone") in bill
    assert "ZeRO-1" in rest
    assert words("mem.no_timeline") in quick_html(quick(QWEN, clinic, words, Tab()), words)[1]
    tab, alive = Desk().begin("a")
    traced = last(trace(QWEN, clinic, words, tab, alive, larger(1.1))).answer
    assert traced is not None
    head, bill, _ = answer_html(traced, words)
    assert words("mem.quick", error=0.3) not in head
    assert words("mem.no_timeline") not in bill
    head, _, _ = quick_html(quick(QWEN, clinic, words, tab), words)
    assert words("mem.quick", error=0.1) in head
    assert "×1.10" in head


def test_a_name_from_outside_is_shown_as_text(clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "<img src=x>"
    folder.mkdir()
    write_json(folder / "config.json", dict(models.families.MODELS["Qwen/Qwen2.5-0.5B"]))
    parts = quick_html(quick(replace(QWEN, model=str(folder)), clinic, EN, Tab()), EN)
    assert "<img" not in "".join(parts)


def test_the_page_needs_no_torch() -> None:
    code = "import sys; import dashboard.memory.view; print({'torch', 'transformers', 'gradio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
