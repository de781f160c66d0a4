"""duplicate-rows: rows that say the same as earlier ones, or that contradict each other."""

from __future__ import annotations

from collections import Counter

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.near import near_pairs
from diagnostics.preflight.telling import rows_table, spread, table
from diagnostics.preflight.texts import Texts, texts_of, words_in

NAME = "duplicate-rows"
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ("memorised", "overfitting", "dataset-too-small")

SHARE = Limit(0.03, "share of the rows", "ours: crawled sets hold 3 to 14 % near duplicates (Lee et al. 2022, table 2)")
PROMPTS = Limit(
    0.2, "share of the prompts", "ours: a prompt that comes twice gets new answers each time, and loses little"
)
LEAST = Limit(3, "rows", "ours: one slip is no fault of the set")
PART = Limit(0.6, "overlap of the runs of three words in a part", "ours: below the whole row's 0.8, a part is shorter")
CONFLICTS = Limit(0.005, "share of the rows", "ours: people who label disagree on single rows")


def preflight(material: Material) -> Finding | None:
    """Compare all training rows with each other: first for contradictions, then for repetitions."""
    texts = texts_of(material)
    return conflicting(texts) or repeated(texts, material.method in ("grpo", "rloo", "ppo"))


def conflicting(texts: Texts) -> Finding | None:
    """The same answer labelled good and bad, or the same pair both ways round."""
    if "rejected" in texts.parts:
        kind, seen = "both-ways", pairs_both_ways(texts)
    elif texts.labels is not None:
        kind, seen = "labels-disagree", labels_that_disagree(texts)
    else:
        return None
    if len(seen) < LEAST or len(seen) / len(texts) < CONFLICTS:
        return None
    shown = rows_table(texts, spread_pairs(seen), **({} if texts.labels is None else {"label": texts.labels.tolist()}))
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "where": texts.where,
            "count": len(seen),
            "of": len(texts),
            "share": len(seen) / len(texts),
        },
        evidence=(shown,),
        causes=("annotators", "joined"),
        fixes=(Fix("decide", "show"),),
    )


def spread_pairs(seen: list[tuple[int, int]]) -> list[int]:
    """Rows and what they contradict, one after the other, from all over the set."""
    return [at for place in spread(np.arange(len(seen)))[:4] for at in seen[place]]


def pairs_both_ways(texts: Texts) -> list[tuple[int, int]]:
    """Rows whose chosen answer another row of the same prompt rejects for the one that this rejects: (earlier, row)."""
    prompts = texts.normal("prompt") if "prompt" in texts.parts else [""] * len(texts)
    first: dict[tuple[str, str, str], int] = {}
    found = []
    for at, (prompt, chosen, rejected) in enumerate(
        zip(prompts, texts.normal("chosen"), texts.normal("rejected"), strict=True)
    ):
        if chosen == rejected:
            continue
        other = first.get((prompt, rejected, chosen))
        if other is not None:
            found.append((other, at))
        first.setdefault((prompt, chosen, rejected), at)
    return found


def labels_that_disagree(texts: Texts) -> list[tuple[int, int]]:
    """Rows whose answer to the same prompt is labelled otherwise in an earlier row: (earlier, row)."""
    assert texts.labels is not None
    first: dict[tuple[str, str, int], int] = {}
    found = []
    for at, (prompt, answer, label) in enumerate(
        zip(texts.normal("prompt"), texts.normal("completion"), texts.labels.tolist(), strict=True)
    ):
        other = first.get((prompt, answer, 1 - label)) if label in (0, 1) else None
        if other is not None:
            found.append((other, at))
        first.setdefault((prompt, answer, label), at)
    return found


def repeated(texts: Texts, prompts_only: bool) -> Finding | None:
    """Rows that say what an earlier row says, exactly or nearly."""
    whole = texts.whole()
    first: dict[str, int] = {}
    exact: list[tuple[int, int]] = []
    for at, text in enumerate(whole):
        earlier = first.setdefault(text, at)
        if earlier != at:
            exact.append((earlier, at))
    kept = np.fromiter(first.values(), np.int64, len(first))
    later: dict[int, tuple[int, float]] = {}
    for one, other, overlap in near_pairs([whole[at] for at in kept]):
        if part_by_part(texts, int(kept[one]), int(kept[other])):
            later.setdefault(int(kept[other]), (int(kept[one]), overlap))
    count, limit = len(exact) + len(later), PROMPTS if prompts_only else SHARE
    if count < LEAST or count / len(texts) < limit:
        return None
    kind = "prompts" if prompts_only else "exact" if not later else "near" if not exact else "exact-and-near"
    pairs = [*exact, *((one, at) for at, (one, _) in later.items())]
    shown = [at for place in spread(np.arange(len(pairs)))[:4] for at in pairs[place]]
    most = Counter(earlier for earlier, _ in exact).most_common(4)
    often = table(
        f"{texts.where}: most often",
        ("row", "times", *texts.parts),
        [(int(texts.numbers[at]), times + 1, *(texts.parts[name][at] for name in texts.parts)) for at, times in most],
    )
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.9 if len(exact) >= len(later) else 0.75,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "where": texts.where,
            "count": count,
            "exact": len(exact),
            "near": len(later),
            "of": len(texts),
            "share": count / len(texts),
            "different": len(texts) - count,
        },
        evidence=(rows_table(texts, shown), *((often,) if most else ())),
        causes=("joined", "generated") if len(exact) >= len(later) else ("generated", "joined"),
        fixes=(Fix("drop", "show"),),
    )


