"""The catalogue of metrics: it knows every tag that is logged, and takes its numbers from the rules."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from diagnostics.finding import Limit
from diagnostics.metrics import METHODS, Metric, metric_of
from diagnostics.metrics.common import SHARED
from diagnostics.rules import RULES
from diagnostics.run import open_run
from diagnostics.run.tags import SIGNALS
from training import request

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
BASE = ROOT / "training" / "demo" / "kept_base"
BY_NAME: dict[str, ModuleType] = {rule.NAME: rule for rule in RULES}
ALL = [(method, metric) for method, metrics in METHODS.items() for metric in metrics]

# Tags in the cases that the catalogue leaves out on purpose.
NOT_EXPLAINED = {
    "train/completion_length": "TRL up to 0.16; completions/mean_length since, of which alone the pages speak",
    "eval/accuracy": "a measure of the user's own compute_metrics, named by metric_for_best_model",
}

# What TRL 1.12's PPO v2 logs: the `metrics[...]` of trl/experimental/ppo/ppo_trainer.py, which TRL 1.16 no longer has.
PPO_V2 = (
    "eps", "objective/kl", "objective/entropy", "objective/non_score_reward", "objective/rlhf_reward",
    "objective/scores", "policy/approxkl_avg", "policy/clipfrac_avg", "loss/policy_avg", "loss/value_avg",
    "val/clipfrac_avg", "policy/entropy_avg", "val/ratio", "val/ratio_var", "val/num_eos_tokens", "lr", "episode",
)  # fmt: skip


def ids(pair: tuple[str, Metric]) -> str:
    return f"{pair[0]}:{pair[1].tag}"


def trainer_source(method: str) -> str:
    found = importlib.util.find_spec("trl")
    assert found
    assert found.origin
    return (Path(found.origin).parent / "trainer" / f"{method}_trainer.py").read_text(encoding="utf-8")


def logged_by_trl(method: str) -> set[str]:
    """The tags in the trainer's source: what it appends to its `_metrics`."""
    tags = re.findall(r'self\._metrics\[(?:mode|"train")\]\[f?"([^"]+)"\]', trainer_source(method))
    return {re.sub(r"\{\w+\}", "NAME", tag) for tag in tags}


def recorded() -> Iterator[tuple[str, str, str]]:
    """Case, method and tag of all that the cases and the kept base run logged."""
    for path in [*sorted(CASES.glob("*/*")), BASE]:
        if path.name != "expected":
            run = open_run(path)
            for tag in run.series:
                if run.method in METHODS and not tag.startswith("samples/"):
                    yield f"{path.parent.name}/{path.name}", run.method, tag


def test_every_method_has_its_metrics() -> None:
    assert tuple(METHODS) == request.METHODS


def test_every_recorded_tag_is_explained() -> None:
    found = list(recorded())
    assert len({method for _, method, _ in found}) == len(METHODS)
    unknown = {(case, tag) for case, method, tag in found if metric_of(method, tag) is None}
    assert {tag for _, tag in unknown} == set(NOT_EXPLAINED), unknown


@pytest.mark.parametrize("method", [one for one in METHODS if one != "ppo"])
def test_catalogue_holds_exactly_the_tags_in_trl_s_source(method: str) -> None:
    logged = logged_by_trl(method)
    assert len(logged) > 3
    ours = {one.tag for one in METHODS[method] if one.source.startswith(f"{method}_trainer.py")}
    assert ours - {"loss"} == logged - {one.tag for one in SHARED}


def test_catalogue_holds_the_tags_of_ppo_v2() -> None:
    assert {one.tag for one in METHODS["ppo"] if one.source.endswith("TRL 1.12")} == set(PPO_V2)


def test_catalogue_holds_the_tags_in_our_ppo_trainer() -> None:
    source = (ROOT / "training" / "ppo_trainer.py").read_text(encoding="utf-8")
    own = [one for one in METHODS["ppo"] if one not in SHARED]  # what every worker logs is not the trainer's
    heads = {one.tag.partition("/")[0] for one in own if "/" in one.tag}
    found = {re.sub(r"\{\w+\}", "NAME", tag) for tag in re.findall(r'"([a-z_]+/[\w/{}]+)"', source)}
    logged = {tag for tag in found if tag.partition("/")[0] in heads}
    assert {one.tag for one in own if "/" in one.tag} == logged
    plain = set(re.findall(r'logs\["(\w+)"\] =', source))
    assert {"eps", "episode", "lr"} <= plain
    assert {tag for tag in plain if metric_of("ppo", tag) is None} == set()


