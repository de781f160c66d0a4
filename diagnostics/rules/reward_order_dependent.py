"""reward-order-dependent: the same answer to the same prompt earned different rewards in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TableEvidence, TextEvidence, Words
from diagnostics.measure import ONLINE
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import trials_of
from diagnostics.run import Run

NAME = "reward-order-dependent"
METHODS = None
PREFLIGHT_METHODS = ONLINE
EXPLAINS = ("reward-groups-constant",)

TOLERANCE = Limit(1e-6, "of the reward's size", "float32 has seven digits")
PAIRS = Limit(2, "answers that occur twice and earn differently", "ours: one might be a hash of two texts cut short")
SHOWN = 4


def check(run: Run) -> Finding | None:
    """Compare the rewards of equal answers to equal prompts at the same step."""
    if not run.samples:
        raise CannotJudge("no-samples")
    seen: dict[tuple, list[float]] = defaultdict(list)
    for key, value in judged(run):
        seen[key].append(value)
    repeated = {key: values for key, values in seen.items() if len(values) > 1}
    if not repeated:
        raise CannotJudge("no-repeats")
    apart = {
        key: values
        for key, values in repeated.items()
        if max(values) - min(values) > TOLERANCE * max(1.0, abs(max(values)))
    }
    if len(apart) < PAIRS:
        return None
    lines = [
        f"step {step}  {name}: {min(values):.4g} and {max(values):.4g}  {prompt[:60]!r} -> {completion[:60]!r}"
        for (step, name, prompt, completion, _), values in list(apart.items())[:SHOWN]
    ]
    steps = [key[0] for key in apart]
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.9,
        first_step=min(steps),
        last_step=max(steps),
        facts={"kind": "samples", "count": len(apart), "of": len(repeated), "name": next(iter(apart))[1]},
        evidence=(TextEvidence("samples.jsonl", tuple(lines)),),
        causes=("place", "random", "state"),
        fixes=(Fix("pure", "show"),),
    )


def judged(run: Run) -> Iterator[tuple[tuple, float]]:
    """Every reward of every kept answer, keyed by step, reward, prompt, answer and the columns that may decide it."""
    for sample in run.samples:
        columns = tuple(sorted((name, str(value)) for name, value in sample.columns.items() if name != "advantage"))
        for name, value in sample.rewards.items():
            if isinstance(value, int | float):
                yield (sample.step, name, sample.prompt, sample.completion, columns), float(value)


def preflight(material: Material) -> Finding | None:
    """Compare the rewards of the same answers in another order; the same call twice tells chance and memory apart."""
    for one in trials_of(material):
        repeat = one.facts.get("repeat")
        if one.shuffled is None or repeat is None:
            continue
        least = TOLERANCE * max(1.0, float(one.facts.get("size", 0.0)))
        if max(one.shuffled, repeat) <= least:
            continue
        kind = "tried-again" if repeat > least else "tried-order"
        rows = [
            (f"row {row[0]}", *("-" if value is None else f"{value:.6g}" for value in row[1:4]))
            for row in one.facts.get("orders", ())
            if kind == "tried-again" or row[1] != row[3]
        ]
        return Finding(
            rule=NAME,
            severity="warning",
            confidence=0.9 if kind == "tried-order" else 0.8,
            first_step=0,
            last_step=0,
            facts={
                "kind": kind,
                "name": one.name,
                "count": len(one.shuffled_rows),
                "of": len(one.facts.get("orders", ())),
                "apart": repeat if kind == "tried-again" else one.shuffled,
            },
            evidence=(TableEvidence(one.name, ("answer", "first", "again", "shuffled"), tuple(rows[:SHOWN])),),
            causes=("place",) if kind == "tried-order" else ("random", "state"),
            fixes=(Fix("pure", "show"),),
        )
    return None


WORDS = {
    "en": Words(
        title="The reward depends on more than the answer",
        summary={
            "samples": "{count} of {of} answers that occur twice at one step earned different rewards from {name}.",
            "tried-order": "{name} gave {count} of {of} answers another reward when the same batch came in another order (up "
            "to {apart:.3g} apart).",
            "tried-again": "{name}, called twice with the very same answers, gave them other rewards (up to {apart:.3g} "
            "apart).",
        },
        why="A reward that is not a function of prompt and answer is noise: the policy is pushed towards chance.",
        wrong_if="the reward is meant to compare the answers of a group with each other",
        causes={
            "place": "Rewards returned in another order than the answers (a set, a dictionary, threads).",
            "random": "A judge that samples, or other randomness.",
            "state": "A function that remembers earlier calls.",
        },
        fixes={"pure": "Compute each reward from its own prompt and answer only, in the order of the completions"},
        about="""Compares, among the answers that a run kept, equal answers to equal prompts at the same step with equal further
columns: their rewards must be equal (to seven digits). Two that differ are enough.

Where no answer occurs twice, nothing can be said.

Before a run, a function is called twice with the same answers, then with the same answers in three other orders. If the
second call differs already it is chance or memory; if only the others do, it is the order.""",
    ),
    "zh": Words(
        title="奖励取决于回答以外的东西",
        summary={
            "samples": "同一步里重复出现的 {of} 个回答中，有 {count} 个从 {name} 得到了不同的奖励。",
            "tried-order": "同一批回答换个顺序后，{name} 对 {of} 个回答中的 {count} 个给出了不同的奖励（最多相差 {apart:.3g}）。",
            "tried-again": "用完全相同的回答调用两次，{name} 给出了不同的奖励（最多相差 {apart:.3g}）。",
        },
        why="奖励若不是提示与回答的函数，就只是噪声：策略被推向偶然。",
        wrong_if="奖励本来就是要在组内比较回答",
        causes={
            "place": "奖励返回的顺序与回答不同（集合、字典、线程）。",
            "random": "评判者带有抽样，或其他随机性。",
            "state": "函数记住了之前的调用。",
        },
        fixes={"pure": "每个奖励只由自己的提示与回答算出，并按回答的顺序返回"},
        about="""在训练保存的回答里，比较同一步、同一提示、其他列也相同的相同回答：它们的奖励必须相等（七位数字）。有两个不同即报告。

没有重复的回答时无从判断。

训练之前，用同样的回答调用两次，再换三种顺序各调用一次。若第二次就不同，是随机或有记忆；若只有换顺序时不同，则是顺序的问题。""",
    ),
}
