"""The rules' pages in both languages, each from its rule's own file, and their table in each README: `python -m tests.rule_pages`."""

from __future__ import annotations

from pathlib import Path

from diagnostics.report.page import markdown, methods_of
from diagnostics.report.words import LANGS, Lang, words_of
from diagnostics.rules import PREFLIGHT_RULES, RULES, RUN_RULES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "rules"
PAGES: dict[Lang, Path] = {"en": DOCS, "zh": DOCS / "zh"}
READMES: dict[Lang, Path] = {"en": ROOT / "README.md", "zh": ROOT / "README.zh.md"}
START, END = "<!-- rules: written by python -m tests.rule_pages -->", "<!-- end of rules -->"
# A rule's family, for the table. Whoever adds a rule adds it here: a test asks for it.
FAMILIES: dict[str, tuple[str, ...]] = {
    "data": (
        "wrong-columns", "chat-template-missing", "chat-template-mismatch", "template-applied-twice",
        "special-token-missing", "end-token-missing", "end-token-masked", "labels-all-masked", "rows-dropped",
        "completions-truncated-by-length", "completions-empty", "prompt-in-completion", "preparation-refused",
        "preference-pairs-identical", "preference-pairs-swapped", "preference-length-bias", "duplicate-rows",
        "evaluation-leak", "unpaired-labels-imbalanced", "dataset-too-small", "text-damaged",
    ),
    "reward": (
        "reward-constant", "reward-groups-constant", "reward-missing", "reward-not-finite", "reward-wrong-count",
        "reward-raises", "reward-order-dependent", "reward-hackable", "reward-scale-extreme", "reward-slow",
        "reward-collapse", "reward-hacking-suspected", "reward-length-bias", "reward-component-dominates",
        "reward-disagrees-with-preferences", "reward-model-at-chance", "reward-model-saturated",
    ),
    "config": (
        "learning-rate-unusual", "warmup-missing", "beta-unusual", "sampling-narrowed", "options-contradict",
        "nothing-logged", "checkpoints-never-saved", "no-evaluation",
    ),
    "convergence": (
        "loss-not-finite", "loss-diverged", "loss-spike", "gradient-explosion", "gradient-not-finite", "not-learning",
        "nothing-trainable", "schedule-fault", "overfitting", "memorised", "held-out-score-falls", "kl-explosion", "kl-negative",
        "entropy-collapse", "policy-ratio-blowup", "value-function-failing", "length-explosion", "length-collapse",
        "completions-truncated", "preference-displacement", "preference-saturated", "preference-flat",
        "reference-mismatch", "loss-scale-artifact", "off-policy-drift", "run-too-short", "run-died",
    ),
    "memory": (
        "out-of-memory", "out-of-host-memory", "shared-memory-exhausted", "memory-leak", "near-memory-limit",
    ),
    "environment": (
        "api-removed", "argument-renamed", "version-conflict", "precision-unsupported", "embedding-too-small",
        "adapter-mismatch", "source-unavailable", "server-unreachable",
    ),
    "distributed": (
        "collective-timeout", "batch-not-divisible", "gradient-sync-broken", "weights-not-gathered", "sharded-save-empty",
    ),
    "persistence": (
        "disk-full", "checkpoint-truncated", "checkpoint-not-finite", "resume-mismatch", "best-checkpoint-not-saved",
        "weights-pickled",
    ),
}  # fmt: skip


HEADS: dict[Lang, str] = {
    "en": "# The rules\n\n[中文](zh/README.md)\n\nWritten from the rules' own files by `python -m tests.rule_pages`.\n\n"
    "| rule | fault | judges |\n|---|---|---|",
    "zh": "# 规则\n\n[English](../README.md)\n\n由 `python -m tests.rule_pages` 根据各规则自己的文件写出。\n\n"
    "| 规则 | 故障 | 适用于 |\n|---|---|---|",
}
COUNTED: dict[Lang, str] = {
    "en": "{all} rules: {runs} judge runs by their curves, consoles and checkpoints, {before} judge a training before it starts.",
    "zh": "{all} 条规则：{runs} 条根据曲线、控制台和检查点判断训练，{before} 条在训练开始之前判断。",
}
COLUMNS: dict[Lang, str] = {"en": "| family | rules |", "zh": "| 类别 | 规则 |"}
FAMILIES_ZH = {
    "data": "数据",
    "reward": "奖励",
    "config": "配置",
    "convergence": "收敛",
    "memory": "内存",
    "environment": "环境",
    "distributed": "分布式",
    "persistence": "保存",
}


def pages(lang: Lang) -> dict[str, str]:
    """Every page of a language by its file name, the index among them."""
    found = {f"{rule.NAME}.md": markdown(rule.NAME, lang) for rule in RULES}
    rows = [
        f"| [`{rule.NAME}`]({rule.NAME}.md) | {words_of(rule.NAME, lang).title} | {methods_of(rule, lang)} |"
        for rule in sorted(RULES, key=lambda one: one.NAME)
    ]
    found["README.md"] = "\n".join([HEADS[lang], *rows, ""])
    return found


def families(lang: Lang) -> str:
    """A README's table: each family with its rules, and how many judge a run, how many a training before it starts."""
    names = FAMILIES_ZH if lang == "zh" else {name: name for name in FAMILIES}
    folder = PAGES[lang].relative_to(ROOT).as_posix()
    rows = [
        f"| {names[name]} | {', '.join(f'[`{rule}`]({folder}/{rule}.md)' for rule in rules)} |"
        for name, rules in FAMILIES.items()
    ]
    counted = COUNTED[lang].format(all=len(RULES), runs=len(RUN_RULES), before=len(PREFLIGHT_RULES))
    return "\n".join([START, "", counted, "", COLUMNS[lang], "|---|---|", *rows, "", END])


def written(readme: str, lang: Lang) -> str:
    """A README with its table of rules made anew."""
    before, _, rest = readme.partition(START)
    return before + families(lang) + rest.partition(END)[2]


if __name__ == "__main__":
    for lang in LANGS:
        READMES[lang].write_text(written(READMES[lang].read_text(encoding="utf-8"), lang), encoding="utf-8")
        PAGES[lang].mkdir(parents=True, exist_ok=True)
        for old in PAGES[lang].glob("*.md"):
            old.unlink()
        for name, text in pages(lang).items():
            (PAGES[lang] / name).write_text(text, encoding="utf-8")
