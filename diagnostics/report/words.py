"""Joins findings, which are numbers and keys, with the rules' words in one language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from types import ModuleType
from typing import Any, Literal

from diagnostics.finding import Edit, Evidence, Finding, Fix, NotChecked, Words
from diagnostics.report.evidence_words import in_chinese
from diagnostics.rules import RULES
from diagnostics.run.refusal import Sentence, said

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

REASONS: dict[Lang, dict[str, str]] = {
    "en": {
        "no-series": "{tag} was not logged",
        "too-few-points": "{points} points, needs {need}",
        "too-few-evaluations": "{points} evaluations, needs {need}",
        "no-evaluation": "no evaluation was logged",
        "loss-tells-nothing": "the loss of {method} tells nothing about learning",
        "reward-is-relative": "the mean reward is {reward:.3g} in every row while its spread is not 0: it is relative within "
        "the batch, and cannot rise",
        "loss-already-low": "the loss began at {loss:.3g}: nothing left to fall by",
        "too-noisy": "the noise ({noise:.3g}) would hide a fall of 10 % over {points} rows",
        "zero-gradient-has-other-cause": "the gradient is exactly 0, but with the marks of {cause}",
        "no-status": "no status.json: it is not known how the run ended",
        "not-for-method": "not for {method}",
        "not-yet": "not yet: the {what} may still come",
        "no-kl": "no KL to the reference was logged",
        "no-sampler": "no separate sampler's probabilities were logged",
        "first-row-late": "the first logged row is at step {step}, too late to tell",
        "in-warmup": "the learning rate was still rising when the run ended",
        "no-console": "there is no console log",
        "no-samples": "no scored answers were kept",
        "no-repeats": "no answer occurs twice at one step",
        "one-reward": "there are no several reward functions to compare",
        "no-held-out-reward": "no held-out reward was logged",
        "too-few-prompts": "{points} prompts, needs {need}",
        "no-data": "no data was looked at: {why}",
        "not-prepared": "the rows were not prepared: {why}",
        "no-template": "the template was not looked at: {why}",
        "no-rewards": "no reward function was tried: {why}",
        "no-script": "no script was given",
        "no-config": "no config was given",
        "no-machine": "the machine was not looked at",
        "no-memory": "no memory was recorded by step",
        "no-checkpoint": "no checkpoint was saved",
        "no-tokenizer": "no checkpoint holds both a tokenizer and an embedding",
        "rule-broke": "the rule itself failed: {error}",
    },
    "zh": {
        "no-series": "没有记录 {tag}",
        "too-few-points": "只有 {points} 个点，需要 {need} 个",
        "too-few-evaluations": "只有 {points} 次评估，需要 {need} 次",
        "no-evaluation": "没有记录评估",
        "loss-tells-nothing": "{method} 的损失不反映学习情况",
        "reward-is-relative": "每一行的平均奖励都是 {reward:.3g}，而离散度不为 0：奖励是批内相对值，不可能上升",
        "loss-already-low": "损失一开始就是 {loss:.3g}，没有下降空间",
        "too-noisy": "噪声（{noise:.3g}）在 {points} 行里会掩盖 10% 的下降",
        "zero-gradient-has-other-cause": "梯度恰好为 0，但特征属于 {cause}",
        "no-status": "没有 status.json：不知道训练如何结束",
        "not-for-method": "不适用于 {method}",
        "not-yet": "尚未：训练还在进行，之后可能会有",
        "no-kl": "没有记录与参考模型的 KL",
        "no-sampler": "没有记录单独采样器的概率",
        "first-row-late": "第一行记录在第 {step} 步，太晚，无法判断",
        "in-warmup": "训练结束时学习率仍在上升",
        "no-console": "没有控制台日志",
        "no-samples": "没有保存带评分的回答",
        "no-repeats": "同一步里没有重复的回答",
        "one-reward": "没有多个奖励函数可供比较",
        "no-held-out-reward": "没有记录留出的奖励",
        "too-few-prompts": "只有 {points} 个提示，需要 {need} 个",
        "no-data": "没有查看数据：{why}",
        "not-prepared": "没有预处理数据：{why}",
        "no-template": "没有查看模板：{why}",
        "no-rewards": "没有试运行奖励函数：{why}",
        "no-script": "没有给出脚本",
        "no-config": "没有给出配置",
        "no-machine": "没有查看机器",
        "no-memory": "没有按步记录内存",
        "no-checkpoint": "没有保存检查点",
        "no-tokenizer": "没有哪个检查点同时带有分词器和嵌入层",
        "rule-broke": "规则自身出错：{error}",
    },
}

MISSING: dict[Lang, dict[str, str]] = {
    "en": {
        "request": "run.json: what was asked of the run is not known",
        "events": "TensorBoard events: the curves come from trainer_state.json, if at all",
        "checkpoints": "checkpoints",
        "samples": "samples.jsonl: no answers were kept",
        "all-but-log": "anything but the log: only one file was given",
    },
    "zh": {
        "request": "run.json：不知道这次训练的要求",
        "events": "TensorBoard 事件：曲线只能来自 trainer_state.json",
        "checkpoints": "检查点",
        "samples": "samples.jsonl：没有保存回答",
        "all-but-log": "日志以外的一切：只给了一个文件",
    },
}


@dataclass(frozen=True)
class FixInWords:
    """A fix as a person reads it."""

    title: str
    safety: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class FindingInWords:
    """A finding as a person reads it, in one language."""

    rule: str
    severity: str
    confidence: float
    first_step: int
    last_step: int
    title: str
    summary: str
    why: str
    wrong_if: str
    causes: tuple[str, ...]
    fixes: tuple[FixInWords, ...]
    evidence: tuple[Evidence, ...]
    explains: tuple[str, ...]


def module_of(rule: str) -> ModuleType:
    """The file of a rule, as its module.

    Raises:
        KeyError: there is no rule of that name.
    """
    for module in RULES:
        if rule == module.NAME:
            return module
    raise KeyError(rule)


def words_of(rule: str, lang: Lang) -> Words:
    """The words of a rule.

    Raises:
        KeyError: there is no rule of that name.
    """
    words: Words = module_of(rule).WORDS[lang]
    return words


def in_words(finding: Finding, lang: Lang = "en") -> FindingInWords:
    """A finding in the words of its rule."""
    words = words_of(finding.rule, lang)
    facts = {name: said(one, lang) if isinstance(one, Sentence) else one for name, one in finding.facts.items()}
    return FindingInWords(
        rule=finding.rule,
        severity=finding.severity,
        confidence=finding.confidence,
        first_step=finding.first_step,
        last_step=finding.last_step,
        title=words.title,
        summary=summary_of(words, facts, lang),
        why=words.why.format_map(facts),
        wrong_if=words.wrong_if.format_map(facts),
        causes=tuple(words.causes[key].format_map(facts) for key in finding.causes),
        fixes=tuple(fix_in_words(fix, words) for fix in finding.fixes),
        evidence=finding.evidence if lang == "en" else tuple(in_chinese(one) for one in finding.evidence),
        explains=finding.explains,
    )


def summary_of(words: Words, facts: Mapping[str, Any], lang: Lang) -> str:
    """What happened, and where the finding has more to say, that too."""
    said = chosen(words.summary, facts).format_map(facts).strip()
    more = [words.more[key].format_map(facts) for key in facts.get("more", ())]
    if more and not said.endswith((".", "。")):
        said += "." if lang == "en" else "。"
    return (" " if lang == "en" else "").join([said, *more])


def chosen(summary: str | Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """The summary, of several the one of the finding's `kind`."""
    return summary if isinstance(summary, str) else summary[facts["kind"]]


