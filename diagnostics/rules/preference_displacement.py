"""preference-displacement: the margin grows because both answers become unlikely, the preferred one too."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate, rounded
from diagnostics.measure import (
    MEDIAN_ERROR,
    PAIRS,
    early,
    evidence,
    late,
    need,
    number_argument,
    scatter,
    settled_from,
    shown,
    trend,
)
from diagnostics.run import Run, Series

NAME = "preference-displacement"
METHODS = PAIRS
EXPLAINS = ("overfitting",)

ROWS = Limit(3, "logged rows", "ours: a saturated run may log no more")
FALL = Limit(0.10, "of the chosen answers' log-probability at the start", "ours, after the runs of Razin et al. 2024")
DEEP = Limit(0.5, "of the same", "ours: the preferred answer has become a rare one")
CHOSEN = Limit(
    -0.1, "nats times beta", "ours: below it the policy likes the chosen answers less than its reference does"
)
EVALUATIONS = Limit(2, "evaluations", "ours")
LOST = Limit(0.10, "rise of the held-out loss", "as in overfitting: an error")
MORE = 3  # times beta: Rafailov et al. use 0.1 to 0.5
USUAL_BETA = 0.1  # TRL's DPOConfig


def check(run: Run) -> Finding | None:
    """Compare the chosen answers' log-probability with its start, and see what the evaluation says."""
    chosen = need(run.signal("chosen_logp"), "train/logps/chosen", ROWS)
    reward = run.signal("chosen_reward")
    margin = run.signal("margin")
    # The higher of the first row and the first tenth: a rate far too high has pushed the answers away by the second row.
    start, end = max(float(chosen.values[0]), early(chosen, least=1)), late(chosen, least=2)
    fall = (start - end) / abs(start) if start else 0.0
    disliked = reward is not None and len(finite := reward.finite()) and late(finite, least=2) < CHOSEN
    apart = (
        margin is not None and len(grown := margin.finite()) >= ROWS and late(grown, least=2) > early(grown, least=1)
    )
    if fall < FALL or not disliked or not apart:
        return None
    if len(chosen) >= 20 and not trend(chosen).fell() and not below_nothing(reward):
        return None
    verdict = evaluation_says(run)
    place = settled_from(chosen.values < start - FALL * abs(start), 0.7)
    step = int(chosen.steps[place if place is not None else -1])
    return Finding(
        rule=NAME,
        severity="error" if much_worse(run) else "warning" if verdict == "worse" or fall > DEEP else "info",
        confidence=0.85 if verdict == "worse" else 0.6,
        first_step=step,
        last_step=int(chosen.steps[-1]),
        facts={"kind": verdict, "start": start, "end": end, "fall": 100 * fall, "step": step},
        evidence=(evidence(chosen, step), *shown(run, step, "rejected_logp", "chosen_reward", "margin")),
        causes=("similar", "learning-rate", "beta"),
        fixes=fixes(run),
    )


def below_nothing(reward: Series | None) -> bool:
    """Whether the chosen answers' reward, which is 0 before the first step by construction, ended below 0 beyond its noise."""
    if reward is None or len(known := reward.finite()) < 20:
        return False
    rows = len(known) // 4
    return late(known) < -3 * MEDIAN_ERROR * scatter(known.values) / rows**0.5


def evaluation_says(run: Run) -> str:
    """`worse` or `fine`, by the held-out accuracy and loss; `none` without evaluation."""
    accuracy, loss = run.signal("preference_accuracy", "eval"), run.signal("loss", "eval")
    if (accuracy is None or len(accuracy) < EVALUATIONS) and (loss is None or len(loss) < EVALUATIONS):
        return "none"
    fell = accuracy is not None and len(accuracy) >= EVALUATIONS and accuracy.values[-1] < accuracy.values.max() - 0.03
    rose = loss is not None and len(loss) >= EVALUATIONS and loss.values[-1] > 1.03 * loss.values.min()
    return "worse" if fell or rose else "fine"


def much_worse(run: Run) -> bool:
    """Whether the held-out loss rose by a tenth and more since its best."""
    loss = run.signal("loss", "eval")
    return loss is not None and len(loss) >= EVALUATIONS and bool(loss.values[-1] > (1 + LOST) * loss.values.min())


