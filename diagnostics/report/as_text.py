"""A diagnosis for a terminal."""

from __future__ import annotations

import textwrap

from diagnostics.finding import Diagnosis, Edit, SeriesEvidence
from diagnostics.report.words import FindingInWords, Lang, in_words, reason_in_words
from diagnostics.run import Run

WIDTH = 100

LABELS: dict[Lang, dict[str, str]] = {
    "en": {
        "error": "ERROR",
        "warning": "WARNING",
        "info": "INFO",
        "steps": "steps {first} to {last}",
        "why": "Why it matters",
        "causes": "Most likely",
        "fix": "Fix",
        "safe": "changes nothing that was right",
        "ask": "changes the training: your choice",
        "show": "by hand",
        "wrong": "May be wrong if",
        "folded": "Explains",
        "more": "More",
        "confidence": "confidence",
        "healthy": "Nothing found by {n} rules.",
        "not_checked": "Not checked",
        "points": "{n} logged rows",
        "step": "step",
    },
    "zh": {
        "error": "错误",
        "warning": "警告",
        "info": "提示",
        "steps": "第 {first} 至 {last} 步",
        "why": "为什么重要",
        "causes": "最可能的原因",
        "fix": "修复",
        "safe": "不改变原本正确的结果",
        "ask": "会改变训练：由您决定",
        "show": "需手动处理",
        "wrong": "以下情况可能误判",
        "folded": "同时解释了",
        "more": "详情",
        "confidence": "置信度",
        "healthy": "{n} 条规则都没有发现问题。",
        "not_checked": "未检查",
        "points": "{n} 行记录",
        "step": "步",
    },
}
STATES: dict[Lang, dict[str, str]] = {
    "en": {},
    "zh": {
        "waiting": "等待中",
        "starting": "启动中",
        "running": "训练中",
        "finished": "已完成",
        "failed": "失败",
        "stopped": "已停止",
        "unknown": "状态未知",
    },
}


def number(value: float) -> str:
    """A value as a short column entry."""
    return f"{value:.4g}"


def edit_text(edit: Edit) -> str:
    """A config change on one line."""
    return f"{edit.path}: {edit.old if edit.old is not None else '-'} -> {edit.new}"


def wrapped(text: str, indent: str) -> str:
    """Text folded at the width of a terminal; Chinese is left to the terminal."""
    if not text.isascii():
        return indent + text
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def finding_text(finding: FindingInWords, lang: Lang) -> str:
    """One finding as a block of text."""
    label = LABELS[lang]
    colon = "：" if lang == "zh" else ": "
    head = f"{label[finding.severity]} {finding.rule}"
    where = label["steps"].format(first=finding.first_step, last=finding.last_step)
    lines = [
        f"{head}  ({where}, {label['confidence']} {finding.confidence:.2f})",
        wrapped(
            f"{finding.title}{colon}{finding.summary}" if lang == "zh" else f"{finding.title}. {finding.summary}", "  "
        ),
    ]
    for one in finding.evidence:
        if isinstance(one, SeriesEvidence):
            width = max(9, *(len(number(value)) for _, value in one.rows)) if one.rows else 9
            marked = dict.fromkeys(one.marks, "*")
            steps = "".join(f"{str(step) + marked.get(step, ''):>{width}}" for step, _ in one.rows)
            values = "".join(f"{number(value):>{width}}" for _, value in one.rows)
            lines += [f"      {label['step']:>18}{steps}", f"      {one.tag:>18}{values}"]
        else:
            lines += [f"      {one.file}", *(f"      | {line[:WIDTH]}" for line in one.lines)]
    lines.append(wrapped(f"{label['why']}{colon}{finding.why}", "  "))
    for cause in finding.causes:
        lines.append(wrapped(f"{label['causes']}{colon}{cause}", "  "))
    for fix in finding.fixes:
        lines.append(wrapped(f"{label['fix']} ({label[fix.safety]}){colon}{fix.title}", "  "))
        lines += [f"      {edit_text(edit)}" for edit in fix.edits]
    lines.append(wrapped(f"{label['wrong']}{colon}{finding.wrong_if}", "  "))
    if finding.explains:
        lines.append(f"  {label['folded']}{colon}{', '.join(finding.explains)}")
    lines.append(f"  {label['more']}{colon}python -m diagnostics explain {finding.rule}")
    return "\n".join(lines)


def report(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The whole report as text."""
    label = LABELS[lang]
    state = STATES[lang].get(run.status.state, run.status.state)
    head = f"{run.path}  {run.method or '?'}  {state}  {label['points'].format(n=run.points)}"
    blocks = [head + (f"\n{run.status.reason}" if run.status.reason else "")]
    if run.problems:
        blocks.append("\n".join(f"! {problem}" for problem in run.problems))
    blocks += [finding_text(in_words(one, lang), lang) for one in diagnosis.findings]
    if not diagnosis.findings:
        from diagnostics.rules import RULES

        blocks.append(label["healthy"].format(n=len(RULES) - len(diagnosis.not_checked)))
    if diagnosis.not_checked:
        rows = [f"  {one.rule:<20} {reason_in_words(one, lang)}" for one in diagnosis.not_checked]
        blocks.append("\n".join([label["not_checked"], *rows]))
    return "\n\n".join(blocks) + "\n"
