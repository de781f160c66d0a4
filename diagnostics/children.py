"""The config of a child run: that of a run with one fix applied, ready for `training start --config`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.finding import Diagnosis, Finding, Fix
from diagnostics.fixing import child_config
from diagnostics.report.words import Lang, fix_in_words, words_of
from diagnostics.run import Run
from diagnostics.run.files import write_json
from diagnostics.run.folder import RUN_FILE
from diagnostics.run.refusal import Refusal

# What a config file says beside the trainer's arguments; `training start` takes these out before it reads the rest.
METHOD, PARENT, FIXES = "method", "parent", "fixes"


class NoFix(Refusal):
    """There is no such fix to apply. The message is one sentence: what was asked, and what there is."""


@dataclass(frozen=True)
class Child:
    """The config of a child run, the fix that made it, and whether the parent's whole config is known."""

    config: dict[str, Any]
    finding: Finding
    fix: Fix
    whole: bool


def child_of(run: Run, diagnosis: Diagnosis, rule: str, number: int = 1, lang: Lang = "en") -> Child:
    """The child config of one fix of one finding; `number` counts the fixes that change the config, from 1.

    Applied to a child whose config it already is, it changes nothing.

    Raises:
        NoFix: the rule found nothing in this run, or has no fix of that number.
    """
    found = next((one for one in diagnosis.findings if one.rule == rule), None)
    if found is None:
        under = next((one.rule for one in diagnosis.findings if rule in one.explains), None)
        there = ", ".join(one.rule for one in diagnosis.findings) or "nothing"
        there_zh = "、".join(one.rule for one in diagnosis.findings) or "没有问题"
        hint = f"it is folded under {under}, whose fix cures it" if under else f"found was {there}"
        hint_zh = f"它归在 {under} 之下，后者的修复可一并解决" if under else f"诊断出的是：{there_zh}"
        raise NoFix(
            f"{run.path}: {rule} is no finding of this run; {hint}.",
            f"{run.path}：{rule} 不是这次运行的诊断结果；{hint_zh}。",
        )
    usable = [fix for fix in found.fixes if fix.edits]
    if not usable:
        by_hand = "; ".join(fix_in_words(fix, words_of(rule, "en")).title for fix in found.fixes)
        by_hand_zh = "；".join(fix_in_words(fix, words_of(rule, "zh")).title for fix in found.fixes)
        raise NoFix(
            f"{run.path}: {rule} has no fix that edits the config; by hand: {by_hand or 'none'}.",
            f"{run.path}：{rule} 没有修改配置的修复；可手动处理：{by_hand_zh or '无'}。",
        )
    if not 1 <= number <= len(usable):
        raise NoFix(
            f"{run.path}: {rule} has {len(usable)} fixes that edit the config; number {number} is none of them.",
            f"{run.path}：{rule} 有 {len(usable)} 个修改配置的修复；没有第 {number} 个。",
        )
    fix = usable[number - 1]
    whole = bool(run.asked)
    config: dict[str, Any] = child_config(run.asked if whole else {}, fix)
    marks: dict[str, Any] = {METHOD: run.method} if run.method else {}
    # The parent by its folder, so that the child finds it from wherever it is started.
    marks |= {PARENT: run.name if (run.path / RUN_FILE).exists() else str(run.path), FIXES: [f"{rule}/{fix.key}"]}
    return Child({**marks, **config}, found, fix, whole)


def write_child(child: Child, path: Path) -> None:
    """Write a child config as JSON, under a temporary name until complete.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, child.config)
