"""The words of an exported file, English and Chinese; those of findings and reports stand with these."""

from __future__ import annotations

from diagnostics.report.words import Lang

WORDS: dict[Lang, dict[str, str]] = {
    "en": {
        "title": "{n} run|{n} runs",
        "curves": "Curves",
        "findings": "What was found",
        "score": "last score",
        "scores": "Scores on the same prompts",
        "differences": "What differs",
        "pair": "{left} and {right}",
        "left-out": "{n} further tags are left out.",
        "most-lines": "The pictures show the first {n} of {of} runs.",
        "most-pairs": "The first {n} of {of} neighbouring pairs are compared.",
        "better": "{right} scores {mean:+.3f} by {reward} against {left}: better (95 % interval {low:+.3f} to {high:+.3f}, "
        "{n} prompts).",
        "worse": "{right} scores {mean:+.3f} by {reward} against {left}: worse (95 % interval {low:+.3f} to {high:+.3f}, "
        "{n} prompts).",
        "open": "{right} against {left} by {reward}: no difference shown ({mean:+.3f}, 95 % interval {low:+.3f} to "
        "{high:+.3f}, {n} prompts).",
    },
    "zh": {
        "title": "{n} 次训练",
        "curves": "曲线",
        "findings": "诊断结果",
        "score": "最后得分",
        "scores": "相同提示上的得分",
        "differences": "有何不同",
        "pair": "{left} 与 {right}",
        "left-out": "另有 {n} 个指标未列出。",
        "most-lines": "图中只画出 {of} 次训练中的前 {n} 次。",
        "most-pairs": "{of} 对相邻训练中只比较前 {n} 对。",
        "better": "按 {reward}，{right} 相对 {left} 为 {mean:+.3f}：更好（95% 区间 {low:+.3f} 到 {high:+.3f}，{n} 个提示）。",
        "worse": "按 {reward}，{right} 相对 {left} 为 {mean:+.3f}：更差（95% 区间 {low:+.3f} 到 {high:+.3f}，{n} 个提示）。",
        "open": "按 {reward}，{right} 与 {left} 没有显示出差别（{mean:+.3f}，95% 区间 {low:+.3f} 到 {high:+.3f}，{n} 个提示）。",
    },
}
