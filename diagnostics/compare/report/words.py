"""A comparison in words, English and Chinese: its verdicts as sentences, its headings, its side effects."""

from __future__ import annotations

from diagnostics.compare.comparison import Comparison
from diagnostics.compare.statistics.verdict import PairVerdict
from diagnostics.compare.texts.side_effect_words import summary_of
from diagnostics.compare.texts.side_effects import SideEffect
from diagnostics.compare.words import change_sentence, warning
from diagnostics.report.common import one_line
from diagnostics.report.words import Lang
from diagnostics.run.refusal import said as told

SENTENCES: dict[Lang, dict[str, str]] = {
    "en": {
        "better": "{source} is better than {against} by {score}: {numbers}.",
        "worse": "{source} is worse than {against} by {score}: {numbers}.",
        "no-difference-shown": "No difference shown between {source} and {against} by {score}: {numbers}.{needed}",
        "too-few": "Too few prompts to show any difference between {source} and {against} by {score}: {numbers}.",
        "needed": " About {n} prompts would show a difference of this size.",
        "numbers": "{difference:+.3g} on average{interval}, p = {p:.2g} after correction; of {prompts} prompts {wins} won, "
        "{ties} tied, {losses} lost",
        "interval": " (95 % interval {low:+.3g} to {high:+.3g})",
        "lower": " (lower is better)",
        "noise": "Noise floor of {score}: {source} differs from itself by {value:.3g} when only the seeds change.",
        "unreadable": "The judge gave no readable verdict on {n} of {of} prompts ({source}); they count as nothing, not as ties.",
        "place": "The judge chose by the place and not by the answer on {n} of {of} prompts ({source}); they count as ties.",
        "of": "{source}: {said}",
        "no-score": "Nothing scored the answers, so there is no verdict: name --reward, --reward-model, --judge or --reference.",
        "limits": " (Change: 95 % interval {low} to {high}.)",
        "no-effect": "No side effect shown: no difference from {base} in length, repetition, refusals, language, leaks and diversity could be told.",
        "missing-answers": "{source}: {n} of {of} answers are missing.",
        "too-many": "The {n} prompts that changed most are shown; --format jsonl has all {of}.",
    },
    "zh": {
        "better": "按 {score}，{source} 优于 {against}：{numbers}。",
        "worse": "按 {score}，{source} 劣于 {against}：{numbers}。",
        "no-difference-shown": "按 {score}，未显示 {source} 与 {against} 有差异：{numbers}。{needed}",
        "too-few": "提示太少，按 {score} 无法显示 {source} 与 {against} 的任何差异：{numbers}。",
        "needed": "要显示这么大的差异，大约需要 {n} 个提示。",
        "numbers": "平均 {difference:+.3g}{interval}，校正后 p = {p:.2g}；{prompts} 个提示中胜 {wins}、平 {ties}、负 {losses}",
        "interval": "（95% 区间 {low:+.3g} 至 {high:+.3g}）",
        "lower": "（越低越好）",
        "noise": "{score} 的噪声底：仅更换种子时，{source} 与自身相差 {value:.3g}。",
        "unreadable": "评判模型在 {of} 个提示中有 {n} 个没有给出可读的结论（{source}）；它们不计入，也不算平局。",
        "place": "评判模型在 {of} 个提示中有 {n} 个按位置而非回答作出选择（{source}）；它们算平局。",
        "of": "{source}：{said}",
        "no-score": "没有任何评分，因此没有结论：请指定 --reward、--reward-model、--judge 或 --reference。",
        "limits": "（变化的 95% 区间：{low} 至 {high}。）",
        "no-effect": "未显示副作用：长度、重复、拒答、语言、泄漏和多样性与 {base} 相比看不出差异。",
        "missing-answers": "{source}：{of} 个回答中缺少 {n} 个。",
        "too-many": "只显示变化最大的 {n} 个提示；--format jsonl 含全部 {of} 个。",
    },
}
HEADINGS: dict[Lang, dict[str, str]] = {
    "en": {
        "comparison": "Comparison", "verdict": "Verdict", "effects": "Side effects", "pairs": "Against {base}",
        "slices": "By part of the prompts", "answers": "Answers", "missing": "What is missing", "source": "source",
        "score": "score", "difference": "difference", "interval": "95 % interval", "p": "p, corrected", "wins": "won",
        "ties": "tied", "losses": "lost", "verdict_word": "verdict", "slice": "part", "worse": "Got worse",
        "better": "Got better", "same": "No change in score", "none": "Not scored", "base": "base", "prompt": "prompt",
        "reference": "reference", "tokens": "{n} tokens", "seed": "seed {n}", "sampling": "temperature {temperature:g}, "
        "top_p {top_p:g}, up to {max_new_tokens} tokens, seeds: {seeds}, prompts: {prompts}", "system": "system prompt",
        "mean": "mean", "language": "language", "length": "length", "tag": "tag", "nothing": "(nothing)",
        "identical": "the same as {base}", "error": "error", "end": "ended", "cut": "cut off by the budget",
    },
    "zh": {
        "comparison": "对比", "verdict": "结论", "effects": "副作用", "pairs": "与 {base} 相比",
        "slices": "按提示的子集", "answers": "回答", "missing": "缺少的内容", "source": "来源",
        "score": "评分", "difference": "差异", "interval": "95% 区间", "p": "校正后 p", "wins": "胜",
        "ties": "平", "losses": "负", "verdict_word": "结论", "slice": "子集", "worse": "变差",
        "better": "变好", "same": "评分无变化", "none": "未评分", "base": "基线", "prompt": "提示",
        "reference": "参考答案", "tokens": "{n} 个词元", "seed": "种子 {n}", "sampling": "温度 {temperature:g}，"
        "top_p {top_p:g}，最多 {max_new_tokens} 个词元，种子：{seeds}，提示：{prompts} 个", "system": "系统提示",
        "mean": "平均", "language": "语言", "length": "长度", "tag": "标签", "nothing": "（空）",
        "identical": "与 {base} 相同", "error": "错误", "end": "自行结束", "cut": "被词元预算截断",
    },
}  # fmt: skip
WORDS: dict[Lang, dict[str, str]] = {
    "en": {
        "better": "better",
        "worse": "worse",
        "no-difference-shown": "no difference shown",
        "too-few": "too few prompts",
    },
    "zh": {"better": "更好", "worse": "更差", "no-difference-shown": "未显示差异", "too-few": "提示太少"},
}
PARTS: dict[Lang, dict[str, str]] = {
    "en": {"zh": "Chinese", "en": "English", "other": "other", "short": "short", "middle": "middle", "long": "long"},
    "zh": {"zh": "中文", "en": "英文", "other": "其他", "short": "短", "middle": "中", "long": "长"},
}
IN_TOKENS = ("answers-longer", "answers-shorter")


