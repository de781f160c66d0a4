"""The methods' pages below docs/methods: `python -m tests.method_pages` writes their tables of metrics and their index anew.

What stands above a table is written by hand, in each language.
"""

from __future__ import annotations

from pathlib import Path

from diagnostics.metrics import METHODS, Healthy, Lang, Metric
from diagnostics.metrics.common import SHARED
from diagnostics.metrics.words import range_words
from diagnostics.report.page import source_of

PAGES = Path(__file__).parents[1] / "docs" / "methods"
FOLDERS: dict[Lang, Path] = {"en": PAGES, "zh": PAGES / "zh"}
START, END = "<!-- metrics: written by python -m tests.method_pages -->", "<!-- end of metrics -->"
LABELS: dict[Lang, dict[str, str]] = {
    "en": {
        "metrics": "Metrics",
        "about": "Each is logged as `train/TAG`, those of an evaluation as `eval/TAG`. The numbers are the thresholds of the "
        "rules named beside them.",
        "shared": "Common to all methods",
        "head": "| tag | meaning | unit | in a healthy run | judged by |",
        "source": ". Source of ",
        "colon": ": ",
        "between": "; ",
        "title": "The methods",
        "other": "[中文](zh/README.md)",
        "index": "| method | what it does |",
    },
    "zh": {
        "metrics": "指标",
        "about": "训练时记为 `train/标签`，评估时记为 `eval/标签`。数值即右侧所列规则的阈值。",
        "shared": "各方法共有",
        "head": "| 标签 | 含义 | 单位 | 健康的运行 | 相关规则 |",
        "source": "。来源：",
        "colon": "：",
        "between": "；",
        "title": "方法",
        "other": "[English](../README.md)",
        "index": "| 方法 | 做什么 |",
    },
}


def healthy_text(healthy: Healthy, lang: Lang) -> str:
    """How a metric looks in a healthy run, in words: range, what to watch, sources of the numbers."""
    text, label = range_words(healthy, lang), LABELS[lang]
    sources = label["between"].join(f"{one:g}{label['colon']}{source_of(one, lang)}" for one in healthy.limits)
    return f"{text}{label['source']}{sources}" if sources else text


def row(metric: Metric, lang: Lang) -> str:
    """One metric as a row of a table."""
    rules = "../rules" if lang == "en" else "../../rules/zh"
    judges = ", ".join(f"[{name}]({rules}/{name}.md)" for name in metric.rules)
    cells = (
        f"`{metric.tag}`",
        metric.meaning.of(lang),
        metric.unit.of(lang),
        healthy_text(metric.healthy, lang),
        judges,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(method: str, lang: Lang) -> str:
    """The tables of a method's metrics: its own, then those of every trainer."""
    label, own = LABELS[lang], [one for one in METHODS[method] if one not in SHARED]
    ruler = "|---|---|---|---|---|"
    parts = [
        START,
        f"## {label['metrics']}",
        label["about"],
        "\n".join([label["head"], ruler, *(row(one, lang) for one in own)]),
        f"### {label['shared']}",
        "\n".join([label["head"], ruler, *(row(one, lang) for one in SHARED)]),
        END,
    ]
    return "\n\n".join(parts)


def written(page: str, method: str, lang: Lang) -> str:
    """A page with its tables made anew."""
    before, _, rest = page.partition(START)
    return before + table(method, lang) + rest.partition(END)[2]


def index(lang: Lang) -> str:
    """The index of a language: each page's title and first paragraph."""
    label, rows = LABELS[lang], []
    for method in METHODS:
        title, paragraph = (FOLDERS[lang] / f"{method}.md").read_text(encoding="utf-8").split("\n\n")[:2]
        joined = paragraph.replace("\n", " ")
        rows.append(f"| [{title.removeprefix('# ')}]({method}.md) | {joined} |")
    return "\n".join([f"# {label['title']}", "", label["other"], "", label["index"], "|---|---|", *rows, ""])


def pages() -> dict[Path, str]:
    """Every page by its path, the indices among them."""
    found = {}
    for lang, folder in FOLDERS.items():
        for method in METHODS:
            path = folder / f"{method}.md"
            found[path] = written(path.read_text(encoding="utf-8"), method, lang)
        found[folder / "README.md"] = index(lang)
    return found


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
