"""completions-truncated-by-length: answers are cut off: those generated at the token budget, those learned at max_length."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.fixing import edits
from diagnostics.measure import ONLINE, evidence, need, shown
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import histogram, longer, need_prepared, need_sequences
from diagnostics.rules.completions_truncated import cap_of, from_the_start, truncated_share
from diagnostics.run import Run

NAME = "completions-truncated-by-length"
METHODS = ONLINE
PREFLIGHT_METHODS = ("sft", "dpo", "kto")
EXPLAINS = ("completions-truncated", "length-explosion", "not-learning")

ROWS = Limit(5, "logged rows", "ours: a batch may hold long prompts by chance")
STILL = Limit(0.15, "share of the completions", "as in completions-truncated: a policy that learns to stop is cured")
ALL = Limit(0.9, "share of the completions", "huggingface/trl#5697: 97 to 99 % cut off, reward 0, loss 0")
CUT = Limit(0.05, "share of the rows", "ours: fewer are the long tail that every data set has")
FITS = Limit(0.99, "share of the rows", "ours: the longest percent is dear, and often broken")
ENOUGH = 1024  # tokens: GSM8K answers are cut off in 50 to 80 % of cases at 256, in 14 % at 1024 (huggingface/trl#6263)


def check(run: Run) -> Finding | None:
    """Look at the share of truncated completions in the first rows and after them."""
    end_tokens = run.signal("end_tokens")
    share = truncated_share(run)
    if share is None and end_tokens is not None:
        return never_ended(run)
    if share is None:
        raise CannotJudge("no-series", tag="train/completions/clipped_ratio")
    share = need(share, share.tag, ROWS)
    middle = float(np.median(share.values))
    if not from_the_start(share) or float(np.median(share.values[-5:])) < STILL:
        return None
    step = int(share.steps[0])
    cap = cap_of(run) or longest(run)
    wider = max(2 * cap, ENOUGH) if cap else ENOUGH
    return Finding(
        rule=NAME,
        severity="error" if middle >= ALL else "warning",
        confidence=0.9,
        first_step=step,
        last_step=int(share.steps[-1]),
        facts={"kind": "share", "share": middle, "cap": cap or 0, "new": wider},
        evidence=(evidence(share, step), *shown(run, step, "length", "terminated_length", "reward")),
        causes=("cap", "never-stops"),
        fixes=(Fix("wider", "ask", edits(run, max_completion_length=wider), {"new": wider}), Fix("stop", "show")),
    )


def preflight(material: Material) -> Finding | None:
    """Count the rows that are trained on without the end of their answer, because max_length cuts it off."""
    sequences = need_sequences(material)
    prepared = need_prepared(material)
    count = len(next(iter(sequences.values())).lengths)
    cut = np.zeros(count, dtype=bool)
    for one in sequences.values():
        cut |= ~one.dropped & (one.kept_trained < one.trained)
    share = float(cut.mean())
    if share <= CUT:
        return None
    lengths = np.max([one.lengths for one in sequences.values()], axis=0)
    numbers = next(iter(sequences.values())).numbers
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={
            "kind": "planned",
            "share": share,
            "rows": int(cut.sum()),
            "cap": prepared.max_length or 0,
            "new": 0,
            "longest": int(lengths.max()),
            "histogram": histogram(lengths),
        },
        evidence=(
            TableEvidence(
                "tokens",
                ("row", "tokens", "kept"),
                tuple(
                    (str(int(numbers[at])), str(int(lengths[at])), str(prepared.max_length))
                    for at in np.flatnonzero(cut)[:8]
                ),
            ),
        ),
        causes=("limit",),
        fixes=(*longer(material, lengths, FITS), Fix("split", "show")),
    )


def never_ended(run: Run) -> Finding | None:
    """PPO: no end token in any answer of any row. A note: TRL counts them in one mini-batch only."""
    ends = need(run.signal("end_tokens"), "train/val/num_eos_tokens", ROWS)
    if ends.values.max() > 0:
        return None
    step = int(ends.steps[0])
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.7,
        first_step=step,
        last_step=int(ends.steps[-1]),
        facts={"kind": "ends", "share": 1.0, "cap": cap_of(run) or 0, "new": 0},
        evidence=(evidence(ends, step), *shown(run, step, "reward")),
        causes=("never-stops", "cap"),
        fixes=(Fix("end-penalty", "ask", edits(run, missing_eos_penalty=1.0)), Fix("stop", "show")),
    )


def longest(run: Run) -> int | None:
    """The longest completion logged, which is the cap where answers are cut off."""
    for name in ("longest", "length"):
        series = run.signal(name)
        if series is not None and len(finite := series.finite()):
            return int(finite.values.max())
    return None


WORDS = {
    "en": Words(
        title="Answers are cut off from the start",
        summary={
            "share": "{share:.0%} of the answers reach the token budget ({cap} tokens) without an end, from the first rows "
            "on.",
            "ends": "Not one end token was counted in any row: the answers never end by themselves.",
            "planned": "{rows} rows ({share:.0%}) lose the end of their answer to max_length {cap} (longest {longest} tokens).",
        },
        why="What is cut off cannot earn a reward for being right, and what is learned without its end never stops.",
        wrong_if="answers of a fixed length are wanted",
        causes={
            "limit": "max_length is smaller than the rows need (TRL's default is 1024 tokens).",
            "cap": "max_completion_length is too small for the task (TRL's default was 256 until mid-2026, 512 since).",
            "never-stops": "The model has not learned to stop: its end token is missing from the SFT targets, or is not the "
            "tokenizer's eos_token.",
        },
        fixes={
            "wider": "Give the answers {new} tokens",
            "longer": "Set max_length to {new} tokens, which 99 % of the rows fit into",
            "most": "Set max_length to {new} tokens, the most that the model takes",
            "split": "Shorten or split the long rows",
            "stop": "Ask the starting model for an answer by hand: if it never stops, mend its SFT data or its eos_token",
            "end-penalty": "Punish answers that do not end (missing_eos_penalty)",
        },
        about="""Checks whether most completions (the median of the first five rows is half and more) reach the token budget