def verdict_sentences(found: Comparison, lang: Lang) -> list[str]:
    """What the numbers allow to be said: each source against the base by each score, then what limits it."""
    said = SENTENCES[lang]
    sentences = [pair_sentence(score, pair, lang) for score, pair in found.pairs()]
    sentences += [
        said["noise"].format(score=one.score, source=one_line(one.noise.source), value=abs(one.noise.difference))
        for one in found.verdicts
        if one.noise is not None
    ]
    for judged, orders in zip(found.judged, found.orders, strict=True):
        of, source = len(judged.verdicts), one_line(judged.right)
        if judged.unreadable:
            sentences.append(said["unreadable"].format(n=judged.unreadable, of=of, source=source))
        if orders.by_place:
            sentences.append(said["place"].format(n=orders.by_place, of=of, source=source))
    sentences = sentences or [said["no-score"]]
    sentences += [
        change_sentence(one_line(one.source), one_line(found.base), one.change, lang)
        if one.change is not None
        else said["of"].format(source=one_line(one.source), said=one_line(told(one.error or "", lang)))
        for one in found.changed
    ]
    return sentences + [
        said["of"].format(source=one_line(source), said=warning("same-weights", lang, others=one_line(others)))
        for source, others in found.same.items()
    ]


def pair_sentence(score: str, pair: PairVerdict, lang: Lang) -> str:
    """A pair's verdict in a sentence."""
    said = SENTENCES[lang]
    interval = said["interval"].format(low=pair.low, high=pair.high) if pair.low is not None else ""
    numbers = said["numbers"].format(
        difference=pair.difference, interval=interval, p=pair.corrected, prompts=pair.prompts, wins=pair.wins,
        ties=pair.ties, losses=pair.losses,
    )  # fmt: skip
    return said[pair.word].format(
        source=one_line(pair.source),
        against=one_line(pair.against),
        score=one_line(score) + ("" if pair.more_is_better else said["lower"]),
        numbers=numbers,
        needed=said["needed"].format(n=f"{pair.needed:,}") if pair.needed else "",
    )


