"""Reward functions tried before a run: each planted fault is found as what it is, near misses are left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.finding import Finding
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked, Material, RewardTrial, Rows
from diagnostics.probes.reward_trials import trial_rewards
from diagnostics.report.preflight.contents import trial_object
from diagnostics.report.preflight.sentences import reward_cells
from diagnostics.report.words import LANGS, in_words
from diagnostics.run.status import process_alive

ENGLISH = [
    {
        "prompt": f"How long does parcel B1{n} take to {('Rome', 'Oslo', 'Bern')[n % 3]}?",
        "answer": f"Parcel B1{n} takes {n + 2} days to {('Rome', 'Oslo', 'Bern')[n % 3]}, by the lorry from depot {n * 7}.",
    }
    for n in range(40)
]
CHINESE = [
    {
        "prompt": [{"role": "user", "content": f"请问订单B1{n}什么时候到{('杭州', '成都', '苏州')[n % 3]}？"}],
        "solution": f"订单B1{n}还需要{n + 2}天到达{('杭州', '成都', '苏州')[n % 3]}，由第{n * 7}号仓库发出。",
    }
    for n in range(40)
]
TALKS = [
    {
        "prompt": [{"role": "user", "content": row["prompt"]}],
        "chosen": [{"role": "assistant", "content": row["answer"]}],
    }
    for row in ENGLISH
]
TEXT = "[c if isinstance(c, str) else c[0]['content'] for c in completions]"
RIGHT = f"""
    found = []
    for text, right in zip({TEXT}, (columns.get('answer') or columns.get('solution') or columns.get('chosen'))):
        right = right if isinstance(right, str) else right[0]['content']
        found.append(1.0 if text == right else 0.0)
    return found
