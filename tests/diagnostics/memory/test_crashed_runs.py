"""`memory --config` of a run that died of memory: its console is read, and what would have fitted the device that it had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.memory import cpu
from diagnostics.report.memory.formats import FORMATS
from diagnostics.report.words import LANGS
from tests.diagnostics.memory.asked import GIB, exact
from tests.diagnostics.memory.test_after_crash import BACKWARD, CONFIG, DEVICE, LOGITS, ON_CPU, REFUSED, RUNNING
from tests.diagnostics.memory.test_command import reported, run
from tests.diagnostics.postmortem.texts import crash, rows


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def crashed(folder: Path, console: str, machine: dict[str, Any] | None = None, **config: Any) -> Path:
    """The folder of a run of ours that left this console."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"method": "sft", "config": {**CONFIG, **config}}))
    (folder / "status.json").write_text(json.dumps({**RUNNING, "machine": machine or {}}))
    (folder / "console.log").write_text(console)
    return folder


def test_the_device_is_the_one_that_the_message_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = crashed(tmp_path / "parent", crash(*BACKWARD, end=DEVICE)), tmp_path / "child.json"
    assert run("--config", str(folder), "--format", "json", "--fix-out", str(out)) == 1
    found = reported(capsys)
    assert found["device"]["bytes"] == pytest.approx(23.64 * GIB, abs=2)
    assert (found["crash"]["kind"], found["crash"]["phase"]) == ("shortage", "backward")
    assert sum(row["bytes"] for row in found["crash"]["bill"]) == pytest.approx(22.6 * GIB, rel=1e-6)
    option = found["fit"]["options"][0]
    assert option["total"] * 1.04 <= found["device"]["bytes"]
    child = json.loads(out.read_text())
    assert (child["parent"], child["fixes"]) == ("parent", ["out-of-memory/fit"])
    assert all(child.get(edit["path"]) == edit["to"] for edit in option["fix"]["edits"])


def test_another_device_may_be_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = crashed(tmp_path / "parent", crash(*BACKWARD, end=DEVICE))
    assert run("--config", str(folder), "--device-gib", "80", "--format", "json") == 0
    found = reported(capsys)
    assert found["device"]["bytes"] == 80 * GIB
    assert found["crash"]["sizes"]["total"] == pytest.approx(23.64 * GIB)
    assert (found["verdict"], found["fit"]["options"]) == ("fits", [])
    assert run("--config", str(folder), "--no-fit", "--format", "json") == 1
    assert reported(capsys)["fit"] is None


def test_a_training_on_the_cpu_has_the_room_of_its_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = {**ON_CPU, "limits": {"address": 12 * GIB}}
    batch = {"model_name_or_path": "gpt2", "per_device_train_batch_size": 64}
    folder, out = crashed(tmp_path / "cpu", crash(*LOGITS, end=REFUSED), machine, **batch), tmp_path / "child.json"
    asked: list[Any] = []

    def predictor(one: Any, **options: Any) -> Any:
        asked.append(one)
        return exact(one)

    words = ("--config", str(folder), "--format", "json", "--fix-out", str(out))
    assert run(*words, predictor=predictor) == 0
    found = reported(capsys)
    assert (found["device"], found["crash"]["kind"], found["crash"]["phase"]) == (None, "host", "logits")
    assert asked[0].config["use_cpu"] is True
    option = found["fit"]["options"][0]
    assert cpu.needed(option["total"] - found["peak"]["context"], "address") <= 12 * GIB
    child = json.loads(out.read_text())
    assert child["fixes"] == ["out-of-host-memory/fit"]
    assert child["per_device_train_batch_size"] * child["gradient_accumulation_steps"] == 128
    assert "use_cpu" not in child


def test_a_run_of_others_is_asked_about_with_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.log").write_text(rows(2.1, 2.0) + crash(*BACKWARD, end=DEVICE))
    known = ("--method", "sft", "--model", "qwen3-1.7b", "--format", "json")
    for path in (tmp_path, tmp_path / "train.log"):
        assert run("--config", str(path), "--method", "sft") == 2
        assert "kept no config" in capsys.readouterr().err
        assert run("--config", str(path), *known) == 1
        found = reported(capsys)
        assert found["device"]["bytes"] == pytest.approx(23.64 * GIB, abs=2)
        assert found["crash"]["phase"] == "backward"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_what_happened(
    tmp_path: Path, name: str, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = crashed(tmp_path / "parent", crash(*BACKWARD, end=DEVICE))
    assert run("--config", str(folder), "--how", "formula", "--format", name, "--lang", lang) == 1
    said = capsys.readouterr().out
    assert "23.64 GiB" in said
    assert ("per_device_train_batch_size" in said) or ("use_peft" in said)


def test_fragments_have_no_other_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end = DEVICE.replace("22.60 GiB", "15.60 GiB").replace("200.00 MiB is reserved", "7.20 GiB is reserved")
    folder = crashed(tmp_path / "parent", crash(*BACKWARD, end=end))
    run("--config", str(folder), "--format", "json")
    found = reported(capsys)
    assert (found["crash"]["kind"], found["fit"]) == ("fragmentation", None)