def part_by_part(texts: Texts, one: int, other: int) -> bool:
    """Whether two rows are near in each part: two short answers to one long prompt are no copies of each other."""
    for part in texts.parts:
        left, right = texts.normal(part)[one], texts.normal(part)[other]
        if left != right:
            runs = [set(zip(words, words[1:], words[2:], strict=False)) for words in map(words_in, (left, right))]
            both = len(runs[0] & runs[1])
            if both < PART * max(1, len(runs[0] | runs[1])):
                return False
    return True


WORDS = {
    "en": Words(
        title="Rows are repeated",
        summary={
            "exact": "{where}: {exact} of {of} rows ({share:.1%}) say the same as an earlier row; {different} are different.",
            "near": "{where}: {near} of {of} rows ({share:.1%}) are near copies of an earlier row; {different} are different.",
            "exact-and-near": "{where}: {exact} of {of} rows say the same as an earlier row and {near} more are near copies "
            "({share:.1%} together); {different} are different.",
            "prompts": "{where}: {count} of {of} prompts ({share:.1%}) are repetitions or near copies of an earlier one; "
            "{different} are different.",
            "both-ways": "{where}: {count} of {of} pairs ({share:.1%}) are there both ways round: what one row chooses, another "
            "rejects.",
            "labels-disagree": "{where}: {count} of {of} rows ({share:.1%}) label an answer otherwise than an earlier row with "
            "the same prompt and answer.",
        },
        why="What is repeated is learned by heart, and counts as often as it is there; rows that contradict each other cancel "
        "out.",
        wrong_if="the repetitions weight what matters more, on purpose",
        causes={
            "joined": "Several files with the same rows were put together, or one was written twice.",
            "generated": "Rows generated by a model or a template, which says the same again and again.",
            "annotators": "People who labelled the same row disagreed.",
        },
        fixes={
            "drop": "Keep one of the rows that say the same (compare without case, spaces and punctuation)",
            "decide": "Decide which of the contradicting rows is right, or leave both out",
        },
        about="""Compares all training rows with each other. Exactly: after compatibility forms (NFKC: full and half width),
case, spaces and punctuation are made alike. Nearly: the sets of runs of three words (in Chinese, Japanese and Thai: of three
signs) overlap by 0.8; found by MinHash with locality-sensitive hashing and checked one by one
(diagnostics/preflight/near.py). System prompts and what more than 2 % of the rows share (a template) do not count, and texts
that differ in a number are different.

A warning from 3 % of the rows on; for GRPO, RLOO and PPO, whose prompts get new answers each time, from 20 %. Contradictions
(the same pair both ways round, the same answer labelled good and bad) from 0.5 %.

Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better" (arXiv 2107.06499).""",
    ),
    "zh": Words(
        title="数据行重复",
        summary={
            "exact": "{where}：{of} 行中有 {exact} 行（{share:.1%}）与前面的行内容相同；不同的只有 {different} 行。",
            "near": "{where}：{of} 行中有 {near} 行（{share:.1%}）与前面的行几乎相同；不同的只有 {different} 行。",
            "exact-and-near": "{where}：{of} 行中有 {exact} 行与前面的行相同，另有 {near} 行几乎相同（合计 {share:.1%}）；不同的只有 "
            "{different} 行。",
            "prompts": "{where}：{of} 个提示中有 {count} 个（{share:.1%}）是重复或几乎重复的；不同的只有 {different} 个。",
            "both-ways": "{where}：{of} 个偏好对中有 {count} 个（{share:.1%}）正反都出现：一行选中的，正是另一行拒绝的。",
            "labels-disagree": "{where}：{of} 行中有 {count} 行（{share:.1%}）的提示和回答与前面某行相同，标签却相反。",
        },
        why="重复的内容会被死记，出现几次就算几次权重；互相矛盾的行会彼此抵消。",
        wrong_if="有意用重复来加大重要内容的权重",
        causes={
            "joined": "合并了含有相同行的文件，或同一文件写了两遍。",
            "generated": "由模型或模板生成的数据，翻来覆去说同样的话。",
            "annotators": "不同的人对同一行的标注不一致。",
        },
        fixes={
            "drop": "内容相同的行只保留一行（比较时忽略大小写、空白和标点）",
            "decide": "确定互相矛盾的行里哪一个正确，或者都去掉",
        },
        about="""两两比较全部训练数据。完全相同：统一兼容字符（NFKC：全角半角）、大小写、空白和标点之后相同。几乎相同：三词片段（中文、
日文、泰文为三字片段）集合的重合度达到 0.8；用 MinHash 加局部敏感哈希查找，再逐对核实（diagnostics/preflight/near.py）。系统提示
以及超过 2% 的行共有的内容（模板）不计；数字不同的文本算作不同。

占 3% 起为警告；GRPO、RLOO、PPO 的提示每次都会得到新的回答，从 20% 起。互相矛盾（同一偏好对正反都有、同一回答被标为好又标为坏）从
0.5% 起。

Lee 等 2022，“Deduplicating Training Data Makes Language Models Better”（arXiv 2107.06499）。""",
    ),
}