"""


def rows(data: Sequence[dict[str, Any]]) -> Rows:
    return Rows("rows.jsonl (train)", len(data), tuple(data[0]), data, np.arange(len(data)))


def mine(folder: Path, body: str, head: str = "def f(prompts, completions, **columns):", name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(f"{head}\n    {body.strip()}\n", encoding="utf-8")
    return f"{path}:f"


def tried(folder: Path, body: str, data: Sequence[dict[str, Any]] = ENGLISH, **more: Any) -> RewardTrial:
    head = {"head": more.pop("head")} if "head" in more else {}
    [trial] = trial_rewards([mine(folder, body, **head)], rows(data), **more)
    return trial


def found(*trials: RewardTrial, method: str = "grpo", **config: Any) -> list[Finding]:
    diagnosis = judge(Material(Asked(method, {"reward_funcs": [one.spec for one in trials], **config}), rewards=trials))
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"]
    for one in diagnosis.findings:
        for lang in LANGS:
            said = in_words(one, lang)
            assert said.summary
            assert "{" not in said.summary
            assert said.fixes
        assert one.evidence
    return list(diagnosis.findings)


def names(findings: list[Finding]) -> list[tuple[str, str, Any]]:
    return [(one.rule, one.severity, one.facts.get("kind")) for one in findings]


@pytest.mark.parametrize("data", [ENGLISH, CHINESE, TALKS], ids=["english", "chinese", "talks"])
def test_a_reward_that_is_right_is_left_alone(tmp_path: Path, data: Sequence[dict[str, Any]]) -> None:
    trial = tried(tmp_path, RIGHT, data)
    assert trial.failed is None
    assert set(trial.values) == {
        "reference", "ordinary", "empty", "long", "prompt", "repeated", "keywords", "foreign",
    }  # fmt: skip
    assert trial.values["reference"].tolist() == [1.0] * 32
    assert [float(np.nanmax(trial.values[probe])) for probe in trial.values if probe != "reference"] == [0.0] * 7
    assert trial.rows[0] == 0
    assert trial.rows[-1] == 39
    assert trial.shuffled == 0.0
    assert found(trial) == []


# body, what the head is (None: the usual one), what is found
FAULTS: list[tuple[str, str, str | None, tuple[str, str, str | None]]] = [
    ("raises", "return [int(c) for c in completions]", None, ("reward-raises", "error", "raises")),
    ("exits", "raise SystemExit(3)", None, ("reward-raises", "error", "raises")),
    ("interrupts", "raise KeyboardInterrupt", None, ("reward-raises", "error", "raises")),
    ("ends", "import os; os._exit(0)", None, ("reward-raises", "error", "died")),
    (
        "crashes", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", None, ("reward-raises", "error", "died"),
    ),
    ("column", "return [1.0] * len(prompts)", "def f(completions, gold, **columns):", ("reward-raises", "error", "columns")),
    ("no kwargs", "return [1.0] * len(prompts)", "def f(prompts, completions):", ("reward-raises", "error", "no-kwargs")),
    ("messages", "return [c[0]['content'].count('a') for c in completions]", None, ("reward-raises", "error", "texts")),
    ("count", "return [1.0]", None, ("reward-wrong-count", "error", "tried")),
    ("scalar", "return 0.5", None, ("reward-wrong-count", "error", "tried")),
    ("text", "return ['1'] * len(prompts)", None, ("reward-not-finite", "error", "tried-not-a-number")),
    ("nested", "return [[1.0]] * len(prompts)", None, ("reward-not-finite", "error", "tried-not-a-number")),
    ("nan", "return [float('nan')] + [1.0] * (len(prompts) - 1)", None, ("reward-not-finite", "error", "tried-not-finite")),
    ("inf", "return [float('-inf')] * len(prompts)", None, ("reward-not-finite", "error", "tried-not-finite")),
    ("none", "return [None] * len(prompts)", None, ("reward-missing", "error", "tried-all")),
    ("no list", "pass", None, ("reward-missing", "error", "tried-all")),
    (
        "some none", "return [None if 'B13' in p else len(set(c)) / 99 for p, c in zip(prompts, completions)]", None,
        ("reward-missing", "warning", "tried-some"),
    ),
    ("constant", "return [0.5 for c in completions]", None, ("reward-constant", "info", "tried")),
    ("place", "return [n / 10 for n, c in enumerate(completions)]", None, ("reward-order-dependent", "warning", "tried-order")),
    ("sorted", "return sorted(len(set(c)) / 99 for c in completions)", None, ("reward-order-dependent", "warning", "tried-order")),
    ("chance", "import random; return [random.random() for c in completions]", None, ("reward-order-dependent", "warning", "tried-again")),
    ("large", "return [1e5 * ('lorry' in c) / len(c.split()) if c else 0 for c in completions]", None, ("reward-scale-extreme", "warning", "good")),
    ("length", "return [len(c) / 1000 for c in completions]", None, ("reward-length-bias", "warning", "tried")),
    (
        "keywords", "return [('lorry' in c) * sum(len(w) > 3 for w in c.split()) / len(c.split()) if c else 0.0 for c in completions]", None,
        ("reward-hackable", "warning", "reference-keywords"),
    ),
    ("penalty", "return [-len(c) / 1000 for c in completions]", None, ("reward-hackable", "warning", "reference-empty")),
    (
        "overlap",
        "return [len(set(p.split()) & set(c.split())) / len(set(p.split())) for p, c in zip(prompts, completions)]", None,
        ("reward-hackable", "warning", "reference-prompt"),
    ),
    (
        "division", "return [c.count('e') / len(c.split()) for c in completions]", None,
        ("reward-raises", "warning", "junk"),
    ),
    (
        "logarithm", "import math; return [math.log(c.count('e')) if c.count('e') else -math.inf for c in completions]", None,
        ("reward-not-finite", "warning", "tried-junk"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "head", "expected"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
@pytest.mark.parametrize("before", ["", "async "], ids=["plain", "async"])
def test_a_fault_is_found_as_what_it_is(
    tmp_path: Path, body: str, head: str | None, expected: tuple[str, str, str | None], before: str
) -> None:
    trial = tried(tmp_path, body, head=before + (head or "def f(prompts, completions, **columns):"))
    assert expected in names(found(trial))


CALM: list[tuple[str, str]] = [
    ("tensor", "import numpy; return numpy.array([len(set(c)) / 99 for c in completions])"),
    ("generator", "return (len(set(c)) / 99 for c in completions)"),
    ("booleans", "return ['lorry' in c and len(c) < 300 for c in completions]"),
    ("group", "top = max([1, *(len(set(c)) for c in completions)]); return [len(set(c)) / top for c in completions]"),
    ("logs", "columns['log_extra']('a', ['b'] * len(prompts)); columns['log_metric']('a', 1.0); return [len(set(c)) / 99 for c in completions]"),
    ("state", "assert columns['trainer_state'].global_step == 0; return [len(set(c)) / 99 for c in completions]"),
    ("ids", "return [len(i) / 1000 if 20 < len(i) < 400 else 0.0 for i in columns['completion_ids']]"),
    ("noise", "print('x' * 100000); import sys; sys.stderr.write('y' * 100000); return [len(set(c)) / 99 for c in completions]"),
]  # fmt: skip


@pytest.mark.parametrize("body", [one[1] for one in CALM], ids=[one[0] for one in CALM])
def test_what_trl_takes_is_no_fault(tmp_path: Path, body: str) -> None:
    trial = tried(tmp_path, body)
    assert trial.failed is None
    assert trial.facts["junk_failed"] == {}
    serious = [one for one in found(trial) if one.rule not in ("reward-hackable", "reward-length-bias")]
    assert serious == []


def test_a_list_of_messages_taken_for_a_text_is_told(tmp_path: Path) -> None:
    raising = tried(tmp_path, "return [float(c.count('lorry')) for c in map(str.lower, completions)]", TALKS)
    assert names(found(raising)) == [("reward-raises", "error", "messages")]
    silent = tried(
        tmp_path, "return [1.0 if 'Certainly, I will look into it.' in c else 0.0 for c in completions]", ENGLISH
    )
    assert "reward-constant" not in [one.rule for one in found(silent)]
    silent = tried(tmp_path, "return [min(len(c), 20) / 20 for c in completions]", CHINESE)
    assert ("reward-constant", "warning", "tried-messages") in names(found(silent))


def test_the_place_in_the_users_file_and_the_row_are_told(tmp_path: Path) -> None:
    trial = tried(tmp_path, "return [1 / (0 if 'B139' in p else 1) for p in prompts]")
    assert trial.failed is not None
    assert "ZeroDivisionError: division by zero (mine.py, line 2)" in trial.failed[1]
    assert trial.facts["row"] == 39
    [one] = found(trial)
    assert any("mine.py" in line for part in one.evidence for line in getattr(part, "lines", ()))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nowhere.py:f", "there is no such file"),
        ("no.such.module", "cannot be imported"),
        ("politness", "did you mean politeness"),
        ("json:nothing", "holds no function"),
    ],
)
def test_a_name_that_is_none_is_told(spec: str, said: str) -> None:
    [trial] = trial_rewards([spec], rows(ENGLISH))
    assert trial.failed is not None
    assert trial.failed[0] == "import"
    assert said in trial.failed[1]
    assert names(found(trial)) == [("reward-raises", "error", "import")]


@pytest.mark.parametrize(
    ("top", "kind"),
    [
        ("import os; os._exit(4)", "died"),
        ("raise SystemExit(1)", "import"),
        ("raise KeyboardInterrupt", "import"),
        ("def broken(:", "import"),
        ("import no_such_package_at_all", "import"),
        ("import time; time.sleep(600)", "timeout"),
    ],
)
def test_a_file_that_breaks_while_it_is_imported(tmp_path: Path, top: str, kind: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{top}\ndef f(completions, **columns):\n    return [1.0] * len(completions)\n")
    [trial] = trial_rewards([f"{path}:f"], rows(ENGLISH), call_seconds=1.5)
    assert trial.failed is not None
    assert trial.failed[0] == kind
    [one] = found(trial)
    assert (one.rule, one.severity) == (("reward-slow", "warning") if kind == "timeout" else ("reward-raises", "error"))


def test_short_names_are_the_built_in_ones_or_those_given(tmp_path: Path) -> None:
    place = mine(tmp_path, RIGHT)
    own, built_in, of_trl = (
        trial_rewards([name], rows(CHINESE), short_names=names)[0]
        for name, names in (("right", {"right": place}), ("politeness", None), ("think_format_reward", None))
    )
    assert [one.failed for one in (own, built_in, of_trl)] == [None] * 3
    assert own.values["reference"].tolist() == [1.0] * 32


def test_a_function_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    body = (
        "import os, subprocess, time\n"
        "    child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"    open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\n"
        "    print('still thinking', flush=True)\n"
        "    while True:\n"
        "        try:\n"
        "            time.sleep(600)\n"
        "        except BaseException:\n"
        "            pass"
    )
    trial = tried(tmp_path, body, call_seconds=1.5)
    assert trial.failed is not None
    assert trial.failed[0] == "timeout"
    assert trial.facts["tail"] == ("still thinking",)
    assert gone(int((tmp_path / "child").read_text()))
    assert names(found(trial)) == [("reward-slow", "warning", "hung")]


def test_a_function_that_hangs_on_junk_alone_is_told_so(tmp_path: Path) -> None:
    body = "import time\n    time.sleep(600 if '' in completions else 0)\n    return [len(set(c)) / 99 for c in completions]"
    trial = tried(tmp_path, body, call_seconds=1.5)
    assert trial.failed is None
    assert ("reward-slow", "warning", "hung-on-junk") in names(found(trial))


def gone(process: int) -> bool:
    """Whether a process has ended, which the kernel may take a moment to do."""
    for _ in range(200):
        if not process_alive(process):
            return True
        time.sleep(0.02)
    return False


def test_children_that_are_left_behind_are_ended_and_write_no_results(tmp_path: Path) -> None:
    body = (
        "import os, time\n"
        "    child = os.fork()\n"
        "    if child:\n"
        f"        open({str(tmp_path / 'children')!r}, 'a').write(f'{{child}}\\n')\n"
        "        return [len(set(c)) / 99 for c in completions]\n"
        "    if '' in completions:\n"
        "        time.sleep(600)\n"
        "    return [7.0 for c in completions]"
    )
    trial = tried(tmp_path, body)
    assert trial.failed is None
    assert float(trial.values["reference"].max()) < 1
    assert all(gone(int(one)) for one in (tmp_path / "children").read_text().split())


def test_each_function_has_a_process_of_its_own(tmp_path: Path) -> None:
    good = mine(tmp_path, RIGHT, name="good.py")
    bad = mine(tmp_path, "import os; os._exit(9)", name="bad.py")
    told: list[tuple[int, int, str]] = []
    trials = trial_rewards([bad, good], rows(ENGLISH), progress=lambda *one: told.append(one))
    assert [one.name for one in trials] == ["bad.f", "good.f"]
    assert [one.failed and one.failed[0] for one in trials] == ["died", None]
    assert told == [(0, 2, "rewards"), (1, 2, "rewards"), (2, 2, "rewards")]
    assert names(found(*trials)) == [("reward-raises", "error", "died")]


def test_what_is_not_tried_is_said(tmp_path: Path) -> None:
    spec = mine(tmp_path, RIGHT)
    [late] = trial_rewards([spec], rows(ENGLISH), limit_seconds=0)
    [bare] = trial_rewards([spec], rows([{"text": "no prompt"}]))
    for one, why in ((late, "the time was used up"), (bare, "no row has a prompt")):
        diagnosis = judge(Material(Asked("grpo", {}), rewards=(one,)))
        assert not diagnosis.findings
        reasons = {
            other.rule: other.facts.get("why", "") for other in diagnosis.not_checked if other.reason == "no-rewards"
        }
        assert reasons["reward-raises"].startswith(why)


def test_the_call_is_that_of_trl(tmp_path: Path) -> None:
    body = (
        "import json\n"
        f"    with open({str(tmp_path / 'seen')!r}, 'a') as file:\n"
        "        file.write(json.dumps([sorted(columns), completions[0], columns['order'][:2]]) + '\\n')\n"
        "    return [0.0] * len(prompts)"
    )
    data = [{**row, "order": n, "completion": "-", "completion_ids": [1]} for n, row in enumerate(TALKS)]
    tried(tmp_path, body, data)
    import json

    columns, completion, orders = json.loads((tmp_path / "seen").read_text().splitlines()[0])
    assert columns == ["chosen", "completion_ids", "log_extra", "log_metric", "order", "trainer_state"]
    assert completion == [{"role": "assistant", "content": ENGLISH[0]["answer"]}] or completion[0]["content"] == "-"
    assert orders == [0, 1]


def test_several_functions_are_judged_together(tmp_path: Path) -> None:
    right = mine(tmp_path, RIGHT, name="right.py")
    large = mine(tmp_path, "return [30.0 * ('lorry' in c) * (len(c) < 300) for c in completions]", name="large.py")
    none = mine(tmp_path, "return [None for c in completions]", name="none.py")
    trials = trial_rewards([right, large, none], rows(ENGLISH))
    assert names(found(*trials[:2])) == [("reward-component-dominates", "warning", "tried")]
    [one] = found(*trials[:2])
    assert one.facts["name"] == "large.f"
    [edit] = one.fixes[0].edits
    assert edit.path == "reward_weights"
    assert edit.new[0] > 10 * edit.new[1]
    assert found(*trials[:2], reward_weights=edit.new) == []
    assert names(found(trials[0], trials[2])) == [("reward-missing", "warning", "tried-function")]


def test_one_function_that_raises_is_not_hidden_by_another_that_miscounts(tmp_path: Path) -> None:
    short = mine(tmp_path, "return [1.0]", name="short.py")
    breaks = mine(tmp_path, "return [1 / 0 for c in completions]", name="breaks.py")
    trials = trial_rewards([short, breaks], rows(ENGLISH))
    diagnosis = judge(Material(Asked("grpo", {}), train=rows(ENGLISH), rewards=tuple(trials)))
    assert {"reward-wrong-count", "reward-raises"} <= {one.rule for one in diagnosis.findings}
    head, *cells = reward_cells([trial_object(one) for one in trials], "en")
    assert all(len(row) == len(head) for row in cells)
    assert "ZeroDivisionError" in cells[1][1]


def test_without_references_junk_is_only_noted(tmp_path: Path) -> None:
    data = [{"prompt": row["prompt"]} for row in ENGLISH]
    trial = tried(tmp_path, "return [-len(c) / 1000 for c in completions]", data)
    assert "reference" not in trial.values
    assert names(found(trial)) == [("reward-hackable", "info", "ordinary-empty")]


def test_few_rows_make_no_verdict(tmp_path: Path) -> None:
    trial = tried(tmp_path, "return [-len(c) / 1000 for c in completions]", ENGLISH[:3])
    assert found(trial) == []


@pytest.mark.parametrize(("every", "calls", "answers"), [(1, 9, 9 * 8), (4, 8, 2 * 8 + 6 * 2)])
def test_a_slow_function_is_spared(every: int, calls: int, answers: int) -> None:
    from diagnostics.probes.reward_probes import answers as answers_to
    from diagnostics.probes.reward_trial_worker import Trial, junk, orders

    asked: list[int] = []

    def reward(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
        asked.append(len(prompts))
        return [1.0] * len(prompts)

    class Nowhere:
        def write(self, event: str, **fields: Any) -> None:
            pass

    data = ENGLISH[:8]
    trial, events = Trial("f", reward, data), Nowhere()
    orders(trial, answers_to(data), [1.0] * 8, every, events)  # type: ignore[arg-type]
    junk(trial, answers_to(data), every, events)  # type: ignore[arg-type]
    assert (len(asked), sum(asked)) == (calls, answers)


def test_the_interval_of_a_share() -> None:
    from diagnostics.preflight.trials import wilson

    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(16, 32)
    assert (round(low, 3), round(high, 3)) == (0.336, 0.664)
    assert wilson(32, 32)[0] > 0.89
    assert wilson(3, 3)[0] < 0.5 < wilson(4, 4)[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("data", [ENGLISH, CHINESE])
def test_junk_is_junk(data: Sequence[dict[str, Any]]) -> None:
    from diagnostics.probes.reward_probes import answers

    made = answers(data)
    reference: Callable[[int], str] = lambda n: str(data[n].get("answer") or data[n].get("solution"))  # noqa: E731
    for n in range(len(data)):
        assert made["reference"][n] == reference(n)
        assert made["repeated"][n] == "\n".join([reference(n)] * 10)
        assert made["foreign"][n] in [reference(other) for other in range(len(data)) if other != n]
        words = made["keywords"][n]
        assert words is not None
        assert set(words) - {" "} <= set(reference(n))
        assert len(str(made["long"][n])) >= 2000
    assert answers([{"prompt": "2 + 2?", "answer": "4"}])["keywords"] == [None]
    assert answers([{"prompt": "2 + 2?", "answer": "4"}])["foreign"] == [None]
