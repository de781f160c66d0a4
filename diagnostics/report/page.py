"""The page of a rule, from the rule's own file: as plain text for a terminal, as Markdown for the documents."""

from __future__ import annotations

import re
from types import ModuleType

from diagnostics.finding import Limit
from diagnostics.measure import limits
from diagnostics.report.limit_words import SOURCES, UNITS
from diagnostics.report.words import Lang, module_of, words_of
from diagnostics.rules import RULES

LABELS: dict[Lang, dict[str, str]] = {
    "en": {
        "thresholds": "Thresholds",
        "limit": "threshold",
        "value": "value",
        "unit": "unit",
        "source": "source",
        "methods": "Judges",
        "any": "runs of every method",
        "why": "Why it matters",
        "causes": "Causes",
        "fixes": "Fixes",
        "wrong": "May be wrong if",
        "explains": "Folds under it",
        "all": "All rules",
        "colon": ":",
        "stop": ".",
        "comma": ", ",
    },
    "zh": {
        "thresholds": "阈值",
        "limit": "阈值",
        "value": "值",
        "unit": "单位",
        "source": "来源",
        "methods": "适用于",
        "any": "所有方法",
        "why": "为什么重要",
        "causes": "原因",
        "fixes": "修复",
        "wrong": "以下情况可能误判",
        "explains": "归入本故障",
        "all": "全部规则",
        "colon": "：",
        "stop": "。",
        "comma": "、",
    },
}
FIELD = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


def explain(rule: str, lang: Lang = "en") -> str:
    """The page of a rule as plain text: its title, what it checks, its thresholds.

    Raises:
        KeyError: there is no rule of that name.
    """
    module, words = module_of(rule), words_of(rule, lang)
    found = limits(module)
    rows = [
        f"  {name:<12} {value:g} {unit_of(value, lang)}\n{'':15}{source_of(value, lang)}"
        for name, value in found.items()
    ]
    table = f"\n{LABELS[lang]['thresholds']}\n" + "\n".join(rows) + "\n" if rows else ""
    return f"{rule}: {words.title}\n\n{words.about}\n{table}"


def markdown(rule: str, lang: Lang) -> str:
    """The page of a rule for the documents, in one language.

    Raises:
        KeyError: there is no rule of that name.
    """
    module, words, label = module_of(rule), words_of(rule, lang), LABELS[lang]
    other = f"[中文](zh/{rule}.md)" if lang == "en" else f"[English](../{rule}.md)"
    parts = [
        f"# {rule}",
        f"{other} | [{label['all']}](README.md)",
        f"## {words.title}",
        words.about,
        f"**{label['methods']}{label['colon']}** {methods_of(module, lang)}",
        f"**{label['why']}{label['colon']}** {open_fields(words.why)}",
    ]
    found = limits(module)
    if found:
        rows = [
            f"| `{name}` | {value:g} | {unit_of(value, lang)} | {source_of(value, lang)} |"
            for name, value in found.items()
        ]
        head = f"| {label['limit']} | {label['value']} | {label['unit']} | {label['source']} |\n|---|---|---|---|"
        parts.append("\n".join([head, *rows]))
    for name, sentences in (("causes", words.causes), ("fixes", words.fixes)):
        if sentences:
            parts.append(f"**{label[name]}**\n\n" + "\n".join(f"- {open_fields(one)}" for one in sentences.values()))
    parts.append(f"**{label['wrong']}** {open_fields(words.wrong_if)}{label['stop']}")
    if module.EXPLAINS:
        there = {one.NAME for one in RULES}
        under = label["comma"].join(f"[`{one}`]({one}.md)" if one in there else f"`{one}`" for one in module.EXPLAINS)
        parts.append(f"**{label['explains']}{label['colon']}** {under}")
    return "\n\n".join(parts) + "\n"


def unit_of(limit: Limit, lang: Lang) -> str:
    """A threshold's unit in words."""
    return limit.unit if lang == "en" else UNITS.get(limit.unit, limit.unit)


def source_of(limit: Limit, lang: Lang) -> str:
    """Where a threshold comes from, in words."""
    return limit.source if lang == "en" else SOURCES.get(limit.source, limit.source)


def methods_of(module: ModuleType, lang: Lang) -> str:
    """The methods whose runs a rule judges."""
    if module.METHODS is None or None in module.METHODS:
        return LABELS[lang]["any"]
    return ", ".join(method.upper() for method in module.METHODS)


def open_fields(sentence: str) -> str:
    """A sentence of findings with its facts left open: `{end:.3g}` reads as END."""
    return FIELD.sub(lambda match: match[1].upper(), sentence)
