"""Evidence in Chinese: the heads and names that we write ourselves; columns, texts and lines of the user's stay as they are."""

from __future__ import annotations

import re
from dataclasses import replace

from diagnostics.finding import Evidence, TableEvidence, TextEvidence
from diagnostics.preflight.converting import FATES
from diagnostics.run.refusal import said

# Heads of tables. A word that may also be the name of a column ("answer", "text") is ours in the first place alone.
HEADS = {
    "row": "行", "rows": "行数", "column": "列", "converted": "转换后", "mean": "均值", "beats": "胜过参考的行",
    "tokens": "词元", "kept": "保留", "size": "大小", "file": "文件", "bytes": "字节", "expected": "应有", "fault": "问题",
    "function": "函数", "weight": "权重", "spread": "离散度", "tensor": "张量", "not finite": "非有限值", "looked at": "已检查",
    "numbers": "数值", "checkpoint": "检查点", "count": "个数", "error": "错误", "shuffled": "打乱后", "again": "再次",
    "asked": "要求", "against": "对照", "different": "不同", "shape": "形状", "matrix": "矩阵",
}  # fmt: skip
FIRST = {"answer": "回答", "what": "项目", "where": "位置", "step": "步", "begin": "开头"}
PROBES = {
    "reference": "参考回答", "ordinary": "普通回答", "empty": "空回答", "long": "超长", "prompt": "重复提示",
    "repeated": "重复十遍", "keywords": "只有关键词", "foreign": "别题的回答",
}  # fmt: skip
CELLS = {
    "training": "训练", "server": "服务端",
    "tried to allocate": "申请分配", "free": "空闲", "total capacity": "总容量", "in use by this process": "本进程占用",
    "limit of the machine or its control group": "机器或其控制组的上限", "limit on private memory (ulimit -d)": "私有内存上限（ulimit -d）",
    "limit on addresses (ulimit -v)": "地址空间上限（ulimit -v）", "of it for tensors": "其中可用于张量", "needed, by the estimate": "估计需要",
    "weights": "权重", "gradients": "梯度", "optimizer": "优化器状态", "activations": "激活值", "logits": "logits", "kv_cache": "KV 缓存",
    "reference": "参考模型与奖励模型", "temporaries": "临时张量", "allocated by PyTorch": "PyTorch 已分配", "reserved but unallocated": "已保留未分配", "in use by other processes": "其他进程占用",
}  # fmt: skip
ROW = re.compile(r"row (\d[\d,]*)")
DEFAULT = "  (default)"
BECOMES = {
    re.compile(re.escape(said).replace(r"\{column\}", "(?P<column>.+)").replace(r"\{target\}", "(?P<target>.+)")): key
    for key, said in FATES["en"].items()
}


def in_chinese(one: Evidence) -> Evidence:
    """A piece of evidence with our own words in Chinese."""
    if isinstance(one, TextEvidence):
        lines = tuple(
            f"{line.removesuffix(DEFAULT)}  （默认）" if line.endswith(DEFAULT) else said(line, "zh")
            for line in one.lines
        )
        return replace(one, file="配置" if one.file == "config" else one.file, lines=lines)
    if not isinstance(one, TableEvidence):
        return one
    head = tuple(head_word(word, place) for place, word in enumerate(one.head))
    return replace(one, title=numbered(one.title), head=head, rows=tuple(row_words(row, one.head) for row in one.rows))


def head_word(word: str, place: int) -> str:
    """One head of a table."""
    return HEADS.get(word) or (FIRST.get(word) if place == 0 else None) or numbered(word)


def numbered(word: str) -> str:
    """`row 12` as the 12th row; anything else as it is."""
    found = ROW.fullmatch(word)
    return f"第 {found[1]} 行" if found else word


def row_words(row: tuple[str, ...], head: tuple[str, ...]) -> tuple[str, ...]:
    """The cells of a row, those of the user's as they are."""
    if head == ("column", "converted"):
        return (row[0], *(fate(cell) for cell in row[1:]))
    if not row:
        return row
    names = PROBES if head[:2] == ("answer", "mean") else CELLS if head[0] in ("what", "where") else {}
    return (names.get(row[0], row[0]), *(said(cell, "zh") for cell in row[1:]))


def fate(cell: str) -> str:
    """What becomes of a column, as `shapes` says it."""
    for pattern, key in BECOMES.items():
        if found := pattern.fullmatch(cell):
            return FATES["zh"][key].format(**found.groupdict())
    return cell
