"""collective-timeout: processes waited for each other in vain."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "collective-timeout"
METHODS = None
EXPLAINS = ("run-died",)

# What is behind each kind, most likely first.
CAUSES = {
    "timeout": ("other-rank", "uneven", "slow", "network"),
    "stuck": ("other-rank", "uneven", "network"),
    "rendezvous": ("other-rank", "network"),
    "connection": ("other-rank", "network"),
    "mismatch": ("uneven",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "timeout":
        return (
            Fix("first", "show"),
            Fix("limit", "safe", edits(run, ddp_timeout=7200)),
        )
    return (Fix("first", "show"),)


WORDS = {
    "en": Words(
        title="Processes waited for each other in vain",
        summary={
            "timeout": "The processes waited for each other until the time limit{where}. {line}",
            "stuck": "The process that watches NCCL was itself stuck{where}. {line}",
            "rendezvous": "The processes did not find each other at the start{where}. {line}",
            "connection": (
                "The connection to another process broke off: that one ended first, and its own "
                "lines are not in this console{where}. {line}"
            ),
            "mismatch": "The processes called different collective operations{where}. {line}",
        },
        why=(
            "One process that does something else than the others stops them all, and the one that "
            "complains is seldom the one at fault."
        ),
        wrong_if="another rank's own log shows an exception before it: then that is the cause",
        causes={
            "other-rank": "Another rank ended or raised first; look at its log.",
            "uneven": (
                "The ranks have different amounts of work: batches of different number, a branch "
                "that only some ranks take, generation of different length."
            ),
            "slow": (
                "One rank does something slow alone (preparing data, saving, evaluating) for longer than the limit."
            ),
            "network": "The network between the machines or the GPUs (NCCL_DEBUG=INFO tells).",
        },
        fixes={
            "limit": "Allow two hours instead of half an hour, if one rank is only slow",
            "first": (
                "Read the console of the rank that failed first; run with NCCL_DEBUG=INFO and "
                "TORCH_NCCL_TRACE_BUFFER_SIZE=2000 to see who waits for whom"
            ),
        },
        about="""Reads the console for time-outs and broken connections of NCCL, Gloo and torch's rendezvous.

They are consequences more often than causes. Where the console holds an exception of any rank, an out-of-memory or a
kill, that is named and the time-out folds under it. Sources: huggingface/open-r1#620, volcengine/verl#1158.""",
    ),
    "zh": Words(
        title="进程之间等待超时",
        summary={
            "timeout": "进程互相等待直到超时{where}。{line}",
            "stuck": "NCCL 的监视线程自身被卡住{where}。{line}",
            "rendezvous": "启动时进程之间未能建立连接{where}。{line}",
            "connection": "与另一进程的连接中断：它先结束，而它的输出不在这份控制台里{where}。{line}",
            "mismatch": "各进程调用了不同的集合通信{where}。{line}",
        },
        why="只要一个进程与其他进程不一致，全部都会停住，而报错的进程往往不是出错的进程。",
        wrong_if="另一个 rank 的日志在此之前有异常：那才是原因",
        causes={
            "other-rank": "另一个 rank 先结束或抛出异常；查看它的日志。",
            "uneven": "各 rank 的工作量不同：批次数不同、只有部分 rank 走到的分支、生成长度不同。",
            "slow": "某个 rank 独自做耗时的事（预处理数据、保存、评估），超过了时限。",
            "network": "机器或 GPU 之间的网络问题（设 NCCL_DEBUG=INFO 可查看）。",
        },
        fixes={
            "limit": "如果只是某个 rank 较慢，把时限从半小时提高到两小时",
            "first": "查看最先失败的 rank 的控制台；设 NCCL_DEBUG=INFO 与 TORCH_NCCL_TRACE_BUFFER_SIZE=2000 可看到谁在等谁",
        },
        about="""在控制台里查找 NCCL、Gloo 与 torch 会合过程的超时与连接中断。

它们更多是后果而不是原因：如果控制台里有任何 rank 的异常、显存不足或被杀死的记录，就报告那个原因，超时折叠在其下。来源：
huggingface/open-r1#620、volcengine/verl#1158。""",
    ),
}
