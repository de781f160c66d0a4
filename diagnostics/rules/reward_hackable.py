"""reward-hackable: an answer that is junk earns more than the reference answer to the same prompt."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import ONLINE
from diagnostics.preflight.material import Material, RewardTrial
from diagnostics.preflight.trials import (
    JUNK,
    Beats,
    beats,
    good_of,
    pays_length,
    probe_table,
    repeatable,
    trials_of,
)

NAME = "reward-hackable"
METHODS = ONLINE
EXPLAINS = ()

REFERENCES = Limit(4, "rows with a reference", "ours: without them junk is held against an ordinary answer, for a note")


def preflight(material: Material) -> Finding | None:
    """Hold the reward of each junk answer against that of the good answer to the same prompt."""
    trials = [one for one in trials_of(material) if one.failed is None and good_of(one) is not None]
    if not trials:
        raise CannotJudge("no-rewards", why="no function could be called")
    found = [(one, won) for one in trials if repeatable(one) and (won := better(one))]
    if not found:
        return None
    # The function that is beaten most, by the probe that beats it most.
    one, won = max(found, key=lambda pair: max(beat.share for beat in pair[1]))
    worst = max(won, key=lambda beat: beat.share)
    sure = one.facts.get("references", 0) >= REFERENCES and "reference" in one.values
    return Finding(
        rule=NAME,
        severity="warning" if sure else "info",
        confidence=0.8 if sure else 0.4,
        first_step=0,
        last_step=0,
        facts={
            "kind": f"{'reference' if sure else 'ordinary'}-{worst.probe}",
            "name": one.name,
            "wins": worst.wins,
            "rows": worst.rows,
            "share": worst.share,
            "low": worst.low,
            "high": worst.high,
            "mean": worst.mean,
            "good": worst.good,
            "probes": ", ".join(beat.probe for beat in won),
            "functions": ", ".join(other.name for other, _ in found),
        },
        evidence=tuple(probe_table(other) for other, _ in found),
        causes=tuple(dict.fromkeys(CAUSES[beat.probe] for beat in won)),
        fixes=(Fix("refuse", "show"), Fix("hold-out", "show")),
    )


CAUSES = {
    "empty": "penalty", "long": "length", "prompt": "overlap", "repeated": "length", "keywords": "overlap",
    "foreign": "not-of-the-prompt",
}  # fmt: skip


def better(one: RewardTrial) -> list[Beats]:
    """The probes that beat the good answers; those of length alone are reward-length-bias's to tell where both do."""
    length = ("long", "repeated") if pays_length(one) else ()
    found = (beats(one, probe) for probe in JUNK if probe not in length)
    return [beat for beat in found if beat is not None and beat.wins_out]