without an end, and go on doing so. 90 % and more over the run is an error.

It stands apart from completions-truncated, where the answers grow too long in training: here the budget, or the
starting model, was wrong from the first step. For PPO an end-token count of 0 in every row is named as a note.

Before the run (SFT, DPO, KTO): over 5 % of the rows, as TRL prepares them, are trained on without the end of their
answer; rows that are left out whole are rows-dropped.
Sources: huggingface/trl#5697, #6263.""",
    ),
    "zh": Words(
        title="回答从一开始就被截断",
        summary={
            "share": "从最初几行起，{share:.0%} 的回答达到长度上限（{cap} 个词元）而没有结束。",
            "ends": "没有任何一行出现过结束词元：回答从不自行结束。",
            "planned": "{rows} 行（{share:.0%}）的回答结尾被 max_length {cap} 截掉（最长 {longest} 个词元）。",
        },
        why="被截断的回答无法因正确而得到奖励；学习没有结尾的回答，模型就不会停止。",
        wrong_if="本来就需要固定长度的回答",
        causes={
            "limit": "max_length is smaller than the rows need (TRL's default is 1024 tokens).",
            "cap": "max_completion_length 对任务来说太小（TRL 的默认值在 2026 年年中之前是 256，之后是 512）。",
            "never-stops": "模型没有学会停止：SFT 的目标里缺少结束词元，或它不是分词器的 eos_token。",
        },
        fixes={
            "wider": "给回答 {new} 个词元",
            "longer": "把 max_length 设为 {new} 个词元，可容纳 99% 的样本",
            "most": "把 max_length 设为 {new} 个词元，即模型所能接受的最大长度",
            "split": "缩短或拆分长样本",
            "stop": "手动向起始模型提问：如果它从不停止，请修正 SFT 数据或 eos_token",
            "end-penalty": "惩罚没有结束的回答（missing_eos_penalty）",
        },
        about="""检查是否从最初五行起多数（中位数达到一半）回答就达到长度上限而没有结束，并一直如此。整个训练达到 90% 为错误。

它与 completions-truncated 不同：那里是训练中回答变得太长，这里是长度上限或起始模型从第一步起就不对。对 PPO，若每一行的结束词元
计数都为 0，则作为提示。训练前（SFT、DPO、KTO）：TRL 预处理后超过 5% 的行失去回答的结尾；整行被丢弃的属于 rows-dropped。来源：huggingface/trl#5697、#6263。""",
    ),
}
