"""reward-constant: every answer earns the same reward, so no answer is better than another."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import ONLINE, evidence, need, shown
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import probe_table, trials_of
from diagnostics.rules.completions_truncated import from_the_start, truncated_share
from diagnostics.run import Run

NAME = "reward-constant"
METHODS = ONLINE
EXPLAINS = ("reward-groups-constant", "not-learning", "nothing-trainable", "entropy-collapse", "length-collapse")

ROWS = Limit(3, "logged rows", "ours: three batches with one and the same mean are no chance")
TRIED = Limit(4, "answers", "ours: before a run; fewer may be alike by chance")
SHARE = Limit(0.95, "share of the rows", "ours: a lucky answer or two in a run change nothing")


def check(run: Run) -> Finding | None:
    """Look for a reward that is one number in nearly every row, without spread."""
    series = run.signal("reward")
    if series is None:
        raise CannotJudge("no-series", tag="train/reward")
    reward = need(series, series.tag, ROWS)
    values, counts = np.unique(reward.values, return_counts=True)
    usual = float(values[np.argmax(counts)])
    same = reward.values == usual
    if same.mean() < SHARE:
        return None
    spread = run.signal("reward_std")
    if spread is not None and (spread.values == 0).mean() < SHARE:
        return None
    if spread is None and len(reward) < 2 * ROWS:
        raise CannotJudge("too-few-points", points=len(reward), need=int(2 * ROWS))
    share = truncated_share(run)
    cut = share is not None and len(share) >= ROWS and from_the_start(share)
    step = int(reward.steps[0])
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.95,
        first_step=step,
        last_step=int(reward.steps[-1]),
        facts={"kind": "logged", "reward": usual, "rows": int(same.sum()), "of": len(reward)},
        evidence=(evidence(reward, step), *shown(run, step, "reward_std", "grad_norm", "truncated", "length")),
        causes=(*(["cut-off"] if cut else []), "never-met", "ignores"),
        fixes=(Fix("by-hand", "show"), *([Fix("longer", "show")] if cut else [])),
    )


def preflight(material: Material) -> Finding | None:
    """Look for a function that gave one and the same number to every answer that was tried.

    A note where it may only ask for something that none of these answers holds, as a format does; a warning where it
    tells answers apart once it is given texts instead of messages, or messages for texts.
    """
    same = []
    for one in trials_of(material):
        given = (
            np.concatenate([values[np.isfinite(values)] for values in one.values.values()])
            if one.values
            else np.zeros(0)
        )
        if one.failed is None and len(given) >= TRIED and np.ptp(given) == 0:
            same.append((one, float(given[0]), len(given)))
    if not same:
        return None
    form = [found for found in same if found[0].facts.get("other_form")]
    one, value, answers = (form or same)[0]
    shape = "tried-messages" if one.facts.get("conversational") else "tried-texts"
    return Finding(
        rule=NAME,
        severity="warning" if form else "info",
        confidence=0.95 if form else 0.5,
        first_step=0,
        last_step=0,
        facts={"kind": shape if form else "tried", "name": one.name, "reward": value, "rows": answers},
        evidence=(probe_table(one),),
        causes=("form",) if form else ("never-met", "ignores"),
        fixes=(Fix("form" if form else "by-hand", "show"),),
    )


WORDS = {
    "en": Words(
        title="The reward is constant",
        summary={
            "logged": "The reward is {reward:g} in {rows} of {of} rows, without any spread: every answer earns the same.",
            "tried": "{name} gave {reward:g} to all of {rows} answers that were tried: references, ordinary ones and junk.",
            "tried-messages": "{name} gave {reward:g} to all of {rows} answers that were tried; given texts instead of lists "
            "of messages, it tells them apart.",
            "tried-texts": "{name} gave {reward:g} to all of {rows} answers that were tried; given lists of messages instead "
            "of texts, it tells them apart.",
        },
        why="Advantages are differences of rewards: where all are equal the gradient is 0 and the policy stays what it was.",
        wrong_if="the reward is logged rounded to so few digits that differences are lost",
        causes={
            "cut-off": "Every answer is cut off before it can earn anything (see completions-truncated-by-length).",
            "never-met": "The reward asks for something that no answer holds: a format, a tag, an exact string.",
            "ignores": "A reward function that does not look at the completion, or returns its default on an error.",
            "form": "With conversational prompts a completion is a list of messages; otherwise it is a text.",
        },
        fixes={
            "by-hand": "Call the reward function on ten answers of the starting model and on a right one; give partial credit "
            "where none earns anything",
            "longer": "Give the answers more tokens first",
            "form": 'Take the text of a conversational completion as completion[0]["content"]',
        },
        about="""Checks for a reward that is one and the same number in 95 % of the rows (at least three), with a standard
deviation of 0 where it is logged.

It differs from reward-groups-constant, where answers to one prompt earn the same but prompts differ. The loss of 0 and
the gradient of 0 beside it are its consequences.

Before a run it is a note where one function gave one number to all answers that were tried: a format may be held by none
of them. It is a warning where the function tells them apart once they come as texts instead of messages, or the other way
round.""",
    ),
    "zh": Words(
        title="奖励恒定不变",
        summary={
            "logged": "{of} 行中有 {rows} 行的奖励是 {reward:g}，没有任何差别：每个回答得分相同。",
            "tried": "{name} 对试过的 {rows} 个回答（参考回答、普通回答和垃圾回答）都给 {reward:g}。",
            "tried-messages": "{name} 对试过的 {rows} 个回答都给 {reward:g}；若给它文本而不是消息列表，它就能区分。",
            "tried-texts": "{name} 对试过的 {rows} 个回答都给 {reward:g}；若给它消息列表而不是文本，它就能区分。",
        },
        why="优势是奖励之差：全部相等时梯度为 0，策略保持原样。",
        wrong_if="奖励记录的位数太少，看不出差别",
        causes={
            "cut-off": "每个回答都在得分之前被截断（见 completions-truncated-by-length）。",
            "never-met": "奖励要求的东西没有任何回答具备：某种格式、标签或完全一致的字符串。",
            "ignores": "奖励函数没有看回答，或出错时返回默认值。",
            "form": "提示是对话时，回答是消息列表；否则是文本。",
        },
        fixes={
            "by-hand": "用起始模型的十个回答和一个正确回答调用奖励函数；若都得不到分，请给部分分",
            "longer": "先给回答更多词元",
            "form": '对话式回答的文本取 completion[0]["content"]',
        },
        about="""检查奖励是否在 95% 的行（至少三行）里是同一个数，且所记录的标准差为 0。

与 reward-groups-constant 不同：那里同一提示的回答得分相同，但提示之间不同。旁边的 0 损失与 0 梯度是它的后果。

训练之前，如果某个函数对试过的所有回答都给同一个数，只作提示：也许它要求的格式这些回答都没有。如果换成文本（或消息列表）它就能区分，
则为警告。""",
    ),
}
