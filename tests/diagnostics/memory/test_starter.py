"""Asking the predictor: estimates at both depths, the cache, what cannot be traced, cancellation, a process that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from diagnostics.memory.records import Asked, Cancelled, NotTraceable, WorkerDied, asked_from, estimate_from
from diagnostics.probes.memory import starter
from diagnostics.probes.memory.starter import Worker, estimate
from tests.diagnostics.memory.reality import LLAMA, LORA

ROOT = Path(__file__).parents[3]
DEEP = {**LLAMA, "num_hidden_layers": 9}
SFT = Asked("sft", {}, DEEP, batch=2, length=64)


@pytest.fixture(autouse=True, scope="module")
def _ended() -> object:
    yield
    starter.SHARED.end()


@pytest.mark.slow
def test_two_depths_give_what_the_whole_gives(tmp_path: Path) -> None:
    whole = estimate(SFT, how="traced", cache=tmp_path)
    line = estimate(SFT, how="extrapolated", check=True, cache=tmp_path)
    assert (whole.source, line.source) == ("traced", "extrapolated")
    assert line.peak_allocated == pytest.approx(whole.peak_allocated, rel=0.01)
    assert line.phase == whole.phase
    assert sum(whole.bill.values()) - whole.context == pytest.approx(whole.phases[whole.phase], abs=1)
    assert whole.low < whole.total < whole.high
    assert whole.peak_reserved >= whole.peak_allocated
    assert whole.timeline.marks[0] == (0, "load")
    assert max(whole.timeline.allocated) == whole.phases[whole.phase]
    assert whole.largest[0].bytes >= whole.largest[-1].bytes > 0
    assert any("checked" in note for note in line.notes)


@pytest.mark.slow
def test_a_kept_answer_needs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = estimate(SFT, how="extrapolated", cache=tmp_path)
    monkeypatch.setattr(starter, "SHARED", None)
    assert estimate(SFT, how="extrapolated", cache=tmp_path) == first
    with pytest.raises(AttributeError):  # another question is no kept one
        estimate(replace(SFT, batch=3), how="extrapolated", cache=tmp_path)


@pytest.mark.slow
def test_levers_move_what_they_should(tmp_path: Path) -> None:
    def of(**config: object) -> dict[str, int]:
        return dict(estimate(replace(SFT, config=config), cache=tmp_path).bill)

    plain, adapter = of(gradient_checkpointing=False), of(gradient_checkpointing=False, **LORA)
    assert of(gradient_checkpointing=True)["activations"] < plain["activations"]
    assert adapter["optimizer"] < 0.1 * plain["optimizer"]
    assert of(load_in_4bit=True, **LORA)["weights"] < 0.5 * adapter["weights"]
    assert of(optim="sgd")["optimizer"] == 0
    # embeddings keep 32-bit states: not a quarter, but less
    assert of(optim="adamw_8bit")["optimizer"] < 0.7 * of()["optimizer"]
    assert of(optim="paged_adamw_8bit")["optimizer"] < of(optim="adamw_8bit")["optimizer"]


@pytest.mark.slow
def test_a_device_that_is_too_small_is_told(tmp_path: Path) -> None:
    needed = estimate(SFT, how="traced", cache=tmp_path)
    roomy = replace(SFT, device=needed.total + 2**28)
    assert estimate(roomy, how="traced", cache=tmp_path).fits is True
    small = estimate(replace(SFT, device=needed.context + needed.peak_allocated // 2), how="traced", cache=tmp_path)
    assert small.fits is False
    assert any("Out of memory" in note for note in small.notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(SFT, model={"model_type": "no_such_model"}), "no such model"),
        (replace(SFT, model={"model_type": "own", "auto_map": {"AutoConfig": "code.Config"}}), "never run"),
        (replace(SFT, method="orpo"), "none that can be traced"),
        (replace(SFT, config={"learning_rate": "fast", "optim": "no_such_optimizer"}), "refused"),
        (Asked("grpo", {}, LLAMA, batch=1, length=64), "groups of at least two"),
    ],
)
def test_what_cannot_be_traced_is_said_in_a_sentence(asked: Asked, words: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable, match=words) as told:
        estimate(asked, cache=tmp_path)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []  # nothing is kept


def request_of(asked: Asked) -> dict[str, object]:
    return {"asked": asked.to_json(), "how": "traced", "check": False, "package": "training"}


def nothing(text: str, share: float) -> None:
    pass


@pytest.mark.slow
def test_a_cancelled_estimate_ends_its_process_and_keeps_the_libraries() -> None:
    worker, stages, children = Worker(), [], []

    def cancelled() -> bool:
        children.append(worker.child)
        return worker.child != 0

    with pytest.raises(Cancelled):
        worker.ask(request_of(replace(SFT, batch=7)), lambda text, share: stages.append(text), cancelled)
    assert stages
    assert not Path(f"/proc/{children[-1]}").exists()
    kept = worker.process
    assert kept is not None
    assert kept.poll() is None
    begun = time.monotonic()
    assert "peak_allocated" in worker.ask(request_of(SFT), nothing, lambda: False)
    assert worker.process is kept
    assert time.monotonic() - begun < 30
    worker.end()


@pytest.mark.slow
def test_libraries_loaded_ahead_are_waited_for_and_not_loaded_twice() -> None:
    worker, stages = Worker(), []
    threading.Thread(target=worker.warm).start()
    while worker.process is None:
        time.sleep(0.01)
    with pytest.raises(Cancelled):  # who waits can leave; the loading goes on
        worker.ask(request_of(SFT), lambda text, share: stages.append(text), lambda: bool(stages))
    first = worker.process
    worker.ask(request_of(SFT), lambda text, share: stages.append(text), lambda: False)
    assert worker.process is first
    assert stages[0] == stages[1] == starter.LOADING
    worker.end()


@pytest.mark.slow
def test_a_killed_process_is_told_as_such() -> None:
    worker = Worker()
    request = {"asked": replace(SFT, batch=5).to_json(), "how": "traced", "check": False, "package": "training"}

    def kill() -> None:
        while not worker.child:
            time.sleep(0.01)
        os.kill(worker.child, signal.SIGKILL)

    threading.Thread(target=kill).start()
    with pytest.raises(WorkerDied, match="ran out of memory"):
        worker.ask(request, lambda text, share: None, lambda: False)
    worker.end()


def test_the_starter_needs_no_torch() -> None:
    code = "import sys; import diagnostics.probes.memory.starter; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_records_survive_json() -> None:
    asked = replace(SFT, phases=("evaluation",))
    assert asked_from(asked.to_json()) == asked
    from diagnostics.memory.records import Estimate, MemoryUnknown, Storage, Timeline

    found = Estimate(
        1, 2, 3, 4, 5, "forward", 1, "op", {"weights": 1}, "traced", Timeline((0,), (1,), ((0, "load"),)),
        (Storage(8, (2,), "float32", "aten.mm", "head", "logits"),), {"forward": 1}, True, 0.5, {"torch": "2"}, ("note",),
    )  # fmt: skip
    import json

    assert estimate_from(json.loads(json.dumps(found.to_json()))) == found
    with pytest.raises(MemoryUnknown):
        asked_from({"nothing": 1})
    with pytest.raises(MemoryUnknown):
        estimate_from({})
