"""What a report says beside the findings: which checkpoint to keep, and where two runs parted."""

from __future__ import annotations

from typing import Any

from diagnostics.against import Against, Parting
from diagnostics.keep import Keep
from diagnostics.report.common import config_value, number
from diagnostics.report.words import Lang

KEEP: dict[Lang, dict[str, str]] = {
    "en": {
        "best": "Keep checkpoint-{step}: its {metric} of {value:.4g} is the best measured.",
        "last-is-as-good": "checkpoint-{step} has the best {metric} ({value:.4g}); the last, checkpoint-{last}, is within the "
        "noise of it ({at_last:.4g}): keep either.",
        "before": "Keep checkpoint-{step}, the last from before the fault at step {onset}.",
        "unmeasured": "Nothing was measured to choose a checkpoint by; checkpoint-{step} is the last usable one.",
        "none": "No checkpoint is usable.",
        "as_good": "As good within the noise: {names}.",
        "unusable": "Passed over: {reason}",
    },
    "zh": {
        "best": "保留 checkpoint-{step}：它的 {metric} 为 {value:.4g}，是测得的最好值。",
        "last-is-as-good": "checkpoint-{step} 的 {metric} 最好（{value:.4g}）；最后的 checkpoint-{last} 与它相差在噪声之内"
        "（{at_last:.4g}）：保留哪个都行。",
        "before": "保留 checkpoint-{step}，即第 {onset} 步出现故障之前的最后一个。",
        "unmeasured": "没有可用来选择检查点的测量；checkpoint-{step} 是最后一个可用的。",
        "none": "没有可用的检查点。",
        "as_good": "噪声之内同样好的：{names}。",
        "unusable": "已排除：{reason}",
    },
}
AGAINST: dict[Lang, dict[str, str]] = {
    "en": {
        "title": "Against {right}",
        "first": "{tag} parted first, at step {step}: {left} here, {right} there (levels since).",
        "never": "No metric that both runs logged parted beyond its noise.",
        "nothing": "The two runs logged no metric in common at five steps or more.",
        "same_until": "Up to step {step} their numbers are the same.",
        "differs": "What differs in their configs",
        "unknown": "The config of one of the two runs is not known, so that nothing can be said of the cause.",
        "equal": "Their configs are equal as far as they are known.",
        "metric": "metric",
        "step": "parted at step",
        "here": "here",
        "there": "there",
        "argument": "argument",
    },
    "zh": {
        "title": "与 {right} 对比",
        "first": "{tag} 最先分开，在第 {step} 步：此后这里是 {left}，那里是 {right}。",
        "never": "两次训练都记录的指标没有超出噪声地分开。",
        "nothing": "两次训练没有在五个以上相同的步记录同一指标。",
        "same_until": "到第 {step} 步为止，两者的数值相同。",
        "differs": "配置中的不同之处",
        "unknown": "其中一次训练的配置未知，无法说明原因。",
        "equal": "就已知的部分而言，两者配置相同。",
        "metric": "指标",
        "step": "分开的步",
        "here": "这里",
        "there": "那里",
        "argument": "参数",
    },
}
MOST_ROWS = 8


def keep_sentences(keep: Keep | None, lang: Lang) -> list[str]:
    """Which checkpoint to keep, in sentences; none if the run has no checkpoint."""
    if keep is None:
        return []
    words = KEEP[lang]
    said = [words[keep.why].format(step=keep.step, **keep.facts)]
    others = [step for step in keep.as_good if not (keep.why == "last-is-as-good" and step == keep.facts["last"])]
    if others:
        said.append(words["as_good"].format(names=", ".join(f"checkpoint-{step}" for step in others)))
    return said + [words["unusable"].format(reason=reason) for _, reason in sorted(keep.unusable.items())]


def against_sentences(both: Against, lang: Lang) -> list[str]:
    """Where two runs parted, in sentences."""
    words = AGAINST[lang]
    if not both.partings:
        return [words["nothing"]]
    said = []
    starts = [one.first_difference for one in both.partings if one.first_difference is not None]
    if starts and min(starts) > 1:
        said.append(words["same_until"].format(step=min(starts) - 1))
    first = both.first
    if first is None:
        said.append(words["never"])
    else:
        said.append(
            words["first"].format(tag=first.tag, step=first.parted, left=number(first.left), right=number(first.right))
        )
    return said


def parting_rows(both: Against, lang: Lang) -> list[list[str]]:
    """The metrics that parted as rows of cells, the first row their head."""
    words = AGAINST[lang]
    parted = [one for one in both.partings if one.parted is not None][:MOST_ROWS]
    rows = [[one.tag, str(one.parted), number(one.left), number(one.right)] for one in parted]
    return [[words["metric"], words["step"], words["here"], words["there"]], *rows] if rows else []


def config_rows(both: Against, lang: Lang) -> list[list[str]]:
    """The arguments that differ as rows of cells, the first row their head."""
    words = AGAINST[lang]
    rows = [[name, config_value(left), config_value(right)] for name, left, right in both.config]
    return [[words["argument"], words["here"], words["there"]], *rows] if rows else []


def config_sentence(both: Against, lang: Lang) -> str:
    """What stands over the differing arguments, or instead of them."""
    if both.config:
        return AGAINST[lang]["differs"]
    return AGAINST[lang]["equal" if both.configs_known else "unknown"]


def keep_object(keep: Keep | None, lang: Lang) -> dict[str, Any] | None:
    """Which checkpoint to keep, for programs."""
    if keep is None:
        return None
    return {
        "step": keep.step,
        "path": str(keep.path) if keep.path else None,
        "why": keep.why,
        "summary": " ".join(keep_sentences(keep, lang)),
        "as_good": list(keep.as_good),
        "unusable": [{"step": step, "reason": reason} for step, reason in sorted(keep.unusable.items())],
    }


def against_object(both: Against | None, lang: Lang) -> dict[str, Any] | None:
    """Where two runs parted, for programs."""
    if both is None:
        return None

    def one(parting: Parting) -> dict[str, Any]:
        return {
            "tag": parting.tag,
            "first_difference": parting.first_difference,
            "parted": parting.parted,
            "here": parting.left,
            "there": parting.right,
        }

    return {
        "run": both.right,
        "summary": " ".join(against_sentences(both, lang)),
        "first": one(both.first) if both.first else None,
        "partings": [one(parting) for parting in both.partings],
        "config": [{"path": name, "here": left, "there": right} for name, left, right in both.config],
        "only_here": list(both.only_left),
        "only_there": list(both.only_right),
    }