def fixes(run: Run) -> tuple[Fix, ...]:
    """An SFT term beside the preference loss, a larger beta, a lower rate."""
    loss = run.config.get("loss_type")
    found = []
    if loss in (None, "sigmoid", ["sigmoid"]) and run.method == "dpo":
        if "max_prompt_length" in run.config or "rpo_alpha" in run.config:  # TRL up to 0.28
            found.append(Fix("sft-term", "ask", edits(run, rpo_alpha=1.0)))
        else:
            found.append(Fix("sft-term", "ask", edits(run, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 1.0])))
    beta = number_argument(run, "beta") or USUAL_BETA
    found.append(Fix("beta", "ask", edits(run, beta=rounded(MORE * beta))))
    return (*found, *lower_rate(run))


WORDS = {
    "en": Words(
        title="The preferred answers become unlikely too",
        summary={
            "none": "The log-probability of the chosen answers fell from {start:.1f} to {end:.1f} ({fall:.0f} %) while the "
            "margin grew; nothing was evaluated.",
            "fine": "The log-probability of the chosen answers fell from {start:.1f} to {end:.1f} ({fall:.0f} %) while the "
            "margin grew; the held-out accuracy did not suffer.",
            "worse": "The log-probability of the chosen answers fell from {start:.1f} to {end:.1f} ({fall:.0f} %) while the "
            "margin grew, and the evaluation got worse.",
        },
        why="The probability goes to answers that are neither chosen nor rejected: in one study a model's refusals of harmful "
        "prompts fell from 74 % to 33 %.",
        wrong_if="answers sampled from the policy are good: DPO's author expects some fall after SFT, and only the margin to "
        "matter",
        causes={
            "similar": "Chosen and rejected answers that are nearly the same.",
            "learning-rate": "A learning rate too high, or too many passes.",
            "beta": "A small beta lets the policy go far from its reference.",
        },
        fixes={
            "sft-term": "Add an SFT loss on the chosen answers",
            "beta": "Raise beta threefold",
            **RATE_WORDS["en"],
        },
        about="""Checks whether the log-probability of the chosen answers fell by 10 % and more of its start while the margin
grew and the implicit reward of the chosen answers went below -0.1 (likelihood displacement, Razin et al. 2024, arXiv
2410.08847).

The start is the first row, where the policy is still its reference, or the first tenth if that is higher.

A note where no evaluation contradicts it; a warning where the held-out accuracy fell by 3 points, the held-out loss
rose by 3 %, or more than half of the log-probability is lost; an error where the held-out loss rose by 10 %. DPO's author expects some of it
(eric-mitchell/direct-preference-optimization#32).""",
    ),
    "zh": Words(
        title="被选中的回答也变得不可能",
        summary={
            "none": "被选回答的对数概率从 {start:.1f} 降到 {end:.1f}（{fall:.0f}%），而间隔在增大；没有评估。",
            "fine": "被选回答的对数概率从 {start:.1f} 降到 {end:.1f}（{fall:.0f}%），而间隔在增大；留出集准确率未受影响。",
            "worse": "被选回答的对数概率从 {start:.1f} 降到 {end:.1f}（{fall:.0f}%），间隔在增大，而评估变差。",
        },
        why="概率流向了既非被选也非被拒的回答：有研究中模型对有害提示的拒绝率从 74% 降到 33%。",
        wrong_if="从策略抽取的回答是好的：DPO 的作者认为 SFT 之后有所下降是正常的，只有间隔重要",
        causes={
            "similar": "被选与被拒的回答几乎相同。",
            "learning-rate": "学习率过高，或轮数过多。",
            "beta": "beta 太小，策略可以远离参考模型。",
        },
        fixes={"sft-term": "对被选回答加上 SFT 损失", "beta": "把 beta 提高到三倍", **RATE_WORDS["zh"]},
        about="""检查被选回答的对数概率是否比开始时下降了 10% 以上，同时间隔增大、被选回答的隐式奖励低于 -0.1（似然位移，Razin 等
2024，arXiv 2410.08847）。

开始时取第一行（策略仍与参考模型相同），若最初十分之一更高则取后者。

没有评估与之矛盾时只是提示；留出准确率下降 3 个百分点、留出损失上升 3%，或对数概率损失过半时为警告；留出损失上升 10% 时为错误。DPO 的作者认为有所下降是
正常的（eric-mitchell/direct-preference-optimization#32）。""",
    ),
}
