"""The page of a rule, from the rule's own file: as plain text for a terminal, as Markdown for the documents."""

from __future__ import annotations

import re
from types import ModuleType

from diagnostics.measure import limits
from diagnostics.report.words import Lang, module_of, words_of

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
    },
}
FIELD = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


def explain(rule: str, lang: Lang = "en") -> str:
    """The page of a rule as plain text: its title, what it checks, its thresholds.

    The Chinese page names the thresholds without unit and source: its text says them in words.

    Raises:
        KeyError: there is no rule of that name.
    """
    module, words = module_of(rule), words_of(rule, lang)
    found = limits(module)
    if lang == "en":
        rows = [f"  {name:<12} {value:g} {value.unit}\n{'':15}{value.source}" for name, value in found.items()]
    else:
        rows = [f"  {name:<12} {value:g}" for name, value in found.items()]
    table = f"\n{LABELS[lang]['thresholds']}\n" + "\n".join(rows) + "\n" if rows else ""
    return f"{rule}: {words.title}\n\n{words.about}\n{table}"


def markdown(rule: str) -> str:
    """The page of a rule for the documents: English, then Chinese.

    Raises:
        KeyError: there is no rule of that name.
    """
    module = module_of(rule)
    return f"# {rule}\n\n" + "\n".join(section(module, lang) for lang in ("en", "zh"))


def section(module: ModuleType, lang: Lang) -> str:
    """A rule's page in one language."""
    words, label = words_of(module.NAME, lang), LABELS[lang]
    parts = [
        f"## {words.title}",
        words.about.replace("\n\n", "\n\n"),
        f"**{label['methods']}:** {methods_of(module, lang)}",
    ]
    parts.append(f"**{label['why']}:** {open_fields(words.why)}")
    found = limits(module)
    if found and lang == "en":
        rows = [f"| `{name}` | {value:g} | {value.unit} | {value.source} |" for name, value in found.items()]
        head = f"| {label['limit']} | {label['value']} | {label['unit']} | {label['source']} |\n|---|---|---|---|"
        parts.append("\n".join([head, *rows]))
    for name, sentences in (("causes", words.causes), ("fixes", words.fixes)):
        if sentences:
            parts.append(f"**{label[name]}**\n\n" + "\n".join(f"- {open_fields(one)}" for one in sentences.values()))
    parts.append(f"**{label['wrong']}** {open_fields(words.wrong_if)}.")
    if module.EXPLAINS:
        parts.append(f"**{label['explains']}:** " + ", ".join(f"`{one}`" for one in module.EXPLAINS))
    return "\n\n".join(parts) + "\n"


def methods_of(module: ModuleType, lang: Lang) -> str:
    """The methods whose runs a rule judges."""
    if module.METHODS is None or None in module.METHODS:
        return LABELS[lang]["any"]
    return ", ".join(method.upper() for method in module.METHODS)


def open_fields(sentence: str) -> str:
    """A sentence of findings with its facts left open: `{end:.3g}` reads as END."""
    return FIELD.sub(lambda match: match[1].upper(), sentence)
