"""reward-order-dependent: the same answer to the same prompt earned different rewards in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.run import Run

NAME = "reward-order-dependent"
METHODS = None
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
        facts={"count": len(apart), "of": len(repeated), "name": next(iter(apart))[1]},
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


WORDS = {
    "en": Words(
        title="The reward depends on more than the answer",
        summary="{count} of {of} answers that occur twice at one step earned different rewards from {name}.",
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

Where no answer occurs twice, nothing can be said.""",
    ),
    "zh": Words(
        title="奖励取决于回答以外的东西",
        summary="同一步里重复出现的 {of} 个回答中，有 {count} 个从 {name} 得到了不同的奖励。",
        why="奖励若不是提示与回答的函数，就只是噪声：策略被推向偶然。",
        wrong_if="奖励本来就是要在组内比较回答",
        causes={
            "place": "奖励返回的顺序与回答不同（集合、字典、线程）。",
            "random": "评判者带有抽样，或其他随机性。",
            "state": "函数记住了之前的调用。",
        },
        fixes={"pure": "每个奖励只由自己的提示与回答算出，并按回答的顺序返回"},
        about="""在训练保存的回答里，比较同一步、同一提示、其他列也相同的相同回答：它们的奖励必须相等（七位数字）。有两个不同即报告。

没有重复的回答时无从判断。""",
    ),
}