@pytest.mark.parametrize("pair", ALL, ids=ids)
def test_metric_is_whole(pair: tuple[str, Metric]) -> None:
    _, metric = pair
    for text in (metric.unit, metric.meaning, metric.healthy.watch):
        assert text.en
        assert text.zh
        assert text.en != text.zh
    assert re.search(r"[\u4e00-\u9fff]", metric.meaning.zh)
    assert metric.meaning.en.endswith(".")
    assert metric.meaning.zh.endswith("。")
    assert "—" not in metric.meaning.en + metric.healthy.watch.en


@pytest.mark.parametrize("pair", ALL, ids=ids)
def test_numbers_of_a_range_are_those_of_the_rules_that_judge(pair: tuple[str, Metric]) -> None:
    method, metric = pair
    theirs = [value for rule in RULES for value in vars(rule).values() if isinstance(value, Limit)]
    named = [value for name in metric.rules for value in vars(BY_NAME[name]).values() if isinstance(value, Limit)]
    for limit in (metric.healthy.low, metric.healthy.high):
        if limit is not None:
            assert any(limit is value for value in theirs), "a second number"
            assert any(limit is value for value in named), f"no rule that {metric.tag} names compares with {limit}"
    for name in metric.rules:
        assert BY_NAME[name].METHODS is None or {method, None} & set(BY_NAME[name].METHODS), (name, method)


def signals_of(rule: ModuleType) -> set[str]:
    """The signals that a rule reads by `run.signal("...")`: what it judges by, not what it shows beside."""
    tree = ast.parse(Path(str(rule.__file__)).read_text(encoding="utf-8"))
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "signal"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


# Read for another reason than to judge: whether a rule applies, or how much of the run there is.
READ_BESIDE = {
    ("run-too-short", "kl"), ("run-too-short", "reward"), ("loss-spike", "epoch"), ("loss-diverged", "learning_rate"),
    ("loss-not-finite", "entropy"), ("nothing-trainable", "learning_rate"), ("best-checkpoint-not-saved", "reward"),
    ("best-checkpoint-not-saved", "loss"),
}  # fmt: skip
# A rule for every method by what was printed, for one alone by its curves.
BY_CURVES = {"labels-all-masked": ("sft",)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.NAME)
def test_metric_names_every_rule_that_reads_it(rule: ModuleType) -> None:
    for signal in signals_of(rule):
        if (rule.NAME, signal) in READ_BESIDE:
            continue
        for method in METHODS:
            if method not in BY_CURVES.get(rule.NAME, rule.METHODS or METHODS):
                continue
            for name in SIGNALS[signal].names:
                metric = metric_of(method, name)
                if metric and metric.tag == name:
                    assert rule.NAME in metric.rules, f"{rule.NAME} reads {name} of {method}"


@pytest.mark.parametrize(
    ("method", "tag", "wanted"),
    [
        ("ppo", "train/objective/kl", "objective/kl"),
        ("grpo", "eval/rewards/score/mean", "rewards/NAME/mean"),
        ("grpo", "rewards/my.reward/std", "rewards/NAME/std"),
        ("dpo", "eval_loss", "loss"),
        ("dpo", "rewards/chosen", "rewards/chosen"),
        ("sft", "train/train_loss", "train_loss"),
        ("sft", "kl", None),
        (None, "train/loss", None),
        ("orpo", "train/loss", None),
    ],
)
def test_lookup_knows_prefixes_and_patterns(method: str | None, tag: str, wanted: str | None) -> None:
    found = metric_of(method, tag)
    assert (found.tag if found else None) == wanted


def test_kl_is_per_token_or_per_answer_as_the_trainer_logs_it() -> None:
    units = {method: metric.unit.en for method in METHODS if (metric := metric_of(method, "kl"))}
    assert units.keys() == {"grpo", "rloo", "kto"}
    assert units["grpo"] == units["rloo"] == "nats per token"
    assert units["kto"].startswith("nats per answer")
    summed = metric_of("ppo", "objective/kl")
    assert summed
    assert summed.unit.en == units["kto"]