WORDS = {
    "en": Words(
        title="Junk earns more than a good answer",
        summary={
            **{
                f"reference-{probe}": f"{{name}}: {answer} earns more than the reference answer on {{wins}} of {{rows}} rows "
                "({share:.0%}, 95 % interval {low:.0%} to {high:.0%}); {mean:.3g} against {good:.3g} on the mean."
                for probe, answer in (
                    ("empty", "an empty answer"),
                    ("long", "a very long answer that says nothing"),
                    ("prompt", "the prompt given back"),
                    ("repeated", "the reference answer ten times over"),
                    ("keywords", "a shuffled list of the reference's words"),
                    ("foreign", "the answer to another prompt"),
                )
            },
            **{
                f"ordinary-{probe}": f"{{name}}: {answer} earns more than an ordinary answer on {{wins}} of {{rows}} rows "
                "({share:.0%}, 95 % interval {low:.0%} to {high:.0%}); the data hold no references to compare with."
                for probe, answer in (
                    ("empty", "an empty answer"),
                    ("long", "a very long answer that says nothing"),
                    ("prompt", "the prompt given back"),
                    ("repeated", "that answer ten times over"),
                    ("keywords", "a shuffled list of words"),
                    ("foreign", "the answer to another prompt"),
                )
            },
        },
        why="The policy is paid by this function alone: what pays more than a right answer is what it will learn to write.",
        wrong_if="the reference column holds a bare result (42) and the reward asks for more than that, or another reward "
        "function outweighs this one",
        causes={
            "penalty": "A penalty that an empty answer escapes.",
            "length": "A reward that counts something, and so grows with the length.",
            "overlap": "A reward for words that are there, in whatever order.",
            "not-of-the-prompt": "The reward does not look at the prompt, or at the row's own columns.",
        },
        fixes={
            "refuse": "Give empty, cut-off and repeated answers the least reward; measure words once and by their share of the "
            "answer; compare with the row's own reference",
            "hold-out": "Evaluate with a second reward that this one cannot be won against, and stop where the two part",
        },
        about="""Tries each reward function on up to 32 rows of the data with answers that should earn little: an empty one, a very
long one that says nothing, the prompt itself, the reference ten times over, its content words shuffled, and another row's
reference. Row by row each is held against the reference answer (columns reference, answer, completion, chosen, solution,
ground_truth, output, response).

A warning where junk wins on 4 rows and more, on more than a tenth of the rows (the lower end of the 95 % interval), and
wins more often than it loses beyond chance. Where the data hold no references it is held against an ordinary answer,
for a note. A reward that is chance is not judged. Each function is judged by itself, without its weight.""",
    ),
    "zh": Words(
        title="垃圾回答得分高于好回答",
        summary={
            **{
                f"reference-{probe}": f"{{name}}：在 {{rows}} 行中的 {{wins}} 行，{answer}得分高于参考回答"
                "（{share:.0%}，95% 区间 {low:.0%} 到 {high:.0%}）；平均 {mean:.3g} 对 {good:.3g}。"
                for probe, answer in (
                    ("empty", "空回答"),
                    ("long", "又长又空洞的回答"),
                    ("prompt", "把提示原样返回"),
                    ("repeated", "把参考回答重复十遍"),
                    ("keywords", "把参考回答的关键词打乱排列"),
                    ("foreign", "另一题的回答"),
                )
            },
            **{
                f"ordinary-{probe}": f"{{name}}：在 {{rows}} 行中的 {{wins}} 行，{answer}得分高于普通回答"
                "（{share:.0%}，95% 区间 {low:.0%} 到 {high:.0%}）；数据里没有参考回答可比。"
                for probe, answer in (
                    ("empty", "空回答"),
                    ("long", "又长又空洞的回答"),
                    ("prompt", "把提示原样返回"),
                    ("repeated", "把该回答重复十遍"),
                    ("keywords", "打乱的词"),
                    ("foreign", "另一题的回答"),
                )
            },
        },
        why="策略只从这个函数得到报酬：什么比正确回答更值钱，它就会学着写什么。",
        wrong_if="参考列里只有一个结果（如 42），而奖励要求的不止于此；或另一个奖励函数的分量更大",
        causes={
            "penalty": "空回答躲过了惩罚。",
            "length": "按数量计的奖励，因而随长度增长。",
            "overlap": "只要出现某些词就给分，不管顺序。",
            "not-of-the-prompt": "奖励没有看提示，或没有看该行自己的列。",
        },
        fixes={
            "refuse": "对空的、被截断的、重复的回答给最低分；每个词只计一次，并按它在回答中的占比计；与该行自己的参考比较",
            "hold-out": "用第二个不会被同样手段骗过的奖励做评估，两者分道扬镳时就停下",
        },
        about="""在数据中最多 32 行上，用本该得低分的回答试每个奖励函数：空回答、又长又空洞的回答、提示本身、参考回答重复十遍、打乱的
关键词、另一行的参考回答。逐行与参考回答比较（列名 reference、answer、completion、chosen、solution、ground_truth、output、
response）。

若垃圾回答在至少 4 行上获胜、95% 区间的下端超过十分之一的行，并且胜多于负超出偶然，则为警告。数据没有参考回答时与普通回答比较，
只作提示。随机的奖励不作判断。每个函数单独判断，不计权重。""",
    ),
}
