"""The command line: exit codes, one JSON object, one sentence for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard import cli as dashboard_cli
from diagnostics.cli import main
from diagnostics.finding import CannotJudge, Finding
from diagnostics.measure import limits
from diagnostics.rules import RULES

CASES = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize(
    ("case", "arguments", "code"),
    [
        ("loss-diverged/bad-at-once.json", [], 1),
        ("loss-diverged/near-miss-spike-recovers.json", [], 0),
        ("not-learning/bad-flat.json", [], 0),
        ("not-learning/bad-flat.json", ["--fail-on", "warning"], 1),
    ],
)
def test_exit_codes(case: str, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(CASES / case), *arguments]) == code
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(CASES.glob("*/[bn]*-*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_json_is_one_strict_object_of_the_agreed_shape(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(path), "--format", "json"])
    captured = capsys.readouterr()

    def refuse(token: str) -> None:
        raise AssertionError(f"bare {token}")

    report = json.loads(captured.out, parse_constant=refuse)
    assert {"schema", "path", "method", "status", "points", "findings", "not_checked"} <= report.keys()
    assert report["schema"] == 1
    for finding in report["findings"]:
        assert {
            "rule", "severity", "confidence", "first_step", "last_step", "title", "summary", "why", "causes", "evidence",
            "explains", "fixes",
        } <= finding.keys()  # fmt: skip
        assert finding["severity"] in ("error", "warning", "info")
        assert 0 <= finding["confidence"] <= 1
        assert finding["first_step"] <= finding["last_step"]
        for fix in finding["fixes"]:
            assert fix["safety"] in ("safe", "ask", "show")
            assert all({"path", "from", "to"} == edit.keys() for edit in fix["edits"])
    for one in report["not_checked"]:
        assert {"rule", "reason"} == one.keys()


@pytest.mark.parametrize("path", ["nowhere", "../dashboard", "loss-diverged"])
def test_bad_input_is_one_sentence_and_code_2(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(CASES / path), "--format", "json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.NAME)
def test_explain(rule: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", rule.NAME, "--lang", "zh"]) == 0  # type: ignore[attr-defined]
    assert "阈值" in capsys.readouterr().out or not limits(rule)


def test_explain_offers_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "loss-divergd"]) == 2
    assert "did you mean loss-diverged" in capsys.readouterr().err


def test_rule_that_breaks_is_said_and_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(run: object) -> Finding | None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(RULES[1], "check", broken)
    assert main(["check", str(CASES / "loss-diverged/bad-at-once.json"), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [one["rule"] for one in report["findings"] if one["severity"] != "info"] == ["loss-diverged"]
    assert {"rule": RULES[1].NAME, "reason": "the rule itself failed: ZeroDivisionError: oh"} in report["not_checked"]


def test_cause_swallows_its_symptoms(monkeypatch: pytest.MonkeyPatch) -> None:
    from diagnostics.engine import fold

    def found(rule: str, first: int, last: int) -> Finding:
        return Finding(rule, "error", 1.0, first, last, {}, ())

    explains = {"a": ("b",), "b": ("c",), "c": ()}
    kept = fold([found("a", 10, 20), found("b", 12, 20), found("c", 1, 5)], explains)
    assert [(one.rule, one.explains) for one in kept] == [("a", ("b",)), ("c", ())]


def test_cannot_judge_is_no_finding() -> None:
    assert not isinstance(CannotJudge("no-series", tag="x"), Finding)


def test_dashboard_refuses_a_port_in_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert dashboard_cli.main(["--runs", str(tmp_path), "--port", str(port)]) == 2
    assert f"port {port} is in use" in capsys.readouterr().err
    assert dashboard_cli.main(["--runs", str(tmp_path), "--port", "99999"]) == 2
    (tmp_path / "file").write_text("")
    assert dashboard_cli.main(["--runs", str(tmp_path / "file" / "x"), "--port", str(port)]) == 2