def effect_sentence(one: SideEffect, lang: Lang) -> str:
    """A side effect in a sentence, with the interval of its change."""
    told = one_line(summary_of(one, lang))
    if one.low is None or one.high is None:
        return told
    form = "{:+.3g}" if one.rule in IN_TOKENS else "{:+.1%}"
    limits = SENTENCES[lang]["limits"].format(low=form.format(one.low), high=form.format(one.high))
    return f"{told}{limits}"


def effect_sentences(found: Comparison, lang: Lang) -> list[str]:
    """The side effects in sentences, or that none is shown."""
    shown = [effect_sentence(one, lang) for one in found.effects]
    return shown or [SENTENCES[lang]["no-effect"].format(base=one_line(found.base))]


def missing_sentences(found: Comparison, lang: Lang) -> list[str]:
    """What is not there: answers by source, then the reasons."""
    of = len(found.answers.prompts) * len(found.answers.seeds)
    counts = {one: of - len(found.answers.of(one)) for one in found.answers.sources}
    return [
        SENTENCES[lang]["missing-answers"].format(source=one_line(one), n=n, of=of) for one, n in counts.items() if n
    ] + [one_line(told(reason, lang)) for reason in found.missing.values()]


def settings_line(found: Comparison, lang: Lang) -> str:
    """How the answers were drawn, in a line."""
    return HEADINGS[lang]["sampling"].format(
        temperature=found.sampling.temperature, top_p=found.sampling.top_p, max_new_tokens=found.sampling.max_new_tokens,
        seeds=", ".join(map(str, found.answers.seeds)), prompts=len(found.answers.prompts),
    )  # fmt: skip


def part_name(kind: str, value: str, lang: Lang) -> str:
    """A slice of the prompts by name."""
    return f"{HEADINGS[lang][kind]}: {value if kind == 'tag' else PARTS[lang].get(value, value)}"


def columns(lang: Lang) -> tuple[str, ...]:
    """The titles of the table of pairs."""
    names = ("source", "score", "difference", "interval", "p", "wins", "ties", "losses", "verdict_word")
    return tuple(HEADINGS[lang][name] for name in names)


def cells(score: str, pair: PairVerdict, lang: Lang) -> tuple[str, ...]:
    """A pair as a row of that table."""
    interval = f"{pair.low:+.3g} … {pair.high:+.3g}" if pair.low is not None else "–"
    return (
        one_line(pair.source), one_line(score), f"{pair.difference:+.3g}", interval, f"{pair.corrected:.2g}",
        str(pair.wins), str(pair.ties), str(pair.losses), WORDS[lang][pair.word],
    )  # fmt: skip


def source_names(found: Comparison, lang: Lang) -> list[str]:
    """The sources by name, the base marked."""
    mark = {"en": " (base)", "zh": "（基线）"}[lang]
    return [one_line(one) + (mark if one == found.base else "") for one in found.answers.sources]
