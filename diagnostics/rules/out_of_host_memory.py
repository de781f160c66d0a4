"""out-of-host-memory: the machine's own memory ran out, and most often the kernel killed the process."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.memory.after_crash import after_crash
from diagnostics.memory.in_findings import FIT, MORE, STEPS, crash_evidence, crash_facts, crash_fixes
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "out-of-host-memory"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout", "memory-leak", "near-memory-limit")

# What is behind each kind, most likely first.
CAUSES = {
    "allocation": ("data", "loading", "offload"),
    "killed": ("limit", "loading", "data", "offload"),
    "worker": ("data", "limit"),
    "signal": ("loading", "limit", "data", "offload"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    crash = after_crash(run)
    batch = ("batch",) if crash is not None and crash.crash.bill else ()
    return finding_of(
        run,
        cause,
        causes=(*batch, *CAUSES[cause.kind]),
        fixes=crash_fixes(crash, fixes(run, cause.kind)),
        facts=crash_facts(crash),
        extra=crash_evidence(crash),
    )


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    return (
        Fix("processes", "safe", edits(run, dataset_num_proc=1, dataloader_num_workers=0)),
        Fix("loading", "show"),
    )


WORDS = {
    "en": Words(
        title="The machine ran out of memory",
        summary={
            "allocation": "An allocation of main memory failed{where}. {line}",
            "killed": "The system killed a process for want of memory{where}. {line}",
            "worker": "A helper process was killed, most likely for want of memory{where}. {line}",
            "signal": (
                "A process was killed by signal 9 without a word of its own, as the kernel does when "
                "memory runs out{where}. {line}"
            ),
        },
        why=("What was trained since the last checkpoint is lost, and the same start ends the same way."),
        wrong_if="somebody, or the scheduler, sent the signal: dmesg and the scheduler's log tell",
        causes={
            "batch": "The batch: the training runs on the CPU, so that its weights and activations lie in main memory.",
            "loading": "Every process loads the whole model into main memory at once.",
            "data": ("Many processes prepare or load the data at once (dataset_num_proc, dataloader_num_workers)."),
            "offload": "Optimizer states or parameters are offloaded to the CPU.",
            "limit": "The container or the job has a lower limit than the machine.",
        },
        fixes={
            **FIT["en"],
            "processes": "Prepare and load the data with fewer processes",
            "loading": (
                "Load with low_cpu_mem_usage=True (ZeRO-3: zero.Init; FSDP: "
                "cpu_ram_efficient_loading), or ask for more memory"
            ),
        },
        about="""Reads the console for failed allocations of main memory, for the kernel's, SLURM's, Kubernetes' and Ray's words on killed
processes, and for an end by signal 9 that no exception stands before.

Signal 9 alone is said with less confidence: torchrun and DeepSpeed's launcher kill the other ranks with it too, so any
exception printed before it is taken for the cause.

Of a training on the CPU the phase, the bill and what the failed request was are told too, and the first fixes are the changes
that would have fitted. What it ran into is read from `status.json`, where the worker writes it at its start: the least limit of
its control groups (shared by all its processes), RLIMIT_DATA, RLIMIT_AS, the machine's memory. Sources: lm-sys/FastChat#568, huggingface/autotrain-advanced#456.""",
        more=MORE["en"],
        steps=STEPS["en"],
    ),
    "zh": Words(
        title="主机内存耗尽",
        summary={
            "allocation": "主机内存分配失败{where}。{line}",
            "killed": "系统因内存不足杀死了进程{where}。{line}",
            "worker": "辅助进程被杀死，很可能是内存不足{where}。{line}",
            "signal": "进程被信号 9 杀死，自身没有任何报错：内核在内存不足时正是如此{where}。{line}",
        },
        why="自上一个检查点以来的训练全部丢失，以同样方式重启结果也一样。",
        wrong_if="信号是由人或调度器发出的：dmesg 与调度器日志可以说明",
        causes={
            "batch": "批次：训练在 CPU 上进行，权重与激活值都在主机内存里。",
            "loading": "每个进程同时把整个模型载入主机内存。",
            "data": "同时有许多进程在预处理或加载数据（dataset_num_proc、dataloader_num_workers）。",
            "offload": "优化器状态或参数被卸载到 CPU。",
            "limit": "容器或作业的内存上限低于机器。",
        },
        fixes={
            **FIT["zh"],
            "processes": "用更少的进程预处理与加载数据",
            "loading": (
                "以 low_cpu_mem_usage=True 载入（ZeRO-3 用 zero.Init，FSDP 用 cpu_ram_efficient_loading），或申请"
                "更多内存"
            ),
        },
        about="""在控制台里查找主机内存分配失败、内核、SLURM、Kubernetes 与 Ray 关于杀死进程的说明，以及前面没有任何异常的信号 9。

只有信号 9 时置信度较低：torchrun 与 DeepSpeed 的启动器也用它结束其他进程，因此之前打印的任何异常都优先视为原因。

对于在 CPU 上的训练，还会给出阶段、账单和失败的请求是什么，最先的修复是本来放得下的改动。所碰到的上限取自 `status.json`，由训练进程
启动时写下：各级控制组的最小上限（由其所有进程共享）、RLIMIT_DATA、RLIMIT_AS、机器的内存。来源：lm-sys/FastChat#568、
huggingface/autotrain-advanced#456。""",
        more=MORE["zh"],
        steps=STEPS["zh"],
    ),
}