def fix_in_words(fix: Fix, words: Words) -> FixInWords:
    """A fix in the words of its rule; of one that is made of several changes, the words of each."""
    titles = [words.steps[step.key].format_map(step.facts) for step in fix.steps]
    title = reduce(lambda first, then: words.steps["and"].format(first=first, then=then), titles) if titles else ""
    return FixInWords(title or words.fixes[fix.key].format_map(fix.facts), fix.safety, fix.edits)


def reason_in_words(one: NotChecked, lang: Lang = "en") -> str:
    """Why a rule could not judge."""
    facts = {**one.facts, "why": unseen_in_words(one.facts["why"], lang)} if "why" in one.facts else one.facts
    return REASONS[lang][one.reason].format_map(facts)


# Why a part of a pre-flight is not there, as `diagnostics/probes/preflight.py` says it.
UNSEEN_ZH = {
    "no data was given": "没有给出数据",
    "no model was given, whose tokenizer is needed": "没有给出模型，而这需要它的分词器",
    "the columns do not fit: see wrong-columns": "列不符：见 wrong-columns",
    "no reward function was named": "没有指定奖励函数",
    "none was named": "没有指定",
    "no script was given": "没有给出脚本",
    "there are no evaluation rows": "没有评估数据",
    "there is none": "没有",
}


def unseen_in_words(why: str, lang: Lang = "en") -> str:
    """Why something was not looked at; a message of a library as it is."""
    return str(why) if lang == "en" else UNSEEN_ZH.get(why, said(why, lang))
