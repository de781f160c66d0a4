"""The rules' pages below docs/rules, each from its rule's own file, and their table in the README: `python -m tests.rule_pages`."""

from __future__ import annotations

from pathlib import Path

from diagnostics.report.page import markdown, methods_of
from diagnostics.report.words import words_of
from diagnostics.rules import PREFLIGHT_RULES, RULES, RUN_RULES

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "rules"
README = ROOT / "README.md"
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


def pages() -> dict[str, str]:
    """Every page by its file name, the index among them."""
    found = {f"{rule.NAME}.md": markdown(rule.NAME) for rule in RULES}
    rows = [
        f"| [`{rule.NAME}`]({rule.NAME}.md) | {words_of(rule.NAME, 'en').title} | {words_of(rule.NAME, 'zh').title} "
        f"| {methods_of(rule, 'en')} |"
        for rule in sorted(RULES, key=lambda one: one.NAME)
    ]
    head = "# The rules\n\nWritten from the rules' own files by `python -m tests.rule_pages`.\n"
    found["README.md"] = "\n".join([head, "| rule | fault | 故障 | judges |", "|---|---|---|---|", *rows, ""])
    return found


def families() -> str:
    """The README's table: each family with its rules, and how many judge a run, how many a training before it starts."""
    rows = [f"| {name} | {', '.join(f'`{rule}`' for rule in rules)} |" for name, rules in FAMILIES.items()]
    counted = (
        f"{len(RULES)} rules: {len(RUN_RULES)} judge runs by their curves, consoles and checkpoints, {len(PREFLIGHT_RULES)} "
        "judge a training before it starts."
    )
    return "\n".join([START, "", counted, "", "| family | rules |", "|---|---|", *rows, "", END])


def written(readme: str) -> str:
    """A README with its table of rules made anew."""
    before, _, rest = readme.partition(START)
    return before + families() + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
    PAGES.mkdir(parents=True, exist_ok=True)
    for old in PAGES.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
